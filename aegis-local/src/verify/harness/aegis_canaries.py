"""A pytest plugin that plants tests which have to fail, whatever else the suite says.

They come after every selection of the suite's own, at its start, at its end and at one place between
two modules, so that a run that calls them passed can't be believed about the others either.
"""
import pathlib

import pytest

import aegis_planting


def planted(session, name, tests):
    path = pathlib.Path(aegis_planting.HERE, name + ".py")
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
    # A suite that stops at its first failure would stop at the first of ours.
    config.option.maxfail = 0
    items[:] = aegis_planting.among(items, place, lambda *module: planted(session, *module))
