"""How long does a pass through the model take for a few tokens that are written, compiled and by torch's operations?

    python benchmarks/few_rows.py

A pass is all layers of the shipped model and its output layer, behind what it kept of a document (`--past` positions).
Prints medians over rounds that go through all numbers of rows and both ways, in milliseconds, and writes few_rows.json
and few_rows.md.
"""

from __future__ import annotations

import statistics
import time
from typing import Annotated
from unittest.mock import patch

import torch
import typer
from reporting import RESULTS, Out, machine, markdown, save, shipped_model

from sumpool.modeling import compiled
from sumpool.modeling.caches import KVCache
from sumpool.modeling.pyramidion_lm import PyramidionLM

CPU = torch.device("cpu")
ROWS = (1, 2, 3, 4, 8, 16, 32)


def one_pass(model: PyramidionLM, lower: KVCache, upper: KVCache, ids: torch.Tensor) -> float:
    """Seconds that ids [1, t] take; the caches hold what they held before."""
    began = time.perf_counter()
    model.logits(model.run(model.upper, model.read(ids, lower), upper))
    took = time.perf_counter() - began
    for cache in (lower, upper):
        cache.advance(-ids.shape[1])
    return took


@torch.inference_mode()
def main(
    past: Annotated[int, typer.Option(help="positions that the upper layers' cache holds")] = 1000,
    rounds: Annotated[int, typer.Option(min=1)] = 15,
    seed: Annotated[int, typer.Option()] = 0,
    out: Out = RESULTS,
) -> None:
    """Measure, print the table, and write it."""
    if compiled.library() is None:
        raise SystemExit("nothing was compiled here (install sumpool where there is a C compiler)")
    model, _ = shipped_model()
    torch.manual_seed(seed)
    lower, upper = model.new_cache(model.lower, past + max(ROWS)), model.new_cache(model.upper, past + max(ROWS))
    for stack, cache in ((model.lower, lower), (model.upper, upper)):
        model.run(stack, torch.randn(1, past, model.config.hidden_size), cache)
    times: dict[tuple[int, str], list[float]] = {(rows, way): [] for rows in ROWS for way in ("compiled", "torch")}
    for _ in range(rounds):
        for (rows, way), taken in times.items():
            ids = torch.randint(0, model.config.vocab_size, (1, rows))
            compiling = way == "compiled"
            with compiled.in_turns() if compiling else patch.object(compiled, "library", return_value=None):
                one_pass(model, lower, upper, ids)  # so that threads of the other way have gone to sleep
                taken.append(one_pass(model, lower, upper, ids))
    found = [
        {"rows": rows, **{way: statistics.median(times[rows, way]) * 1000 for way in ("compiled", "torch")}}
        for rows in ROWS
    ]
    facts = {"past": past, "rounds": rounds, "seed": seed, **machine(CPU), "seconds of": "the clock"}
    table = [
        [str(row["rows"]), f"{row['compiled']:.1f}", f"{row['torch']:.1f}", f"{row['torch'] / row['compiled']:.1f}"]
        for row in found
    ]
    columns = ["rows", "compiled, ms", "torch, ms", "ratio"]
    save(out, "few_rows", {"facts": facts, "rows": found}, markdown("A pass for few rows", columns, table, facts))


if __name__ == "__main__":
    typer.run(main)
