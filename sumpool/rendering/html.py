"""HTML: one self-contained page, light or dark as the reader's system is, without scripts or anything fetched."""

from __future__ import annotations

from html import escape

from sumpool.errors import SumpoolError
from sumpool.rendering.clean import one_line
from sumpool.rendering.references import referenced
from sumpool.summary import Passage, Summary

_OPENING = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>
:root {{ --text: #1f2328; --quiet: #59636e; --page: #ffffff; --line: #d1d9e0; }}
@media (prefers-color-scheme: dark) {{
  :root {{ --text: #e6edf3; --quiet: #9198a1; --page: #0d1117; --line: #3d444d; }}
}}
body {{ max-width: 42rem; margin: 2.5rem auto; padding: 0 1.25rem; color: var(--text); background: var(--page);
  font: 1.05rem/1.6 system-ui, sans-serif; }}
h1 {{ font-size: 1.6rem; line-height: 1.25; margin: 0 0 .25rem; overflow-wrap: anywhere; }}
h2 {{ font-size: 1rem; margin: 2rem 0 .5rem; }}
.facts, li {{ color: var(--quiet); font-size: .9rem; }}
.facts {{ margin: 0 0 1.25rem; overflow-wrap: anywhere; }}
ol {{ padding-left: 1.5rem; }}
li {{ margin-bottom: .6rem; overflow-wrap: anywhere; }}
a {{ color: inherit; text-decoration: none; opacity: .7; font-size: .85em; }}
a:hover, a:focus {{ text-decoration: underline; opacity: 1; }}
li:target {{ color: var(--text); }}
article + article {{ margin-top: 3rem; padding-top: 2rem; border-top: 1px solid var(--line); }}
</style>
</head>
<body>
"""

_CLOSING = "</body>\n</html>\n"


class HtmlRenderer:
    """The page begins with the first result, whose title it takes; further results are further articles."""

    def __init__(self, *, sources: bool) -> None:
        self._sources = sources
        self._begun = False
        self._articles = 0

    def opening(self) -> str:
        return ""

    def summary(self, summary: Summary) -> str:
        title = _text(summary.title or summary.source)
        parts = ["<article>", f"<h1>{title}</h1>", f'<p class="facts">{_facts(summary)}</p>']
        if not (self._sources and summary.passages):
            parts.append(f"<p>{_text(summary.text)}</p>")
            return self._begin(title) + "\n".join([*parts, "</article>"]) + "\n"
        self._articles += 1
        anchor = f"source-{self._articles}-".__add__
        linked = referenced(summary, text=_text, mark=lambda n: f'<a href="#{anchor(str(n))}">[{n}]</a>')
        items = [_item(passage, anchor(str(n))) for n, passage in enumerate(summary.passages, 1)]
        parts += [f"<p>{linked}</p>", "<h2>Sources</h2>", "<ol>", *items, "</ol>"]
        return self._begin(title) + "\n".join([*parts, "</article>"]) + "\n"

    def failure(self, source: str, error: SumpoolError) -> str:
        name = _text(source)
        return (
            self._begin(name) + f'<article>\n<h1>{name}</h1>\n<p class="facts">{_text(error.message)}</p>\n</article>\n'
        )

    def closing(self) -> str:
        return _CLOSING if self._begun else ""

    def _begin(self, title: str) -> str:
        if self._begun:
            return ""
        self._begun = True
        return _OPENING.format(title=title)


def _facts(summary: Summary) -> str:
    pages = "" if summary.pages is None else f"{summary.pages:,} page{'s' * (summary.pages != 1)}, "
    return f"{_text(summary.source)}: {pages}{summary.words:,} words, summarized by {_text(summary.model)}"


def _item(passage: Passage, anchor: str) -> str:
    page = "" if passage.page is None else f"p. {passage.page}: "
    return f'<li id="{anchor}">{page}{_text(passage.text)}</li>'


def _text(text: str) -> str:
    return escape(one_line(text))
