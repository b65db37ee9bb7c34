"""The training data, the oracle, and both trainings on a small model through their command lines."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file

from sumpool.errors import UsageError
from sumpool.training.corpus import clean_summary, examples, mixture
from sumpool.training.oracle import oracle_sentences

pytest.importorskip("zstandard", reason="the extra `train` is not installed")


def rows(count: int) -> list[dict[str, object]]:
    """Documents of two kinds, each with one sentence that its summary repeats."""
    made: list[dict[str, object]] = []
    for index in range(count):
        filler = [f"Row {index} holds crate {number} of plain filler wood number {number}." for number in range(40)]
        key = f"The harbour master of port {index} found that dredging doubled the traffic of large ships."
        filler.insert(5 + index % 30, key)
        summary = f"The harbour master of port {index} found dredging doubled large ship traffic."
        made.append(
            {"id": str(index), "kind": ("ports", "docks")[index % 2], "document": " ".join(filler), "summary": summary}
        )
    return made


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    import zstandard

    path = tmp_path / "corpus.jsonl.zst"
    lines = "\n".join(json.dumps(row) for row in rows(8)) + "\n"
    path.write_bytes(zstandard.ZstdCompressor().compress(lines.encode()))
    return path


@pytest.fixture
def checkpoint(small_model: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(small_model, tmp_path / "small"))


def test_the_oracle_finds_the_sentence_that_the_summary_repeats() -> None:
    row = rows(3)[2]
    sentences = [part + "." for part in str(row["document"]).split(".") if part.strip()]
    (chosen,) = oracle_sentences(sentences, str(row["summary"]))
    assert "harbour master" in sentences[chosen]


@given(st.lists(st.text("abc d", min_size=1, max_size=30), max_size=12), st.text("abc d", max_size=40))
def test_oracle_indices_are_ascending_and_valid(sentences: list[str], summary: str) -> None:
    chosen = oracle_sentences(sentences, summary)
    assert chosen == sorted(set(chosen))
    assert all(0 <= index < len(sentences) for index in chosen)


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("Background: Ships sink. Methods: We counted them. Results: Nine.", "Ships sink. We counted them. Nine."),
        ("Fission splits.\nFusion joins", "Fission splits. Fusion joins."),
        ("RESULTS AND more.", "RESULTS AND more."),
        ("We found two results: ships and boats.", "We found two results: ships and boats."),
        ("#Person1# asks #Person2#.", "Person 1 asks Person 2."),
    ],
)
def test_summaries_become_running_prose(raw: str, clean: str) -> None:
    assert clean_summary(raw) == clean


def test_the_mixture_draws_kinds_by_weight_and_repeats_itself_by_seed(corpus: Path) -> None:
    def kinds(seed: int) -> list[str]:
        stream = mixture([corpus], {"ports": 1.0, "docks": 0.0}, seed=seed, longest_summary=100)
        return [next(stream).id for _ in range(8)]

    drawn = kinds(3)
    assert drawn == kinds(3)
    assert {int(name) % 2 for name in drawn} == {0}
    assert set(drawn[:4]) == set(drawn[4:])


def test_a_broken_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text('{"document": "a", "summary": "b"}\nnot json\n')
    with pytest.raises(UsageError, match="line 2"):
        list(examples(path))


def run(module: str, *arguments: object) -> None:
    command = [sys.executable, "-m", f"sumpool.training.{module}", *map(str, arguments)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr


def test_a_fitted_scorer_is_stored_and_a_second_run_reads_nothing_again(
    checkpoint: Path, corpus: Path, tmp_path: Path
) -> None:
    before = load_file(checkpoint / "scorer.safetensors")
    cache = tmp_path / "cache"
    run("fit_scorer", corpus, "--checkpoint", checkpoint, "--cache", cache, "--count", 6)
    after = load_file(checkpoint / "scorer.safetensors")
    assert any(not after[name].equal(before[name]) for name in after)
    stamps = {path.name: path.stat().st_mtime_ns for path in cache.iterdir()}
    run("fit_scorer", corpus, "--checkpoint", checkpoint, "--cache", cache, "--count", 6)
    assert {path.name: path.stat().st_mtime_ns for path in cache.iterdir()} == stamps
    again = load_file(checkpoint / "scorer.safetensors")
    assert all(again[name].equal(after[name]) for name in after)


def test_training_that_was_stopped_goes_on_as_if_it_had_not(checkpoint: Path, corpus: Path, tmp_path: Path) -> None:
    common = (corpus, "--checkpoint", checkpoint, "--steps", 6, "--batch", 2, "--every", 2, "--rate", 0.01)
    run("fit_writer", *common, "--run", tmp_path / "whole", "--out", tmp_path / "a")
    stopped = tmp_path / "stopped"
    run("fit_writer", *common, "--run", stopped, "--out", tmp_path / "b", "--stop", 4)
    run("fit_writer", *common, "--run", stopped, "--out", tmp_path / "b", "--resume")

    def losses(directory: Path) -> list[float]:
        lines = (directory / "log.jsonl").read_text().splitlines()
        return [record["loss"] for record in map(json.loads, lines) if "loss" in record]

    assert len(losses(stopped)) == 6
    assert losses(stopped) == pytest.approx(losses(tmp_path / "whole"), rel=1e-5)
    assert losses(stopped)[-1] < losses(stopped)[0]
    one, two = (load_file(tmp_path / name / "upper.safetensors") for name in "ab")
    assert all((one[name].float() - two[name].float()).abs().max() <= 1 for name in one)
