"""Where to split, how much to keep, how to train? Variants of a design, trained alike.

    python benchmarks/study.py BASE TRAIN.jsonl ... --dev DEV.jsonl --dev ...     # an hour and a quarter on one core

BASE is a checkpoint by `python -m sumpool.training.convert`, its scorer untrained. Each variant differs from the first
in one thing. All begin with the same weights and see the same documents in the same order: first the scorer is fitted
on the extractive oracle's sentences, unless the variant says that it is trained along; then the layers above the pooler
learn to write the summaries. Documents are cut after so many words, and the pool is smaller by as much as they are
shorter than whole ones. What was begun goes on when the command is repeated. Writes study.json and study.md.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
import typer
from accelerate import Accelerator
from reporting import Pairs, machine, markdown, save
from rich.console import Console
from torch import Tensor

from sumpool.modeling.config import PyramidionConfig
from sumpool.pooling import Scorer, hard_top_k
from sumpool.pooling.scorer import sentence_means
from sumpool.training.corpus import Example, mixture, suitable
from sumpool.training.fit_scorer import Sample, fit
from sumpool.training.lessons import Lesson, LowerCache, Lowered
from sumpool.training.objective import Objective
from sumpool.training.pyramidion_lm import PyramidionLearner
from sumpool.training.settings import Pooling, Settings
from sumpool.training.trainer import Run


@dataclass(frozen=True, slots=True)
class Variant:
    """One design.

    Attributes:
        split: layers below the (first) pooler.
        pool: representations kept.
        by: what is ranked: whole sentences, tokens, or sentences at random.
        second: layers below a second pooler, which leaves `pool` of four times as many; None for one stage.
        reread: of what is kept, the tokens are read again from the first layer, as one text.
        fitted: whether the scorer is fitted before, and then left alone.
        pooling: hard or soft, in training.
        oracle_loss: its weight while the upper layers are trained.
    """

    split: int = 6
    pool: int = 256
    by: Literal["sentences", "tokens", "chance"] = "sentences"
    second: int | None = None
    reread: bool = False
    fitted: bool = True
    pooling: Pooling = "hard"
    oracle_loss: float = 0.0


VARIANTS: dict[str, dict[str, Variant]] = {
    "reference": {"L = 6, k = 256, whole sentences, one stage": Variant()},
    "split": {f"L = {split}": Variant(split=split) for split in (2, 4, 8, 10)},
    "pool": {f"k = {pool}": Variant(pool=pool) for pool in (64, 128, 512)},
    "ranked": {"tokens": Variant(by="tokens"), "by chance": Variant(by="chance")},
    "stages": {"two: 1,024 at L = 4, 256 at L = 8": Variant(split=4, second=8)},
    "passed on": {"the tokens, read again": Variant(reread=True)},
    "scorer": {
        "trained along, hard pooling, oracle loss": Variant(fitted=False, oracle_loss=1.0),
        "trained along, soft pooling, oracle loss": Variant(fitted=False, pooling="soft", oracle_loss=1.0),
        "trained along, soft pooling alone": Variant(fitted=False, pooling="soft"),
    },
}


class Varied(Objective):
    """The objective of training with a variant's way from what was read to what is written from."""

    def __init__(self, learner: PyramidionLearner, cache: LowerCache, variant: Variant) -> None:
        super().__init__(learner.objective.model, cache)
        self.variant = variant
        self.kept = torch.empty(0, dtype=torch.long)
        """Indices [k] of the tokens kept of the lesson that came last."""
        if variant.second is not None:
            between = variant.second - variant.split
            self.middle = self.model.upper[:between]
            self.model.upper = self.model.upper[between:]
            self.scorer = _new_scorer(self.model.config)

    def sequence(self, lesson: Lesson, lowered: Lowered, scores: Tensor, base: float | None) -> Tensor:
        model, variant = self.model, self.variant
        if variant.by == "tokens":
            scores = model.scorer(lowered.document, lesson.features.to(model.device)).float()
        elif variant.by == "chance":
            chance = torch.Generator().manual_seed(lesson.tokens)
            scores = torch.rand(len(lesson.labels), generator=chance)[lesson.owners].to(model.device)
        if variant.second is not None:
            lesson, lowered, chosen = self.first_stage(lesson, lowered, scores)
            scores = self._smooth(self.scorer(lowered.document, lesson.features.to(model.device)).float(), lesson)
            self.kept = chosen[hard_top_k(scores.detach(), model.config.pool_size)]
        else:
            self.kept = hard_top_k(scores.detach(), min(model.config.pool_size, lesson.tokens))
        if variant.reread and not lesson.whole:
            ids = [token for row in lesson.rows[:-1] for token in row[lesson.prefix :]]
            row, tail = lesson.rows[-1], lesson.rows[-1][lesson.prefix :]
            again = [*row[: lesson.prefix], *(ids[index] for index in self.kept.tolist()), *tail]
            with torch.no_grad():
                return model.read(torch.tensor([again], device=model.device))[0]
        return super().sequence(lesson, lowered, scores, base)

    def first_stage(self, lesson: Lesson, lowered: Lowered, scores: Tensor) -> tuple[Lesson, Lowered, Tensor]:
        """Four times the pool, behind the layers between the poolers, as a lesson; and the indices of what is left."""
        chosen = hard_top_k(scores.detach(), min(4 * self.model.config.pool_size, lesson.tokens))
        p = len(lowered.head)
        read = self.model.run(self.middle, torch.cat((lowered.head, lowered.document[chosen]))[None])[0]
        tail = self.model.run(self.middle, torch.cat((lowered.head, lowered.tail))[None])[0]
        places = chosen.cpu()
        left = replace(lesson, features=lesson.features[places], owners=lesson.owners[places])
        return left, Lowered(read[:p], read[p:], tail[p:]), chosen

    def _smooth(self, logits: Tensor, lesson: Lesson) -> Tensor:
        means, _ = sentence_means(logits, lesson.owners.to(logits.device), len(lesson.labels))
        return means[lesson.owners.to(logits.device)]


