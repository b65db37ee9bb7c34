"""The highlight page: a document shaded by the pooler's scores, with the summary beside it and links both ways."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sumpool.rendering import page
from sumpool.rendering.clean import one_line

if TYPE_CHECKING:
    from sumpool.documents.document import Paragraph
    from sumpool.highlight import Highlight

SHADES = ("half", "quarter", "eighth", "16th", "32nd")
"""A sentence's shade tells its rank: each is for the better half of those that have the one before."""

_EXCERPT = 80

_TAGS = {"heading": "h4", "code": "pre", "table": "pre"}

_STYLE = """
:root { --link: #0550ae; --s1: #fff8e0; --s2: #ffefb8; --s3: #ffe28a; --s4: #ffd15c; --s5: #f9b931; }
@media screen and (prefers-color-scheme: dark) {
  :root { --link: #79c0ff; --s1: #1f1a0d; --s2: #302810; --s3: #453711; --s4: #5a4711; --s5: #705710; }
}
body { max-width: 78rem; }
main { max-width: 48rem; }
h2 { font-size: 1.2rem; }
h3 { margin: 2rem 0 .75rem; padding-top: .5rem; border-top: 1px solid var(--line); font-size: .9rem;
  color: var(--quiet); }
h4 { font-size: 1.1rem; margin: 1.5rem 0 .5rem; }
p, pre { margin: 0 0 1rem; overflow-wrap: anywhere; }
pre { white-space: pre-wrap; font-size: .85rem; }
.list { margin-left: 1.5rem; white-space: pre-line; }
.caption, .footnote { font-size: .9rem; }
.quiet { color: var(--quiet); font-size: .9rem; }
a { color: var(--link); }
:focus-visible { outline: .2rem solid var(--link); outline-offset: .1rem; }
:target { outline: .15rem dashed var(--link); outline-offset: .15rem; }
mark { color: inherit; background: none; text-decoration: underline .14rem var(--link); text-underline-offset: .2em; }
.s1 { background: var(--s1); } .s2 { background: var(--s2); } .s3 { background: var(--s3); }
.s4 { background: var(--s4); } .s5 { background: var(--s5); }
.legend span { padding: .1rem .4rem; color: var(--text); }
.back { font-size: .8em; }
.reference, .back a { white-space: nowrap; }
nav a { display: inline-block; min-width: 1.5rem; padding: .1rem .25rem; text-align: center; }
nav a.kept { font-weight: bold; background: var(--s3); }
summary { cursor: pointer; font-weight: bold; }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.skip { position: absolute; left: -100rem; }
.skip:focus { position: static; }
@media screen and (min-width: 64rem) {
  .columns { display: grid; grid-template: "text side" / minmax(0, 1fr) 25rem; gap: 3rem; align-items: start; }
  main { grid-area: text; }
  aside { grid-area: side; position: sticky; top: 0; box-sizing: border-box; max-height: 100vh; overflow-y: auto;
    padding: 0 .5rem 1rem; }
}
@media print {
  @page { margin: 2cm; }
  :root { font-size: 9.5pt; }
  body { margin: 0; padding: 0; max-width: none; }
  main { max-width: none; }
  nav, details, .skip { display: none; }
  h3, h4 { break-after: avoid; }
  p { orphans: 3; widows: 3; }
  main span, .legend span { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
"""


def highlight_page(highlight: Highlight) -> str:
    """One self-contained HTML page without scripts.

    All of it is laid out at once. With `content-visibility: auto`, a browser leaves out what is far from the window;
    but Chromium then leaves it out of what it tells screen readers, too (see `benchmarks/highlight_page.py`).
    """
    return _Page(highlight).render()


@dataclass
class _Section:
    """What stands on one page; all of a text without pages."""

    page: int | None
    parts: list[str] = field(default_factory=list)
    kept: int = 0


