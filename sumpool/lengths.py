"""Target lengths: the words a user may say, and what they mean."""

from __future__ import annotations

from sumpool.errors import UsageError

LENGTHS = {"short": 60, "medium": 120, "long": 250}
SHORTEST, LONGEST = 20, 600


def fitting_length(words: int, document_words: int) -> int:
    """`words`, or less for a short note, of which nothing can be said at length."""
    return min(words, max(SHORTEST, document_words // 2))


def parse_length(value: str | int) -> int:
    """Words for `--length`: a name of `LENGTHS` or a number from `SHORTEST` to `LONGEST`; UsageError otherwise."""
    if isinstance(value, str) and value.strip().lower() in LENGTHS:
        return LENGTHS[value.strip().lower()]
    try:
        words = int(value)
    except ValueError:
        words = 0
    if not SHORTEST <= words <= LONGEST:
        names = ", ".join(LENGTHS)
        raise UsageError(
            "length", f"--length {value}: not a length (use {names} or a number of words from {SHORTEST} to {LONGEST})"
        )
    return words
