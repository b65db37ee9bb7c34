"""The training loop: AdamW with warm-up and cosine decay, exact resume, a log, progress.

accelerate brings devices and several processes (`torchrun -m sumpool train ...`): each takes its share of a step's
documents, and gradients are averaged between them.
"""

from __future__ import annotations

import json
import math
import shutil
import time
from collections.abc import Generator, Sequence
from contextlib import ExitStack, closing, nullcontext
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import DistributedDataParallelKwargs
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from sumpool.errors import UsageError
from sumpool.modeling.int8 import matrix_type
from sumpool.training.corpus import mixture, suitable
from sumpool.training.learner import Learner
from sumpool.training.settings import LOG, STATE, Precision, Settings
from sumpool.training.workers import make_ahead

AHEAD = 4
"""Steps whose lessons workers may have made before they are needed."""


def train(settings: Settings, console: Console) -> Path:
    """Train, and write the checkpoint to `settings.out`, which it returns. State and log lie beside it on the way.

    Raises:
        UsageError: settings that contradict each other, the data, or the run that is to be resumed.
        ModelError: the base is missing or damaged.
    """
    accelerator = _accelerator(settings)
    state, log = settings.out / STATE, settings.out / LOG
    if state.exists() and not settings.resume:
        raise UsageError("run", f"{settings.out} holds a training run already (give --resume or another --out)")
    torch.manual_seed(settings.seed)
    data = _Data(settings)
    # One process after the other: what the first one has to make (a vocabulary), the others find.
    with accelerator.main_process_first():
        learner = _make_learner(settings, data)
    learner.to(accelerator.device)
    run = Run(settings, accelerator, learner, data.steps)
    if settings.resume and state.exists():
        run.restore(state)
    settings.out.mkdir(parents=True, exist_ok=True)
    if accelerator.is_main_process:
        _drop_records(log, run.step)
    last = run.steps if settings.stop is None else min(settings.stop, run.steps)
    held = data.held(learner)
    with ExitStack() as stack:
        stream = stack.enter_context(closing(data.batches(learner, run.step, last)))
        main = accelerator.is_main_process
        lines = stack.enter_context(log.open("a", encoding="utf-8")) if main else None
        progress = stack.enter_context(_progress(console)) if main and console.is_terminal else None
        task = progress.add_task("training", total=run.steps, completed=run.step) if progress else None
        while True:
            record: dict[str, float] = {"step": run.step}
            if run.step % settings.every == 0 or run.step == last:
                if main and run.step:
                    run.save(state)
                if main and held:
                    record |= run.validate(held)
                accelerator.wait_for_everyone()
            if run.step < last:
                started = time.perf_counter()
                batch = next(stream)
                record |= run.advance(share(batch, accelerator.process_index, accelerator.num_processes))
                record["seconds"] = time.perf_counter() - started
                record["tokens_per_second"] = sum(x.tokens for x in batch) / record["seconds"]
            if lines is not None:
                lines.write(json.dumps(record) + "\n")
                lines.flush()
            if progress is not None and task is not None and "loss" in record:
                speed = f"{record['tokens_per_second']:,.0f} tokens/s"
                progress.update(task, completed=run.step, description=f"loss {record['loss']:.3f}, {speed}")
            if "loss" not in record:
                break
    if accelerator.is_main_process and run.step == run.steps:
        learner.save(settings.out)
    return settings.out


def _make_learner(settings: Settings, data: _Data) -> Learner:
    if settings.arch is None:
        from sumpool.training.pyramidion_lm import PyramidionLearner

        return PyramidionLearner(settings)
    from sumpool.training.transpooler import TranspoolerLearner

    return TranspoolerLearner(settings, data.examples)


