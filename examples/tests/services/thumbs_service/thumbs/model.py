from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Owner:
    name: str
    quota: int = 10


@dataclass
class Job:
    number: int
    path: str
    owner: Owner | None = None
    done: int = 0
    total: int = 0
    sizes: list[int] = field(default_factory=list)

    @property
    def progress(self) -> float:
        """Share that is done, 0.0 to 1.0; a job without pictures counts as 1.0."""
        return self.done / self.total
