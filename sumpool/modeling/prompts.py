"""The words around a document and its summary, and the tokenizer that turns all of them into ids.

Every block of a document starts with the instruction prefix: it says what is asked for (length, focus)
to the lower layers and so to the scorer, and its first token serves as attention sink.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from tokenizers import Tokenizer

from sumpool.errors import ModelError

if TYPE_CHECKING:
    from typing_extensions import Self

LENGTH_STEP = 20
"""Lengths are asked for in steps of so many words: the model learns a few lengths well."""
FOCUS_LIMIT = 64
END_OF_SUMMARY = "<|im_end|>"


class Prompts:
    """A checkpoint's tokenizer with the fixed texts of its chat format."""

    end_of_summary = END_OF_SUMMARY
    between = f"{END_OF_SUMMARY}\n<|im_start|>assistant\n"

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer
        end = tokenizer.token_to_id(self.end_of_summary)
        if end is None:
            raise ModelError("model", f"the tokenizer has no {self.end_of_summary} token")
        self.end: int = end
        self._specials = {token.content: id for id, token in tokenizer.get_added_tokens_decoder().items()}
        names = sorted(map(re.escape, self._specials), key=len, reverse=True)
        self._at_specials = re.compile(f"({'|'.join(names) or '(?!)'})")
        self.answer: list[int] = self.special(self.between)
        """What stands between the document and its summary."""

    @classmethod
    def load(cls, directory: Path) -> Self:
        path = directory / "tokenizer.json"
        try:
            content = path.read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise ModelError("model", f"{path}: {error} (install the model again)") from None
        try:
            return cls(Tokenizer.from_str(content))
        except Exception as error:  # the library raises bare Exception for malformed files
            raise ModelError("model", f"{path} is damaged: {error} (install the model again)") from None

    def prefix(self, words: int, focus: str | None = None) -> list[int]:
        """The instruction for a summary of about `words` words, looking at `focus` if given."""
        start = self.special(f"<|im_start|>user\nSummarize this document in about {asked_length(words)} words.")
        if focus:
            start += self.plain(" Focus on:") + self.focus(focus)
        return start + self.plain("\n\n")

    def focus(self, focus: str) -> list[int]:
        """The focus as ids, cut to `FOCUS_LIMIT`."""
        return self.plain(" " + " ".join(focus.split()))[:FOCUS_LIMIT]

    def special(self, text: str) -> list[int]:
        """Ids of a text of our own, whose special tokens count as such."""
        # Not by telling the tokenizer so: another thread may ask it for `plain` ids at the same moment.
        ids: list[int] = []
        for piece in self._at_specials.split(text):
            ids += [self._specials[piece]] if piece in self._specials else self.plain(piece)
        return ids

    def plain(self, text: str) -> list[int]:
        """Ids of anybody's text: one that spells out a special token doesn't get to speak as if it were one."""
        return self.plain_batch([text])[0]

    def plain_batch(self, texts: list[str]) -> list[list[int]]:
        """`plain` of many texts, on all cores."""
        self.tokenizer.encode_special_tokens = True
        return [encoding.ids for encoding in self.tokenizer.encode_batch_fast(texts, add_special_tokens=False)]

    def offsets(self, text: str) -> list[tuple[int, int]]:
        """(start, end) characters of each token of `plain`; tokens that share a character overlap."""
        self.tokenizer.encode_special_tokens = True
        offsets: list[tuple[int, int]] = self.tokenizer.encode(text, add_special_tokens=False).offsets
        return offsets

    def decode(self, ids: list[int]) -> str:
        return self.tokenizer.decode(ids, skip_special_tokens=True)


def asked_length(words: int) -> int:
    """The number of words that a prompt names for about so many."""
    return max(LENGTH_STEP, round(words / LENGTH_STEP) * LENGTH_STEP)
