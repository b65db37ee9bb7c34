"""The systems that are compared. Each is asked for the same number of words of the same document."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from sumpool.documents import Document
from sumpool.evaluation import excerpts
from sumpool.evaluation.cases import Case
from sumpool.evaluation.rankings import at_random, from_the_start
from sumpool.evaluation.settings import POOLING, Settings
from sumpool.modeling.blocks import Tokens
from sumpool.modeling.checkpoint import find_model, load_config
from sumpool.modeling.reading import Ranking
from sumpool.progress import Progress
from sumpool.summarizer import WINDOW_ROOM, Assignment, Summarizer
from sumpool.summary import Wording


@dataclass(frozen=True, slots=True)
class Pool:
    """What was kept of a document: token indices, in a document whose sentences begin at `sentence_starts` [s + 1]."""

    kept: list[int]
    sentence_starts: list[int]


@dataclass(frozen=True, slots=True)
class Written:
    """A summary, and the pool where it was written from one; None where the document was not pooled."""

    text: str
    pool: Pool | None = None


System = Callable[[Case, Progress], Written]


def make_systems(settings: Settings) -> dict[str, System]:
    """The wanted systems by name; models are loaded here.

    Raises:
        ModelError, UsageError: as `Summarizer` does.
    """
    made: dict[str, System] = {
        "lead": lambda case, progress: Written(excerpts.lead(case)),
        "textrank": lambda case, progress: Written(excerpts.textrank(case)),
        "oracle": lambda case, progress: Written(excerpts.oracle(case)),
    }
    if "textrank" in settings.systems:
        excerpts.ranker()  # what an import takes is not what a document takes
    if POOLING.intersection(settings.systems):
        ours = Summarizer(
            settings.model,
            device=settings.device,
            pool=settings.pool,
            block=settings.block,
            drafts=settings.drafts,
        )
        made["sumpool"] = pooled(ours, lambda case: None)
        made["own"] = pooled(ours, lambda case: None, wording="own")
        made["greedy"] = pooled(ours, lambda case: None, wording="own", drafts=1, contrast=0.0)
        made["free"] = pooled(ours, lambda case: None, wording="own", grounded=False)
        made["random"] = pooled(ours, lambda case: at_random(f"{settings.seed} {case.id}"))
        made["leadpool"] = pooled(ours, lambda case: from_the_start)
    if "base" in settings.systems:
        # Its whole window serves as the pool: what fits into it is kept whole, so nothing is pooled.
        window = load_config(find_model(settings.base)).max_position_embeddings - WINDOW_ROOM
        made["base"] = unpooled(Summarizer(settings.base, device=settings.device, pool=window), window)
    return {name: made[name] for name in settings.systems}


def pooled(
    summarizer: Summarizer,
    ranking_for: Callable[[Case], Ranking | None],
    *,
    wording: Wording | None = None,
    **writing: Any,
) -> System:
    """The summarizer with a case's ranking in its scorer's place, where there is one, and options of its `compose`."""

    def system(case: Case, progress: Progress) -> Written:
        tokens = summarizer.tokenize(case.document)
        chosen = wording or summarizer.wording_for(case.document, tokens)
        asked: dict[str, Any] = {"focus": case.focus, "wording": chosen, "progress": progress}
        reading = summarizer.read(tokens, case.words, ranking=ranking_for(case), **asked)
        assigned = Assignment(case.document, tokens, reading, case.words, **asked)
        [sentences] = summarizer.compose([assigned], **writing)
        text = " ".join(sentence.text for sentence in sentences)
        kept = reading.kept.tolist()
        return Written(text, Pool(kept, tokens.sentence_starts) if len(kept) < len(tokens) else None)

    return system


def unpooled(summarizer: Summarizer, window: int) -> System:
    """The summarizer, writing greedily, on as much of the document's beginning as a window of so many tokens holds."""

    def system(case: Case, progress: Progress) -> Written:
        document = beginning(case.document, summarizer.tokenize(case.document), window)
        tokens = summarizer.tokenize(document)
        reading = summarizer.read(tokens, case.words, focus=case.focus, wording="own", progress=progress)
        assigned = Assignment(document, tokens, reading, case.words, "own", progress=progress)
        [text] = summarizer.write([assigned], drafts=1, contrast=0.0)
        return Written(text)

    return system


def beginning(document: Document, tokens: Tokens, window: int) -> Document:
    """The document's first sentences: as many as have at most `window` tokens together, but one at least."""
    count = sum(end <= window for _, end in tokens.sentence_spans())
    sentences = document.sentences[: max(count, 1)]
    end = sentences[-1].end
    paragraphs = tuple(replace(p, end=min(p.end, end)) for p in document.paragraphs if p.start < end)
    return replace(document, text=document.text[:end], sentences=sentences, paragraphs=paragraphs)
