"""Bytes to text, whatever wrote them; or the news that they are no text."""

from __future__ import annotations

import codecs
import re
from contextlib import suppress
from typing import Any

from sumpool.errors import DocumentError

_BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_MAGIC: tuple[tuple[int, bytes, str], ...] = (
    (0, b"BZh", "a bzip2 file; unpack it first"),
    (0, b"\xfd7zXZ\x00", "an xz file; unpack it first"),
    (0, b"\x28\xb5\x2f\xfd", "a Zstandard file; unpack it first"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive; unpack it first"),
    (0, b"Rar!\x1a\x07", "a RAR archive; unpack it first"),
    (0, b"PK\x05\x06", "an empty ZIP archive"),
    (257, b"ustar", "a tar archive; unpack it first"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old office file; save it as DOCX, ODT or PDF"),
    (0, b"{\\rtf", "RTF; save it as DOCX, ODT or PDF"),
    (0, b"%!PS", "PostScript; convert it with ps2pdf first"),
    (0, b"AT&TFORM", "a DjVu file; convert it to PDF first"),
    (60, b"BOOKMOBI", "a Kindle book; convert it to EPUB first"),
    (0, b"ITSF", "a Windows help file; convert it to HTML first"),
    (0, b"\x89PNG", "a PNG image; run OCR on it first"),
    (0, b"\xff\xd8\xff", "a JPEG image; run OCR on it first"),
    (0, b"GIF8", "a GIF image; run OCR on it first"),
    (0, b"II*\x00", "a TIFF image; run OCR on it first"),
    (0, b"MM\x00*", "a TIFF image; run OCR on it first"),
    (8, b"WEBP", "a WebP image; run OCR on it first"),
    (4, b"ftypheic", "a HEIC image; run OCR on it first"),
    (4, b"ftypavif", "an AVIF image; run OCR on it first"),
    (4, b"ftyp", "audio or video; transcribe it first"),
    (8, b"WAVEfmt", "audio; transcribe it first"),
    (8, b"AVI LIST", "video; transcribe it first"),
    (0, b"\x1aE\xdf\xa3", "video; transcribe it first"),
    (0, b"OggS", "audio or video; transcribe it first"),
    (0, b"fLaC", "audio; transcribe it first"),
    (0, b"ID3", "audio; transcribe it first"),
    (0, b"\x7fELF", "a program"),
    (0, b"MZ\x90", "a program"),
    (0, b"\xcf\xfa\xed\xfe", "a program"),
    (0, b"\xca\xfe\xba\xbe", "a program"),
    (0, b"\x00asm", "a WebAssembly program"),
    (0, b"SQLite format 3", "an SQLite database"),
    (0, b"\x89HDF\r\n", "HDF5 data"),
    (0, b"PAR1", "Parquet data"),
    (0, b"\x93NUMPY", "a NumPy array"),
    (0, b"wOF2", "a font"),
    (0, b"OTTO\x00", "a font"),
)
"""(offset, what is there, what has it there), the special before the general."""
_PLAIN_ENCODING = re.compile(r"(?:iso|cp|windows|koi8|mac|x-mac|euc|gb|big5|shift|latin|us-ascii|ascii)[\w-]*", re.I)
"""Those of text; Python knows others, which unpack and execute."""
_SAMPLE = 1 << 16
_CONTROLS = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_STRAY = re.compile(r"[\x1b\x80-\x9f\u2028\u2029]")
_SUSPECT = re.compile(rf"[^\x00-\x7f]{{2}}|[ÂÃ] |{_STRAY.pattern}")
"""What a line has that was decoded wrongly: UTF-8 has two bytes or more for what ASCII lacks, of which an A0 may have
become a plain space."""
_PIECE = 1 << 20
"""Characters: a longer line is mended in pieces."""
_BAD = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f-\x84\x86-\x9f\ufffd\ufffe\uffff\ue000-\uf8ff]")


def decode(data: bytes, declared: str | None = None) -> str:
    """The text of `data`, with line breaks as \\n and mojibake repaired.

    `declared` is the encoding that the file claims to have; it is believed where the bytes say nothing better.
    Raises DocumentError: "empty" where there is nothing, "binary" where the bytes are no text in any encoding.
    """
    if not data.strip(b"\x00 \t\r\n\f\v"):
        if data.strip():
            raise DocumentError("binary", "binary file, not text (only zero bytes)")
        raise DocumentError("empty", "empty file")
    text = _mend(_decode(data, declared))
    if not text.strip():
        raise DocumentError("empty", "empty file (nothing but white space)")
    return text


def _decode(data: bytes, declared: str | None) -> str:
    for bom, encoding in _BOMS:
        if data.startswith(bom):
            return _checked(data.decode(encoding, errors="replace"))
    for offset, magic, what in _MAGIC:
        if data.startswith(magic, offset):
            raise DocumentError("binary", f"binary file, not text ({what})")
    wide = wide_encoding(data)
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
    if declared and _PLAIN_ENCODING.fullmatch(declared):
        with suppress(LookupError):
            return _checked(data.decode(declared, errors="replace"))
    return _checked(_guess(data))


def _not_ascii(character: str) -> bool:
    return character > "\x7f" and character != "\ufffd"


def wide_encoding(data: bytes) -> str | None:
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
    """`text` with plain line ends, and with those lines mended that were decoded wrongly or hold terminal commands.

    ftfy would look at every line for most of a second a megabyte: it is shown those that can have what it mends.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if text.isascii() and "\x1b" not in text:
        return text
    from ftfy import TextFixerConfig, fix_text
    from ftfy.badness import is_bad

    options: dict[str, Any] = {"unescape_html": False, "uncurl_quotes": False, "fix_character_width": False}
    config = TextFixerConfig(explain=False, **options)
    parts: list[str] = []
    position = copied = 0
    while found := _SUSPECT.search(text, position):
        start = max(position, text.rfind("\n", position, found.start()) + 1)
        stop = text.find("\n", found.end())
        stop = min(start + _PIECE, len(text) if stop < 0 else stop)
        piece = text[start:stop]
        if is_bad(piece) or _STRAY.search(piece):
            parts += (text[copied:start], fix_text(piece, config))
            copied = stop
        position = stop
    return "".join((*parts, text[copied:])) if parts else text
