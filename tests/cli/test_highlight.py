"""`sumpool highlight`: what is on the page, how it is linked and described, and the command around it."""

from __future__ import annotations

import os
import pty
import re
import subprocess
from collections.abc import Callable
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from highlighted import HOSTILE, highlight_of, paged

from sumpool import Summarizer
from sumpool.documents import Document, Paragraph, Sentence, from_text, read_document
from sumpool.rendering import highlight_page
from sumpool.rendering.highlight import shades

Sumpool = Callable[..., Any]


class Page(HTMLParser):
    """A page taken apart: its tags, its text, and the sentences of the document on it."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.source = page
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.sentences: list[dict[str, Any]] = []
        self.marked: list[str] = []
        self._open: list[str] = []
        self._depth = 0  # of the sentence that is open
        self.feed(page)
        self.close()
        assert self._open == [], "tags left open"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.tags.append((tag, values))
        if tag in ("meta", "link", "br", "img"):
            return
        self._open.append(tag)
        if "data-start" in values:
            assert not self._depth, "a sentence in a sentence"
            self._depth = len(self._open)
            self.sentences.append({**values, "text": ""})
        if tag == "mark" and self._depth:
            self.marked.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag
        if len(self._open) < self._depth:
            self._depth = 0

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._depth:
            self.sentences[-1]["text"] += data
            if "mark" in self._open:
                self.marked[-1] += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [values for name, values in self.tags if name == tag]


def shown(text: str) -> str:
    """As the page shows it: what could harm a terminal is replaced everywhere, character for character."""
    return re.sub(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u2028\u2029]", "\ufffd", text)


def whole_of(page: Page, document: Document) -> None:
    """Every sentence is on the page once, in order, with its offsets and its text."""
    found = [(int(s["data-start"]), int(s["data-end"]), s["text"]) for s in page.sentences]
    assert found == [(s.start, s.end, shown(document.text[s.start : s.end])) for s in document.sentences]


@pytest.fixture
def highlight(sumpool: Sumpool, small_model: Path, one_thread: None) -> Sumpool:
    """`sumpool highlight` with the small model."""
    return lambda *arguments, **options: sumpool(
        "highlight", "--model", small_model, "--length", "20", *arguments, **options
    )


def test_page_holds_what_extract_prints(highlight: Sumpool, sumpool: Sumpool, story: Path) -> None:
    text = HOSTILE + story.read_text(encoding="utf-8")
    story.write_text(text, encoding="utf-8")
    result = highlight("story.txt", "-o", "page.html")
    assert (result.code, result.out, result.err) == (0, "", "")
    page = Page((story.parent / "page.html").read_text(encoding="utf-8"))
    extracted = sumpool("extract", "story.txt").out
    assert "alert" in extracted
    whole_of(page, read_document(story))
    for sentence in page.sentences:
        assert shown(extracted)[int(sentence["data-start"]) : int(sentence["data-end"])] == sentence["text"]
        assert re.fullmatch(r"score 0\.\d{4}", sentence["title"])
    assert page.marked
    assert not {"script", "img", "link", "iframe", "b"} & {tag for tag, _ in page.tags}
    assert not [name for _, values in page.tags for name in values if name.startswith("on")]
    assert "\x1b" not in page.source
    assert "\u202e" not in page.source


def test_scores_and_kept_tokens_are_those_of_the_reading(story: Path, small_model: Path) -> None:
    summarizer = Summarizer(small_model, pool=48)
    result = summarizer.highlight("story.txt", length=20)
    assert result.summary.text == summarizer.summarize("story.txt", length=20).text
    tokens = summarizer.tokenize(result.document)
    reading = summarizer.read(tokens, 20, wording="quoted")
    assert result.scores == pytest.approx(reading.scores.tolist())
    assert result.pooled
    assert result.kept_tokens == len(reading.kept) == 48
    # What the kept tokens spell out, sentence by sentence, is what the spans cover.
    kept = reading.kept.tolist()
    for sentence, (first, end) in zip(result.document.sentences, tokens.sentence_spans(), strict=True):
        spelled = summarizer._prompts.decode([tokens.ids[place] for place in kept if first <= place < end])
        spans = [span for span in result.kept if sentence.start <= span[0] < sentence.end]
        covered = "".join(result.document.text[start:stop] for start, stop in spans)
        assert "".join(covered.split()) == "".join(spelled.split())
    page = Page(highlight_page(result))
    assert page.marked == [result.document.text[start:end] for start, end in result.kept]


def test_short_document_is_said_to_be_kept_whole(highlight: Sumpool, here: Path) -> None:
    result = highlight(stdin=b"The harbour was dredged in 1911. It has silted up since.")
    page = Page(result.out)
    assert "all of its" in page.text
    assert "nothing was pooled" in page.text
    assert page.marked == []
    assert [sentence["text"] for sentence in page.sentences] == [
        "The harbour was dredged in 1911.",
        "It has silted up since.",
    ]


def test_links_lead_there_and_back() -> None:
    document = paged()
    page = Page(highlight_page(highlight_of(document)))
    whole_of(page, document)
    ids = [values["id"] for _, values in page.tags if "id" in values]
    assert len(ids) == len(set(ids))
    links = [str(values["href"]) for values in page.all("a")]
    assert {link[0] for link in links} == {"#"}
    assert {link[1:] for link in links} <= set(ids)
    last = f"#sentence-{len(document.sentences) - 1}"
    # Statement 1 rests on both passages, 2 on the last; each passage is also in the list of what was kept.
    assert [link for link in links if link.startswith("#sentence")] == ["#sentence-0", last, last, "#sentence-0", last]
    assert [link for link in links if link.startswith("#statement")] == ["#statement-1", "#statement-1", "#statement-2"]
    assert [link for link in links if link.startswith("#page")] == ["#page-1", "#page-2", "#page-3"]
    assert page.text.count("no passage found") == 1
    assert "Two <b>." in page.text


def test_text_is_shown_by_page() -> None:
    page = Page(highlight_page(highlight_of(paged())))
    assert page.text.count("Page 2") == 1
    assert page.text.index("sentence 3 of") < page.text.index("Page 2") < page.text.index("sentence 4 of")
    # A text without pages is one.
    document = from_text("\n\n".join(["The harbour was dredged in 1911. It has silted up since."] * 3))
    page = Page(highlight_page(highlight_of(document)))
    whole_of(page, document)
    assert len(page.all("section")) == 1
    assert not page.all("nav")


def test_a_page_that_comes_again_has_one_anchor() -> None:
    document = paged(pages=2, size=1)
    again = Document(
        document.source,
        document.text + "\n\nA note.",
        (*document.paragraphs, Paragraph(len(document.text) + 2, len(document.text) + 9, "footnote", 1)),
        (*document.sentences, Sentence(len(document.text) + 2, len(document.text) + 9, 1)),
        pages=2,
    )
    page = Page(highlight_page(highlight_of(again)))
    whole_of(page, again)
    assert page.text.count("Page 1") == 2
    assert "Page 1, continued" in page.text
    assert [values.get("id") for values in page.all("h3")] == ["page-1", "page-2", None]


def test_shades_halve_by_rank() -> None:
    assert shades(tuple(number / 100 for number in range(64))) == [0] * 32 + [1] * 16 + [2] * 8 + [3] * 4 + [4, 4, 5, 5]
    assert shades((0.2,)) == [5]
    assert shades(()) == []


def test_page_is_described_for_those_who_do_not_see_it() -> None:
    page = Page(highlight_page(highlight_of(paged())))
    ids = {values["id"] for _, values in page.tags if "id" in values}
    [html] = page.all("html")
    assert html["lang"] == "en"
    assert page.source.count("<title>A Heading</title>") == 1
    for landmark in ("header", "main", "aside", "nav"):
        assert len(page.all(landmark)) == 1
    for landmark in ("main", "aside", "nav"):
        assert page.all(landmark)[0]["aria-labelledby"] in ids
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h\d", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert not [pair for pair in pairwise(levels) if pair[1] > pair[0] + 1], "a heading level is left out"
    first_link = page.all("a")[0]
    assert first_link["href"] == "#text", "the first thing to tab to leads past the summary"
    assert "Passage [1, p. 1]" in page.text
    assert "summary sentence 2" in page.text
    # What shades and underlines tell the eye stands in the list of what was kept.
    assert "Kept, in 2 sentences" in page.text
    assert "p. 1, score 0.5000" in page.text


def test_page_forbids_everything_but_its_own_style() -> None:
    import base64
    import hashlib

    page = Page(highlight_page(highlight_of(paged())))
    [policy] = [meta["content"] for meta in page.all("meta") if meta.get("http-equiv") == "Content-Security-Policy"]
    [style] = re.findall(r"<style>(.*?)</style>", page.source, re.DOTALL)
    own = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'sha256-{own}'; base-uri 'none'; form-action 'none'"
    assert "url(" not in style
    assert "@import" not in style
    assert "://" not in page.source
    assert not [values for _, values in page.tags if {"src", "style"} & set(values)]


def luminance(color: str) -> float:
    """Relative luminance by WCAG 2.2."""
    parts = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_contrasts_hold(theme: str) -> None:
    source = highlight_page(highlight_of(paged()))
    dark = r"@media screen and \(prefers-color-scheme: dark\) {\s*:root {(.*?)}"
    rules = re.findall(dark, source, re.DOTALL) if theme == "dark" else re.findall(r"^:root {(.*?)}", source, re.M)
    colors = dict(re.findall(r"--(\w+): (#\w{6})", " ".join(rules)))
    shades = [colors[f"s{number}"] for number in range(1, 6)]
    for background in (colors["page"], *shades):
        assert contrast(colors["text"], background) >= 4.5
        assert contrast(colors["link"], background) >= 3, "the underline"
    for name in ("quiet", "link"):
        assert contrast(colors[name], colors["page"]) >= 4.5
    steps = [luminance(color) for color in (colors["page"], *shades)]
    assert steps == sorted(steps, reverse=theme == "light"), "shades tell their order without hue"


def test_outputs(highlight: Sumpool, story: Path) -> None:
    printed = highlight("story.txt").out
    assert printed.startswith("<!DOCTYPE html>")
    assert highlight("story.txt", "-o", "pages/").code == 0
    page = story.parent / "pages" / "story.txt.html"
    assert page.read_text(encoding="utf-8") == printed
    page.write_text("mine", encoding="utf-8")
    result = highlight("story.txt", "-o", page)
    assert (result.code, result.out) == (0, "")
    assert "--overwrite" in result.err
    assert page.read_text(encoding="utf-8") == "mine"
    assert highlight("story.txt", "-o", page, "--overwrite").code == 0
    assert page.read_text(encoding="utf-8") == printed


def test_failures_are_one_line(highlight: Sumpool, story: Path) -> None:
    (story.parent / "empty.txt").touch()
    for arguments, code, words in (
        (("nope.pdf", "-o", "page.html"), 1, "nope.pdf: no such file"),
        (("empty.txt", "-o", "page.html"), 1, "empty.txt: empty"),
        ((story.parent, "-o", "page.html"), 1, "is a directory"),
        (("story.txt", "story.txt"), 2, "unexpected extra argument"),
        (("story.txt", "-o", "story.txt"), 2, "the document itself"),
        (("story.txt", "--model", "nope", "-o", "page.html"), 1, "nope"),
        (("story.txt", "--length", "7", "-o", "page.html"), 2, "--length 7"),
    ):
        result = highlight(*arguments)
        assert (result.code, result.out) == (code, ""), arguments
        assert words in result.err
        assert result.err.startswith("sumpool: ")
        assert result.err.count("\n") == 1
    assert sorted(path.name for path in story.parent.iterdir()) == ["empty.txt", "story.txt"]


def test_a_terminal_is_not_filled_with_a_web_page(
    command: Callable[..., subprocess.Popen[bytes]], small_model: Path, story: Path
) -> None:
    ours, theirs = pty.openpty()
    process = command("highlight", "--model", small_model, "story.txt", stdout=theirs, stdin=subprocess.DEVNULL)
    os.close(theirs)
    _, errors = process.communicate()
    os.close(ours)
    assert process.returncode == 2
    assert b"-o page.html" in errors


def test_pictures_in_the_docs_are_there_and_small(root: Path) -> None:
    pictures = re.findall(r"!\[[^]]+\]\((images/[^)]+)\)", (root / "docs" / "highlight.md").read_text(encoding="utf-8"))
    assert len(pictures) == 3
    for picture in pictures:
        assert (root / "docs" / picture).stat().st_size < 200_000
