"""Notes which lines of a few files run, and what one function returns, as the program goes.

Each is written once and at once, so that a process that is killed leaves what it saw.
"""
import dis
import inspect
import os
import sys
import threading

import annotation

#: A coroutine that waits, or a generator that yields, returns nothing yet.
SUSPENDS = {dis.opmap[name] for name in ("YIELD_VALUE", "YIELD_FROM") if name in dis.opmap}
#: Code that can be suspended: generators, coroutines, asynchronous generators.
SUSPENDABLE = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR


def suspended(frame):
    code = frame.f_code
    return code.co_flags & SUSPENDABLE and code.co_code[frame.f_lasti] in SUSPENDS


class Watch:
    def __init__(self, files, function, report):
        # A script may be known by the relative path that it was started with.
        self.names = {name: name for name in files}
        self.names.update(("/workspace/" + name, name) for name in files)
        self.function = function
        self.seen = set()
        self.annotations = {}
        self.report = os.open(report, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def note(self, *fields):
        if fields not in self.seen:
            self.seen.add(fields)
            os.write(self.report, ("\t".join(map(str, fields)) + "\n").encode())

    def returned(self, code, value):
        if code not in self.annotations:
            with open(code.co_filename, encoding="utf-8") as file:
                source = file.read()
            line = code.co_firstlineno
            self.annotations[code] = annotation.returns(source, code.co_name, line)
        self.note("return", annotation.conforms(self.annotations[code], value))

    def call(self, frame, event, argument):
        name = self.names.get(frame.f_code.co_filename)
        if name is None:
            return None
        raised = [False]

        def local(frame, event, argument):
            if event == "line":
                raised[0] = False
                self.note("line", name, frame.f_lineno)
            elif event == "exception":
                raised[0] = True
            elif event == "return" and not raised[0] and not suspended(frame):
                if frame.f_code.co_name == self.function:
                    self.returned(frame.f_code, argument)
            return local

        self.note("line", name, frame.f_lineno)
        return local

    def start(self):
        threading.settrace(self.call)
        sys.settrace(self.call)

    def stop(self):
        threading.settrace(None)
        sys.settrace(None)
