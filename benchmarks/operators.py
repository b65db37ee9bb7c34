"""How near does each top-k operator come to hard top-k, and what does it cost?

    python benchmarks/operators.py            # minutes on two cores
    python benchmarks/operators.py --large    # more lengths, wider, on a GPU if there is one

Representations are uniform in [-1, 1], scores uniform in [0, 1] (Pietruszka et al. 2020). Quality is their normalized
Chamfer cosine similarity: for each of the k representations that hard top-k keeps, the cosine of the nearest one that
the operator gives, averaged. Writes operators.json, operators.md and operators.png.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from reporting import RESULTS, Cost, Out, machine, markdown, measure, megabytes, save
from rich.console import Console
from rich.progress import track
from torch import Tensor
from torch.nn import functional as F

from sumpool.pooling import OPERATORS, TopK, hard_top_k, top_k_operator


def similarity(pooled: Tensor, wanted: Tensor) -> float:
    """pooled [k, d], wanted [k, d] -> normalized Chamfer cosine similarity."""
    return float((F.normalize(wanted, dim=1) @ F.normalize(pooled, dim=1).T).amax(dim=1).mean())


def forward_and_backward(operator: TopK, x: Tensor, scores: Tensor, k: int) -> None:
    """One pass there and back, to representations and scores."""
    x, scores = x.detach().requires_grad_(True), scores.detach().requires_grad_(True)
    pooled = operator(x, scores, k)
    (pooled.representations.sum() + pooled.scores.sum()).backward()


def plain_halving(x: Tensor, scores: Tensor, k: int, base: float = 20.0) -> Tensor:
    """Successive halving as the paper tells it: row by row, representations combined in every round; n is k * 2**r."""
    rows = []
    for states, rates in zip(x, scores, strict=True):
        while len(states) > k:
            order = rates.argsort(descending=True)
            states, rates = states[order], rates[order]
            half = len(states) // 2
            pairs = torch.stack((rates[:half], rates[half:].flip(0)))
            weights = (base**pairs).softmax(dim=0)
            states = weights[0, :, None] * states[:half] + weights[1, :, None] * states[half:].flip(0)
            rates = (weights * pairs).sum(dim=0)
        rows.append(states)
    return torch.stack(rows)


def against_plain(batch: int, n: int, k: int, d: int, seed: int, device: torch.device) -> dict[str, Any]:
    """How many times faster the operator is than `plain_halving`, forward and backward, on a batch."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(batch, n, d, generator=generator).to(device)
    scores = torch.rand(batch, n, generator=generator).to(device)

    def plain() -> None:
        states, rates = x.detach().requires_grad_(True), scores.detach().requires_grad_(True)
        plain_halving(states, rates, k).sum().backward()

    ours = measure(lambda: forward_and_backward(top_k_operator("successive-halving"), x, scores, k), device)
    theirs = measure(plain, device)
    return {"batch": batch, "n": n, "k": k, "seconds": ours.seconds, "plain_seconds": theirs.seconds}


def row(name: str, n: int, k: int, d: int, seed: int, device: torch.device) -> dict[str, Any]:
    """Quality and cost of one operator."""
    generator = torch.Generator().manual_seed(seed)
    x = (2 * torch.rand(1, n, d, generator=generator) - 1).to(device)
    scores = torch.rand(1, n, generator=generator).to(device)
    operator = top_k_operator(name)
    result: list[Tensor] = []

    def forward() -> None:
        with torch.no_grad():
            result[:] = [operator(x, scores, k).representations[0]]

    there: Cost = measure(forward, device)
    back = measure(lambda: forward_and_backward(operator, x, scores, k), device)
    return {
        "operator": name,
        "n": n,
        "k": k,
        "similarity": similarity(result[0], x[0, hard_top_k(scores, k)[0]]),
        "forward_seconds": there.seconds,
        "forward_backward_seconds": back.seconds,
        "peak_bytes": back.peak_bytes,
    }


def plot(rows: list[dict[str, Any]], k: int, path: Path) -> None:
    """Quality, time and memory over n, for one k."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 3, figsize=(13, 4), layout="constrained")
    panels = [
        ("similarity", "similarity to hard top-k", 1.0, "linear"),
        ("forward_backward_seconds", "forward and backward, ms", 1e3, "log"),
        ("peak_bytes", "peak memory, MiB", 2**-20, "log"),
    ]
    for axis, (field, label, unit, scale) in zip(axes, panels, strict=True):
        for name in OPERATORS:
            line = [entry for entry in rows if entry["operator"] == name and entry["k"] == k and entry[field]]
            axis.plot([e["n"] for e in line], [unit * e[field] for e in line], marker="o", label=name)
        axis.set(xscale="log", yscale=scale, xlabel=f"n (k = {k})", ylabel=label)
        axis.set_xticks(lengths := sorted({e["n"] for e in rows if e["k"] == k}), [f"{n:,}" for n in lengths])
        axis.minorticks_off()
    axes[0].legend()
    figure.savefig(path, dpi=130)


def main(
    large: Annotated[bool, typer.Option(help="more lengths, representations of 1,024, on a GPU")] = False,
    length: Annotated[list[int] | None, typer.Option(help="n; several are allowed")] = None,
    keep: Annotated[list[int] | None, typer.Option(help="k; several are allowed")] = None,
    size: Annotated[int | None, typer.Option(help="d of a representation")] = None,
    seed: Annotated[int, typer.Option()] = 0,
    out: Out = RESULTS,
) -> None:
    """Measure, print the table, and write it with its plot."""
    device = torch.device("cuda" if large and torch.cuda.is_available() else "cpu")
    lengths = length or ([1024, 2048, 4096, 8192, 16384] if large else [2048, 8192, 16384])
    sizes = keep or ([64, 128, 256, 512, 1024] if large else [64, 512, 1024])
    d = size or (1024 if large else 256)
    cells = [(name, n, k) for k in sizes for n in lengths if k < n for name in OPERATORS]
    console = Console(stderr=True)
    rows = [row(name, n, k, d, seed, device) for name, n, k in track(cells, "operators", console=console)]
    halving = {(e["n"], e["k"]): e["forward_backward_seconds"] for e in rows if e["operator"] == "successive-halving"}
    columns = ["operator", "n", "k", "similarity", "forward, ms", "and backward, ms", "to halving", "peak, MiB"]
    cells_of = [
        [
            e["operator"],
            f"{e['n']:,}",
            f"{e['k']:,}",
            f"{e['similarity']:.3f}",
            f"{1e3 * e['forward_seconds']:.1f}",
            f"{1e3 * e['forward_backward_seconds']:.1f}",
            f"{e['forward_backward_seconds'] / halving[e['n'], e['k']]:.2f}",
            megabytes(e["peak_bytes"]),
        ]
        for e in rows
    ]
    k = min(512, sizes[-1])
    plain = against_plain(8, 16 * k, k, d, seed, device)
    times = f"{plain['plain_seconds'] / plain['seconds']:.1f} times as fast as a loop over rows and rounds"
    compared = {f"successive halving, {plain['batch']} rows of {plain['n']:,}, k {k:,}": times}
    facts = {"d": d, **compared, "seed": seed, **machine(device)}
    record = {"facts": facts, "rows": rows, "against_plain": plain}
    save(out, "operators", record, markdown("Top-k operators", columns, cells_of, facts))
    plot(rows, 512 if 512 in sizes else sizes[-1], out / "operators.png")


if __name__ == "__main__":
    typer.run(main)
