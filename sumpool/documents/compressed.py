"""gzip files with one text document inside, in any of the text formats."""

from __future__ import annotations

import os
import zlib

from sumpool.documents.document import Document
from sumpool.documents.formats import FORMATS, read_format, recognize
from sumpool.documents.sections import Abstract
from sumpool.errors import DocumentError

LARGEST = 512 << 20
"""Bytes: nothing that unpacks to more is read, whatever unpacks it."""
_UNSUSPICIOUS = 32 << 20
_HIGHEST_RATIO = 200
"""Above that many bytes, what unpacks to more than so many times its size is a bomb; text shrinks by ten at most."""
_STEP = 1 << 20


class Budget:
    """What may still be unpacked from a file of `packed` bytes."""

    def __init__(self, packed: int) -> None:
        self._most = min(LARGEST, max(_UNSUSPICIOUS, packed * _HIGHEST_RATIO))
        self._used = 0

    def spend(self, count: int) -> None:
        """Raises DocumentError for `count` bytes more if they are too many."""
        self._used += count
        if self._used > self._most:
            size = f"{self._most >> 20:,} MiB"
            raise DocumentError("memory", f"unpacks to more than {size}, which is no document's size (unpack it first)")


def read_gzip(data: bytes, source: str, *, suffix: str, abstract: Abstract) -> Document:
    """The Document of the text inside of a gzip file's bytes. Raises DocumentError."""
    text = _unpack(data)
    if not text:
        raise DocumentError("empty", "empty file (nothing in the gzip file)")
    inner = os.path.splitext(source[: -len(suffix)])[1].lower() if suffix else ""
    if text.startswith((b"\x1f\x8b", b"PK\x03\x04")) or recognize(text, "").name == "pdf":
        shown = "another gzip file" if text[0] == 0x1F else f"a file of another kind ({_shown(text)})"
        raise DocumentError("binary", f"gzip file with {shown} in it (unpack it first)")
    format = recognize(text, inner)
    return read_format(format.name, text, source, inner, abstract)


def _shown(data: bytes) -> str:
    return FORMATS[recognize(data, "").name].shown


def _unpack(data: bytes) -> bytes:
    budget = Budget(len(data))
    parts: list[bytes] = []
    rest = data
    while rest.startswith(b"\x1f\x8b"):  # a gzip file may have several members
        member = zlib.decompressobj(wbits=31)
        try:
            while not member.eof:
                part = member.decompress(rest, _STEP)
                rest = member.unconsumed_tail
                budget.spend(len(part))
                parts.append(part)
                if not part and not rest:
                    break
        except zlib.error:
            raise DocumentError("damaged", "damaged gzip file (unpack it with gzip -d to see more)") from None
        if not member.eof:
            raise DocumentError("damaged", "damaged gzip file (its end is missing)")
        rest = member.unused_data
    return b"".join(parts)
