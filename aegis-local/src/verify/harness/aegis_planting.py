"""Where the canaries come among a suite's own tests, whatever runs the suite."""
import json
import os

HERE = os.path.dirname(os.path.abspath(__file__))
CASE = os.path.join(HERE, "canaries.json")


def among(items, place, plant):
    """`items` with what `plant` makes of each module: first, last, and where `place` changes between two."""
    with open(CASE, encoding="utf-8") as file:
        case = json.load(file)
    edges = [i for i in range(1, len(items)) if place(items[i]) != place(items[i - 1])]
    between = edges[case["between"] % len(edges)] if edges else len(items)
    first, middle, last = (plant(name, tests) for name, tests in case["modules"])
    return first + items[:between] + middle + items[between:] + last
