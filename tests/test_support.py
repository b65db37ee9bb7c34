"""Which sentences support a statement."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sumpool.support import MOST, Support

SENTENCES = [
    "The harbour was dredged in 1911 at a cost of 40,000 pounds.",
    "Small boats call there now, mostly from April to September.",
    "The lighthouse keeper retired and nobody took his place.",
    "The museum shows the dredger and a model of the harbour.",
]


def test_the_sentence_with_the_rarer_shared_words_comes_first() -> None:
    assert Support(SENTENCES).of("Dredging the harbour cost 40,000 pounds.")[0] == 0
    assert Support(SENTENCES).of("After the keeper's retirement the lighthouse was empty.")[0] == 2


def test_a_statement_from_two_sentences_names_both() -> None:
    assert set(Support(SENTENCES).of("Small boats call; the lighthouse keeper retired.")) == {1, 2}


def test_what_nothing_supports_names_nothing() -> None:
    assert Support(SENTENCES).of("Quarterly revenue exceeded analysts' expectations.") == []
    assert Support([]).of("Anything.") == []
    assert Support(SENTENCES).of("") == []


def test_the_share_is_what_the_named_sentences_cover() -> None:
    support = Support(SENTENCES)
    assert support.share(SENTENCES[1]) == 1
    assert support.share("The lighthouse keeper moved to Lisbon.") < support.share("The lighthouse keeper retired.")
    assert support.share("Quarterly revenue exceeded expectations.") == support.share("") == 0


@given(st.lists(st.text(), max_size=8), st.text())
def test_indices_are_valid_and_few(sentences: list[str], statement: str) -> None:
    found = Support(sentences).of(statement)
    assert len(found) == len(set(found)) <= MOST
    assert all(0 <= index < len(sentences) for index in found)


@given(st.lists(st.text("abcdef ", min_size=12), min_size=2, max_size=6, unique=True))
def test_a_sentence_that_stands_alone_supports_itself(sentences: list[str]) -> None:
    unlike = [f"word{number}stem {text}" for number, text in enumerate(sentences)]
    marked = [f"{'qwertyuiop'[number] * 5} {text}" for number, text in enumerate(unlike)]
    for number, sentence in enumerate(marked):
        assert number in Support(marked).of(sentence)
