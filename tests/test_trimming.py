"""What a quoted sentence can do without."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sumpool.trimming import trim


@pytest.mark.parametrize(
    ("sentence", "trimmed"),
    [
        ("Pooling helps [3].", "Pooling helps."),
        ("Pooling helps [3, 5–7] and is cheap [12].", "Pooling helps and is cheap."),
        ("Pooling helps[3].", "Pooling helps."),
        ("Pooling helps (Smith et al., 2010; Doe and Roe, 2011a).", "Pooling helps."),
        ("Pooling helps (see Figure 2).", "Pooling helps."),
        ("Pooling helps (Table 3, left).", "Pooling helps."),
        ("However, pooling helps.", "Pooling helps."),
        ("For example, pooling helps.", "Pooling helps."),
        ("Third, the harbour is shallow.", "The harbour is shallow."),
        ("Third parties, too, are paid.", None),
        ("But it helps.", "It helps."),
        ("But for pooling, it would not help.", None),
        ("Instead, they pool.", "They pool."),
        ("Instead of a harbour, they built a pier.", None),
        ("It ran from (March 3, 2010) on.", "It ran from (March 3, 2010) on."),
        ("The rate (95% CI, 1.2 to 3.4) fell.", "The rate (95% CI, 1.2 to 3.4) fell."),
        ("Both arms (secretary and clerk) were equal (equal in size).", None),
        ("The array a[3] grows.", None),
        ("1. The harbour is dredged.", "The harbour is dredged."),
        ("(b) The harbour is dredged.", "The harbour is dredged."),
        ("- Ships come.", "Ships come."),
        ("1911 was a good year.", None),
        ("It hardens the muscles).", "It hardens the muscles."),
        ("It hardens a muscle (SCM)) of the neck.", "It hardens a muscle (SCM) of the neck."),
        ("It hardens (the muscle (SCM)) quickly.", None),
        ("It is a) cheap and b) good (so far).", None),
        ("However fast it is, it works.", None),
        ("Also known as pooling, it helps.", None),
    ],
)
def test_trim(sentence: str, trimmed: str | None) -> None:
    assert trim(sentence) == (trimmed or sentence)


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("Anna: Um, so the harbour is, uh, shallow.", "Anna: The harbour is shallow."),
        ("It's it's a pier, um.", "It's a pier."),
        ("We can can not dredge in the in the winter.", "We can not dredge in the winter."),
        ("Th the cr criteria are ap apparent wh which helps.", "The criteria are apparent which helps."),
        ("Okay, yeah, but we dredge.", "We dredge."),
        ("So for for For people it's it's easy.", "So for people it's easy."),
        ("Let's see what's so strange about it.", None),
        ("The rope is 5 mm thick.", None),
        ("She is in the ER and in industry, to today's regret.", None),
        ("So far we can see Walla Walla.", None),
        ("and then it ended.", "then it ended."),
    ],
)
def test_what_was_spoken(said: str, written: str | None) -> None:
    assert trim(said, spoken=True) == (written or said)


def test_what_was_written_is_left_as_it_was() -> None:
    assert trim("He said: um, the the pier.") == "He said: um, the the pier."


@given(st.text(), st.booleans())
def test_trimming_adds_nothing(text: str, spoken: bool) -> None:
    assert len(trim(text, spoken=spoken)) <= len(text) + 3  # a letter may have a longer capital
