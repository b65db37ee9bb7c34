"""What do blocks, pooling and the choice of an operator cost in quality? The paper's variants, trained alike.

    python benchmarks/quality.py TRAIN.jsonl DEV.jsonl            # minutes on two cores
    python benchmarks/quality.py TRAIN.jsonl DEV.jsonl --large    # a day's training on a GPU

Vanilla, blockwise, Transpooler and Pyramidion, and the Transpooler with each of the operators that the paper compares
and with half of the pool: same data, steps, order, seed, and the same weights to start from. These come from a warm-up
without pooling that all share: a decoder has to look at documents before it matters what is kept of them, and from
summaries alone a small one doesn't learn to in a thousand steps. So the model first copies what it reads, in two
lessons of the documents' own words: their beginning, which takes nothing but positions, then an excerpt from anywhere,
which takes looking at what is said. Each system ends with the loss on held-out documents and, written by the
`Summarizer`, with ROUGE on some of them. Documents and summaries are cut after so many words. What was begun goes on
when the command is repeated. Writes quality.json, quality.md and quality.png.
"""

from __future__ import annotations

import json
import random
import re
import statistics
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from reporting import RESULTS, Out, machine, markdown, save
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
    "width": 128, "layers": 2, "vocabulary": 2000, "pool": 192, "block": 64, "schedule": {1: 192, 2: 96},
    "longest_document": 125, "longest_summary": 40, "held": 100,
}  # fmt: skip
LARGE: dict[str, Any] = {
    "width": 512, "layers": 6, "vocabulary": 32000, "pool": 512, "block": 512, "longest_document": 6000,
    "longest_summary": 320, "held": 150, "tokens_at_once": 65536, "schedule": {},
}  # fmt: skip
# Of what is learned in turn: steps, pairs a step, the highest rate of learning, and the steps that it rises in.
SMALL_LESSONS: dict[str, dict[str, Any]] = {
    "beginnings": {"steps": 600, "batch": 32, "rate": 2e-3, "warmup": 50},
    "excerpts": {"steps": 400, "batch": 16, "rate": 1e-3, "warmup": 50},
    "summaries": {"steps": 500, "batch": 16, "rate": 1e-3, "warmup": 30},
    "variant": {"steps": 150, "batch": 16, "rate": 2e-3, "warmup": 20},
}
LARGE_LESSONS: dict[str, dict[str, Any]] = {
    "beginnings": {"steps": 2000, "batch": 64, "rate": 5e-4, "warmup": 200},
    "excerpts": {"steps": 6000, "batch": 32, "rate": 5e-4, "warmup": 200},
    "summaries": {"steps": 4000, "batch": 32, "rate": 5e-4, "warmup": 200},
    "variant": {"steps": 8000, "batch": 32, "rate": 2.5e-4, "warmup": 200},
}
COPIES = 5
"""Passages for copying that a document gives, of each sort."""
MOST_COPIED = 0.48
"""The share of a passage's letters that is copied at most: training data has documents twice as long as summaries."""
ROUGES = ("rouge1", "rouge2", "rougeLsum")


