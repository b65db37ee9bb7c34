"""Causal models with a chat template: they are told what to do."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from sumpool.errors import ModelError
from sumpool.writers.passages import Sentence
from sumpool.writers.quiet import first_line
from sumpool.writers.windows import reading_window
from sumpool.writers.writer import Writer


class ChatWriter(Writer):
    """Gets one message with the instruction and the passages."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._window = reading_window(self.model.config, self.tokenizer)

    def _prompt(self, sentences: Sequence[Sentence], words: int, focus: str | None) -> list[int]:
        message = {"role": "user", "content": instruction(sentences, words, focus)}
        try:
            text = self.tokenizer.apply_chat_template(
                [message], tokenize=False, add_generation_prompt=True, enable_thinking=False
            )
        except Exception as error:  # a template is a program of its author's, run in a sandbox
            problem = f"its chat template doesn't work: {first_line(error)} (use another writer)"
            raise ModelError("writer", f"{self.name}: {problem}") from None
        return self._ids(text)

    def _most(self, wanted: int) -> int:
        # Whatever is asked, half of the window is there to read.
        return wanted if self._window is None else min(wanted, self._window // 2)

    def _room(self, most: int) -> int | None:
        return None if self._window is None else self._window - most

    def _first(self, ids: list[int]) -> int:
        return len(ids)


def instruction(sentences: Sequence[Sentence], words: int, focus: str | None) -> str:
    """The message: what is asked, then the passages, a line for each paragraph that any are from."""
    paragraphs = (
        " ".join(sentence.text for sentence in group) for _, group in groupby(sentences, lambda s: s.paragraph)
    )
    asked = f"Summarize the following document in about {words} words, in one paragraph of plain prose."
    focused = f" Focus on: {focus}." if focus else ""
    return f"{asked}{focused} Write the summary only.\n\n" + "\n".join(paragraphs)
