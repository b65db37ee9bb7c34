"""Reading: a document of any length, block by block, pooled to k representations on the way.

Blocks stream through the lower layers in batches. Of each batch only those representations
stay that are among the k best so far, so memory is bounded by k and the batch, not by the document.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from sumpool.modeling.blocks import Tokens, cut_blocks, padded
from sumpool.modeling.pyramidion_lm import PyramidionLM
from sumpool.pooling import hard_top_k
from sumpool.pooling.scorer import place_features, sentence_means

_ON_CPU, _ON_GPU = 1024, 32_768
"""Document tokens in a batch of blocks; on a CPU, more of them don't run faster."""

Ranking = Callable[[Tokens], Tensor]
"""A way to choose what is kept without looking: a document's n tokens -> logits [n], the highest kept."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What is left of a document of n tokens after it was read.

    Attributes:
        context: ids [c] that the writer's own lower block starts with: the instruction prefix,
            and the whole document where it is short enough not to be pooled.
        states: [c or p + k, d], the representations the upper layers see: the prefix's p and the k kept.
        kept: [k] token indices in the document, ascending.
        scores: [s] score in (0, 1) of each sentence.
    """

    context: Tensor
    states: Tensor
    kept: Tensor
    scores: Tensor


@dataclass(frozen=True, slots=True)
class ReadBlocks:
    """A batch of blocks behind the lower layers: the representations [m, d] of the tokens first..first + m - 1."""

    first: int
    states: Tensor
    prefix_states: Tensor


