"""Results: what a summary is, as plain data for rendering, free of torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Wording = Literal["quoted", "own"]
"""The document's own sentences, or the model's own words."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of the document that the summary rests on: `Document.text[start:end]`.

    `score` is the pooler's mean probability over the passage's tokens, from 0 to 1.
    """

    text: str
    start: int
    end: int
    score: float
    page: int | None = None


@dataclass(frozen=True, slots=True)
class Statement:
    """A sentence of the summary and the passages that support it, as indices into `Summary.passages`.

    None of them: nothing that was kept of the document says anything of the kind.
    """

    text: str
    passages: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Seconds:
    """Where the time went."""

    extract: float
    read: float
    write: float

    @property
    def total(self) -> float:
        return self.extract + self.read + self.write


@dataclass(frozen=True, slots=True)
class Summary:
    """The summary of one document; str() gives its text, which is that of its statements one after the other."""

    source: str
    title: str | None
    text: str
    statements: tuple[Statement, ...]
    passages: tuple[Passage, ...]
    pages: int | None
    words: int
    tokens: int
    model: str
    device: str
    wording: Wording
    seconds: Seconds

    def __str__(self) -> str:
        return self.text

    def as_dict(self) -> dict[str, Any]:
        """The `--format json` object."""
        return {
            "source": self.source,
            "title": self.title,
            "summary": self.text,
            "statements": [{"text": s.text, "passages": list(s.passages)} for s in self.statements],
            "passages": [
                {"text": p.text, "page": p.page, "start": p.start, "end": p.end, "score": round(p.score, 4)}
                for p in self.passages
            ],
            "document": {"pages": self.pages, "words": self.words, "tokens": self.tokens},
            "model": self.model,
            "device": self.device,
            "wording": self.wording,
            "seconds": {name: round(getattr(self.seconds, name), 3) for name in ("extract", "read", "write", "total")},
        }
