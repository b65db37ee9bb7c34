"""The pipeline: a source becomes a Document, the model reads it and writes its Summary."""

from __future__ import annotations

import time
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache, cached_property, partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch

from sumpool.documents import Document, is_conversation, read_document, split_sentences
from sumpool.errors import DocumentError, UsageError
from sumpool.highlight import Highlight
from sumpool.lengths import fitting_length, parse_length
from sumpool.modeling.blocks import Tokens, character_spans, tokenize
from sumpool.modeling.checkpoint import find_model
from sumpool.modeling.contrast import CONTRAST
from sumpool.modeling.drafts import DRAFTS
from sumpool.modeling.engine import load_engine
from sumpool.modeling.grounding import Grounding
from sumpool.modeling.reading import Ranking, Reading
from sumpool.modeling.rules import Vocabulary
from sumpool.modeling.writing import Wanted
from sumpool.progress import Progress
from sumpool.quotes import KEPT_A_WORD, quote
from sumpool.summary import Passage, Seconds, Statement, Summary, Wording
from sumpool.support import Support
from sumpool.writers.finding import find_writer
from sumpool.writers.passages import Sentence

PASSAGES = 3
"""Sentences that a summary names at least as what it rests on."""

RUNNING = frozenset({"body", "abstract", "list"})
"""Kinds of paragraphs that a summary may rest on: not headings, captions, tables, notes, code."""

WINDOW_ROOM = 1024
"""Tokens of a model's window that are left to the instruction and the summary."""
MOST_DRAFTS = 16
LARGEST_POOL = 8192 - WINDOW_ROOM


class Composed(NamedTuple):
    """A sentence of the summary, the indices of the document's sentences that it rests on, and whether it is one."""

    text: str
    sources: tuple[int, ...]
    quoted: bool


