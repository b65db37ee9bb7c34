"""The pipeline: a source becomes a Document, the model reads it and writes its Summary."""

from __future__ import annotations

import time
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property, partial
from itertools import islice
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeVar

import torch

from sumpool.ahead import Ahead
from sumpool.documents import Document, is_conversation, read_document, split_sentences
from sumpool.documents.isolation import end_workers
from sumpool.errors import DocumentError, ModelError, UsageError
from sumpool.highlight import Highlight
from sumpool.lengths import fitting_length, parse_length
from sumpool.modeling.blocks import Tokens, character_spans, tokenize
from sumpool.modeling.checkpoint import find_model
from sumpool.modeling.contrast import CONTRAST
from sumpool.modeling.drafts import DRAFTS
from sumpool.modeling.engine import load_engine
from sumpool.modeling.graphs import RECORDING
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
SIDE_BY_SIDE = 32
"""Documents that a GPU is given at once."""
LARGEST_POOL = 8192 - WINDOW_ROOM


@dataclass(frozen=True)
class Assignment:
    """A document that was read for a summary of about `words` words.

    Attributes:
        document, tokens, reading: the document, and what `Summarizer.tokenize` and `Summarizer.read` made of it.
        words: as many as the summary shall have.
        wording: what it is made of, as in `Summarizer.summarize`.
        focus: what to pay attention to.
        progress: is told how far writing is.
        extracting, modelling: seconds that it took to extract the document, and to read it.
    """

    document: Document
    tokens: Tokens
    reading: Reading
    words: int
    wording: Wording
    focus: str | None = None
    progress: Progress = field(default_factory=Progress)
    extracting: float = 0.0
    modelling: float = 0.0

    @cached_property
    def kept(self) -> list[int]:
        """The sentences of running text that the pooler kept.

        A model that keeps sentences whole has kept these. Of one that keeps tokens, they are those of which the largest
        share was kept, as many as would have fitted, but one at least.
        """
        document, starts = self.document, self.tokens.sentence_starts
        places = self.reading.kept.tolist()
        counts = Counter(bisect_right(starts, place) - 1 for place in places)
        sizes = {index: starts[index + 1] - starts[index] for index in counts}
        room = len(places)
        chosen: list[int] = []
        for index in sorted(counts, key=lambda index: (-counts[index] / sizes[index], index)):
            if sizes[index] <= room or not chosen:
                chosen.append(index)
                room -= sizes[index]
        paragraphs = [paragraph.start for paragraph in document.paragraphs]
        homes = {index: bisect_right(paragraphs, document.sentences[index].start) - 1 for index in chosen}
        return [index for index in sorted(chosen) if document.paragraphs[homes[index]].kind in RUNNING]

    @cached_property
    def support(self) -> Support:
        """What of these supports a text."""
        sentences = (self.document.sentences[index] for index in self.kept)
        return Support([self.document.text[sentence.start : sentence.end] for sentence in sentences])


Input = str | Path | Document | Assignment
"""What can be summarized: a path, a Document that was extracted before, or one that was read, too."""

