from inventory import store


def test_level():
    assert store.level("bolt") == 40


def test_average():
    assert store.average([1.0, 3.0]) == 2.0


def test_word():
    assert store.first_word("a b") == "a"
