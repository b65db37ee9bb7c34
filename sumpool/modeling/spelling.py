"""What tokens add to a text, where some hold only a part of a character. Free of torch.

Tokenizers cut rare characters into their bytes. Such a byte stands in a text as what Python's "surrogateescape" makes
of it (PEP 383), until those that complete the character have come.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable

_BYTES = re.compile(r"[\udc80-\udcff]")
_ONE_BYTE = re.compile(r"<0x([0-9A-F]{2})>")
_UNKNOWN = "\ufffd"
_PRINTABLE = (*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100))
_HIDDEN = [byte for byte in range(0x100) if byte not in _PRINTABLE]
_BYTE_OF = {chr(byte): byte for byte in _PRINTABLE} | {chr(0x100 + place): byte for place, byte in enumerate(_HIDDEN)}
"""The letters by which byte-level tokenizers call bytes: themselves, or the next free ones where they can't be seen."""


def token_text(name: str, decoded: str) -> str:
    """What a token adds to a text, given its name in the vocabulary and what the tokenizer decodes it to."""
    if _UNKNOWN not in decoded:
        return decoded
    one = _ONE_BYTE.fullmatch(name)
    if one:
        return bytes([int(one[1], 16)]).decode("utf-8", "surrogateescape")
    if all(letter in _BYTE_OF for letter in name):
        return bytes(_BYTE_OF[letter] for letter in name).decode("utf-8", "surrogateescape")
    return decoded


def joined(text: str, more: str) -> str:
    """`more` behind `text`; bytes that make a character together become that."""
    if not _BYTES.match(more):
        return text + more
    return (text + more).encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")


def is_complete(text: str) -> bool:
    """Whether no character is missing a byte."""
    return text.isascii() or not _BYTES.search(text)


def may_be_completed(text: str) -> bool:
    """Whether no character but the last is missing a byte."""
    if is_complete(text):
        return True
    try:
        codecs.getincrementaldecoder("utf-8")().decode(text.encode("utf-8", "surrogateescape"))
    except UnicodeDecodeError:
        return False
    return True


def begins_with(text: str, beginning: str) -> bool:
    """`str.startswith`, byte by byte where the beginning ends within a character."""
    if is_complete(beginning):
        return text.startswith(beginning)
    return text.encode("utf-8", "surrogateescape").startswith(beginning.encode("utf-8", "surrogateescape"))


def beginnings(words: Iterable[str]) -> set[str]:
    """All beginnings of the words, those that end within a character as well."""
    found: set[str] = set()
    for word in words:
        found.update(word[:end] for end in range(1, len(word) + 1))
        if not word.isascii():
            spelled = word.encode("utf-8", "surrogateescape")
            found.update(spelled[:end].decode("utf-8", "surrogateescape") for end in range(1, len(spelled)))
    return found