Given = TypeVar("Given", bound=Input)
Outcome = TypeVar("Outcome")


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
        source: Input,
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
            source: a path, a Document that was extracted before, or an Assignment that was prepared, with which all
                but `grounded` and `progress` is settled.
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
        assigned = self.prepare(source, length, focus, wording, abstract, password, timeout, progress)
        return self._summaries([assigned], grounded=grounded)[0]

    def highlight(
        self,
        source: Input,
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
        assigned = self.prepare(source, length, focus, wording, abstract, password, timeout, progress)
        [summary] = self._summaries([assigned], grounded=grounded)
        document, reading = assigned.document, assigned.reading
        kept: list[int] = reading.kept.tolist()
        sentences = [(s.start, s.end) for s in document.sentences]
        spans = character_spans(self._prompts, document.text, sentences, assigned.tokens, kept)
        return Highlight(document, summary, tuple(reading.scores.tolist()), tuple(spans), len(kept))

    def summarize_many(
        self, sources: Iterable[Input], *, grounded: bool = True, **options: Any
    ) -> Iterator[Summary | DocumentError]:
        """`summarize` for each source in order; a source that can't be read gives its DocumentError as a value.

        The error's `source` attribute names it. On a GPU the summaries of several documents are written side by side,
        while the next ones are read.
        """
        if not self.reads_ahead:
            upcoming = iter(sources)
            while group := list(islice(upcoming, self.side_by_side)):
                yield from self.summarize_together(group, grounded=grounded, **options)
            return
        unwatched = {**options, "progress": None}
        with Ahead(
            sources,
            lambda source, _: _attempt(self.read_ahead, source, unwatched),
            most=self.side_by_side,
            abandon=end_workers,
        ) as jobs:
            for job in jobs:
                read = [one.wait(Progress()) for one in (job, *jobs.done(self.side_by_side - 1))]
                yield from self.summarize_together(read, grounded=grounded, **options)

    def summarize_together(
        self, sources: Iterable[Input | DocumentError], *, grounded: bool = True, **options: Any
    ) -> list[Summary | DocumentError]:
        """`summarize_many` of one group: all are read, then the summaries are written, on a GPU side by side.

        What writing took is divided among them. A DocumentError stays what it is.
        """
        prepared = [
            source if isinstance(source, DocumentError) else _attempt(self.prepare, source, options)
            for source in sources
        ]
        summaries = iter(self._summaries([one for one in prepared if isinstance(one, Assignment)], grounded=grounded))
        return [next(summaries) if isinstance(one, Assignment) else one for one in prepared]

    @property
    def side_by_side(self) -> int:
        """Documents that are worth being summarized at once."""
        return 1 if self.device == "cpu" else SIDE_BY_SIDE

    @property
    def reads_ahead(self) -> bool:
        """Whether reading documents while summaries of others are written is worth while: on a CPU both want it all."""
        return self.device == "cuda"

    def read_ahead(self, source: Given, **options: Any) -> Given | Assignment:
        """`prepare` in another thread than the one that writes, if it is worth while; else the source as it is.

        That is also what comes back where there is too little memory beside what is being written.
        """
        if not self.reads_ahead:
            return source
        try:
            return self.prepare(source, **options)
        except ModelError:
            return source

    def prepare(
        self,
        source: Input,
        length: int | str = "medium",
        focus: str | None = None,
        wording: Wording | None = None,
        abstract: Literal["keep", "drop"] = "keep",
        password: str | None = None,
        timeout: float = 120.0,
        progress: Progress | None = None,
    ) -> Assignment:
        """Extract and read one document, as `summarize` says, so that what is left is to write."""
        if isinstance(source, Assignment):
            return source if progress is None else replace(source, progress=progress)
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
        seconds = (extracted - started, time.perf_counter() - extracted)
        return Assignment(document, tokens, reading, words, wording, focus, watcher, *seconds)

    def _summaries(self, assigned: Sequence[Assignment], *, grounded: bool) -> list[Summary]:
        began = time.perf_counter()
        composed = self.compose(assigned, grounded=grounded)
        writing = (time.perf_counter() - began) / max(len(assigned), 1)
        return [self._summary(one, sentences, writing) for one, sentences in zip(assigned, composed, strict=True)]

    def _summary(self, assigned: Assignment, sentences: list[Composed], writing: float) -> Summary:
        document = assigned.document
        statements, passages = _rest(sentences, assigned)
        return Summary(
            source=document.source,
            title=document.title,
            text=" ".join(sentence.text for sentence in sentences),
            statements=tuple(statements),
            passages=tuple(passages),
            pages=document.pages,
            words=document.words,
            tokens=len(assigned.tokens),
            model=self.model_name,
            device=self.device,
            wording="quoted" if all(sentence.quoted for sentence in sentences) else "own",
            seconds=Seconds(assigned.extracting, assigned.modelling, writing),
        )

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
        """Read a tokenized document for a summary of `words` words in this wording; ModelError where memory runs out.

        `ranking` takes the scorer's place if given.
        """
        pool = self._pool
        if pool is None and self._engine.pool_size is not None and wording == "quoted":
            pool = max(self._engine.pool_size, KEPT_A_WORD * words)
        try:
            # Perhaps in a thread of its own, while another one writes.
            with RECORDING:
                return self._engine.read(
                    tokens,
                    self._prompts.prefix(words, focus),
                    focus=self._prompts.focus(focus) if focus else None,
                    pool_size=pool,
                    block_size=self._block,
                    ranking=ranking,
                    progress=(progress or Progress()).reading,
                )
        except torch.OutOfMemoryError:
            raise ModelError(
                "model", f"too little memory on {self.device} (use --device cpu, or less --block or --pool)"
            ) from None

    def compose(self, assigned: Sequence[Assignment], **writing: Any) -> list[list[Composed]]:
        """The sentences of each document's summary, each with those of the document that it rests on.

        Where nothing that was kept can be quoted, such as rows of a table, what was not kept is; where a document has
        no sentence to quote, the model's own words take over.

        **writing: what else `write` takes, for the model's own words.
        """
        composed = [_quotes(one) if one.wording == "quoted" else [] for one in assigned]
        unquoted = [index for index, sentences in enumerate(composed) if not sentences]
        texts = self.write([assigned[index] for index in unquoted], **writing) if unquoted else []
        for index, text in zip(unquoted, texts, strict=True):
            composed[index] = _own(assigned[index], text)
        return composed

    @torch.inference_mode()
    def write(
        self,
        assigned: Sequence[Assignment],
        *,
        grounded: bool = True,
        drafts: int | None = None,
        contrast: float = CONTRAST,
        speculate: bool = True,
    ) -> list[str]:
        """Each document's summary in the model's own words, on a GPU side by side.

        Args:
            assigned: the documents. For another writer, what to pay attention to counts; the model has it from `read`.
            grounded: write no number and no name that the document lacks.
            drafts: of each sentence; the summarizer's own number by default. Not for another writer.
            contrast: how much it counts what the document adds to what the model would write without it. Not for
                another writer.
            speculate: write a single draft faster by guessing what comes next; the text is the same without.
        """
        groundings = [Grounding(one.document.text, self._vocabulary.ordinary) if grounded else None for one in assigned]
        if self._writer is not None:
            return [
                self._writer.write(
                    _sentences(one),
                    one.words,
                    focus=one.focus,
                    grounding=grounding,
                    progress=one.progress.writing,
                )
                for one, grounding in zip(assigned, groundings, strict=True)
            ]
        wanted = [
            Wanted(
                one.reading,
                one.words,
                grounding,
                support=one.support.share,
                copied=[one.tokens.ids[place] for place in one.reading.kept.tolist()] if speculate else None,
                progress=one.progress.writing,
            )
            for one, grounding in zip(assigned, groundings, strict=True)
        ]
        return self._engine.write(self._vocabulary, wanted, drafts=drafts or self._drafts, contrast_weight=contrast)


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


def _attempt(work: Callable[..., Outcome], source: Input, options: dict[str, Any]) -> Outcome | DocumentError:
    """What `work` makes of a source, or the DocumentError that it raises, which then names the source."""
    try:
        return work(source, **options)
    except DocumentError as error:
        error.source = source.source if isinstance(source, Document) else str(source)
        return error


def _quotes(assigned: Assignment) -> list[Composed]:
    """A summary of the document's own sentences; empty if it has none to quote."""
    document, words = assigned.document, assigned.words
    texts = [document.text[sentence.start : sentence.end] for sentence in document.sentences]
    logits = torch.logit(assigned.reading.scores, eps=1e-6).tolist()
    spoken = is_conversation(document)
    choose = partial(quote, texts, logits, words=words, focus=assigned.focus, spoken=spoken)
    quotes = choose(assigned.kept) or choose(range(len(texts)))
    if quotes:
        assigned.progress.writing(sum(len(found.text.split()) for found in quotes), words)
    return [Composed(found.text, (found.index,), quoted=True) for found in quotes]


def _own(assigned: Assignment, text: str) -> list[Composed]:
    """The sentences of a summary in a model's words, with what supports them."""
    sentences = [text[start:end] for start, end in split_sentences(text)]
    return [
        Composed(sentence, tuple(assigned.kept[place] for place in assigned.support.of(sentence)), quoted=False)
        for sentence in sentences
    ]


def _sentences(assigned: Assignment) -> list[Sentence]:
    """What another writer reads: the sentences that were kept whole, or the best one where none was."""
    document = assigned.document
    scores = assigned.reading.scores.tolist()
    kept = assigned.kept or [scores.index(max(scores))]
    starts = [paragraph.start for paragraph in document.paragraphs]
    return [
        Sentence(document.text[sentence.start : sentence.end], scores[index], bisect_right(starts, sentence.start))
        for index, sentence in ((index, document.sentences[index]) for index in kept)
    ]


def _rest(sentences: list[Composed], assigned: Assignment) -> tuple[list[Statement], list[Passage]]:
    """The summary's sentences, and the passages that they rest on, in document order.

    Where statements name fewer than `PASSAGES`, those that the scorer liked best come along.
    """
    document = assigned.document
    scores = assigned.reading.scores.tolist()
    named = [sentence.sources for sentence in sentences]
    chosen = {index for indices in named for index in indices}
    for index in sorted(assigned.kept, key=lambda index: -scores[index]):
        if len(chosen) >= PASSAGES:
            break
        chosen.add(index)
    groups = _neighbours(sorted(chosen), document)
    home = {index: number for number, group in enumerate(groups) for index in group}
    spans = list(assigned.tokens.sentence_spans())
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
