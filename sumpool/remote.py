"""Places that a URL names, such as s3://bucket/papers, through fsspec."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath
from typing import Any

from sumpool.errors import SumpoolError

_URL = re.compile(r"([a-z][a-z0-9+.-]+)://", re.IGNORECASE)
_FILE = "file://"


class RemoteError(SumpoolError):
    """A place can't be reached; the message says why and names no place."""


@dataclass(frozen=True)
class Remote:
    """A place, as far as it is used like a `Path`. What is asked of the store may raise RemoteError."""

    url: str

    def __str__(self) -> str:
        return self.url

    def __truediv__(self, below: PurePath | str) -> Remote:
        return Remote(f"{self.url.rstrip('/')}/{PurePath(below).as_posix()}")

    def _place(self) -> tuple[Any, str]:
        import fsspec

        try:
            return fsspec.url_to_fs(self.url)
        except ImportError as error:  # it names the package
            raise RemoteError("url", f"{_short(error)} (a package is missing)") from None
        except Exception as error:  # a store may raise whatever it likes
            raise RemoteError("url", f"{_short(error)} (check the URL)") from None

    def _ask(self, method: str, *arguments: Any, **options: Any) -> Any:
        store, path = self._place()
        try:
            return getattr(store, method)(path, *arguments, **options)
        except Exception as error:
            raise RemoteError("url", f"can't be reached: {_short(error)} (check the URL and your access)") from None

    def is_dir(self) -> bool:
        return bool(self._ask("isdir"))

    def exists(self) -> bool:
        return bool(self._ask("exists"))

    def size(self) -> int:
        return int(self._ask("size") or 0)

    def read_bytes(self, most: int | None = None) -> bytes:
        """All of it, or its first `most` bytes."""
        return bytes(self._ask("cat_file", end=most))

    def write_bytes(self, data: bytes) -> None:
        """Put `data` there. A store shows an object when all of it is there."""
        Remote(self.url.rpartition("/")[0]).make()
        self._ask("pipe_file", data)

    def make(self) -> None:
        """Make it a directory, where the store knows such things and it isn't one."""
        self._ask("makedirs", exist_ok=True)

    def files_below(self, *, recursive: bool) -> Iterator[PurePosixPath]:
        """The paths, from here, of the files in it, by name."""
        _, path = self._place()
        found = self._ask("find", maxdepth=None if recursive else 1)
        for name in sorted(found):
            yield PurePosixPath(name).relative_to(path)


def place(argument: str) -> Path | Remote:
    """What an argument names: a path, or a place elsewhere if it is a URL. file:// is a path."""
    if argument.startswith(_FILE):
        return Path(argument[len(_FILE) :])
    return Remote(argument) if is_url(argument) else Path(argument)


def is_url(argument: str) -> bool:
    """Whether it begins like a URL of anything but a file."""
    return _URL.match(argument) is not None and not argument.startswith(_FILE)


def _short(error: Exception) -> str:
    lines = [line.strip().rstrip(".") for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
