"""Small inputs for a function, as source text: from types, names, uses, tests and the error."""
import ast
import collections.abc
import dataclasses
import enum
import inspect
import re
import types
import typing

import shapes

MOST = 24
FILLERS = ["1", '"a"', "0", "None", '""', "[]", "{}"]
ANYTHING = ["None", "0", "1", '""', '"a"', "[]", "{}", "-1", "0.5", "[0]", "[1, 2]", "True"]
PLURAL = re.compile(r"(s|list|values|rows|data|seq|array)$")
TEXTUAL = re.compile(r"(name|key|text|sku|code|slug|path|line|word|string|title|email|url|date)")
NUMERIC = re.compile(r"(^n$|count|number|num|size|total|amount|price|qty|quantity|index|page|age)")
IDENTITY = re.compile(r"(^|_)id$")
MAPPING = re.compile(r"(config|settings|options|payload|order|user|item|record|row|params|event)$")
EMPTY = ["[]", "{}", "0", "0.0", '""', "()", "set()"]


STARS = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}


def literals(arguments):
    """By name, the recorded expressions that are literals: they came from a log, and may be forged."""
    known = {}
    for argument in arguments:
        text = argument["value"]
        try:
            if text and argument["name"] and "[redacted:" not in text:
                known[argument["name"]] = repr(ast.literal_eval(text))
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            continue
    return known


def unique(values):
    return list(dict.fromkeys(values))


