"""`sumpool train --workers`: the same lessons in the same order, and no process that outlives the training."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import cycle, islice
from pathlib import Path

import pytest
import torch
from processes import children
from rich.console import Console

from sumpool.errors import SumpoolError
from sumpool.modeling.checkpoint import load_model
from sumpool.modeling.prompts import Prompts
from sumpool.training.corpus import examples
from sumpool.training.settings import Settings

pytest.importorskip("accelerate", reason="the extra `train` is not installed")

from sumpool.training.lessons import make_lesson
from sumpool.training.trainer import train
from sumpool.training.workers import make_ahead


@pytest.fixture
def settings(corpus: Path, checkpoint: Path, tmp_path: Path) -> Settings:
    return Settings(
        [corpus], tmp_path / "out", dev=[corpus], held=4, base=str(checkpoint), oracle_loss=1.0, steps=6, batch=2,
        every=2, rate=0.01, device="cpu", workers=2,
    )  # fmt: skip


def run(settings: Settings) -> list[dict[str, float]]:
    """The losses that a run logged."""
    lines = (train(settings, Console(stderr=True)) / "training.jsonl").read_text().splitlines()
    return [{name: value for name, value in json.loads(line).items() if "loss" in name} for line in lines]


def test_workers_change_nothing_also_after_a_stop(settings: Settings, tmp_path: Path) -> None:
    alone = run(replace(settings, workers=0, out=tmp_path / "alone"))
    before = children()
    run(replace(settings, stop=4))
    assert run(replace(settings, resume=True)) == alone
    # multiprocessing keeps one of its own, which ends with us.
    assert len(children() - before) <= 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_no_worker_outlives_a_run_that_is_ended(settings: Settings, number: signal.Signals) -> None:
    command = [sys.executable, "-m", "sumpool", "train", str(settings.train[0]), "--base", str(settings.base)]
    command += ["--out", str(settings.out), "--steps", "100000", "--device", "cpu", "--workers", "2"]
    log = settings.out / "training.jsonl"
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
        wait_until(lambda: log.exists() and log.read_bytes().count(b"\n") >= 2)
        workers = children(process.pid)
        assert len(workers) >= 2
        # As a terminal does: to the whole group.
        os.killpg(process.pid, number)
        _, told = process.communicate(timeout=60)
    assert told == ""
    wait_until(lambda: not any(running(worker) for worker in workers))


def test_a_worker_that_has_ended_is_named(checkpoint: Path, settings: Settings) -> None:
    model = load_model(checkpoint, device=torch.device("cpu"), dtype=torch.float32)
    make = partial(make_lesson, model.config, Prompts.load(checkpoint), longest=8000)
    before = children()
    made = make_ahead(make, cycle(examples(settings.train[0])), labelled=True, workers=1, ahead=1)
    next(made)
    workers = children() - before
    assert workers
    for worker in workers:
        os.kill(worker, signal.SIGKILL)
    with pytest.raises(SumpoolError, match="has ended"):
        list(islice(made, 100))


def wait_until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def running(process: int) -> bool:
    """Whether it does; one that has ended and that nobody has asked for yet doesn't."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{process}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
