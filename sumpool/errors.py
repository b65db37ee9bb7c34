"""The errors a user can cause, each a kind, a message and an exit code; nothing else is shown to users in one line."""

from __future__ import annotations


class SumpoolError(Exception):
    """A failure with a one-line explanation.

    `kind` is a short stable word for programs (it appears in the JSON output);
    the message says what is wrong and, in parentheses, what to do about it.
    """

    exit_code = 1

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message

    def __reduce__(self) -> tuple[type[SumpoolError], tuple[str, str]]:
        # Errors cross process boundaries (readers run in workers), so both arguments must survive pickling.
        return type(self), (self.kind, self.message)


class DocumentError(SumpoolError):
    """One source can't be read; the others still can. `source` names it where errors are handed on as values."""

    source: str | None = None


class ModelError(SumpoolError):
    """The model can't be found or loaded; nothing can be summarized."""


class UsageError(SumpoolError):
    """The command line asks for something that makes no sense."""

    exit_code = 2
