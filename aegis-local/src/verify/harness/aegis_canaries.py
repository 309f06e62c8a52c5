"""A pytest plugin that plants tests which have to fail, whatever else the suite says.

They come after every selection of the suite's own, at its start, at its end and at one place between
two modules, so that a run that calls them passed can't be believed about the others either.
"""
import json
import os
import pathlib

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))


def planted(session, name, tests):
    path = pathlib.Path(HERE, name + ".py")
    try:
        module = pytest.Module.from_parent(session, path=path)
    except TypeError:
        import py

        module = pytest.Module.from_parent(session, fspath=py.path.local(str(path)))
    # What the suite calls a test is its own affair: ours are tests whatever it says.
    found = {item.name: item for item in session.genitems(module)}
    return [found.get(test) or pytest.Function.from_parent(module, name=test) for test in tests]


def place(item):
    return str(getattr(item, "path", None) or item.fspath)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(session, config, items):
    with open(os.path.join(HERE, "canaries.json"), encoding="utf-8") as file:
        case = json.load(file)
    # A suite that stops at its first failure would stop at the first of ours.
    config.option.maxfail = 0
    edges = [i for i in range(1, len(items)) if place(items[i]) != place(items[i - 1])]
    between = edges[case["between"] % len(edges)] if edges else len(items)
    first, middle, last = (planted(session, name, tests) for name, tests in case["modules"])
    items[:] = first + items[:between] + middle + items[between:] + last
