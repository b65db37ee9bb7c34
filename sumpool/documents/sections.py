"""Which sections of a document are not its argument: one rule for every format.

References, acknowledgements and declarations (funding, conflicts of interest, ...) are left out of what is
summarized, and so is an appendix that follows the references. The abstract is marked, or dropped on request.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Literal

from sumpool.documents.building import Block

Abstract = Literal["keep", "drop"]

_NUMBER = re.compile(r"^(?:(?:section|chapter)\s+)?(?:\d+(?:\.\d+)*|[IVXLC]+(?=[.\s])|[A-Z](?=[.)]))[.):]?\s+", re.I)
_SECTIONS: dict[str, re.Pattern[str]] = {
    name: re.compile("|".join(names), re.IGNORECASE)
    for name, names in {
        "references": (
            r"(?:list of )?references?(?: cited| list)?",
            r"references (?:and|&) (?:further )?(?:reading|notes|links)",
            r"further reading|bibliograph(?:y|ies)|literature(?: cited)?|works? cited|cited (?:literature|works)",
        ),
        "acknowledgements": (r"acknowledge?ments?(?: (?:and|&) \w+(?: \w+)?)?",),
        "declarations": (
            r"funding(?: \w+)?(?: (?:and|&) \w+)?|financial (?:support|disclosure)s?|disclosures?",
            r"(?:authors?['’]?s?) (?:contributions?|details|information)",
            r"(?:conflicts?|declarations?) of (?:competing )?interests?",
            r"(?:competing|conflicting|financial) interests?(?: statement)?",
            r"(?:data|code)(?: and (?:data|code|materials?))? (?:availability|accessibility)(?: statement)?",
            r"availability of data(?: and materials?)?|additional files?|electronic supplementary material",
            r"supplementa(?:ry|l) (?:data|information|materials?)|supporting information",
            r"ethics(?: statement)?|consent for publication|pre-publication history",
        ),
        "contents": (r"(?:table of )?contents",),
    }.items()
}
_ABSTRACT = re.compile(r"abstract", re.IGNORECASE)
_APPENDIX = re.compile(r"(?i:appendix|appendices|annex|supplement(?:ary|al)?)\b|[A-Z](?:\.\d+)*\.? +[A-Z][a-z]")
_RUN_IN_ABSTRACT = re.compile(r"(?:Abstract|ABSTRACT)\s*(?:[.:—–]\s*|-\s*(?=[A-Z])|\s(?=[A-Z]))")
_RUN_IN_LEFT_OUT = re.compile(
    r"(?i:acknowledge?ments?)(?:\s*[.:—–]|\s+(?:This|The|We|I|Our|Thanks|Special)\b)"
    r"|(?:Conflicts? of [Ii]nterest|Competing [Ii]nterests?|Open [Aa]ccess|Funding)[.:]?\s(?=[A-Z])"
)
_KEYWORDS = re.compile(r"key\s?-?words|index terms|categories and subject|general terms|ccs concepts|jel\b", re.I)
_PROSE = 20
"""Words: a shorter piece under "Contents" is an entry, a longer one is where the text begins."""
_ENDS_AT_ANY, _ENDS_NEVER = 0, -1
"""In place of a level: the section ends at the next heading of all; it ends with the document."""
_LONGEST = {"references": 10_000, "acknowledgements": 800, "declarations": 250}
"""Words: where no heading ends such a section, what comes later is not part of it."""
_LONGEST_ABSTRACT = 600
"""Words: where no heading ends the abstract, the section can't be longer than this."""


def section_name(heading: str) -> str | None:
    """The name in `left_out` if the section under this heading is left out; None otherwise."""
    plain = _plain(heading)
    for name, pattern in _SECTIONS.items():
        if pattern.fullmatch(plain):
            return name
    return None


def is_section_heading(line: str) -> bool:
    """Whether a line says nothing but the name of a section that every paper has."""
    plain = _plain(line)
    return bool(section_name(line) or _ABSTRACT.fullmatch(plain) or plain.lower() in _COMMON)


_COMMON = {
    "introduction", "background", "related work", "methods", "materials and methods", "results", "discussion",
    "results and discussion", "conclusion", "conclusions", "future work", "summary", "keywords", "preface", "overview",
}  # fmt: skip


