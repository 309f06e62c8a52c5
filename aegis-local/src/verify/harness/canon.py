"""Values as text that says what they are, whatever they claim: exact types, nothing of their own called.

Two values are the same where their texts are. No method that the service's code could have written
is asked: an object that says it equals everything does not get to say so.
"""
import enum
import math

MOST = 60
PLAIN = (int, str, bytes, bool, type(None), complex)


def text(value, depth=0, seen=()):
    kind = type(value)
    if kind in PLAIN:
        return "%s:%s" % (kind.__name__, kind.__repr__(value)[:2000])
    if kind is float:
        return "float:nan" if math.isnan(value) else "float:%s" % float.__repr__(value)
    if depth > 6 or id(value) in seen:
        return "..."
    seen += (id(value),)

    def inner(thing):
        return text(thing, depth + 1, seen)

    name = "%s.%s" % (kind.__module__, kind.__qualname__)
    if isinstance(value, enum.Enum) and isinstance(kind, type(enum.Enum)):
        return "%s:%s" % (name, object.__getattribute__(value, "_name_"))
    if issubclass(kind, (list, tuple)):
        base = list if issubclass(kind, list) else tuple
        return "%s[%s]" % (name, ", ".join(map(inner, list(base.__iter__(value))[:MOST])))
    if issubclass(kind, (set, frozenset)):
        base = set if issubclass(kind, set) else frozenset
        return "%s{%s}" % (name, ", ".join(sorted(map(inner, base.__iter__(value)))[:MOST]))
    if issubclass(kind, dict):
        pairs = ["%s: %s" % (inner(k), inner(v)) for k, v in list(dict.items(value))[:MOST]]
        return "%s{%s}" % (name, ", ".join(pairs))
    if issubclass(kind, PLAIN[:3] + (float,)):
        base = next(b for b in PLAIN[:3] + (float,) if issubclass(kind, b))
        return "%s:%s" % (name, base.__repr__(value)[:2000])
    if issubclass(kind, BaseException):
        return "%s(%s)" % (name, inner(BaseException.args.__get__(value)))
    if kind.__module__ in STANDARD:
        return "%s:%s" % (name, kind.__repr__(value)[:2000])
    if callable(value) or isinstance(value, type):
        return "%s %s" % (name, getattr(value, "__qualname__", ""))
    try:
        own = object.__getattribute__(value, "__dict__")
    except AttributeError:
        own = {}
        for base in kind.__mro__:
            slots = base.__dict__.get("__slots__", ())
            for slot in (slots,) if isinstance(slots, str) else slots:
                if slot in base.__dict__ and slot not in ("__dict__", "__weakref__"):
                    try:
                        own[slot] = base.__dict__[slot].__get__(value)
                    except AttributeError:
                        pass
    return "%s(%s)" % (name, ", ".join("%s=%s" % (k, inner(v)) for k, v in sorted(own.items())[:MOST]))


#: Their own texts are whole and can't be written by the service.
STANDARD = ("datetime", "decimal", "_decimal", "_pydecimal", "fractions", "uuid", "pathlib", "builtins",
            "collections", "zoneinfo", "ipaddress", "array")
