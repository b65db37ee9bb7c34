"""What pdfminer.six sees on a page, reduced to what reading needs: characters with place, size and font."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pdfminer.pdfdevice import PDFTextDevice
from pdfminer.pdffont import PDFFont, PDFType3Font, PDFUnicodeNotDefined
from pdfminer.pdfinterp import PDFPageInterpreter, PDFResourceManager
from pdfminer.utils import Matrix, PathSegment, Rect, apply_matrix_pt, apply_matrix_rect

if TYPE_CHECKING:
    from pdfminer.pdfpage import PDFPage

MOST_GLYPHS = 60_000
"""On one page: no page that somebody reads has more; what comes after is ignored."""
MOST_RULES = 5_000
_VERTICAL = 4

_UNUSED_IN_WINANSI = frozenset({127, 129, 141, 143, 144, 157})
"""Codes that "map to the bullet character", says the PDF specification (Annex D, note 3)."""
_BUILT_UP = re.compile(r"cmex|mathexten|txex|pxex|esint|mtex", re.I)
"""Fonts of big operators and pieces of brackets, whose characters are not what their codes say."""
_MATH = re.compile(
    r"cmmi|cmsy|cmbsy|cmmib|msam|msbm|eufm|rsfs|symbol|math|stmary|mtsy|mtmi|^mt|txsy|txmi|pxsy|ntxmi|eurm|wasy", re.I
)


@dataclass(slots=True)
class Glyph:
    """A character in page coordinates, in points, y downwards; `base` is its baseline."""

    text: str
    x0: float
    x1: float
    base: float
    size: float
    font: str
    figure: bool
    math: bool = False
    """From a mathematical font or alphabet."""
    spaced: bool = False
    """A space character stands in front of it."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A horizontal stroke."""

    x0: float
    x1: float
    y: float


@dataclass(slots=True)
class Sheet:
    """One page's glyphs in the order in which the file draws them."""

    width: float
    height: float
    glyphs: list[Glyph]
    unreadable: int
    """Characters whose font does not say what they are."""
    images: int
    rules: list[Rule]


class _Collector(PDFTextDevice):
    """A pdfminer device that keeps characters and horizontal strokes and ignores everything else that is painted."""

    def __init__(self, manager: PDFResourceManager) -> None:
        super().__init__(manager)
        self._reset()

    def _reset(self) -> None:
        self.turns: dict[int, list[Glyph]] = {turn: [] for turn in range(5)}  # by quarter turns; 4: in columns
        self.box: Rect = (0.0, 0.0, 0.0, 0.0)
        self.unreadable = 0
        self.images = 0
        self.count = 0
        self.rules: list[Rule] = []
        self._depth = 0
        self._space = False
        self._fonts: dict[int, tuple[str, str]] = {}

    def begin_page(self, page: PDFPage, ctm: Matrix) -> None:
        self._reset()
        x0, y0, x1, y1 = apply_matrix_rect(ctm, page.mediabox)
        self.box = (0.0, 0.0, abs(x1 - x0), abs(y1 - y0))

    def begin_figure(self, name: str, bbox: Rect, matrix: Matrix) -> None:
        self._depth += 1

    def end_figure(self, name: str) -> None:
        self._depth -= 1

    def render_image(self, name: str, stream: Any) -> None:
        self.images += 1

    def paint_path(
        self, graphicstate: Any, stroke: bool, fill: bool, evenodd: bool, path: Sequence[PathSegment]
    ) -> None:
        if len(path) > 200 or len(self.rules) > MOST_RULES or self.ctm is None:
            return  # a drawing
        points: list[tuple[float, float]] = []
        for operator, *numbers in path:
            if operator == "m" and points:
                self._add_rule(points)
                points = []
            if operator in "ml":
                points.append(apply_matrix_pt(self.ctm, (float(numbers[0]), float(numbers[1]))))
            elif operator != "h":
                return
        self._add_rule(points)

    def _add_rule(self, points: list[tuple[float, float]]) -> None:
        if len(points) < 2:
            return
        xs, ys = [x for x, _ in points], [y for _, y in points]
        if max(ys) - min(ys) < 2.5 and max(xs) - min(xs) > 12:
            self.rules.append(Rule(min(xs), max(xs), self.box[3] - (min(ys) + max(ys)) / 2))

    def render_char(
        self,
        matrix: Matrix,
        font: PDFFont,
        fontsize: float,
        scaling: float,
        rise: float,
        cid: int,
        ncs: Any,
        graphicstate: Any,
    ) -> float:
        try:
            text = font.to_unichr(cid)
        except PDFUnicodeNotDefined:
            text = "•" if cid in _UNUSED_IN_WINANSI and not font.is_multibyte() else ""
        advance = font.char_width(cid) * fontsize * scaling
        if not text:
            self.unreadable += 1
            return advance
        if text.isspace():
            self._space = True
            return advance
        self.count += 1
        a, b, c, d, _, _ = matrix
        reach = math.hypot(a, b)
        if self.count > MOST_GLYPHS or not reach:
            return advance
        turn = _VERTICAL if font.is_vertical() else _quarter_turns(a / reach, b / reach)
        if turn is None:
            return advance
        x, y = apply_matrix_pt(matrix, (0.0, rise))
        x_end, y_end = apply_matrix_pt(matrix, (advance, rise))
        size = abs(fontsize) * (abs(a * d - b * c) / reach)
        if isinstance(font, PDFType3Font):  # its unit is its own: take the font box, or guess by the width
            size = abs(font.get_height() * fontsize) * math.hypot(c, d) or 2.0 * abs(advance) * reach
        _, _, width, height = self.box
        # Turned so that the writing runs to the right, y downwards.
        if turn == 0:
            first, last, base = x, x_end, height - y
        elif turn == 1:
            first, last, base = y, y_end, x
        elif turn == 2:
            first, last, base = width - x, width - x_end, y
        elif turn == 3:
            first, last, base = height - y, height - y_end, width - x
        else:  # down the page, and the next line to the left
            first, last, base = height - y, height - apply_matrix_pt(matrix, (0.0, advance))[1], width - x
        name, kind = self._fonts.get(id(font)) or self._name(font)
        if kind == "built up":
            return advance
        math_sign = kind == "math"
        if text == "\u00ad":
            text = "-"  # it is drawn, so it is a hyphen
        elif len(text) == 1 and not text.isascii():
            math_sign = math_sign or _is_math_sign(text)
            if "\U0001d400" <= text <= "\U0001d7ff":
                text = unicodedata.normalize("NFKC", text)
        if not all(map(math.isfinite, (first, last, base, size))) or size <= 0:
            return advance
        self.turns[turn].append(
            Glyph(text, min(first, last), max(first, last), base, size, name, self._depth > 0, math_sign, self._space)
        )
        self._space = False
        return advance

    def _name(self, font: PDFFont) -> tuple[str, str]:
        """(name, what the font is for), remembered."""
        name = font_name(font)
        kind = "built up" if _BUILT_UP.search(name) else "math" if _MATH.search(name) else "text"
        self._fonts[id(font)] = name, kind
        return name, kind


