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
    name: re.compile(rf"(?:{names})", re.IGNORECASE)
    for name, names in {
        "references": r"(?:list of )?references?(?: cited| list| and notes)?|bibliograph(?:y|ies)|literature(?: cited)?"
        r"|works? cited|cited (?:literature|works)|references (?:and|&) (?:further )?(?:reading|notes|links)|further reading",
        "acknowledgements": r"acknowledge?ments?(?: (?:and|&) \w+(?: \w+)?)?|thanks",
        "declarations": r"funding(?: \w+)?(?: (?:and|&) \w+)?|financial (?:support|disclosure)s?|(?:authors?['’]?s?|author) contributions?"
        r"|(?:conflicts?|declarations?) of (?:competing )?interests?|(?:competing|conflicting|financial) interests?"
        r"(?: statement)?|disclosures?|(?:data|code)(?: and (?:data|code|materials?))? (?:availability|accessibility)"
        r"(?: statement)?|availability of data(?: and materials?)?|supplementa(?:ry|l) (?:data|information|materials?)"
        r"|supporting information|electronic supplementary material|abbreviations|ethics(?: statement)?"
        r"|consent for publication|pre-publication history|additional files?|authors?['’]? (?:details|information)",
        "contents": r"(?:table of )?contents",
    }.items()
}
_ABSTRACT = re.compile(r"abstract", re.IGNORECASE)
_APPENDIX = re.compile(r"(?:appendix|appendices|annex)\b|supplement(?:ary|al)? |[A-Z](?:\.\d+)*\.? +[A-Z]", re.IGNORECASE)
_LETTERED = re.compile(r"[A-Z](?:\.\d+)*\.? +[A-Z][a-z]")
_RUN_IN_ABSTRACT = re.compile(r"(?:abstract|ABSTRACT)\s*(?:[.:—–]|-(?=\s|[A-Z]))\s*|(?:Abstract|ABSTRACT)\s+(?=[A-Z])", re.I)
_RUN_IN_THANKS = re.compile(r"acknowledge?ments?\s*(?:[.:—–]\s*|(?=\s(?:This|The|We|I|Our|Thanks|Special)\b))", re.IGNORECASE)
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
    kept: list[Block] = []
    left_out: list[str] = []
    skipping: str | None = None  # the section being left out ...
    level = 0  # ... and its heading's level
    abstract_words = -1  # words of the abstract so far; -1 outside of it
    seen_abstract = False
    for block in _split_run_in(blocks):
        if block.kind == "heading":
            abstract_words = -1
            name = section_name(block.text)
            if name == "contents" and block.level == 0:
                name = None  # nothing would tell where it ends
            if name:
                skipping, level = name, block.level
                left_out.append(name)
                continue
            if skipping == "references" and _is_appendix(block.text):
                skipping, level = "appendix", 0
                left_out.append("appendix")
                continue
            if skipping and (skipping == "appendix" or (level and (not block.level or block.level > level))):
                continue
            skipping = None
            if not seen_abstract and _ABSTRACT.fullmatch(_plain(block.text)):
                seen_abstract = True
                abstract_words = 0
                if abstract == "drop":
                    left_out.append("abstract")
                    continue
        elif skipping:
            continue
        elif block.kind == "abstract":
            if abstract == "drop":
                left_out.append("abstract")
                continue
        elif abstract_words >= 0 and block.kind in ("body", "list"):
            abstract_words += len(block.text.split())
            if abstract_words > _LONGEST_ABSTRACT and abstract_words > len(block.text.split()):
                abstract_words = -1
            elif abstract == "drop":
                continue
            elif block.kind == "body":
                block = replace(block, kind="abstract")
        elif block.kind in ("body", "footnote") and _RUN_IN_THANKS.match(block.text):
            left_out.append("acknowledgements")
            continue
        kept.append(block)
    while kept and kept[-1].kind == "heading" and len(kept) > 1:
        kept.pop()  # nothing is left under it
    return kept, list(dict.fromkeys(left_out))


def _split_run_in(blocks: Iterable[Block]) -> Iterable[Block]:
    """Mark a paragraph that says "Abstract." in its own first line, without that word."""
    open_for_abstract = True
    for block in blocks:
        if open_for_abstract and block.kind == "body":
            found = _RUN_IN_ABSTRACT.match(block.text)
            if found and len(block.text) > found.end() + 40:
                open_for_abstract = False
                block = cut_front(replace(block, kind="abstract"), found.end())
        elif block.kind == "heading" and _ABSTRACT.fullmatch(_plain(block.text)):
            open_for_abstract = False
        yield block


def cut_front(block: Block, count: int) -> Block:
    """The block without its first `count` characters."""
    first = block.page_at(count)
    pages = () if first is None else ((0, first), *((at - count, page) for at, page in block.pages if at > count))
    return replace(block, text=block.text[count:], pages=pages)


def _is_appendix(heading: str) -> bool:
    return bool(_APPENDIX.match(heading)) and (heading[1:2] not in " ." or bool(_LETTERED.match(heading)))


def _plain(heading: str) -> str:
    """The heading without its number, its colon and letter-spacing: "7. R E F E R E N C E S:" is "REFERENCES"."""
    plain = _NUMBER.sub("", heading.strip()).strip(" \t*_:.—–-")
    if re.fullmatch(r"(?:\w )+\w", plain):
        plain = plain.replace(" ", "")
    return re.sub(r"\s+", " ", plain)
