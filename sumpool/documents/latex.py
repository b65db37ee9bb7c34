r"""LaTeX source: what its reader would see on paper, as far as that can be told without running TeX.

pylatexenc parses it and knows the symbols. No file that the source names is opened: \input is no more than a word.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from sumpool.documents.building import Block, build
from sumpool.documents.document import Document, ParagraphKind
from sumpool.documents.repair import repair
from sumpool.documents.sections import Abstract, select
from sumpool.errors import DocumentError

if TYPE_CHECKING:
    from pylatexenc.latex2text import LatexNodes2Text

_LONGEST_FORMULA = 80
"""Characters: a longer formula says nothing in a line of text."""
_MOST_GROWTH = 4
"""The author's own macros are written out as long as that makes the source no more than so many times as long."""

_VERBATIM = r"verbatim\*?|Verbatim\*?|lstlisting|minted|alltt|BVerbatim"
_HIDDEN = re.compile(
    r"\\begin\{(comment|filecontents\*?|tikzpicture|pspicture|picture|forest|pgfonlayer)\}.*?(?:\\end\{\1\}|\Z)"
    r"|\\iffalse\b.*?(?:\\fi\b|\Z)",
    re.S,
)
_CODE = re.compile(rf"\\begin\{{({_VERBATIM})\}}(?:\[[^\]\n]*\])?(?:\{{\w*\}})?(.*?)(?:\\end\{{\1\}}|\Z)", re.S)
_CODE_MARK = "\x02"
_ASIDE = re.compile(rf"{_CODE_MARK}(\d+){_CODE_MARK}\s*")
_COMMENT = re.compile(r"^[ \t]*%.*\n?|(?<!\\)%.*(?:\n[ \t]*)?", re.M)
_LINK = re.compile(r"\\(?:url|path|nolinkurl|href)\s*\{[^{}]*\}")
_DEFINITION = re.compile(
    r"\\(?:(?:re|provide)?newcommand|providecommand|renewcommand|DeclareRobustCommand|DeclareMathOperator)\*?\s*"
    r"(?:\{\s*\\([A-Za-z@]+)\s*\}|\\([A-Za-z@]+))\s*(?:\[(\d)\])?(?:\[[^\]]*\])?\s*(?=\{)"
    r"|\\(?:g|e|x)?def\s*\\([A-Za-z@]+)((?:#\d)*)\s*(?=\{)"
)
_CALL = re.compile(r"\\([A-Za-z@]+)")
_TITLE = re.compile(r"\\(?:title|Title|icmltitle|ititle)\s*(?:\[[^\]]*\])?\s*(?=\{)")
_BODY = re.compile(r"\\begin\s*\{document\}(.*?)(?:\\end\s*\{document\}|\Z)", re.S)
_PARAGRAPH = re.compile(r"\n[^\S\n]*\n\s*")
_EMPTY = re.compile(
    r"\((?:(?:see|cf\.|e\.g\.,?|also|in|and|Sections?|Sec\.|Figures?|Figs?\.|Tables?|Eqs?\.|Equations?|Appendix)[\s,]*)*"
    r"[\s;,\x03]*\)|\[[\s;,]*\]"
)
"""What brackets hold after references are gone."""
_UNKNOWN = "\x03"
"""Stands for the number of a reference that only TeX could tell."""
_REFERENCE = re.compile(r"\\(ref|pageref|eqref|autoref|[cC]ref|labelcref|vref)\*?\s*\{([^{}]*)\}")
_NUMBERED = re.compile(
    r"\\(?:(?P<section>part|chapter|section|subsection|subsubsection)(?P<star>\*?)\s*[\[{]"
    r"|begin\s*\{(?P<begin>\w+\*?)\}|(?P<end>end)\s*\{\w+\*?\}|(?P<appendix>appendix)\b"
    r"|label\s*\{(?P<label>[^{}]*)\})"
)
_COUNTED = {
    "figure": "Figure", "wrapfigure": "Figure", "sidewaysfigure": "Figure", "table": "Table", "longtable": "Table",
    "wraptable": "Table", "sidewaystable": "Table", "algorithm": "Algorithm", "equation": "Equation",
}  # fmt: skip
_MANY_NUMBERS = re.compile(
    r"\\begin\s*\{(?:align|gather|multline|eqnarray|flalign|alignat|subequations)\}|\\numberwithin"
)
_NUMBERLESS = frozenset({
    "document", "appendices", "center", "minipage", "tabular", "tabularx", "small", "adjustbox", "threeparttable",
    "algorithmic", "abstract", "frontmatter", "split", "aligned",
})  # fmt: skip
"""Environments in which a label means what it means outside of them."""
_LONGEST_FLOAT = 20_000
_LOOSE = re.compile(r"\s+([,.;:!?)\]](?:\s|$))")

