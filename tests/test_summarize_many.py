"""Many documents through the Python interface: in order, errors as values, one by one or side by side."""

from __future__ import annotations

from pathlib import Path

import pytest

from sumpool import Summarizer, Summary
from sumpool.documents import read_document
from sumpool.errors import DocumentError


@pytest.mark.parametrize("side_by_side", [1, 3])
def test_what_cant_be_read_is_a_value_among_the_summaries(
    small_model: Path, tmp_path: Path, side_by_side: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources: list[Path] = []
    for name in ("a", "b", "missing", "c", "d"):
        sources.append(tmp_path / f"{name}.txt")
        if name != "missing":
            sources[-1].write_text(f"The boat {name} lay in the harbour. " * 5 + f"It was sold by {name} in spring.")
    documents = [read_document(source) if source.stem in "bd" else source for source in sources]
    summarizer = Summarizer(small_model, device="cpu", drafts=2)
    assert summarizer.side_by_side == 1
    monkeypatch.setattr(Summarizer, "side_by_side", side_by_side)
    results = list(summarizer.summarize_many(documents, length=20, wording="own"))
    assert [type(result) for result in results] == [Summary, Summary, DocumentError, Summary, Summary]
    assert [result.source for result in results] == [str(source) for source in sources]
    for source, result in zip(documents, results, strict=True):
        if isinstance(result, Summary):
            alone = summarizer.summarize(source, length=20, wording="own")
            assert (result.text, result.statements, result.passages) == (alone.text, alone.statements, alone.passages)
            assert result.seconds.write > 0


def test_no_documents_give_no_summaries(small_model: Path) -> None:
    assert list(Summarizer(small_model, device="cpu").summarize_many([])) == []
