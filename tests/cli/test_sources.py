"""From arguments to documents."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sumpool.sources import Source, find_sources


@pytest.fixture(autouse=True)
def tree(here: Path) -> None:
    for name in ("docs/b.pdf", "docs/a.txt", "docs/A.MD", "docs/sub/c.rst", "docs/sub/image.png", "docs/.hidden.txt"):
        (here / name).parent.mkdir(parents=True, exist_ok=True)
        (here / name).write_text("text")
    for name in ("docs/.git/config.txt", "empty/image.png", "notes"):
        (here / name).parent.mkdir(parents=True, exist_ok=True)
        (here / name).write_text("text")


def names(*arguments: str, **options: object) -> list[str]:
    return [source.name for source in find_sources(arguments, **options)]  # type: ignore[arg-type]


def test_directory_gives_known_documents_by_name_without_hidden_ones() -> None:
    assert names("docs") == ["docs/A.MD", "docs/a.txt", "docs/b.pdf", "docs/sub/c.rst"]
    assert [source.below for source in find_sources(["docs/"])][-1] == Path("sub/c.rst")


def test_directory_is_searched_as_its_documents_are_asked_for(here: Path) -> None:
    found = find_sources(["docs"])
    assert next(found).name == "docs/A.MD"
    (here / "docs/sub/new.txt").write_text("text")
    assert "docs/sub/new.txt" in [source.name for source in found]


def test_directory_without_recursion() -> None:
    assert names("docs", recursive=False) == ["docs/A.MD", "docs/a.txt", "docs/b.pdf"]


def test_named_file_is_taken_whatever_its_name() -> None:
    assert names("notes", "docs/.hidden.txt") == ["notes", "docs/.hidden.txt"]


def test_glob_that_the_shell_left_alone() -> None:
    assert names("docs/*.[pt]*") == ["docs/a.txt", "docs/b.pdf"]
    assert sorted(names("docs/**")) == ["docs/A.MD", "docs/a.txt", "docs/b.pdf", "docs/sub/c.rst", "docs/sub/image.png"]


def test_file_whose_name_looks_like_a_glob(here: Path) -> None:
    (here / "a[1].txt").write_text("text")
    assert names("a[1].txt") == ["a[1].txt"]


def test_order_is_that_of_the_arguments_and_nothing_comes_twice() -> None:
    assert names("docs/b.pdf", "./docs/b.pdf", "docs", "-", "-") == [
        "docs/b.pdf",
        "docs/A.MD",
        "docs/a.txt",
        "docs/sub/c.rst",
        "stdin",
    ]


def test_output_directory_is_no_source(here: Path) -> None:
    (here / "docs/out/deep").mkdir(parents=True)
    (here / "docs/out/deep/a.txt.txt").write_text("a summary")
    assert "docs/out/deep/a.txt.txt" in names("docs")
    assert "docs/out/deep/a.txt.txt" not in names("docs", leave_out=Path("docs/out"))


@pytest.mark.parametrize(
    ("argument", "kind", "says"),
    [
        ("nope.pdf", "missing", "no such file"),
        ("nope/*.pdf", "missing", "no file matches"),
        ("empty", "directory", "without documents"),
    ],
)
def test_argument_that_leads_nowhere(argument: str, kind: str, says: str) -> None:
    [source, other] = find_sources([argument, "notes"])
    assert source.error is not None
    assert source.error.kind == kind
    assert says in source.error.message
    assert source.error.message.endswith(")")
    assert other == Source("notes", Path("notes"))


def test_directory_of_documents_further_down_says_so() -> None:
    source = next(find_sources(["docs/sub/.."], recursive=False, leave_out=None))
    assert source.error is None
    Path("outer/inner").mkdir(parents=True)
    Path("outer/inner/a.txt").write_text("text")
    [source] = find_sources(["outer"], recursive=False)
    assert source.error is not None
    assert "--recursive" in source.error.message


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may look into any directory")
def test_directory_that_may_not_be_read(here: Path) -> None:
    (here / "docs/sub").chmod(0)
    try:
        sources = list(find_sources(["docs"]))
    finally:
        (here / "docs/sub").chmod(0o755)
    assert [source.name for source in sources if source.error is None] == ["docs/A.MD", "docs/a.txt", "docs/b.pdf"]
    assert [source.error.kind for source in sources if source.error] == ["permission"]


def test_link_to_a_directory_above_does_not_go_round(here: Path) -> None:
    (here / "docs/sub/up").symlink_to(here / "docs")
    assert len(names("docs")) == 4


def test_directory_gives_every_format_that_is_read(here: Path) -> None:
    suffixes = (
        "pdf", "docx", "odt", "epub", "html", "htm", "xhtml", "txt", "text", "md", "markdown", "rst", "tex", "eml",
        "srt", "vtt", "txt.gz", "html.gz", "vtt.gz",
    )  # fmt: skip
    (here / "all").mkdir()
    for name in [*(f"a.{suffix}" for suffix in suffixes), "a.zip", "a.pdf.gz", "a.gz", "a.jpg"]:
        (here / "all" / name).write_text("text")
    assert names("all") == sorted(f"all/a.{suffix}" for suffix in suffixes)
