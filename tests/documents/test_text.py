"""Plain text and Markdown: encodings, paragraphs, structure, and files that are no text."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

import pytest
from checking import check
from handset import plain_page, prose
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sumpool.documents import Document, from_text, read_document
from sumpool.errors import DocumentError


def read(text: str | bytes, name: str = "notes.txt", **options: object) -> Document:
    data = text.encode() if isinstance(text, str) else text
    return check(read_document(name, data, **options))  # type: ignore[arg-type]


def kinds(document: Document) -> list[tuple[str, str]]:
    return [(p.kind, document.text[p.start : p.end]) for p in document.paragraphs]


GERMAN = "Die Größe der Übung überraschte die Prüfer. Danach gab es Äpfel, Öl und süße Brötchen für alle Gäste."
RUSSIAN = "Быстрая лиса прыгает через ленивую собаку. После этого она долго отдыхает в тени большого дерева."


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (GERMAN, "utf-8"),
        (GERMAN, "utf-8-sig"),
        (GERMAN, "utf-16"),
        (GERMAN, "utf-16-le"),
        (GERMAN, "utf-16-be"),
        (GERMAN, "utf-32"),
        (GERMAN, "utf-32-le"),
        (GERMAN, "utf-32-be"),
        (GERMAN, "cp1252"),
        (GERMAN, "latin-1"),
        (RUSSIAN, "utf-8"),
        (RUSSIAN, "cp1251"),
        (RUSSIAN * 4, "koi8-r"),
        (RUSSIAN, "utf-16"),
    ],
)
def test_encodings(text: str, encoding: str) -> None:
    assert read(text.encode(encoding)).text == text


def test_mojibake_ligatures_and_accents_are_mended() -> None:
    assert read("The cafÃ© was â€œopenâ€\x9d, they said, and the ﬁre was eﬃcient.").text == (
        "The café was “open”, they said, and the fire was efficient."
    )
    assert read("Cafe\u0301, un na¨ıf se prom`ene.").text.startswith("Café, un naïf")


def test_one_bad_byte_is_no_other_encoding() -> None:
    assert read((GERMAN * 30).encode()[:-1] + b"\xff").text.startswith(GERMAN)


def test_hard_wrapped_lines_are_joined() -> None:
    import textwrap

    paragraphs = [prose(seed) for seed in range(4)]
    wrapped = "\n\n".join(textwrap.fill(text, 72) for text in paragraphs)
    assert read(wrapped).text == "\n\n".join(paragraphs)
    assert read(wrapped.replace("\n", "\r\n")).text == "\n\n".join(paragraphs)


def test_paragraphs_by_indent() -> None:
    import textwrap

    paragraphs = [prose(seed) for seed in range(4)]
    wrapped = "\n".join(textwrap.fill(text, 72, initial_indent="    ") for text in paragraphs)
    assert read(wrapped).text == "\n\n".join(paragraphs)


def test_long_lines_are_paragraphs() -> None:
    paragraphs = [prose(seed) for seed in range(4)]
    assert read("\n".join(paragraphs)).text == "\n\n".join(paragraphs)


def test_structure() -> None:
    text = """A Report on Something

Introduction
============

The first paragraph of this report is long enough
to be broken over two lines by hand, as people do
it in letters.

Things to do:

- write the report, which takes a very long time
  and goes on here
- send it

    def code(x):
        return x + 1;

    print(code(2))

Roses are red,
Violets are blue,
Sugar is sweet.

References

[1] Somebody. Something. 1999.
"""
    document = read(text)
    assert document.title == "A Report on Something"
    assert document.left_out == ("references",)
    assert kinds(document) == [
        ("heading", "A Report on Something"),
        ("heading", "Introduction"),
        ("body", "The first paragraph of this report is long enough to be broken over two lines by hand, as people do "
                 "it in letters."),
        ("body", "Things to do:"),
        ("list", "- write the report, which takes a very long time and goes on here\n- send it"),
        ("code", "def code(x):\n    return x + 1;"),
        ("body", "print(code(2))"),
        ("list", "Roses are red,\nViolets are blue,\nSugar is sweet."),
    ]  # fmt: skip


def test_form_feeds_and_running_heads() -> None:
    head, foot = "RFC 9999    A Protocol    May 2020", "Smith     Standards Track     [Page {}]"
    pages = [f"{head}\n\n{prose(number)}\n\n{foot.format(number)}" for number in range(1, 6)]
    document = read("\n\f\n".join(pages))
    assert document.text == "\n\n".join(prose(number) for number in range(1, 6))


def test_no_title_where_none_is_evident() -> None:
    assert read(prose(1) + "\n\n" + prose(2)).title is None
    assert read("just a few words").title is None


def test_text_in_memory() -> None:
    document = check(from_text("One line\nand another.\n\nSecond. Paragraph.", "memory", title="Title"))
    assert document.text == "One line and another.\n\nSecond. Paragraph."
    assert (document.source, document.title, len(document.sentences)) == ("memory", "Title", 3)
    assert from_text("").text == ""
    long = [prose(1), prose(2)]
    assert from_text("\n".join(long)).text == "\n\n".join(long)


MARKDOWN = """---
title: "The Title"
author: nobody
---

# Heading *one*