_SECTIONS = {"part": 0, "chapter": 0, "section": 1, "subsection": 2, "subsubsection": 3}
_RUN_IN = frozenset({"paragraph", "subparagraph"})
_LISTS = frozenset({"itemize", "enumerate", "description", "compactitem", "compactenum", "inparaenum"})
_FLOATS = frozenset({
    "figure", "figure*", "table", "table*", "wrapfigure", "wraptable", "sidewaysfigure", "sidewaystable", "SCfigure",
    "subfigure", "subtable", "algorithm", "algorithm*", "listing", "longtable", "algorithmic", "teaserfigure",
})  # fmt: skip
_TABLES = frozenset({"tabular", "tabular*", "tabularx", "tabulary", "longtable", "tabu"})
_FORMULAS = frozenset({
    "equation", "align", "gather", "multline", "eqnarray", "flalign", "alignat", "dmath", "displaymath", "math",
    "subequations", "split",
})  # fmt: skip
_DROPPED = {
    "label": "{", "ref": "*{", "pageref": "*{", "eqref": "*{", "autoref": "*{", "cref": "*{", "Cref": "*{",
    "vref": "*{", "nameref": "*{", "labelcref": "{", "crefrange": "*{{", "cite": "*[[{", "citep": "*[[{",
    "citet": "*[[{", "citealp": "*[[{", "citealt": "*[[{", "citeauthor": "*[[{", "citeyear": "*[[{",
    "citeyearpar": "*[[{", "parencite": "*[[{", "textcite": "*[[{", "autocite": "*[[{", "footcite": "*[[{",
    "Citep": "*[[{", "Citet": "*[[{", "citenum": "{", "nocite": "{", "bibitem": "[{", "bibliographystyle": "{",
    "author": "[{", "date": "{", "thanks": "{", "affiliation": "[{", "affil": "[{", "institute": "{", "address": "[{",
    "email": "[{", "title": "[{", "maketitle": "", "tableofcontents": "", "listoffigures": "", "listoftables": "",
    "vspace": "*{", "hspace": "*{", "vskip": "", "includegraphics": "*[[{", "input": "{", "include": "{",
    "subfile": "{", "usepackage": "[{", "RequirePackage": "[{", "documentclass": "[{", "setlength": "{{",
    "addtolength": "{{", "setcounter": "{{", "addtocounter": "{{", "stepcounter": "{", "pagestyle": "{",
    "thispagestyle": "{", "pagenumbering": "{", "markboth": "{{", "markright": "{", "hypersetup": "{",
    "newtheorem": "*{[{[", "theoremstyle": "{", "definecolor": "[{{{", "graphicspath": "{", "lstset": "{",
    "captionsetup": "[{", "titleformat": "*{", "newenvironment": "*{[[{{", "renewenvironment": "*{[[{{",
    "newcommand": "*{[[{", "renewcommand": "*{[[{", "providecommand": "*{[[{", "color": "[{", "fontsize": "{{",
    "selectfont": "", "resizebox": "{{", "scalebox": "{[", "rotatebox": "[{", "rule": "[{{", "raisebox": "{[[",
    "addcontentsline": "{{{", "phantomsection": "", "index": "{", "glsadd": "{", "todo": "[{", "hyphenation": "{",
    "cline": "{", "cmidrule": "[{", "multirow": "[{[{", "multicolumn": "{{", "hline": "", "toprule": "",
    "midrule": "", "bottomrule": "", "centering": "", "footnotetext": "[{", "footnotemark": "[",
    "acmConference": "[{{{", "keywords": "{", "ccsdesc": "[{", "url": "{", "linewidth": "", "textwidth": "",
    "columnwidth": "", "columnsep": "", "parskip": "", "parindent": "", "baselineskip": "", "bibitemdeclare": "{{",
    "tikzset": "{", "pgfplotsset": "{", "usetikzlibrary": "{", "geometry": "{", "noindent": "", "indent": "",
    "newpage": "", "clearpage": "", "pagebreak": "[", "linebreak": "[", "smallskip": "", "medskip": "",
    "bigskip": "", "appendixname": "", "balance": "", "and": "", "hfill": "", "vfill": "", "today": "",
    "bibliography": "{", "addbibresource": "[{", "printbibliography": "[",
}  # fmt: skip
"""Macros that leave nothing on paper that matters, with the arguments that go with them."""
_TEXTS = {"caption": "*[{", "captionof": "{[{", "subcaption": "{", "footnote": "[{", "part": "*[{", "chapter": "*[{",
          "section": "*[{", "subsection": "*[{", "subsubsection": "*[{", "paragraph": "*[{", "subparagraph": "*[{",
          "appendix": "", "item": "[", "par": ""}  # fmt: skip