def read_blocks(model: PyramidionLM, tokens: Tokens, prefix: list[int], block_size: int) -> Iterator[ReadBlocks]:
    """Run every block, the prefix in front of each, through the lower layers, some blocks at a time.

    Where memory doesn't suffice for a batch, it and all after it are halved; OutOfMemoryError where not for one block.
    """
    blocks = cut_blocks(tokens, block_size)
    width = max(1, (_ON_CPU if model.device.type == "cpu" else _ON_GPU) // block_size)
    start = 0
    while start < len(blocks):
        batch = blocks[start : start + width]
        states = _batch_states(model, tokens, prefix, batch, block_size)
        if states is None:
            width = len(batch) // 2
            continue
        start += len(batch)
        kept = [states[row, len(prefix) : len(prefix) + end - first] for row, (first, end) in enumerate(batch)]
        yield ReadBlocks(batch[0][0], torch.cat(kept), states[0, : len(prefix)])


def _batch_states(
    model: PyramidionLM, tokens: Tokens, prefix: list[int], batch: list[tuple[int, int]], block_size: int
) -> Tensor | None:
    """The representations [b, p + t, d] of b blocks of up to t tokens behind the prefix.

    None where memory ran out for several; OutOfMemoryError where it did for one.
    """
    longest = max(end - first for first, end in batch)
    longest = min(padded(longest), max(longest, block_size))
    ids = torch.zeros(len(batch), len(prefix) + longest, dtype=torch.long)
    for row, (first, end) in enumerate(batch):
        ids[row, : len(prefix) + end - first] = torch.tensor(prefix + tokens.ids[first:end])
    try:
        return model.read(ids.to(model.device))
    except torch.OutOfMemoryError:
        if len(batch) == 1:
            raise
        # Left before another try: the error holds on to what was computed so far.
        return None


def read(
    model: PyramidionLM,
    tokens: Tokens,
    prefix: list[int],
    *,
    focus: list[int] | None = None,
    pool_size: int | None = None,
    block_size: int | None = None,
    ranking: Ranking | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Reading:
    """Read all of a document.

    Args:
        tokens: the document; must not be empty (ValueError).
        prefix: the instruction's ids.
        focus: ids of what to pay attention to.
        pool_size, block_size: the config's where None.
        ranking: takes the trained scorer's place, for comparisons; sentences are kept or dropped whole by it, too.
        progress: called with the tokens read and their total.

    Raises:
        torch.OutOfMemoryError: memory doesn't suffice for one block.
    """
    if not len(tokens):
        raise ValueError("no tokens to read")
    k = pool_size or model.config.pool_size
    n = len(tokens)
    whole = n <= k
    match = focus_match(tokens, focus)
    given = None if ranking is None else ranking(tokens).to(model.device)
    # A document that is kept whole is read whole: nothing is lost, and the model is the pretrained one.
    sizes = n if whole else block_size or model.config.block_size
    best_states = best_scores = None
    best_places = torch.empty(0, dtype=torch.long, device=model.device)
    sentences = SentenceMeans(tokens, model.device)
    for batch in read_blocks(model, tokens, prefix, sizes):
        end = batch.first + len(batch.states)
        if given is None:
            features = token_features(match, batch.first, end)
            logits = model.scorer(batch.states, features.to(model.device)).float()
        else:
            logits = given[batch.first : end]
        smoothed = sentences.smooth(logits, batch.first)
        places = torch.arange(batch.first, end, device=model.device)
        if best_states is None or best_scores is None:
            head, best_states, best_scores, best_places = batch.prefix_states, batch.states, smoothed, places
        else:
            best_states = torch.cat((best_states, batch.states))
            best_scores = torch.cat((best_scores, smoothed))
            best_places = torch.cat((best_places, places))
        chosen = hard_top_k(best_scores, k)
        best_states, best_scores, best_places = best_states[chosen], best_scores[chosen], best_places[chosen]
        if progress is not None:
            progress(end, n)
    assert best_states is not None  # tokens are not empty
    return Reading(
        context=torch.tensor(prefix + tokens.ids if whole else prefix, device=model.device),
        states=torch.cat((head, best_states)),
        kept=best_places,
        scores=sentences.means.sigmoid(),
    )


def token_features(match: Tensor, first: int = 0, end: int | None = None) -> Tensor:
    """The scorer's features [m, FEATURES] of the tokens first..end - 1 of a document, by default of all.

    Their place, and `match` [n], how much of the focus their sentence names.
    """
    places = torch.arange(len(match))[first:end]
    return torch.cat((place_features(places, len(match)), match[places, None]), dim=1)


def focus_match(tokens: Tokens, focus: list[int] | None) -> Tensor:
    """How much of the focus (ids) each token's sentence names [n], from 0 to 1; what is rare counts more."""
    match = torch.zeros(len(tokens))
    wanted = set(focus or ())
    if wanted:
        frequent = _frequent(tokens, wanted)
        total = sum(1 - frequent[token] for token in wanted) or 1.0
        for first, end in tokens.sentence_spans():
            found = wanted.intersection(tokens.ids[first:end])
            match[first:end] = sum(1 - frequent[token] for token in found) / total
    return match


def _frequent(tokens: Tokens, wanted: set[int]) -> dict[int, float]:
    """The share of sentences that hold each of the wanted tokens: what is everywhere tells nothing."""
    counts = dict.fromkeys(wanted, 0)
    sentences = 0
    for first, end in tokens.sentence_spans():
        sentences += 1
        for token in wanted.intersection(tokens.ids[first:end]):
            counts[token] += 1
    return {token: count / max(sentences, 1) for token, count in counts.items()}


class SentenceMeans:
    """Token logits averaged over each sentence, batch after batch: sentences are kept or dropped whole.

    Blocks end at sentence ends, so that a batch holds whole sentences; one longer than a block is judged by its pieces.
    """

    def __init__(self, tokens: Tokens, device: torch.device) -> None:
        starts = torch.tensor(tokens.sentence_starts, device=device)
        self.sentence_of = torch.repeat_interleave(torch.arange(len(starts) - 1, device=device), starts.diff())
        self.means = torch.full((len(starts) - 1,), -torch.inf, device=device)
        """[s], filled as batches come; a sentence without tokens is never wanted."""

    def smooth(self, logits: Tensor, first: int) -> Tensor:
        """logits [m] of the tokens from `first` -> the mean of each token's sentence [m]."""
        owners = self.sentence_of[first : first + len(logits)]
        begin, end = int(owners[0]), int(owners[-1]) + 1
        means, counts = sentence_means(logits, owners - begin, end - begin)
        self.means[begin:end] = means.where(counts > 0, self.means[begin:end])
        return means[owners - begin]
