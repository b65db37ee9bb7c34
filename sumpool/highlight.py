"""What the pooler made of a document: its scores, what it kept, and the summary written from that. Free of torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sumpool.summary import Summary

if TYPE_CHECKING:
    from sumpool.documents.document import Document


@dataclass(frozen=True, slots=True)
class Highlight:
    """A document of s sentences with its summary.

    Attributes:
        scores: [s] the scorer's probability, from 0 to 1, that a sentence is worth keeping.
        kept: (start, end) offsets into `document.text` of what the kept tokens stand for, ascending; one reaches
            over as many kept tokens as follow one another in a sentence.
        kept_tokens: how many they are, of `summary.tokens`.
    """

    document: Document
    summary: Summary
    scores: tuple[float, ...]
    kept: tuple[tuple[int, int], ...]
    kept_tokens: int

    @property
    def pooled(self) -> bool:
        """False for a document so short that all of it was kept."""
        return self.kept_tokens < self.summary.tokens