class Studied(PyramidionLearner):
    """A variant, its scorer fitted on the lessons where the variant says so."""

    def __init__(self, settings: Settings, variant: Variant) -> None:
        super().__init__(settings)
        assert settings.cache is not None
        self.cache = LowerCache(settings.cache, self.objective.model)
        torch.manual_seed(settings.seed)
        self.objective = Varied(self, self.cache, variant)
        self.objective.model.scorer = _new_scorer(self.objective.model.config)
        if not variant.fitted:
            self.weights |= {
                f"scorer.{name}": weight for name, weight in self.objective.model.scorer.named_parameters()
            }

    def fit(self, lessons: Sequence[Lesson]) -> None:
        """Fit the scorer, or both, as `sumpool.training.fit_scorer` does."""
        objective = self.objective
        lowered = self.cache.run_lower(lessons)
        fit(objective.model.scorer, [_sample(*pair) for pair in zip(lessons, lowered, strict=True)])
        objective.model.scorer.requires_grad_(False)
        if objective.variant.second is None:
            return
        stages = []
        with torch.no_grad():
            for lesson, states in zip(lessons, lowered, strict=True):
                logits = objective.model.scorer(states.document, lesson.features.to(objective.model.device)).float()
                left, second, _ = objective.first_stage(lesson, states, objective._smooth(logits, lesson))
                stages.append(_sample(left, second))
        fit(objective.scorer, stages)
        objective.scorer.requires_grad_(False)


def _sample(lesson: Lesson, lowered: Lowered) -> Sample:
    return Sample(lowered.document.half(), lesson.features, lesson.owners, lesson.labels)


def _new_scorer(config: PyramidionConfig) -> Scorer:
    return Scorer(config.hidden_size, config.scorer_hidden_size)


