"""Teach the upper layers to write from pooled representations; lower layers and scorer stay as they are.

    python -m sumpool.training.fit_writer CORPUS/train/*.jsonl.zst --checkpoint models/sumpool-135m --run runs/writer

The loss is the summary's cross-entropy. State is saved as training goes, weights, moments and place in the data,
so the same command with --resume goes on as if it had never stopped.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Annotated

import torch
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F

from sumpool.errors import UsageError
from sumpool.modeling.blocks import tokenize
from sumpool.modeling.checkpoint import find_model, load_model, save_model
from sumpool.modeling.prompts import Prompts
from sumpool.modeling.pyramidion_lm import PyramidionLM
from sumpool.modeling.reading import read
from sumpool.training.corpus import Example, mixture

WEIGHTS = {"paper": 9.0, "techdoc": 5.0, "book": 3.0, "meeting": 1.5, "report": 0.7, "dialogue": 0.5, "news": 0.3}
LONGEST_SUMMARY = 320
LONGEST_DOCUMENT = 8_000
"""Words; longer documents are cut in training only, to keep steps alike."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """One example behind the frozen lower layers: states [t, d] in, ids [m] out, predicted at the last m states."""

    states: Tensor
    targets: Tensor


@torch.no_grad()
def prepare(model: PyramidionLM, prompts: Prompts, example: Example) -> Lesson:
    """Read the document and pool it; run the summary's own block through the lower layers."""
    spans = example.sentences()
    document = example.document
    words = 0
    for index, (start, end) in enumerate(spans):
        words += document.count(" ", start, end) + 1
        if words > LONGEST_DOCUMENT:
            spans = spans[: index + 1]
            break
    tokens = tokenize(prompts, document, spans)
    focus = prompts.focus(example.focus) if example.focus else None
    targets = torch.tensor([*prompts.plain(example.summary), prompts.end], device=model.device)
    answer = torch.tensor(prompts.answer, device=model.device)
    with autocast(model.device):
        reading = read(model, tokens, prompts.prefix(example.words, example.focus), focus=focus)
        block = model.read(torch.cat((reading.context, answer, targets[:-1]))[None])[0]
    return Lesson(torch.cat((reading.states, block[len(reading.context) :])), targets)


def autocast(device: torch.device) -> torch.autocast:
    """bfloat16 matrix products where the hardware has them; emulated ones are slower than float32."""
    native = device.type != "cpu" or torch.cpu._is_avx512_bf16_supported()
    return torch.autocast(device.type, torch.bfloat16, enabled=native)


def lesson_loss(model: PyramidionLM, lesson: Lesson) -> Tensor:
    """Mean cross-entropy of the summary, in nats a token."""
    outputs = model.run(model.upper, lesson.states[None])[0, -len(lesson.targets) :]
    return F.cross_entropy(model.logits(outputs).float(), lesson.targets)


@torch.no_grad()
def mean_loss(model: PyramidionLM, lessons: Iterable[Lesson]) -> float:
    """The mean over lessons of `lesson_loss`."""
    with autocast(model.device):
        losses = [lesson_loss(model, lesson).item() for lesson in lessons]
    return sum(losses) / len(losses)


