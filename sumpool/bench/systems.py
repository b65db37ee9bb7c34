"""One run of one system, in the process that asks for it: load, extract, read and write, each timed.

All get the same ids: the instruction, the document and the answer's beginning, as our own model would see them if it
pooled nothing. All write as many tokens as our summary has; our own words end when they are complete.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sumpool.bench.machine import cores, peak_memory
from sumpool.documents import Document, read_document
from sumpool.modeling.blocks import tokenize
from sumpool.modeling.config import PyramidionConfig
from sumpool.modeling.prompts import Prompts
from sumpool.progress import Progress
from sumpool.summary import Wording

CHUNK = 3_000
"""Document tokens in a chunk: what LangChain's map-reduce summarization puts together at most."""
_TRIM = 0.05
"""The share of a document that a system with a window may leave out and still count as reading the whole."""


@dataclass(frozen=True, slots=True)
class Task:
    """What one run is to do.

    Attributes:
        system: one of `SYSTEMS`.
        variant: the type that transformers computes in.
        checkpoint: of our model.
        weights: the same weights as the system wants them; the checkpoint itself for ours.
        document: a file.
        words: to ask for.
        tokens: to write.
        device: "cpu", "cuda" or "mps".
    """

    system: str
    variant: str
    checkpoint: str
    weights: str
    document: str
    words: int
    tokens: int
    device: str


@dataclass(slots=True)
class Run:
    """What one run took; `peak_bytes` of memory, on the GPU where it ran on one."""

    document_tokens: int = 0
    read_tokens: int = 0
    written_tokens: int = 0
    load: float = 0.0
    extract: float = 0.0
    read: float = 0.0
    write: float = 0.0
    peak_bytes: int | None = None
    note: str = ""

    @property
    def total(self) -> float:
        return self.load + self.extract + self.read + self.write


class BeyondWindow(Exception):
    """The document is longer than what a system can read; the message says what it reads."""


@dataclass(slots=True)
class _Clock:
    """Gives the seconds since it was asked last."""

    last: float = field(default_factory=time.perf_counter)

    def lap(self) -> float:
        now = time.perf_counter()
        seconds, self.last = now - self.last, now
        return seconds


def perform(task: Task) -> Run:
    """Do the task; BeyondWindow if the system can't."""
    systems: dict[str, Callable[[Task, Run, _Clock], None]] = {
        "sumpool": _ours,
        "own": _ours,
        "greedy": _ours,
        "full": _full,
        "truncated": _truncated,
        "chunks": _chunks,
        "llamacpp-q8": _llama_cpp,
        "llamacpp-q4": _llama_cpp,
    }
    run = Run()
    systems[task.system](task, run, _Clock())
    run.peak_bytes = _peak(task.device)
    return run


OPTIONS: dict[str, dict[str, Any]] = {"sumpool": {}, "own": {}, "greedy": {"drafts": 1, "contrast": 0.0}}
"""How our systems differ besides the wording: options of `Summarizer.compose`."""


def _ours(task: Task, run: Run, clock: _Clock) -> None:
    from sumpool.summarizer import Assignment, Summarizer

    summarizer = Summarizer(task.checkpoint, device=task.device)
    run.load = clock.lap()
    document = read_document(task.document)
    run.extract = clock.lap()
    tokens = summarizer.tokenize(document)
    wording: Wording = "quoted" if task.system == "sumpool" else "own"
    reading = summarizer.read(tokens, task.words, wording=wording)
    run.read = clock.lap()
    watcher = _Watcher(run, clock)
    assigned = Assignment(document, tokens, reading, task.words, wording, progress=watcher)
    [sentences] = summarizer.compose([assigned], **OPTIONS[task.system])
    run.write = clock.lap()
    run.document_tokens = run.read_tokens = len(tokens)
    text = " ".join(sentence.text for sentence in sentences)
    run.written_tokens = len(Prompts.load(Path(task.checkpoint)).plain(text))


class _Watcher(Progress):
    """Counts as reading what comes before the first written token, as it does for the others."""

    def __init__(self, run: Run, clock: _Clock) -> None:
        self._run, self._clock = run, clock

    def writing(self, words: int, target: int) -> None:
        if words == 0:
            self._run.read += self._clock.lap()


