"""Papers set by hand with reportlab: two justified columns, with everything around the text that a reader must undo."""

from __future__ import annotations

import io
import random
from collections.abc import Iterator
from dataclasses import dataclass, field

from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.pdfgen.canvas import Canvas

WIDTH, HEIGHT = 612.0, 792.0
MARGIN, GUTTER = 54.0, 20.0
TOP, BOTTOM = 90.0, 72.0
SIZE, LEADING = 10.0, 12.0

_WORDS = """
    the reader of a long report wants to know what was measured and why it matters so that every chapter begins with
    a statement of purpose while the remaining pages describe instruments observations corrections temperature
    distribution calibration uncertainty atmospheric parameters environmental considerations independent laboratories
    reproduced results under different conditions although some variation remained between stations near rivers
""".split()  # noqa: SIM905


def prose(seed: int, sentences: int = 6) -> str:
    """A paragraph of invented sentences, the same for the same seed."""
    chance = random.Random(seed)
    made = []
    for _ in range(sentences):
        words = chance.choices(_WORDS, k=chance.randint(8, 18))
        made.append(" ".join([words[0].capitalize(), *words[1:]]) + ".")
    return " ".join(made)


@dataclass
class Paper:
    """Blocks in reading order: ("heading" | "body" | "note" | "full" | "pause", text). `pdf()` sets them."""

    title: str = "On the Reading of Long Reports"
    authors: str = "Ada Example and Ben Sample"
    columns: int = 2
    head: str = "Journal of Long Reports"
    blocks: list[tuple[str, str]] = field(default_factory=list)
    password: str | None = None
    spaces: bool = False
    """Draw spaces as characters, as word processors do, or leave gaps, as TeX does."""
    hyphenate: bool = True

    def heading(self, text: str) -> Paper:
        self.blocks.append(("heading", text))
        return self

    def body(self, text: str) -> Paper:
        self.blocks.append(("body", text))
        return self

    def note(self, text: str) -> Paper:
        """A footnote on the page where it comes up."""
        self.blocks.append(("note", text))
        return self

    def pdf(self) -> bytes:
        return _Setter(self).set()


class _Setter:
    def __init__(self, paper: Paper) -> None:
        self.paper = paper
        self.buffer = io.BytesIO()
        self.canvas = Canvas(self.buffer, pagesize=(WIDTH, HEIGHT), encrypt=paper.password, invariant=1)
        self.page = 1
        self.column = 0
        self.top = TOP
        self.y = TOP
        self.width = (WIDTH - 2 * MARGIN - (paper.columns - 1) * GUTTER) / paper.columns
        self.notes: list[str] = []

    def set(self) -> bytes:
        self._furniture()
        if self.paper.title:
            self._centred(self.paper.title, "Times-Bold", 18.0)
            self.y += 8
            self._centred(self.paper.authors, "Times-Roman", 12.0)
            self._centred("Institute of Examples, Sampletown", "Times-Italic", 10.0)
            self.y += 20
            self.top = self.y
        for kind, text in self.paper.blocks:
            if kind == "heading":
                self._room(3 * LEADING)
                self.y += 8
                self._line(text.split(), "Times-Bold", 12.0, justify=False)
                self.y += 4
            elif kind == "note":
                self.notes.append(text)
            else:
                self._paragraph(text)
        self._finish_page()
        self.canvas.save()
        return self.buffer.getvalue()

    def _furniture(self) -> None:
        if self.page > 1 or not self.paper.title:
            self.canvas.setFont("Times-Italic", 9)
            if self.page % 2:
                self.canvas.drawRightString(WIDTH - MARGIN, HEIGHT - 40, f"{self.paper.head} {self.page}")
            else:
                self.canvas.drawString(MARGIN, HEIGHT - 40, f"{self.page} A. Example et al.")
        self.canvas.setFont("Times-Roman", 9)
        self.canvas.drawCentredString(WIDTH / 2, 36, str(self.page))

    def _finish_page(self) -> None:
        y = BOTTOM - 10
        for note in self.notes:
            self.canvas.setFont("Times-Roman", 5.5)
            self.canvas.drawString(MARGIN, y + 3, "1")
            self.canvas.setFont("Times-Roman", 8)
            self.canvas.drawString(MARGIN + 4, y, note)
            y -= 9
        self.notes = []
        self.canvas.showPage()

    def _room(self, height: float) -> None:
        if self.y + height <= HEIGHT - BOTTOM:
            return
        self.column += 1
        if self.column == self.paper.columns:
            self._finish_page()
            self.page += 1
            self.column = 0
            self.top = TOP
            self._furniture()
        self.y = self.top

    def _paragraph(self, text: str) -> None:
        indent = 12.0
        lines = list(self._broken(text, indent))
        for number, words in enumerate(lines):
            self._room(LEADING)
            last = number == len(lines) - 1
            self._line(words, "Times-Roman", SIZE, justify=not last, indent=0.0 if number else indent)

    def _broken(self, text: str, indent: float) -> Iterator[list[str]]:
        line: list[str] = []
        room = self.width - indent
        for word in text.split():
            while True:
                if stringWidth(" ".join([*line, word]), "Times-Roman", SIZE) <= room:
                    line.append(word)
                    break
                middle = len(word) // 2
                cut = [*line, word[:middle] + "-"]
                fits = stringWidth(" ".join(cut), "Times-Roman", SIZE) <= room
                if self.paper.hyphenate and fits and len(word) > 7 and word.isalpha():
                    line, word = cut, word[middle:]
                yield line
                line, room = [], self.width
        if line:
            yield line

    def _line(self, words: list[str], font: str, size: float, justify: bool, indent: float = 0.0) -> None:
        x = MARGIN + self.column * (self.width + GUTTER) + indent
        natural = sum(stringWidth(word, font, size) for word in words)
        gap = stringWidth(" ", font, size)
        if justify and len(words) > 1:
            gap = (self.width - indent - natural) / (len(words) - 1)
        self.y += size * 1.2
        self.canvas.setFont(font, size)
        for word in words:
            self.canvas.drawString(x, HEIGHT - self.y, word + (" " if self.paper.spaces else ""))
            x += stringWidth(word, font, size) + gap

    def _centred(self, text: str, font: str, size: float) -> None:
        self.y += size * 1.2
        self.canvas.setFont(font, size)
        self.canvas.drawCentredString(WIDTH / 2, HEIGHT - self.y, text)


def plain_page(*lines: str, size: float = 12.0) -> bytes:
    """A one-page PDF with these lines."""
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=(WIDTH, HEIGHT), invariant=1)
    for number, line in enumerate(lines):
        canvas.setFont("Helvetica", size)
        canvas.drawString(72, HEIGHT - 100 - 1.2 * size * number, line)
    canvas.save()
    return buffer.getvalue()