Some **bold** text with a [link](http://example.org "hint"), an ![image of a cat](cat.png),
`code` and a footnote.<br>Next <b>line</b>. <!-- hidden -->

<!-- a whole
comment -->

* first
* second with
  more
    1. nested
    2. also

> A quotation.

```python
x = 1

y = 2
```

| a | b |
|---|---|
| 1 | 2 |

## Acknowledgements

Thanks.

## Results

Good ones &amp; ~~bad~~ ones.
"""


def test_markdown() -> None:
    document = read(MARKDOWN, "notes.md")
    assert document.title == "The Title"
    assert document.left_out == ("acknowledgements",)
    assert kinds(document) == [
        ("heading", "Heading one"),
        ("body", "Some bold text with a link, an image of a cat, code and a footnote. Next line."),
        ("list", "- first\n- second with more\n1. nested\n2. also"),
        ("body", "A quotation."),
        ("code", "x = 1\ny = 2"),
        ("table", "a | b\n1 | 2"),
        ("heading", "Results"),
        ("body", "Good ones & bad ones."),
    ]


def test_markdown_abstract() -> None:
    text = "# T\n\n## Abstract\n\nShort one.\n\n## 1 Introduction\n\nLong one.\n"
    assert ("abstract", "Short one.") in kinds(read(text, "a.md"))
    dropped = read(text, "a.md", abstract="drop")
    assert dropped.text == "T\n\n1 Introduction\n\nLong one."
    assert dropped.left_out == ("abstract",)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", "empty"),
        (b" \n\t\r\n", "empty"),
        ("\ufeff".encode(), "empty"),
        (b"\x00" * 100, "binary"),
        (bytes(random.Random(1).randbytes(5000)), "binary"),
        (b"PK\x03\x04" + b"\x00" * 50, "damaged"),
        (b"\x89PNG\r\n\x1a\n" + b"\x00" * 50, "binary"),
        (b"\x1f\x8b\x08" + bytes(random.Random(2).randbytes(500)), "damaged"),
        (b"\x7fELF\x02\x01\x01" + b"\x00" * 500, "binary"),
        (b"{\\rtf1 hello}", "binary"),
    ],
)
def test_what_is_no_text(data: bytes, kind: str) -> None:
    for name in ("data.txt", "data.md", "-"):
        with pytest.raises(DocumentError) as caught:
            read_document(name, data)
        assert caught.value.kind == kind
        assert "\n" not in caught.value.message


def test_paths(tmp_path: Path) -> None:
    for path, kind in [(tmp_path / "none.txt", "missing"), (tmp_path, "directory"), (tmp_path / "x\x00y", "missing"),
                       (tmp_path / ("x" * 300), "missing")]:  # fmt: skip
        with pytest.raises(DocumentError) as caught:
            read_document(path)
        assert caught.value.kind == kind
        assert str(tmp_path) not in caught.value.message
    file = tmp_path / "letter.txt"
    file.write_text("A letter.")
    assert read_document(file).source == str(file)
    assert read_document(str(file)).text == "A letter."
    if os.name == "posix" and os.geteuid():
        file.chmod(0)
        with pytest.raises(DocumentError) as caught:
            read_document(file)
        assert caught.value.kind == "permission"


def test_content_decides_before_the_name() -> None:
    pdf = plain_page("A line of text, and a full stop.")
    for name in ("-", "letter.txt", "letter"):
        document = check(read_document(name, pdf))
        assert document.text == "A line of text, and a full stop."
        assert document.pages == 1
    assert read_document("-", b"words").source == "stdin"


@pytest.mark.parametrize(
    "piece",
    ["a", "a ", "a\n", "é.\n\n", "- ", "\n", "x\f\n", "´e", "[", "*", "`", "| a ", "<!--", "> ", "1. a\n  ", "    x\n"],
)
@pytest.mark.parametrize("name", ["x.txt", "x.md"])
def test_time_is_linear(piece: str, name: str) -> None:
    start = time.process_time()
    try:
        check(read_document(name, (piece * (60_000 // len(piece))).encode()))
    except DocumentError as error:
        assert error.kind == "empty"  # noqa: PT017
    assert time.process_time() - start < 6


BITS = [
    "# A\n",
    "word ", "Word. ", "\n", "\n\n", "- x", "    ", "\t", "References\n\n", "===\n", "|", "---\n", "`", "Abstract", "é",
    "ﬁ", "\f", "1. ", "<b>", "[a](b)", "<!--", "\x1b[0m", "\u2028", "\x85", "\x0b", "\x1c",
]  # fmt: skip


@settings(max_examples=120, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.text(max_size=200) | st.lists(st.sampled_from(BITS), max_size=40).map("".join),
    st.sampled_from(["x.txt", "x.md", "-"]),
    st.sampled_from(["keep", "drop"]),
)
def test_any_text_makes_a_document(text: str, name: str, abstract: str) -> None:
    try:
        check(read_document(name, text.encode("utf-8"), abstract=abstract))  # type: ignore[arg-type]
    except DocumentError:
        return
    check(from_text(text))


@settings(max_examples=80, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=300), st.sampled_from(["x.txt", "x.md"]))
def test_any_bytes_make_a_document_or_an_error(data: bytes, name: str) -> None:
    try:
        check(read_document(name, data))
    except DocumentError as error:
        assert error.message  # noqa: PT017