def select(blocks: Iterable[Block], abstract: Abstract = "keep") -> tuple[list[Block], list[str]]:
    """(the blocks that are read, the names of the sections that are not); marks the abstract's paragraphs."""
    marked = _marked(list(blocks))
    total = sum(block.words for block in marked)
    kept: list[Block] = []
    left_out: list[str] = []
    skipping: str | None = None  # the section being left out ...
    level = 0  # ... and its heading's level
    read = skipped = 0  # words so far, of the document and of that section
    under: list[Block] = []  # the last heading in the table of contents, which may be the text's first
    for block in marked:
        read += block.words
        heading = block.kind == "heading"
        name = section_name(block.text) if heading else None
        if name:
            skipping, level, under, skipped = name, block.level, [], 0
            if name != "references" or read * 3 < total:
                level = _ENDS_AT_ANY  # no subsections; nor have references that are a chapter's own
        elif skipping == "references" and heading and _APPENDIX.match(block.text):
            skipping, level = "appendix", _ENDS_NEVER
        elif skipping == "contents":
            if heading:
                under = [block]
            elif block.kind == "body" and block.words >= _PROSE:
                kept += under
                skipping = None
        elif skipping and heading and level != _ENDS_NEVER and (not level or 0 < block.level <= level):
            skipping = None
        if skipping and level == _ENDS_AT_ANY and not heading:
            skipped += block.words
            if skipped > _LONGEST.get(skipping, 2_000) and block.words < skipped:
                skipping = None  # its end went unnoticed
        if skipping:
            left_out.append(skipping)
        elif block.kind == "abstract" and abstract == "drop":
            left_out.append("abstract")
        elif block.kind in ("body", "footnote") and _RUN_IN_LEFT_OUT.match(block.text):
            left_out.append("acknowledgements" if block.text[:1] in "Aa" else "declarations")
        else:
            kept.append(block)
    return _without_empty_sections(kept, abstract), list(dict.fromkeys(left_out))


def _marked(blocks: list[Block]) -> list[Block]:
    """With the abstract's paragraphs as kind "abstract": those under its heading, or the one that says its name."""
    if any(block.kind == "abstract" for block in blocks):
        return blocks
    result: list[Block] = []
    words = -1  # of the abstract so far; -1 outside of it
    found = False
    for block in blocks:
        if block.kind == "heading":
            words = 0 if not found and _ABSTRACT.fullmatch(_plain(block.text)) else -1
            found = found or words == 0
        elif words >= 0 and block.kind == "body":
            if _KEYWORDS.match(block.text) or (words and words + block.words > _LONGEST_ABSTRACT):
                words = -1
            else:
                words += block.words
                block = replace(block, kind="abstract")
        elif not found and block.kind == "body":
            run_in = _RUN_IN_ABSTRACT.match(block.text)
            if run_in and len(block.text) > run_in.end() + 40:
                found = True
                block = replace(cut_front(block, run_in.end()), kind="abstract")
        result.append(block)
    return result


def _without_empty_sections(blocks: list[Block], abstract: Abstract) -> list[Block]:
    """Without headings under which nothing is left: the abstract's, if that is dropped, and the last ones."""
    if abstract == "drop":
        blocks = [
            block
            for block, following in zip(blocks, [*blocks[1:], None], strict=False)
            if not (block.kind == "heading" and _ABSTRACT.fullmatch(_plain(block.text)))
            or (following is not None and following.kind != "heading")
        ]
    while len(blocks) > 1 and blocks[-1].kind == "heading":
        blocks.pop()
    return blocks


def cut_front(block: Block, count: int) -> Block:
    """The block without its first `count` characters."""
    first = block.page_at(count)
    pages = () if first is None else ((0, first), *((at - count, page) for at, page in block.pages if at > count))
    return replace(block, text=block.text[count:], pages=pages)


def _plain(heading: str) -> str:
    """The heading without its number, its colon and letter-spacing: "7. R E F E R E N C E S:" is "REFERENCES"."""
    plain = _NUMBER.sub("", heading.strip()).strip(" \t*_:.—–-")
    if re.fullmatch(r"(?:\w )+\w", plain):
        plain = plain.replace(" ", "")
    return re.sub(r"\s+", " ", plain)
