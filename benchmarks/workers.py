"""Documents a minute against workers: `sumpool summarize --engine ray` with one worker, with two, and so on.

    python benchmarks/workers.py [--workers 1,2] [--documents N] [--repeat N] [--model NAME_OR_PATH] [--out DIR]

Each document is the example report, a file of its own, so that all take the same time. A run is the command as a user
would type it, on Ray started for it on this machine. Documents a minute are counted from the first results to the last,
without the start of Ray and the loading of models, which the last column tells: it is paid once. A worker computes with
one thread. Runs take turns, and the median of each is told; the machine's load before each run is in the JSON file,
for it decides what is left for a second worker. The processor's seconds a document, which hardly depend on that, are
those of one process without Ray, with one thread, for another document on top of the first.
"""

from __future__ import annotations

import argparse
import io
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from pypdf import PdfReader, PdfWriter

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from reporting import machine, markdown, save  # noqa: E402

EXTRA = 2
"""Documents after the first, of which processor seconds are told."""

REPORT = ROOT / "examples" / "report.pdf"


def make_documents(directory: Path, count: int) -> None:
    """The report, `count` times, with a note in each that makes it another file."""
    for number in range(count):
        writer = PdfWriter(clone_from=PdfReader(REPORT))
        writer.add_metadata({"/Subject": f"Copy {number}"})
        data = io.BytesIO()
        writer.write(data)
        (directory / f"{number:03}.pdf").write_bytes(data.getvalue())


def run(documents: Path, out: Path, workers: int, options: list[str]) -> dict[str, float]:
    """Seconds from the start to the first result, and from there to the last."""
    command = [sys.executable, "-m", "sumpool", "summarize", str(documents), "-o", str(out), "--quiet", *options]
    before = os.getloadavg()[0]
    began = time.time()
    subprocess.run([*command, "--engine", "ray", "--workers", str(workers)], check=True, cwd=ROOT)
    written = sorted(path.stat().st_mtime for path in out.glob("*.txt"))
    return {
        "first_seconds": written[0] - began,
        # What is under way in all workers when the first result comes was begun before it.
        "rest_seconds": written[-1] - written[workers - 1],
        "rest_documents": len(written) - workers,
        "load_before": before,
    }


def processor_seconds(documents: Path, work: Path, options: list[str]) -> float:
    """What one process and its readers take for each document after the first."""
    several = sorted(documents.iterdir())[: EXTRA + 1]
    taken = []
    for count in (1, len(several)):
        before = os.times()
        command = [sys.executable, "-m", "sumpool", "summarize", *map(str, several[:count])]
        out = ["-o", f"{work / str(count)}/", "--quiet", *options]
        subprocess.run([*command, *out], check=True, cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"})
        after = os.times()
        taken.append(after.children_user + after.children_system - before.children_user - before.children_system)
    return (taken[1] - taken[0]) / EXTRA


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", default="1,2")
    parser.add_argument("--documents", type=int, default=8, help="a multiple of all worker counts")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--model")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results")
    asked = parser.parse_args()
    counts = [int(count) for count in asked.workers.split(",")]
    options = ["--model", asked.model] if asked.model else []
    runs: dict[int, list[dict[str, float]]] = {count: [] for count in counts}
    with tempfile.TemporaryDirectory() as work:
        documents = Path(work) / "documents"
        documents.mkdir()
        make_documents(documents, asked.documents)
        processor = processor_seconds(documents, Path(work) / "alone", options)
        for turn in range(asked.repeat):
            for count in counts:
                runs[count].append(run(documents, Path(work) / f"out-{count}-{turn}", count, options))
    rows: list[dict[str, Any]] = []
    for count in counts:
        speeds = [60 * one["rest_documents"] / one["rest_seconds"] for one in runs[count]]
        rows.append(
            {
                "workers": count,
                "documents_a_minute": statistics.median(speeds),
                "worker_seconds_a_document": 60 * count / statistics.median(speeds),
                "first_seconds": statistics.median(one["first_seconds"] for one in runs[count]),
                "runs": runs[count],
            }
        )
    facts = {
        "documents": asked.documents,
        "processor seconds a document": round(processor, 2),
        "runs of each": asked.repeat,
        **machine(torch.device("cpu")),
        "threads": 1,
        "seconds of": "the clock",
    }
    table = markdown(
        "Workers against documents a minute",
        ["Workers", "Documents a minute", "to one worker", "Worker seconds a document", "Start to first result, s"],
        [
            [
                str(row["workers"]),
                f"{row['documents_a_minute']:.1f}",
                f"{row['documents_a_minute'] / rows[0]['documents_a_minute']:.2f}",
                f"{row['worker_seconds_a_document']:.1f}",
                f"{row['first_seconds']:.0f}",
            ]
            for row in rows
        ],
        facts,
    )
    save(asked.out, "workers", {"facts": facts, "rows": rows}, table)


if __name__ == "__main__":
    main()
