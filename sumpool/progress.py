"""What the pipeline tells whoever watches it; the default watcher does nothing."""

from __future__ import annotations


class Progress:
    """Override what you want to see. Calls come from the thread that called the summarizer."""

    def extracting(self, done: int, total: int) -> None:
        """`done` of `total` pages are read."""

    def recognizing(self, done: int, total: int) -> None:
        """`done` of `total` scanned pages are read by OCR."""

    def reading(self, done: int, total: int) -> None:
        """The model has read `done` of `total` document tokens."""

    def writing(self, words: int, target: int) -> None:
        """`words` of about `target` summary words are written."""
