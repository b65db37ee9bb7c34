"""What do blocks, pooling and the choice of an operator cost in quality? The paper's variants, trained alike.

    python benchmarks/quality.py TRAIN.jsonl DEV.jsonl            # minutes on two cores
    python benchmarks/quality.py TRAIN.jsonl DEV.jsonl --large    # a day's training on a GPU

Vanilla, blockwise, Transpooler and Pyramidion, and the Transpooler with each of the operators that the paper compares:
same data, steps, order, seed, and the same weights to start from. These come from a warm-up without pooling that all
share, so that the decoder has begun to look at documents when the comparison begins. Each ends with the loss on
held-out documents and, written by the `Summarizer`, with ROUGE on some of them. Documents and summaries are cut after
so many words. What was begun goes on when the command is repeated. Writes quality.json, quality.md and quality.png.
"""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from reporting import machine, markdown, save
from rich.console import Console

from sumpool.documents import read_document, split_sentences
from sumpool.evaluation.metrics import rouge
from sumpool.modeling.checkpoint import MANIFEST
from sumpool.modeling.transpooler import VARIANTS
from sumpool.pooling import OPERATORS
from sumpool.summarizer import Summarizer
from sumpool.training.corpus import Example, examples, mixture, suitable
from sumpool.training.settings import Settings
from sumpool.training.trainer import train
from sumpool.training.transpooler import TranspoolerLearner

SMALL: dict[str, Any] = {
    "width": 128, "layers": 2, "vocabulary": 2000, "pool": 32, "block": 64, "schedule": {1: 128, 2: 32},
    "longest_document": 250, "longest_summary": 60, "batch": 8, "held": 64, "rate": 2e-3,
}  # fmt: skip
LARGE: dict[str, Any] = {
    "width": 512, "layers": 6, "vocabulary": 32000, "pool": 512, "block": 512, "longest_document": 6000,
    "longest_summary": 320, "batch": 32, "held": 150, "rate": 5e-4, "tokens_at_once": 65536, "schedule": {},
}  # fmt: skip
ROUGES = ("rouge1", "rouge2", "rougeLsum")


def systems() -> dict[str, dict[str, Any]]:
    """What is compared, by name, and what of the settings makes it that."""
    variants: dict[str, dict[str, Any]] = {name: {"arch": name} for name in VARIANTS}
    others = [name for name in OPERATORS if name != "successive-halving"]
    return variants | {f"transpooler, {name}": {"arch": "transpooler", "operator": name} for name in others}


def record(directory: Path) -> list[dict[str, float]]:
    """A run's log."""
    return [json.loads(line) for line in (directory / "training.jsonl").read_text("utf-8").splitlines()]


def run(settings: Settings, console: Console) -> list[dict[str, float]]:
    """Train, or go on training, or nothing if that is done; the log."""
    if not (settings.out / MANIFEST).is_file():
        train(replace(settings, resume=True), console)
    return record(settings.out)


def cut(source: Path, target: Path, document: int, summary: int) -> Path:
    """The pairs of a data file with at most so many words of the document, and whole sentences of the summary."""
    if not target.is_file():
        lines = []
        for example in examples(source, queries=False):
            ends = [end for _, end in split_sentences(example.summary)]
            short = max((end for end in ends if len(example.summary[:end].split()) <= summary), default=0)
            pair = {"document": " ".join(example.document.split()[:document]), "summary": example.summary[:short]}
            lines.append(json.dumps({"id": example.id, "kind": example.kind, **pair}) + "\n")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text("".join(lines), encoding="utf-8")
    return target


def rouge_of(model: Path, pairs: list[Example], words: int, device: str) -> dict[str, float]:
    """Mean ROUGE of the model's greedy summaries of so many words."""
    summarizer = Summarizer(model, device=device, drafts=1)
    scores = []
    for example in pairs:
        document = read_document("paper.txt", example.document.encode())
        scores.append(rouge(summarizer.summarize(document, length=words).text, example.summary))
    return {name: sum(score[name] for score in scores) / len(scores) for name in ROUGES}


