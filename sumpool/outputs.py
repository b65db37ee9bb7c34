"""Outputs: which file a summary goes to, and writing it whole or not at all."""

from __future__ import annotations

import errno
import os
import stat
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePath, PurePosixPath

from sumpool.errors import SumpoolError, UsageError
from sumpool.remote import Remote, RemoteError, is_url
from sumpool.sources import STDIN, Source

SUFFIXES = {"text": ".txt", "markdown": ".md", "json": ".json", "html": ".html"}

_PART = (".sumpool-", ".part")
"""How the name of a file that is being written begins and ends."""


class OutputError(SumpoolError):
    """A result can't be written."""


def wants_directory(output: str, arguments: Sequence[str], sources: Sequence[Source]) -> bool:
    """Whether `-o output` means a directory: it is one, or a URL, ends like one, or more than one result may come."""
    return (
        is_url(output)
        or os.path.isdir(output)
        or output.endswith(("/", os.sep))
        or len(sources) > 1
        or any(argument != "-" and os.path.isdir(argument) for argument in arguments)
    )


def plan_output(source: Source, directory: Path | Remote, suffix: str) -> Path | Remote:
    """The file in `directory` for a source: the source's whole name (`report.pdf`) and `suffix`.

    No two sources share one if all were found in the same directory.
    """
    return _place(_name(source), directory, suffix)


def plan_outputs(sources: Sequence[Source], directory: Path | Remote, suffix: str) -> list[Path | Remote]:
    """A file in `directory` for each source, whatever the sources.

    A file named outright lands directly in `directory`, a file found in a directory argument where it lay below that.
    If this would send two sources to one file, all keep their path below the folder that they have in common.
    So names depend on the sources alone, never on their order or on what an earlier run left behind.
    """
    names = [_name(source) for source in sources]
    if max(Counter(names).values(), default=0) > 1:
        paths = [
            "/" + str(source.path).replace("://", "/")
            if isinstance(source.path, Remote)
            else os.path.abspath(source.path or STDIN)
            for source in sources
        ]
        common = os.path.commonpath([os.path.dirname(path) for path in paths])
        names = [Path(os.path.relpath(path, common)) for path in paths]
    return [_place(name, directory, suffix) for name in names]


def _name(source: Source) -> PurePath:
    if isinstance(source.path, Remote):
        return source.below or PurePosixPath(PurePosixPath(source.path.url).name)
    return source.below or Path(source.path.name if source.path else source.name)


def _place(name: PurePath, directory: Path | Remote, suffix: str) -> Path | Remote:
    return directory / name.with_name(name.name + suffix)


def check_directory(directory: Path | Remote, arguments: Sequence[str]) -> None:
    """Make `directory` if need be and see that it takes files; UsageError if it can't serve."""
    for argument in arguments:
        if isinstance(directory, Remote):
            among = argument.rstrip("/") == str(directory).rstrip("/")
        else:
            among = os.path.isdir(argument) and os.path.realpath(argument) == os.path.realpath(directory)
        if argument != "-" and among:
            raise UsageError(
                "output",
                f"{directory}: summaries can't go among the documents themselves, or the next run would "
                "summarize the summaries (name another directory, for example one below it)",
            )
    if isinstance(directory, Remote):
        try:
            directory.make()
        except RemoteError as error:
            raise UsageError("output", f"{directory}: {error.message}") from None
        return
    if directory.exists() and not directory.is_dir():
        raise UsageError("output", f"{directory}: a file, but several results need a directory (name a directory)")
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError("output", f"{directory}: {reason(error)} (choose another directory)") from None
    _check_takes_files(directory, directory)


def check_file(file: Path, sources: Sequence[Source]) -> None:
    """See that `file` can be written and is none of the sources; UsageError otherwise."""
    if any(
        isinstance(source.path, Path) and file.exists() and source.path.exists() and file.samefile(source.path)
        for source in sources
    ):
        raise UsageError("output", f"{file}: the document itself (name another file)")
    if not _is_special(file):
        _check_takes_files(file.resolve().parent, file)


def _check_takes_files(directory: Path, shown: Path) -> None:
    # Only trying tells: permission bits say nothing about read-only file systems, quotas or the superuser.
    try:
        with tempfile.TemporaryFile(dir=directory):
            return
    except OSError as error:
        raise UsageError("output", f"{shown}: can't write there: {reason(error)} (choose another place)") from None


def is_there(file: Path) -> bool:
    """Whether there is a file that could be replaced. A device or a named pipe can't."""
    return file.exists() and not _is_special(file)


def is_part(name: str) -> bool:
    """Whether a file of this name is a result that is being written, or was when its program was killed."""
    return name.startswith(_PART[0]) and name.endswith(_PART[1])


def write_whole(file: Path, text: str) -> None:
    """Write `text` to `file` so that nobody ever sees half of it; OutputError if that fails, without a trace left."""
    data = encode(text)
    try:
        if _is_special(file):
            file.write_bytes(data)
            return
        # Through a symbolic link, not over it.
        target = file.resolve()
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(os.urandom(8).hex().join(_PART))
        mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else None
        try:
            with open(temporary, "xb", opener=_private if mode is not None else None) as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            if mode is not None:  # what is replaced keeps its permissions
                temporary.chmod(mode)
            os.replace(temporary, target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise OutputError("output", f"{file}: {reason(error)} (make room or choose another place)") from None


def encode(text: str) -> bytes:
    """UTF-8. Half characters, as in file names that aren't valid UTF-8, become question marks instead of a failure."""
    return text.encode("utf-8", errors="replace")


@contextmanager
def writing_lines(file: Path) -> Iterator[Callable[[str], None]]:
    """A function that writes a line to `file`, where it can be read at once; OutputError if that fails.

    For what takes hours: what was written before an interruption is of use.
    """

    def write(line: str) -> None:
        try:
            stream.write(encode(line))
            stream.flush()
        except OSError as error:
            raise OutputError("output", f"{file}: {reason(error)} (make room or choose another place)") from None

    try:
        stream = file.open("wb")
    except OSError as error:
        raise OutputError("output", f"{file}: {reason(error)} (choose another place)") from None
    with stream:
        yield write


def print_result(text: str) -> None:
    """Print to standard output at once; SystemExit(0) if its reader has seen enough, OutputError if it's full."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        silence_stdout()
        raise SystemExit(0) from None
    except OSError as error:
        silence_stdout()
        raise OutputError("output", f"standard output: {reason(error)} (make room or use -o)") from None


def silence_stdout() -> None:
    """Send what may still be buffered nowhere, so that the interpreter does not trip over it when it exits."""
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())


def _is_special(file: Path) -> bool:
    """An existing device, named pipe or socket: written to, not replaced."""
    try:
        mode = file.stat().st_mode
    except OSError:
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def reason(error: OSError) -> str:
    """What went wrong, in a few words."""
    if error.errno in (errno.EEXIST, errno.ENOTDIR):
        return "a file is in the way"
    return error.strerror or str(error)