class Run:
    """Weights, optimizer and place in the data of one run."""

    def __init__(
        self,
        settings: Settings,
        accelerator: Accelerator,
        learner: Learner,
        steps: int,
    ) -> None:
        self.settings, self.accelerator, self.learner, self.weights = settings, accelerator, learner, learner.weights
        groups: dict[float, list[Tensor]] = {}
        for name, weight in self.weights.items():
            groups.setdefault(learner.rate_factor(name), []).append(weight)
        optimizer = torch.optim.AdamW(
            [{"params": weights, "factor": factor} for factor, weights in sorted(groups.items())],
            lr=settings.rate,
            betas=(0.9, 0.98),
            weight_decay=0.01,
            fused=accelerator.device.type == "cuda" or None,  # None: as torch sees fit
        )
        self.wrapped, self.optimizer = accelerator.prepare(learner, optimizer)
        self.step = 0
        self.steps = steps

    def autocast(self) -> torch.autocast:
        return autocast(self.accelerator.device, self.settings.precision)

    def rate(self) -> float:
        """Linear warm-up, then a cosine from the peak to a twentieth of it."""
        cosine = 0.05 + 0.95 * (1 + math.cos(math.pi * self.step / self.steps)) / 2
        return self.settings.rate * min((self.step + 1) / self.settings.warmup, cosine)

    def oracle_weight(self) -> float:
        """Of the oracle's loss beside the summary's, which takes over as training goes.

        Not behind hard pooling: there, nothing else teaches the scorer, and the layers below it may move.
        """
        fades = self.settings.pooling == "soft"
        return self.settings.oracle_loss * (1 - self.step / self.steps if fades else 1.0)

    def advance(self, lessons: Sequence[Any]) -> dict[str, float]:
        """One optimizer step over the mean loss of the lessons, some at a time; returns what the log says of it."""
        rate = self.rate()
        # By the step, so that chance (dropout, random pooling) is the same in a run that was interrupted.
        torch.manual_seed(hash((self.settings.seed, self.step, self.accelerator.process_index)))
        self.learner.train()
        oracle_weight = self.oracle_weight()
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["factor"]
        totals = {"loss": 0.0, "oracle_loss": 0.0}
        groups = _groups(lessons, self.settings.tokens_at_once)
        for index, group in enumerate(groups):
            share = len(group) / len(lessons)
            # Between processes gradients are averaged once a step, with the last group.
            with self.accelerator.no_sync(self.wrapped) if index + 1 < len(groups) else nullcontext():
                with self.autocast():
                    losses = self.wrapped(group, self.step / self.steps)
                self.accelerator.backward(share * (losses.summary + oracle_weight * losses.oracle))
            totals["loss"] += share * losses.summary.item()
            totals["oracle_loss"] += share * losses.oracle.item()
        norm = self.accelerator.clip_grad_norm_(list(self.weights.values()), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.step += 1
        return {**totals, "rate": rate, "gradient_norm": float(norm or 0.0)}

    @torch.no_grad()
    def validate(self, lessons: Sequence[Any]) -> dict[str, float]:
        """Mean losses, in nats a token, of the model as it is used, as the log names them: the oracle's by need."""
        torch.manual_seed(self.settings.seed)
        self.learner.eval()
        with self.autocast():
            losses = [self.learner([lesson]) for lesson in lessons]
        record = {"dev_loss": sum(loss.summary.item() for loss in losses) / len(losses)}
        if self.settings.oracle_loss:
            record["dev_oracle_loss"] = sum(loss.oracle.item() for loss in losses) / len(losses)
        return record

    def save(self, path: Path) -> None:
        """Atomically: a kill while saving leaves the state of before."""
        tensors: dict[str, Tensor] = {f"weight/{name}": weight.detach() for name, weight in self.weights.items()}
        moments = self.optimizer.optimizer.state
        for name, weight in self.weights.items():
            tensors |= {f"{key}/{name}": value for key, value in moments[weight].items()}
        facts = {"step": str(self.step), "steps": str(self.steps), "settings": json.dumps(self.settings.curve())}
        temporary = path.with_suffix(".part")
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, temporary, metadata=facts)
        temporary.replace(path)

    def restore(self, path: Path) -> None:
        """Go on from a saved state; UsageError if its settings were others."""
        with safe_open(path, framework="pt") as stored:
            facts: dict[str, Any] = stored.metadata()
            then, now = json.loads(facts["settings"]), json.loads(json.dumps(self.settings.curve()))
            changed = [name for name in now if then.get(name) != now[name]]
            if changed:
                raise UsageError("resume", f"{path} was made with another {', '.join(changed)} (repeat the options)")
            self.step, self.steps = int(facts["step"]), int(facts["steps"])
            moments = self.optimizer.optimizer.state
            for key in stored.keys():  # noqa: SIM118  (not a mapping)
                kind, name = key.split("/", 1)
                weight, value = self.weights[name], stored.get_tensor(key)
                if kind == "weight":
                    weight.data.copy_(value)
                else:
                    # With the count of steps, which a fused AdamW looks for on the GPU.
                    moments[weight][kind] = value.to(weight.device)


