"""From runs to what is told: medians, rates, and how many times ours everything takes."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from operator import attrgetter
from typing import Any

from sumpool.bench.machine import machine_facts
from sumpool.bench.settings import OURS, Settings, shown_size
from sumpool.bench.systems import Run
from sumpool.modeling import compiled

STAGES = ("load", "extract", "read", "write", "total")
PACKAGES = ("torch", "transformers", "llama-cpp-python")


@dataclass(frozen=True, slots=True)
class Skipped:
    """A system that did not do a size, and why."""

    system: str
    size: int
    reason: str


@dataclass(frozen=True, slots=True)
class Row:
    """One system at one size; `variant` is the type that it computed in where there was a choice."""

    system: str
    size: int
    variant: str
    runs: tuple[Run, ...]

    def median(self, value: Callable[[Run], float]) -> float:
        return statistics.median(value(run) for run in self.runs)

    @property
    def seconds(self) -> dict[str, float]:
        """By `STAGES`."""
        return {stage: self.median(attrgetter(stage)) for stage in STAGES}

    @property
    def total(self) -> float:
        return self.median(attrgetter("total"))

    @property
    def loaded(self) -> float:
        """Seconds for a document once the model is loaded."""
        return self.median(lambda run: run.total - run.load)

    @property
    def read_rate(self) -> float:
        """Document tokens a second."""
        return self.median(lambda run: run.read_tokens / run.read)

    @property
    def write_rate(self) -> float:
        """Summary tokens a second."""
        return self.median(lambda run: run.written_tokens / run.write)

    @property
    def peak_bytes(self) -> int | None:
        peaks = [run.peak_bytes for run in self.runs if run.peak_bytes is not None]
        return round(statistics.median(peaks)) if peaks else None


class Report:
    """All rows, and what was skipped."""

    def __init__(self, settings: Settings, rows: Sequence[Row], skipped: Sequence[Skipped]) -> None:
        self.settings = settings
        self.rows = list(rows)
        self.skipped = list(skipped)
        self.facts = machine_facts(*PACKAGES)
        if settings.device == "cpu":
            self.facts[compiled.SOURCE.name] = "compiled" if compiled.library() else "not compiled"
        self._ours = {row.size: row for row in rows if row.system == OURS}

    def ratios(self, row: Row) -> tuple[float, float] | None:
        """How many times ours a row takes in all, and once the models are loaded; None where ours is missing."""
        ours = self._ours.get(row.size)
        return None if ours is None else (row.total / ours.total, row.loaded / ours.loaded)

    def notes(self) -> list[str]:
        """What the table can't say: which systems were skipped where, and what some rows are worth."""
        reasons: dict[tuple[str, str], list[int]] = {}
        for skipped in self.skipped:
            reasons.setdefault((skipped.system, skipped.reason), []).append(skipped.size)
        for row in self.rows:
            if row.runs[0].note:
                reasons.setdefault((row.system, row.runs[0].note), []).append(row.size)
        return [
            f"{system} at {', '.join(map(shown_size, sizes))}: {reason}." for (system, reason), sizes in reasons.items()
        ]

    def facts_line(self) -> str:
        """Where the figures are from, in a line."""
        facts = {**self.facts, "model": self.settings.model or "shipped", "device": self.settings.device}
        facts |= {"words": self.settings.words, "runs": self.settings.repeat}
        return "; ".join(f"{name} {value}" for name, value in facts.items()) + "."

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "facts": self.facts,
            "settings": {
                "sizes": list(self.settings.sizes),
                "systems": list(self.settings.systems),
                "words": self.settings.words,
                "repeat": self.settings.repeat,
                "limit": self.settings.limit,
                "model": self.settings.model,
                "device": self.settings.device,
            },
            "rows": [self._row(row) for row in self.rows],
            "skipped": [asdict(skipped) for skipped in self.skipped],
        }

    def _row(self, row: Row) -> dict[str, Any]:
        ratios = self.ratios(row)
        run = row.runs[0]
        return {
            "system": row.system,
            "size": row.size,
            "variant": row.variant or None,
            "document_tokens": run.document_tokens,
            "read_tokens": run.read_tokens,
            "written_tokens": run.written_tokens,
            "seconds": {stage: round(seconds, 3) for stage, seconds in row.seconds.items()},
            "read_tokens_per_second": round(row.read_rate, 1),
            "written_tokens_per_second": round(row.write_rate, 1),
            "peak_bytes": row.peak_bytes,
            "ratio_to_ours": ratios and {"total": round(ratios[0], 2), "loaded": round(ratios[1], 2)},
            "note": run.note or None,
            "runs": [asdict(run) for run in row.runs],
        }
