"""Writes what the failing function was called with on one line after a traceback.

Switch it on with `import aegis_recorder; aegis_recorder.install()` as early as the service starts, or
without a change by `python -m aegis_recorder app.py ...` (`-m package.module ...` works too).

The line is `aegis-locals: {...}` with the exception's type, the innermost function of the service's
own code, and its parameters as they are when it fails, as Python literals. It follows the tracebacks
of `sys.excepthook`, of `threading.excepthook`, and of log records with `exc_info` whose formatter
formats exceptions as `logging.Formatter` does. What `traceback.print_exc` and `traceback.format_exc`
print, as `socketserver` does, is not followed by one: those are not hooked.

Left out: values of names that sound secret, values that are no literals or are longer than 200
characters, and lines beyond 4 KiB, or a second one of the same failure within a second. The values'
own code is never called, and nothing here raises. Needs Python 3.9 and the standard library.
"""
import json
import logging
import os
import re
import sys
import sysconfig
import threading
import time

MARKER = "aegis-locals: "
#: Longest text, and longest expression of one value, in characters.
MAX_TEXT, MAX_VALUE = 200, 1000
#: Deepest nesting, and most items of one collection.
MAX_DEPTH, MAX_ITEMS = 4, 50
#: Most arguments, and longest line in bytes.
MAX_ARGUMENTS, MAX_LINE = 32, 4096
#: Seconds between two lines of one failure, and most failures that are remembered.
INTERVAL, MAX_FAILURES = 1.0, 256
#: Frames that are looked through at most.
MAX_FRAMES = 10_000
#: What a secret's value is written as inside a dict, so that the rest of it can be kept.
HIDDEN = "'hidden'"

SECRET = {
    "password", "passwd", "passphrase", "passcode", "pass", "pwd", "pw", "secret", "token", "jwt",
    "key", "apikey", "auth", "authorization", "authentication", "bearer", "cookie", "credential",
    "cred", "session", "sessionid", "sid", "csrf", "xsrf", "signature", "salt", "nonce", "otp", "pin",
    "cvv", "cvc", "ssn", "iban", "card", "private", "login",
}
FUSED = re.compile(r"passw|secret|token|apikey|authoriz|cookie|credential|privatekey|accesskey")
WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")

#: Of `code.co_flags`: a function's locals, `*args`, `**kwargs`, a function inside of a function.
OPTIMIZED, VARARGS, VARKEYWORDS, NESTED = 0x1, 0x4, 0x8, 0x10

# Read without the attribute lookup of a class, which a metaclass may replace.
_name_of = type.__dict__["__name__"].__get__

_lock = threading.RLock()
_seen = {}
_installed = False
_libraries = tuple({
    os.path.normcase(os.path.realpath(sysconfig.get_paths()[name])) + os.sep
    for name in ("stdlib", "platstdlib")
})


class _Unwritable(Exception):
    """A value that is no literal, or too large."""


def is_secret(name):
    """Whether a name sounds like that of a secret."""
    words = {word.lower() for word in WORD.findall(name[:MAX_TEXT])}
    words |= {word[:-1] for word in words if word.endswith("s")}
    return bool(words & SECRET or FUSED.search(name[:MAX_TEXT].lower().replace("_", "")))


def literal(value):
    """The expression of a value, or None; only values of exactly the built-in types have one."""
    try:
        text = _literal(value, 0)
    except (_Unwritable, RuntimeError):  # Another thread may change a collection.
        return None
    return text if len(text) <= MAX_VALUE else None


def _literal(value, depth):
    kind = type(value)
    if value is None or kind is bool:
        return repr(value)
    if kind is int:
        if value.bit_length() > 512:
            raise _Unwritable
        return repr(value)
    if kind is float:
        if value != value or value in (float("inf"), float("-inf")):
            raise _Unwritable
        return repr(value)
    if kind is str or kind is bytes:
        # A cut secret would no longer look like one, so a long text is left out, not cut.
        if len(value) > MAX_TEXT:
            raise _Unwritable
        return repr(value)
    # By identity: `==` and `in` would ask the class of the class.
    collection = kind is list or kind is tuple or kind is dict or kind is set
    if not collection or depth >= MAX_DEPTH or len(value) > MAX_ITEMS:
        raise _Unwritable
    if kind is dict:
        pairs = ["%s: %s" % _pair(k, v, depth) for k, v in value.items()]
        return "{%s}" % ", ".join(pairs)
    inner = ", ".join([_literal(item, depth + 1) for item in value])
    if kind is list:
        return "[%s]" % inner
    if kind is tuple:
        return "(%s,)" % inner if len(value) == 1 else "(%s)" % inner
    return "{%s}" % inner if value else "set()"


def _pair(key, value, depth):
    hidden = (type(key) is str and is_secret(key)) or (type(key) is bytes and is_secret(
        key[:MAX_TEXT].decode("latin-1")))
    return _literal(key, depth + 1), HIDDEN if hidden else _literal(value, depth + 1)


def _in_app(filename):
    """As Aegis tells a service's own code from libraries."""
    if not filename or filename.startswith("<") or filename == __file__:
        return False
    path = os.path.normcase(os.path.abspath(filename))
    parts = path.lower().replace("\\", "/").split("/")
    libraries = {"site-packages", "dist-packages", "venv", ".venv"}
    return not libraries.intersection(parts) and not path.startswith(_libraries)


