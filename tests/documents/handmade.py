"""Office files and books written by hand, part by part: nothing that sumpool uses for reading has a part in them."""

from __future__ import annotations

import io
import zipfile

W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
ODF = " ".join(
    f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in ("office", "text", "table", "style")
)


NAV = ' properties="nav"'


def zipped(parts: dict[str, str | bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, part in parts.items():
            archive.writestr(zipfile.ZipInfo(name, (2024, 1, 1, 0, 0, 0)), part, compress_type=method)
    return buffer.getvalue()


def docx(body: str, **parts: str) -> bytes:
    """A Word file: `body` is what stands in w:body; `parts` replace others ("styles", "numbering", "footnotes")."""
    styles = "".join(
        f'<w:style w:type="paragraph" w:styleId="{key}"><w:name w:val="{name}"/>{more}</w:style>'
        for key, name, more in (
            ("Titel", "Title", ""),
            ("berschrift1", "heading 1", ""),
            ("berschrift2", "heading 2", ""),
            ("Eigene", "My Heading", '<w:basedOn w:val="berschrift2"/>'),
            ("Umriss", "Outlined", '<w:pPr><w:outlineLvl w:val="1"/></w:pPr>'),
            ("Ring", "Ring", '<w:basedOn w:val="Ring"/>'),
            ("TOC1", "toc 1", ""),
            ("Beschriftung", "caption", ""),
        )
    )
    numbering = "".join(
        f'<w:abstractNum w:abstractNumId="{number}"><w:lvl w:ilvl="0"><w:numFmt w:val="{kind}"/></w:lvl>'
        f'<w:lvl w:ilvl="1"><w:numFmt w:val="bullet"/></w:lvl></w:abstractNum>'
        for number, kind in ((0, "bullet"), (1, "decimal"))
    ) + "".join(f'<w:num w:numId="{n + 1}"><w:abstractNumId w:val="{n}"/></w:num>' for n in (0, 1))
    files = {"styles": styles, "numbering": numbering, "footnotes": "", **parts}
    core = (
        '<cp:coreProperties xmlns:cp="http://schemas.openxmlformats.org/package/2006/metadata/core-properties" '
        'xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>Template of 1999</dc:title></cp:coreProperties>'
    )
    return zipped({
        "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>',
        "_rels/.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        '<Relationship Id="r" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"'
        ' Target="word/document.xml"/></Relationships>',
        "docProps/core.xml": core,
        "word/document.xml": f'<?xml version="1.0"?><w:document {W}><w:body>{body}</w:body></w:document>',
        **{f"word/{name}.xml": f"<w:{name} {W}>{content}</w:{name}>" for name, content in files.items()},
    })  # fmt: skip


def p(text: str, style: str = "", numbering: tuple[int, int] | None = None) -> str:
    """A paragraph of a Word file."""
    properties = f'<w:pStyle w:val="{style}"/>' if style else ""
    if numbering:
        properties += f'<w:numPr><w:ilvl w:val="{numbering[1]}"/><w:numId w:val="{numbering[0]}"/></w:numPr>'
    runs = text if text.startswith("<w:") else f'<w:r><w:t xml:space="preserve">{text}</w:t></w:r>'
    return f"<w:p><w:pPr>{properties}</w:pPr>{runs}</w:p>"


def odt(
    body: str, automatic: str = "", mimetype: str = "application/vnd.oasis.opendocument.text", **parts: str
) -> bytes:
    return zipped({
        "mimetype": mimetype,
        "META-INF/manifest.xml": '<m:manifest xmlns:m="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>',
        "content.xml": f'<?xml version="1.0"?><office:document-content {ODF}><office:automatic-styles>{automatic}'
        f"</office:automatic-styles><office:body><office:text>{body}</office:text></office:body>"
        "</office:document-content>",
        **{name.replace("_", "."): content for name, content in parts.items()},
    })  # fmt: skip


def epub(chapters: dict[str, str], title: str = "The Book", spine: str = "", **parts: str) -> bytes:
    """A book; `chapters` are file names with what stands in <body>, or a whole file where it begins with "<?xml"."""
    manifest = "".join(
        f'<item id="{name}" href="text/{name.replace(" ", "%20")}" media-type="application/xhtml+xml"'
        f"{NAV if name.startswith('nav') else ''}/>"
        for name in chapters
    )
    spine = spine or "".join(f'<itemref idref="{name}"/>' for name in chapters)
    pages = {
        f"OEBPS/text/{name}": body
        if body.startswith("<?xml")
        else f'<?xml version="1.0"?><!DOCTYPE html><html xmlns="http://www.w3.org/1999/xhtml" '
        f'xmlns:epub="http://www.idpf.org/2007/ops"><head><title/></head><body>{body}</body></html>'
        for name, body in chapters.items()
    }
    return zipped({
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
        '<rootfile full-path="OEBPS/book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>',
        "OEBPS/book.opf": '<package xmlns="http://www.idpf.org/2007/opf" xmlns:dc="http://purl.org/dc/elements/1.1/">'
        f"<metadata><dc:title>{title}</dc:title></metadata><manifest>{manifest}</manifest>"
        f"<spine>{spine}</spine></package>",
        **pages,
        **{f"META-INF/{name}.xml": content for name, content in parts.items()},
    })  # fmt: skip
