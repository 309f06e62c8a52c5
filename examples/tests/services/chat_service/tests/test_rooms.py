import asyncio

from chat import rooms


def test_load():
    assert asyncio.run(rooms.load("lobby")) == 0.2


def test_topic():
    assert rooms.topic("lobby") == "welcome"


def test_host():
    assert asyncio.run(rooms.host("lobby")) == "ann"


def test_colour():
    assert rooms.colour({}) == "grey"


def test_nick():
    assert rooms.nick({"profile": {"nick": "a"}}) == "a"