class _Page:
    def __init__(self, highlight: Highlight) -> None:
        self._highlight = highlight
        self._summary = highlight.summary
        self._document = highlight.document
        self._starts = [sentence.start for sentence in self._document.sentences]
        self._shades = shades(highlight.scores)
        self._marks = self._marks_by_sentence()
        # For each passage that is referred to, by its number from 1: the statements, and its sentences, first and last.
        self._statements: dict[int, list[int]] = defaultdict(list)
        for number, statement in enumerate(self._summary.statements, 1):
            for index in statement.passages:
                self._statements[index + 1].append(number)
        self._first: dict[int, int] = {}
        self._ending: dict[int, list[int]] = defaultdict(list)
        for number in sorted(self._statements):
            passage = self._summary.passages[number - 1]
            self._first[number] = bisect_left(self._starts, passage.start)
            self._ending[bisect_left(self._starts, passage.end) - 1].append(number)
        self._linked = set(self._marks) | set(self._first.values())

    def render(self) -> str:
        sections = self._sections()
        summary = self._summary
        title = page.line(summary.title or summary.source)
        parts = [
            '<a class="skip" href="#text">Skip to the document</a>',
            "<header>",
            f"<h1>{title}</h1>",
            f'<p class="facts">{page.facts(summary)}</p>',
            self._legend(),
            "</header>",
            '<div class="columns">',
            '<aside aria-labelledby="summary">',
            '<h2 id="summary">Summary</h2>',
            "<ol>",
            *(self._statement(number) for number in range(1, len(summary.statements) + 1)),
            "</ol>",
            *self._kept(),
            *_pages(sections),
            "</aside>",
            '<main aria-labelledby="text">',
            '<h2 id="text">Document</h2>',
        ]
        seen: set[int | None] = set()
        for section in sections:
            # A figure's caption or a footnote may come after text from the page behind its own.
            name, more = ("", ", continued") if section.page in seen else (f' id="page-{section.page}"', "")
            heading = "" if section.page is None else f"<h3{name}>Page {section.page}{more}</h3>"
            parts += ["<section>" + heading, *section.parts, "</section>"]
            seen.add(section.page)
        return page.opening(title, _STYLE) + "\n".join(parts) + "\n</main>\n</div>\n" + page.CLOSING

    def _legend(self) -> str:
        highlight = self._highlight
        steps = " ".join(f'<span class="s{shade}">{name}</span>' for shade, name in enumerate(SHADES, 1))
        shading = f"Shade: a sentence’s rank by the scorer’s probability, in the best {steps}."
        if highlight.pooled:
            told = (
                f"<mark>Underlined</mark>: kept, {highlight.kept_tokens:,} of "
                f"{page.count(self._summary.tokens, 'token')}; the summary was written from these."
            )
        else:
            told = (
                f"This document is short: all of its {page.count(self._summary.tokens, 'token')} were kept, "
                "so nothing was pooled and nothing is underlined. The summary does not depend on the shades."
            )
        return f'<p class="legend quiet">{shading} {told}</p>'

    def _statement(self, number: int) -> str:
        statement = self._summary.statements[number - 1]
        links = [self._link(index + 1) for index in sorted(statement.passages)]
        found = " ".join(links) or '<span class="quiet">(no passage found)</span>'
        return f'<li id="statement-{number}">{page.line(statement.text)} {found}</li>'

    def _link(self, number: int) -> str:
        where = self._summary.passages[number - 1].page
        label = f"{number}" if where is None else f"{number}, p. {where}"
        leads = f'class="reference" href="#sentence-{self._first[number]}"'
        return f'<a {leads}><span class="hidden">Passage </span>[{label}]</a>'

    def _kept(self) -> list[str]:
        """What is underlined, as a list: to go through by keyboard, and for those who can't see shades."""
        if not self._marks:
            return []
        items = []
        for index in sorted(self._marks):
            sentence = self._document.sentences[index]
            text = one_line(self._document.text[sentence.start : sentence.end])
            if len(text) > _EXCERPT:
                text = (text[:_EXCERPT].rpartition(" ")[0] or text[:_EXCERPT]) + " …"
            where = "" if sentence.page is None else f"p. {sentence.page}, "
            items.append(
                f'<li><a href="#sentence-{index}">{page.line(text)}</a> '
                f'<span class="quiet">{where}score {self._highlight.scores[index]:.4f}</span></li>'
            )
        count = page.count(len(items), "sentence")
        return ["<details>", f"<summary>Kept, in {count}</summary>", "<ol>", *items, "</ol>", "</details>"]

    def _sections(self) -> list[_Section]:
        sections: list[_Section] = []
        for paragraph in self._document.paragraphs:
            first, end = (bisect_left(self._starts, offset) for offset in (paragraph.start, paragraph.end))
            at = paragraph.start
            opened = False
            for index in range(first, end):
                sentence = self._document.sentences[index]
                current = sections[-1] if sections else None
                where = sentence.page or (current.page if current else None)
                if current is None or where != current.page:
                    if opened:  # the paragraph goes on overleaf
                        sections[-1].parts[-1] += _close(paragraph)
                        opened = False
                    current = _Section(where)
                    sections.append(current)
                if not opened:
                    current.parts.append(_open(paragraph))
                    opened = True
                space = self._document.text[at : sentence.start]
                current.parts[-1] += page.verbatim(space) + self._sentence(index)
                current.kept += index in self._marks
                at = sentence.end
            if opened:
                sections[-1].parts[-1] += _close(paragraph)
        return sections

    def _sentence(self, index: int) -> str:
        sentence = self._document.sentences[index]
        name = f' id="sentence-{index}"' if index in self._linked else ""
        shade = f' class="s{self._shades[index]}"' if self._shades[index] else ""
        pieces, at = [], sentence.start
        for start, end in self._marks.get(index, ()):
            pieces += [self._text(at, start), f"<mark>{self._text(start, end)}</mark>"]
            at = end
        pieces.append(self._text(at, sentence.end))
        back = "".join(self._back(number) for number in self._ending.get(index, ()))
        return (
            f'<span{name}{shade} data-start="{sentence.start}" data-end="{sentence.end}" '
            f'title="score {self._highlight.scores[index]:.4f}">{"".join(pieces)}</span>{back}'
        )

    def _back(self, number: int) -> str:
        """What leads from a passage's end to the statements that it supports."""
        links = ", ".join(
            f'<a href="#statement-{statement}">summary<span class="hidden"> sentence</span> {statement}</a>'
            for statement in self._statements[number]
        )
        return f' <span class="back">[{number}: {links}]</span>'

    def _text(self, start: int, end: int) -> str:
        return page.verbatim(self._document.text[start:end])

    def _marks_by_sentence(self) -> dict[int, list[tuple[int, int]]]:
        marks: dict[int, list[tuple[int, int]]] = defaultdict(list)
        if self._highlight.pooled:
            for span in self._highlight.kept:
                marks[bisect_right(self._starts, span[0]) - 1].append(span)
        return dict(marks)