def plot(curves: dict[str, list[dict[str, float]]], path: Path) -> None:
    """Validation loss over steps, a line for each system."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axis = pyplot.subplots(figsize=(7, 4.5), layout="constrained")
    for name, curve in curves.items():
        points = [(entry["step"], entry["dev_loss"]) for entry in curve if "dev_loss" in entry]
        axis.plot(*zip(*points, strict=True), marker="o", label=name)
    axis.set(xlabel="steps behind the warm-up", ylabel="validation loss, nats a token")
    axis.legend()
    figure.savefig(path, dpi=130)


def main(
    data: Annotated[Path, typer.Argument(help="training data, as sumpool train takes it")],
    dev: Annotated[Path, typer.Argument(help="held-out data")],
    large: Annotated[bool, typer.Option(help="a large model, on a GPU")] = False,
    warm: Annotated[int | None, typer.Option(help="steps without pooling that all share")] = None,
    steps: Annotated[int | None, typer.Option(help="steps of each system")] = None,
    count: Annotated[int | None, typer.Option(help="documents that are summarized for ROUGE")] = None,
    words: Annotated[int | None, typer.Option(help="length of these summaries")] = None,
    seed: Annotated[int, typer.Option()] = 0,
    work: Annotated[Path, typer.Option(help="directory of the models")] = Path("benchmarks/results/models"),
    out: Annotated[Path, typer.Option(help="directory to write to")] = Path("benchmarks/results"),
) -> None:
    """Train, measure, print the table, and write it with its plot."""
    cuda = large and torch.cuda.is_available()
    shape, device = LARGE if large else SMALL, "cuda" if cuda else "cpu"
    warm, steps = warm or (4000 if large else 1000), steps or (8000 if large else 200)
    count, words = count or (100 if large else 20), words or (180 if large else 40)
    sizes = (shape["longest_document"], shape["longest_summary"])
    data, dev = (cut(path, work / f"{name}.jsonl", *sizes) for path, name in ((data, "train"), (dev, "dev")))
    console = Console(stderr=True)
    scratch = Settings(
        [data], work / "start", dev=[dev], steps=warm, every=max(steps // 4, 1), device=device, seed=seed,
        **{**shape, "schedule": {}}, arch="blockwise",
    )  # fmt: skip
    kinds = suitable([dev], longest_summary=scratch.longest_summary)
    held = list(islice(mixture(kinds, dict.fromkeys(kinds, 1.0), seed=seed), count))
    begun = run(scratch, console)
    untrained = work / "untrained"
    torch.manual_seed(seed)
    # With the vocabulary of the run that is there.
    TranspoolerLearner(replace(scratch, arch="pyramidion", schedule=shape["schedule"], resume=True), []).save(untrained)
    measured = (held, words, device)
    rows = [{"system": "untrained", "loss": begun[0]["dev_loss"], **rouge_of(untrained, *measured)}]
    curves: dict[str, list[dict[str, float]]] = {}
    for name, choice in systems().items():
        schedule = shape["schedule"] if choice["arch"] == "pyramidion" else {}
        options = choice | {"schedule": schedule, "base": str(scratch.out), "out": work / name.replace(", ", "-")}
        # What has learned already learns on at half the rate.
        settings = replace(scratch, steps=steps, warmup=max(steps // 10, 1), rate=scratch.rate / 2, **options)
        curves[name] = run(settings, console)
        losses = [entry["dev_loss"] for entry in curves[name] if "dev_loss" in entry]
        rows.append({"system": name, "loss": losses[-1], **rouge_of(settings.out, *measured)})
        console.print(f"{name}: {losses[-1]:.3f}", highlight=False)
    blockwise, chance = (
        next(r["loss"] for r in rows if r["system"] == n) for n in ("blockwise", "transpooler, random")
    )
    columns = ["system", "loss, nats a token", "to blockwise", "to random pooling", "ROUGE-1", "ROUGE-2", "ROUGE-Lsum"]
    table = [
        [
            row["system"],
            f"{row['loss']:.3f}",
            f"{row['loss'] - blockwise:+.3f}",
            f"{row['loss'] - chance:+.3f}",
            *(f"{row[name]:.1f}" for name in ROUGES),
        ]
        for row in rows
    ]
    facts = {"warm-up": warm, "steps": steps, "documents for ROUGE": count, "words": words, **shape, "seed": seed}
    facts |= machine(torch.device(device))
    made = {"facts": facts, "rows": rows, "curves": curves}
    save(out, "quality", made, markdown("Quality of the variants, trained alike", columns, table, facts))
    plot(curves, out / "quality.png")


if __name__ == "__main__":
    typer.run(main)
