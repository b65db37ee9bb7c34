"""N-grams: what is counted, what a checkpoint keeps of it, what is said of damage."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sumpool.errors import ModelError
from sumpool.modeling.checkpoint import add_part, check_parts, find_model
from sumpool.modeling.ngrams import NGRAMS, count_ngrams, dump_ngrams, load_ngrams


@given(st.lists(st.lists(st.integers(0, 4), max_size=12), max_size=6), st.integers(1, 3))
def test_what_came_most_often_behind_a_run(texts: list[list[int]], least: int) -> None:
    found = count_ngrams(texts, least=least)
    runs = {tuple(text[i : i + size]) for text in texts for size in (1, 2) for i in range(len(text) - size)}
    assert set(found) <= runs
    for run in runs:
        size = len(run)
        after = Counter(
            text[i + size] for text in texts for i in range(len(text) - size) if tuple(text[i : i + size]) == run
        )
        most = max(after.values())
        assert (run in found) == (most >= least)
        assert run not in found or after[found[run]] == most


def test_a_checkpoint_keeps_them_as_one_more_part(small_model: Path, tmp_path: Path) -> None:
    directory = shutil.copytree(small_model, tmp_path / "model")
    assert load_ngrams(directory) == {}
    ngrams = {(3,): 4, (3, 4): 5, (70,): 4}
    add_part(directory, NGRAMS, dump_ngrams(ngrams))
    assert load_ngrams(directory) == ngrams
    check_parts(directory)


@pytest.mark.parametrize(
    "content", [b"", b"[]", b'{"1": [1, 2]}', b'{"1": [1, 2, 3], "2": []}', b'{"1": ["a", 2], "2": []}']
)
def test_what_is_no_list_of_them_is_told_in_a_line(small_model: Path, tmp_path: Path, content: bytes) -> None:
    directory = shutil.copytree(small_model, tmp_path / "model")
    add_part(directory, NGRAMS, content)
    with pytest.raises(ModelError, match=NGRAMS):
        load_ngrams(directory)


def test_the_shipped_ones_are_of_its_tokens() -> None:
    directory = find_model()
    size = json.loads((directory / "config.json").read_text())["vocab_size"]
    ngrams = load_ngrams(directory)
    assert len(ngrams) > 10_000
    assert all(0 <= token < size for run, following in ngrams.items() for token in (*run, following))
