"""Whether a value is what a simple annotation promises: `ok`, `none`, `mismatch` or `unknown`."""
import ast

SIMPLE = {"int": int, "str": str, "list": list, "dict": dict, "bool": bool, "tuple": tuple,
          "set": set, "bytes": bytes, "List": list, "Dict": dict, "Tuple": tuple, "Set": set}


def accepts(node, value):
    """True, False, or None where the annotation is not a simple one."""
    if isinstance(node, ast.Constant):
        if node.value is None:
            return value is None
        return accepts(ast.parse(node.value, mode="eval").body, value)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return either([accepts(node.left, value), accepts(node.right, value)])
    if isinstance(node, ast.Attribute):
        node = ast.Name(node.attr)
    if isinstance(node, ast.Name):
        if node.id == "float":
            return isinstance(value, (int, float)) and not isinstance(value, bool)
        if node.id == "int":
            return isinstance(value, int) and not isinstance(value, bool)
        if node.id in SIMPLE:
            return isinstance(value, SIMPLE[node.id])
        return None
    if isinstance(node, ast.Subscript):
        name = getattr(node.value, "id", getattr(node.value, "attr", ""))
        if name == "Optional":
            return either([value is None, accepts(node.slice, value)])
        if name == "Union" and isinstance(node.slice, ast.Tuple):
            return either([accepts(e, value) for e in node.slice.elts])
        if name in SIMPLE:
            return isinstance(value, SIMPLE[name])
    return None


def either(answers):
    if True in answers:
        return True
    return None if None in answers else False


def conforms(annotation, value):
    if annotation is None:
        return "unknown"
    try:
        answer = accepts(annotation, value)
    except (SyntaxError, TypeError, ValueError):
        return "unknown"
    if answer is None:
        # None is no instance of a class that the annotation names.
        named = isinstance(annotation, (ast.Name, ast.Attribute))
        loose = getattr(annotation, "id", getattr(annotation, "attr", "")) in ("Any", "object")
        return "none" if value is None and named and not loose else "unknown"
    if answer:
        return "ok"
    return "none" if value is None else "mismatch"


def returns(source, function, line):
    """The return annotation of the function of this name around this line, as a node."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name == function:
            first = min([node.lineno] + [d.lineno for d in node.decorator_list])
            if first <= line <= node.end_lineno:
                generator = any(isinstance(n, (ast.Yield, ast.YieldFrom)) for n in ast.walk(node))
                return None if generator else node.returns
    return None
