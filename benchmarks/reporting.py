"""What the benchmarks share: naming the machine, measuring time and memory, and writing a table three ways."""

from __future__ import annotations

import ctypes
import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import torch
import typer

from sumpool.bench.machine import machine_facts, resident
from sumpool.modeling.checkpoint import find_model, load_model
from sumpool.modeling.prompts import Prompts
from sumpool.modeling.pyramidion_lm import PyramidionLM

Pairs = Annotated[list[Path], typer.Argument(help="JSON Lines of documents and summaries")]
Out = Annotated[Path, typer.Option(help="directory to write to")]
RESULTS = Path("benchmarks/results")
LONG = 5.0
"""Seconds after which a first run counts as the measurement: warming up is for short ones."""
ENOUGH = 1.0
MOST = 20


@dataclass(frozen=True, slots=True)
class Cost:
    """Median seconds of a run, and the most bytes that were held at once beyond what was held before.

    On a CPU, seconds are processor time: what else the machine is doing hardly counts. With one thread
    (OMP_NUM_THREADS=1) that is how long a run takes on a machine that has nothing else to do.
    """

    seconds: float
    peak_bytes: int | None


def shipped_model() -> tuple[PyramidionLM, Prompts]:
    """The shipped model as it computes on a CPU, with its tokenizer."""
    directory = find_model()
    model = load_model(directory, device=torch.device("cpu"), dtype=torch.float32, keep_int8=True)
    return model, Prompts.load(directory)


def measure(run: Callable[[], object], device: torch.device) -> Cost:
    """Run until a second has passed or twenty runs are done; peak memory is that of the first run."""
    before = _start_peak(device)
    first = _time(run, device)
    peak = _read_peak(device, before)
    times = [first] if first > LONG else []
    while first <= LONG and sum(times) < ENOUGH and len(times) < MOST:
        times.append(_time(run, device))
    return Cost(statistics.median(times), peak)


def _time(run: Callable[[], object], device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    clock = time.perf_counter if device.type == "cuda" else time.process_time
    start = clock()
    run()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return clock() - start


def _start_peak(device: torch.device) -> int | None:
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return int(torch.cuda.memory_allocated(device))
    if not Path("/proc/self/clear_refs").exists():
        return None
    # What earlier runs have freed goes back to the system first, or this run would take it from there, unseen.
    with suppress(AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
    # Linux forgets a process's peak when told so.
    Path("/proc/self/clear_refs").write_text("5")
    return resident("VmRSS")


def _read_peak(device: torch.device, before: int | None) -> int | None:
    if before is None:
        return None
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device)) - before
    return resident("VmHWM") - before


def machine(device: torch.device) -> dict[str, Any]:
    """What the figures were measured on and with."""
    return {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU",
        "threads": torch.get_num_threads(),
        "seconds of": "the clock" if device.type == "cuda" else "the processor",
        **machine_facts("torch", "transformers"),
        # Where things lie on this machine is nobody's business.
        "command": " ".join(["python", *(Path(word).name if Path(word).is_absolute() else word for word in sys.argv)]),
    }


def markdown(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], facts: dict[str, Any]) -> str:
    """A table with its heading, and a line that says where the figures are from."""
    lines = [f"# {title}", "", "| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    lines += ["", "; ".join(f"{name} {value}" for name, value in facts.items()) + "."]
    return "\n".join(lines) + "\n"


def save(out: Path, name: str, record: dict[str, Any], table: str) -> None:
    """Write `name`.json and `name`.md, and print the table."""
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{name}.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    (out / f"{name}.md").write_text(table, encoding="utf-8")
    print(table)


def megabytes(count: int | None) -> str:
    """Bytes as a table shows them."""
    return "" if count is None else f"{count / 2**20:,.0f}"
