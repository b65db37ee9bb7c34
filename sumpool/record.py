"""The record of an output directory: what each result in it was made from, and how, so that a batch can go on."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePath
from types import TracebackType
from typing import TYPE_CHECKING, Any

from sumpool.outputs import OutputError, encode, is_part, is_there, reason, write_whole
from sumpool.remote import Remote, RemoteError, place

if TYPE_CHECKING:
    from typing_extensions import Self

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

NAME = ".sumpool.jsonl"


def fingerprint(data: bytes) -> str:
    """The SHA-256 of `data`, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


@dataclass(frozen=True, slots=True)
class Standing:
    """What is there already where the result of a source is to go: by default nothing, or nothing that counts."""

    finished: bool = False
    """Whether it is the complete result, of a source with the fingerprint `content` (None: of whatever source)."""
    content: str | None = None
    error: OutputError | None = None
    """Why it is not to be replaced by anything else unasked."""

    def is_finished(self, content: str) -> bool:
        """Whether a source with the fingerprint `content` needs no work; OutputError if its result may not go there."""
        if self.finished and self.content in (None, content):
            return True
        if self.error is not None:
            raise self.error
        return False


class Results:
    """Results that no record is kept of: standard output, or a file, which is finished if it is there."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def standing(self, target: Path | Remote, source: Path | Remote | None) -> Standing:
        """What is at `target`, where the result of a source (None: standard input) is to go."""
        assert isinstance(target, Path)
        return Standing(is_there(target))

    def write(self, target: Path | Remote, text: str, source: Path | Remote | None, content: str) -> None:
        """Write the result of a source with the fingerprint `content`, whole or not at all, or raise OutputError."""
        assert isinstance(target, Path)
        write_whole(target, text)


class Record(Results):
    """`.sumpool.jsonl` in an output directory: a JSON object a line for each result, the last one for a file counts.

    A line is on the disk before its result is. So a file that the record describes is complete and in place, whatever
    ended the program that wrote it; a file that the record has never heard of is somebody else's; and what was left
    half-written lies beside a file that the record names. A line that was cut off counts for nothing.

    Several programs may write to one directory. The methods may be called from any thread.

    Args:
        directory: where results go.
        settings: the fingerprint of all that decides what a source's result is.

    Raises:
        OutputError: the record can't be read or written; from `write` also for the result.
    """

    def __init__(self, directory: Path, settings: str) -> None:
        self._directory = directory
        self._settings = settings
        self._file = directory / NAME
        self._entries: dict[str, dict[str, Any]] = {}
        self._descriptor: int | None = None
        self._seen = 0
        self._torn = False
        self._lock = threading.Lock()
        if self._file.exists():
            self._open()
            self._refresh()
            if self._lock_file(alone=True):
                self._sweep()
            self._lock_file(alone=False)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def standing(self, target: Path | Remote, source: Path | Remote | None) -> Standing:
        """What is at `target`: what these settings made of a source, complete, or something else.

        It has an error if it is not to be replaced unasked: the record does not know it, or it is the result of another
        source, which still exists.
        """
        assert isinstance(target, Path)
        if not is_there(target):
            return Standing()
        with self._lock:
            self._refresh()
            entry = self._entries.get(self._key(target))
        if entry is None:
            return _foreign(target)
        finished = entry["settings"] == self._settings and _holds(target, entry)
        return Standing(finished, entry["content"], _taken(target, entry, self._name(source), self._directory))

    def write(self, target: Path | Remote, text: str, source: Path | Remote | None, content: str) -> None:
        assert isinstance(target, Path)
        line = _line(self._key(target), self._name(source), content, self._settings, encode(text))
        with self._lock:
            self._append(line)
        write_whole(target, text)

    def _key(self, target: Path) -> str:
        return target.relative_to(self._directory).as_posix()

    def _name(self, source: Path | Remote | None) -> str | None:
        """The source as seen from the directory, so that both may move together; None is standard input."""
        if isinstance(source, Remote):
            return str(source)
        return None if source is None else os.path.relpath(os.path.realpath(source), os.path.realpath(self._directory))

    def _open(self) -> int:
        if self._descriptor is None:
            try:
                self._descriptor = os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
            except OSError as error:
                raise OutputError("output", f"{self._file}: {reason(error)} (choose another directory)") from None
        return self._descriptor

    def _append(self, line: bytes) -> None:
        if self._descriptor is None:
            self._open()
            self._lock_file(alone=False)
        descriptor = self._open()
        self._refresh()
        if self._torn:
            line = b"\n" + line
        try:
            written = os.write(descriptor, line)  # in one go, so that lines of several programs don't mix
            os.fsync(descriptor)
        except OSError as error:
            raise OutputError("output", f"{self._file}: {reason(error)} (make room or choose another place)") from None
        if written < len(line):
            raise OutputError("output", f"{self._file}: no space left (make room or choose another place)")

    def _refresh(self) -> None:
        """Take in what was added since the last look, by whomever."""
        if self._descriptor is None:
            if not self._file.exists():
                return
            self._open()
            self._lock_file(alone=False)
        assert self._descriptor is not None
        try:
            size = os.fstat(self._descriptor).st_size
            if size <= self._seen:
                return
            data = os.pread(self._descriptor, size - self._seen, self._seen)
        except OSError as error:
            raise OutputError("output", f"{self._file}: {reason(error)} (choose another directory)") from None
        whole = data[: data.rfind(b"\n") + 1]
        self._seen += len(whole)
        self._torn = len(whole) < len(data)
        for line in whole.splitlines():
            entry = _parse(line)
            if entry is not None:
                self._entries[entry["output"]] = entry

    def _lock_file(self, *, alone: bool) -> bool:
        """Hold the record, alone or beside others; False if others hold it, or nothing can be known about that."""
        if fcntl is None or self._descriptor is None:
            return False
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB if alone else fcntl.LOCK_SH)
        except OSError:  # held, or a file system without locks
            return False
        return True

    def _sweep(self) -> None:
        """Remove what a program that was killed left half-written; only if no other may be writing."""
        folders = set()
        for output in self._entries:
            with suppress(OSError, ValueError):  # a name that no file can have
                folders.add((self._directory / output).resolve().parent)
        for folder in folders:
            with suppress(OSError):
                for file in list(folder.iterdir()):
                    if is_part(file.name):
                        file.unlink()


class RemoteRecord(Results):
    """The record of results that go to a URL: below `.sumpool/`, for each result an object with its line.

    A store has neither files to append to nor locks, but what is put there is there whole or not at all. As in
    `Record`, the line is there before the result is.
    """

    def __init__(self, directory: Remote, settings: str) -> None:
        self._directory = directory
        self._settings = settings

    def standing(self, target: Path | Remote, source: Path | Remote | None) -> Standing:
        assert isinstance(target, Remote)
        try:
            if not target.exists():
                return Standing()
            line = self._entry(target)
            entry = _parse(line.read_bytes()) if line.exists() else None
            if entry is None:
                return _foreign(target)
            finished = entry["settings"] == self._settings and fingerprint(target.read_bytes()) == entry["result"]
        except RemoteError as error:
            raise OutputError("output", f"{target}: {error.message}") from None
        return Standing(finished, entry["content"], _taken(target, entry, _absolute(source), None))

    def write(self, target: Path | Remote, text: str, source: Path | Remote | None, content: str) -> None:
        assert isinstance(target, Remote)
        data = encode(text)
        line = _line(self._below(target), _absolute(source), content, self._settings, data)
        try:
            self._entry(target).write_bytes(line)
            target.write_bytes(data)
        except RemoteError as error:
            raise OutputError("output", f"{target}: {error.message}") from None

    def _below(self, target: Remote) -> str:
        return target.url[len((self._directory / "x").url) - 1 :]

    def _entry(self, target: Remote) -> Remote:
        return self._directory / ".sumpool" / f"{self._below(target)}.json"


def _line(output: str, source: str | None, content: str, settings: str, data: bytes) -> bytes:
    entry = {
        "output": output,
        "source": source,
        "content": content,
        "settings": settings,
        "result": fingerprint(data),
    }
    return json.dumps(entry).encode() + b"\n"


def _foreign(target: Path | Remote) -> Standing:
    message = f"{target}: exists, and sumpool did not write it (--overwrite replaces it)"
    return Standing(error=OutputError("output", message))


def _taken(
    target: Path | Remote, entry: dict[str, Any], source: str | None, directory: Path | None
) -> OutputError | None:
    """Why the result that the entry is about has to stay: another source than `source`, which still exists, has it."""
    former = entry["source"]
    if former is None or former == source:
        return None
    found = place(former)
    if isinstance(found, Path) and directory is not None:  # a relative path begins there
        found = directory / found
    if not found.exists():
        return None
    found = Path(os.path.normpath(found)) if isinstance(found, Path) else found
    return OutputError(
        "output", f"{target}: is the result of {found} (choose another directory, or --overwrite replaces it)"
    )


def _absolute(source: Path | Remote | None) -> str | None:
    return os.path.realpath(source) if isinstance(source, Path) else None if source is None else str(source)


def _parse(line: bytes) -> dict[str, Any] | None:
    """An entry; None for a line that is damaged or not ours."""
    try:
        entry = json.loads(line)
        strings = [entry[name] for name in ("output", "content", "settings", "result")]
        path = PurePath(entry["output"])
        fine = all(isinstance(value, str) for value in strings) and isinstance(entry["source"], str | None)
        return entry if fine and not path.is_absolute() and ".." not in path.parts else None
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _holds(file: Path, entry: dict[str, Any]) -> bool:
    """Whether the file is the very result that the record describes."""
    try:
        return fingerprint(file.read_bytes()) == entry["result"]
    except OSError:
        return False
