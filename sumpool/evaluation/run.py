"""The loop: draw documents, let every system summarize each, measure, and keep what was written if asked to."""

from __future__ import annotations

import time
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

from sumpool.errors import UsageError
from sumpool.evaluation.cases import Case, draw_cases, name_kinds
from sumpool.evaluation.facts import Facts
from sumpool.evaluation.metrics import measure, rouge_scorer
from sumpool.evaluation.report import Report, Row
from sumpool.evaluation.settings import Settings, check_packages
from sumpool.interrupts import ending_at_once
from sumpool.modeling.checkpoint import find_model
from sumpool.outputs import writing_lines
from sumpool.rendering.json import json_line
from sumpool.terminal import Terminal


def evaluate(settings: Settings, terminal: Terminal) -> Report:
    """Every system's summary of every document, measured; those written so far are in `settings.outputs` meanwhile.

    Raises:
        UsageError: data that can't be read, or options that make no sense.
        ModelError: a model that can't be found or loaded.
        OutputError: `settings.outputs` can't be written.
        SumpoolError: a package is missing.
    """
    settings = _without_base(settings, terminal)
    check_packages(settings.data, settings.systems)
    wanted: dict[str, Any] = {"count": settings.count, "length": settings.length, "seed": settings.seed}
    cases = name_kinds([(path, draw_cases(path, **wanted)) for path in settings.data])
    with terminal.document("models", 1, 1), ending_at_once(terminal.stop):
        terminal.loading()
        from sumpool.evaluation.systems import make_systems

        rouge_scorer()
        ordinary = ordinary_words()
        systems = make_systems(settings)
    rows: list[Row] = []
    keep = writing_lines(settings.outputs) if settings.outputs else nullcontext(lambda line: None)
    with keep as write_line:
        for number, case in enumerate(cases):
            facts = Facts(case.document.text, ordinary)
            for name, system in systems.items():
                with terminal.document(f"{case.kind} {case.id}: {name}", len(rows) + 1, len(cases) * len(systems)):
                    began = time.perf_counter()
                    written = system(case, terminal)
                    seconds = time.perf_counter() - began
                values = {
                    **measure(case, written.text, facts),
                    "oracle_recall": written.oracle_recall,
                    "seconds": seconds,
                }
                rows.append(Row(name, case.kind, number, values))
                write_line(json_line(_line(case, name, written.text, facts, values)))
    return Report(settings, rows)


def ordinary_words() -> frozenset[str]:
    """Words that the shipped tokenizer knows in lower case, each a token of its own: frequent ones, so hardly names."""
    from sumpool.modeling.prompts import Prompts

    tokenizer = Prompts.load(find_model()).tokenizer
    texts = (tokenizer.decode([token]) for token in range(tokenizer.get_vocab_size()))
    return frozenset(text[1:] for text in texts if text[:1] == " " and text[1:].isalpha() and text[1:].islower())


def _without_base(settings: Settings, terminal: Terminal) -> Settings:
    if "base" not in settings.systems or settings.base is not None:
        return settings
    systems = tuple(name for name in settings.systems if name != "base")
    if not systems:
        raise UsageError("systems", "--systems base: needs a checkpoint (name it with --base)")
    terminal.note("the system base is left out (name its checkpoint with --base)")
    return replace(settings, systems=systems)


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
