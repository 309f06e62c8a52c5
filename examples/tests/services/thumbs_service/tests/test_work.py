from thumbs import work
from thumbs.model import Job, Owner


def test_label():
    assert work.label(Job(1, "a.png", Owner("ada"))) == "1:ada"


def test_owner():
    assert work.owner_of(Job(1, "a.png")) == "nobody"


def test_extension():
    assert work.extension(Job(1, "a.png")) == "png"


def test_progress():
    assert Job(1, "a", done=1, total=2).progress == 0.5
