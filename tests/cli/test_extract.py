"""`sumpool extract` on formats other than PDF: from files and pipes, and what is said when they can't be read."""

from __future__ import annotations

import gzip
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

PAGE = (
    "<!DOCTYPE html><html><head><title>The Harbour</title></head><body><h1>The Harbour</h1>"
    "<p>The harbour was dredged in 1911. It has silted up since.</p></body></html>"
)


def test_a_format_is_told_by_its_content(here: Path, sumpool: Callable[..., Any]) -> None:
    (here / "page.txt").write_text(PAGE)
    expected = "The Harbour\n\nThe harbour was dredged in 1911. It has silted up since.\n"
    for result in (sumpool("extract", "page.txt"), sumpool("extract", stdin=gzip.compress(PAGE.encode()))):
        assert (result.code, result.out, result.err) == (0, expected, "")
    document = json.loads(sumpool("extract", "page.txt", "--format", "json").out)
    assert (document["title"], document["pages"], document["sentences"][0]["page"]) == ("The Harbour", None, None)
    assert [part["kind"] for part in document["paragraphs"]] == ["heading", "body"]


def test_a_failure_is_one_line(here: Path, sumpool: Callable[..., Any]) -> None:
    (here / "cut.docx").write_bytes(b"PK\x03\x04 and nothing more")
    with zipfile.ZipFile(here / "book.xlsx", "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
    (here / "slow.html").write_text("<html><body>" + "<p>The harbour was dredged in 1911.</p>" * 100_000)
    for arguments, words in (
        (("cut.docx",), "damaged"),
        (("book.xlsx",), "Excel"),
        (("slow.html", "--timeout", "1"), "longer than 1 seconds"),
    ):
        result = sumpool("extract", *arguments)
        assert (result.code, result.out) == (1, "")
        assert result.err.startswith(f"sumpool: {arguments[0]}: ")
        assert words in result.err
        assert result.err.count("\n") == 1
