"""What every output format does: something before the results, each result or failure, something after."""

from __future__ import annotations

from typing import Protocol

from sumpool.errors import SumpoolError
from sumpool.summary import Summary

FORMATS = ("text", "markdown", "json", "html")


class Renderer(Protocol):
    """Makes strings that, printed one after the other, are one well-formed output, however many results come."""

    def opening(self) -> str: ...

    def summary(self, summary: Summary) -> str: ...

    def failure(self, source: str, error: SumpoolError) -> str:
        """What stands for a source that could not be summarized; empty where a format leaves that to stderr."""
        ...

    def closing(self) -> str: ...


def make_renderer(
    format: str, *, sources: bool | None = None, several: bool = False, width: int | None = None, styled: bool = False
) -> Renderer:
    """The renderer for one of `FORMATS`.

    `sources`: show the passages a summary rests on (None: as the format does by default; JSON always has them).
    `several`: results need telling apart. `width` and `styled` are for text on a terminal: wrap, and use bold.
    """
    if format == "json":
        from sumpool.rendering.json import JsonRenderer

        return JsonRenderer()
    if format == "markdown":
        from sumpool.rendering.markdown import MarkdownRenderer

        return MarkdownRenderer(sources=bool(sources))
    if format == "html":
        from sumpool.rendering.html import HtmlRenderer

        return HtmlRenderer(sources=sources is not False)
    from sumpool.rendering.text import TextRenderer

    return TextRenderer(sources=bool(sources), several=several, width=width, styled=styled)
