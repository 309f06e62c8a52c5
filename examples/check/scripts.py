"""How each scenario plays where nobody lies: its commits, its visitors and its row."""

from played import SLOT, Played, broken

# From a merge or a revert until it is live.
LIVE = 2.0


def healed(world: Played, scenario: str, merge: float = 40, person: bool = False, **more) -> dict:
    """A route that fails from second 10, healed by a merge."""
    name = f"{scenario}-{len(world.rows)}"
    at = world.begin(name)
    row = world.row(f"i{len(world.rows)}", scenario, "Healed", opened_at=at + 11, **more)
    row["closed_at"] = at + merge + 20
    files = {f"shop/{name}.py": f"mended {name}\n"}
    world.merge(row, files, at + merge, person)
    world.visit(f"/{name}", at, at + SLOT, lambda t: at + 10 <= t < at + merge + LIVE)
    return row


def crash_bugs(world: Played) -> list[dict]:
    """Three bugs."""
    return [healed(world, "crash-bugs", merge) for merge in (40, 50, 60)]


def held(world: Played, scenario: str = "freeze") -> dict:
    """A merge that was held for 20 s."""
    at = world.now
    span = {"why": scenario, "from": at + 18, "to": at + 39.4}
    return healed(world, scenario, held=[span])


def proposed(world: Played) -> dict:
    """A person merges it."""
    return healed(world, "propose", person=True)


def trap(world: Played) -> dict:
    """A fix that breaks another page, and its revert."""
    at = world.begin("wrapping")
    row = world.row("trap", "trap", "RolledBack", opened_at=at + 11, closed_at=at + 60)
    one = world.merge(row, {"shop/wrapping.py": "held up\n"}, at + 30)
    before = {"shop/wrapping.py": broken("wrapping")}
    world.revert(row, one["merge_commit"], before, at + 40)
    world.routes["trap"] = ["/wrap"]
    world.visit("/wrap", at, at + SLOT, lambda t: at + 10 <= t)
    world.visit("/warehouse", at, at + SLOT, lambda t: at + 31 <= t < at + 40 + LIVE)
    return row


def trap_again(world: Played) -> dict:
    """The same bug, met by another page."""
    at = world.begin()
    row = world.row("again", "trap-again", "AwaitingHuman", opened_at=at + 11)
    world.routes["trap-again"] = ["/wrap/estimate"]
    world.visit("/wrap/estimate", at, at + SLOT, lambda t: at + 10 <= t)
    return row


def futile(world: Played) -> dict:
    """A fix that mends nothing."""
    at = world.begin("delivery")
    row = world.row("futile", "futile", "AwaitingHuman", opened_at=at + 11)
    one = world.merge(row, {"shop/delivery.py": "no use\n"}, at + 30)
    before = {"shop/delivery.py": broken("delivery")}
    world.revert(row, one["merge_commit"], before, at + 50)
    world.routes["futile"] = ["/delivery"]
    world.visit("/delivery", at, at + SLOT, lambda t: at + 10 <= t)
    return row


def handed_over(world: Played, scenario: str = "no-template") -> dict:
    """Errors that nobody mends."""
    at = world.begin()
    row = world.row(f"h-{scenario}", scenario, "AwaitingHuman", opened_at=at + 11)
    world.routes[scenario] = [f"/{scenario}"]
    world.visit(f"/{scenario}", at, at + SLOT, lambda t: at + 10 <= t)
    return row


def flapping(world: Played) -> dict:
    """Two fixes, and it fails again."""
    at = world.begin("customs")
    row = world.row("flap", "flapping", "AwaitingHuman", opened_at=at + 11)
    world.merge(row, {"shop/customs.py": "mended once\n"}, at + 30)
    world.merge(row, {"shop/customs.py": "mended twice\n"}, at + 60)
    world.offer(row, {"shop/customs.py": "mended thrice\n"}, at + 80)
    world.routes["flapping"] = ["/customs"]
    world.visit("/customs", at, at + SLOT, lambda t: at + 10 <= t)
    return row


