"""From the command to the printed summary, in new processes: where does the time go?

    python benchmarks/cold_start.py [PDF] [--repeat 5]

Without a PDF, one is typeset: ten pages in two columns, with figures, tables, footnotes and references. The summary has
120 words. Commands take turns, and each figure is the median. `start` is what the clock counts beyond what the summary
itself says it took: Python, imports, printing. Beside it: the text of the same PDF by pdfminer.six alone, which can't
tell columns from each other, and the import of torch alone. Each command has run once before, so that files are in the
system's cache and modules are compiled.
Writes cold_start.json and cold_start.md.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated

import torch
import typer

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.extraction.layouts import LAYOUTS, typeset  # noqa: E402
from benchmarks.reporting import RESULTS, Out, machine, markdown, save  # noqa: E402

LAYOUT = "two columns, paper"
PAGES = 10
SHARES = ("extract", "read", "write")
PDFMINER = "import sys; from pdfminer.high_level import extract_text; print(extract_text(sys.argv[1]))"
NOTE = (
    "The pump at the north quay failed twice in May. Its seals were worn, and the spare ones did not fit. The harbour "
    "board ordered new seals and a second pump, which arrive in July. Until then boats with a draught of more than two "
    "metres are asked to use the south quay. The board thanks the crews for their patience."
)


def paper() -> bytes:
    """A PDF of ten pages."""
    layout = next(layout for layout in LAYOUTS if layout.name == LAYOUT)
    paragraphs = 5
    while (case := typeset(layout, 0, 8, paragraphs)).pages < PAGES:
        paragraphs += 1
    return case.pdf


def run(command: list[str]) -> dict[str, float]:
    """Seconds on the clock, as "total", and those that a summary's JSON tells of its parts."""
    # Modules are compiled once, as pip does it, whatever this process was told.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    began = time.perf_counter()
    done = subprocess.run([sys.executable, *command], check=True, capture_output=True, cwd=ROOT, env=environment)
    total = time.perf_counter() - began
    if "json" not in command:
        return {"total": total}
    told = json.loads(done.stdout)["seconds"]
    shares = {name: told[name] for name in SHARES}
    # Not by the total that is told: each is rounded by itself.
    return {"start": total - sum(shares.values()), **shares, "total": total}


def main(
    pdf: Annotated[Path | None, typer.Argument(help="a document to measure with")] = None,
    repeat: Annotated[int, typer.Option(help="runs of each command")] = 5,
    out: Out = RESULTS,
) -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as scratch:
        note = Path(scratch) / "note.txt"
        note.write_text(NOTE)
        if pdf is None:
            pdf = Path(scratch) / "paper.pdf"
            pdf.write_bytes(paper())
        document = str(pdf.resolve())
        summarize = ["-m", "sumpool", "summarize", "--format", "json", "--length", "120"]
        commands = {
            "sumpool --help": ["-m", "sumpool", "--help"],
            f"a note of {len(NOTE.split())} words": [*summarize, str(note)],
            "the PDF": [*summarize, document],
            "the PDF, --wording own": [*summarize, "--wording", "own", document],
            "pdfminer.six, the PDF's text": ["-c", PDFMINER, document],
            "import torch": ["-c", "import torch"],
        }
        runs: dict[str, list[dict[str, float]]] = {name: [] for name in commands}
        for number in range(1 + repeat):
            for name, command in commands.items():
                seconds = run(command)
                if number:
                    runs[name].append(seconds)
    rows = []
    for name, each in runs.items():
        rows.append({"command": name, **{part: statistics.median(one[part] for one in each) for part in each[0]}})
    whole = next(row["total"] for row in rows if row["command"] == "the PDF")
    columns = ("command", "start, s", *(f"{share}, s" for share in SHARES), "total, s", "÷ the PDF's")
    cells = [
        [
            str(row["command"]),
            *(f"{row[part]:.2f}" if part in row else "" for part in ("start", *SHARES, "total")),
            f"{row['total'] / whole:.2f}",
        ]
        for row in rows
    ]
    facts = {**machine(torch.device("cpu")), "seconds of": "the clock", "seed": 0, "runs": repeat}
    table = markdown("From the command to the summary", columns, cells, facts)
    save(out, "cold_start", {"facts": facts, "rows": rows}, table)


if __name__ == "__main__":
    typer.run(main)