def study(settings: Settings, variant: Variant, lessons: list[Lesson], held: list[Lesson]) -> dict[str, float]:
    """Train one variant; its loss on held lessons before and after, and the share of the oracle that it keeps."""
    settings = replace(
        settings, split_layer=variant.split, pool=variant.pool, pooling=variant.pooling, oracle_loss=variant.oracle_loss
    )
    learner = Studied(settings, variant)
    if variant.fitted:
        learner.fit(lessons)
    accelerator = Accelerator(cpu=not torch.cuda.is_available())
    run = Run(settings, accelerator, learner.to(accelerator.device), settings.steps or 1)
    before = run.validate(held)["dev_loss"]
    for start in range(0, len(lessons), settings.batch):
        run.advance(lessons[start : start + settings.batch])
    loss, recall = _measure(run, learner, held)
    return {"before": before, "loss": loss, "recall": 100 * recall}


def _measure(run: Run, learner: Studied, lessons: Sequence[Lesson]) -> tuple[float, float]:
    """The mean loss in nats a token, and the mean share of the oracle sentences' tokens that is kept."""
    losses, shares = [], []
    for lesson in lessons:
        losses.append(run.validate([lesson])["dev_loss"])
        wanted = lesson.labels[lesson.owners] > 0
        if not lesson.whole and wanted.any():
            shares.append(float(wanted[learner.objective.kept.cpu()].sum() / wanted.sum()))
    return statistics.mean(losses), statistics.mean(shares)


def main(
    base: Annotated[Path, typer.Argument(help="a checkpoint with an untrained scorer")],
    train: Pairs,
    dev: Annotated[list[Path], typer.Option(help="held out, to measure on")],
    work: Annotated[Path, typer.Option(help="where readings are kept")] = Path("study"),
    out: Annotated[Path, typer.Option(help="where the results go")] = Path("docs/results"),
    steps: Annotated[int, typer.Option(help="of training, each variant's")] = 24,
    held: Annotated[int, typer.Option(help="documents to measure on")] = 48,
    words: Annotated[int, typer.Option(help="of a document that are read")] = 2000,
) -> None:
    """Train every variant and write the tables."""
    console = Console(stderr=True)
    work.mkdir(parents=True, exist_ok=True)
    kept = work / "study.json"
    rows: list[dict[str, Any]] = json.loads(kept.read_text("utf-8")) if kept.exists() else []
    settings = Settings(
        train, work, base=str(base), steps=steps, batch=4, rate=2e-4, warmup=5, cache=work / "cache",
        longest_document=words,
    )  # fmt: skip
    # The same for every variant: their tokens, blocks and labels don't depend on what is kept.
    teacher = PyramidionLearner(settings)
    taught = [teacher.lesson(example, labelled=True) for example in _draw(train, steps * settings.batch, words)]
    unseen = [teacher.lesson(example, labelled=True) for example in _draw(dev, held, words)]
    del teacher
    for question, variants in VARIANTS.items():
        for name, variant in variants.items():
            if any(row["variant"] == name for row in rows):
                continue
            found = study(settings, variant, taught, unseen)
            rows.append({"question": question, "variant": name, **{key: round(n, 3) for key, n in found.items()}})
            console.print(f"{question}, {name}: {found['loss']:.3f} nats, {found['recall']:.0f}% of the oracle kept")
            kept.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    facts = {
        "training documents": len(taught), "held documents": len(unseen), "words read of each": words,
        "tokens of a held document": round(statistics.median(lesson.tokens for lesson in unseen)),
        "seed": settings.seed,
        **machine(torch.device("cuda" if torch.cuda.is_available() else "cpu")),
    }  # fmt: skip
    header = ("", "", "nats before", "nats after", "oracle kept, %")
    table = [
        (r["question"], r["variant"], f"{r['before']:.3f}", f"{r['loss']:.3f}", f"{r['recall']:.1f}") for r in rows
    ]
    record = {"facts": facts, "rows": rows}
    save(out, "study", record, markdown("Variants of a design, trained alike", header, table, facts))


def _draw(paths: Sequence[Path], count: int, words: int) -> list[Example]:
    """Examples of documents that are long enough for a pool to leave something out, kinds in turn by their names."""
    kinds = suitable(paths, longest_summary=250)
    long = {kind: [one for one in found if one.document.count(" ") > words / 2] for kind, found in kinds.items()}
    return list(islice(mixture(long, dict.fromkeys(long, 1.0), seed=0), count))


if __name__ == "__main__":
    typer.run(main)
