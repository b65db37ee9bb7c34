"""A Pyramidion from nothing to summaries, all by the command line; what it can't do is said in one line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("accelerate", reason="the extra `train` is not installed")

from sumpool.evaluation.metrics import rouge

pytestmark = pytest.mark.usefixtures("one_thread")

SMALL = ["--vocabulary", "500", "--width", "32", "--layers", "2", "--pool", "32", "--block", "64", "--batch", "2"]
SMALL += ["--device", "cpu", "--precision", "fp32"]


@pytest.fixture
def pairs(here: Path) -> list[dict[str, str]]:
    """Reports of which one sentence matters, in pairs.jsonl and in files of their own."""
    made = []
    for number in range(8):
        lines = [f"Row {number} holds crate {place} of plain filler wood number {place}." for place in range(30)]
        lines.insert(3 * number, "The harbour master found that dredging doubled the traffic of large ships.")
        made.append({"document": " ".join(lines), "summary": "Dredging doubled the traffic of large ships."})
        Path(f"{number}.txt").write_text(made[-1]["document"])
    for pair in made:
        pair["summary"] += " So the harbour master found."
    Path("pairs.jsonl").write_text("".join(json.dumps(pair) + "\n" for pair in made))
    return made


def test_a_pyramidion_trained_by_the_command_line_beats_an_untrained_one(
    pairs: list[dict[str, str]], sumpool: Callable[..., Any]
) -> None:
    train = ["train", "pairs.jsonl", "--arch", "pyramidion", "--schedule", "1=128", "--schedule", "2=32", *SMALL]
    for out, steps, rate in (("trained", "80", "0.01"), ("untrained", "1", "0")):
        result = sumpool(*train, "--out", out, "--steps", steps, "--rate", rate, "--every", "200")
        assert result.code == 0, result.err
        assert result.out == ""
    scores = {}
    files = ["0.txt", "1.txt"]
    for model in ("trained", "untrained"):
        result = sumpool("summarize", "--model", model, "--length", "20", "--format", "json", *files)
        assert result.code == 0, result.err
        made = [json.loads(line) for line in result.out.splitlines()]
        scores[model] = sum(rouge(one["summary"], pairs[0]["summary"])["rouge1"] for one in made)
        for one, pair in zip(made, pairs, strict=False):
            assert one["model"] == model
            assert one["passages"]
            for passage in one["passages"]:
                assert pair["document"][passage["start"] : passage["end"]] == passage["text"]
                assert 0 < passage["score"] < 1
    assert scores["trained"] > 2 * scores["untrained"]
    # What else the command line does with a model, it does with this one.
    plain = ["summarize", "--model", "trained", "--length", "20", "0.txt"]
    assert sumpool(*plain).out == sumpool(*plain).out != ""
    assert sumpool(*plain, "--pool", "16", "--block", "32", "--no-grounded", "--sources").code == 0
    batch = sumpool(
        "summarize", "--model", "trained", "--length", "20", "[01].txt", "-o", "made", "--format", "markdown"
    )
    assert batch.code == 0, batch.err
    assert len(list(Path("made").glob("*.md"))) == 2
    page = sumpool("highlight", "--model", "trained", "--length", "20", "--focus", "ships", "0.txt", "-o", "page.html")
    assert page.code == 0, page.err
    assert "harbour master" in Path("page.html").read_text()
    table = sumpool("evaluate", "pairs.jsonl", "--model", "trained", "--systems", "sumpool,random,lead", "--count", "1")
    assert table.code == 0, table.err
    assert "random" in table.out
    resumed = sumpool(*train, "--out", "trained", "--steps", "80", "--rate", "0.02", "--resume")
    assert resumed.code == 2
    assert "another rate" in resumed.err


def test_what_a_model_does_not_have_and_damage_are_refused(pairs: list[Any], sumpool: Callable[..., Any]) -> None:
    made = sumpool("train", "pairs.jsonl", "--arch", "vanilla", "--out", "vanilla", "--steps", "1", *SMALL)
    assert made.code == 0, made.err
    for option, message in (("--pool", "does not pool"), ("--block", "does not read in blocks")):
        result = sumpool("summarize", "--model", "vanilla", option, "64", "0.txt")
        assert result.code == 2
        assert message in result.err
    weights = Path("vanilla/model.safetensors")
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    result = sumpool("summarize", "--model", "vanilla", "0.txt")
    assert result.code == 1
    assert "is damaged" in result.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--arch", "pyramidion", "--oracle-loss", "1"], "--oracle-loss: not for this architecture"),
        (["--arch", "vanilla", "--train", "all"], "--train: not for this architecture"),
        (["--width", "64"], "--width: not for this architecture (give --arch too)"),
        (["--arch", "transpooler", "--vocabulary", "500", "--schedule", "1=64"], "--schedule is for a Pyramidion"),
        (["--arch", "pyramidion", "--vocabulary", "500", "--schedule", "9=64"], "an encoder of 4"),
        (["--arch", "pyramidion", "--schedule", "one=64"], "not LAYER=LENGTH"),
        (["--arch", "pyramidion", "--weight", "ships=1"], "no such kind"),
    ],
)
def test_mistakes_get_one_line(pairs: list[Any], sumpool: Callable[..., Any], options: list[str], message: str) -> None:
    result = sumpool("train", "pairs.jsonl", "--out", "out", *options)
    assert result.code == 2
    assert message in result.err
    assert len(result.err.splitlines()) == 1
    assert not Path("out").exists()
