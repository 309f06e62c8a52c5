"""What a function's body shows of its parameters: keys, attributes, elements, methods."""
import ast


class Shape:
    """How one value is used."""

    def __init__(self):
        self.keys = {}
        self.attrs = {}
        self.elem = None
        self.methods = set()

    def key(self, name):
        return self.keys.setdefault(name, Shape())

    def attr(self, name):
        return self.attrs.setdefault(name, Shape())

    def take(self, other):
        self.keys.update(other.keys)
        self.attrs.update(other.attrs)
        self.elem = self.elem or other.elem
        self.methods |= other.methods

    def element(self):
        if self.elem is None:
            self.elem = Shape()
        return self.elem


BUILTIN = set(dir(str)) | set(dir(list)) | set(dir(dict)) | set(dir(set))


class Reader(ast.NodeVisitor):
    def __init__(self, parameters):
        self.names = {name: Shape() for name in parameters}
        self.inner = {}

    def shape(self, node):
        if isinstance(node, ast.Name):
            return self.names.get(node.id)
        if isinstance(node, ast.Subscript):
            base = self.shape(node.value)
            if base is None:
                return None
            if isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str):
                return base.key(node.slice.value)
            return base.element()
        if isinstance(node, ast.Attribute):
            base = self.shape(node.value)
            return None if base is None else base.attr(node.attr)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            base = self.shape(node.func.value)
            name = node.func.attr
            if base is None:
                return None
            if name == "get" and node.args and isinstance(node.args[0], ast.Constant):
                return base.key(node.args[0].value)
            if name in BUILTIN:
                base.methods.add(name)
                return base.element() if name in ("values", "pop") else None
            return base.attr(name)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args:
            if node.func.id in ("sorted", "list", "reversed", "enumerate", "iter", "tuple"):
                return self.shape(node.args[0])
            if node.func.id in ("sum", "max", "min", "len", "any", "all"):
                base = self.shape(node.args[0])
                return None if base is None else base.element()
        if isinstance(node, ast.BoolOp):
            return self.shape(node.values[0])
        return None

    def bind(self, target, shape):
        if shape is not None and isinstance(target, ast.Name):
            self.names.setdefault(target.id, shape)
        elif shape is not None and isinstance(target, ast.Tuple) and target.elts:
            self.bind(target.elts[-1], shape)

    def iterate(self, target, iterable):
        shape = self.shape(iterable)
        self.bind(target, None if shape is None else shape.element())

    def visit_For(self, node):
        self.iterate(node.target, node.iter)
        self.generic_visit(node)

    def visit_comprehension_of(self, node):
        for generator in node.generators:
            self.iterate(generator.target, generator.iter)
        self.generic_visit(node)

    visit_ListComp = visit_SetComp = visit_DictComp = visit_comprehension_of
    visit_GeneratorExp = visit_comprehension_of

    def visit_Assign(self, node):
        shape = self.shape(node.value)
        for target in node.targets:
            self.bind(target, shape)
        self.generic_visit(node)

    def visit_FunctionDef(self, node):
        parameters = [a.arg for a in node.args.args]
        for name in parameters:
            self.names.setdefault(name, Shape())
        self.generic_visit(node)
        self.inner[node.name] = [self.names[name] for name in parameters]

    def visit_Call(self, node):
        # What an inner function uses of its parameter is used of what it is called with.
        for parameter, argument in zip(self.inner.get(getattr(node.func, "id", ""), []), node.args):
            shape = self.shape(argument)
            if shape is not None:
                shape.take(parameter)
        if self.shape(node) is None:
            self.generic_visit(node)
            return
        for argument in node.args:
            self.visit(argument)

    def visit_Subscript(self, node):
        self.shape(node)
        self.generic_visit(node)

    def visit_Attribute(self, node):
        self.shape(node)
        self.generic_visit(node)


def read(function):
    """The shape of each parameter of a function's definition."""
    arguments = function.args
    names = [a.arg for a in arguments.posonlyargs + arguments.args + arguments.kwonlyargs]
    reader = Reader(names)
    for statement in function.body:
        reader.visit(statement)
    return {name: reader.names[name] for name in names}
