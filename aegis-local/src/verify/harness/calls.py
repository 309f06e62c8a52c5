"""Functions of the service: found, imported, called with small inputs, and what they raise."""
import ast
import asyncio
import importlib
import importlib.util
import inspect
import json
import linecache
import os
import re
import signal
import sys
import time
import types

import inputs
import shapes

ROOT = os.getcwd()


class TooSlow(BaseException):
    """A call that takes longer than its share."""


def slow(*_):
    raise TooSlow()


def load(path, seconds):
    """Imports a file; one that serves or waits when it is imported is given up."""
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.01))
    try:
        return imported(path)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def imported(path):
    """Imports the file as the service would: by its package's name from the package's parent."""
    parts = path[: -len(".py")].split("/")
    start = len(parts) - 1
    while start > 0 and os.path.exists(os.path.join(ROOT, *parts[:start], "__init__.py")):
        start -= 1
    # A folder without __init__.py is a namespace package, unless it is a source folder.
    if start == len(parts) - 1 and start > 0 and parts[0] not in ("src", "lib"):
        try:
            return importlib.import_module(".".join(parts))
        except ModuleNotFoundError:
            pass
    sys.path.insert(0, os.path.join(ROOT, *parts[:start]))
    name = ".".join(parts[start:])
    return importlib.import_module(name.removesuffix(".__init__"))


def definitions(tree):
    """Every function with its names from the outside in."""
    def walk(node, names, classes):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
                yield child, names + [child.name], classes
                yield from walk(child, names + [child.name], classes)
            elif isinstance(child, ast.ClassDef):
                yield from walk(child, names + [child.name], classes + [child.name])
            else:
                yield from walk(child, names, classes)
    yield from walk(tree, [], [])


def enclosing(tree, function, line):
    """The outermost function around the line, or of that name, and the way to it."""
    around, named = [], []
    for node, names, classes in definitions(tree):
        if len(names) != len(classes) + 1:
            continue
        inner = {n.name for n in ast.walk(node)
                 if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))}
        if line and node.lineno <= line <= node.end_lineno:
            around.append((node, names))
        if function in inner:
            named.append((node, names))
    both = [entry for entry in around if entry in named]
    found = both or named or around
    return found[0] if found else (None, None)


def in_app(filename):
    path = os.path.join(ROOT, filename)
    return (path.startswith(ROOT + "/") and "site-packages" not in path
            and not filename.startswith("<"))


def last_frame(error):
    """The innermost frame of the service's own code."""
    found, trace = None, error.__traceback__
    while trace is not None:
        if in_app(trace.tb_frame.f_code.co_filename):
            found = (trace.tb_frame.f_code, trace.tb_lineno)
        trace = trace.tb_next
    return found


def masked(text):
    return re.sub(r"\d+", "0", text)


def hint(message):
    """The message without what only a printed traceback adds to it."""
    return re.sub(r"\. Did you mean:? [^\n]*\?$", "", message)


def same(error, wanted):
    """The same exception at the same place: type, file, function, and the line's text if known."""
    kind = type(error)
    named = wanted["kind"].rsplit(".", 1)[-1]
    frame = last_frame(error)
    if not named or kind.__name__ != named or frame is None:
        return False
    code, line = frame
    path = os.path.relpath(os.path.join(ROOT, code.co_filename), ROOT)
    if path != wanted["path"] or code.co_name != wanted["function"]:
        return False
    if wanted["source"]:
        if linecache.getline(code.co_filename, line).strip() != wanted["source"].strip():
            return False
    elif wanted["line"] and line != wanted["line"]:
        return False
    # What a wrong type complains about depends on the type: another one is another failure.
    if named in ("TypeError", "AttributeError") and wanted["message"]:
        return masked(str(error)) == masked(hint(wanted["message"]))
    return True


def finish(result):
    """What a caller would get: a coroutine's result, the items of a generator."""
    if inspect.iscoroutine(result):
        return asyncio.run(result)
    if isinstance(result, types.GeneratorType):
        return [item for item, _ in zip(result, range(100))]
    return result


def attempt(expression, space):
    """Runs one expression; the value, or what it raised."""
    signal.setitimer(signal.ITIMER_REAL, 0.25)
    try:
        return finish(eval(expression, space)), None
    except BaseException as error:
        return None, error
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def namespace(module, names):
    space = dict(vars(module))
    for alias, (home, path) in names.items():
        thing = importlib.import_module(home)
        for part in path.split("."):
            thing = getattr(thing, part)
        space[alias] = thing
    return space