def _failing(trace):
    """The innermost frame of the service's own code that is a plain function, and its line."""
    found = None
    for _ in range(MAX_FRAMES):
        if trace is None:
            break
        code = trace.tb_frame.f_code
        # A comprehension, a lambda or a closure can't be called by its name.
        plain = code.co_flags & OPTIMIZED and not code.co_flags & NESTED
        if plain and not code.co_name.startswith("<") and _in_app(code.co_filename):
            found = (trace.tb_frame, trace.tb_lineno)
        trace = trace.tb_next
    return found


def _parameters(code):
    """Stars and name of each parameter, in the order of a call."""
    names, count = code.co_varnames, code.co_argcount
    last = count + code.co_kwonlyargcount
    plain, keyword = names[:count], names[count:last]
    star = [("*", names[last])] if code.co_flags & VARARGS else []
    last += len(star)
    double = [("**", names[last])] if code.co_flags & VARKEYWORDS else []
    return [("", n) for n in plain] + star + [("", n) for n in keyword] + double


def _arguments(frame):
    values = frame.f_locals
    arguments = []
    for stars, name in _parameters(frame.f_code)[:MAX_ARGUMENTS]:
        if name not in values:
            arguments.append({"name": stars + name, "value": None, "type": ""})
            continue
        value = values[name]
        kind = _name_of(type(value))[:MAX_TEXT]
        if name == "cls" and kind == "type":
            kind = _name_of(value)[:MAX_TEXT]
        text = None if name in ("self", "cls") or is_secret(name) else literal(value)
        arguments.append({"name": stars + name, "value": text, "type": kind})
    return arguments


def _may_write(failure):
    """At most one line a second for each failure."""
    with _lock:
        now = time.monotonic()
        last = _seen.get(failure)
        if last is not None and now - last < INTERVAL:
            return False
        if last is None and len(_seen) >= MAX_FAILURES:
            for old in [f for f, at in _seen.items() if now - at >= INTERVAL]:
                del _seen[old]
            if len(_seen) >= MAX_FAILURES:
                return False
        _seen[failure] = now
        return True


def line_of(kind, trace):
    """The line for an exception's type and traceback, or None where there is nothing to write."""
    try:
        found = _failing(trace)
        if found is None:
            return None
        frame, line = found
        code = frame.f_code
        name = _name_of(kind)[:MAX_TEXT]
        if not _may_write((name, code.co_filename, code.co_name)):
            return None
        call = {"v": 1, "type": name, "file": code.co_filename, "line": line,
                "function": code.co_name, "arguments": _arguments(frame)}
        text = MARKER + json.dumps(call, separators=(",", ":"))
        while len(text) > MAX_LINE:
            longest = max(call["arguments"], key=lambda a: len(a["value"] or ""), default=None)
            if longest is None or longest["value"] is None:
                return None
            longest["value"] = None
            text = MARKER + json.dumps(call, separators=(",", ":"))
        return text
    except Exception:
        return None


def _print(kind, trace):
    try:
        if kind is not SystemExit and sys.stderr is not None:
            text = line_of(kind, trace)
            if text is not None:
                sys.stderr.write(text + "\n")
                sys.stderr.flush()
    except Exception:
        pass


def _service_s(trace):
    """The traceback without the frames that started the service through this module."""
    at, started = trace, False
    while at is not None:
        file = at.tb_frame.f_code.co_filename
        started |= file == __file__
        if file != __file__ and "runpy" not in file:
            break
        at = at.tb_next
    return at if started and at is not None else trace


def install():
    """Starts to record; a second time does nothing. What was hooked before is called as before."""
    global _installed
    with _lock:
        if _installed:
            return
        _installed = True
    process, thread, format_exception = (
        sys.excepthook, threading.excepthook, logging.Formatter.formatException)

    def of_process(kind, error, trace):
        trace = _service_s(trace)
        try:
            BaseException.with_traceback(error, trace)
        except Exception:
            pass
        process(kind, error, trace)
        _print(kind, trace)

    def of_thread(failure):
        # What the hook is given may not be kept, and may be changed by whoever is called.
        kind, trace = failure.exc_type, failure.exc_traceback
        thread(failure)
        _print(kind, trace)

    def of_record(self, ei):
        text = format_exception(self, ei)
        try:
            line = line_of(ei[0], ei[2])
            return text if line is None else "%s\n%s" % (text, line)
        except Exception:
            return text

    sys.excepthook, threading.excepthook = of_process, of_thread
    logging.Formatter.formatException = of_record


def _start_file(path):
    import builtins
    import io
    import types
    with io.open_code(path) as file:
        code = compile(file.read(), path, "exec")
    module = types.ModuleType("__main__")
    module.__file__, module.__builtins__ = path, builtins
    sys.modules["__main__"] = module
    sys.path[0] = os.path.dirname(os.path.abspath(path))
    exec(code, module.__dict__)


def main(arguments):
    """Starts a file, or a module by `-m`, as the interpreter would, with the recorder on."""
    if not arguments or arguments == ["-m"]:
        sys.exit("usage: python -m aegis_recorder (-m module | file.py) ...")
    # The service's own import of this module is this one.
    sys.modules["aegis_recorder"] = sys.modules["__main__"]
    install()
    if arguments[0] == "-m":
        import runpy
        sys.argv[:] = arguments[1:]
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv[:] = arguments
        _start_file(arguments[0])


if __name__ == "__main__":
    main(sys.argv[1:])
