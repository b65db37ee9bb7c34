"""Encoder-decoders: BART, T5, Pegasus, LED and their kin, which were trained to answer a text with its summary."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from sumpool.writers.passages import Sentence
from sumpool.writers.windows import reading_window, writing_window
from sumpool.writers.writer import Writer

_TASK = "summarization"


class Seq2SeqWriter(Writer):
    """Takes no instruction: the length is set by its decoding, and a focus has its effect on the reader alone."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        config = self.model.config
        self._window = reading_window(config, self.tokenizer)
        self._decoder_window = writing_window(config)
        # T5 was told its tasks in words. What else its config says of this one are defaults of generation.
        task = (getattr(config, "task_specific_params", None) or {}).get(_TASK, {})
        self._prefix = task.get("prefix", getattr(config, "prefix", None)) or ""
        self.model.generation_config.update(**{name: value for name, value in task.items() if name != "prefix"})
        self._takes_global = "global_attention_mask" in inspect.signature(self.model.forward).parameters

    def _prompt(self, sentences: Sequence[Sentence], words: int, focus: str | None) -> list[int]:
        return self._ids(self._prefix + " ".join(sentence.text for sentence in sentences), special=True)

    def _most(self, wanted: int) -> int:
        # One position is the start token's.
        return wanted if self._decoder_window is None else min(wanted, self._decoder_window - 1)

    def _room(self, most: int) -> int | None:
        return self._window

    def _first(self, ids: list[int]) -> int:
        return 1

    def _extras(self, ids: Tensor) -> dict[str, Tensor]:
        if not self._takes_global:
            return {}
        # LED (Beltagy et al. 2020, section 3.2): for summarization, the first token sees all and is seen by all.
        first = torch.zeros_like(ids)
        first[:, 0] = 1
        return {"global_attention_mask": first}