def tests_of(function, known):
    """Arguments that the tests call a function of this name with, by position and by name."""
    calls = []
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [f for f in folders if not f.startswith(".") and f != "node_modules"]
        for name in sorted(files):
            if not re.fullmatch(r"test_.*\.py|.*_test\.py|conftest\.py", name) or len(calls) > 40:
                continue
            try:
                with open(os.path.join(folder, name), encoding="utf-8") as file:
                    tree = ast.parse(file.read(200_000))
            except (OSError, SyntaxError, ValueError):
                continue
            for node in ast.walk(tree):
                if isinstance(node, ast.Call):
                    called = getattr(node.func, "id", getattr(node.func, "attr", ""))
                    if called == function:
                        calls.append(node)
    def usable(node):
        return all(n.id in known for n in ast.walk(node) if isinstance(n, ast.Name))
    return [
        ([ast.unparse(a) if usable(a) else None for a in call.args],
         {k.arg: ast.unparse(k.value) for k in call.keywords if k.arg and usable(k.value)})
        for call in calls
    ]


def seeds_for(node, names, module):
    known = set(vars(module)) | set(dir(__builtins__))
    order = [a.arg for a in node.args.posonlyargs + node.args.args if a.arg not in ("self", "cls")]
    seeds = {}
    for positional, named in tests_of(names[-1], known):
        for name, text in list(zip(order, positional)) + list(named.items()):
            if text is not None and len(text) < 200:
                seeds.setdefault(name, []).append(text)
    return {name: list(dict.fromkeys(texts))[:4] for name, texts in seeds.items()}


def said(message):
    """Texts and numbers that the exception's message quotes."""
    texts = [repr(t) for t in re.findall(r"'([^'\n]{0,40})'", message)]
    texts += [repr(t) for t in re.findall(r'"([^"\n]{0,40})"', message)]
    if re.fullmatch(r"[\w.-]{1,40}", message) and not message.isdigit():
        texts.append(repr(message))
    return texts, re.findall(r"(?<![\w'\"])-?\d+(?:\.\d+)?", message)


def calls_of(node, names, module, tree, wanted):
    """Expressions that call the function with small inputs, the likely ones first.

    Each comes with whether its inputs are such as the function is meant for, as far as annotations,
    tests and its own body tell.
    """
    make = inputs.Inputs(module, tree, wanted, said(wanted["message"]))
    owner = module
    for name in names[:-1]:
        owner = getattr(owner, name)
    raw = inspect.getattr_static(owner, names[-1])
    function = inspect.unwrap(getattr(raw, "__func__", getattr(raw, "fget", None) or raw))
    if isinstance(raw, types.FunctionType) and not callable(getattr(owner, names[-1])):
        return make, iter(())
    parameters = list(inspect.signature(function).parameters.values())
    receivers = [".".join(names[:-1] + [""]) if names[:-1] else ""]
    method = len(names) > 1 and not isinstance(raw, staticmethod)
    uses = shapes.read(node)
    if method:
        parameters = parameters[1:]
    if method and not isinstance(raw, classmethod):
        first = (node.args.posonlyargs + node.args.args)[0].arg
        receivers = [r + "." for r in make.instances(owner, uses.get(first), 0, 40)]
    seeds = seeds_for(node, names, module)
    options = make.options(parameters, inputs.type_hints(function), uses, 0, seeds)
    pools = [[(None, r) for r in receivers]] + options
    def text(chosen):
        if isinstance(raw, property):
            return chosen[0][1] + names[-1]
        return "%s%s(%s)" % (chosen[0][1], names[-1], inputs.arguments_text(chosen[1:]))
    chosen = inputs.combinations(pools, 500)
    return make, ((text(c), not make.doubtful.intersection(c[1:])) for c in chosen)


def raised(error, wanted):
    """What a call raised, and where: whether it is the failure, on purpose, in the service's code."""
    frame = last_frame(error)
    line = linecache.getline(frame[0].co_filename, frame[1]).strip() if frame else ""
    path = os.path.join(ROOT, frame[0].co_filename) if frame else ""
    return {"kind": type(error).__name__, "message": str(error)[:500], "same": same(error, wanted),
            "explicit": line.startswith("raise "), "inside": os.path.exists(path)}


def serve(name, answer):
    """Answers the case that was given, in the report of this name, and ends.

    What takes too long is given up, and no name of ours is in the service's way.
    """
    with open("/aegis/case.json", encoding="utf-8") as file:
        case = json.load(file)
    signal.signal(signal.SIGALRM, slow)
    sys.path[0] = ROOT
    for ours in ("annotation", "calls", "canon", "conduct", "inputs", "lines", "shapes"):
        sys.modules.pop(ours, None)
    report = answer(case)
    with open("/out/" + name, "w", encoding="utf-8") as file:
        json.dump(report, file)
    # Threads that the calls left behind must not hold it up.
    os._exit(0)