"""Macros that are understood here, with their arguments."""
_GAPS = frozenset({"\\", "newline", "quad", "qquad", ",", ";", ":", " ", "thinspace", "enspace", "space", "xspace"})


def read_latex(text: str, source: str, *, abstract: Abstract = "keep") -> Document:
    """The Document of LaTeX source. Raises DocumentError."""
    code: list[str] = []

    def put_aside(found: re.Match[str]) -> str:
        code.append(found[2])
        return f"\n\n{_CODE_MARK}{len(code) - 1}{_CODE_MARK}\n\n"

    text = _HIDDEN.sub("", text.replace(_CODE_MARK, " ").replace(_UNKNOWN, " "))
    text = _COMMENT.sub("", _LINK.sub("", _CODE.sub(put_aside, text)))
    text = _with_numbers(_expanded(text))
    reader = _Reader(code, chapters="\\chapter" in text)
    titled = _TITLE.search(text)
    title = reader.line(text[titled.end() + 1 : _group_end(text, titled.end()) - 1]) if titled else ""
    body = _BODY.search(text)
    blocks = reader.blocks(body[1] if body else text)
    if not any(block.text for block in blocks):
        raise DocumentError("no-text", "LaTeX source without text (name the file that has the text)")
    kept, left_out = select(blocks, abstract)
    if title and not title[0].isspace():
        kept = [Block("heading", title, level=1), *kept]
    elif kept and kept[0].kind == "heading" and kept[0].level == 1:
        title = kept[0].text
    return build(source, kept, title=title or None, left_out=left_out)


def _group_end(text: str, start: int) -> int:
    """The offset behind the group that opens at `start`; the end of the text if nothing closes it."""
    depth = 0
    for brace in re.compile(r"\\.|[{}]", re.S).finditer(text, start):
        depth += {"{": 1, "}": -1}.get(brace[0], 0)
        if depth <= 0:
            return brace.end()
    return len(text)


def _expanded(text: str) -> str:
    """The source without definitions of macros, these written out where they are used."""
    macros: dict[str, tuple[int, str]] = {}
    parts: list[str] = []
    position = 0
    for found in _DEFINITION.finditer(text):
        if found.start() < position:
            continue
        parts.append(text[position : found.start()])
        position = _group_end(text, found.end())
        name = found[1] or found[2] or found[4]
        count = int(found[3] or 0) or (found[5] or "").count("#")
        macros[name] = count, text[found.end() + 1 : position - 1]
    parts.append(text[position:])
    text = "".join(parts)
    most = len(text) * _MOST_GROWTH + 1_000
    for _ in range(3):  # macros that use macros
        longer = _written_out(text, macros) if macros else text
        if longer == text or len(longer) > most:
            break
        text = longer
    return text


