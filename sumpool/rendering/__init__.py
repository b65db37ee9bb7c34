"""Rendering: results to text, Markdown, JSON and HTML. Knows results only, neither models nor document readers."""

from sumpool.rendering.highlight import highlight_page
from sumpool.rendering.renderer import FORMATS, Renderer, make_renderer

__all__ = ["FORMATS", "Renderer", "highlight_page", "make_renderer"]
