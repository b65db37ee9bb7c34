"""Sources: from what was typed on the command line to the documents that are meant."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from sumpool.errors import DocumentError
from sumpool.remote import Remote, RemoteError, is_url, place

TEXT_SUFFIXES = (
    ".html", ".htm", ".xhtml", ".txt", ".text", ".md", ".markdown", ".rst", ".tex", ".eml", ".srt", ".vtt",
)  # fmt: skip
"""What may have another .gz behind it."""

DOCUMENT_SUFFIXES = (".pdf", ".docx", ".odt", ".epub", *TEXT_SUFFIXES, *(f"{suffix}.gz" for suffix in TEXT_SUFFIXES))
"""What a directory is searched for. A file that is named outright is read whatever its name."""

STDIN = "-"


@dataclass(frozen=True, slots=True)
class Source:
    """One document to read, or (with `error`) the reason why there is none."""

    name: str
    """As the user would type it; "stdin" for standard input."""

    path: Path | Remote | None = None
    """None for standard input."""

    below: PurePath | None = None
    """For a file found in a directory argument: its path below that directory."""

    error: DocumentError | None = None


def find_sources(
    arguments: Sequence[str], *, recursive: bool = True, leave_out: Path | Remote | None = None
) -> Iterator[Source]:
    """The documents that `arguments` name, each once, in the order of the arguments; a directory's files by name.

    They are looked for as they are asked for, so that of a large tree the first can be had at once.
    An argument is "-" for standard input, a file, a directory, a URL of either, or a glob pattern that the shell left
    alone.
    What lies below `leave_out` (where summaries are written to) is no source, nor is a hidden file or directory.
    An argument that leads nowhere becomes a Source with an error, so that the others can still be done.
    """
    seen: set[str] = set()
    for source in _expand(arguments, recursive, leave_out):
        key = os.path.abspath(source.path) if isinstance(source.path, Path) else source.name
        if key not in seen:
            seen.add(key)
            yield source


def _expand(arguments: Iterable[str], recursive: bool, leave_out: Path | Remote | None) -> Iterator[Source]:
    for argument in map(str, map(place, arguments)):
        if argument == STDIN:
            yield Source("stdin")
        elif is_url(argument):
            yield from _elsewhere(Remote(argument), recursive, leave_out)
        elif os.path.isdir(argument):
            yield from _in_directory(Path(argument), recursive, leave_out)
        elif glob.has_magic(argument) and not os.path.lexists(argument):
            matches = sorted(glob.glob(argument, recursive=True))
            if not matches:
                yield _failed(argument, "missing", "no file matches this pattern (check the path)")
            for match in matches:
                if os.path.isdir(match):
                    # `docs/**` matches the directories as well as the files in them; duplicates are dropped later.
                    yield from _in_directory(Path(match), recursive, leave_out, silent=True)
                else:
                    yield Source(match, Path(match))
        elif not os.path.lexists(argument):
            yield _failed(argument, "missing", "no such file or directory (check the path)")
        else:
            yield Source(argument, Path(argument))


def _elsewhere(named: Remote, recursive: bool, leave_out: Path | Remote | None) -> Iterator[Source]:
    """What a URL names: a document, or those below it; an error if it leads nowhere."""
    try:
        if not named.is_dir():
            if named.exists():
                yield Source(str(named), named)
            else:
                yield _failed(str(named), "missing", "no such file or directory (check the URL)")
            return
        empty = True
        for below in named.files_below(recursive=recursive):
            found = named / below
            hidden = any(part.startswith(".") for part in below.parts)
            own = leave_out is not None and str(found).startswith(f"{leave_out}/")
            if below.name.lower().endswith(DOCUMENT_SUFFIXES) and not hidden and not own:
                empty = False
                yield Source(str(found), found, below)
        if empty:
            yield _nothing_in(str(named), recursive)
    except RemoteError as error:
        yield _failed(str(named), error.kind, error.message)


def _in_directory(
    directory: Path, recursive: bool, leave_out: Path | Remote | None, *, silent: bool = False
) -> Iterator[Source]:
    """The documents in a directory; an error for each folder that may not be read, and (unless `silent`) for none."""
    unreadable: list[OSError] = []
    empty = True
    for folder, subfolders, files in os.walk(directory, onerror=unreadable.append):
        here = Path(folder)
        # Changed in place, which is how os.walk takes orders.
        subfolders[:] = sorted(
            name for name in subfolders if recursive and not name.startswith(".") and not _same(here / name, leave_out)
        )
        for name in sorted(files):
            if name.lower().endswith(DOCUMENT_SUFFIXES) and not name.startswith("."):
                empty = False
                yield Source(str(here / name), here / name, (here / name).relative_to(directory))
    for error in unreadable:
        empty = False
        yield _failed(
            str(error.filename), "permission", f"can't look into it: {error.strerror} (check its permissions)"
        )
    if empty and not silent:
        yield _nothing_in(str(directory), recursive)


def _nothing_in(directory: str, recursive: bool) -> Source:
    where = "in it or below it" if recursive else "in it; --recursive looks below it, too"
    known = " ".join(suffix for suffix in DOCUMENT_SUFFIXES if not suffix.endswith(".gz"))
    return _failed(directory, "directory", f"a directory without documents (none of {known} {where})")


def _same(path: Path, other: Path | Remote | None) -> bool:
    return isinstance(other, Path) and path.resolve() == other.resolve()


def _failed(name: str, kind: str, message: str) -> Source:
    return Source(name, place(name), error=DocumentError(kind, message))