class _Data:
    """The examples of a run in the order of its seed, made into lessons as they come."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        kinds = suitable(settings.train, longest_summary=settings.longest_summary)
        self.examples = [example for kind in sorted(kinds) for example in kinds[kind]]
        if not self.examples:
            raise UsageError("data", "no usable pair in the training data (summaries need 8 words or more)")
        unknown = sorted(settings.weights.keys() - kinds.keys())
        if unknown:
            raise UsageError("data", f"--weight {unknown[0]}: no such kind (there are {', '.join(sorted(kinds))})")
        weights = {kind: float(len(examples)) for kind, examples in kinds.items()}
        if settings.weights:
            weights = {kind: settings.weights.get(kind, 0.0) for kind in kinds}
        if not any(weights.values()):
            raise UsageError("data", "--weight leaves no kind of document to draw (give one a weight above 0)")
        self._stream = mixture(kinds, weights, seed=settings.seed)
        self.steps = settings.steps or -(-len(self.examples) // settings.batch)

    def batches(self, learner: Learner, done: int, last: int) -> Generator[list[Any]]:
        """A step's lessons at a time, from the step after `done` up to the `last`."""
        size, workers = self._settings.batch, self._settings.workers
        examples = islice(self._stream, done * size, last * size)
        labelled = bool(self._settings.oracle_loss)
        made = make_ahead(learner.lesson, examples, labelled=labelled, workers=workers, ahead=AHEAD * size)
        while batch := list(islice(made, size)):
            yield batch

    def held(self, learner: Learner) -> list[Any]:
        """Development lessons, kinds in turn."""
        if not self._settings.dev:
            return []
        kinds = suitable(self._settings.dev, longest_summary=self._settings.longest_summary)
        stream = mixture(kinds, dict.fromkeys(kinds, 1.0), seed=1)
        count = min(self._settings.held, sum(map(len, kinds.values())))
        labelled = bool(self._settings.oracle_loss)
        return [learner.lesson(example, labelled=labelled) for example in islice(stream, count)]


def share(lessons: Sequence[Any], process: int, processes: int) -> list[Any]:
    """What one of several processes does of a step: as many lessons as the others, and of about the same lengths.

    All wait for the slowest. Dealt by length, the longest first, back and forth.
    """
    longest_first = sorted(lessons, key=lambda lesson: -lesson.tokens)
    turns = (process, 2 * processes - 1 - process)
    return [lesson for place, lesson in enumerate(longest_first) if place % (2 * processes) in turns]


def _groups(lessons: Sequence[Any], tokens_at_once: int) -> list[list[Any]]:
    """Lessons of like length together, at most so many document tokens a group where a single one doesn't have more."""
    groups: list[list[Any]] = [[]]
    room = tokens_at_once
    for lesson in sorted(lessons, key=lambda lesson: lesson.tokens):
        if groups[-1] and lesson.tokens > room:
            groups.append([])
            room = tokens_at_once
        groups[-1].append(lesson)
        room -= lesson.tokens
    return groups


def _accelerator(settings: Settings) -> Accelerator:
    cpu = settings.device == "cpu" or (settings.device == "auto" and not torch.cuda.is_available())
    return Accelerator(cpu=cpu, kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=True)])


def autocast(device: torch.device, precision: Precision) -> torch.autocast:
    """bfloat16 matrix products; by "auto" only where the hardware has them, since emulated ones are slow.

    Not accelerate's own: that one holds for a whole process, where this holds for a run.
    """
    native = torch.cuda.is_bf16_supported() if device.type == "cuda" else matrix_type() == torch.bfloat16
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16" or (precision == "auto" and native))


def _drop_records(log: Path, step: int) -> None:
    """Forget what was logged after the state was saved: those steps come again."""
    if not log.exists():
        return
    kept = [line for line in log.read_text(encoding="utf-8").splitlines(keepends=True) if _step(line) < step]
    temporary = log.with_suffix(".part")
    temporary.write_text("".join(kept), encoding="utf-8")
    shutil.move(temporary, log)


def _step(line: str) -> float:
    try:
        return float(json.loads(line)["step"])
    except ValueError:  # the line that a kill cut short
        return math.inf


def _progress(console: Console) -> Progress:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=console)
