"""Which sentences a summary quotes, and how it trims them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sumpool.quotes import LONGEST, SHORTEST, quote

HARBOUR = [
    "The harbour of the town was dredged in 1911 at a cost of 40,000 pounds.",
    "However, the harbour has silted up since then, and only small boats call there (see Figure 2).",
    "A new survey of the harbour recommends that the town dredge it again within two years.",
    "The lighthouse keeper likes to play chess with his neighbour on Sundays.",
]


def test_what_the_scorer_wants_and_the_document_comes_back_to_is_quoted_in_its_order() -> None:
    quotes = quote(HARBOUR, [1.0, 1.0, 1.5, 1.0], range(4), words=30)
    assert [found.index for found in quotes] == [0, 2]
    assert [found.text for found in quotes] == [HARBOUR[0], HARBOUR[2]]


def test_the_scorer_outweighs_frequency() -> None:
    assert [found.index for found in quote(HARBOUR, [0.0, 0.0, 0.0, 9.0], range(4), words=12)] == [3]


@pytest.mark.parametrize(("words", "logit", "quoted"), [(6, 0.4, 0), (6, 0.7, 9), (600, 0.4, 9)])
def test_the_beginning_counts_most_in_a_short_summary(words: int, logit: float, quoted: int) -> None:
    """The first and the last say the same, so that one of them is quoted."""
    fillers = [f"Nobody comments on ship {name} or its cargo." for name in "BCDEFGHI"]
    text = ["A fine port opened last spring.", *fillers, "A fine quay opened last spring."]
    assert [found.index for found in quote(text, [*[0.0] * 9, logit], [0, 9], words=words)] == [quoted]


def test_what_is_asked_for_comes_first() -> None:
    assert [found.index for found in quote(HARBOUR, [0.0] * 4, range(4), words=12, focus="chess on Sundays")] == [3]
    assert [found.index for found in quote(HARBOUR, [0.0] * 4, range(4), words=12)] != [3]


def test_what_is_asked_or_hummed_comes_after_what_is_said() -> None:
    talk = ["Chair: Is the harbour of the town shallow?", "Chair: Um the harbour of the town is shallow."]
    said = "Chair: The harbour of the town is too shallow."
    assert [found.index for found in quote([*talk, said], [1.0] * 3, range(3), words=8)] == [2]


def test_of_what_was_spoken_the_words_count_that_would_be_written_down() -> None:
    talk = ["Chair: Um the the harbour of the town is shallow.", "Clerk: The lighthouse of the town is white."]
    assert quote(talk, [1.0, 0.0], range(2), words=8)[0].index == 1
    said = quote(talk, [1.0, 0.0], range(2), words=8, spoken=True)
    assert [found.text for found in said] == ["Chair: The harbour of the town is shallow."]


def test_only_what_was_kept_is_quoted() -> None:
    assert [found.index for found in quote(HARBOUR, [9.0, 0.0, 9.0, 0.0], [1, 3], words=60)] == [1, 3]


def test_the_same_is_not_said_twice() -> None:
    again = [*HARBOUR, "At a cost of 40,000 pounds, the harbour of the town was dredged in 1911."]
    assert {found.index for found in quote(again, [5.0, 0.0, 0.0, 0.0, 4.9], range(5), words=26)} & {0, 4} == {0}


@pytest.mark.parametrize(
    "pointing",
    [
        "These harbours were dredged, as shown in Table 3.",
        "The harbour is designed to meet the following requirements.",
        "How would you characterize the harbours of the coast?",
    ],
)
def test_a_sentence_that_points_elsewhere_comes_after_one_that_stands_alone(pointing: str) -> None:
    pair = [pointing, "Many harbours of the coast were dredged that year."]
    assert [found.index for found in quote(pair, [1.0, 0.0], range(2), words=9)] == [1]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Too short.",
        "no capital at its beginning, and so a fragment of something.",
        "The table has the columns year, cost and depth",
        "1911, the harbour was dredged to the depth of twelve feet at last.",
        "PhD F: and that it has gone out to the people who write it down.",
        "Chair: OK, so for for For people at the harbour it is easy.",
        "Present: Ann Ash (chair), Bo Birch (firmware), Cy Cedar (servers), Di Dogwood (wardens).",
        "A = 3.1 + 4.2 × 5.9 / (6.1 − 7.3) = 12.8 [%] {x}.",
        " ".join(["Word"] + ["more"] * LONGEST) + ".",
        "(" * 200_000 + "Deep.",
    ],
)
def test_fragments_and_formulas_are_not_quoted(text: str) -> None:
    assert quote([text], [9.0], [0], words=60) == []


SENTENCE = st.lists(st.integers(0, 999).map("pier{}".format), min_size=1, max_size=80, unique=True)


@given(st.lists(st.tuples(SENTENCE, st.floats(-9, 9)), min_size=1, max_size=20), st.integers(20, 200))
def test_quotes_are_whole_sentences_in_order_and_near_the_length(
    document: list[tuple[list[str], float]], words: int
) -> None:
    sentences = [" ".join(["The", *text]) + "." for text, _ in document]
    quotes = quote(sentences, [logit for _, logit in document], range(len(sentences)), words=words)
    indices = [found.index for found in quotes]
    assert indices == sorted(set(indices))
    assert all(sentences[found.index] == found.text for found in quotes)
    assert all(SHORTEST <= len(found.text.split()) <= LONGEST for found in quotes)
    said = sum(len(found.text.split()) for found in quotes)
    assert said <= 1.2 * words or len(quotes) == 1
    assert bool(quotes) == any(SHORTEST <= len(sentence.split()) <= LONGEST for sentence in sentences)
