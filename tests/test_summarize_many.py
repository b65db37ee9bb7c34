"""Many documents through the Python interface: in order, errors as values, one by one or side by side, read ahead."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import pytest
import torch

from sumpool import Summarizer, Summary
from sumpool.documents import read_document
from sumpool.errors import DocumentError
from sumpool.modeling.graphs import RECORDING
from sumpool.modeling.pyramidion_lm import PyramidionLM
from sumpool.summarizer import Assignment


@pytest.mark.parametrize(("side_by_side", "ahead"), [(1, False), (3, False), (3, True)])
def test_what_cant_be_read_is_a_value_among_the_summaries(
    small_model: Path, tmp_path: Path, side_by_side: int, ahead: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources: list[Path] = []
    for name in ("a", "b", "missing", "c", "d"):
        sources.append(tmp_path / f"{name}.txt")
        if name != "missing":
            sources[-1].write_text(f"The boat {name} lay in the harbour. " * 5 + f"It was sold by {name} in spring.")
    documents = [read_document(source) if source.stem in "bd" else source for source in sources]
    summarizer = Summarizer(small_model, device="cpu", drafts=2)
    assert (summarizer.side_by_side, summarizer.reads_ahead) == (1, False)
    monkeypatch.setattr(Summarizer, "side_by_side", side_by_side)
    monkeypatch.setattr(Summarizer, "reads_ahead", ahead)
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


def stories(directory: Path) -> list[Path]:
    made = [directory / f"{number}.txt" for number in range(6)]
    for number, path in enumerate(made):
        path.write_text(f"Boat {number} lay in the harbour. " * 5 + f"It was sold for {number} pounds in spring.")
    return made


def texts(results: Iterable[Summary | DocumentError]) -> list[str]:
    return [result.text for result in results if isinstance(result, Summary)]


def as_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Summarizer, "side_by_side", 2)
    monkeypatch.setattr(Summarizer, "reads_ahead", True)


def test_documents_are_read_while_others_are_written(
    small_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Writing is made to wait until a document that is yet to come has been read."""
    summarizer = Summarizer(small_model, device="cpu", drafts=1)
    sources = stories(tmp_path)
    expected = texts(summarizer.summarize(source, length=20, wording="own") for source in sources)
    changed = threading.Condition()
    counts = {"read": 0, "written": 0}
    whole_read, whole_write = Summarizer.read, Summarizer.write

    def read(*arguments: Any, **options: Any) -> Any:
        reading = whole_read(*arguments, **options)
        with changed:
            counts["read"] += 1
            changed.notify_all()
        return reading

    def write(this: Summarizer, assigned: Sequence[Assignment], **options: Any) -> list[str]:
        counts["written"] += len(assigned)
        enough = min(counts["written"] + 1, len(sources))
        with changed:
            assert changed.wait_for(lambda: counts["read"] >= enough, 30), "nothing is read meanwhile"
        return whole_write(this, assigned, **options)

    monkeypatch.setattr(Summarizer, "read", read)
    monkeypatch.setattr(Summarizer, "write", write)
    as_on_a_gpu(monkeypatch)
    assert texts(summarizer.summarize_many(sources, length=20, wording="own")) == expected
    assert counts == {"read": len(sources), "written": len(sources)}


def test_what_lacks_memory_beside_writing_is_read_in_its_turn(
    small_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    summarizer = Summarizer(small_model, device="cpu", drafts=1)
    sources = stories(tmp_path)
    expected = texts(summarizer.summarize(source, length=20, wording="own") for source in sources)
    refused: list[str] = []
    whole = PyramidionLM.read

    def read(*arguments: Any) -> torch.Tensor:
        if threading.current_thread() is not threading.main_thread():
            refused.append("one")
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return whole(*arguments)

    monkeypatch.setattr(PyramidionLM, "read", read)
    as_on_a_gpu(monkeypatch)
    assert texts(summarizer.summarize_many(sources, length=20, wording="own")) == expected
    assert len(refused) == len(sources)


def test_nothing_is_read_while_a_graph_is_recorded(small_model: Path, tmp_path: Path) -> None:
    summarizer = Summarizer(small_model, device="cpu", drafts=1)
    source = stories(tmp_path)[0]
    with ThreadPoolExecutor(1) as beside:
        with RECORDING:
            waiting = beside.submit(summarizer.prepare, source)
            assert not wait([waiting], timeout=0.5).done
        assert len(waiting.result(30).tokens)


def test_leaving_early_ends_what_is_read_ahead(
    small_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    summarizer = Summarizer(small_model, device="cpu", drafts=1)
    as_on_a_gpu(monkeypatch)
    before = set(threading.enumerate())
    results = summarizer.summarize_many(stories(tmp_path), length=20)
    assert next(results)
    results.close()
    assert set(threading.enumerate()) == before


def test_a_gpu_gives_the_summaries_that_it_gives_one_by_one(small_model: Path, tmp_path: Path) -> None:
    if not torch.cuda.is_available():
        pytest.skip("this machine has no cuda device")
    summarizer = Summarizer(small_model, device="cuda", drafts=2)
    assert summarizer.reads_ahead
    sources = stories(tmp_path) * 8
    results = list(summarizer.summarize_many(sources, length=20, wording="own"))
    alone = [summarizer.summarize(source, length=20, wording="own") for source in sources[:6]] * 8
    for result, expected in zip(results, alone, strict=True):
        assert isinstance(result, Summary)
        assert result.source == expected.source
        # A random model's best tokens are close to each other: what is rounded otherwise leads elsewhere after a while.
        assert result.text.split()[:2] == expected.text.split()[:2]