class Summarizer:
    """A loaded model with everything around it.

    Args:
        model: an installed model's name, a checkpoint's directory, or a hub name; the shipped one by default.
        device: "auto" (CUDA, then MPS, then CPU), "cpu", "cuda" or "mps".
        pool: representations kept; by default the model's own number, or what a long summary of quotes takes.
        block: document tokens in a block; the model's own number by default.
        drafts: of each sentence in own words, the best of which stays, 4 by default; 1 is fastest. An encoder-decoder
            has as many beams.
        writer: the directory or the hub name of another model, an encoder-decoder or a chat model in the format of
            transformers, that writes the summaries from what `model` kept.

    Raises:
        ModelError: a model is missing or damaged.
        UsageError: the device isn't there, or a size makes no sense.
    """

    def __init__(
        self,
        model: str | Path | None = None,
        *,
        device: str = "auto",
        pool: int | None = None,
        block: int | None = None,
        drafts: int | None = None,
        writer: str | Path | None = None,
    ) -> None:
        for name, value, least, most in (
            ("--pool", pool, 16, LARGEST_POOL),
            ("--block", block, 32, LARGEST_POOL),
            ("--drafts", drafts, 1, MOST_DRAFTS),
        ):
            if value is not None and not least <= value <= most:
                raise UsageError("size", f"{name} {value}: out of range (use {least} to {most})")
        chosen = pick_device(device)
        directory = find_model(model)
        self.device = chosen.type
        self.model_name = directory.name
        self._pool, self._block, self._drafts = pool, block, drafts or DRAFTS
        self._writer = None
        if writer is not None:
            from sumpool.writers.loading import load_writer

            dtype = torch.bfloat16 if chosen.type == "cuda" else torch.float32
            self._writer = load_writer(find_writer(writer), device=chosen, dtype=dtype)
            self.model_name += f" + {self._writer.name}"
        self._engine = load_engine(directory, chosen)
        self._prompts = self._engine.prompts

    @cached_property
    def _vocabulary(self) -> Vocabulary:
        """Made when the model's own words are first asked for: looking at every token takes a while."""
        return Vocabulary(self._prompts)

    def summarize(
        self,
        source: str | Path | Document,
        *,
        length: int | str = "medium",
        focus: str | None = None,
        wording: Wording | None = None,
        grounded: bool = True,
        abstract: Literal["keep", "drop"] = "keep",
        password: str | None = None,
        timeout: float = 120.0,
        progress: Progress | None = None,
    ) -> Summary:
        """The summary of one document, read in full.

        Args:
            source: a path, or a Document read before.
            length: "short", "medium", "long" or a number of words.
            focus: what to pay attention to.
            wording: "quoted", the document's own sentences, chosen and trimmed; or "own", the model's own words. By
                default as `wording_for` says.
            grounded: of its own, write no number and no name that the document lacks.
            abstract: "keep" or "drop" the document's own abstract.
            password: for encrypted PDFs.
            timeout: seconds that extraction may take.
            progress: is told how far things are.

        Raises:
            DocumentError: the source can't be read.
            UsageError: the length makes no sense.
        """
        return self._summarize(source, length, focus, wording, grounded, abstract, password, timeout, progress)[0]

    def highlight(
        self,
        source: str | Path | Document,
        *,
        length: int | str = "medium",
        focus: str | None = None,
        wording: Wording | None = None,
        grounded: bool = True,
        abstract: Literal["keep", "drop"] = "keep",
        password: str | None = None,
        timeout: float = 120.0,
        progress: Progress | None = None,
    ) -> Highlight:
        """`summarize` with all that the pooler made of the document: each sentence's score, and what was kept.

        `sumpool.rendering.highlight_page` makes a page of it.
        """
        summary, document, tokens, reading = self._summarize(
            source, length, focus, wording, grounded, abstract, password, timeout, progress
        )
        kept: list[int] = reading.kept.tolist()
        sentences = [(s.start, s.end) for s in document.sentences]
        spans = character_spans(self._prompts, document.text, sentences, tokens, kept)
        return Highlight(document, summary, tuple(reading.scores.tolist()), tuple(spans), len(kept))

    def _summarize(
        self,
        source: str | Path | Document,
        length: int | str,
        focus: str | None,
        wording: Wording | None,
        grounded: bool,
        abstract: Literal["keep", "drop"],
        password: str | None,
        timeout: float,
        progress: Progress | None,
    ) -> tuple[Summary, Document, Tokens, Reading]:
        words = parse_length(length)
        watcher = progress or Progress()
        started = time.perf_counter()
        if isinstance(source, Document):
            document = source
        else:
            document = read_document(
                source,
                password=password,
                abstract=abstract,
                timeout=timeout,
                progress=watcher.extracting,
                ocr_progress=watcher.recognizing,
            )
        extracted = time.perf_counter()
        words = fitting_length(words, document.words)
        tokens = self.tokenize(document)
        wording = wording or self.wording_for(document, tokens)
        reading = self.read(tokens, words, focus=focus, wording=wording, progress=watcher)
        read_at = time.perf_counter()
        sentences = self.compose(
            document, tokens, reading, words, focus=focus, wording=wording, grounded=grounded, progress=watcher
        )
        written = time.perf_counter()
        statements, passages = _rest(sentences, document, tokens, reading)
        summary = Summary(
            source=document.source,
            title=document.title,
            text=" ".join(sentence.text for sentence in sentences),
            statements=tuple(statements),
            passages=tuple(passages),
            pages=document.pages,
            words=document.words,
            tokens=len(tokens),
            model=self.model_name,
            device=self.device,
            wording="quoted" if all(sentence.quoted for sentence in sentences) else "own",
            seconds=Seconds(extracted - started, read_at - extracted, written - read_at),
        )
        return summary, document, tokens, reading

    def wording_for(self, document: Document, tokens: Tokens) -> Wording:
        """What a summary of the document is made of unless something else is wanted: quotes, where the model does best
        with them; with a `writer`, its words.

        Of what people say to each other, no sentence says what it comes to: the model's own words, if it is short
        enough to be kept whole. Of hours of talk, the model would tell a story that nobody told.
        """
        if self._writer is not None:
            return "own"
        pool = self._pool or self._engine.pool_size
        if pool is not None and len(tokens) <= pool and is_conversation(document):
            return "own"
        return self._engine.wording

    def tokenize(self, document: Document) -> Tokens:
        """The document as the model reads it; DocumentError if there is nothing to read."""
        tokens = tokenize(self._prompts, document.text, [(s.start, s.end) for s in document.sentences])
        if not len(tokens):
            raise DocumentError("no-text", "no text to summarize")
        return tokens

    @torch.inference_mode()
    def read(
        self,
        tokens: Tokens,
        words: int,
        *,
        wording: Wording,
        focus: str | None = None,
        ranking: Ranking | None = None,
        progress: Progress | None = None,
    ) -> Reading:
        """Read a tokenized document for a summary of `words` words in this wording.

        `ranking` takes the scorer's place if given.
        """
        pool = self._pool
        if pool is None and self._engine.pool_size is not None and wording == "quoted":
            pool = max(self._engine.pool_size, KEPT_A_WORD * words)
        return self._engine.read(
            tokens,
            self._prompts.prefix(words, focus),
            focus=self._prompts.focus(focus) if focus else None,
            pool_size=pool,
            block_size=self._block,
            ranking=ranking,
            progress=(progress or Progress()).reading,
        )

    def compose(
        self,
        document: Document,
        tokens: Tokens,
        reading: Reading,
        words: int,
        *,
        wording: Wording,
        focus: str | None = None,
        progress: Progress | None = None,
        **writing: Any,
    ) -> list[Composed]:
        """The sentences of a summary of about `words` words, each with those of the document that it rests on.

        Args:
            document, tokens, reading: the document, and what `tokenize` and `read` made of it.
            words: as many as it shall have.
            wording: as in `summarize`. Where nothing that was kept can be quoted, such as rows of a table, what was not
                kept is; where the document has no sentence to quote, the model's own words take over.
            focus: what to pay attention to.
            progress: is told how far writing is.
            **writing: what else `write` takes, for the model's own words.
        """
        kept = _kept_sentences(document, tokens, reading)
        if wording == "quoted":
            texts = [document.text[sentence.start : sentence.end] for sentence in document.sentences]
            logits = torch.logit(reading.scores, eps=1e-6).tolist()
            choose = partial(quote, texts, logits, words=words, focus=focus, spoken=is_conversation(document))
            if quotes := choose(kept) or choose(range(len(texts))):
                if progress is not None:
                    progress.writing(sum(len(found.text.split()) for found in quotes), words)
                return [Composed(found.text, (found.index,), quoted=True) for found in quotes]
        text = self.write(document, tokens, reading, words, focus=focus, progress=progress, **writing)
        support = _support(document, kept)
        return [
            Composed(text[start:end], tuple(kept[place] for place in support.of(text[start:end])), quoted=False)
            for start, end in split_sentences(text)
        ]

    @torch.inference_mode()
    def write(
        self,
        document: Document,
        tokens: Tokens,
        reading: Reading,
        words: int,
        *,
        focus: str | None = None,
        grounded: bool = True,
        drafts: int | None = None,
        contrast: float = CONTRAST,
        speculate: bool = True,
        progress: Progress | None = None,
    ) -> str:
        """A summary of about `words` words of what was read, in the model's own words.

        Args:
            document, tokens, reading, words: as for `compose`.
            focus: for another writer, what to pay attention to; the model has it from `read`.
            grounded: write no number and no name that the document lacks.
            drafts: of each sentence; the summarizer's own number by default. Not for another writer.
            contrast: how much it counts what the document adds to what the model would write without it. Not for
                another writer.
            speculate: write a single draft faster by guessing what comes next; the text is the same without.
            progress: is told how far writing is.
        """
        watcher = progress or Progress()
        grounding = Grounding(document.text, self._vocabulary.ordinary) if grounded else None
        if self._writer is not None:
            sentences = _sentences(document, tokens, reading)
            return self._writer.write(sentences, words, focus=focus, grounding=grounding, progress=watcher.writing)
        wanted = Wanted(
            reading,
            words,
            grounding,
            support=_support(document, _kept_sentences(document, tokens, reading)).share,
            copied=[tokens.ids[place] for place in reading.kept.tolist()] if speculate else None,
            progress=watcher.writing,
        )
        [text] = self._engine.write(self._vocabulary, [wanted], drafts=drafts or self._drafts, contrast_weight=contrast)
        return text

    def summarize_many(
        self, sources: Iterable[str | Path | Document], **options: Any
    ) -> Iterator[Summary | DocumentError]:
        """`summarize` for each source in order; a source that can't be read gives its DocumentError as a value.

        The error's `source` attribute names it.
        """
        for source in sources:
            try:
                yield self.summarize(source, **options)
            except DocumentError as error:
                error.source = source.source if isinstance(source, Document) else str(source)
                yield error


