"""ZIP archives that hold a document, and the XML in them: read in bounded memory; nothing is written or loaded."""

from __future__ import annotations

import io
import zipfile
import zlib
from typing import TYPE_CHECKING

from sumpool.documents.compressed import Budget
from sumpool.errors import DocumentError

if TYPE_CHECKING:
    from lxml.etree import _Element

_MOST_MEMBERS = 20_000
_STEP = 1 << 20


class Archive:
    """The members of a ZIP archive, by name. Names are looked up, never used as paths."""

    def __init__(self, data: bytes, shown: str = "ZIP archive") -> None:
        self.shown = shown
        # NotImplementedError is what zipfile raises for a version or a compression that it doesn't know.
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
        except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError):
            raise self.damaged() from None
        if len(self._zip.filelist) > _MOST_MEMBERS:
            raise DocumentError("memory", f"{shown} with more than {_MOST_MEMBERS:,} files in it (unpack it first)")
        self.names = frozenset(self._zip.namelist())
        self._budget = Budget(len(data))

    def damaged(self) -> DocumentError:
        return DocumentError("damaged", f"damaged {self.shown} (open it in the program it is for and save it again)")

    def read(self, name: str) -> bytes:
        """A member's bytes. Raises DocumentError."""
        parts: list[bytes] = []
        try:
            info = self._zip.getinfo(name)
            if info.flag_bits & 1:
                raise DocumentError("encrypted", f"encrypted {self.shown} (save it without a password)")
            with self._zip.open(info) as member:
                while part := member.read(_STEP):
                    self._budget.spend(len(part))
                    parts.append(part)
        except (KeyError, zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError):
            raise self.damaged() from None
        return b"".join(parts)

    def xml(self, name: str) -> _Element:
        """A member's root element. Raises DocumentError."""
        from lxml import etree

        try:
            return parse_xml(self.read(name))
        except etree.XMLSyntaxError:
            raise self.damaged() from None

    def xml_if_any(self, name: str) -> _Element | None:
        """As `xml`; None where there is no such member or it makes no sense, for members that a document can lack."""
        if name not in self.names:
            return None
        try:
            return self.xml(name)
        except DocumentError as error:
            if error.kind != "damaged":
                raise
            return None


def parse_xml(data: bytes) -> _Element:
    """The root of an XML file: entities stay unexpanded and nothing is loaded. Raises lxml's XMLSyntaxError."""
    from lxml import etree

    # No huge_tree: libxml2's own limits on depth and size stay in force.
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, remove_pis=True)
    return etree.fromstring(data, parser)
