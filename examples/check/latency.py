"""How fast the routes were before, during and after a release."""

from dataclasses import dataclass
from statistics import median

from run import Run

# Fewer requests than these tell nothing of a route, or of all routes together.
ALONE = 3
TOGETHER = 5


def times(run: Run, route: str, start: float, stop: float) -> list[float]:
    """Milliseconds of a route's successes that were sent in a time."""
    return [
        one.ms
        for one in run.routes.get(route, [])
        if one.succeeded and one.ms is not None and start <= one.at < stop
    ]


def p95(values: list[float]) -> float:
    """The value that 95 % don't exceed, by nearest rank."""
    return sorted(values)[max(0, -(-len(values) * 95 // 100) - 1)]


@dataclass(frozen=True)
class Pace:
    """The routes' normal times, in milliseconds, by which their later ones are measured."""

    normal: dict[str, float]
    spread: float

    @classmethod
    def before(cls, run: Run, listed: list[str], start: float, stop: float) -> "Pace":
        """What was normal in a time: of the routes that are listed, else of all."""
        normal, ratios = {}, []
        for route in listed or run.routes:
            sent = times(run, route, start, stop)
            if len(sent) >= ALONE and median(sent) > 0:
                normal[route] = median(sent)
                ratios += [ms / normal[route] for ms in sent]
        return cls(normal, p95(ratios) if ratios else 1.0)

    def ratios(self, run: Run, start: float, stop: float) -> list[float]:
        """Each success of a time as a multiple of what was normal for its route."""
        return [
            ms / normal
            for route, normal in self.normal.items()
            for ms in times(run, route, start, stop)
        ]

    def medians(self, run: Run, start: float, stop: float) -> dict[str, float]:
        """Each route's median of a time as a multiple of what was normal."""
        found = {}
        for route, normal in self.normal.items():
            sent = times(run, route, start, stop)
            if len(sent) >= ALONE:
                found[route] = median(sent) / normal
        return found

    def only(self, routes: list[str]) -> "Pace":
        """Of these routes alone."""
        return Pace({route: self.normal[route] for route in routes}, self.spread)

    def still_slow(self, run: Run, start: float, stop: float) -> list[str]:
        """The routes that are not within 10 % and 20 ms of what was normal."""
        findings = []
        for route, normal in self.normal.items():
            sent = times(run, route, start, stop)
            if sent and median(sent) > normal * 1.1 + 20:
                late = f"{median(sent):.0f} ms, {normal:.0f} ms before the release"
                findings.append(f"{route}: its median at the end is {late}")
        return findings
