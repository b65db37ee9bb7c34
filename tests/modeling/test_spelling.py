"""Texts of tokens, of which some are only parts of a character."""

from __future__ import annotations

from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sumpool.modeling.prompts import Prompts
from sumpool.modeling.rules import Vocabulary
from sumpool.modeling.spelling import (
    beginnings,
    begins_with,
    is_complete,
    joined,
    may_be_completed,
    token_text,
)

# Without what no text has: the tokenizer lacks some of its bytes.
anything = st.text(st.characters(max_codepoint=0x2FFFF, exclude_categories=["Cs", "Cc", "Cn", "Co"]), max_size=8)


def cut(text: str) -> list[str]:
    """The bytes of a text, each as it stands in one."""
    return [bytes([byte]).decode("utf-8", "surrogateescape") for byte in text.encode()]


@given(st.lists(anything, max_size=4).map(" ".join))
def test_texts_of_tokens_make_the_text(prompts: Prompts, vocabulary: Vocabulary, text: str) -> None:
    assert reduce(joined, (vocabulary.texts[token] for token in prompts.plain(text)), "") == text


@given(anything)
def test_bytes_make_the_text_that_they_are_of(text: str) -> None:
    written = ""
    for byte in cut(text):
        written = joined(written, byte)
        assert may_be_completed(written)
        assert begins_with(text, written)
        assert written in beginnings([text])
        assert is_complete(written) == text.startswith(written)
    assert written == text


@given(anything, anything, st.characters(min_codepoint=128, exclude_categories=["Cs"]))
def test_what_misses_a_byte_begins_nothing_else(before: str, after: str, letter: str) -> None:
    broken = reduce(joined, [before, *cut(letter)[:-1]], "")
    assert not is_complete(broken)
    assert not may_be_completed(f"{broken}.{after}")
    assert not begins_with(f"{before}x{after}", broken)
    assert begins_with(f"{before}{letter}{after}", broken)


@pytest.mark.parametrize(
    ("name", "decoded", "text"),
    [
        ("Ġship", " ship", " ship"),
        ("ĠÅ", " \ufffd", " \udcc5"),
        ("Ļ", "\ufffd", "\udc99"),
        ("<0xC5>", "\ufffd", "\udcc5"),
        ("▁\ufffd", " \ufffd", " \ufffd"),
        ("ï¿½", "\ufffd", "\ufffd"),
    ],
)
def test_names_of_tokens_tell_their_bytes(name: str, decoded: str, text: str) -> None:
    assert token_text(name, decoded) == text
