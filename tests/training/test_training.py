"""The training data, the oracle, and the fitting of a scorer on a small model through its command line."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file

from sumpool.errors import UsageError
from sumpool.modeling.checkpoint import load_model
from sumpool.training.corpus import clean_summary, examples, mixture, suitable
from sumpool.training.oracle import oracle_sentences

pytest.importorskip("zstandard", reason="the extra `train` is not installed")


def test_the_oracle_finds_the_sentence_that_the_summary_repeats() -> None:
    sentences = [f"Row {number} holds crates of plain filler wood." for number in range(40)]
    sentences.insert(17, "The harbour master found that dredging doubled the traffic of large ships.")
    assert oracle_sentences(sentences, "The harbour master found dredging doubled large ship traffic.") == [17]


def picked_slowly(sentences: list[str], summary: str, most: int) -> list[int]:
    """The oracle's search, each candidate with all that was picked before measured from the beginning."""

    def f1(chosen: list[int]) -> float:
        total = 0.0
        for order in (1, 2):
            have, want = Counter(), Counter()
            for text, grams in [(summary, want), *((sentences[index], have) for index in chosen)]:
                words = text.split()
                grams.update(tuple(words[first : first + order]) for first in range(len(words) - order + 1))
            total += 2 * (have & want).total() / (have.total() + max(1, want.total()))
        return total

    pairs = set(pairwise(summary.split()))
    left = [index for index, sentence in enumerate(sentences) if pairs & set(pairwise(sentence.split()))]
    chosen: list[int] = []
    while left and len(chosen) < most:
        best = max(left, key=lambda index: (f1([*chosen, index]), -index))
        if f1([*chosen, best]) <= f1(chosen) * bool(chosen):
            break
        chosen.append(best)
        left.remove(best)
    return chosen


@given(st.lists(st.text("ab ", max_size=30), max_size=9), st.text("ab ", max_size=30), st.integers(1, 4))
def test_the_oracle_is_a_greedy_search_for_the_best_rouge(sentences: list[str], summary: str, most: int) -> None:
    assert oracle_sentences(sentences, summary, most=most) == picked_slowly(sentences, summary, most)


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


def test_dialogsums_speakers_are_named_alike_in_document_and_summary(tmp_path: Path) -> None:
    pair = {"document": "#Person1#: Hi.\n\n#Person12#: Hi, #Person1#.", "summary": "#Person12# greets #Person1#."}
    (tmp_path / "data.jsonl").write_text(json.dumps(pair), encoding="utf-8")
    [example] = examples(tmp_path / "data.jsonl")
    assert example.document == "Person 1: Hi.\n\nPerson 12: Hi, Person 1."
    assert example.summary == "Person 12 greets Person 1."


def test_the_mixture_draws_kinds_by_weight_and_repeats_itself_by_seed(corpus: Path) -> None:
    def kinds(seed: int) -> list[str]:
        stream = mixture(suitable([corpus], longest_summary=100), {"docks": 0.0}, seed=seed)
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


def test_a_scorer_is_fitted_for_another_split(checkpoint: Path, corpus: Path, tmp_path: Path) -> None:
    out, cache = tmp_path / "moved", tmp_path / "cache"
    before = load_model(checkpoint, device=torch.device("cpu"), dtype=torch.float32)
    moving = ("--split-layer", 1, "--out", out)
    run("fit_scorer", corpus, "--checkpoint", checkpoint, "--cache", cache, "--count", 3, *moving)
    moved = load_model(out, device=torch.device("cpu"), dtype=torch.float32)
    assert (len(moved.lower), len(moved.upper)) == (1, len(before.lower) + len(before.upper) - 1)
    ids = torch.arange(20)[None]
    with torch.inference_mode():
        logits = [model.logits(model.run(model.upper, model.read(ids))) for model in (before, moved)]
    torch.testing.assert_close(*logits)
