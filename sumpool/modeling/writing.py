"""Writing: the summary as one more block, decoded token by token behind the pooled representations.

Two caches: the lower layers hold the summary's own block only, the upper layers the kept
representations and the summary. What a token costs depends on k, not on the document.
A second row writes the same summary blindly, without the document, for the contrast between both.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from sumpool.modeling.contrast import CONTRAST, contrast
from sumpool.modeling.grounding import Grounding
from sumpool.modeling.layers import KVCache
from sumpool.modeling.prompts import Prompts
from sumpool.modeling.pyramidion_lm import PyramidionLM
from sumpool.modeling.reading import Reading
from sumpool.modeling.rules import SummaryRules, Vocabulary

TOKENS_A_WORD = 4
"""Room for a summary: what no natural text needs."""


def write(
    model: PyramidionLM,
    prompts: Prompts,
    vocabulary: Vocabulary,
    reading: Reading,
    *,
    words: int,
    grounding: Grounding | None = None,
    contrast_weight: float = CONTRAST,
    progress: Callable[[int, int], None] | None = None,
) -> str:
    """A summary of about `words` words of what was read, decoded greedily under `SummaryRules`."""
    room = words * TOKENS_A_WORD
    rows = _Rows(model, prompts, room)
    hidden = [rows.add(reading.context, reading.states)]
    if contrast_weight:
        prefix = len(reading.states) - len(reading.kept)
        hidden.append(rows.add(reading.context[:prefix], reading.states[:prefix]))
    logits = model.logits(torch.stack(hidden)).float()
    rules = SummaryRules(vocabulary, words, model.device, grounding)
    while True:
        scores = rules.apply(contrast(logits[0], logits[-1], contrast_weight))
        if rules.done:
            break
        token = int(scores.argmax())
        rules.push(token)
        if rules.done or len(rules.tokens) >= room:
            break
        if progress is not None:
            progress(rules.words, words)
        logits = model.logits(rows.push(token)).float()
    return prompts.decode(rules.result()).strip()


class _Rows:
    """Caches of the texts that are written side by side; rows of one context share the lower layers' one."""

    def __init__(self, model: PyramidionLM, prompts: Prompts, room: int) -> None:
        self.model = model
        self.answer = torch.tensor(prompts.answer, device=model.device)
        self.room = len(prompts.answer) + room
        self.lower: list[KVCache] = []
        self.upper: list[KVCache] = []
        self._context: Tensor | None = None
        self._block: Tensor | None = None

    def add(self, context: Tensor, states: Tensor) -> Tensor:
        """Read context [c] and states [s, d] as `Reading` has them; the state [d] that the first token comes from."""
        model = self.model
        if self._block is None or self._context is None or not torch.equal(context, self._context):
            self.lower.append(model.new_cache(model.lower, len(context) + self.room))
            block = model.read(torch.cat((context, self.answer))[None], self.lower[-1])[0]
            self._context, self._block = context, block[len(context) :]
        self.upper.append(model.new_cache(model.upper, len(states) + self.room))
        states = torch.cat((states, self._block))
        return model.run(model.upper, states[None], self.upper[-1])[0, -1]

    def push(self, token: int) -> Tensor:
        """Append the token to every row; the states [rows, d] that the next one comes from."""
        ids = torch.full((len(self.lower), 1), token, device=self.model.device)
        states = self.model.read(ids, *self.lower).expand(len(self.upper), -1, -1)
        return self.model.run(self.model.upper, states, *self.upper)[:, -1]
