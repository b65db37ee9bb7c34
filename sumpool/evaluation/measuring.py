"""One document: every system summarizes it, and what each wrote is measured."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cache
from typing import Any

from sumpool.evaluation.cases import Case
from sumpool.evaluation.facts import Facts
from sumpool.evaluation.metrics import measure, oracle_recall, rouge_scorer
from sumpool.evaluation.report import Row
from sumpool.evaluation.settings import Settings
from sumpool.evaluation.systems import System, make_systems
from sumpool.modeling.checkpoint import find_model
from sumpool.modeling.prompts import Prompts
from sumpool.modeling.rules import Vocabulary
from sumpool.progress import Progress
from sumpool.rendering.json import json_line


@dataclass(frozen=True, slots=True)
class Measurer:
    """The systems by name, and the words that the shipped tokenizer knows for ordinary: no names."""

    systems: dict[str, System]
    ordinary: frozenset[str]

    @staticmethod
    @cache
    def load(settings: Settings) -> Measurer:
        """Models are loaded, and whatever takes time only once.

        Raises:
            ModelError, UsageError: as `make_systems` does.
        """
        rouge_scorer()
        return Measurer(make_systems(settings), Vocabulary(Prompts.load(find_model())).ordinary)

    def measure(self, number: int, case: Case, system: str, progress: Progress) -> tuple[Row, str]:
        """The row of case `number`, and a line of JSON that holds the summary, too."""
        began = time.perf_counter()
        written = self.systems[system](case, progress)
        seconds = time.perf_counter() - began
        facts = Facts(case.document.text, self.ordinary)
        pool = written.pool
        recall = oracle_recall(pool.kept, pool.sentence_starts, case.oracle) if pool else None
        values = {**measure(case, written.text, facts), "oracle_recall": recall, "seconds": seconds}
        return Row(system, case.kind, number, values), json_line(_line(case, system, written.text, facts, values))


def _line(case: Case, system: str, text: str, facts: Facts, values: dict[str, float | None]) -> dict[str, Any]:
    return {
        "id": case.id,
        "kind": case.kind,
        "system": system,
        "asked": case.words,
        "summary": text,
        "reference": case.reference,
        "unsupported": facts.unsupported(text),
        "metrics": {name: value if value is None else round(value, 4) for name, value in values.items()},
    }
