"""The report for people: a table for each kind of document, metrics down, systems across."""

from __future__ import annotations

import io

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from sumpool.evaluation.bootstrap import Estimate
from sumpool.evaluation.metrics import METRICS, Form
from sumpool.evaluation.report import COMPARED, OURS, Report
from sumpool.rendering.clean import one_line

WIDTH = 120
"""Columns where no terminal says how many there are."""
NOTE = f"± is half of a 95% bootstrap interval over documents; “ahead” is how far {OURS} is, document by document.\n"
_DIGITS = {"points": 1, "percent": 0, "ratio": 2, "seconds": 1}


def render(report: Report, *, width: int | None = None, styled: bool = False) -> str:
    """The tables as text, `width` columns wide at most; bold type where `styled`."""
    printed = io.StringIO()
    console = Console(
        file=printed, width=width or WIDTH, force_terminal=styled, color_system="standard" if styled else None
    )
    for kind in report.kinds:
        console.print(_table(report, kind))
        console.print()
    return "".join(line.rstrip() + "\n" for line in printed.getvalue().splitlines()) + NOTE


def _table(report: Report, kind: str) -> Table:
    documents = report.documents(kind)
    title = Text(f"{one_line(kind)}: {documents:,} document{'s' * (documents != 1)}", style="bold")
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("")
    for system in report.systems:
        table.add_column(system, justify="right")
    for metric in METRICS:
        cells = [_shown(report.estimate(system, kind, metric), metric.form) for system in report.systems]
        table.add_row(metric.label, *cells)
    if OURS in report.systems and len(report.systems) > 1:
        table.add_section()
        for metric in METRICS:
            if metric.name in COMPARED:
                leads = [report.ahead(system, kind, metric.name) for system in report.systems]
                table.add_row(f"ahead, {metric.label}", *(_shown(lead, metric.form, "+") for lead in leads))
    return table


def _shown(estimate: Estimate | None, form: Form, sign: str = "") -> str:
    """The value and half of its interval, which one document doesn't have; a hyphen for none."""
    if estimate is None:
        return "-"
    scale, unit = (100, "%") if form == "percent" else (1, "")
    digits = _DIGITS[form]
    value = f"{scale * estimate.value:{sign}.{digits}f}{unit}"
    half = scale * (estimate.high - estimate.low) / 2
    return f"{value} ±{half:.{digits}f}" if estimate.documents > 1 else value