def released(
    world: Played,
    scenario: str,
    revert: dict[str, str] | None = None,
    files: dict[str, str] | None = None,
) -> dict:
    """A release at second 40 of two files, taken back at second 60 by a commit of files."""
    at = world.begin("stock", "shelf")
    name = scenario.removeprefix("release-")
    files = files or {"shop/stock.py": f"{name}\n", "shop/shelf.py": f"{name} too\n"}
    before = {path: world.git.text(path) for path in files}
    row = world.row(name, scenario, "RolledBack", opened_at=at + 42)
    row |= {"kind": "release", "closed_at": at + 65}
    row["release"] = world.git.commit("main", files, at + 40, f"Release {name}")
    if revert != {}:
        world.revert(row, row["release"], revert or before, at + 60)
    return row


def raises_none(world: Played, revert: dict[str, str] | None = None, live: float = 60 + LIVE) -> dict:
    """A release that raises errors until its revert is live."""
    at = world.now
    row = released(world, "release-raises-none", revert)
    fails = lambda t: at + 42 <= t < at + live and int(t) % 3  # noqa: E731
    world.visit("/stock?of=none", at, at + SLOT, fails)
    return row


def latency(world: Played, scenario: str, factor: float, after: float = 1.0) -> dict:
    """A release that slows its pages down until its revert is live."""
    at = world.now
    row = released(world, scenario)
    ramp = scenario == "release-slow-ramp"

    def ms(t: float) -> float:
        usual = 40 + int(t) % 3
        if at + 42 <= t < at + 62:
            return usual * (1 + (factor - 1) * (min((t - at - 42) / 8, 1) if ramp else 1))
        return usual * (after if t >= at + 62 else 1)

    for page in (1, 2):
        world.visit(f"/stock?product={page}", at, at + SLOT, ms=ms)
    world.visit("/products", at, at + SLOT)
    return row


def cold_cache(world: Played, slow: float = 300, end: float = 0) -> dict:
    """A release whose first requests are slow."""
    at = world.now
    row = released(world, "release-cold-cache", {})
    row |= {"outcome": "Kept", "closed_at": at + 72}

    def ms(t: float) -> float:
        return 40 + int(t) % 3 + (slow if at + 42 <= t < at + 44 else end if t > at + 44 else 0)

    for page in (1, 2):
        world.visit(f"/cold?product={page}", at, at + SLOT, ms=ms)
    return row


def one_error(world: Played) -> dict:
    """One error, very often, while something is away."""
    at = world.begin()
    row = world.row("one", "storm-one-error", "AwaitingHuman", opened_at=at + 11)
    row["closed_at"] = at + 60
    world.visit("/away", at, at + SLOT, lambda t: at + 10 <= t < at + 50)
    return row


def storm(world: Played) -> dict:
    """Everything fails at once, and a bug within it is healed afterwards."""
    at = world.now
    row = world.row("storm", "storm", "AwaitingHuman", kind="storm", opened_at=at + 12)
    row["closed_at"] = at + 38
    for page in range(4):
        world.visit(f"/page/{page}", at, at + SLOT, lambda t: at + 10 <= t < at + 36)
    return row


def bug_in_storm(world: Played) -> dict:
    """Healed once the storm is over; its time is the storm's."""
    row = healed(world, "bug-in-storm", merge=50)
    name = f"bug-in-storm-{len(world.rows) - 1}"
    world.files[f"shop/{name}.py"] = [f"/{name}"]
    return row


def whole(world: Played) -> None:
    """Every scenario, one after the other."""
    crash_bugs(world)
    for play in (trap, trap_again, futile, handed_over, flapping, proposed, raises_none):
        play(world)
    handed_over(world, "full-pool")
    for scenario in ("freeze", "kill-switch", "budget", "approve"):
        held(world, scenario)
    latency(world, "release-latency-x2", 2)
    latency(world, "release-latency-x1.3", 1.3)
    latency(world, "release-slow-ramp", 2.5)
    for play in (cold_cache, one_error, storm, bug_in_storm):
        play(world)
