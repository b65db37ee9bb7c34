"""`sumpool train` on a small model: what is trained, exact resume, errors, and the parts it is made of."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from safetensors.torch import load_file

from sumpool.errors import UsageError
from sumpool.modeling.checkpoint import load_model
from sumpool.modeling.prompts import Prompts
from sumpool.modeling.reading import read
from sumpool.training.corpus import examples
from sumpool.training.settings import Settings

pytest.importorskip("accelerate", reason="the extra `train` is not installed")

from sumpool.training.base import split_at
from sumpool.training.lessons import LowerCache, make_lesson, run_lower
from sumpool.training.lora import add_low_rank, merge_low_rank
from sumpool.training.objective import Objective, pool
from sumpool.training.trainer import share, train


@pytest.fixture
def settings(corpus: Path, checkpoint: Path, tmp_path: Path) -> Settings:
    return Settings(
        [corpus], tmp_path / "out", base=str(checkpoint), steps=6, batch=2, every=2, rate=0.01, device="cpu"
    )


def run(settings: Settings) -> Path:
    return train(settings, Console(stderr=True))


def records(directory: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (directory / "training.jsonl").read_text().splitlines()]


def losses(directory: Path) -> list[float]:
    return [record["loss"] for record in records(directory) if "loss" in record]


def changed(before: Path, after: Path) -> set[str]:
    """Which parts of a checkpoint differ."""
    names = {path.name for path in after.glob("*.safetensors")} - {"training.safetensors"}
    return {name.split(".")[0] for name in names if (before / name).read_bytes() != (after / name).read_bytes()}


@pytest.mark.parametrize(
    ("part", "pooling", "oracle", "parts"),
    [
        ("upper", "hard", 0.0, {"upper"}),
        ("upper", "soft", 0.0, {"upper", "scorer"}),
        ("scorer", "soft", 0.0, {"scorer"}),
        ("scorer", "hard", 1.0, {"scorer"}),
        ("lora", "hard", 0.0, {"upper"}),
        ("layers", "soft", 0.0, {"lower", "scorer", "upper"}),
        ("layers", "hard", 1.0, {"lower", "scorer", "upper"}),
        ("layers", "hard", 0.0, {"lower", "upper"}),
        ("all", "soft", 0.5, {"embeddings", "lower", "scorer", "upper"}),
    ],
)
def test_what_is_trained_changes_and_nothing_else(
    settings: Settings, checkpoint: Path, part: str, pooling: str, oracle: float, parts: set[str]
) -> None:
    out = run(replace(settings, part=part, pooling=pooling, oracle_loss=oracle, steps=3))
    assert changed(checkpoint, out) == parts
    load_model(out, device=torch.device("cpu"), dtype=torch.float32)


def test_the_loss_falls_and_the_log_says_so(settings: Settings, corpus: Path) -> None:
    out = run(replace(settings, steps=12, dev=[corpus], held=4, every=6, part="all", precision="fp32"))
    dev = [record["dev_loss"] for record in records(out) if "dev_loss" in record]
    assert len(dev) == 3
    assert dev[0] > dev[1] > dev[2]
    assert {"loss", "oracle_loss", "rate", "gradient_norm", "tokens_per_second"} <= records(out)[1].keys()


def test_oracle_labels_teach_the_scorer(settings: Settings) -> None:
    out = run(replace(settings, part="scorer", oracle_loss=1.0, steps=30, rate=0.02))
    curve = [record["oracle_loss"] for record in records(out) if "oracle_loss" in record]
    assert sum(curve[-5:]) < 0.7 * sum(curve[:5])


@pytest.mark.parametrize(("pooling", "weights"), [("hard", [1, 1, 1]), ("soft", [1, 2 / 3, 1 / 3])])
def test_the_oracle_s_weight_falls_where_the_summary_s_loss_takes_over(
    settings: Settings, pooling: str, weights: list[float]
) -> None:
    # The same documents each step, nothing learned, and next to no other gradient: what changes is the weight.
    still = replace(settings, weights={"ports": 1.0}, batch=4, rate=0.0, steps=3, precision="fp32")
    out = run(replace(still, part="scorer", pooling=pooling, oracle_loss=1e6))
    norms = [record["gradient_norm"] for record in records(out) if "gradient_norm" in record]
    assert [norm / norms[0] for norm in norms] == pytest.approx(weights, rel=1e-3)


def test_validation_tells_the_oracle_s_loss_where_it_is_trained(settings: Settings, corpus: Path) -> None:
    held = replace(settings, dev=[corpus], held=4, steps=12, every=6, rate=0.02)
    out = run(replace(held, part="scorer", oracle_loss=1.0))
    first, *_, last = [record["dev_oracle_loss"] for record in records(out) if "dev_loss" in record]
    assert last < first
    plain = records(run(replace(held, out=settings.out.with_name("plain"), steps=1)))
    assert "dev_loss" in plain[0]
    assert "dev_oracle_loss" not in plain[0]


def test_a_run_that_stopped_goes_on_as_if_it_had_not(settings: Settings, tmp_path: Path) -> None:
    soft = replace(settings, part="all", pooling="soft", oracle_loss=0.5, precision="fp32")
    whole = run(replace(soft, out=tmp_path / "whole"))
    stopped = run(replace(soft, stop=4))
    assert not (stopped / "checkpoint.json").exists()
    run(replace(soft, resume=True))
    assert losses(stopped) == pytest.approx(losses(whole), rel=1e-6)
    for name in ("upper", "lower", "scorer"):
        one, two = (load_file(directory / f"{name}.safetensors") for directory in (stopped, whole))
        assert all(one[key].equal(two[key]) for key in one)


def test_a_killed_run_resumes_with_the_same_curve(settings: Settings, tmp_path: Path) -> None:
    whole = run(replace(settings, out=tmp_path / "whole", steps=40, every=3))
    arguments = [str(settings.train[0]), "--base", settings.base, "--steps", "40", "--batch", "2", "--every", "3"]
    command = [sys.executable, "-m", "sumpool", "train", *arguments, "--rate", "0.01", "--device", "cpu"]
    command += ["--out", str(settings.out)]
    log = settings.out / "training.jsonl"
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 120
        while process.poll() is None and time.monotonic() < deadline:
            if log.exists() and log.read_bytes().count(b"\n") >= 8:
                os.kill(process.pid, signal.SIGKILL)
                break
            time.sleep(0.01)
    assert process.returncode == -signal.SIGKILL
    resumed = subprocess.run([*command, "--resume"], capture_output=True, text=True, timeout=300)
    assert resumed.returncode == 0, resumed.stderr
    assert [record["step"] for record in records(settings.out)] == [record["step"] for record in records(whole)]
    assert losses(settings.out) == pytest.approx(losses(whole), rel=1e-4)


@given(st.lists(st.integers(1, 20_000), min_size=4, max_size=4), st.integers(1, 4))
def test_processes_share_a_step_evenly(lengths: list[int], turns: int) -> None:
    lessons = [SimpleNamespace(tokens=length) for length in lengths * turns]
    shares = [share(lessons, process, 2) for process in range(2)]
    assert sorted(map(id, shares[0] + shares[1])) == sorted(map(id, lessons))
    assert len(shares[0]) == len(shares[1])
    one, two = (sum(lesson.tokens for lesson in lessons) for lessons in shares)
    assert abs(one - two) <= max(lengths)


def test_a_run_is_not_overwritten_nor_resumed_with_other_options(settings: Settings) -> None:
    run(replace(settings, stop=2))
    with pytest.raises(UsageError, match="holds a training run"):
        run(settings)
    with pytest.raises(UsageError, match="another rate"):
        run(replace(settings, rate=0.5, resume=True))


def test_a_cache_changes_no_more_than_its_precision_and_is_used_again(settings: Settings, tmp_path: Path) -> None:
    plain = run(replace(settings, out=tmp_path / "plain", precision="fp32"))
    cached = replace(settings, cache=tmp_path / "cache", precision="fp32")
    run(replace(cached, out=tmp_path / "cold"))
    stamps = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "cache").iterdir()}
    run(replace(cached, out=tmp_path / "warm"))
    assert {path.name: path.stat().st_mtime_ns for path in (tmp_path / "cache").iterdir()} == stamps
    assert losses(tmp_path / "cold") == losses(tmp_path / "warm")
    assert losses(tmp_path / "cold") == pytest.approx(losses(plain), rel=0.02)


def test_the_cache_is_not_for_lower_layers_that_are_trained(settings: Settings, tmp_path: Path) -> None:
    run(replace(settings, part="layers", cache=tmp_path / "cache", steps=1))
    assert not (tmp_path / "cache").exists()


def test_a_lesson_is_pooled_as_reading_pools(checkpoint: Path, corpus: Path) -> None:
    model = load_model(checkpoint, device=torch.device("cpu"), dtype=torch.float32)
    prompts = Prompts.load(checkpoint)
    for example in [next(examples(corpus)), next(examples(corpus))]:
        lesson = make_lesson(model.config, prompts, example, longest=8000)
        (lowered,) = run_lower(model, [lesson])
        from sumpool.modeling.blocks import tokenize

        tokens = tokenize(prompts, example.document, example.sentences())
        reading = read(model, tokens, prompts.prefix(example.words))
        assert lesson.tokens == len(tokens) > model.config.pool_size
        states = lowered.document[reading.kept]
        torch.testing.assert_close(torch.cat((lowered.head, states)), reading.states, rtol=1e-4, atol=1e-4)
        assert lesson.labels.sum() >= 1


def test_lessons_side_by_side_have_the_mean_of_their_losses(checkpoint: Path, corpus: Path) -> None:
    model = load_model(checkpoint, device=torch.device("cpu"), dtype=torch.float32)
    prompts = Prompts.load(checkpoint)
    stream = examples(corpus)
    lessons = [make_lesson(model.config, prompts, next(stream), longest=longest) for longest in (8000, 200, 20)]
    assert [lesson.whole for lesson in lessons] == [False, False, True]
    objective = Objective(model)
    for base in (None, 20.0):
        alone = torch.stack([objective([lesson], base).summary for lesson in lessons])
        torch.testing.assert_close(objective(lessons, base).summary, alone.mean(), rtol=1e-4, atol=1e-4)


def test_soft_pooling_tends_to_hard_and_gradients_reach_the_scores() -> None:
    torch.manual_seed(0)
    states, logits = torch.randn(40, 4), torch.randperm(40).float() - 20
    logits.requires_grad_(True)
    pool(states, logits, 8, 8.0).square().sum().backward()
    assert logits.grad is not None
    assert logits.grad.abs().sum() > 0
    torch.testing.assert_close(pool(states, logits, 8, 1e6), pool(states, logits, 8, None), rtol=1e-3, atol=1e-3)


def test_low_rank_differences_begin_at_nothing_and_merge_exactly(checkpoint: Path) -> None:
    model = load_model(checkpoint, device=torch.device("cpu"), dtype=torch.float32)
    x = torch.randn(1, 5, model.config.hidden_size)
    before = model.run(model.upper, x)
    names = set(model.state_dict())
    add_low_rank(model.upper, 4)
    torch.testing.assert_close(model.run(model.upper, x), before)
    for name, parameter in model.upper.named_parameters():
        if name.endswith("up"):
            torch.nn.init.normal_(parameter)
    learned = model.run(model.upper, x).detach()
    merge_low_rank(model.upper)
    assert set(model.state_dict()) == names
    torch.testing.assert_close(model.run(model.upper, x), learned)
    assert not torch.allclose(learned, before)


def test_the_split_can_be_moved_without_changing_the_layers(checkpoint: Path) -> None:
    model = load_model(checkpoint, device=torch.device("cpu"), dtype=torch.float32)
    moved = split_at(model, 3)
    ids = torch.arange(5)[None]
    one, two = (net.run(net.upper, net.read(ids)) for net in (model, moved))
    torch.testing.assert_close(one, two)
    assert (len(moved.lower), len(moved.upper)) == (3, 1)


def test_the_cache_tells_lower_layers_apart(checkpoint: Path, corpus: Path, tmp_path: Path) -> None:
    model = load_model(checkpoint, device=torch.device("cpu"), dtype=torch.float32)
    lesson = make_lesson(model.config, Prompts.load(checkpoint), next(examples(corpus)), longest=8000)
    LowerCache(tmp_path / "cache", model).run_lower([lesson])
    model.lower[0].mlp.down_proj.weight.data.mul_(2)
    LowerCache(tmp_path / "cache", model).run_lower([lesson])
    assert len(list((tmp_path / "cache").iterdir())) == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["absent.jsonl"], "absent.jsonl: no such file"),
        (["{corpus}", "--weight", "ships=1"], "no such kind (there are docks, ports)"),
        (["{corpus}", "--weight", "ports"], "not KIND=W"),
        (["{corpus}", "--train", "scorer"], "teaches the scorer nothing"),
        (["{corpus}", "--base", "{tmp}/nothing"], "no model"),
        (["{corpus}", "--split-layer", "9"], "must lie within the 4 layers"),
    ],
)
def test_mistakes_get_one_line(
    corpus: Path, checkpoint: Path, tmp_path: Path, options: list[str], message: str
) -> None:
    named = [option.format(corpus=corpus, tmp=tmp_path) for option in options]
    base = [] if "--base" in options else ["--base", str(checkpoint)]
    command = [sys.executable, "-m", "sumpool", "train", *named, *base, "--out", str(tmp_path / "out")]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert result.returncode in (1, 2)
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not (tmp_path / "out").exists()
