"""What a sentence that is quoted can do without: what ties it to the place where it stood. Free of torch."""

from __future__ import annotations

import re

_MARKER = re.compile(r"(?:\(?(?:\d{1,2}|[a-z])[.)]|[-*•])\s+(?=\S)")
"""What stands before an item of a list."""
_ASIDE = re.compile(r"\s*\(([^()]*)\)|(?:\s+|(?<=[a-z]{3}))\[\d[\d\s,;–-]*\]")
EXHIBIT = (
    r"\b(?:[Ff]igs?|[Ff]igures?|[Tt]ables?|[Ss]ections?|[Ss]ect?|[Aa]ppendix|[Aa]ppendices|[Ee]qs?|[Ee]quations?|"
    r"[Cc]hapters?|[Aa]lgorithms?|[Aa]dditional files?|Supplementary [A-Z][a-z]+)\.? ?\(?[\dA-Z]"
)
_REFERS = re.compile(
    rf"^(?:[Ss]ee |also |cf\.? |e\.g\.,? |in )*(?:{EXHIBIT}|[^\W\d].*(?:et al\b|[;,&]| and ).*\b(?:19|20)\d\d[a-z]?$)"
)
_DATE = re.compile(r"\b(?:January|February|March|April|May|June|July|August|September|October|November|December)\b")
_CONNECTIVE = re.compile(
    r"^(?:However|Therefore|Thus|Hence|Furthermore|Moreover|In addition|Additionally|Consequently|Nevertheless|"
    r"Nonetheless|Similarly|Likewise|Accordingly|Also|Besides|Finally|Lastly|In contrast|By contrast|"
    r"On the other hand|As a result|As a consequence|In fact|Indeed|In turn|In other words|That is|For this reason|"
    r"Conversely|Interestingly|Notably|Meanwhile|First|Second|Third|Fourth|Firstly|Secondly|Thirdly|Next|"
    r"For (?:example|instance)|And|But|Yet|So|"
    r"Then|Now|Instead|Rather|Still|Of course|To this end|Overall|In (?:summary|conclusion|sum)|Taken together), "
    r"(?=\S)|^(?:And|But) (?!for\b)(?=\S)"
)
SPEAKER = re.compile(r"[A-Z][\w .'’-]{0,30}: (?=\S)")
_HUM = re.compile(r"(?:,\s*)?(?<!\d )\b(?:[Uu]h-huh|[Mm]m-hmm|[Uu]m+|[Uu]h+|[Mm]m+|[Hh]mm+|[Ee]rm?)\b[,…]*\s*")
_FALSE_START = re.compile(
    r"(?<!['’])\b(?!(?i:am|an|as|at|be|by|do|go|he|if|in|is|it|me|my|no|of|on|or|so|to|up|us|we)\b)"
    r"((?i:[b-df-hj-np-tv-z]{1,3}|[a-z]{2})),?\s+(?=(?i:\1)\w)"
)
"""Letters that are no word, and that the next word begins with, too: "wh which", "ap apparent"."""
_TWICE = re.compile(
    r"\b(?:((?:I|[a-z][a-z'’]*)(?:['’][a-z]+)?(?: [a-z'’]+){0,2}?)(?:,? (?i:\1)\b)+|"
    r"([A-Z][a-z'’]*(?: [a-z'’]+){0,2}?)(?:,? (?=[a-z])(?i:\2)\b)+)"
)
"""The same up to three words in a row; of two with capitals, both may be a name's."""
_GAP = re.compile(r"[\s,]+([.?!])|\s+(,)")
_SPOKEN_OPENING = re.compile(
    r"^(?:(?:[Ww]ell|[Oo]kay|OK|[Yy]eah|[Yy]ep|[Yy]es|[Nn]o|[Ss]ure|[Rr]ight|[Nn]ow|[Aa]ll ?right|[Aa]nyway|"
    r"[Aa]ctually|[Bb]asically|[Oo]h|I mean|[Yy]ou know|[Ss]o|[Aa]nd|[Bb]ut|[Tt]hen), |"
    r"(?:[Ss]o|[Aa]nd|[Bb]ut) (?!far|for|long|many|much|on|that))+(?=\w)"
)
_SPOKEN = (
    (_HUM, " "), (_FALSE_START, ""), (_TWICE, r"\1\2"), (_GAP, r"\1\2"), (_CONNECTIVE, ""), (_SPOKEN_OPENING, "")
)  # fmt: skip


def trim(sentence: str, *, spoken: bool = False) -> str:
    """A sentence without its citations, references to figures in parentheses, and what it begins with as an item of a
    list or with a connective; what was `spoken`, without hums, false starts and words said twice.
    """
    text = " ".join(sentence.split())
    if marker := _MARKER.match(text):
        text = text[marker.end() :]
    text = _ASIDE.sub(lambda aside: "" if _refers(aside[1]) else aside[0], text)
    text = _without_strays(text)
    return _fluent(text) if spoken else _begin_alike(text, _CONNECTIVE.sub("", text))


def _fluent(text: str) -> str:
    """What somebody said, as it would be written down; who said it stays."""
    speaker = SPEAKER.match(text)
    name, said = (speaker[0], text[speaker.end() :]) if speaker else ("", text)
    fluent = said
    for pattern, kept in _SPOKEN:
        fluent = " ".join(pattern.sub(kept, fluent).split())
    return name + _begin_alike(said, fluent)


def _begin_alike(text: str, rest: str) -> str:
    """What is left of a text, with a capital where that had one."""
    return rest[:1].upper() + rest[1:] if text[:1].isupper() else rest


def _without_strays(text: str) -> str:
    """The text without closing parentheses that none opens, but those behind an item's letter or number.

    They are all that is left of a citation such as "muscles1, 2)" where the numbers were lost.
    """
    kept, opened = "", 0
    for character in text:
        if character == ")":
            if not opened and (kept[-3:].isalpha() or kept.endswith(")")):
                continue
            opened = max(opened - 1, 0)
        opened += character == "("
        kept += character
    return kept


def _refers(inside: str | None) -> bool:
    """Whether an aside only points elsewhere: brackets around numbers, or what is `inside` parentheses."""
    return inside is None or bool(_REFERS.search(inside) and not _DATE.search(inside))
