"""HTML: the summaries on one page."""

from __future__ import annotations

from sumpool.errors import SumpoolError
from sumpool.rendering import page
from sumpool.rendering.references import referenced
from sumpool.summary import Passage, Summary

_STYLE = """
li { color: var(--quiet); font-size: .9rem; }
a { color: inherit; text-decoration: none; opacity: .7; font-size: .85em; }
a:hover, a:focus { text-decoration: underline; opacity: 1; }
li:target { color: var(--text); }
article + article { margin-top: 3rem; padding-top: 2rem; border-top: 1px solid var(--line); }
"""


class HtmlRenderer:
    """The page begins with the first result, whose title it takes; further results are further articles."""

    def __init__(self, *, sources: bool) -> None:
        self._sources = sources
        self._begun = False
        self._articles = 0

    def opening(self) -> str:
        return ""

    def summary(self, summary: Summary) -> str:
        title = page.line(summary.title or summary.source)
        parts = ["<article>", f"<h1>{title}</h1>", f'<p class="facts">{page.facts(summary)}</p>']
        if not (self._sources and summary.passages):
            parts.append(f"<p>{page.line(summary.text)}</p>")
            return self._begin(title) + "\n".join([*parts, "</article>"]) + "\n"
        self._articles += 1
        anchor = f"source-{self._articles}-".__add__
        linked = referenced(summary, text=page.line, mark=lambda n: f'<a href="#{anchor(str(n))}">[{n}]</a>')
        items = [_item(passage, anchor(str(n))) for n, passage in enumerate(summary.passages, 1)]
        parts += [f"<p>{linked}</p>", "<h2>Sources</h2>", "<ol>", *items, "</ol>"]
        return self._begin(title) + "\n".join([*parts, "</article>"]) + "\n"

    def failure(self, source: str, error: SumpoolError) -> str:
        name = page.line(source)
        return (
            self._begin(name)
            + f'<article>\n<h1>{name}</h1>\n<p class="facts">{page.line(error.message)}</p>\n</article>\n'
        )

    def closing(self) -> str:
        return page.CLOSING if self._begun else ""

    def _begin(self, title: str) -> str:
        if self._begun:
            return ""
        self._begun = True
        return page.opening(title, _STYLE)


def _item(passage: Passage, anchor: str) -> str:
    where = "" if passage.page is None else f"p. {passage.page}: "
    return f'<li id="{anchor}">{where}{page.line(passage.text)}</li>'
