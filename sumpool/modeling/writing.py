"""Writing: the summary as one more block, decoded behind the pooled representations, sentence by sentence.

Two caches: the lower layers hold the summary's own block only, the upper layers the kept
representations and the summary. What a token costs depends on k, not on the document.
A second row writes the same summary blindly, without the document, for the contrast between both.
Of each sentence several drafts are written side by side; the best one stays and the next sentence follows it.
A single draft is written faster by guessing what comes next.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from sumpool.modeling.branches import Branches
from sumpool.modeling.contrast import CONTRAST, contrast
from sumpool.modeling.drafts import DRAFTS, Draft
from sumpool.modeling.grounding import Grounding
from sumpool.modeling.int8 import FEW
from sumpool.modeling.layers import KVCache
from sumpool.modeling.ngrams import Following
from sumpool.modeling.prompts import Prompts
from sumpool.modeling.pyramidion_lm import PyramidionLM
from sumpool.modeling.reading import Reading
from sumpool.modeling.rules import SummaryRules, Vocabulary
from sumpool.modeling.speculation import AHEAD, Lookup

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
    support: Callable[[str], float] | None = None,
    drafts: int = DRAFTS,
    contrast_weight: float = CONTRAST,
    copied: Sequence[int] | None = None,
    ngrams: Callable[[], Following] = dict,
    progress: Callable[[int, int], None] | None = None,
) -> str:
    """A summary of about `words` words of what was read, under `SummaryRules`. The same input gives the same text.

    support: how well the document supports a sentence, from 0 to 1; it counts when drafts are compared.
    copied: ids to guess from, to write a single draft faster, and where they have nothing, `ngrams`; the text is the
        same without. No guesses if None.
    progress: is told the words written and wanted: none as soon as all is read, then after each sentence.
    """
    room = words * TOKENS_A_WORD
    if drafts > 1:
        rows = _Rows(model, prompts, room, drafts)
    else:
        # Products in bfloat16 on a GPU are rounded otherwise with more rows: the text would not be the same.
        lookup = Lookup(copied, ngrams()) if copied is not None and model.device.type == "cpu" else None
        rows = _SingleRows(model, prompts, room, lookup)
    scores = rows.start(reading, contrast_weight)
    if progress is not None:
        progress(0, words)
    rules = SummaryRules(vocabulary, words, model.device, grounding)
    random = torch.Generator().manual_seed(0)
    while not rules.done and len(rules.tokens) < room:
        candidates = [Draft(rules, scores) for _ in range(drafts)]
        live = list(range(drafts))
        while True:
            live = [index for index in live if candidates[index].choose(random if index else None)]
            live = [index for index in live if len(candidates[index].rules.tokens) < room]
            if not live:
                break
            following = rows.push(live, [candidates[index].rules.tokens[-1] for index in live])
            for index, one in zip(live, following, strict=True):
                candidates[index].scores = one
        worth = [draft.worth(prompts, support) for draft in candidates]
        best = worth.index(max(worth))
        rows.keep(best)
        rules, scores = candidates[best].rules, candidates[best].scores
        if progress is not None:
            progress(rules.words, words)
    return " ".join(prompts.decode(rules.result()).split())


class _Rows:
    """The caches: of the document's row and of the blind one, each with room for all drafts of a sentence."""

    def __init__(self, model: PyramidionLM, prompts: Prompts, room: int, drafts: int) -> None:
        self.model = model
        self.answer = torch.tensor(prompts.answer, device=model.device)
        self.room = len(prompts.answer) + room * drafts
        self.drafts = drafts
        self.branches = Branches(drafts)
        self.lower: list[KVCache] = []
        self.upper: list[KVCache] = []
        self._context = -1

    def start(self, reading: Reading, contrast_weight: float) -> Tensor:
        """The scores [v] that the first token comes from."""
        self.weight = contrast_weight
        hidden = [self._add(reading.context, reading.states)]
        if contrast_weight:
            prefix = len(reading.states) - len(reading.kept)
            hidden.append(self._add(reading.context[:prefix], reading.states[:prefix]))
        return self._scores(torch.stack(hidden))

    def _add(self, context: Tensor, states: Tensor) -> Tensor:
        """Read context [c] and states [s, d] as `Reading` has them; the last state [d]."""
        model = self.model
        # Where the document was pooled, both contexts are the prefix, and one row of the lower layers does for both.
        if len(context) != self._context:
            self.lower.append(model.new_cache(model.lower, len(context) + self.room))
            block = model.read(torch.cat((context, self.answer))[None], self.lower[-1])[0]
            self._context, self._block = len(context), block[len(context) :]
        self.upper.append(model.new_cache(model.upper, len(states) + self.room))
        return model.run(model.upper, torch.cat((states, self._block))[None], self.upper[-1])[0, -1]

    def push(self, live: Sequence[int], tokens: Sequence[int]) -> Tensor:
        """Append a token to each of the t drafts `live`; the scores [t, v] that their next ones come from."""
        step = self.branches.step(live)
        ids = torch.tensor(tokens, device=self.model.device).expand(len(self.lower), -1)
        states = self.model.read(ids, *self.lower, step=step).expand(len(self.upper), -1, -1)
        return self._scores(self.model.run(self.model.upper, states, *self.upper, step=step))

    def keep(self, draft: int) -> None:
        """Go on from a draft; the others are lost."""
        for cache in (*self.lower, *self.upper):
            self.branches.keep(draft, cache)
        self.branches = Branches(self.drafts)

    def _scores(self, hidden: Tensor) -> Tensor:
        """Upper states [rows, ..., d], the document's row first -> scores [..., v]."""
        logits = self.model.logits(hidden).float()
        return contrast(logits[0], logits[-1], self.weight)


class _SingleRows(_Rows):
    """The same for one draft: tokens that are likely to come go through the model with the one before them.

    Those that are then not chosen are taken out of the caches again.
    """

    def __init__(self, model: PyramidionLM, prompts: Prompts, room: int, lookup: Lookup | None) -> None:
        super().__init__(model, prompts, room + AHEAD, 1)
        self._lookup = lookup
        self._guessed: list[int] = []
        self._following = torch.empty(0)
        """Scores [1 + g, v] behind the last token written and behind each of the g guessed ones."""

    def push(self, live: Sequence[int], tokens: Sequence[int]) -> Tensor:
        """As for several drafts."""
        [token] = tokens
        if self._lookup is not None:
            self._lookup.push(token)
        if self._guessed[:1] == [token]:
            self._guessed, self._following = self._guessed[1:], self._following[1:]
            return self._following[:1]
        for cache in (*self.lower, *self.upper):
            cache.advance(-len(self._guessed))
        # As many rows as go through the layers for few.
        most = min(AHEAD, FEW // len(self.upper) - 1)
        self._guessed = self._lookup.following(most) if self._lookup is not None else []
        ids = torch.tensor([token, *self._guessed], device=self.model.device).expand(len(self.lower), -1)
        states = self.model.read(ids, *self.lower).expand(len(self.upper), -1, -1)
        self._following = self._scores(self.model.run(self.model.upper, states, *self.upper))
        return self._following[:1]

    def keep(self, draft: int) -> None:
        """Nothing is lost."""
