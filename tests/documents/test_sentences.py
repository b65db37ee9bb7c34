"""Sentences of scholarly prose, with exact offsets, in linear time."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sumpool.documents import split_sentences


def pieces(text: str) -> list[str]:
    return [text[start:end] for start, end in split_sentences(text)]


@pytest.mark.parametrize(
    "sentences",
    [
        ["Smith et al. (2010) showed that pooling works.", "See Fig. 3 and Sec. 4.2 for details."],
        ["The value was approx. 3.5 times larger, i.e. 42% of the total (cf. Table 2).", "J. R. R. Tolkien wrote it."],
        ["Dr. Brown of the U.S. Department met Mr. Green.", "Is it good?", "Yes!", "We use b = 0.5."],
        ["In Eq. (3) we see it.", "It works (see Fig. 2).", "Results are in Tab. 3.", "As in No. 5, it cost $3.2."],
        ["Published in Proc. of ACL, vol. 3, pp. 12-15.", "This is by A. Smith and B. C. Jones in Jan. 2010."],
        ["Cells were kept at 4 °C.", "P. falciparum was used.", "E. coli O157 grows."],
        ["Scores are 47.15 (resp. 19.99).", "Dr. Who et al. 2020 said so.", "We follow Ref. [4] here."],
        ["It ends... and goes on.", "“A quotation ends.”", "Then this follows."],
        ["The method of Goyal et al. is worse.", "Use e.g. the first.", "That is all, viz. nothing."],
    ],
)
def test_scholarly_prose(sentences: list[str]) -> None:
    assert pieces(" ".join(sentences)) == sentences


def test_line_breaks() -> None:
    assert pieces("One sentence\nover two lines. Another.\n\nA heading\n \nLast one") == [
        "One sentence\nover two lines.",
        "Another.",
        "A heading",
        "Last one",
    ]


def test_what_is_no_sentence_is_cut() -> None:
    cut = pieces("word, " * 1000)
    assert max(map(len, cut)) <= 1000
    assert min(map(len, cut[:-1])) > 400
    assert all(piece.startswith("word") and piece.endswith(",") for piece in cut)
    assert [len(piece) for piece in pieces("x" * 2500)] == [1000, 1000, 500]


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.text(alphabet=st.sampled_from('aB. ?!\n\t()"é’ \u2028\x85\x1c3,;…。'), max_size=80) | st.text(max_size=60))
def test_sentences_cover_the_text_in_order(text: str) -> None:
    position = 0
    for start, end in split_sentences(text):
        assert position <= start < end
        assert not text[position:start].strip()
        assert text[start:end] == text[start:end].strip()
        position = end
    assert not text[position:].strip()


@pytest.mark.parametrize(
    "piece", ["a", "a ", "a. ", "A. B.", "\n\n", "(", '"A. ', "!", "`", "e.g. ", "Word word. ", "1.2."]
)
def test_time_is_linear(piece: str) -> None:
    start = time.process_time()
    split_sentences(piece * (400_000 // len(piece)))
    assert time.process_time() - start < 5
