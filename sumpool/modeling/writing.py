"""Writing: the summary as one more block, decoded behind the pooled representations, sentence by sentence.

Two caches: the lower layers hold the summary's own block only, the upper layers the kept
representations and the summary. What a token costs depends on k, not on the document.
A second row writes the same summary blindly, without the document, for the contrast between both.
Of each sentence several drafts are written side by side; the best one stays and the next sentence follows it.
Summaries of several documents may be written side by side, too, which a GPU does in little more time than one.
A single draft of a single one is written faster by guessing what comes next.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from itertools import accumulate, cycle

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from sumpool.errors import ModelError
from sumpool.modeling import compiled
from sumpool.modeling.branches import Branches, Front, Step
from sumpool.modeling.caches import KVCache
from sumpool.modeling.contrast import CONTRAST, contrast
from sumpool.modeling.drafts import DRAFTS, Draft
from sumpool.modeling.graphs import Recorder
from sumpool.modeling.grounding import Grounding
from sumpool.modeling.int8 import FEW
from sumpool.modeling.ngrams import Following
from sumpool.modeling.prompts import Prompts
from sumpool.modeling.pyramidion_lm import PyramidionLM
from sumpool.modeling.reading import Reading
from sumpool.modeling.rules import SummaryRules, Vocabulary
from sumpool.modeling.scores import Scores, Shortlist, shortlist, split
from sumpool.modeling.speculation import AHEAD, Lookup

TOKENS_A_WORD = 4
"""Room for a summary: what no natural text needs."""
_ON_CPU, _ON_GPU = 0, 131_072
"""Positions in the caches at once; on a CPU one summary after the other, since its text would depend on others'."""
RECORDED = ("cuda",)
"""Devices whose passes are recorded."""
_KEYS = 256
"""Keys that a recorded pass looks at come in multiples of this: fewer recordings, and few keys that nobody needs."""
_RESTING = Step(0, torch.zeros(0, 0, dtype=torch.bool))
"""What a summary that has ended adds to a pass for others."""

