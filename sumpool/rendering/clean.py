"""Text from documents is not to be trusted with a terminal: escape sequences in it could rewrite the screen."""

from __future__ import annotations

import re

# C0 and C1 control characters but tab and newline; the bidirectional overrides, with which text can be made
# to read other than it is; line and paragraph separators; lone surrogates, which no encoding takes.
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u2028\u2029\ud800-\udfff]")


def printable(text: str) -> str:
    """`text` with each character that could harm a terminal replaced by U+FFFD, so that offsets stay true."""
    return _UNPRINTABLE.sub("\ufffd", text)


def one_line(text: str) -> str:
    """`text` as a single printable line."""
    return printable(" ".join(text.split()))
