"""What all writers have in common: input cut to the window, generation by the model's own defaults, whole sentences."""

from __future__ import annotations

import math
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase, StoppingCriteria

from sumpool.errors import DocumentError, ModelError
from sumpool.modeling.grounding import Grounding
from sumpool.modeling.rules import SLACK
from sumpool.writers.grounded import Grounded, token_texts
from sumpool.writers.passages import Sentence, fit
from sumpool.writers.prose import near_length, plain
from sumpool.writers.quiet import first_line, quiet

LONG_SENTENCE = 30
"""Words for which there is room beyond the longest summary, so that a sentence may end."""

_DRAWN_FROM = 50
"""Tokens that are drawn from where the model's defaults don't say."""


class Writer(ABC):
    """Somebody else's model, on its device and in evaluation mode, and how it is asked for a summary."""

    def __init__(self, name: str, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
        self.name = name
        self.model: Any = model
        self.tokenizer: Any = tokenizer
        added = {str(token): token.special for token in self.tokenizer.added_tokens_decoder.values()}
        markup = [text for text, special in added.items() if len(text) > 1 and (special or text.startswith("<"))]
        # Longest first, so that none is taken for another that it begins with.
        self._markup = re.compile("|".join(map(re.escape, sorted(markup, key=len, reverse=True))) or r"(?!)")

    def write(
        self,
        sentences: Sequence[Sentence],
        words: int,
        *,
        focus: str | None = None,
        grounding: Grounding | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> str:
        """A summary of about `words` words, of whole sentences. The same input gives the same text.

        Args:
            sentences: what it may read, in document order, at least one; the best of them where its window is small.
            focus: what to pay attention to, for a writer that takes instructions.
            grounding: keeps out what it doesn't support.
            progress: called with the words written, more or less, and those asked for.

        Raises:
            DocumentError: it wrote nothing.
            ModelError: it can't write, or its window is too small.
        """
        sentences = [replace(sentence, text=self._harmless(sentence.text)) for sentence in sentences]
        focus = self._harmless(" ".join(focus.split())) if focus else None
        text = " ".join(sentence.text for sentence in sentences)
        with quiet():
            per_word = len(self._ids(text)) / max(len(text.split()), 1)
            most = self._most(math.ceil(((1 + SLACK) * words + LONG_SENTENCE) * per_word))
            least = min(int((1 - SLACK) * words * per_word), most - 1)
            try:
                ids = fit(sentences, self._room(most), lambda chosen: self._prompt(chosen, words, focus))
            except ValueError:
                problem = f"its window is too small for a summary of {words} words (ask for less, or use another)"
                raise ModelError("writer", f"{self.name}: {problem}") from None
            hooks = {
                "stopping_criteria": [_Watcher(self._first(ids), per_word, words, progress)],
                "logits_processor": [] if grounding is None else [self._grounded(grounding, self._first(ids))],
            }
            try:
                written = self._generate(ids, least, most, hooks)
            except Exception as error:  # whatever somebody else's model does
                problem = f"can't write: {first_line(error)} (use another writer)"
                raise ModelError("writer", f"{self.name} {problem}") from None
            result = plain(self.tokenizer.decode(written, skip_special_tokens=True))
        ended = len(written) < most and bool(self._ends().intersection(written[-1:]))
        summary = near_length(result, words, ended=ended)
        if not summary:
            raise DocumentError("writer", f"{self.name} wrote nothing (use another writer)")
        return summary

    @abstractmethod
    def _prompt(self, sentences: Sequence[Sentence], words: int, focus: str | None) -> list[int]:
        """The ids of the whole input, however long it gets."""

    @abstractmethod
    def _most(self, wanted: int) -> int:
        """How many of the wanted tokens it can write."""

    @abstractmethod
    def _room(self, most: int) -> int | None:
        """Tokens of input that it can take if it shall write `most`; None where nothing sets a limit."""

    @abstractmethod
    def _first(self, ids: list[int]) -> int:
        """Where in the output of `generate` for the input `ids` that begins which was written."""

    def _extras(self, ids: Tensor) -> dict[str, Tensor]:
        """What else the model has to be given with the ids [1, n]."""
        return {}

    def _ids(self, text: str, *, special: bool = False) -> list[int]:
        ids: list[int] = self.tokenizer(text, add_special_tokens=special, verbose=False).input_ids
        return ids

    def _harmless(self, text: str) -> str:
        """Text in which nothing is taken for an end, a turn of the conversation or the like."""
        return self._markup.sub(lambda found: f"{found[0][0]} {found[0][1:]}", text)

    def _ends(self) -> set[int]:
        """The tokens that end what it writes."""
        given = self.model.generation_config.eos_token_id
        ends = {self.tokenizer.eos_token_id, *(given if isinstance(given, list) else [given])}
        return {end for end in ends if end is not None}

    @cached_property
    def _texts(self) -> list[str]:
        return token_texts(self.tokenizer)

    def _grounded(self, grounding: Grounding, first: int) -> Grounded:
        defaults = self.model.generation_config
        # Beam search looks at some tokens more than it has beams, in case some of them are ends.
        width = (1 + len(self._ends())) * (defaults.num_beams or 1)
        if defaults.do_sample:
            width = max(width, defaults.top_k or _DRAWN_FROM)
        return Grounded(grounding, self._texts, first, width)

    def _generate(self, ids: list[int], least: int, most: int, hooks: dict[str, Any]) -> list[int]:
        """From `least` to `most` new tokens, by the model's own defaults but for the length, up to the first end."""
        device = self.model.device
        given = torch.tensor([ids], device=device)
        ends = sorted(self._ends())
        padding = self.model.generation_config.pad_token_id
        if padding is None:
            padding = next((token for token in (self.tokenizer.pad_token_id, *ends) if token is not None), 0)
        # Models that draw by lot draw the same lot every time.
        with torch.random.fork_rng([device] if device.type == "cuda" else []):
            torch.manual_seed(0)
            [output] = self.model.generate(
                given,
                attention_mask=torch.ones_like(given),
                **self._extras(given),
                min_new_tokens=least,
                max_new_tokens=most,
                eos_token_id=ends or None,
                pad_token_id=padding,
                num_return_sequences=1,
                return_dict_in_generate=False,
                **hooks,
                tokenizer=self.tokenizer,
            ).tolist()
        written = output[self._first(ids) :]
        stop = next((place for place, token in enumerate(written) if token in ends), len(written) - 1)
        return written[: stop + 1]


class _Watcher(StoppingCriteria):
    """Tells how far writing is, and stops nothing."""

    def __init__(self, first: int, per_word: float, words: int, progress: Callable[[int, int], None] | None) -> None:
        self._first, self._per_word, self._words, self._progress = first, per_word, words, progress

    def __call__(self, input_ids: Tensor, scores: Tensor, **kwargs: Any) -> Tensor:
        if self._progress is not None:
            self._progress(int((input_ids.shape[1] - self._first) / max(self._per_word, 1)), self._words)
        return torch.zeros(len(input_ids), dtype=torch.bool, device=input_ids.device)
