"""The layouts: how a text is set with Typst, and what is set around it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import typst

from benchmarks.extraction.prose import Author, Section, Text

HEADS = ("Transactions of the Ochre Society", "Yew and Zephyr")
"""Running heads, in turn; of words that no text has."""
STAMP = "sample:2101.04712v2 [cs.XY] 9 Jan 2021"


@dataclass(frozen=True)
class Layout:
    """One way to set a text. Everything that can be set around it is off by default."""

    name: str
    columns: int = 1
    font: str = "Libertinus Serif"
    size: float = 10.0
    leading: float = 0.6
    """Space between lines, in ems; so are the next two."""
    indent: float = 1.2
    spacing: float = 0.6
    numbered: bool = True
    heading: str = "bold"
    """ "bold", "italic", "large" or "plain": in the type of the text, with space around."""
    heads: str = ""
    """ "", "same" on all pages, "alternating" left and right, "inner" (at the inner margin, page number outside)."""
    number: str = "foot"
    """Page numbers: "foot" or, in the running head, "head"."""
    floats: tuple[str, ...] = ()
    """Of "ruled", "grid", "unruled" (tables), "figure", "algorithm"; "wide" in front: across all columns."""
    placement: str = "auto"
    notes: bool = False
    equations: bool = False
    references: bool = False
    drop_caps: bool = False
    stamp: bool = False
    ligatures: bool = False
    """Draw "fi" and "fl" as the characters U+FB01 and U+FB02, as old PostScript fonts do."""
    gaps: bool = False
    """Leave gaps between the words instead of drawing spaces, as TeX does."""
    mixed: bool = False
    """Every other section in two columns, on pages of one."""
    full: bool = True
    """Title and abstract across the columns."""


LAYOUTS = (
    Layout("one column, report", spacing=1.1, indent=0, heading="large", heads="same"),
    Layout("one column, indents, footnotes", notes=True, heads="alternating", number="head", size=11),
    Layout("one column, headings like the text", heading="plain", numbered=False, spacing=1.1, indent=0, heads="same"),
    Layout("one column, numbered headings like the text", heading="plain", heads="alternating", notes=True),
    Layout("one column, tables without rules", floats=("unruled", "figure", "unruled"), placement="none", heads="same"),
    Layout("one column, algorithms and equations", floats=("algorithm",), equations=True, font="New Computer Modern"),
    Layout("one column, drop caps, ligature characters", drop_caps=True, ligatures=True, heads="inner", size=11),
    Layout("one column, words apart by gaps", gaps=True, notes=True, floats=("ruled", "figure"), heads="alternating"),
    Layout("two columns, paper", 2, notes=True, floats=("ruled", "figure"), heads="alternating", references=True),
    Layout("two columns, narrow, small print", 2, size=8.5, leading=0.5, spacing=0.5, notes=True, floats=("figure",)),
    Layout("two columns, title in the first", 2, full=False, heading="italic", heads="same", number="head"),
    Layout("two columns, floats across", 2, floats=("wide ruled", "wide figure", "figure"), stamp=True, heads="same"),
    Layout("two columns, floats inside of the text", 2, floats=("grid", "figure", "ruled"), placement="none"),
    Layout(
        "two columns, tables without rules", 2, floats=("unruled", "wide unruled"), heads="alternating", number="head"
    ),
    Layout(
        "two columns, algorithms and equations",
        2,
        floats=("algorithm", "figure"),
        equations=True,
        font="New Computer Modern",
        stamp=True,
        references=True,
    ),
    Layout("two columns, headings like the text", 2, heading="plain", notes=True, heads="same", spacing=1.0, indent=0),
    Layout("two columns, drop caps", 2, drop_caps=True, ligatures=True, heads="inner", number="head", size=9),
    Layout("two columns, words apart by gaps", 2, gaps=True, floats=("figure", "wide ruled"), notes=True, heads="same"),
    Layout("one and two columns on a page", mixed=True, heads="alternating", notes=True),
    Layout("one and two columns on a page, floats", mixed=True, floats=("ruled", "figure"), spacing=1.1, indent=0),
)


@dataclass
class Case:
    """A PDF and what is known of it."""

    layout: Layout
    text: Text
    pdf: bytes
    first_page: int
    """The number printed on the first page."""
    pages: int = 0
    cells: list[str] = field(default_factory=list)
    """Words of tables, algorithms and figures, each there once."""

    def words(self) -> list[str]:
        """Of the title, the headings and the running text, in order."""
        words = self.text.title.split() + " ".join(["Abstract", *self.text.abstract]).split()
        for section in self.text.sections:
            words += section.heading.split()
            words += [word for paragraph in section.paragraphs for sentence in paragraph for word in sentence.split()]
        return words


def typeset(layout: Layout, seed: int, sections: int, paragraphs: int) -> Case:
    author = Author(seed)
    text = author.text(sections, paragraphs, layout.numbered)
    case = Case(layout, text, b"", author.chance.randint(2_000, 7_000))
    source = "\n".join(_Source(case, author).parts())
    case.pdf = typst.compile(source.encode(), ignore_system_fonts=True, pdf_tags=False)
    case.pages = len(re.findall(rb"/Type\s*/Page\b", case.pdf))
    return case


_PREAMBLE = """
#set page(paper: "a4", columns: {columns}, margin: (x: 2.1cm, y: 2.4cm), header: {header}, footer: {footer})
#set columns(gutter: 0.7cm)
#set text(font: "{font}", size: {size}pt, lang: "en", hyphenate: true)
#set par(justify: true, leading: {leading}em, spacing: {spacing}em, first-line-indent: {indent}em)
#set footnote.entry(gap: 0.4em)
#show footnote.entry: set text(size: 0.82em)
#show figure.caption: set text(size: 0.9em)
#show figure: set block(above: 1.4em, below: 1.4em)
#show figure.caption: set align(left)
#set math.equation(numbering: "(1)")
#show heading: it => block(above: 1.5em, below: 0.9em, {heading})
#counter(page).update({first})
#let halves(body) = layout(size => {{
  let width = (size.width - 0.7cm) / 2
  let height = measure(block(width: width, body)).height
  block(height: height / 2 + 2em, columns(2, body))
}})
#let dropped(words) = layout(size => {{
  let first = words.first()
  let cap = box(inset: (right: 2pt), text(size: 2.75em, top-edge: "cap-height", bottom-edge: "baseline", first.first()))
  let room = size.width - measure(cap).width
  let rest = (first.slice(1),) + words.slice(1)
  let count = 1
  let fits(count) = measure(block(width: room, rest.slice(0, count).join(" "))).height < (2.4em).to-absolute()
  while count < rest.len() and fits(count + 1) {{
    count += 1
  }}
  set par(first-line-indent: 0em)
  block(below: par.leading, {{
    place(top + left, cap)
    pad(left: measure(cap).width, rest.slice(0, count).join(" ") + linebreak(justify: true))
  }})
  rest.slice(count).join(" ")
}})
"""
_HEADING = {
    "bold": 'text(size: 1.15em, weight: "bold", it.body)',
    "large": "text(size: 1.4em, weight: 400, it.body)",
    "italic": 'text(size: 1em, weight: 400, style: "italic", it.body)',
    "plain": "text(size: 1em, weight: 400, it.body)",
}
_NUMBER = "#context counter(page).display()"
_EQUATIONS = (
    "f(x) = sum_(i=1)^n alpha_i x_i^2 + beta",
    "integral_0^infinity e^(-x^2) dif x = sqrt(pi) / 2",
    "y_(t+1) = lambda y_t + (1 - lambda) hat(y)_t",
    "cal(L)(theta) = - 1/N sum_(j=1)^N log p_theta (y_j | x_j)",
)


class _Source:
    """The Typst source of one case, part by part."""

    def __init__(self, case: Case, author: Author) -> None:
        self.case, self.layout, self.author = case, case.layout, author
        self.chance = author.chance
        self.counts = {"Table": 0, "Figure": 0, "Algorithm": 0, "cell": 0}

    def parts(self) -> Iterator[str]:
        layout = self.layout
        yield _PREAMBLE.format(
            columns=layout.columns,
            font=layout.font,
            size=layout.size,
            leading=layout.leading,
            spacing=layout.spacing,
            indent=layout.indent,
            heading=_HEADING[layout.heading],
            first=self.case.first_page,
            header=self._header(),
            footer="none" if layout.number == "head" else f"align(center, text(size: 0.9em)[{_NUMBER}])",
        )
        if layout.gaps:
            yield '#show " ": _ => h(0.27em, weak: true)'
        if layout.stamp:
            stamp = f'rotate(-90deg, reflow: true, text(size: 15pt, fill: gray, "{STAMP}"))'
            yield f"#place(left + horizon, dx: -1.5cm, {stamp})"
        yield self._front()
        floats = 0
        for number, section in enumerate(self.case.text.sections):
            parts = [f"#heading({json.dumps(section.heading)})", *self._paragraphs(section)]
            if layout.mixed and number % 2:
                yield "#halves[" + "\n\n".join(parts) + "]"
                continue
            for place in (2, len(parts)):
                if layout.floats:
                    parts.insert(place, self._float(layout.floats[floats % len(layout.floats)]))
                    floats += 1
            yield "\n\n".join(parts)
        if layout.references:
            yield "#heading([References])"
            for entry in range(1, 16):
                yield f"[{entry}] A. {self.author.aside(1)}. {self.author.aside(6)}. {self.author.aside(3)}, 2001.\n"

    def _header(self) -> str:
        kind, head = self.layout.heads, HEADS[0]
        number = _NUMBER if self.layout.number == "head" else ""
        if not kind:
            return f"align(right, [{number}])" if number else "none"
        if kind == "same":
            return f"text(size: 0.9em)[{head} #h(1fr) {number}]"
        left, right = (
            (f"{number} #h(1fr) {HEADS[1]}", f"{head} #h(1fr) {number}")
            if kind == "alternating"
            else (f"{number} #h(2em) {HEADS[1]}", f"#h(1fr) {head} #h(2em) {number}")
        )
        return f'context text(size: 0.9em, style: "italic", if calc.even(counter(page).get().first()) [{left}] else [{right}])'  # noqa: E501

    def _front(self) -> str:
        text = self.case.text
        # Authors are no running text.
        front = (
            f'#align(center)[#text(size: 1.7em, weight: "bold", {json.dumps(text.title)})\n\n'
            f"#text(size: 1.1em)[Xavier Ochre and Yolanda Zephyr]\n\n#emph[Ochre Institute]]\n\n"
            f"#heading([Abstract])\n{self._string(' '.join(text.abstract))}\n\n"
        )
        if self.layout.columns > 1 and self.layout.full:
            return f'#place(top, scope: "parent", float: true, clearance: 2em)[{front}]'
        return front

    def _paragraphs(self, section: Section) -> Iterator[str]:
        for number, sentences in enumerate(section.paragraphs):
            if number == 0 and self.layout.drop_caps:
                words = " ".join(sentences).split()
                yield f"#dropped(({', '.join(self._literal(word) for word in words)},))"
                continue
            cut = self.chance.randrange(1, len(sentences))
            before, after = " ".join(sentences[:cut]), " ".join(sentences[cut:])
            if self.layout.equations and number % 2:
                # A sentence goes on under the formula.
                words = after.split()
                middle = len(words) // 2
                formula = self.chance.choice(_EQUATIONS)
                before, after = " ".join([before, *words[:middle]]), " ".join(words[middle:])
                yield f"{self._string(before)}\n$ {formula} $\n{self._string(after)}"
            elif self.layout.notes and number % 2:
                note = f"#footnote[{self.author.aside(self.chance.randint(5, 20))}.]"
                yield f"{self._string(before)}{note} {self._string(after)}"
            else:
                yield self._string(f"{before} {after}")

    def _float(self, kind: str) -> str:
        wide = kind.startswith("wide ")
        kind = kind.removeprefix("wide ")
        name = {"figure": "Figure", "algorithm": "Algorithm"}.get(kind, "Table")
        self.counts[name] += 1
        body = {"figure": self._drawing, "algorithm": self._algorithm}.get(kind) or (lambda: self._table(kind, wide))
        caption = self.author.aside(self.chance.randint(4, 25))
        scope = "parent" if wide else "column"
        placement = "auto" if wide else self.layout.placement
        return (
            f'#figure(placement: {placement}, scope: "{scope}", kind: "{name}", supplement: "{name}", '
            f"caption: [{caption}.], {body()})"
        )

    def _cell(self) -> str:
        self.counts["cell"] += 1
        word = (
            f"{self.chance.choice(('ra', 'mi', 'to', 'ku'))}{self.chance.choice(('x', 'z', 'q'))}{self.counts['cell']}"
        )
        self.case.cells.append(word)
        return word

    def _table(self, kind: str, wide: bool) -> str:
        columns, rows = (6 if wide else 4), self.chance.randint(4, 8)
        head = [self._cell() for _ in range(columns)]
        body = [[self._cell(), *(f"{self.chance.uniform(1, 99):.2f}" for _ in range(columns - 1))] for _ in range(rows)]
        cells = [f"[{cell}]" for row in [head, *body] for cell in row]
        if kind == "ruled":
            cells = ["table.hline()", *cells[:columns], "table.hline()", *cells[columns:], "table.hline()"]
        stroke = "0.5pt" if kind == "grid" else "none"
        return f"table(columns: {columns}, stroke: {stroke}, align: left, {', '.join(cells)})"

    def _drawing(self) -> str:
        labels = "".join(
            f"#place(dx: {self.chance.randint(5, 70)}%, dy: {12 + 14 * row}%, text(size: 0.75em)[{self._cell()}])"
            for row in range(5)
        )
        return f"rect(width: 90%, height: 4.5cm)[{labels}]"

    def _algorithm(self) -> str:
        lines = [
            f"[{n}: #h({self.chance.choice((0, 1, 2))}em) *{self.chance.choice(('for', 'if', 'while'))}* {self._cell()} "  # noqa: E501
            f"$arrow.l$ {self._cell()} ({self.author.aside(1).lower()})]"
            for n in range(1, 8)
        ]
        return f"align(left, stack(spacing: 0.7em, {', '.join(lines)}))"

    def _literal(self, text: str) -> str:
        if self.layout.ligatures:
            text = text.replace("fi", "ﬁ").replace("fl", "ﬂ")
        return json.dumps(text, ensure_ascii=False)

    def _string(self, text: str) -> str:
        # As markup, so that spaces may be shown in another way; the grammar writes no sign that Typst knows.
        return self._literal(text)[1:-1]
