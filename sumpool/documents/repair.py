"""Characters as they were meant: ligatures taken apart, loose accents put on their letters, stray controls removed."""

from __future__ import annotations

import re
import unicodedata

_LIGATURES = {
    "ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st", "Ĳ": "IJ", "ĳ": "ij",
}  # fmt: skip
ACCENTS = {
    "`": "\u0300", "´": "\u0301", "ˆ": "\u0302", "˜": "\u0303", "¯": "\u0304", "˘": "\u0306", "˙": "\u0307",
    "¨": "\u0308", "˚": "\u030a", "˝": "\u030b", "ˇ": "\u030c", "¸": "\u0327", "˛": "\u0328",
    "\u02cb": "\u0300", "\u02ca": "\u0301",
}  # fmt: skip
"""Spacing accents, and what combines with a letter instead."""

_TRANSLATION = {ord(ligature): letters for ligature, letters in _LIGATURES.items()} | {
    0x00AD: None,  # soft hyphen
    0x200B: None, 0x200C: None, 0x2060: None, 0xFEFF: None,  # no width at all
    0x00A0: " ", 0x2002: " ", 0x2003: " ", 0x2007: " ", 0x2009: " ", 0x200A: " ", 0x202F: " ", 0x3000: " ",
    0x2028: "\n", 0x2029: "\n\n",
    0x2010: "-", 0x2011: "-",
}  # fmt: skip
_TRANSLATION |= {  # Windows characters taken for Latin-1, in which these codes are controls
    code: bytes([code]).decode("cp1252") for code in range(0x80, 0xA0) if code not in (0x81, 0x8D, 0x8F, 0x90, 0x9D)
}
_LOOSE_ACCENT = re.compile(r"([´¨˜ˇ˘˝˚])(ı|[A-Za-z])(?!\w*[´¨])|([A-Za-z])([¨´])(?=[a-z])")
_CONTROLS = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff\ud800-\udfff\ue000-\uf8ff\U000f0000-\U0010ffff]"
)
_SPACES = re.compile(r"[^\S\n]+")


def repair(text: str) -> str:
    """`text` in NFC, ligatures and exotic spaces made plain, control and private-use characters removed."""
    if text.isascii():
        return _CONTROLS.sub("", text)
    text = _CONTROLS.sub("", text.translate(_TRANSLATION))
    text = _LOOSE_ACCENT.sub(_put_on, text)
    return unicodedata.normalize("NFC", text)


def squeeze(text: str) -> str:
    """Runs of spaces as one, none at the ends; line breaks stay."""
    return _SPACES.sub(" ", text).strip()


def accented(accent: str, letter: str) -> str | None:
    """The letter with the spacing accent on it, or None if there is no such character."""
    letter = {"ı": "i", "ȷ": "j"}.get(letter, letter)
    whole = unicodedata.normalize("NFC", letter + ACCENTS[accent])
    return whole if len(whole) == 1 else None


def _put_on(found: re.Match[str]) -> str:
    accent, letter = (found[1], found[2]) if found[1] else (found[4], found[3])
    return accented(accent, letter) or found[0]