class _Asked:
    """A document as ids, and what stands around it."""

    def __init__(self, task: Task, run: Run, clock: _Clock) -> None:
        self.prompts = Prompts.load(Path(task.checkpoint))
        self.window = PyramidionConfig.load(Path(task.checkpoint)).max_position_embeddings
        clock.lap()
        document: Document = read_document(task.document)
        run.extract = clock.lap()
        sentences = [(sentence.start, sentence.end) for sentence in document.sentences]
        self.ids = tokenize(self.prompts, document.text, sentences).ids
        self.prefix = self.prompts.prefix(task.words)
        run.document_tokens = run.read_tokens = len(self.ids)
        self.room = self.window - task.tokens - len(self.prefix) - len(self.prompts.answer)
        """Document tokens that the window has room for."""

    def around(self, ids: Sequence[int]) -> list[int]:
        return [*self.prefix, *ids, *self.prompts.answer]


def _full(task: Task, run: Run, clock: _Clock) -> None:
    llama = _Llama(task, run, clock)
    asked = _Asked(task, run, clock)
    if len(asked.ids) > asked.room:
        run.note = f"longer than the {asked.window:,} tokens that the weights were trained for: only its cost counts"
    llama.write(asked.around(asked.ids), task.tokens, run)


def _truncated(task: Task, run: Run, clock: _Clock) -> None:
    llama = _Llama(task, run, clock)
    asked = _Asked(task, run, clock)
    kept = asked.ids[: asked.room]
    run.read_tokens = len(kept)
    llama.write(asked.around(kept), task.tokens, run)


def _chunks(task: Task, run: Run, clock: _Clock) -> None:
    """Map and reduce: a summary of each chunk, and of what they make together, until that is one chunk."""
    llama = _Llama(task, run, clock)
    asked = _Asked(task, run, clock)
    run.read_tokens = 0
    ids = asked.ids
    while True:
        chunks = [ids[start : start + CHUNK] for start in range(0, len(ids), CHUNK)]
        ids = []
        for chunk in chunks:
            ids += llama.write(asked.around(chunk), task.tokens, run)
            run.read_tokens += len(chunk)
        if len(chunks) == 1:
            return


class _Llama:
    """The weights in transformers."""

    def __init__(self, task: Task, run: Run, clock: _Clock) -> None:
        import torch
        from transformers import AutoModelForCausalLM
        from transformers.utils import logging

        logging.disable_progress_bar()
        self._device = torch.device(task.device)
        model: Any = AutoModelForCausalLM.from_pretrained(
            task.weights, dtype=getattr(torch, task.variant), attn_implementation="sdpa", local_files_only=True
        )
        self._model = model.to(self._device).eval()
        run.load = clock.lap()

    def write(self, ids: Sequence[int], count: int, run: Run) -> list[int]:
        """Go on after `ids` by `count` tokens, greedily; what `run` took grows."""
        import torch

        clock = _Clock()
        reading: list[float] = []

        def first_token(*_: Any, **__: Any) -> bool:
            if not reading:
                reading.append(clock.lap())
            return False

        asked = torch.tensor([ids], device=self._device)
        out = self._model.generate(
            asked,
            attention_mask=torch.ones_like(asked),
            max_new_tokens=count,
            min_new_tokens=count,
            do_sample=False,
            pad_token_id=0,
            stopping_criteria=[first_token],
        )
        written: list[int] = out[0, len(ids) :].tolist()
        run.read += reading[0]
        run.write += clock.lap()
        run.written_tokens += len(written)
        return written


def _llama_cpp(task: Task, run: Run, clock: _Clock) -> None:
    import llama_cpp

    gpu = task.device == "cuda"
    if gpu and not llama_cpp.llama_supports_gpu_offload():
        raise BeyondWindow("this llama-cpp-python was built without support for the GPU")
    asked = _Asked(task, run, clock)
    kept = asked.ids[: max(asked.room, 0)]
    if len(kept) < (1 - _TRIM) * len(asked.ids):
        raise BeyondWindow(f"longer than its context of {asked.window:,} tokens")
    clock.lap()
    llama = llama_cpp.Llama(
        task.weights, n_ctx=asked.window, n_threads=cores(), n_gpu_layers=-1 if gpu else 0, verbose=False
    )
    run.load = clock.lap()
    ids = asked.around(kept)
    tokens: Iterator[int] = llama.generate(ids, temp=0.0, repeat_penalty=1.0)
    next(tokens)
    run.read = clock.lap()
    for _ in range(task.tokens - 1):
        next(tokens)
    run.write = clock.lap()
    run.read_tokens, run.written_tokens = len(kept), task.tokens


def _peak(device: str) -> int | None:
    if device == "cuda":
        import torch

        return int(torch.cuda.max_memory_allocated())
    return peak_memory()
