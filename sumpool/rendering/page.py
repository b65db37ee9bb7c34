"""What every HTML page of ours is: self-contained, light or dark as the reader's system is, without scripts.

Its Content-Security-Policy lets the browser fetch nothing and apply no style but its own.
"""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from html import escape

from sumpool.rendering.clean import one_line, printable
from sumpool.summary import Summary

_STYLE = """
:root { --text: #1f2328; --quiet: #59636e; --page: #ffffff; --line: #d1d9e0; }
@media screen and (prefers-color-scheme: dark) {
  :root { --text: #e6edf3; --quiet: #9198a1; --page: #0d1117; --line: #3d444d; }
}
body { max-width: 42rem; margin: 2.5rem auto; padding: 0 1.25rem; color: var(--text); background: var(--page);
  font: 1.05rem/1.6 system-ui, sans-serif; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .25rem; overflow-wrap: anywhere; }
h2 { font-size: 1rem; margin: 2rem 0 .5rem; }
.facts { color: var(--quiet); font-size: .9rem; margin: 0 0 1.25rem; overflow-wrap: anywhere; }
ol { padding-left: 1.5rem; }
li { margin-bottom: .6rem; overflow-wrap: anywhere; }
"""

CLOSING = "</body>\n</html>\n"


def opening(title: str, style: str) -> str:
    """Everything up to the page's content; `title` is HTML, `style` goes behind that of all pages."""
    style = _STYLE + style
    own = b64encode(sha256(style.encode()).digest()).decode()
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'sha256-{own}'; base-uri 'none'; \
form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
"""


def facts(summary: Summary) -> str:
    """What was read, how much of it, and by what model."""
    pages = "" if summary.pages is None else f"{count(summary.pages, 'page')}, "
    return f"{line(summary.source)}: {pages}{count(summary.words, 'word')}, summarized by {line(summary.model)}"


def count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'s' * (number != 1)}"


def line(text: str) -> str:
    """`text` on one line, as HTML."""
    return escape(one_line(text))


def verbatim(text: str) -> str:
    """`text` with all its white space, as HTML; no character more or less, so that offsets stay true."""
    return escape(printable(text))
