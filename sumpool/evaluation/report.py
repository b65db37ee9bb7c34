"""From one row of measurements a summary to what `--format json` prints: estimates by system and kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sumpool import __version__
from sumpool.evaluation.bootstrap import Estimate, estimate
from sumpool.evaluation.metrics import METRICS, Metric
from sumpool.evaluation.settings import REFERENCE, Settings

OVERALL = "overall"
OURS = "sumpool"
COMPARED = ("rouge1", "rouge2", "rougeLsum", "oracle_recall")
"""What systems are compared by, document by document."""


@dataclass(frozen=True, slots=True)
class Row:
    """What was measured of one system's summary of one document; None where a metric doesn't apply."""

    system: str
    kind: str
    number: int
    """The document's, over all kinds."""
    values: dict[str, float | None]


class Report:
    """Estimates over all documents and over those of each kind."""

    def __init__(self, settings: Settings, rows: Sequence[Row]) -> None:
        self.settings = settings
        self.systems = settings.systems
        kinds = list(dict.fromkeys(row.kind for row in rows))
        self._groups = {OVERALL: list(rows)} | {kind: [row for row in rows if row.kind == kind] for kind in kinds}

    @property
    def kinds(self) -> list[str]:
        """ "overall", then the kinds of document where there are several."""
        kinds = list(self._groups)
        return kinds[:1] if len(kinds) == 2 else kinds

    def documents(self, kind: str) -> int:
        return len({row.number for row in self._groups[kind]})

    def estimate(self, system: str, kind: str, metric: Metric) -> Estimate | None:
        """None where the metric applies to no document."""
        return estimate(self._values(system, kind, metric.name), metric.statistic, seed=self.settings.seed)

    def ahead(self, system: str, kind: str, name: str) -> Estimate | None:
        """How far ours is ahead of `system`: the mean of the differences, document by document; None without ours."""
        if OURS not in self.systems or system == OURS:
            return None
        pairs = zip(self._values(OURS, kind, name), self._values(system, kind, name), strict=True)
        differences = [None if ours is None or theirs is None else ours - theirs for ours, theirs in pairs]
        return estimate(differences, seed=self.settings.seed)

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON: settings, then results and leads by system, kind and metric."""
        settings = self.settings
        return {
            "settings": {
                "version": __version__,
                "data": [str(path) for path in settings.data],
                "systems": list(settings.systems),
                "count": settings.count,
                "length": settings.length or REFERENCE,
                "model": settings.model,
                "base": settings.base,
                "device": settings.device,
                "pool": settings.pool,
                "block": settings.block,
                "drafts": settings.drafts,
                "seed": settings.seed,
            },
            "documents": {kind: self.documents(kind) for kind in self._groups},
            "results": {
                system: {
                    kind: {metric.name: _plain(self.estimate(system, kind, metric)) for metric in METRICS}
                    for kind in self._groups
                }
                for system in self.systems
            },
            "ahead": {
                system: {
                    kind: {name: _plain(self.ahead(system, kind, name)) for name in COMPARED} for kind in self._groups
                }
                for system in self.systems
                if OURS in self.systems and system != OURS
            },
        }

    def _values(self, system: str, kind: str, name: str) -> list[float | None]:
        return [row.values[name] for row in self._groups[kind] if row.system == system]


def _plain(estimate: Estimate | None) -> dict[str, Any] | None:
    return None if estimate is None else estimate.as_dict()
