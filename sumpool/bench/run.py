"""The loop: make the documents, convert the weights, let each system do each document in a process of its own."""

from __future__ import annotations

import queue
from dataclasses import asdict, dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sumpool.bench.documents import make_text
from sumpool.bench.machine import cores, memory
from sumpool.bench.report import Report, Row, Skipped
from sumpool.bench.settings import OURS, Settings, shown_size
from sumpool.bench.systems import Run, Task
from sumpool.documents.isolation import Worker
from sumpool.errors import UsageError
from sumpool.modeling.checkpoint import find_model
from sumpool.modeling.prompts import Prompts
from sumpool.terminal import Terminal

WORKER = "sumpool.bench.worker"
TOKENS_A_WORD = 4 / 3
"""Tokens to write for each word asked for, where our own model has not told by writing."""
PREPARING = 600.0
"""Seconds that converting the weights may take."""
UNLIMITED = 1 << 50


class Failed(Exception):
    """A run came to nothing; the message says why."""


class Late(Failed):
    """It took longer than it may."""


@dataclass(frozen=True, slots=True)
class System:
    """What a system needs and how its cost goes.

    Attributes:
        kind: of weights: "checkpoint", "llama" or "gguf".
        variants: the types to try; where there are several, the fastest at each size counts.
        packages: modules that it can't do without.
        grows: its time grows with the document at least in proportion.
    """

    kind: str = "checkpoint"
    variants: tuple[str, ...] = ("",)
    packages: dict[str, str] = field(default_factory=dict)
    grows: bool = True


TYPES = ("float32", "bfloat16")
_LLAMA_CPP = {"llama_cpp": "llama-cpp-python", "gguf": "gguf"}
_SYSTEMS = {
    "sumpool": System(),
    "own": System(),
    "greedy": System(),
    "full": System("llama", TYPES),
    "truncated": System("llama", TYPES, grows=False),
    "chunks": System("llama", TYPES),
    "llamacpp-q8": System("gguf", ("Q8_0",), _LLAMA_CPP),
    "llamacpp-q4": System("gguf", ("Q4_0",), _LLAMA_CPP),
}


def bench(settings: Settings, terminal: Terminal) -> Report:
    """Every system on every document, `settings.repeat` times each.

    Raises:
        ModelError: there is no such model.
        UsageError: the device isn't there.
    """
    checkpoint = find_model(settings.model)
    if settings.device != "cpu":
        try:
            settings = replace(settings, device=_ask({"pick": settings.device}, PREPARING)["device"])
        except Failed as error:
            raise UsageError("device", str(error)) from None
    with TemporaryDirectory(prefix="sumpool-bench-") as scratch:
        return _Bench(settings, terminal, checkpoint, Path(scratch)).report()


