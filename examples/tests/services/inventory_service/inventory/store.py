"""Stock levels by item."""

LEVELS = {"bolt": 40, "nut": 12, "gear": 3}
DEFAULT_LEVEL = 0


def level(item: str) -> int:
    """Number in stock; DEFAULT_LEVEL for items that are not listed."""
    return LEVELS[item]


def average(values: list[float]) -> float:
    """Mean of the values, 0.0 when there are none."""
    return sum(values) / len(values)


def first_word(text: str | None) -> str:
    """First word, or "none" when there is no text."""
    return text.split()[0]