def systems(pool: int) -> dict[str, dict[str, Any]]:
    """What is compared, by name, and what of the settings makes it that."""
    variants: dict[str, dict[str, Any]] = {name: {"arch": name} for name in VARIANTS}
    others = [name for name in OPERATORS if name != "successive-halving"]
    variants |= {f"transpooler, {name}": {"arch": "transpooler", "operator": name} for name in others}
    half = {"arch": "transpooler", "pool": pool // 2}
    return variants | {"transpooler, k / 2": half, "transpooler, random, k / 2": {**half, "operator": "random"}}


def record(directory: Path) -> list[dict[str, float]]:
    """A run's log."""
    return [json.loads(line) for line in (directory / "training.jsonl").read_text("utf-8").splitlines()]


def run(settings: Settings, console: Console) -> list[dict[str, float]]:
    """Train, or go on training, or nothing if that is done; the log."""
    if not (settings.out / MANIFEST).is_file():
        train(replace(settings, resume=True), console)
    return record(settings.out)


def validation(log: list[dict[str, float]]) -> list[dict[str, float]]:
    """Of a log what was measured on held-out documents."""
    return [{"step": entry["step"], "dev_loss": entry["dev_loss"]} for entry in log if "dev_loss" in entry]


def write_pairs(path: Path, pairs: Iterable[tuple[str, str]]) -> Path:
    """A data file of (document, summary), if it isn't there."""
    if not path.is_file():
        rows = ({"id": str(number), "document": text, "summary": short} for number, (text, short) in enumerate(pairs))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def shortened(found: Iterable[Example], document: int, summary: int) -> Iterator[tuple[str, str]]:
    """At most so many words of each document, and whole sentences of its summary."""
    for example in found:
        ends = [end for _, end in split_sentences(example.summary)]
        short = max((end for end in ends if len(example.summary[:end].split()) <= summary), default=0)
        yield " ".join(example.document.split()[:document]), example.summary[:short]


def copying(found: Iterable[Example], *, anywhere: bool, most: int, seed: int) -> Iterator[tuple[str, str]]:
    """Texts, and the up to `most` words that are to be copied of each.

    anywhere: an excerpt from anywhere in a document; else the beginning of a passage, not much longer than that.
    """
    chance = random.Random(seed)
    for example in found:
        words = example.document.split()
        for _ in range(COPIES):
            passage, start = words, chance.randrange(max(len(words) - most, 1))
            if not anywhere:
                passage, start = words[start : start + chance.randint(most // 2, most)], 0
            text, copied = " ".join(passage), " ".join(passage[start : start + most])
            yield text, copied[: int(MOST_COPIED * len(text))].rpartition(" ")[0]


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

    figure, axis = pyplot.subplots(figsize=(9, 4.5), layout="constrained")
    for name, curve in curves.items():
        points = [(entry["step"], entry["dev_loss"]) for entry in curve]
        axis.plot(*zip(*points, strict=True), marker="o", label=name)
    axis.set(xlabel="steps behind what all share", ylabel="validation loss, nats a token")
    figure.legend(loc="outside right upper")
    figure.savefig(path, dpi=130)


def main(
    data: Annotated[Path, typer.Argument(help="training data, as sumpool train takes it")],
    dev: Annotated[Path, typer.Argument(help="held-out data")],
    large: Annotated[bool, typer.Option(help="a large model, on a GPU")] = False,
    effort: Annotated[
        float | None, typer.Option(help="how much of each lesson's steps to take (1, without --large 0.4)")
    ] = None,
    count: Annotated[int | None, typer.Option(help="documents that are summarized for ROUGE")] = None,
    words: Annotated[int | None, typer.Option(help="length of these summaries")] = None,
    seed: Annotated[int, typer.Option()] = 0,
    work: Annotated[Path, typer.Option(help="directory of the models")] = Path("benchmarks/results/models"),
    out: Out = RESULTS,
) -> None:
    """Train, measure, print the table, and write it with its plot."""
    device = "cuda" if large and torch.cuda.is_available() else "cpu"
    shape, lessons = (LARGE, LARGE_LESSONS) if large else (SMALL, SMALL_LESSONS)
    effort = effort or (1.0 if large else 0.4)
    lessons = {name: {**plan, "steps": max(round(effort * plan["steps"]), 1)} for name, plan in lessons.items()}
    count, words = count or (100 if large else 20), words or (180 if large else 40)
    most = shape["longest_summary"]
    pairs, held = (
        write_pairs(work / f"{name}.jsonl", shortened(examples(path, queries=False), shape["longest_document"], most))
        for name, path in (("summaries", data), ("held", dev))
    )
    sources = {"summaries": pairs}
    for name, anywhere in (("beginnings", False), ("excerpts", True)):
        texts = copying(examples(pairs), anywhere=anywhere, most=most, seed=seed)
        sources[name] = write_pairs(work / f"{name}.jsonl", texts)
    console = Console(stderr=True)

    def settings(name: str, plan: str, **options: Any) -> Settings:
        every = max(lessons[plan]["steps"] // 4, 1)
        given = {**shape, **lessons[plan], "every": every, "device": device, "seed": seed, **options}
        return Settings([sources.get(name, pairs)], work / re.sub(r"\W+", "-", name), dev=[held], **given)

    plain: dict[str, Any] = {"arch": "blockwise", "schedule": {}}
    first, last = settings("beginnings", "beginnings", **plain), None
    curves: dict[str, list[dict[str, float]]] = {}
    for name in ("beginnings", "excerpts", "summaries"):
        curves[name] = validation(run(settings(name, name, **plain, base=last), console))
        last = str(work / name)
    kinds = suitable([held], longest_summary=first.longest_summary)
    asked = list(islice(mixture(kinds, dict.fromkeys(kinds, 1.0), seed=seed), count))
    torch.manual_seed(seed)
    # With the vocabulary of the run that is there.
    options = {"arch": "pyramidion", "schedule": shape["schedule"], "resume": True}
    learner = TranspoolerLearner(replace(first, **options), [])
    learner.save(work / "untrained")
    tokens = statistics.median(learner.lesson(example, labelled=False).tokens for example in examples(held))
    rows: list[dict[str, Any]] = [
        {
            "system": "untrained",
            "loss": curves["beginnings"][0]["dev_loss"],
            **rouge_of(work / "untrained", asked, words, device),
        }
    ]
    for name, choice in systems(shape["pool"]).items():
        schedule = shape["schedule"] if choice["arch"] == "pyramidion" else {}
        planned = settings(name, "variant", **choice, schedule=schedule, base=last)
        curves[name] = validation(run(planned, console))
        loss = curves[name][-1]["dev_loss"]
        rows.append({"system": name, "loss": loss, **rouge_of(planned.out, asked, words, device)})
        console.print(f"{name}: {loss:.3f}", highlight=False)
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
    steps = {f"steps, {name}": plan["steps"] for name, plan in lessons.items()}
    facts = {
        **steps,
        "median document tokens": tokens,
        "documents for ROUGE": count,
        "words": words,
        **shape,
        "seed": seed,
    }
    facts |= machine(torch.device(device))
    made = {"facts": facts, "rows": rows, "curves": curves}
    save(out, "quality", made, markdown("Quality of the variants, trained alike", columns, table, facts))
    plot({name: curves[name] for name in systems(shape["pool"])}, out / "quality.png")


if __name__ == "__main__":
    typer.run(main)
