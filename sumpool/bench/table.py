"""The report for people: one table, a section for each size; on a terminal, in Markdown, and as a plot."""

from __future__ import annotations

import io
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from sumpool.bench.report import STAGES, Report, Row
from sumpool.bench.settings import OURS, shown_size

WIDTH = 140
"""Columns where no terminal says how many there are."""
COLUMNS = (
    "tokens",
    "system",
    "read",
    "written",
    *(f"{stage}, s" for stage in STAGES),
    "read/s",
    "written/s",
    "peak, MB",
    "total ÷ ours",
    "loaded ÷ ours",
)
LEGEND = (
    "read, written: tokens. load: importing the libraries and loading the weights. loaded: without that. "
    "÷ ours: how many times what sumpool takes, which quotes its summary; own and greedy write theirs token by token."
)


def render(report: Report, *, width: int | None = None, styled: bool = False) -> str:
    """The table as text, with what it can't say below it; bold type where `styled`."""
    printed = io.StringIO()
    console = Console(
        file=printed, width=width or WIDTH, force_terminal=styled, color_system="standard" if styled else None
    )
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in COLUMNS:
        table.add_column(column, justify="left" if column == "system" else "right")
    for index, row in enumerate(report.rows):
        if index and row.size != report.rows[index - 1].size:
            table.add_section()
        table.add_row(*_cells(report, row), style="bold" if row.system == OURS else "")
    console.print(table)
    lines = [line.rstrip() for line in printed.getvalue().splitlines()]
    return "\n".join([*lines, "", LEGEND, *report.notes(), report.facts_line()]) + "\n"


def markdown(report: Report) -> str:
    """The same as a Markdown table."""
    lines = ["| " + " | ".join(COLUMNS) + " |"]
    lines.append("|" + "|".join("---" if column == "system" else "---:" for column in COLUMNS) + "|")
    lines += ["| " + " | ".join(_cells(report, row)) + " |" for row in report.rows]
    paragraphs = ["\n".join(lines), LEGEND, *report.notes(), report.facts_line()]
    return "\n\n".join(paragraphs) + "\n"


def plot(report: Report, path: Path) -> None:
    """Time and memory over the document's length, a line for each system."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(11, 4.5), layout="constrained")
    panels = [(axes[0], "whole time, s", lambda row: row.total), (axes[1], "peak memory, MB", _megabytes)]
    for axis, label, value in panels:
        for system in report.settings.systems:
            points = [(row.size, value(row)) for row in report.rows if row.system == system and value(row)]
            if points:
                width = 2.5 if system == OURS else 1.2
                axis.plot(*zip(*points, strict=True), marker="o", linewidth=width, label=system)
        axis.set(xscale="log", yscale="log", xlabel="document tokens", ylabel=label)
        axis.set_xticks(report.settings.sizes, list(map(shown_size, report.settings.sizes)))
        axis.minorticks_off()
        axis.grid(alpha=0.3)
    axes[0].legend()
    figure.suptitle(f"{report.facts['processor']}, {report.facts['cores']} cores, {report.facts['date']}", fontsize=9)
    figure.savefig(path, dpi=130)
    pyplot.close(figure)


def _cells(report: Report, row: Row) -> list[str]:
    ratios = report.ratios(row)
    run = row.runs[0]
    peak = _megabytes(row)
    return [
        shown_size(row.size),
        f"{row.system} ({row.variant})" if row.variant in ("float32", "bfloat16") else row.system,
        f"{run.read_tokens:,}",
        f"{run.written_tokens:,}",
        *(f"{seconds:.1f}" for seconds in row.seconds.values()),
        f"{row.read_rate:,.0f}",
        f"{row.write_rate:.1f}",
        "-" if peak is None else f"{peak:,.0f}",
        *(("-", "-") if ratios is None else (f"{ratio:.1f}" for ratio in ratios)),
    ]


def _megabytes(row: Row) -> float | None:
    return None if row.peak_bytes is None else row.peak_bytes / 1e6