def shades(scores: tuple[float, ...]) -> list[int]:
    """For each sentence 0, or the number from 1 of its shade in `SHADES`, by its rank among all.

    Scores themselves are too much alike to be told by eye, and what is kept is decided by rank as well.
    """
    found = [0] * len(scores)
    for rank, index in enumerate(sorted(range(len(scores)), key=lambda index: -scores[index])):
        found[index] = sum(rank < len(scores) / 2**shade for shade in range(1, len(SHADES) + 1))
    return found


def _open(paragraph: Paragraph) -> str:
    tag = _TAGS.get(paragraph.kind, "p")
    named = f' class="{paragraph.kind}"' if paragraph.kind in ("list", "caption", "footnote") else ""
    return f"<{tag}{named}>"


def _close(paragraph: Paragraph) -> str:
    return f"</{_TAGS.get(paragraph.kind, 'p')}>"


def _pages(sections: list[_Section]) -> list[str]:
    pages: dict[int, int] = {}
    for section in sections:
        if section.page is not None:
            pages[section.page] = pages.get(section.page, 0) + section.kept
    if len(pages) < 2:
        return []
    kept = ' class="kept" aria-label="{}, {} kept"'.format
    links = [
        f'<a href="#page-{number}"{kept(number, page.count(there, "sentence")) if there else ""}>{number}</a>'
        for number, there in pages.items()
    ]
    return ['<nav aria-labelledby="pages">', '<h2 id="pages">Pages</h2>', "<p>", *links, "</p>", "</nav>"]
