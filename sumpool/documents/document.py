"""The Document: clean text with its structure, as plain data that any other part can use."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

ParagraphKind = Literal["heading", "body", "abstract", "list", "code", "table", "caption", "footnote"]


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A run of `Document.text[start:end]`; `page` is 1-based, None where the source has no pages."""

    start: int
    end: int
    kind: ParagraphKind = "body"
    page: int | None = None


@dataclass(frozen=True, slots=True)
class Sentence:
    """`Document.text[start:end]`, without surrounding space; `page` is where it begins."""

    start: int
    end: int
    page: int | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """What a reader makes of a source.

    `text` is what `sumpool extract` prints and what the model reads: paragraphs separated
    by one blank line, in reading order, without running heads, page numbers, references and
    acknowledgements. All offsets count characters of `text`.
    Every paragraph's sentences cover it but for white space, and both lists are in order.
    """

    source: str
    text: str
    paragraphs: tuple[Paragraph, ...]
    sentences: tuple[Sentence, ...]
    title: str | None = None
    pages: int | None = None
    left_out: tuple[str, ...] = field(default=())
    """Names of the parts that the document has and `text` does not: "references", "acknowledgements", ..."""

    @property
    def words(self) -> int:
        return len(self.text.split())

    def as_dict(self) -> dict[str, Any]:
        """The `extract --format json` object."""
        return {
            "source": self.source,
            "title": self.title,
            "pages": self.pages,
            "words": self.words,
            "left_out": list(self.left_out),
            "text": self.text,
            "paragraphs": [{"start": p.start, "end": p.end, "kind": p.kind, "page": p.page} for p in self.paragraphs],
            "sentences": [{"start": s.start, "end": s.end, "page": s.page} for s in self.sentences],
        }
