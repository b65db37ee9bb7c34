"""Speculation: the same text in fewer forward passes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sumpool import Summarizer
from sumpool.documents import read_document
from sumpool.modeling.blocks import Tokens
from sumpool.modeling.checkpoint import load_model
from sumpool.modeling.grounding import Grounding
from sumpool.modeling.ngrams import Following
from sumpool.modeling.prompts import Prompts
from sumpool.modeling.pyramidion_lm import PyramidionLM
from sumpool.modeling.reading import Reading, read
from sumpool.modeling.rules import Vocabulary
from sumpool.modeling.speculation import AHEAD, Lookup
from sumpool.modeling.writing import Wanted, write
from sumpool.summarizer import Assignment

pytestmark = pytest.mark.usefixtures("two_threads")

WORDS = 16


@pytest.fixture(scope="module")
def stored(small_model: Path) -> PyramidionLM:
    """Random weights in int8, which is what writes on a CPU."""
    return load_model(small_model, device=torch.device("cpu"), dtype=torch.float32, keep_int8=True)


@pytest.fixture(scope="module")
def reading(stored: PyramidionLM) -> Reading:
    return read(stored, Tokens(list(range(100, 300)), [*range(0, 200, 8), 200]), [1, 2, 3])


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The rows of every forward pass."""
    counted: list[int] = []
    logits = PyramidionLM.logits

    def count(model: PyramidionLM, x: torch.Tensor) -> torch.Tensor:
        counted.append(x.numel() // x.shape[-1])
        return logits(model, x)

    monkeypatch.setattr(PyramidionLM, "logits", count)
    return counted


def lookup(text: list[int], written: list[int], ngrams: Following | None = None) -> Lookup:
    found = Lookup(text, ngrams or {})
    for token in written:
        found.push(token)
    return found


def test_what_follows_the_longest_run_where_it_stood_last_is_guessed() -> None:
    text = [1, 2, 3, 4, 5, 6, 7, 9, 2, 3, 4, 8, 8, 8]
    assert lookup(text, [2, 3, 4]).following()[:2] == [8, 8]
    assert lookup(text, [0, 1, 2, 3, 4]).following() == [5, 6, 7, 9]
    assert lookup(text, [0, 1, 2, 3, 4]).following(2) == [5, 6]
    assert lookup(text, [9]).following() == [2, 3]
    assert lookup(text, [0]).following() == lookup(text, []).following() == lookup([], [1]).following() == []


def test_the_more_is_the_same_the_more_is_guessed() -> None:
    text = list(range(20))
    guesses = [len(lookup(text, text[:size]).following()) for size in range(5)]
    assert guesses == sorted(guesses)
    assert guesses[0] == 0 < guesses[1] < guesses[4] <= AHEAD


def test_what_was_written_may_come_again_but_is_no_part_of_the_text() -> None:
    assert lookup([1, 2], [7, 8, 9, 7]).following() == [8, 9]
    assert lookup([1, 7], [8, 7, 8]).following() == [7, 8]
    assert lookup([1, 2], [1, 2, 1]).following()[:1] == [2]
    assert lookup([5, 6], [6, 5]).following()[:1] == [6]


def test_where_a_run_never_came_what_mostly_follows_it_is_guessed() -> None:
    ngrams = {(4,): 5, (5,): 6, (2, 3): 9, (3,): 1}
    assert lookup([3, 4, 7], [4], ngrams).following()[:1] == [7]
    assert lookup([3, 4], [4], ngrams).following()[:1] == [5]
    assert lookup([3, 4], [2, 3], ngrams).following()[:1] == [9]
    assert lookup([2, 3, 4], [2, 3], ngrams).following()[:2] == [4, 5]


def test_several_tokens_at_once_come_out_as_one_by_one_to_the_bit(stored: PyramidionLM) -> None:
    ids = torch.randint(0, 49152, (AHEAD + 1,), generator=torch.Generator().manual_seed(3))
    caches = [stored.new_cache(stored.lower, 60) for _ in range(2)]
    for cache in caches:
        stored.read(torch.arange(100, 140)[None], cache)
    together = stored.read(ids[None], caches[0])
    alone = torch.cat([stored.read(token[None, None], caches[1]) for token in ids], dim=1)
    assert torch.equal(stored.logits(together[0]), torch.cat([stored.logits(state[None]) for state in alone[0]]))


@settings(max_examples=8, deadline=None)
@given(data=st.data())
def test_whatever_is_guessed_the_text_is_the_same(
    stored: PyramidionLM, prompts: Prompts, vocabulary: Vocabulary, reading: Reading, data: st.DataObject
) -> None:
    """Guesses from the text itself with tokens of it replaced: right for a while, then wrong. Under all rules."""
    grounding = Grounding("In March the Harbour had 12 ships.", vocabulary.ordinary)
    contrast = data.draw(st.sampled_from([0.0, 0.3]))

    def written(copied: list[int] | None, ngrams: Following | None = None) -> str:
        wanted = [Wanted(reading, WORDS, grounding, copied=copied)]
        options = {"drafts": 1, "contrast_weight": contrast, "ngrams": lambda: ngrams or {}}
        [text] = write(stored, prompts, vocabulary, wanted, **options)
        return text

    plain = written(None)
    copied = prompts.plain(plain)
    for place in data.draw(st.lists(st.integers(0, len(copied) - 1), max_size=8)):
        copied[place] = data.draw(st.integers(0, 49151))
    assert written(copied) == plain
    assert written([], dict(zip(zip(copied, strict=False), copied[1:], strict=False))) == plain


def test_a_text_that_was_guessed_takes_fewer_passes(
    stored: PyramidionLM, prompts: Prompts, vocabulary: Vocabulary, reading: Reading, passes: list[int]
) -> None:
    [plain] = write(stored, prompts, vocabulary, [Wanted(reading, WORDS)], drafts=1)
    count = len(passes)
    passes.clear()
    # What the tokenizer makes of the text may differ from what was written in places.
    copying = Wanted(reading, WORDS, copied=prompts.plain(plain))
    assert write(stored, prompts, vocabulary, [copying], drafts=1) == [plain]
    assert len(passes) < 0.8 * count


@pytest.mark.parametrize(
    "name", ["minutes.md", *(pytest.param(name, marks=pytest.mark.long) for name in ("handbook.txt", "report.pdf"))]
)
def test_the_shipped_model_writes_the_same_and_copies_now_and_then(
    root: Path, shipped: Summarizer, name: str, passes: list[int]
) -> None:
    document = read_document(root / "examples" / name)
    tokens = shipped.tokenize(document)
    reading = shipped.read(tokens, 30, wording="own")
    assigned = [Assignment(document, tokens, reading, 30, "own")]
    plain = shipped.write(assigned, drafts=1, speculate=False)
    count = len(passes)
    passes.clear()
    assert shipped.write(assigned, drafts=1) == plain
    assert len(passes) < count


@pytest.fixture(scope="module")
def shipped() -> Summarizer:
    return Summarizer(device="cpu")