def _written_out(text: str, macros: dict[str, tuple[int, str]]) -> str:
    parts: list[str] = []
    position = 0
    for call in _CALL.finditer(text):
        if call.start() < position or call[1] not in macros:
            continue
        count, body = macros[call[1]]
        if f"\\{call[1]}" in body:
            continue  # it adds to what there was before
        end = call.end()
        arguments: list[str] = []
        while len(arguments) < count and text[end : end + 1] == "{":
            after = _group_end(text, end)
            arguments.append(text[end + 1 : after - 1])
            end = after
        for number, argument in enumerate(arguments, 1):
            body = body.replace(f"#{number}", argument)
        parts += [text[position : call.start()], "{", body, "}"]
        position = end
    parts.append(text[position:])
    return "".join(parts)


def _with_numbers(text: str) -> str:
    """The source with the numbers that references will have on paper; with a mark where that can't be told."""
    labels = _labels(text)

    def number(found: re.Match[str]) -> str:
        targets = [labels.get(label.strip(), ("", _UNKNOWN)) for label in found[2].split(",")]
        numbers = " and ".join(number for _, number in targets)
        if found[1] == "pageref":
            return _UNKNOWN
        if found[1] == "eqref" and _UNKNOWN not in numbers:
            return f"({numbers})"
        named = found[1] in ("autoref", "cref", "Cref") and targets[0][0]
        if not named:
            return numbers
        return f"{named if found[1] != 'cref' else named.lower()}{'s' * (len(targets) > 1)} {numbers}"

    return _REFERENCE.sub(number, text)


def _labels(text: str) -> dict[str, tuple[str, str]]:
    """Each label's (kind, number): sections, floats, and equations where each has one line and so one number."""
    counted = dict(_COUNTED)
    if _MANY_NUMBERS.search(text):
        counted.pop("equation")
    chapters = "\\chapter" in text
    counts: Counter[str] = Counter()
    sections: list[int] = []
    section = nothing = ("", _UNKNOWN)
    appendix = False
    open_: list[tuple[str, str] | None] = []  # what a label in it means; None: the section
    labels: dict[str, tuple[str, str]] = {}
    for found in _NUMBERED.finditer(text):
        if found["label"] is not None:
            labels[found["label"].strip()] = (open_[-1] if open_ else None) or section
        elif found["appendix"]:
            appendix, sections = True, []
        elif found["section"]:
            depth = max(0, _SECTIONS[found["section"]] - (not chapters))
            if found["section"] == "part" or found["star"]:
                continue
            sections = [*sections[: depth + 1], *[0] * (depth + 1 - len(sections))]
            sections[depth] += 1
            top = chr(64 + min(26, max(1, sections[0]))) if appendix else str(sections[0])
            section = ("Section" if depth or not chapters else "Chapter", ".".join([top, *map(str, sections[1:])]))
            if chapters and not depth:
                counts.clear()
        elif found["end"]:
            if open_:
                open_.pop()
        else:
            name = found["begin"]
            kind = counted.get(name.rstrip("*"))
            captioned = "\\caption" in text[found.end() : found.end() + _LONGEST_FLOAT].partition(f"\\end{{{name}}}")[0]
            if kind and (captioned if kind != "Equation" else not name.endswith("*")):
                counts[kind] += 1
                chapter = f"{section[1].partition('.')[0]}." if chapters else ""
                open_.append((kind, f"{chapter}{counts[kind]}"))
            else:
                open_.append((open_[-1] if open_ else None) if name in _NUMBERLESS else nothing)
    return labels


