"""read_document: any source to a Document, by what it contains."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

from sumpool.documents.document import Document
from sumpool.documents.sections import Abstract
from sumpool.errors import DocumentError

LARGEST = 1 << 30
"""Bytes: a larger file is refused; no document is, and /dev/zero has no end."""

_LARGE = 8 << 20
"""Bytes: reading more than this takes so long that it, too, is done where it can be stopped."""


def read_document(
    source: Path | str,
    data: bytes | None = None,
    *,
    password: str | None = None,
    abstract: Abstract = "keep",
    timeout: float = 120.0,
    jobs: int = 2,
    progress: Callable[[int, int], None] | None = None,
    ocr_progress: Callable[[int, int], None] | None = None,
) -> Document:
    """Read a document in any of the formats that sumpool.documents.formats knows.

    `source` is a path; with `data` it is only a name ("-" becomes "stdin") and its suffix a hint. `timeout` is in
    seconds for the whole document, `jobs` the number of processes that may read a PDF's pages, and
    `progress(done, total)` is called as they get done, `ocr_progress` as those get done that are scans.
    Raises DocumentError; its message does not name the source.
    """
    name = "stdin" if str(source) == "-" else str(source)
    suffix = os.path.splitext(name)[1].lower()
    if data is None:
        data = load(Path(source))
    if not data:
        raise DocumentError("empty", "empty file")
    from sumpool.documents.formats import read_format, recognize

    format = recognize(data, suffix)
    if format.name == "pdf":
        from sumpool.documents.pdf import read_pdf

        return read_pdf(
            data,
            name,
            password=password,
            abstract=abstract,
            timeout=timeout,
            jobs=jobs,
            progress=progress,
            ocr_progress=ocr_progress,
        )
    if format.apart or len(data) > _LARGE:
        from sumpool.documents.apart import read_apart

        return read_apart(format.name, data, name, suffix, abstract, timeout)
    return read_format(format.name, data, name, suffix, abstract)


def load(path: Path) -> bytes:
    """A file's bytes; DocumentError if it can't be read or is too large."""
    try:
        with open(path, "rb") as file:
            data = file.read(LARGEST + 1)
    except FileNotFoundError:
        raise DocumentError("missing", "no such file") from None
    except IsADirectoryError:
        raise DocumentError("directory", "is a directory (name a file in it)") from None
    except PermissionError:
        if path.is_dir():  # what Windows says of directories
            raise DocumentError("directory", "is a directory (name a file in it)") from None
        raise DocumentError("permission", "permission denied (make the file readable)") from None
    except (OSError, ValueError) as problem:
        reason = os.strerror(problem.errno) if isinstance(problem, OSError) and problem.errno else str(problem)
        nowhere = getattr(problem, "errno", None) in (errno.ENOTDIR, errno.ENAMETOOLONG, None)
        kind = "missing" if nowhere else "permission"
        raise DocumentError(kind, f"can't be read ({reason})") from None
    return check_size(data)


def check_size(data: bytes) -> bytes:
    """`data` again; DocumentError if it is more than is read of any document."""
    if len(data) > LARGEST:
        raise DocumentError("memory", "larger than 1 GiB (split it)")
    return data
