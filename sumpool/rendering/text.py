"""Plain text: the summary as it is, wrapped where it meets a terminal."""

from __future__ import annotations

from sumpool.errors import SumpoolError
from sumpool.rendering.clean import one_line, printable
from sumpool.rendering.references import referenced
from sumpool.summary import Passage, Summary

BOLD, DIM, PLAIN = "\x1b[1m", "\x1b[2m", "\x1b[0m"


class TextRenderer:
    """`several` puts a `==> report.pdf <==` line above each summary, as head(1) does."""

    def __init__(self, *, sources: bool, several: bool, width: int | None, styled: bool) -> None:
        self._sources = sources
        self._several = several
        self._width = width
        self._styled = styled
        self._begun = False

    def opening(self) -> str:
        return ""

    def summary(self, summary: Summary) -> str:
        lines = [""] if self._begun else []
        self._begun = True
        if self._several:
            lines += [self._style(f"==> {one_line(summary.source)} <==", BOLD)]
        lines += self._wrap(printable(referenced(summary) if self._sources else summary.text))
        if self._sources and summary.passages:
            lines += ["", self._style("Sources:", BOLD)]
            for number, passage in enumerate(summary.passages, 1):
                lines += self._passage(number, passage)
        return "\n".join(lines) + "\n"

    def failure(self, source: str, error: SumpoolError) -> str:
        return ""

    def closing(self) -> str:
        return ""

    def _passage(self, number: int, passage: Passage) -> list[str]:
        label = f"[{number}] "
        page = "" if passage.page is None else f"p. {passage.page}: "
        first, *rest = self._wrap(page + one_line(passage.text), len(label))
        indent = " " * len(label)
        if page:
            first = first.replace(page, self._style(page, DIM), 1)
        return [label + first, *(indent + line for line in rest)]

    def _wrap(self, text: str, indent: int = 0) -> list[str]:
        if self._width is None:
            return text.split("\n")
        # Rich counts terminal cells, not characters: Chinese and emoji are two wide.
        from rich.console import Console
        from rich.text import Text

        width = max(20, self._width - indent)
        console = Console(width=width, color_system=None)
        return [line.plain.rstrip() for line in Text(text).wrap(console, width)]

    def _style(self, text: str, style: str) -> str:
        return f"{style}{text}{PLAIN}" if self._styled else text