def _quarter_turns(cosine: float, sine: float) -> int | None:
    """0 to 3 for writing that runs right, up, left, down; None for any slant (watermarks)."""
    if abs(sine) < 0.05:
        return 0 if cosine > 0 else 2
    if abs(cosine) < 0.05:
        return 1 if sine > 0 else 3
    return None


def _is_math_sign(text: str) -> bool:
    return "\U0001d400" <= text <= "\U0001d7ff" or unicodedata.category(text) == "Sm"


def font_name(font: PDFFont) -> str:
    """The font's name without the subset tag ("ABCDEF+Times-Bold")."""
    name = font.fontname if isinstance(font.fontname, str) else str(getattr(font, "basefont", ""))
    head, plus, tail = name.partition("+")
    return tail if plus and len(head) == 6 else name


class PageReader:
    """Reads the glyphs of pages; fonts are shared between them."""

    def __init__(self) -> None:
        manager = PDFResourceManager(caching=True)
        self._device = _Collector(manager)
        self._interpreter = PDFPageInterpreter(manager, self._device)

    def read(self, page: PDFPage) -> Sheet:
        self._interpreter.process_page(page)
        device = self._device
        # Most of a page is written in one direction; the rest (arXiv stamps, axis labels) is not running text.
        turn, glyphs = max(device.turns.items(), key=lambda item: (len(item[1]), -item[0]))
        _, _, width, height = device.box
        if turn in (1, 3, _VERTICAL):
            width, height = height, width
        inside = [g for g in glyphs if g.x0 >= -2 and g.x1 <= width + 2 and -2 <= g.base <= height + 2]
        if sum(g.figure for g in inside) * 2 > len(inside):  # the whole page is one form, not a figure on it
            for glyph in inside:
                glyph.figure = False
        rules = device.rules if turn == 0 else []
        return Sheet(width, height, _undoubled(inside), device.unreadable, device.images, rules)


def _undoubled(glyphs: list[Glyph]) -> list[Glyph]:
    """Without copies drawn over the original, which is how some programs make bold or shadows."""
    cell = 4.0
    seen: dict[tuple[str, int, int], Glyph] = {}
    kept = []
    for glyph in glyphs:
        reach = min(0.12 * glyph.size, cell)
        columns = {int((glyph.x0 - reach) / cell), int((glyph.x0 + reach) / cell)}
        rows = {int((glyph.base - reach) / cell), int((glyph.base + reach) / cell)}
        twins = (seen.get((glyph.text, column, row)) for column in columns for row in rows)
        if any(twin and abs(twin.x0 - glyph.x0) < reach and abs(twin.base - glyph.base) < reach for twin in twins):
            continue
        seen[glyph.text, int(glyph.x0 / cell), int(glyph.base / cell)] = glyph
        kept.append(glyph)
    return kept


def main_size(sizes: Counter[float]) -> float:
    """The size most characters have; 10 where there are none."""
    return max(sizes.items(), key=lambda item: (item[1], item[0]))[0] if sizes else 10.0
