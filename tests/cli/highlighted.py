"""Documents to highlight, with what a model might have made of them."""

from __future__ import annotations

from sumpool import Highlight
from sumpool.documents import Document, Paragraph, Sentence
from sumpool.summary import Passage, Seconds, Statement, Summary

HOSTILE = (
    "A <script>alert(\"1\")</script> & a 'quote' stood in it. The <img src=x onerror=alert(1)> was &lt;not&gt; read.\n"
    "\n</span></main></body> ended nothing. \u202eReversed\u202c and \x1b[31mred\x1b[0m not; 日本語 and 😀 stayed.\n"
    "\n"
)


def paged(pages: int = 3, size: int = 4) -> Document:
    """`size` sentences a page, in one paragraph that goes on from page to page, after a heading."""
    text, sentences = "A Heading", [Sentence(0, 9, 1)]
    for number in range(pages * size):
        text += " " if number else "\n\n"
        words = f"This is sentence {number} of them."
        sentences.append(Sentence(len(text), len(text) + len(words), number // size + 1))
        text += words
    paragraphs = (Paragraph(0, 9, "heading", 1), Paragraph(11, len(text), "body", 1))
    return Document("a.pdf", text, paragraphs, tuple(sentences), "A Heading", pages)


def highlight_of(document: Document, *, kept: int = 2, tokens: int | None = None) -> Highlight:
    """The first and the last sentence of `document` kept, and both of them in its summary of three sentences."""
    first, last = document.sentences[0], document.sentences[-1]
    passages = tuple(Passage(document.text[s.start : s.end], s.start, s.end, 0.5, s.page) for s in (first, last))
    statements = (Statement("One.", (1, 0)), Statement("Two <b>.", (1,)), Statement("Three.", ()))
    summary = Summary(
        document.source, document.title, "One. Two <b>. Three.", statements, passages, document.pages, document.words,
        tokens or 2 * kept, "small", "cpu", "own", Seconds(0, 0, 0),
    )  # fmt: skip
    scores = tuple(1 / (number + 2) for number in range(len(document.sentences)))
    spans = dict.fromkeys([(first.start, first.end), (last.start + 2 * (last != first), last.end)])
    return Highlight(document, summary, scores, tuple(spans), kept)
