"""Every metric against values worked out by hand, and what must hold of any text."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sumpool.documents import from_text
from sumpool.evaluation.cases import Case
from sumpool.evaluation.facts import Facts
from sumpool.evaluation.metrics import (
    METRICS,
    ends_on_sentence,
    loops,
    measure,
    novelty,
    oracle_recall,
    repeats,
    rouge,
    words,
)

TEXTS = st.text("ab cd.,", max_size=60)


def test_rouge_by_hand() -> None:
    # 4 of 5 words of the text and of the 4 of the reference match ("ships" is stemmed), 2 of 4 pairs, of 3.
    scores = rouge("the old ship was sunk", "the old ships sunk")
    assert scores["rouge1"] == pytest.approx(100 * 2 * (4 / 5) * (4 / 4) / (4 / 5 + 4 / 4))
    assert scores["rouge2"] == pytest.approx(100 * 2 * (2 / 4) * (2 / 3) / (2 / 4 + 2 / 3))
    assert scores["rougeLsum"] == pytest.approx(scores["rouge1"])


def test_rouge_lsum_takes_sentences_one_by_one() -> None:
    """Two sentences in the other order: as one sequence half would match, sentence by sentence all does."""
    scores = rouge("Ships sank here. Boats swam there.", "Boats swam there. Ships sank here.")
    assert scores["rougeLsum"] == pytest.approx(100)
    assert scores["rouge2"] == pytest.approx(80)


@settings(deadline=None)
@given(TEXTS, TEXTS)
def test_rouge_is_bounded_and_perfect_for_the_reference(text: str, other: str) -> None:
    assert all(0 <= value <= 100 for value in rouge(text, other).values())
    if words(text):
        assert rouge(text, text)["rouge1"] == pytest.approx(100)


def test_oracle_recall_by_hand() -> None:
    starts = [0, 4, 6, 10]
    assert oracle_recall([0, 1, 2, 6, 7], starts, [0, 2]) == pytest.approx(5 / 8)
    assert oracle_recall([4, 5], starts, [2, 1]) == pytest.approx(2 / 6)
    assert oracle_recall([4, 5], starts, []) is None


@pytest.mark.parametrize(
    ("text", "ends"),
    [
        ("So it is.", True),
        ("(“So it is!”) ", True),
        ("So it is", False),
        ("So it…", False),
        ("So:", False),
        ("", False),
    ],
)
def test_ends_on_sentence(text: str, ends: bool) -> None:
    assert ends_on_sentence(text) == ends


@pytest.mark.parametrize(
    ("text", "twice"),
    [
        ("the old ship and the old boat", False),
        ("the old ship and The Old Ship", True),
        ("the old, ship and “the old ship.”", True),
        ("the old ship – and the old – ship", True),
        ("no no no", False),
        ("no no no no", True),
        ("", False),
    ],
)
def test_three_words_twice(text: str, twice: bool) -> None:
    assert repeats(text) == twice


@pytest.mark.parametrize(
    ("text", "circles"),
    [
        ("and so and so it went", False),
        ("and so and so and so it went", True),
        ("very very good", False),
        ("it was very very Very good", True),
        ("Ships came to the port. Nobody saw it. Ships came to the port.", True),
        ("The results show that ships came. These results show that ships came.", False),  # 5 of 7 words
        ("The new results show that ships came. These new results show that ships came.", True),  # 6 of 8
        ("1. Ships 1. boats 1. AT 1. PORT 1. so 1.", True),
        ("the ship, the boat, the barge, the raft, the port", False),
        ("Yes, it is. Yes, it is. No.", False),
        ("It is sold at $ $ $ and more.", True),
        ("It is - as they say - so.", False),
        ("", False),
    ],
)
def test_going_in_circles(text: str, circles: bool) -> None:
    assert loops(text) == circles


@given(TEXTS, st.integers(3, 5))
def test_anything_said_three_times_goes_in_circles(text: str, times: int) -> None:
    if words(text):
        assert loops(f"{text} " * times)


def test_novelty_by_hand() -> None:
    assert novelty("The old ship sank.", "An old ship, the old.") == pytest.approx(1 / 3)
    assert novelty("Ship", "a ship") is None


@given(TEXTS)
def test_what_is_copied_is_not_new(text: str) -> None:
    assert not novelty(text, f"before {text} after")


def test_measure_has_every_metric_that_a_text_decides() -> None:
    document = from_text("The harbour was dredged in 1911. It silted up again within ten years. Nobody came.")
    case = Case("a", "port", document, "The harbour silted up.", 8)
    values = measure(case, "The harbour of Brno was dredged in 1912", Facts(document.text))
    assert values.keys() == {metric.name for metric in METRICS} - {"oracle_recall", "seconds"}
    assert (values["length"], values["near_length"]) == (1.0, 1.0)
    assert (values["grounded"], values["full_stop"], values["repeats"], values["loops"]) == (0, 0, 0, 0)
    assert values["novelty"] == pytest.approx(4 / 7)  # harbour of, of brno, brno was, in 1912
    assert measure(case, "", Facts(document.text))["length"] == 0
