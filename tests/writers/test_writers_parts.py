"""The parts of writing with other people's models that need no model: what goes in, and what comes out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sumpool.writers.passages import Sentence, fit
from sumpool.writers.prose import near_length, plain


def words(sentences: Sequence[Sentence]) -> list[int]:
    """Three ids of a frame, and one for each word."""
    return [0, 0, *(len(word) for sentence in sentences for word in sentence.text.split()), 0]


def numbered(scores: Sequence[float], length: int = 4) -> list[Sentence]:
    return [Sentence(" ".join([str(10**9 + place)] * length), score, 0) for place, score in enumerate(scores)]


def test_all_is_read_where_there_is_room() -> None:
    sentences = numbered([0.1, 0.9, 0.5])
    assert fit(sentences, None, words) == fit(sentences, 15, words) == words(sentences)


def test_the_least_liked_goes_first_and_the_order_stays() -> None:
    sentences = numbered([0.3, 0.1, 0.9, 0.5])
    read: list[Sequence[Sentence]] = []
    fit(sentences, 15, lambda chosen: read.append(chosen) or words(chosen))
    assert read[-1] == [sentences[0], sentences[2], sentences[3]]
    fit(sentences, 8, lambda chosen: read.append(chosen) or words(chosen))
    assert read[-1] == [sentences[2]]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 9), st.floats(0, 1)), min_size=1, max_size=30), st.integers(4, 60))
def test_whatever_comes_it_fits_and_is_not_less_than_it_must_be(given: list[tuple[int, float]], limit: int) -> None:
    sentences = [Sentence("word " * length, score, 0) for length, score in given]
    ids = fit(sentences, limit, words)
    assert 3 < len(ids) <= limit
    if len(ids) < len(words(sentences)):
        assert len(ids) + 9 > limit  # the sentence that went last had no room


def test_no_room_at_all_is_an_error() -> None:
    with pytest.raises(ValueError, match="no room"):
        fit(numbered([0.5]), 3, words)


@pytest.mark.parametrize(
    ("written", "summary"),
    [
        ("Here is a summary in 20 words:\n\nThe harbour is **shallow**.", "The harbour is shallow."),
        ("<think>\nWhat is a harbour?\n</think>\n\nThe harbour is shallow.", "The harbour is shallow."),
        ("<think>\nWhat is a harbour, and", ""),
        ("The harbour is shallow.<n>It silts up.", "The harbour is shallow. It silts up."),
        ("# Summary\n- The harbour is shallow.\n- It silts up.", "Summary The harbour is shallow. It silts up."),
        ("The reasons:", "The reasons:"),
        ("  The  harbour\nis shallow. ", "The harbour is shallow."),
        ("", ""),
    ],
)
def test_plain(written: str, summary: str) -> None:
    assert plain(written) == summary


TEXT = "One two three four five. Six seven eight nine ten. Eleven twelve thirteen. Four"


@pytest.mark.parametrize(
    ("asked", "ended", "count"),
    [(5, False, 5), (7, False, 5), (8, False, 10), (10, False, 10), (40, False, 13), (40, True, 14), (1, False, 2)],
)
def test_near_length(asked: int, ended: bool, count: int) -> None:
    result = near_length(TEXT, asked, ended=ended)
    assert len(result.removesuffix(" …").split()) == count
    assert TEXT.startswith(result.removesuffix(" …"))
    assert result.endswith(("." if asked > 1 else "…", "Four"))


def test_what_is_said_twice_counts_once() -> None:
    assert (
        near_length("It is shallow. It silts up. It is shallow. Nobody", 9, ended=False)
        == "It is shallow. It silts up."
    )


@dataclass
class Tokenizer:
    model_max_length: float = 1e30


def test_windows() -> None:
    from transformers import BartConfig, EncoderDecoderConfig, GPT2Config, LEDConfig, LlamaConfig, MT5Config, T5Config

    from sumpool.writers.windows import reading_window, writing_window

    def both(config: Any, limit: float = 1e30) -> tuple[int | None, int | None]:
        return reading_window(config, Tokenizer(limit)), writing_window(config)

    assert both(BartConfig()) == (1024, 1024)
    assert both(BartConfig(), 512) == (512, 1024)
    assert both(LEDConfig()) == (16384, 1024)
    assert both(LEDConfig(max_encoder_position_embeddings=1100, attention_window=256)) == (1024, 1024)
    assert both(T5Config()) == (None, None)
    assert both(T5Config(n_positions=512)) == (512, None)
    assert both(MT5Config(), 2048) == (2048, None)
    assert both(LlamaConfig(max_position_embeddings=8192))[0] == 8192
    assert both(GPT2Config())[0] == 1024
    pair = EncoderDecoderConfig.from_encoder_decoder_configs(BartConfig(max_position_embeddings=300), GPT2Config())
    assert both(pair) == (300, 1024)
