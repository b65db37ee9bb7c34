"""Files that are damaged or hostile, in every format besides PDF: a Document or one clear error, in bounds."""

from __future__ import annotations

import gzip
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from checking import check
from handmade import docx, epub, p, zipped
from handset import prose
from processes import children

from sumpool.documents import apart, read_document
from sumpool.errors import DocumentError

XML_BOMB = (
    '<?xml version="1.0"?><!DOCTYPE x ['
    + '<!ENTITY a0 "harbour">'
    + "".join(f'<!ENTITY a{n + 1} "{f"&a{n};" * 10}">' for n in range(9))
    + "]>"
)


def failure(data: bytes, name: str = "-", **options: object) -> DocumentError:
    with pytest.raises(DocumentError) as caught:
        read_document(name, data, **options)  # type: ignore[arg-type]
    assert "\n" not in caught.value.message
    assert len(caught.value.message) < 160
    return caught.value


def _worked() -> float:
    """Seconds of processor time, of this process and those it has waited for: the machine may be doing other things."""
    return sum(os.times()[:4])


def test_gzip_bombs() -> None:
    bomb = gzip.compress(b"A word. " * (1 << 25))
    start = time.monotonic()
    problem = failure(bomb)
    assert problem.kind == "memory"
    assert "unpack" in problem.message
    assert time.monotonic() - start < 20


def test_zip_bombs() -> None:
    """One member too large, one that lies about its size, and too many of them."""
    body = "<w:p><w:r><w:t>" + "word " * (1 << 24) + "</w:t></w:r></w:p>"
    assert failure(docx(body)).kind == "memory"
    lying = docx(p("word " * 100_000))
    entry = lying.rindex(b"word/document.xml") - 46  # in the central directory
    assert lying[entry : entry + 4] == b"PK\x01\x02"
    lying = lying[: entry + 24] + (100).to_bytes(4, "little") + lying[entry + 28 :]
    assert failure(lying).kind == "damaged"
    assert failure(zipped({f"word/{number}": "" for number in range(30_000)})).kind == "memory"


@pytest.mark.parametrize("declaration", [XML_BOMB, '<!DOCTYPE x SYSTEM "http://example.org/x">'])
def test_entities_are_not_expanded(declaration: str) -> None:
    name = "&a9;" if "a9" in declaration else ""
    data = zipped(
        {"word/document.xml": f"{declaration}<document><body><p><r><t>Words{name}.</t></r></p></body></document>"}
    )
    try:
        assert len(check(read_document("-", data, timeout=20)).text) < 100
    except DocumentError as problem:
        assert problem.kind in ("damaged", "no-text")  # noqa: PT017


def test_no_file_is_opened_on_a_documents_behalf(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("the secret word")
    url = secret.as_uri()
    entity = f'<!DOCTYPE x [<!ENTITY e SYSTEM "{url}">]>'
    documents = {
        "a.docx": zipped(
            {"word/document.xml": f"{entity}<document><body><p><r><t>Words &e;</t></r></p></body></document>"}
        ),
        "a.epub": epub({"a.xhtml": f'<?xml version="1.0"?>{entity}<html><body><p>Words &e;</p></body></html>'}),
        "a.html": f'{entity}<html><body><p>Words &e;</p><iframe src="{url}"></iframe><object data="{url}"></object>'
        "</body></html>",
        "a.tex": f"\\documentclass{{a}}\\begin{{document}}Words "
        f"\\input{{{secret}}}\\include{{{secret}}}\\end{{document}}",
        "a.eml": "From: a@b.c\nSubject: s\n"
        f"Content-Type: message/external-body; access-type=local-file; name={secret}\n\nx",
    }
    for name, data in documents.items():
        raw = data.encode() if isinstance(data, str) else data
        try:
            assert "secret word" not in read_document(name, raw).text
        except DocumentError as problem:
            assert "secret word" not in problem.message  # noqa: PT017
    traversal = {"../../escaped.txt": "x", "/tmp/escaped.txt": "x", "word/document.xml": "x"}
    before = set(os.listdir(tmp_path))
    failure(zipped(traversal))
    assert set(os.listdir(tmp_path)) == before
    assert not Path("/tmp/escaped.txt").exists()


def test_time_and_memory_limits_end_the_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    before = children()
    start = time.monotonic()
    page = b"<html><body>" + b"<p>The harbour was dredged in 1911, they say.</p>" * 200_000
    assert failure(page, timeout=1).kind == "timeout"
    assert time.monotonic() - start < 4
    pytest.importorskip("resource")
    monkeypatch.setattr(apart, "MEMORY", 160 << 20)
    assert failure(page).kind in ("memory", "damaged")
    assert children() <= before


@pytest.mark.parametrize(
    "make",
    [
        lambda n: "<html>" + "<p>word" * n,
        lambda n: "<html>" + "<ul><li>word" * n,
        lambda n: "<html>" + "<!-- " * n,
        lambda n: "<html>" + "<br>" * n,
        lambda n: "\\documentclass{a}" + "\\section{x}" * n,
        lambda n: "\\documentclass{a}" + "\\begin{comment}" * n,
        lambda n: "\\documentclass{a}" + "\\newcommand{\\a" * n,
        lambda n: "\\documentclass{a}" + "% \\a{\n" * n,
        lambda n: "\\documentclass{a}" + "$" * n,
        lambda n: "From: a@b.c\nTo: b\nSubject: x\n\n" + "> x\n" * n,
        lambda n: "From: a@b.c\nTo: b\nSubject: x\n\n" + "On x wrote " * n,
        lambda n: "WEBVTT\n\n" + "00:01.000 --> 00:02.000\n<v " * n,
        lambda n: "0:01 A:\n" * n,
        lambda n: "<!-- --> " * n,
        lambda n: "From: x\n" * n,
        lambda n: "a" * n * 20,
    ],
)
def test_time_is_linear(make: Callable[[int], str]) -> None:
    """Ten times the size that a document of its kind may well have, in time that is not felt."""
    data = make(6_000).encode()
    start = _worked()
    try:
        check(read_document("-", data, timeout=60))
    except DocumentError as problem:
        assert problem.kind in ("no-text", "empty", "damaged")  # noqa: PT017
    assert _worked() - start < 8


def test_a_line_of_many_megabytes() -> None:
    line = (prose(1, 500) + " ").encode() * 300
    start = _worked()
    document = read_document("-", line)
    assert document.words > 120_000
    assert _worked() - start < 20
