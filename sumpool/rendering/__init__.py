"""Rendering: results to text, Markdown, JSON and HTML. Knows results only, neither models nor document readers."""

from sumpool.rendering.renderer import FORMATS, Renderer, make_renderer

__all__ = ["FORMATS", "Renderer", "make_renderer"]
