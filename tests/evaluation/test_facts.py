"""Grounding: what of a summary's numbers, dates and names a document does not have."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sumpool.documents import read_document
from sumpool.evaluation.facts import Facts
from sumpool.modeling.checkpoint import find_model
from sumpool.modeling.prompts import Prompts
from sumpool.modeling.rules import Vocabulary

DOCUMENT = (
    "On 12 March 2014 the Brno office of Acme Corp. grew by 12.5% to 1,024 people. In May 2015 John Brown, its "
    "director, met Anna Smith of CNN. The gain was .05 points, see Fig. 3 and Refs. 1,2,7. Ana-Maria stayed until "
    "2016-07-04. Bayesian networks were dredged up."
)


@pytest.fixture(scope="module")
def ordinary() -> frozenset[str]:
    return Vocabulary(Prompts.load(find_model())).ordinary


@pytest.mark.parametrize(
    ("summary", "missing"),
    [
        ("It grew by 12.5% to 1,024 people.", []),
        ("It grew to 1024 people.", []),
        ("It grew by 13% to 1,025.", ["13", "1025"]),
        ("It gained 0.05, as references 2 and 7 say.", []),
        ("In 2014, it grew.", []),
        ("It began in March 2014.", []),
        ("It began on March 12, 2014.", []),
        ("It began on the 12th of March.", []),
        ("It began in March 2015.", ["March 2015"]),
        ("It began on 13 March 2014.", ["13 March 2014"]),
        ("It ended on 4 July 2016.", []),
        ("It ended on 5 July 2016.", ["5 July 2016"]),
        ("Director John Brown met Dr Anna Smith.", []),
        ("It was led by John Smith.", ["John Smith"]),
        ("It was led by John Major.", ["John Major"]),
        ("Obama met Anna Smith.", ["Obama"]),
        ("Furthermore, Anna Smith came.", []),
        ("Anna Smith's and CNN’s offices, the CNNs, grew.", []),
        ("They asked “Whoever came” of Ana Maria.", []),
        ("A BBC office grew.", ["BBC"]),
        ("Bayesian Networks grew. Dredging began.", []),
        ("Brno. Acme grew.", []),
        ("Brno Acme grew.", ["Brno Acme"]),
        ("So I stayed, and I’ll leave.", []),
        ("SmolLM2 grew.", ["SmolLM2"]),
        ("", []),
    ],
)
def test_what_a_document_lacks(summary: str, missing: list[str], ordinary: frozenset[str]) -> None:
    assert Facts(DOCUMENT, ordinary).unsupported(summary) == missing


def test_letters_spelled_out_are_known_without_their_last_underscore() -> None:
    assert Facts("We need a T_V_ set and L_C_D_ screens.").unsupported("We need a T_V set.") == []
    assert Facts("We need a T_V_ set.").unsupported("We need a D_V_D set.") == ["D_V_D"]


def test_without_a_word_list_a_first_word_counts_as_a_name() -> None:
    assert Facts(DOCUMENT).unsupported("Furthermore, it grew.") == ["Furthermore"]


@settings(deadline=None)
@given(first=st.integers(0, 400), size=st.integers(1, 80))
def test_what_is_copied_is_supported(root: Path, first: int, size: int) -> None:
    """Any stretch of a document's words has nothing that the document lacks."""
    text = read_document(root / "README.md").text
    words = text.split()
    facts = Facts(text)
    assert facts.unsupported(" ".join(words[first : first + size])) == []