def summarize(source: str | Path | Document, **options: Any) -> Summary:
    """`Summarizer.summarize` with the shipped model on the best device; it is loaded once."""
    return _shipped().summarize(source, **options)


@cache
def _shipped() -> Summarizer:
    return Summarizer()


def pick_device(name: str) -> torch.device:
    """The device of `--device`; UsageError for one that isn't there."""
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        return torch.device(next(device for device in ("cuda", "mps", "cpu") if there[device]))
    if name not in there:
        raise UsageError("device", f"--device {name}: no such device (use auto, {', '.join(there)})")
    if not there[name]:
        raise UsageError("device", f"--device {name}: not available on this machine (use --device auto or cpu)")
    return torch.device(name)


def _kept_sentences(document: Document, tokens: Tokens, reading: Reading) -> list[int]:
    """The sentences of running text that the pooler kept.

    A model that keeps sentences whole has kept these. Of one that keeps tokens, they are those of which the largest
    share was kept, as many as would have fitted, but one at least.
    """
    kept = reading.kept.tolist()
    counts = Counter(bisect_right(tokens.sentence_starts, place) - 1 for place in kept)
    sizes = {index: tokens.sentence_starts[index + 1] - tokens.sentence_starts[index] for index in counts}
    room = len(kept)
    chosen: list[int] = []
    for index in sorted(counts, key=lambda index: (-counts[index] / sizes[index], index)):
        if sizes[index] <= room or not chosen:
            chosen.append(index)
            room -= sizes[index]
    starts = [paragraph.start for paragraph in document.paragraphs]
    homes = {index: bisect_right(starts, document.sentences[index].start) - 1 for index in chosen}
    return [index for index in sorted(chosen) if document.paragraphs[homes[index]].kind in RUNNING]