class Inputs:
    """Makes expressions; `names` are what they need beside the module's own names.

    What `wanted` has as `recorded` is the one expression that is made for that parameter.
    """

    def __init__(self, module, tree, wanted, literals):
        self.module = module
        self.names = {}
        #: Arguments, with their parameter's name, that are tried for want of anything better.
        self.doubtful = set()
        self.wanted = wanted
        self.texts, self.numbers = literals
        for value in list(vars(module).values()):
            if isinstance(value, dict) and not isinstance(value, types.ModuleType):
                for key in list(value)[:3]:
                    self.literal(key)
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant):
                self.literal(node.value)
        self.texts = unique(self.texts)[:16]
        self.numbers = unique(self.numbers)[:12]

    def literal(self, value):
        if isinstance(value, str) and len(value) <= 40 and "\n" not in value:
            self.texts.append(repr(value))
        elif type(value) in (int, float):
            self.numbers.append(repr(value))

    def name(self, thing):
        known = vars(self.module).get(getattr(thing, "__name__", ""))
        if known is thing:
            return thing.__name__
        alias = "_%s" % thing.__qualname__.replace(".", "_")
        self.names[alias] = [thing.__module__, thing.__qualname__]
        return alias

    def ranked(self, pool):
        """What is likely to raise the wanted exception comes first."""
        kind, message = self.wanted["kind"].rsplit(".", 1)[-1], self.wanted["message"]
        first = []
        if kind in ("ZeroDivisionError", "IndexError", "StopIteration", "ValueError"):
            first = EMPTY + ['""']
        elif "NoneType" in message:
            first = ["None"]
        pool = unique(pool)
        return [e for e in pool if e in first] + [e for e in pool if e not in first]

    def pool(self, hint, name, shape, depth=0):
        if hint in (inspect.Parameter.empty, typing.Any, object, None) or hint is ...:
            return self.ranked(self.untyped(name, shape, depth))[:MOST]
        return self.ranked(self.typed(hint, name, shape, depth))[:MOST]

    def typed(self, hint, name, shape, depth):
        origin, arguments = typing.get_origin(hint), typing.get_args(hint)
        if hint is type(None):
            return ["None"]
        if hint is bool:
            return ["False", "True"]
        if hint is int:
            numbers = [n for n in self.numbers if "." not in n and "e" not in n]
            return numbers[:3] + ["0", "1", "-1", "2", "10"] + numbers[3:] + ["999999"]
        if hint is float:
            return ["0.0", "1.0", "-1.0", "0.5", 'float("nan")', 'float("inf")'] + self.numbers
        if hint is str:
            return self.texts[:4] + ['""', '"a"', '"1"', '" "'] + self.texts[4:]
        if hint is bytes:
            return ['b""', 'b"a"']
        if origin in (typing.Union, getattr(types, "UnionType", typing.Union)):
            pools = [self.typed(a, name, shape, depth) for a in arguments]
            return [e for group in zip(*(p + [p[-1]] * 8 for p in pools)) for e in group]
        if origin is typing.Literal:
            return [repr(a) for a in arguments]
        if depth > 3:
            return ["None"]
        base = origin or hint
        if base in (list, set, frozenset, collections.abc.Iterable, collections.abc.Sequence,
                    collections.abc.Collection, collections.abc.Iterator):
            inner = arguments[0] if arguments else typing.Any
            return self.sequences(self.pool(inner, "", shape.elem if shape else None, depth + 1),
                                  {set: "set(%s)", frozenset: "frozenset(%s)"}.get(base, "%s"))
        if base is tuple:
            if len(arguments) == 2 and arguments[1] is ...:
                return self.sequences(self.pool(arguments[0], "", None, depth + 1), "tuple(%s)")
            parts = [self.pool(a, "", None, depth + 1) for a in arguments]
            return ["(%s,)" % ", ".join(c) for c in combinations(parts, 8)] or ["()"]
        if base in (dict, collections.abc.Mapping, collections.abc.MutableMapping):
            if shape is not None and shape.keys:
                return self.shaped(shape, depth)
            key = self.pool(arguments[0] if arguments else str, "", None, depth + 1)
            value = self.pool(arguments[1] if arguments else typing.Any, "",
                              shape.elem if shape else None, depth + 1)
            return ["{}"] + ["{%s: %s}" % (k, v) for k, v in combinations([key, value], 20)]
        if base is collections.abc.Callable:
            return ["(lambda *a, **k: None)", "(lambda *a, **k: 0)"]
        if hasattr(base, "__total__") and issubclass(base, dict):
            parts = {k: self.pool(v, k, None, depth + 1) for k, v in hint.__annotations__.items()}
            full = {k: p[0] for k, p in parts.items()}
            varied = [dict(full, **{k: e}) for k, p in parts.items() for e in p[1:4]]
            return [dictionary(d) for d in [full] + varied]
        if inspect.isclass(base):
            return self.instances(base, shape, depth)
        return self.untyped(name, shape, depth)

    def instances(self, cls, shape=None, depth=0, most=12):
        if issubclass(cls, enum.Enum):
            return ["%s.%s" % (self.name(cls), member.name) for member in list(cls)[:6]]
        if cls.__module__ in ("datetime", "decimal", "pathlib", "uuid", "fractions"):
            texts = {"datetime": "datetime(2024, 1, 1)", "date": "date(2024, 1, 1)",
                     "timedelta": "timedelta(0)", "Decimal": "Decimal(0)",
                     "Path": "Path('missing')"}
            text = texts.get(cls.__name__)
            if text:
                return [self.name(cls) + text[text.index("("):]]
        if inspect.isabstract(cls) or getattr(cls, "_is_protocol", False):
            return self.shaped(shape, depth) if shape is not None else ["None"]
        try:
            parameters = list(inspect.signature(cls).parameters.values())
            hints = type_hints(cls.__init__ if not dataclasses.is_dataclass(cls) else cls)
        except (TypeError, ValueError):
            return ["%s()" % self.name(cls)]
        uses = {} if shape is None else shape.attrs
        texts = [arguments_text(c) for c in
                 combinations(self.options(parameters, hints, uses, depth + 1), most)]
        return ["%s(%s)" % (self.name(cls), text) for text in texts]

    def options(self, parameters, hints, uses, depth=0, seeds=None):
        """For each parameter the pairs of its name (None: by position) and an expression."""
        options = []
        recorded = {} if depth else self.wanted.get("recorded", {})
        # Before a spread tuple, arguments go by position.
        by_position = [inspect.Parameter.POSITIONAL_ONLY]
        if any(n.count("*") == 1 and text != "()" for n, text in recorded.items()):
            by_position.append(inspect.Parameter.POSITIONAL_OR_KEYWORD)
        for parameter in parameters:
            stars = STARS.get(parameter.kind, "")
            told = recorded.get(stars + parameter.name)
            key = None if stars or parameter.kind in by_position else parameter.name
            if told or stars:
                options += [[(key, stars + told)]] if told else []
                continue
            hint = hints.get(parameter.name, inspect.Parameter.empty)
            pool = self.pool(hint, parameter.name, uses.get(parameter.name), depth)
            known = (seeds or {}).get(parameter.name, [])
            pool = unique(known + pool)
            self.doubtful.difference_update((key, e) for e in known)
            pairs = [(key, e) for e in pool]
            if parameter.default is not parameter.empty and key is not None:
                pairs.insert(0, (key, None))
            options.append(pairs)
        return options

    def untyped(self, name, shape, depth):
        pool = []
        if shape is not None and depth <= 3:
            pool = self.shaped(shape, depth)
        if IDENTITY.search(name):
            pool += self.numbers[:4] + self.texts[:4] + ["0", "1", "999999", '"unknown"']
        elif MAPPING.search(name):
            pool += ["{}", "None"]
        elif TEXTUAL.search(name):
            pool += self.texts[:6] + ['""', '"a"', "None", '"unknown"']
        elif NUMERIC.search(name):
            pool += self.numbers[:6] + ["0", "1", "-1"]
        elif PLURAL.search(name):
            pool += ["[]", "[0]", "[1, 2]", "None", "{}", '[""]', "[None]"]
        anything = ANYTHING + self.texts[:3] + self.numbers[:3]
        if depth == 0:
            self.doubtful.update((name, e) for e in anything if e not in pool)
        return pool + anything

    def shaped(self, shape, depth=0):
        """Values that have what the body uses, then values that lack some of it."""
        if shape is None or depth > 3:
            return list(FILLERS)
        pool = []
        if shape.keys:
            parts = {k: self.shaped(s, depth + 1) for k, s in shape.keys.items()}
            pool += [dictionary(d) for d in varied(parts)] + ["{}"]
        if shape.attrs:
            parts = {k: self.shaped(s, depth + 1) for k, s in shape.attrs.items()}
            for cls in self.classes_with(shape.attrs):
                pool += self.instances(cls, shape, depth + 1, 6)
            pool += [call(self.name(types.SimpleNamespace), d) for d in varied(parts)[:8]]
            pool += ["None"]
        if shape.elem is not None and not shape.keys:
            pool += self.sequences(self.shaped(shape.elem, depth + 1)[:8], "%s")
        if shape.methods & (set(dir(str)) - set(dir(list)) - set(dir(dict))):
            pool += ['""', '"a"', '"a b"', '"1"'] + self.texts[:4]
        if shape.methods & {"items", "values", "keys"}:
            pool += ["{}", '{"a": 1}', '{"a": 0}']
        if shape.methods & {"append", "extend", "sort", "index"}:
            pool += ["[]", "[1]"]
        pool = unique(pool)[:MOST] or list(FILLERS)
        if depth and "NoneType" in self.wanted["message"]:
            pool = unique(pool[:1] + ["None"] + pool[1:])
        return pool

    def classes_with(self, attributes):
        """Classes of the module and what it imports that have all these attributes."""
        found = []
        for value in list(vars(self.module).values()):
            if inspect.isclass(value) and value.__module__ not in ("builtins", "typing"):
                try:
                    source = inspect.getsource(value)
                except (OSError, TypeError):
                    continue
                if all(re.search(r"\b%s\b" % re.escape(a), source) for a in attributes):
                    found.append(value)
        return found[:2]

    def sequences(self, inner, form):
        lists = ["[]"] + ["[%s]" % e for e in inner[:8]]
        lists += ["[%s, %s]" % (inner[0], e) for e in inner[:4]] if inner else []
        lists += ["[%s, %s]" % (e, inner[0]) for e in inner[1:3]]
        return [form % e for e in lists]


