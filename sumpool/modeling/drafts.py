"""Drafts of a sentence: the same beginning goes on in several ways, of which one is chosen when all have ended.

A small model's greedy choice leads astray now and then. Among a few drafts there is mostly one that it likes better
as a whole and that the document supports better: reranking, as in Falke et al., "Ranking Generated Summaries by
Correctness" (ACL 2019), but after each sentence, so that a bad one never leads to the next.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from sumpool.modeling.prompts import Prompts
from sumpool.modeling.rules import SummaryRules
from sumpool.modeling.scores import Scores

DRAFTS = 4
"""Drafts of each sentence; the first is greedy, the others are drawn at random."""
_TEMPERATURE = 1.0
_PROBABLE = 3.0
"""Nats below the best token, up to which one may be drawn in its place."""
_SUPPORT = 4.0
"""Nats a token that a sentence fully supported by the document is worth more than one that isn't at all."""


class Draft:
    """One way to go on: the summary so far and this sentence in `rules`, and the `scores` of what may come next."""

    def __init__(self, rules: SummaryRules, scores: Scores) -> None:
        self.rules = rules.copy()
        self.scores = scores
        self._start = len(rules.tokens)
        self._sentences = rules.sentences
        self._likelihood = 0.0

    def choose(self, random: torch.Generator | None) -> bool:
        """Append the best token under the rules, or one drawn at random; False if the sentence or the summary ended."""
        scores = self.scores
        if scores.rest > scores.values.max() - _PROBABLE:
            scores = scores.complete()
        noise: Tensor | None = None
        while True:
            wanted = scores.values.clone()
            if random is not None:
                # The largest of scores with Gumbel noise is a draw from their softmax.
                probable = (wanted > wanted.max() - _PROBABLE).nonzero()[:, 0]
                if noise is None:
                    noise = -torch.empty(len(probable)).exponential_(generator=random).log()
                wanted[probable] += _TEMPERATURE * noise
            wanted = self.rules.apply(wanted, scores.tokens)
            if self.rules.done or self.rules.sentences > self._sentences:
                return False
            best = int(wanted.argmax())
            if scores.all is None or wanted[best] > scores.rest:
                break
            scores = scores.complete()
        token = scores.token(best)
        self._likelihood += float(scores.values[best])
        self.rules.push(token)
        return not self.rules.done

    def worth(self, prompts: Prompts, support: Callable[[str], float] | None) -> float:
        """How good the sentence is, in nats a token; one that came to no end is worth nothing."""
        tokens = self.rules.tokens[self._start :]
        if len(self.rules.result()) < len(self.rules.tokens):
            return -math.inf
        supported = support(prompts.decode(tokens)) if support is not None else 0.0
        return self._likelihood / max(len(tokens), 1) + _SUPPORT * supported
