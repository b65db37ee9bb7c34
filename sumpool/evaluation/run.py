"""The loop: draw documents, let every system summarize each, measure, and keep what was written if asked to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

from sumpool.errors import UsageError
from sumpool.evaluation.cases import Case, draw_cases, name_kinds
from sumpool.evaluation.report import Report, Row
from sumpool.evaluation.settings import Settings, check_packages
from sumpool.evaluation.side_by_side import measured_side_by_side
from sumpool.interrupts import ending_at_once
from sumpool.outputs import writing_lines
from sumpool.terminal import Terminal


def evaluate(settings: Settings, terminal: Terminal) -> Report:
    """Every system's summary of every document, measured; those written so far are in `settings.outputs` meanwhile.

    Raises:
        UsageError: data that can't be read, or options that make no sense.
        ModelError: a model that can't be found or loaded.
        OutputError: `settings.outputs` can't be written.
        SumpoolError: a package is missing, or a worker was killed.
    """
    settings = _without_base(settings, terminal)
    check_packages(settings.data, settings.systems)
    wanted: dict[str, Any] = {"count": settings.count, "length": settings.length, "seed": settings.seed}
    cases = name_kinds([(path, draw_cases(path, **wanted)) for path in settings.data])
    measured = _one_by_one if settings.workers == 1 else _side_by_side
    rows: list[Row] = []
    keep = writing_lines(settings.outputs) if settings.outputs else nullcontext(lambda line: None)
    with keep as write_line:
        for row, line in measured(settings, cases, terminal):
            rows.append(row)
            write_line(line)
    return Report(settings, rows)


def _one_by_one(settings: Settings, cases: Sequence[Case], terminal: Terminal) -> Iterator[tuple[Row, str]]:
    with terminal.document("models", 1, 1), ending_at_once(terminal.stop):
        terminal.loading()
        from sumpool.evaluation.measuring import Measurer

        measurer = Measurer.load(settings)
    total = len(cases) * len(settings.systems)
    done = 0
    for number, case in enumerate(cases):
        for system in settings.systems:
            done += 1
            with terminal.document(f"{case.kind} {case.id}: {system}", done, total):
                measured = measurer.measure(number, case, system, terminal)
            yield measured


def _side_by_side(settings: Settings, cases: Sequence[Case], terminal: Terminal) -> Iterator[tuple[Row, str]]:
    coming = measured_side_by_side(settings, cases)
    for number, case in enumerate(cases, 1):
        with terminal.document(f"{case.kind} {case.id}", number, len(cases), f"{settings.workers} workers"):
            measured = next(coming)
        yield from measured


def _without_base(settings: Settings, terminal: Terminal) -> Settings:
    if "base" not in settings.systems or settings.base is not None:
        return settings
    systems = tuple(name for name in settings.systems if name != "base")
    if not systems:
        raise UsageError("systems", "--systems base: needs a checkpoint (name it with --base)")
    terminal.note("the system base is left out (name its checkpoint with --base)")
    return replace(settings, systems=systems)
