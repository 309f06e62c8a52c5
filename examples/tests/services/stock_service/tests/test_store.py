import pytest

import store


@pytest.fixture(autouse=True)
def database():
    store.setup()


def test_name():
    assert store.name_of("1") == "hammer"


def test_extra():
    assert store.extra_of("1") == {"colour": "red"}


def test_top():
    assert store.top_price("tools") == 12.5
