"""A small part of benchmarks/extraction, with floors: what docs/extraction.md says of PDFs stays true."""

from __future__ import annotations

import pytest

from benchmarks.extraction.__main__ import by_pdfminer, by_sumpool
from benchmarks.extraction.layouts import LAYOUTS, Layout, typeset
from benchmarks.extraction.measures import count

SOME = (
    "one column, indents, footnotes",
    "two columns, paper",
    "two columns, tables without rules",
    "two columns, algorithms and equations",
)


@pytest.mark.parametrize("layout", [layout for layout in LAYOUTS if layout.name in SOME], ids=lambda item: item.name)
def test_typeset_text_comes_back(layout: Layout) -> None:
    case = typeset(layout, 7, sections=3, paragraphs=4)
    ours = count(case, by_sumpool(case.pdf), case.pages)
    assert ours.words > 800
    assert ours.accuracy >= 0.99
    assert ours.sentences_wrong <= 1
    assert ours.pages_noisy == 0
    # The measures see what a plain extractor gets wrong.
    plain = count(case, by_pdfminer(case.pdf), case.pages)
    assert plain.accuracy < ours.accuracy
    assert plain.noise == 1.0