def dictionary(parts):
    return "{%s}" % ", ".join("%r: %s" % pair for pair in parts.items())


def call(function, parts):
    return "%s(%s)" % (function, ", ".join("%s=%s" % pair for pair in parts.items()))


def varied(parts):
    """Everything with first values, then one missing, then one changed."""
    full = {k: p[0] for k, p in parts.items()}
    out = [full]
    out += [{k: e for k, e in full.items() if k != lost} for lost in full]
    out.append({k: "None" for k in full})
    for k, pool in parts.items():
        out += [dict(full, **{k: e}) if isinstance(k, str) else full for e in pool[1:8]]
    return out


def combinations(pools, most):
    """Tuples with one of each pool, those of small indices first, at most `most`."""
    made = 0

    def of(index, budget):
        if index == len(pools):
            if budget == 0:
                yield ()
            return
        for at in range(min(budget, len(pools[index]) - 1) + 1):
            for rest in of(index + 1, budget - at):
                yield (pools[index][at],) + rest

    if any(not p for p in pools):
        return
    for budget in range(sum(len(p) - 1 for p in pools) + 1):
        for chosen in of(0, budget):
            yield chosen
            made += 1
            if made >= most:
                return


def arguments_text(chosen):
    pairs = [(k, e) for k, e in chosen if e is not None]
    return ", ".join(e if k is None else "%s=%s" % (k, e) for k, e in pairs)


def type_hints(thing):
    try:
        return typing.get_type_hints(thing)
    except Exception:
        return {}