class _Reader:
    """Walks pylatexenc's nodes and gathers blocks."""

    def __init__(self, code: list[str], chapters: bool) -> None:
        from pylatexenc import latex2text, latexwalker
        from pylatexenc.macrospec import MacroSpec, std_environment

        self._code = code
        self._shift = 1 if chapters else 0
        self._blocks: list[Block] = []
        self._text: list[str] = []
        self._kind: ParagraphKind = "body"
        self._notes: list[Block] = []
        self._items: list[str] | None = None
        self._context = latexwalker.get_default_latex_context_db()
        self._context.add_context_category(
            "sumpool",
            macros=[MacroSpec(name, spec) for name, spec in (_DROPPED | _TEXTS).items()],
            environments=[
                *(std_environment(name, "[{") for name in ("wrapfigure", "wraptable", "thebibliography")),
                *(std_environment(name, "[") for name in (*_LISTS, "algorithm", "subfigure")),
                *(std_environment(name, "[{") for name in ("longtable", "tabulary", "tabu", "minipage")),
            ],
            prepend=True,
        )
        symbols = latex2text.get_default_latex_context_db()
        dropped = [latex2text.MacroTextSpec(name, discard=True) for name in _DROPPED]
        symbols.add_context_category("sumpool", macros=dropped, prepend=True)
        self._symbols: LatexNodes2Text = latex2text.LatexNodes2Text(symbols, math_mode="text", keep_comments=False)

    def blocks(self, latex: str) -> list[Block]:
        self._visit(self._parse(latex))
        self._end_paragraph()
        return self._blocks

    def line(self, latex: str) -> str:
        """A piece of source as one line of text."""
        return _tidy(self._inline(self._parse(latex)))

    def _parse(self, latex: str) -> list[Any]:
        from pylatexenc.latexwalker import LatexWalker

        return LatexWalker(latex, latex_context=self._context, tolerant_parsing=True).get_latex_nodes()[0]

    def _inline(self, nodes: Iterable[Any]) -> str:
        """The nodes as text in one paragraph."""
        before, self._text = self._text, []
        blocks, self._blocks = self._blocks, []
        notes, self._notes = self._notes, []
        self._visit(nodes)
        inside = [block.text for block in self._blocks] + ["".join(self._text)]
        self._text, self._blocks, self._notes = before, blocks, notes
        return " ".join(inside)

    def _end_paragraph(self) -> None:
        text = _tidy("".join(self._text))
        self._text.clear()
        if text and self._items is not None:
            if not self._items:
                self._items.append("")
            self._items[-1] += f" {text}" if self._items[-1][-1:] not in ("", " ") else text
        elif text:
            self._blocks.append(Block(self._kind, text))
        self._blocks += self._notes
        self._notes = []

    def _visit(self, nodes: Iterable[Any]) -> None:
        for node in nodes:
            kind = type(node).__name__
            if kind == "LatexCharsNode":
                self._characters(node.chars)
            elif kind == "LatexGroupNode":
                self._visit(node.nodelist)
            elif kind == "LatexMacroNode":
                self._macro(node)
            elif kind == "LatexEnvironmentNode":
                self._environment(node)
            elif kind == "LatexMathNode":
                self._formula(node.nodelist)
            elif kind == "LatexSpecialsNode":
                special = node.specials_chars
                self._text.append({"~": " ", "&": " | "}.get(special) or self._converted([node]))

    def _characters(self, characters: str) -> None:
        first, *others = _PARAGRAPH.split(characters)
        self._text.append(first)
        for paragraph in others:
            self._end_paragraph()
            aside = _ASIDE.fullmatch(paragraph)
            if not aside:
                self._text.append(paragraph)
            elif int(aside[1]) < len(self._code):
                self._blocks.append(Block("code", repair(self._code[int(aside[1])].expandtabs(4)).strip("\n")))

    def _macro(self, node: Any) -> None:
        name = node.macroname
        arguments = [argument for argument in (node.nodeargd.argnlist if node.nodeargd else None) or [] if argument]
        last = arguments[-1:]
        if name in _SECTIONS:
            self._end_paragraph()
            text = _tidy(self._inline(last))
            self._blocks.append(Block("heading", text, level=max(1, _SECTIONS[name] + self._shift)))
        elif name in _RUN_IN:
            self._end_paragraph()
            text = _tidy(self._inline(last))
            self._text.append(f"{text}{'' if text[-1:] in '.:?!' else '.'} " if text else "")
        elif name in ("bibliography", "printbibliography"):
            self._references()
        elif name == "appendix":
            self._end_paragraph()
            self._blocks.append(Block("heading", "Appendix", level=1))
        elif name in ("caption", "captionof", "subcaption"):
            text = _tidy(self._inline(last))
            self._end_paragraph()
            self._blocks.append(Block("caption", text))
        elif name == "footnote":
            self._notes.append(Block("footnote", _tidy(self._inline(last))))
        elif name == "item":
            self._end_paragraph()
            if self._items is not None:
                label = _tidy(self._inline(last))
                self._items.append(f"- {label} " if label else "- ")
        elif name == "par":
            self._end_paragraph()
        elif name == "verb":
            self._text.append(node.nodeargd.verbatim_text if node.nodeargd else "")
        elif name in _GAPS:
            self._text.append("\n" if name == "\\" else " ")
        elif name not in _DROPPED:
            if arguments and all(type(argument).__name__ == "LatexGroupNode" for argument in last):
                whole = self._converted([node])
                # Accents and the like change their argument; what doesn't, only sets it in another font.
                plain = self._converted(last)
                if whole.strip() != plain.strip() and len(arguments) == 1 and len(plain) < 3:
                    self._text.append(whole)
                else:
                    self._visit(last)
            else:
                self._text.append(self._converted([node]))
        if name in _GAPS or name in _DROPPED or not arguments:
            self._characters(node.macro_post_space or "")

    def _environment(self, node: Any) -> None:
        name = node.environmentname
        if name.rstrip("*") in _FORMULAS:
            self._formula(node.nodelist)
        elif name in _LISTS:
            self._list(node.nodelist, numbered="enum" in name)
        elif name == "thebibliography":
            self._references()
        elif name in _TABLES:
            self._table(node.nodelist)
        elif name in _FLOATS:
            before, self._text = self._text, []
            count = len(self._blocks)
            self._visit(node.nodelist)
            self._text = before  # a float may stand inside of a sentence; what is in it besides is decoration
            floated = [block for block in self._blocks[count:] if block.kind in ("caption", "table", "code")]
            self._blocks[count:] = floated
        else:
            self._end_paragraph()
            before_kind, self._kind = self._kind, "abstract" if name == "abstract" else self._kind
            self._visit(node.nodelist)
            self._end_paragraph()
            self._kind = before_kind

    def _list(self, nodes: Iterable[Any], numbered: bool) -> None:
        self._end_paragraph()
        outer, self._items = self._items, []
        self._visit(nodes)
        self._end_paragraph()
        items, self._items = [item for item in self._items if item.strip(" -")], outer
        if numbered:
            items = [re.sub(r"^- ", f"{number}. ", item) for number, item in enumerate(items, 1)]
        if outer is not None:
            outer += items
            outer.append("")
        elif items:
            self._blocks.append(Block("list", "\n".join(items)))

    def _table(self, nodes: Iterable[Any]) -> None:
        before, self._text = self._text, []
        items, self._items = self._items, None
        self._visit(nodes)
        rows = [" | ".join(cell.strip() for cell in row.split("|")) for row in "".join(self._text).split("\n")]
        self._text, self._items = before, items
        lines = [_tidy(row) for row in rows if row.strip(" |")]
        self._blocks.append(Block("table", "\n".join(lines)))

    def _formula(self, nodes: Iterable[Any]) -> None:
        text = " ".join(self._converted(nodes).replace("&", " ").split())
        self._text.append(text if len(text) <= _LONGEST_FORMULA else "…")

    def _converted(self, nodes: Iterable[Any]) -> str:
        """The nodes as pylatexenc writes them: symbols, accents, formulas."""
        try:
            return self._symbols.nodelist_to_text(list(nodes))
        except (IndexError, AttributeError, TypeError, ValueError):
            return ""  # it relies on arguments that a macro here lacks; the rest of the document is fine

    def _references(self) -> None:
        """A heading that says where they are: what follows it is treated as in any other format."""
        self._end_paragraph()
        self._blocks.append(Block("heading", "References", level=1))


def _tidy(text: str) -> str:
    text = repair(_EMPTY.sub(" ", text.replace("\n", " ")).replace(_UNKNOWN, "…"))
    return _LOOSE.sub(r"\1", re.sub(r"\s+", " ", text)).strip()
