"""The process of one run, so that its memory is its own and what goes wrong in it stays there.

Task: the fields of `systems.Task`, {"prepare": [kind, variants, checkpoint, directory]} to convert
weights to files that are named after their variant, or {"pick": device} to find out what "auto" is.
Answers: {"run": {...}}, {"beyond": reason}, {"done": true} or {"device": name}.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, BinaryIO

from sumpool.documents.isolation import Answer, serve
from sumpool.errors import UsageError


def main() -> None:
    # Nothing here comes from a network: without this, transformers looks for newer files of a local model, too.
    os.environ["HF_HUB_OFFLINE"] = "1"
    serve(_work, "not enough memory")


def _work(task: dict[str, Any], data: bytes, requests: BinaryIO, answer: Answer) -> None:
    try:
        if "prepare" in task:
            _prepare(*task["prepare"])
            answer({"done": True})
        elif "pick" in task:
            _pick(task["pick"], answer)
        else:
            _run(task, answer)
    except RuntimeError as error:
        if "memory" in str(error):  # torch's way to say so
            raise MemoryError from error
        raise


def _run(task: dict[str, Any], answer: Answer) -> None:
    from sumpool.bench.systems import BeyondWindow, Task, perform

    try:
        run = perform(Task(**{field.name: task[field.name] for field in fields(Task)}))
    except BeyondWindow as error:
        answer({"beyond": str(error)})
    else:
        answer({"run": asdict(run)})


def _prepare(kind: str, variants: Sequence[str], checkpoint: str, directory: str) -> None:
    import torch

    from sumpool.bench.weights import save_gguf, save_llama

    for variant in variants:
        out = Path(directory) / variant
        if kind == "gguf":
            save_gguf(Path(checkpoint), out, variant)
        else:
            save_llama(Path(checkpoint), out, getattr(torch, variant))


def _pick(name: str, answer: Answer) -> None:
    from sumpool.summarizer import pick_device

    try:
        answer({"device": pick_device(name).type})
    except UsageError as error:
        answer({"error": [error.kind, error.message]})
