"""URLs as sources and outputs: what one finds and writes there is what it would be in a directory."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest

from sumpool.remote import Remote

Sumpool = Callable[..., Any]


@pytest.fixture
def store(tree: Path) -> Iterator[Any]:
    """fsspec's store in memory, with what is in docs/."""
    memory = fsspec.filesystem("memory")
    for path in (tree / "docs").rglob("*"):
        if path.is_file():
            memory.pipe_file(f"/papers/{path.relative_to(tree / 'docs').as_posix()}", path.read_bytes())
    memory.pipe_file("/papers/picture.png", b"no document")
    memory.pipe_file("/papers/.hidden/c.txt", b"Nobody shall see this.")
    yield memory
    memory.rm("/papers", recursive=True)
    if memory.exists("/out"):
        memory.rm("/out", recursive=True)


def results(store: Any, directory: str = "/out") -> dict[str, bytes]:
    found = store.find(directory) if store.exists(directory) else []
    return {path.removeprefix(f"{directory}/"): store.cat_file(path) for path in found if "/.sumpool/" not in path}


def test_same_results_as_from_a_directory(store: Any, tree: Path, summarize: Sumpool) -> None:
    assert summarize("docs", "-o", "here").err == "done  3\n"
    expected = {
        path.relative_to(tree / "here").as_posix(): path.read_bytes() for path in (tree / "here").rglob("*.txt")
    }
    result = summarize("memory://papers", "-o", "memory://out")
    assert (result.code, result.out, result.err) == (0, "", "done  3\n")
    assert results(store) == expected
    assert summarize("memory://papers/", "-o", "there").err == "done  3\n"
    assert {p.relative_to(tree / "there").as_posix() for p in (tree / "there").rglob("*.txt")} == set(expected)
    entry = json.loads(store.cat_file("/out/.sumpool/sub/b.txt.txt.json"))
    assert (entry["output"], entry["source"]) == ("sub/b.txt.txt", "memory://papers/sub/b.txt")


def test_nothing_is_done_twice_but_what_has_changed(store: Any, summarize: Sumpool) -> None:
    assert summarize("memory://papers", "-o", "memory://out").err == "done  3\n"
    assert "skipped  3" in summarize("memory://papers", "-o", "memory://out").err
    store.pipe_file("/papers/a.md", b"The harbour was closed in the spring. Nobody calls there any more.")
    store.pipe_file("/out/a.txt.txt", b"cut off")
    store.rm_file("/out/sub/b.txt.txt")
    assert summarize("memory://papers", "-o", "memory://out").err == "done  3\n"
    assert summarize("memory://papers", "-o", "memory://out", "--length", "25").err == "done  3\n"


def test_objects_of_others_are_left_alone(store: Any, summarize: Sumpool) -> None:
    store.pipe_file("/out/a.txt.txt", b"my notes")
    result = summarize("memory://papers", "-o", "memory://out")
    assert result.code == 1
    assert result.err.startswith("sumpool: memory://out/a.txt.txt: exists, and sumpool did not write it (--overwrite")
    assert results(store)["a.txt.txt"] == b"my notes"
    store.pipe_file("/more/a.md", b"The harbour was closed in the spring. Nobody calls there any more.")
    result = summarize("memory://more", "-o", "memory://out")
    assert "memory://out/a.md.txt: is the result of memory://papers/a.md (choose another directory" in result.err
    store.rm("/more", recursive=True)


def test_single_documents_and_levels(store: Any, tree: Path, summarize: Sumpool) -> None:
    one = summarize("docs/a.txt")
    assert summarize("memory://papers/a.txt").out == one.out
    assert summarize("memory://papers", "--no-recursive", "-o", "memory://out").err == "done  2\n"
    assert summarize("docs/a.txt", "docs/sub/b.txt", "-o", "memory://out/both").err == "done  2\n"
    assert set(results(store, "/out/both")) == {"a.txt.txt", "b.txt.txt"}
    # What was written there is no source.
    assert summarize("memory://out", "-o", "memory://out/both").err.splitlines()[-1] == "done  2"


def test_file_urls_are_paths(tree: Path, summarize: Sumpool) -> None:
    assert summarize(f"file://{tree}/docs", "-o", f"file://{tree}/out").err == "done  3\n"
    assert "skipped  3" in summarize("docs", "-o", "out").err


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("memory://nowhere/a.txt", "no such file or directory (check the URL)"),
        ("s3://bucket/papers", "Install s3fs to access S3 (a package is missing)"),
        ("bogus://bucket/papers", "Protocol not known: bogus (check the URL)"),
    ],
)
def test_what_is_wrong_is_one_line(store: Any, summarize: Sumpool, url: str, says: str) -> None:
    if says.startswith("Install"):
        try:
            fsspec.get_filesystem_class("s3")
        except ImportError:
            pass
        else:
            pytest.skip("s3fs is installed")
    result = summarize(url, "-o", "out")
    assert (result.code, result.out) == (1, "")
    assert result.err.splitlines()[0] == f"sumpool: {url}: {says}"
    if "memory" not in url:
        result = summarize("docs", "-o", url)
        assert (result.code, result.out, result.err) == (2, "", f"sumpool: {url}: {says}\n")


def test_results_do_not_go_among_the_documents(store: Any, summarize: Sumpool) -> None:
    result = summarize("memory://papers", "-o", "memory://papers/")
    assert (result.code, result.out) == (2, "")
    assert "summaries can't go among the documents themselves" in result.err


def test_a_place_below_a_place() -> None:
    assert str(Remote("s3://bucket/papers/") / Path("a/b.txt")) == "s3://bucket/papers/a/b.txt"
