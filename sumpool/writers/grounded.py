"""Grounding for any tokenizer: of the tokens that may come next, only those stay that the document supports."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from transformers import LogitsProcessor

from sumpool.modeling.grounding import Grounding, Place
from sumpool.modeling.spelling import joined, token_text

_LOOK = 1000
"""Tokens that are looked at, the likeliest first; more only as long as none of them is supported."""


class _State(NamedTuple):
    """The word being written, as far as it goes, and where it stands."""

    word: str = ""
    place: Place = Place(opens_sentence=True)


class Grounded(LogitsProcessor):
    """Scores [rows, v] with minus infinity for all but the best supported tokens of each row.

    Args:
        grounding: what the document supports.
        texts: of each of the v tokens, as `token_texts` gives them.
        first: where in the ids that begins which was written.
        width: how many supported tokens are enough for a row.
    """

    def __init__(self, grounding: Grounding, texts: Sequence[str], first: int, width: int) -> None:
        self._grounding = grounding
        self._texts = texts
        self._first = first
        self._width = width
        self._states: dict[tuple[int, ...], _State] = {(): _State()}

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        chosen = torch.full_like(scores, -torch.inf)
        for row, ids in enumerate(input_ids[:, self._first :].tolist()):
            supported = self._supported(scores[row], self._state(tuple(ids)))
            if supported:
                chosen[row, supported] = scores[row, supported]
            else:  # a forced token, say
                chosen[row] = scores[row]
        return chosen

    def _supported(self, scores: Tensor, state: _State) -> list[int]:
        found: list[int] = []
        values, order = scores.sort(descending=True)
        possible = int((values > -torch.inf).sum())
        for rank, token in enumerate(order[:possible].tolist()):
            if len(found) == self._width or (found and rank >= _LOOK):
                break
            text = self._text(token)
            if self._grounding.allows(state.word, text, state.place, ends_sentence=_ends_sentence(state.word)):
                found.append(token)
        return found

    def _state(self, ids: tuple[int, ...]) -> _State:
        known = len(ids)
        while ids[:known] not in self._states:
            known -= 1
        state = self._states[ids[:known]]
        for place in range(known, len(ids)):
            state = self._states[ids[: place + 1]] = self._after(state, self._text(ids[place]))
        return state

    def _after(self, state: _State, text: str) -> _State:
        word, place = state
        if not (text[:1].isspace() and word.strip()):
            return _State(joined(word, text), place)
        if _ends_sentence(word):
            return _State(text, Place(opens_sentence=True, last=word.strip()))
        return _State(text, self._grounding.next_place(word, place))

    def _text(self, token: int) -> str:
        return self._texts[token] if token < len(self._texts) else ""


def token_texts(tokenizer: Any) -> list[str]:
    """What each token adds to a text when it comes behind another; nothing for special ones."""
    before = tokenizer("a", add_special_tokens=False).input_ids
    length = len(tokenizer.decode(before))
    special = {token for token, added in tokenizer.added_tokens_decoder.items() if added.special}
    rows = [[*before, token] for token in range(len(tokenizer))]
    texts = [text[length:].replace("<n>", "\n") for text in tokenizer.batch_decode(rows)]
    names = tokenizer.convert_ids_to_tokens(range(len(tokenizer)))
    return ["" if token in special else token_text(names[token], text) for token, text in enumerate(texts)]


def _ends_sentence(word: str) -> bool:
    return word.rstrip("\"'”’)]")[-1:] in (".", "!", "?")
