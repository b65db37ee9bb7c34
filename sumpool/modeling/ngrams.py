"""What mostly follows a token or two in summaries that people wrote: guesses for where the document has none.

Counted by `sumpool.training.count_ngrams`, and an optional part of a checkpoint. Free of torch.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from sumpool.errors import ModelError
from sumpool.modeling.checkpoint import find_part

NGRAMS = "ngrams.json"
"""For each size of runs a list: a run's tokens, the one that follows, the next run's tokens, and so on."""
SIZES = (1, 2)

Following = Mapping[tuple[int, ...], int]
"""Runs of tokens, and what mostly follows them."""


def load_ngrams(directory: Path) -> Following:
    """The n-grams of the checkpoint in `directory`, empty if it has none; ModelError if they are damaged."""
    path = find_part(directory, NGRAMS)
    if path is None:
        return {}
    try:
        lists = json.loads(path.read_text(encoding="utf-8"))
        found: dict[tuple[int, ...], int] = {}
        for size in SIZES:
            columns = [map(int, lists[str(size)][place :: size + 1]) for place in range(size + 1)]
            *runs, following = columns
            found.update(zip(zip(*runs, strict=True), following, strict=True))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError("model", f"{path}: {error} (install the model again)") from None
    return found


def dump_ngrams(following: Following) -> bytes:
    """As `load_ngrams` reads it."""
    lists: dict[int, list[int]] = {size: [] for size in SIZES}
    for run, token in sorted(following.items()):
        lists[len(run)] += [*run, token]
    return (json.dumps(lists, separators=(",", ":")) + "\n").encode()


def count_ngrams(texts: Iterable[Sequence[int]], *, least: int) -> Following:
    """What came most often behind each run of one and two tokens, if it came `least` times there."""
    counts: defaultdict[tuple[int, ...], Counter[int]] = defaultdict(Counter)
    for text in texts:
        for size in SIZES:
            for end in range(size, len(text)):
                counts[tuple(text[end - size : end])][text[end]] += 1
    most = {run: after.most_common(1)[0] for run, after in counts.items()}
    return {run: token for run, (token, count) in most.items() if count >= least}
