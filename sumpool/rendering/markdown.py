"""Markdown: the title as a heading, the summary, and the passages as a numbered list."""

from __future__ import annotations

import re

from sumpool.errors import SumpoolError
from sumpool.rendering.clean import one_line, printable
from sumpool.rendering.references import referenced
from sumpool.summary import Summary

_SPECIAL = re.compile(r"([\\`*_\[\]<>&|~$])")
_BLOCK_START = re.compile(r"^(\s*)([-+=#]|\d+(?=[.)]))", re.MULTILINE)


class MarkdownRenderer:
    """Each result is a section of its own under a level-one heading."""

    def __init__(self, *, sources: bool) -> None:
        self._sources = sources
        self._begun = False

    def opening(self) -> str:
        return ""

    def summary(self, summary: Summary) -> str:
        text = printable(referenced(summary) if self._sources else summary.text)
        parts = [f"# {escape(one_line(summary.title or summary.source))}", escape(text)]
        if self._sources and summary.passages:
            items = []
            for number, passage in enumerate(summary.passages, 1):
                page = "" if passage.page is None else f"p. {passage.page}: "
                items.append(f"{number}. {page}{escape(one_line(passage.text))}")
            parts += ["## Sources", "\n".join(items)]
        before = "\n" if self._begun else ""
        self._begun = True
        return before + "\n\n".join(parts) + "\n"

    def failure(self, source: str, error: SumpoolError) -> str:
        return ""

    def closing(self) -> str:
        return ""


def escape(text: str) -> str:
    """`text` such that Markdown shows it as it is: `read_document` with its underscore, and no tags from documents."""
    return _BLOCK_START.sub(_escape_block_start, _SPECIAL.sub(r"\\\1", text))


def _escape_block_start(match: re.Match[str]) -> str:
    space, mark = match.groups()
    # A number is escaped behind its digits ("1\."), any other mark before it.
    return f"{space}{mark}\\" if mark[0].isdigit() else f"{space}\\{mark}"
