"""Marks behind a summary's sentences that lead to its passages, as a paper cites."""

from __future__ import annotations

from collections.abc import Callable

from sumpool.summary import Summary


def referenced(
    summary: Summary, *, text: Callable[[str], str] = str, mark: Callable[[int], str] = "[{}]".format
) -> str:
    """The summary with a mark for each passage, by its number from 1, behind each statement that rests on it."""
    parts = []
    for statement in summary.statements:
        marks = "".join(mark(index + 1) for index in sorted(statement.passages))
        parts.append(text(statement.text) + (f" {marks}" if marks else ""))
    return " ".join(parts)
