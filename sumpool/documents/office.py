"""What comes in a ZIP archive: word processors' files and EPUB, told apart by what is in it."""

from __future__ import annotations

from sumpool.documents.archives import Archive
from sumpool.documents.document import Document
from sumpool.documents.sections import Abstract
from sumpool.errors import DocumentError

_MIMETYPES = {
    "application/epub+zip": "epub",
    "application/vnd.oasis.opendocument.text": "odt",
    "application/vnd.oasis.opendocument.text-template": "odt",
}
_NO_TEXTS = {
    "application/vnd.oasis.opendocument.spreadsheet": "an OpenDocument spreadsheet; export it as PDF",
    "application/vnd.oasis.opendocument.presentation": "an OpenDocument presentation; export it as PDF",
    "application/vnd.oasis.opendocument.graphics": "an OpenDocument drawing; export it as PDF",
}
_PARTS = (
    ("word/", "docx"),
    ("xl/", "an Excel workbook; export it as PDF"),
    ("ppt/", "a PowerPoint presentation; export it as PDF"),
    ("visio/", "a Visio drawing; export it as PDF"),
    ("META-INF/MANIFEST.MF", "a Java program"),
    ("AndroidManifest.xml", "an Android program"),
)


def read_zip(data: bytes, source: str, *, suffix: str, abstract: Abstract) -> Document:
    """The Document of a DOCX, ODT or EPUB file's bytes. Raises DocumentError."""
    archive = Archive(data)
    kind = _kind(archive)
    if kind == "docx":
        from sumpool.documents.docx import read_docx

        return read_docx(archive, source, abstract=abstract)
    if kind == "odt":
        from sumpool.documents.odt import read_odt

        return read_odt(archive, source, abstract=abstract)
    if kind == "epub":
        from sumpool.documents.epub import read_epub

        return read_epub(archive, source, abstract=abstract)
    raise DocumentError("binary", f"binary file, not text ({kind})")


def _kind(archive: Archive) -> str:
    if "mimetype" in archive.names:
        mimetype = archive.read("mimetype").decode("ascii", errors="replace").strip()
        if kind := _MIMETYPES.get(mimetype) or _NO_TEXTS.get(mimetype):
            return kind
    if "META-INF/container.xml" in archive.names:
        return "epub"
    for part, kind in _PARTS:
        if any(name.startswith(part) for name in archive.names):
            return kind
    return "a ZIP archive; unpack it first"
