"""Which way to tie a summary's sentence to the document finds the sentence that a human's was made from?

    python benchmarks/passages.py DEV.jsonl... --count 20

Of each sentence of the human summaries the oracle names the kept sentence that shares most with it (ROUGE-1 + ROUGE-2).
Of the same kept sentences each way picks one: by shared words weighed by how rare they are (`sumpool.support`, which
`--sources` uses), by how near their representations are, below or above the upper layers, by the upper layers'
attention as the sentence is written, or by the scorer alone. Prints how often a way's choice, or one of its two best,
is the oracle's, and how much of the oracle's ROUGE its choice has. Writes passages.json and passages.md.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from typing import Annotated
from unittest.mock import patch

import torch
import typer
from reporting import RESULTS, Out, Pairs, machine, markdown, save, shipped_model
from torch import Tensor
from torch.nn import functional as F

from sumpool.documents import split_sentences
from sumpool.evaluation.cases import Case, draw_cases
from sumpool.evaluation.metrics import rouge_scorer
from sumpool.modeling import caches, compiled
from sumpool.modeling.blocks import tokenize
from sumpool.modeling.caches import KVCache, View
from sumpool.modeling.prompts import Prompts
from sumpool.modeling.pyramidion_lm import PyramidionLM
from sumpool.modeling.reading import Reading, read
from sumpool.support import Support

WAYS = ("shared words", "states below", "states above", "attention", "scorer", "chance")
CPU = torch.device("cpu")


class Watched:
    """Attention of the upper layers to the keys at `places`, while it is entered: mean over heads, sum over layers.

    Attributes:
        total: [t, places] for the t queries that attended.
    """

    def __init__(self, places: slice) -> None:
        self.places = places
        self.total = torch.zeros(())

    def __enter__(self) -> Watched:
        self._attend = caches._attend
        caches._attend = self._watch
        # What is compiled can't be watched.
        self._compiled = patch.object(compiled, "library", return_value=None)
        self._compiled.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._compiled.stop()
        caches._attend = self._attend

    def _watch(self, views: Sequence[View], queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """As `caches._attend`, one row behind a cache."""
        sharing = queries.shape[1] // keys.shape[1]
        found = []
        for view in views:
            asking, looked = queries[0, :, view.queries].float(), keys[0, :, : view.keys].float()
            weights = asking @ looked.repeat_interleave(sharing, 0).mT / queries.shape[-1] ** 0.5
            weights = (weights + view.mask[: asking.shape[1]]).softmax(-1)
            found.append(weights[..., self.places].mean(0))
        self.total = self.total + torch.cat(found)
        return self._attend(views, queries, keys, values)


def ratings(
    model: PyramidionLM, prompts: Prompts, reading: Reading, kept: Tensor, theirs: Tensor, summary: str
) -> dict[str, Tensor]:
    """By way: how near each kept sentence is to each of the summary's, [summary sentences, kept sentences].

    kept: indices of the kept sentences; theirs: which of these each kept token [k] belongs to.
    """
    spans = split_sentences(summary)
    written = tokenize(prompts, summary, spans)
    own = torch.repeat_interleave(torch.arange(len(spans)), torch.tensor(written.sentence_starts).diff())

    def means(states: Tensor, owners: Tensor) -> Tensor:
        total = torch.zeros(int(owners.max()) + 1, states.shape[1]).index_add_(0, owners, states)
        return F.normalize(total, dim=1)

    ids = torch.cat((reading.context, torch.tensor(prompts.answer + written.ids)))
    block = model.read(ids[None])[0][len(reading.context) :]
    first = len(reading.states)
    cache: KVCache = model.new_cache(model.upper, first + len(block))
    above = model.run(model.upper, reading.states[None], cache)[0][first - len(theirs) :]
    with Watched(slice(first - len(theirs), first)) as watched:
        after = model.run(model.upper, block[None], cache)[0][len(prompts.answer) :]
    # What a token attends to when it is chosen is what the one before it looks at.
    looks = watched.total[len(prompts.answer) - 1 : -1]
    drawn = torch.zeros(len(spans), len(theirs)).index_add_(0, own, looks)
    attention = torch.zeros(len(spans), len(kept)).index_add_(1, theirs, drawn)
    sizes = torch.bincount(theirs).float()
    below = means(block[len(prompts.answer) :], own) @ means(reading.states[first - len(theirs) :], theirs).T
    return {
        "states below": below,
        "states above": means(after, own) @ means(above, theirs).T,
        "attention": attention / sizes,
        "scorer": reading.scores[kept].expand(len(spans), -1),
    }


def agreement(
    case: Case, model: PyramidionLM, prompts: Prompts, found: dict[str, list[tuple[bool, bool, float]]]
) -> None:
    """Add to `found`, by way and for each sentence of the reference: whether the first and one of two are right, and
    the share of the best ROUGE that the first has."""
    spans = [(sentence.start, sentence.end) for sentence in case.document.sentences]
    tokens = tokenize(prompts, case.document.text, spans)
    if len(tokens) <= model.config.pool_size:
        return
    reading = read(model, tokens, prompts.prefix(case.words))
    homes = torch.bucketize(reading.kept, torch.tensor(tokens.sentence_starts), right=True) - 1
    kept, theirs = homes.unique(return_inverse=True)
    texts = [case.sentences[index] for index in kept.tolist()]
    by_way = ratings(model, prompts, reading, kept, theirs, case.reference)
    support = Support(texts)
    chance = random.Random(case.id)
    for number, (start, end) in enumerate(split_sentences(case.reference)):
        sentence = case.reference[start:end]
        scores = [rouge_scorer().score(sentence, text) for text in texts]
        worth = [score["rouge1"].fmeasure + score["rouge2"].fmeasure for score in scores]
        best = max(range(len(kept)), key=worth.__getitem__)
        if scores[best]["rouge2"].fmeasure == 0:
            continue  # nothing that was kept says this
        choices = {way: rated[number].topk(min(2, len(kept))).indices.tolist() for way, rated in by_way.items()}
        choices["shared words"] = [index for index, _ in support.best(sentence)]
        choices["chance"] = chance.sample(range(len(kept)), min(2, len(kept)))
        for way, chosen in choices.items():
            # A sentence of nothing but short words shares none that counts.
            first = worth[chosen[0]] / worth[best] if chosen else 0.0
            found[way].append((chosen[:1] == [best], best in chosen, first))


@torch.inference_mode()
def main(
    data: Pairs,
    count: Annotated[int, typer.Option(help="documents of each file")] = 20,
    seed: Annotated[int, typer.Option()] = 0,
    out: Out = RESULTS,
) -> None:
    """Measure, print the table, and write it."""
    model, prompts = shipped_model()
    found: dict[str, list[tuple[bool, bool, float]]] = defaultdict(list)
    for path in data:
        for case in draw_cases(path, count=count, length=None, seed=seed):
            agreement(case, model, prompts, found)
    rows = []
    for way in WAYS:
        first, either, share = (sum(column) / len(found[way]) for column in zip(*found[way], strict=True))
        rows.append({"way": way, "first": first, "one of two": either, "share of the best ROUGE": share})
    facts = {"sentences": len(found["chance"]), "documents of each file": count, "seed": seed, **machine(CPU)}
    columns = ["by", "the oracle's", "one of two is", "share of its ROUGE"]
    table = [[str(row["way"]), *(f"{100 * float(row[name]):.0f}%" for name in list(row)[1:])] for row in rows]
    save(out, "passages", {"facts": facts, "rows": rows}, markdown("What a sentence rests on", columns, table, facts))


if __name__ == "__main__":
    typer.run(main)
