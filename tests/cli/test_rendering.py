"""Results to text, Markdown, JSON and HTML."""

from __future__ import annotations

import json
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from sumpool.errors import DocumentError
from sumpool.rendering import FORMATS, make_renderer
from sumpool.rendering.clean import printable
from sumpool.rendering.markdown import escape
from sumpool.summary import Passage, Seconds, Statement, Summary

EVIL = "<script>alert(1)</script> & \x1b[31mred\x1b[0m \u202etxet 日本語"


def make(text: str = "It is so.", source: str = "a.pdf", title: str | None = "On It") -> Summary:
    return Summary(
        source=source,
        title=title,
        text=text,
        statements=(Statement(text, (1, 0)),),
        passages=(
            Passage("It is so,\nsay all.", 10, 28, 0.91234, 3),
            Passage("And so on.", 40, 50, 0.5),
        ),
        pages=12,
        words=3400,
        tokens=5000,
        model="small",
        device="cpu",
        wording="own",
        seconds=Seconds(1.0, 2.0, 3.5),
    )


def test_text_is_the_summary_alone() -> None:
    assert make_renderer("text").summary(make()) == "It is so.\n"


def test_text_with_sources_and_several() -> None:
    renderer = make_renderer("text", sources=True, several=True)
    assert renderer.summary(make()) == (
        "==> a.pdf <==\nIt is so. [1][2]\n\nSources:\n[1] p. 3: It is so, say all.\n[2] And so on.\n"
    )
    assert renderer.summary(make(source="b.pdf")).startswith("\n==> b.pdf <==\n")


def test_text_on_a_terminal_is_wrapped_by_cells() -> None:
    from rich.cells import cell_len

    text = make_renderer("text", sources=True, width=30).summary(make("日本 語の " * 20 + "and a good deal more " * 5))
    assert max(cell_len(line) for line in text.splitlines()) <= 30
    assert "\x1b" not in text
    assert "\x1b[1mSources:\x1b[0m" in make_renderer("text", sources=True, width=30, styled=True).summary(make())


def test_json_is_the_contract() -> None:
    line = make_renderer("json").summary(make())
    assert line.count("\n") == 1
    assert json.loads(line) == {
        "source": "a.pdf",
        "title": "On It",
        "summary": "It is so.",
        "statements": [{"text": "It is so.", "passages": [1, 0]}],
        "passages": [
            {"text": "It is so,\nsay all.", "page": 3, "start": 10, "end": 28, "score": 0.9123},
            {"text": "And so on.", "page": None, "start": 40, "end": 50, "score": 0.5},
        ],
        "document": {"pages": 12, "words": 3400, "tokens": 5000},
        "model": "small",
        "device": "cpu",
        "wording": "own",
        "seconds": {"extract": 1.0, "read": 2.0, "write": 3.5, "total": 6.5},
    }


def test_json_failure_is_the_contract() -> None:
    line = make_renderer("json").failure("a.pdf", DocumentError("empty", "empty file"))
    assert json.loads(line) == {"source": "a.pdf", "error": {"kind": "empty", "message": "empty file"}}


def test_markdown() -> None:
    assert make_renderer("markdown").summary(make()) == "# On It\n\nIt is so.\n"
    assert make_renderer("markdown", sources=True).summary(make(title=None)) == (
        "# a.pdf\n\nIt is so. \\[1\\]\\[2\\]\n\n## Sources\n\n1. p. 3: It is so, say all.\n2. And so on.\n"
    )


class Visible(HTMLParser):
    """The text of a page and the tags in it."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


LINES = st.text(st.sampled_from("ab 1.)-+=#*_[]<>&|~$`\\!:/('\"{}^@"), min_size=1).map(str.strip).filter(bool)


@given(LINES)
def test_markdown_shows_text_as_it_is(text: str) -> None:
    shown = Visible(MarkdownIt("commonmark").enable("strikethrough").enable("table").render(escape(text)))
    assert " ".join(shown.text.split()) == " ".join(text.split())
    assert set(shown.tags) <= {"p"}


@pytest.mark.parametrize("sources", [None, True, False])
def test_html_is_one_page_for_any_number_of_results(sources: bool | None) -> None:
    renderer = make_renderer("html", sources=sources)
    page = renderer.opening() + renderer.summary(make()) + renderer.failure("b.pdf", DocumentError("empty", "empty"))
    page += renderer.summary(make(EVIL, EVIL, EVIL)) + renderer.closing()
    visible = Visible(page)
    assert visible.tags.count("html") == visible.tags.count("body") == 1
    assert visible.tags.count("article") == 3
    assert not {"script", "link", "img", "iframe"} & set(visible.tags)
    assert "<script>alert(1)</script>" in visible.text
    assert ("Sources" in visible.text) == (sources is not False)
    assert "://" not in page


@pytest.mark.parametrize("format", FORMATS)
def test_nothing_from_a_document_controls_the_terminal(format: str) -> None:
    renderer = make_renderer(format, sources=True, several=True, width=40)
    text = renderer.opening() + renderer.summary(make(EVIL, EVIL, EVIL)) + renderer.closing()
    assert "\x1b" not in text
    assert format == "json" or "\u202e" not in text


@pytest.mark.parametrize("format", FORMATS)
def test_no_result_is_no_failure(format: str) -> None:
    renderer = make_renderer(format)
    assert renderer.opening() + renderer.closing() == ""


@given(st.text())
def test_printable_keeps_offsets(text: str) -> None:
    clean = printable(text)
    assert len(clean) == len(text)
    assert all(new in (old, "\ufffd") for old, new in zip(text, clean, strict=True))
    clean.encode()