class _Bench:
    """One run of the command."""

    def __init__(self, settings: Settings, terminal: Terminal, checkpoint: Path, scratch: Path) -> None:
        self._settings, self._terminal = settings, terminal
        self._checkpoint, self._scratch = checkpoint, scratch
        self._prompts = Prompts.load(checkpoint)
        self._rows: list[Row] = []
        self._skipped: list[Skipped] = []
        self._last: dict[str, tuple[int, float, float]] = {}
        """By system: the last size, and the seconds there that grow with the document, and those that do not."""

    def report(self) -> Report:
        systems = self._there()
        for size in self._settings.sizes:
            self._size(size, [name for name in systems if self._within_limit(name, size)])
        return Report(self._settings, self._rows, self._skipped)

    def _there(self) -> list[str]:
        """The systems that can run here; the others are left out with a word."""
        there = []
        for name in self._settings.systems:
            missing = [package for module, package in _SYSTEMS[name].packages.items() if find_spec(module) is None]
            if not missing:
                there.append(name)
                continue
            reason = f"{' and '.join(missing)} not installed (pip install 'sumpool[bench]')"
            self._skipped += [Skipped(name, size, reason) for size in self._settings.sizes]
            self._terminal.note(f"{name} is left out: {reason}")
        return there

    def _within_limit(self, name: str, size: int) -> bool:
        """Whether a run may be tried, by what it took at the last size."""
        if name not in self._last or not _SYSTEMS[name].grows:
            return True
        last, growing, fixed = self._last[name]
        expected = growing * size / last + fixed
        if expected <= self._settings.limit:
            return True
        limit = f"the limit of {self._settings.limit:g} s"
        self._skip(name, size, f"at least {expected:,.0f} s, judging by {shown_size(last)}: over {limit}")
        return False

    def _size(self, size: int, names: list[str]) -> None:
        """All runs at one size, in rounds of every system once: a moment when the machine is slow hits all alike."""
        document = self._scratch / f"{shown_size(size)}.txt"
        document.write_text(make_text(self._prompts, size), encoding="utf-8")
        tokens = round(self._settings.words * TOKENS_A_WORD)
        runs: dict[str, list[Run]] = {}
        chosen: dict[str, str] = {}
        for number in range(1, self._settings.repeat + 1):
            for name in list(names):
                variants = (chosen[name],) if name in chosen else _SYSTEMS[name].variants
                done: dict[str, Run] = {}
                for variant in variants:
                    try:
                        with self._terminal.document(f"{shown_size(size)}: {name}", number, self._settings.repeat):
                            done[variant] = self._run(name, variant, document, tokens)
                    except Failed as error:
                        failure = str(error)
                        if isinstance(error, Late):
                            self._last[name] = size, self._settings.limit, 0.0
                if not done:
                    names.remove(name)
                    self._skip(name, size, failure)
                    continue
                chosen[name], fastest = min(done.items(), key=lambda item: item[1].total)
                runs.setdefault(name, []).append(fastest)
                if name == OURS:
                    tokens = fastest.written_tokens
        for name in names:
            row = Row(name, size, chosen[name], tuple(runs[name]))
            self._rows.append(row)
            self._last[name] = size, row.seconds["read"], row.total - row.seconds["read"]

    def _skip(self, name: str, size: int, reason: str) -> None:
        self._skipped.append(Skipped(name, size, reason))
        self._terminal.note(f"{name} at {shown_size(size)} is left out: {reason}")

    def _run(self, name: str, variant: str, document: Path, tokens: int) -> Run:
        weights = self._weights(_SYSTEMS[name].kind, variant)
        task = Task(
            system=name,
            variant=variant,
            checkpoint=str(self._checkpoint.resolve()),
            weights=str(weights),
            document=str(document),
            words=self._settings.words,
            tokens=tokens,
            device=self._settings.device,
        )
        answer = _ask(asdict(task), self._settings.limit)
        if "beyond" in answer:
            raise Failed(answer["beyond"])
        return Run(**answer["run"])

    def _weights(self, kind: str, variant: str) -> Path:
        """The weights as a system wants them, converted when they are first asked for."""
        checkpoint = self._checkpoint.resolve()
        if kind == "checkpoint":
            return checkpoint
        out = self._scratch / variant
        if not out.exists():
            # All types of transformers at once: importing it takes longer than to write one more.
            variants = TYPES if kind == "llama" else (variant,)
            _ask({"prepare": [kind, variants, str(checkpoint), str(self._scratch)]}, PREPARING)
        return out


def _ask(task: dict[str, Any], seconds: float) -> dict[str, Any]:
    """What a process answers that does the task; Failed if it can't, or not in time."""
    inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
    limits = {"memory": memory() or UNLIMITED, "seconds": seconds * cores() * 2}
    worker = Worker(WORKER, {**limits, **task}, b"", inbox)
    try:
        _, answer = inbox.get(timeout=seconds)
    except queue.Empty:
        raise Late(f"not done after {seconds:g} s, the limit") from None
    finally:
        worker.stop()
    if answer is None:
        raise Failed("its process ended without a result")
    if "error" in answer:
        raise Failed(answer["error"][1])
    found: dict[str, Any] = answer
    return found
