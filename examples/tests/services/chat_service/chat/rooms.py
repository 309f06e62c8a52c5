"""Rooms and who is in them."""
from __future__ import annotations

import asyncio
import json

ROOMS: dict[str, list[str]] = {"lobby": ["ann", "bob"], "empty": []}
TOPICS = {"lobby": "welcome"}
NO_TOPIC = "no topic"
LIMITS = {"lobby": 10, "attic": 0}


async def load(room: str) -> float:
    """How full a room is, from 0.0 to 1.0; rooms with a limit of 0 count as 1.0."""
    await asyncio.sleep(0)
    return len(ROOMS.get(room, [])) / LIMITS.get(room, 5)


def topic(room: str) -> str:
    """Topic of a room, `NO_TOPIC` for rooms without one."""
    return TOPICS[room]


async def host(room: str) -> str | None:
    """Who opened the room; None while nobody is in it."""
    people = ROOMS.get(room, [])
    return people[0]


def parse(text: str) -> dict:
    return json.loads(text)


def nick(user: dict) -> str:
    profile = user.get("profile")
    return profile["nick"]


def colour(user: dict) -> str:
    profile = user.get("profile")
    if profile is None:
        return "grey"
    return profile["colour"]