def _sentences(document: Document, tokens: Tokens, reading: Reading) -> list[Sentence]:
    """What another writer reads: the sentences that were kept whole, or the best one where none was."""
    scores = reading.scores.tolist()
    kept = _kept_sentences(document, tokens, reading) or [scores.index(max(scores))]
    starts = [paragraph.start for paragraph in document.paragraphs]
    return [
        Sentence(document.text[sentence.start : sentence.end], scores[index], bisect_right(starts, sentence.start))
        for index, sentence in ((index, document.sentences[index]) for index in kept)
    ]


def _support(document: Document, sentences: list[int]) -> Support:
    return Support([document.text[document.sentences[i].start : document.sentences[i].end] for i in sentences])


def _rest(
    sentences: list[Composed], document: Document, tokens: Tokens, reading: Reading
) -> tuple[list[Statement], list[Passage]]:
    """The summary's sentences, and the passages that they rest on, in document order.

    Where statements name fewer than `PASSAGES`, those that the scorer liked best come along.
    """
    kept = _kept_sentences(document, tokens, reading)
    scores = reading.scores.tolist()
    named = [sentence.sources for sentence in sentences]
    chosen = {index for indices in named for index in indices}
    for index in sorted(kept, key=lambda index: -scores[index]):
        if len(chosen) >= PASSAGES:
            break
        chosen.add(index)
    groups = _neighbours(sorted(chosen), document)
    home = {index: number for number, group in enumerate(groups) for index in group}
    spans = list(tokens.sentence_spans())
    passages = []
    for group in groups:
        first, last = document.sentences[group[0]], document.sentences[group[-1]]
        sizes = [spans[index][1] - spans[index][0] for index in group]
        score = sum(scores[index] * size for index, size in zip(group, sizes, strict=True)) / sum(sizes)
        passages.append(Passage(document.text[first.start : last.end], first.start, last.end, score, first.page))
    resting = [
        Statement(sentence.text, tuple(dict.fromkeys(home[index] for index in sentence.sources)))
        for sentence in sentences
    ]
    return resting, passages


def _neighbours(indices: list[int], document: Document) -> list[list[int]]:
    """Sentences that follow one another in a paragraph, together."""
    breaks = {paragraph.start for paragraph in document.paragraphs}
    groups: list[list[int]] = []
    for index in indices:
        if groups and groups[-1][-1] == index - 1 and document.sentences[index].start not in breaks:
            groups[-1].append(index)
        else:
            groups.append([index])
    return groups
