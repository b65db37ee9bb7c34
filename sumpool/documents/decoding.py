"""Bytes to text, whatever wrote them; or the news that they are no text."""

from __future__ import annotations

import codecs
import re
from typing import Any

from sumpool.errors import DocumentError

_BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"PK\x03\x04", "a ZIP archive or an office file; unpack or export it as text or PDF"),
    (b"\x1f\x8b", "a gzip file; unpack it first"),
    (b"BZh", "a bzip2 file; unpack it first"),
    (b"\xfd7zXZ\x00", "an xz file; unpack it first"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard file; unpack it first"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive; unpack it first"),
    (b"\xd0\xcf\x11\xe0", "an old office file; export it as text or PDF"),
    (b"\x89PNG", "an image; run OCR on it first"),
    (b"\xff\xd8\xff", "an image; run OCR on it first"),
    (b"GIF8", "an image; run OCR on it first"),
    (b"II*\x00", "an image; run OCR on it first"),
    (b"MM\x00*", "an image; run OCR on it first"),
    (b"\x7fELF", "a program"),
    (b"MZ\x90", "a program"),
    (b"SQLite format 3", "a database"),
    (b"%!PS", "PostScript; convert it with ps2pdf first"),
    (b"{\\rtf", "RTF; export it as text or PDF"),
)
_SAMPLE = 1 << 16
_CONTROLS = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_BAD = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f-\x84\x86-\x9f\ufffd\ufffe\uffff\ue000-\uf8ff]")


def decode(data: bytes) -> str:
    """The text of `data`, with line breaks as \\n and mojibake repaired.

    Raises DocumentError: "empty" where there is nothing, "binary" where the bytes are no text in any encoding.
    """
    if not data.strip(b"\x00 \t\r\n\f\v"):
        if data.strip():
            raise DocumentError("binary", "binary file, not text (only zero bytes)")
        raise DocumentError("empty", "empty file")
    text = _mend(_decode(data))
    if not text.strip():
        raise DocumentError("empty", "empty file (nothing but white space)")
    return text


def _decode(data: bytes) -> str:
    for bom, encoding in _BOMS:
        if data.startswith(bom):
            return _checked(data.decode(encoding, errors="replace"))
    for magic, what in _MAGIC:
        if data.startswith(magic):
            raise DocumentError("binary", f"binary file, not text ({what})")
    wide = _wide_encoding(data)
    if wide:
        return _checked(data.decode(wide, errors="replace"))
    try:
        return _checked(data.decode("utf-8"))
    except UnicodeDecodeError as problem:
        # A few bad bytes in megabytes of good UTF-8 (a cut-off end, one pasted word) are no other encoding.
        good = data[:_SAMPLE].decode("utf-8", errors="replace")
        few = good.count("\ufffd") * 200 < sum(map(_not_ascii, good)) + len(good) // 20
        if few and (any(map(_not_ascii, good)) or problem.start > len(data) - 4):
            return _checked(data.decode("utf-8", errors="replace"))
    if _CONTROLS.search(data[:_SAMPLE]) and len(_CONTROLS.findall(data[:_SAMPLE])) * 100 > len(data[:_SAMPLE]):
        raise DocumentError("binary", "binary file, not text (no text encoding fits its bytes)")
    return _checked(_guess(data))


def _not_ascii(character: str) -> bool:
    return character > "\x7f" and character != "\ufffd"


def _wide_encoding(data: bytes) -> str | None:
    """UTF-16 or UTF-32 without a byte order mark, told by where the zero bytes are in mostly Latin text."""
    sample = data[: 4096 & ~3]
    if len(sample) < 4 or b"\x00" not in sample:
        return None
    zeros = [sample[offset::4].count(0) / max(1, len(sample[offset::4])) for offset in range(4)]
    if min(zeros[1:]) > 0.9 and zeros[0] < 0.1:
        return "utf-32-le"
    if min(zeros[:3]) > 0.9 and zeros[3] < 0.1:
        return "utf-32-be"
    if min(zeros[1], zeros[3]) > 0.7 and max(zeros[0], zeros[2]) < 0.1:
        return "utf-16-le"
    if min(zeros[0], zeros[2]) > 0.7 and max(zeros[1], zeros[3]) < 0.1:
        return "utf-16-be"
    return None


def _guess(data: bytes) -> str:
    """An older 8-bit or multi-byte encoding, by charset-normalizer on a sample rich in non-ASCII bytes."""
    from charset_normalizer import from_bytes

    lines = [line for line in data[: 16 * _SAMPLE].splitlines(keepends=True) if not line.isascii()]
    sample = b"".join(lines)[:_SAMPLE] or data[:_SAMPLE]
    best = from_bytes(sample).best()
    encoding = best.encoding if best is not None else "cp1252"
    return data.decode(encoding, errors="replace")


def _checked(text: str) -> str:
    """`text` if it looks like text: hardly any control or undefined characters."""
    sample = text[:_SAMPLE]
    bad = len(_BAD.findall(sample))
    if bad * 20 > len(sample):
        raise DocumentError("binary", "binary file, not text (most of it is no readable character)")
    return text


def _mend(text: str) -> str:
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if text.isascii() and "\x1b" not in text:
        return text
    from ftfy import TextFixerConfig, fix_text

    options: dict[str, Any] = {"unescape_html": False, "uncurl_quotes": False, "fix_character_width": False}
    return fix_text(text, TextFixerConfig(explain=False, **options))
