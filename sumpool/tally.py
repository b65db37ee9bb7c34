"""What became of a batch's documents."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Tally:
    """How many documents were summarized, were finished before, failed, and were not begun."""

    done: int = 0
    skipped: int = 0
    failed: dict[str, list[str]] = field(default_factory=dict)
    """By reason, the names of what failed for it."""
    left: int = 0

    def fail(self, reason: str, name: str) -> None:
        self.failed.setdefault(reason, []).append(name)

    @property
    def total(self) -> int:
        return self.done + self.skipped + sum(map(len, self.failed.values())) + self.left