class Training:
    """AdamW over the upper layers with warm-up and cosine decay, and its state on disk."""

    def __init__(self, model: PyramidionLM, *, steps: int, rate: float, warmup: int = 20) -> None:
        self.model, self.steps, self.rate, self.warmup = model, steps, rate, warmup
        self.weights = dict(model.upper.named_parameters(prefix="upper")) | dict(
            model.norm.named_parameters(prefix="norm")
        )
        for parameter in self.weights.values():
            parameter.requires_grad_(True)
        self.optimizer = torch.optim.AdamW(
            self.weights.values(), lr=rate, betas=(0.9, 0.98), weight_decay=0.01, fused=True
        )
        self.step = 0

    def advance(self, lessons: list[Lesson]) -> float:
        """One optimizer step over the lessons' mean loss, which it returns."""
        done = self.step / max(1, self.steps)
        rate = self.rate * min((self.step + 1) / self.warmup, 0.05 + 0.95 * (1 + math.cos(math.pi * done)) / 2)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        total = 0.0
        for lesson in lessons:
            with autocast(self.model.device):
                loss = lesson_loss(self.model, lesson) / len(lessons)
            loss.backward()
            total += loss.item()
        torch.nn.utils.clip_grad_norm_(self.weights.values(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.step += 1
        return total

    def save(self, path: Path) -> None:
        """Atomically: a kill while saving leaves the state of before."""
        tensors = {f"weight/{name}": parameter.detach() for name, parameter in self.weights.items()}
        for name, parameter in self.weights.items():
            for key, value in self.optimizer.state[parameter].items():
                tensors[f"{key}/{name}"] = value
        temporary = path.with_suffix(".part")
        save_file(tensors, temporary, metadata={"step": str(self.step), "steps": str(self.steps)})
        temporary.replace(path)

    def restore(self, path: Path) -> None:
        with safe_open(path, framework="pt") as stored:
            metadata = stored.metadata()
            if int(metadata["steps"]) != self.steps:
                raise UsageError("resume", f"{path} belongs to a run of {metadata['steps']} steps")
            self.step = int(metadata["step"])
            for key in stored.keys():  # noqa: SIM118  (not a mapping)
                kind, name = key.split("/", 1)
                if kind == "weight":
                    self.weights[name].data.copy_(stored.get_tensor(key))
                else:
                    self.optimizer.state[self.weights[name]][kind] = stored.get_tensor(key)


def main(
    train: Annotated[list[Path], typer.Argument(help="JSON Lines files, .zst or plain")],
    run: Annotated[Path, typer.Option(help="directory for state and log")],
    checkpoint: Annotated[str | None, typer.Option(help="name or directory of the model to start from")] = None,
    out: Annotated[
        Path | None, typer.Option(help="where to write the result; the checkpoint itself by default")
    ] = None,
    dev: Annotated[list[Path] | None, typer.Option(help="JSON Lines files for the validation loss")] = None,
    steps: Annotated[int, typer.Option(help="optimizer steps")] = 300,
    batch: Annotated[int, typer.Option(help="documents a step")] = 2,
    rate: Annotated[float, typer.Option(help="peak learning rate")] = 1e-4,
    every: Annotated[int, typer.Option(help="steps between saves and validations")] = 50,
    held: Annotated[int, typer.Option(help="development examples to validate on")] = 24,
    device: Annotated[str, typer.Option()] = "cpu",
    seed: Annotated[int, typer.Option()] = 0,
    stop: Annotated[int | None, typer.Option(help="leave off after this step; --resume goes on from there")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="go on with the run in --run")] = False,
) -> None:
    """Train the upper layers and write the checkpoint."""
    console = Console(stderr=True)
    directory = find_model(checkpoint)
    torch.manual_seed(seed)
    model = load_model(directory, device=torch.device(device), dtype=torch.float32)
    prompts = Prompts.load(directory)
    training = Training(model, steps=steps, rate=rate)
    run.mkdir(parents=True, exist_ok=True)
    state, log = run / "state.safetensors", run / "log.jsonl"
    if resume and state.exists():
        training.restore(state)
    elif state.exists():
        raise UsageError("run", f"{run} holds a run already (give --resume or another directory)")
    drawn = mixture(train, WEIGHTS, seed=seed, longest_summary=LONGEST_SUMMARY)
    stream = islice(drawn, training.step * batch, None)
    drawn_dev = islice(mixture(dev, WEIGHTS, seed=1, longest_summary=LONGEST_SUMMARY), held) if dev else ()
    validation = [prepare(model, prompts, example) for example in drawn_dev]
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress, log.open("a", encoding="utf-8") as lines:
        task = progress.add_task("training", total=steps, completed=training.step)
        while True:
            record: dict[str, float] = {"step": training.step}
            last = training.step == (steps if stop is None else min(stop, steps))
            if training.step % every == 0 or last:
                if training.step:
                    training.save(state)
                if validation:
                    record["dev_loss"] = mean_loss(model, validation)
            if last:
                lines.write(json.dumps(record) + "\n")
                break
            started = time.perf_counter()
            lessons = [prepare(model, prompts, example) for example in islice(stream, batch)]
            record["loss"] = training.advance(lessons)
            record["tokens_per_second"] = sum(len(x.states) for x in lessons) / (time.perf_counter() - started)
            lines.write(json.dumps(record) + "\n")
            lines.flush()
            progress.update(task, completed=training.step, description=f"loss {record['loss']:.3f}")
    save_model(model, out or directory, tokenizer_json=prompts.tokenizer.to_str())


if __name__ == "__main__":
    typer.run(main)
