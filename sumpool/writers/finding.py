"""Finding other people's models, on disk or on the hub, and telling one from another. Free of torch.

Weights are read from safetensors only, and no code of a model's is ever run.
"""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

from sumpool.errors import ModelError
from sumpool.modeling.checkpoint import MANIFEST
from sumpool.modeling.hub import download

CONFIG = "config.json"
WEIGHTS = "*.safetensors"
_FILES = ("*.json", WEIGHTS, "*.model", "*.txt", "*.jinja")
"""What is downloaded: configs, weights, tokenizers, chat templates; no pickles and no code."""
_PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.h5", "*.msgpack")
_HUB_NAME = re.compile(r"\w[\w.-]*(?:/[\w.-]+)?")
_SAMPLE, _SAMPLES = 2**12, 2**12
"""Bytes, and how many times so many are looked at in a file of weights."""


@dataclass(frozen=True, slots=True)
class FoundWriter:
    """A model's directory, and the name that it goes by."""

    name: str
    directory: Path

    def fingerprint(self) -> str:
        """SHA-256 in hexadecimal of all that decides what it writes, wherever it lies.

        Of large files of weights, samples from end to end count: training changes all of a file, and reading gigabytes
        would take longer than most summaries.
        """
        digest = hashlib.sha256()
        for pattern in _FILES:
            for file in sorted(self.directory.glob(pattern)):
                size = file.stat().st_size
                digest.update(f"{file.name} {size}\n".encode())
                step = max(size // _SAMPLES, _SAMPLE) if pattern == WEIGHTS else _SAMPLE
                with open(file, "rb") as content:
                    for start in range(0, size, step):
                        content.seek(start)
                        digest.update(content.read(_SAMPLE))
        return digest.hexdigest()


def find_writer(name: str | os.PathLike[str]) -> FoundWriter:
    """The model in a directory or of a name on the hub; ModelError if there is none, or none that is safe to load."""
    wanted = os.fspath(name)
    path = Path(wanted).expanduser()
    if path.is_dir():
        found = FoundWriter(path.resolve().name, path)
    elif path.exists():
        raise ModelError("writer", f"{wanted}: a file, not a model (give the directory that holds {CONFIG})")
    elif _HUB_NAME.fullmatch(wanted):
        found = FoundWriter(wanted, download(wanted, _FILES, needed=WEIGHTS))
    else:
        raise ModelError("writer", f"{wanted}: no such directory (give a model's directory or its name on the hub)")
    _check(found)
    return found


def _check(found: FoundWriter) -> None:
    directory = found.directory
    if (directory / MANIFEST).is_file():
        raise ModelError("writer", f"{found.name} is a sumpool model, which reads and writes (use --model)")
    if not (directory / CONFIG).is_file():
        what = "an adapter, not a whole model" if (directory / "adapter_config.json").is_file() else "not a model"
        raise ModelError("writer", f"{directory} is {what}: it has no {CONFIG} (give a model's directory)")
    if not any(directory.glob(WEIGHTS)):
        pickled = any(file for pattern in _PICKLES for file in directory.glob(pattern))
        why = "only pickled weights, which can run code when they are loaded" if pickled else "no weights"
        raise ModelError("writer", f"{found.name} has {why} (use one with {WEIGHTS} files)")
