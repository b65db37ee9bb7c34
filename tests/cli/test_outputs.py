"""Which file a result goes to, and that it gets there whole or not at all."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sumpool.errors import UsageError
from sumpool.outputs import OutputError, check_directory, check_file, plan_outputs, wants_directory, write_whole
from sumpool.sources import Source

OUT = Path("out")


def source(path: str, below: str | None = None) -> Source:
    return Source(path, Path(path), Path(below) if below else None)


def test_directory_is_mirrored_and_suffixes_keep_neighbours_apart() -> None:
    sources = [source("docs/a.pdf", "a.pdf"), source("docs/a.txt", "a.txt"), source("docs/sub/a.pdf", "sub/a.pdf")]
    assert plan_outputs(sources, OUT, ".md") == [OUT / "a.pdf.md", OUT / "a.txt.md", OUT / "sub/a.pdf.md"]


def test_named_files_go_directly_into_the_directory() -> None:
    assert plan_outputs([source("x/a.pdf"), source("/tmp/b.pdf")], OUT, ".txt") == [
        OUT / "a.pdf.txt",
        OUT / "b.pdf.txt",
    ]


def test_same_names_keep_their_paths() -> None:
    sources = [source("x/2023/a.pdf"), source("x/2024/a.pdf"), source("x/b.pdf")]
    planned = [OUT / "2023/a.pdf.md", OUT / "2024/a.pdf.md", OUT / "b.pdf.md"]
    assert plan_outputs(sources, OUT, ".md") == planned
    assert plan_outputs(sources[::-1], OUT, ".md") == planned[::-1]


def test_standard_input_has_a_name() -> None:
    assert plan_outputs([Source("stdin")], OUT, ".md") == [OUT / "stdin.md"]


PATHS = st.lists(
    st.lists(st.sampled_from(["a", "b", "stdin", "a.md"]), min_size=1, max_size=4).map("/".join),
    unique=True,
    min_size=1,
)


@given(PATHS, st.integers(0, 3), st.booleans())
def test_no_two_sources_share_an_output(paths: list[str], depth: int, piped: bool) -> None:
    sources = [source(path, "/".join(path.split("/")[depth:]) or None) for path in paths]
    if piped:
        sources.append(Source("stdin"))
    planned = plan_outputs(sources, OUT, ".md")
    assert len(set(planned)) == len(sources)
    assert all(OUT in path.parents and ".." not in path.parts for path in planned)


def test_when_output_means_a_directory(here: Path) -> None:
    (here / "docs").mkdir()
    one = [source("docs/a.pdf")]
    assert not wants_directory("new", ["docs/a.pdf"], one)
    assert wants_directory("new/", ["docs/a.pdf"], one)
    assert wants_directory("docs", ["docs/a.pdf"], one)
    assert wants_directory("new", ["docs"], one)
    assert wants_directory("new", ["docs/a.pdf", "b.pdf"], [*one, source("b.pdf")])


def test_writing_replaces_and_keeps_permissions(here: Path) -> None:
    file = here / "new" / "a.md"
    write_whole(file, "one\n")
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE(file.stat().st_mode) == 0o666 & ~mask
    file.chmod(0o640)
    write_whole(file, "zwei – 二\n")
    assert file.read_text(encoding="utf-8") == "zwei – 二\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert os.listdir(file.parent) == ["a.md"]


def test_writing_goes_through_links(here: Path) -> None:
    (here / "link.md").symlink_to(here / "real.md")
    write_whole(here / "link.md", "text\n")
    assert (here / "link.md").is_symlink()
    assert (here / "real.md").read_text() == "text\n"


def test_failed_writing_leaves_nothing(here: Path) -> None:
    (here / "a.md").mkdir()
    (here / "a.md" / "occupied").touch()
    with pytest.raises(OutputError, match=r"a\.md: .*\(make room"):
        write_whole(here / "a.md", "text\n")
    assert sorted(os.listdir(here)) == ["a.md"]


def test_interrupted_writing_leaves_the_old_file(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_whole(here / "a.md", "old\n")

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_whole(here / "a.md", "new\n")
    assert os.listdir(here) == ["a.md"]
    assert (here / "a.md").read_text() == "old\n"


def test_a_named_pipe_is_written_to_and_not_replaced(here: Path) -> None:
    os.mkfifo(here / "pipe")
    check_file(here / "pipe", [])
    got: list[str] = []
    reader = threading.Thread(target=lambda: got.append((here / "pipe").read_text()))
    reader.start()
    write_whole(here / "pipe", "text\n")
    reader.join(5)
    assert got == ["text\n"]
    assert stat.S_ISFIFO((here / "pipe").stat().st_mode)


def test_places_that_take_no_output(here: Path) -> None:
    (here / "file").write_text("text")
    (here / "docs").mkdir()
    with pytest.raises(UsageError, match="a file, but several results"):
        check_directory(here / "file", [])
    with pytest.raises(UsageError, match="a file is in the way"):
        check_directory(here / "file" / "out", [])
    with pytest.raises(UsageError, match="summarize the summaries"):
        check_directory(here / "docs", [str(here / "docs" / "..") + "/docs"])
    with pytest.raises(UsageError, match="the document itself"):
        check_file(here / "file", [source("file")])
    with pytest.raises(UsageError, match="No such file or directory"):
        check_file(here / "nowhere" / "a.md", [])
    with pytest.raises(UsageError, match="a file is in the way"):
        check_file(here / "file" / "a.md", [])


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a file system that takes no files")
def test_file_system_that_takes_no_files() -> None:
    with pytest.raises(UsageError, match="can't write there"):
        check_directory(Path("/proc/self"), [])