CPU = torch.device("cpu")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A summary that is to be written.

    Attributes:
        reading: what was read of its document.
        words: about how many it shall have.
        grounding: what it may not name, if anything.
        support: how well the document supports a sentence, from 0 to 1; it counts when drafts are compared.
        copied: ids to guess from, to write a single draft faster; the text is the same without. No guesses if None.
        progress: is told the words written and wanted: none as soon as all is read, then after each sentence.
    """

    reading: Reading
    words: int
    grounding: Grounding | None = None
    support: Callable[[str], float] | None = None
    copied: Sequence[int] | None = None
    progress: Callable[[int, int], None] | None = None

    @property
    def room(self) -> int:
        """Tokens that it has at most."""
        return self.words * TOKENS_A_WORD

    def positions(self, drafts: int, *, blind: bool) -> int:
        """Places that it takes in the caches of the upper layers."""
        return (len(self.reading.states) + drafts * self.room) * (1 + blind)


Growth = tuple[list[int], list[int]]
"""Drafts of a sentence that go on, and the token that each of them goes on with."""


def write(
    model: PyramidionLM,
    prompts: Prompts,
    vocabulary: Vocabulary,
    wanted: Sequence[Wanted],
    *,
    drafts: int = DRAFTS,
    contrast_weight: float = CONTRAST,
    ngrams: Callable[[], Following] = dict,
) -> list[str]:
    """Summaries of what was read, each under `SummaryRules`. The same input gives the same texts.

    On a GPU as many are written side by side as `_ON_GPU` says; where memory doesn't suffice for them, they and all
    after them by halves.

    ngrams: guesses for where what a summary may be copied from has none.

    Raises:
        ModelError: memory doesn't suffice for one.
    """
    most = _ON_CPU if model.device.type == "cpu" else _ON_GPU
    sizes = [one.positions(drafts, blind=contrast_weight != 0) for one in wanted]
    texts: list[str] = []
    while len(texts) < len(wanted):
        start = len(texts)
        end = start + max(1, sum(size <= most for size in accumulate(sizes[start:])))
        batch = wanted[start:end]
        written = _write_together(model, prompts, vocabulary, batch, drafts, contrast_weight, ngrams)
        if written is None:
            if len(batch) == 1:
                raise ModelError(
                    "model", f"too little memory on {model.device.type} (use --device cpu, or less --pool or --drafts)"
                )
            most = sum(sizes[start : start + len(batch) // 2])
            continue
        texts += written
    return texts


def _write_together(
    model: PyramidionLM,
    prompts: Prompts,
    vocabulary: Vocabulary,
    wanted: Sequence[Wanted],
    drafts: int,
    contrast_weight: float,
    ngrams: Callable[[], Following],
) -> list[str] | None:
    """`write` side by side; None where memory ran out."""
    try:
        if model.device.type in RECORDED:
            rows: _Rows = _RecordedRows(model, prompts, vocabulary, wanted, drafts)
        elif drafts == 1 and len(wanted) == 1:
            # Products in bfloat16 on a GPU are rounded otherwise with more rows: the text would not be the same.
            guessing = wanted[0].copied is not None and model.device.type == "cpu"
            lookup = Lookup(wanted[0].copied or (), ngrams()) if guessing else None
            rows = _SingleRows(model, prompts, vocabulary, wanted, lookup)
        else:
            rows = _Rows(model, prompts, vocabulary, wanted, drafts)
        starts = zip(wanted, rows.start(contrast_weight), strict=True)
        at_work = [
            _compose(prompts, vocabulary, one, drafts, scores, partial(rows.keep, index))
            for index, (one, scores) in enumerate(starts)
        ]
        texts: dict[int, str] = {}
        following: Mapping[int, Sequence[Scores] | None] = dict.fromkeys(range(len(wanted)))
        with compiled.in_turns() if model.writes_compiled else nullcontext():
            while following:
                growths: dict[int, Growth] = {}
                for index, scores in following.items():
                    try:
                        growths[index] = at_work[index].send(scores)  # type: ignore[arg-type]  # None begins
                    except StopIteration as ended:
                        texts[index] = ended.value
                following = rows.push(growths) if growths else {}
    except torch.OutOfMemoryError:
        # Left before another try: the error holds on to the caches.
        return None
    return [texts[index] for index in range(len(wanted))]


def _compose(
    prompts: Prompts,
    vocabulary: Vocabulary,
    wanted: Wanted,
    drafts: int,
    scores: Scores,
    keep: Callable[[int], None],
) -> Generator[Growth, Sequence[Scores], str]:
    """Write one summary: yields how its drafts grow, and is sent the scores that their next tokens come from.

    Args:
        scores: that the first token comes from.
        keep: is called with the draft of a sentence that stays, before the next sentence.
    """
    progress = wanted.progress or (lambda done, words: None)
    progress(0, wanted.words)
    rules = SummaryRules(vocabulary, wanted.words, CPU, wanted.grounding)
    random = torch.Generator().manual_seed(0)
    while not rules.done and len(rules.tokens) < wanted.room:
        candidates = [Draft(rules, scores) for _ in range(drafts)]
        live = list(range(drafts))
        while True:
            live = [index for index in live if candidates[index].choose(random if index else None)]
            live = [index for index in live if len(candidates[index].rules.tokens) < wanted.room]
            if not live:
                break
            following = yield live, [candidates[index].rules.tokens[-1] for index in live]
            for index, one in zip(live, following, strict=True):
                candidates[index].scores = one
        worth = [draft.worth(prompts, wanted.support) for draft in candidates]
        best = worth.index(max(worth))
        keep(best)
        rules, scores = candidates[best].rules, candidates[best].scores
        progress(rules.words, wanted.words)
    return " ".join(prompts.decode(rules.result()).split())


class _Rows:
    """The caches: a row for each document and a blind one, each with room for all drafts of a sentence."""

    def __init__(
        self, model: PyramidionLM, prompts: Prompts, vocabulary: Vocabulary, wanted: Sequence[Wanted], drafts: int
    ) -> None:
        self.model = model
        self._raised = vocabulary.raised.to(model.device)
        self._answer = torch.tensor(prompts.answer, device=model.device)
        self._readings = [one.reading for one in wanted]
        # A row that rests takes part in others' passes: they write behind its end, and forget it.
        self._room = len(prompts.answer) + drafts * (1 + max(one.room for one in wanted))
        self._drafts = drafts
        self._branches = [Branches(drafts) for _ in wanted]

    def start(self, contrast_weight: float) -> list[Scores]:
        """Read what was kept; by document, the scores that the first tokens come from."""
        model, readings = self.model, self._readings
        self._weight = contrast_weight
        contexts = [reading.context for reading in readings]
        states = [reading.states for reading in readings]
        if contrast_weight:
            prefixes = [len(reading.states) - len(reading.kept) for reading in readings]
            states += [one[:prefix] for one, prefix in zip(states, prefixes, strict=True)]
            if any(len(context) > prefix for context, prefix in zip(contexts, prefixes, strict=True)):
                contexts += [context[:prefix] for context, prefix in zip(contexts, prefixes, strict=True)]
        # Where all documents were pooled, both contexts are the prefix, and one row of the lower layers does for both.
        self.lower = model.new_cache(model.lower, max(map(len, contexts)) + self._room, len(contexts))
        self.upper = model.new_cache(model.upper, max(map(len, states)) + self._room, len(states))
        read = self._fill(self.lower, [torch.cat((context, self._answer)) for context in contexts], model.read)
        blocks = cycle(row[len(context) :] for row, context in zip(read, contexts, strict=True))
        joined = [torch.cat(pair) for pair in zip(states, blocks, strict=False)]
        hidden = self._fill(self.upper, joined, lambda x, cache: model.run(model.upper, x, cache))
        scores = self._scores(torch.stack([row[-1:] for row in hidden]))
        return [first for [first] in split(scores, self._listed(scores))]

    @staticmethod
    def _fill(cache: KVCache, rows: Sequence[Tensor], run: Callable[[Tensor, KVCache], Tensor]) -> list[Tensor]:
        """`run` over rows of different lengths into a cache that is empty; of each row what comes out of it."""
        size = len(rows) if cache.together else 1
        out: list[Tensor] = []
        for first in range(0, len(rows), size):
            part = cache.part(first, first + size)
            lengths = [len(row) for row in rows[first : first + size]]
            results = run(pad_sequence(list(rows[first : first + size]), batch_first=True), part)
            part.advance([length - max(lengths) for length in lengths])
            out += [result[:length] for result, length in zip(results, lengths, strict=True)]
        return out

    def push(self, growths: Mapping[int, Growth]) -> Mapping[int, Sequence[Scores]]:
        """Append a token to each of the drafts that go on; by document, the scores that their next ones come from."""
        documents = len(self._branches)
        ids = torch.zeros(documents, max(len(live) for live, _ in growths.values()), dtype=torch.long)
        steps = [_RESTING] * documents
        for index, (live, tokens) in growths.items():
            ids[index, : len(live)] = torch.tensor(tokens)
            steps[index] = self._branches[index].step(live)
        scores = self._pass(ids, steps)
        return {index: scores[index][: len(live)] for index, (live, _) in growths.items()}

    def _pass(self, ids: Tensor, steps: Sequence[Step] | None) -> list[list[Scores]]:
        """ids [documents, t] through the model; by document the scores behind each of its t tokens."""
        model, documents = self.model, len(ids)
        lower, upper = (len(cache.lengths) // documents for cache in (self.lower, self.upper))
        states = model.read(ids.to(model.device).repeat(lower, 1), self.lower, steps and [*steps] * lower)
        states = states.repeat(upper // lower, 1, 1)
        scores = self._scores(model.run(model.upper, states, self.upper, steps and [*steps] * upper))
        return split(scores, self._listed(scores))

    def keep(self, document: int, draft: int) -> None:
        """Go on from a draft; the others are lost."""
        held, places = self._branches[document].end(draft)
        for cache in (self.lower, self.upper):
            for row in range(document, len(cache.lengths), len(self._branches)):
                cache.keep(row, held, places)
        self._branches[document] = Branches(self._drafts)

    def _scores(self, hidden: Tensor) -> Tensor:
        """Upper states [rows, t, d], those of the documents first -> scores [documents, t, v]."""
        logits = self.model.logits(hidden).float()
        documents = len(self._branches)
        return contrast(logits[:documents], logits[-documents:], self._weight)

    def _listed(self, scores: Tensor) -> Shortlist | None:
        """The likeliest, where all of them are not on the CPU as it is."""
        return None if scores.device.type == "cpu" else shortlist(scores, self._raised)


class _RecordedRows(_Rows):
    """The same, each pass with all drafts of all documents, whether they go on or not, so that there are few sizes."""

    def start(self, contrast_weight: float) -> list[Scores]:
        scores = super().start(contrast_weight)
        self._recorder = Recorder(self._run, self.model.device)
        return scores

    def _pass(self, ids: Tensor, steps: Sequence[Step] | None) -> list[list[Scores]]:
        assert steps is not None, "each draft goes on with a branch of its own"
        front = Front.of(steps, self._drafts, _KEYS)
        ids = torch.nn.functional.pad(ids, (0, self._drafts - ids.shape[1]))
        caches = (self.lower, self.upper)
        rooms = [cache.room(self._drafts, _KEYS) for cache in caches]
        inputs = [ids, front.held, front.depths, front.visible, *(cache.lengths for cache in caches)]
        scores, values, tokens, rest = self._recorder(inputs, lower_room=rooms[0], upper_room=rooms[1])
        for cache in caches:
            cache.advance([len(step.visible) for step in steps] * (len(cache.lengths) // len(ids)))
        return split(scores, (values, tokens, rest))

    def _run(
        self,
        ids: Tensor,
        held: Tensor,
        depths: Tensor,
        visible: Tensor,
        lower_lengths: Tensor,
        upper_lengths: Tensor,
        *,
        lower_room: int,
        upper_room: int,
    ) -> tuple[Tensor, ...]:
        """What is recorded: ids [documents, t] -> scores [documents, t, v] and their shortlist."""
        model, front = self.model, Front(held, depths, visible)
        lower, upper = (len(lengths) // len(ids) for lengths in (lower_lengths, upper_lengths))
        x = model.embed_tokens(ids.repeat(lower, 1))
        for stack, cache, times, lengths, room in (
            (model.lower, self.lower, lower, lower_lengths, lower_room),
            (model.upper, self.upper, upper, upper_lengths, upper_room),
        ):
            rows = front.repeated(times)
            x = x.repeat(times * len(ids) // len(x), 1, 1)
            x = model.through(stack, x, rows.positions(lengths), cache.attends_at(rows, lengths, room))
        scores = self._scores(x)
        return scores, *shortlist(scores, self._raised)


class _SingleRows(_Rows):
    """The same for one draft: tokens that are likely to come go through the model with the one before them.

    Those that are then not chosen are taken out of the caches again.
    """

    def __init__(
        self,
        model: PyramidionLM,
        prompts: Prompts,
        vocabulary: Vocabulary,
        wanted: Sequence[Wanted],
        lookup: Lookup | None,
    ) -> None:
        super().__init__(model, prompts, vocabulary, wanted, 1)
        self._room += AHEAD
        self._lookup = lookup
        self._guessed: list[int] = []
        self._following: list[Scores] = []
        """Behind the last token written and behind each of the guessed ones."""

    def push(self, growths: Mapping[int, Growth]) -> Mapping[int, Sequence[Scores]]:
        """As for several drafts."""
        [(_, [token])] = growths.values()
        if self._lookup is not None:
            self._lookup.push(token)
        if self._guessed[:1] == [token]:
            self._guessed, self._following = self._guessed[1:], self._following[1:]
            return {0: self._following[:1]}
        for cache in (self.lower, self.upper):
            cache.advance(-len(self._guessed))
        # As many rows as go through the layers for few.
        most = min(AHEAD, FEW // len(self.upper.lengths) - 1)
        self._guessed = self._lookup.following(most) if self._lookup is not None else []
        [self._following] = self._pass(torch.tensor([[token, *self._guessed]]), None)
        return {0: self._following[:1]}

    def keep(self, document: int, draft: int) -> None:
        """Nothing is lost."""
