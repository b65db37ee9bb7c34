"""Checkpoints on disk: where they are found, how they are stored, loaded and checked.

A checkpoint is a directory with `config.json`, `tokenizer.json`, the weights in parts, and
`checkpoint.json`, which names every part with its size and SHA-256. Matrices are int8 with
one float32 scale a row, so that a retrained part replaces only its own file. Encoder-decoders
(`sumpool.modeling.transpooler`) are stored as transformers stores them, under the same manifest. safetensors
only: nothing in a checkpoint is ever executed. Free of torch until something is loaded.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sumpool.errors import ModelError
from sumpool.modeling.config import PyramidionConfig

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from sumpool.modeling.pyramidion_lm import PyramidionLM

DEFAULT_MODEL = "sumpool-135m"
MANIFEST = "checkpoint.json"
PART_LIMIT = 45_000_000
ALIGNMENT = 16
"""Bytes. torch's int8 kernel reads sixteen at a time where a CPU has AVX-512, and crashes if they aren't aligned."""
SCALE = ".scale"


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What `sumpool models` shows of a checkpoint."""

    name: str
    path: Path
    size_bytes: int
    parameters: int
    licence: str
    base: str


def model_directories() -> list[Path]:
    """Where installed models live: beside the package in a wheel, or in the checkout's `models/`."""
    package = Path(__file__).resolve().parent.parent
    return [directory for directory in (package / "models", package.parent / "models") if directory.is_dir()]


def list_models() -> list[ModelInfo]:
    """Every installed checkpoint; ModelError if one is damaged beyond naming."""
    found: dict[str, ModelInfo] = {}
    for directory in model_directories():
        for manifest in sorted(directory.glob(f"*/{MANIFEST}")):
            info = describe_model(manifest.parent)
            found.setdefault(info.name, info)
    return list(found.values())


def describe_model(directory: Path) -> ModelInfo:
    """The facts in a checkpoint's manifest, without loading weights."""
    manifest = _manifest(directory)
    return ModelInfo(
        name=directory.name,
        path=directory,
        size_bytes=sum(part["bytes"] for part in manifest["parts"].values()),
        parameters=int(manifest.get("parameters", 0)),
        licence=str(manifest.get("licence", "unknown")),
        base=str(manifest.get("base", "unknown")),
    )


def find_model(name: str | os.PathLike[str] | None = None) -> Path:
    """The directory of an installed model's name, of a path, or of a hub repository; ModelError if there is none."""
    wanted = os.fspath(name) if name is not None else DEFAULT_MODEL
    for directory in model_directories():
        if "/" not in wanted and (directory / wanted / MANIFEST).is_file():
            return directory / wanted
    path = Path(wanted).expanduser()
    if path.is_dir():
        if not (path / MANIFEST).is_file():
            raise ModelError("model", f"{wanted} is not a sumpool checkpoint: it has no {MANIFEST}")
        return path
    if wanted.count("/") == 1 and not wanted.startswith((".", "/", "~")):
        return _download(wanted)
    if name is None:
        raise ModelError("model", f"the shipped model {DEFAULT_MODEL} is missing (install sumpool again)")
    names = ", ".join(info.name for info in list_models()) or "none"
    raise ModelError("model", f"no model {wanted!r} (installed: {names}; or give a checkpoint's directory)")


def load_model(directory: Path, *, device: torch.device, dtype: torch.dtype, keep_int8: bool = False) -> PyramidionLM:
    """The model in `directory`, in evaluation mode.

    keep_int8: compute with the matrices as they are stored, all else in float32. For inference on a CPU.

    Raises:
        ModelError: a file is missing, damaged, or of another model.
    """
    from sumpool.modeling.pyramidion_lm import PyramidionLM

    manifest = _manifest(directory)
    model = PyramidionLM(load_config(directory))
    weights: dict[str, Tensor] = {}
    for name, part in manifest["parts"].items():
        if name.endswith(".safetensors"):
            weights.update(_load_part(directory / name, part))
    if keep_int8:
        model.use_int8()
        weights = {name.replace(".weight" + SCALE, SCALE): tensor for name, tensor in weights.items()}
    else:
        scales = {name: weights.pop(name + SCALE) for name in list(weights) if name + SCALE in weights}
        for name, tensor in weights.items():
            scale = scales.get(name)
            weights[name] = tensor.to(dtype) if scale is None else dequantize(tensor, scale, dtype)
    try:
        model.load_state_dict(weights, strict=True, assign=True)
    except RuntimeError as error:
        reason = str(error).splitlines()[-1].strip()
        raise ModelError("model", f"{directory}: weights don't fit its config ({reason})") from None
    return model.to(device=device).requires_grad_(False).eval()


def save_model(model: PyramidionLM, directory: Path, *, tokenizer_json: str | None = None, **facts: Any) -> None:
    """Write `model` as a checkpoint. Parts whose bytes don't change are left alone.

    `facts` (base, licence, ...) go into the manifest; those of an existing manifest are kept.
    """
    directory.mkdir(parents=True, exist_ok=True)
    files: dict[str, bytes] = {
        "config.json": (json.dumps(model.config.as_dict(), indent=2) + "\n").encode(),
    }
    if tokenizer_json is not None:
        files["tokenizer.json"] = tokenizer_json.encode()
    for name, tensors in _parts(model):
        files[f"{name}.safetensors"] = _safetensors(tensors)
    for name, content in files.items():
        _write(directory / name, content)
    seal(
        directory, {*files, "tokenizer.json"}, parameters=sum(weight.numel() for weight in model.parameters()), **facts
    )


def seal(directory: Path, names: set[str], *, parameters: int, **facts: Any) -> None:
    """Write the manifest of a checkpoint whose files are there; parts that an earlier one named besides are deleted.

    `facts` (base, licence, ...) as `save_model` says.
    """
    previous = json.loads((directory / MANIFEST).read_text("utf-8")) if (directory / MANIFEST).is_file() else {}
    for stale in set(previous.get("parts", {})) - names:
        (directory / stale).unlink(missing_ok=True)
    parts = {}
    for name in sorted(names):
        content = (directory / name).read_bytes()
        parts[name] = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    manifest = {**previous, **facts, "parameters": parameters, "parts": parts}
    _write(directory / MANIFEST, (json.dumps(manifest, indent=2) + "\n").encode())


def add_part(directory: Path, name: str, content: bytes) -> None:
    """Write a file into the checkpoint in `directory`, as one more of its parts or in an old one's place."""
    manifest = _manifest(directory)
    _write(directory / name, content)
    seal(directory, {*manifest["parts"], name}, parameters=manifest["parameters"])


def find_part(directory: Path, name: str) -> Path | None:
    """A file that a checkpoint may do without; None if it does, ModelError if it is damaged."""
    part = _manifest(directory)["parts"].get(name)
    if part is None:
        return None
    _check_part(directory / name, part)
    return directory / name


def load_config(directory: Path) -> PyramidionConfig:
    """The dimensions of the PyramidionLM in `directory`; ModelError if that is another model, or damaged."""
    try:
        return PyramidionConfig.load(directory)
    except (OSError, ValueError) as error:
        raise ModelError("model", f"{directory / 'config.json'}: {error} (name another model)") from None


def model_type(directory: Path) -> str:
    """The family of the model in `directory`, as its config.json names it; ModelError if it can't be read."""
    path = directory / "config.json"
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["model_type"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError("model", f"{path}: {error} (install the model again)") from None


def check_parts(directory: Path) -> None:
    """ModelError if a file of the checkpoint is missing, or not what the manifest says."""
    for name, part in _manifest(directory)["parts"].items():
        _check_part(directory / name, part)


def quantize(weight: Tensor) -> tuple[Tensor, Tensor]:
    """A matrix [rows, columns] as int8 and one float32 scale a row [rows]: weight ~ int8 * scale."""
    scale = weight.float().abs().amax(dim=1).clamp_min(1e-12) / 127
    return (weight.float() / scale[:, None]).round().clamp(-127, 127).char(), scale


def dequantize(stored: Tensor, scale: Tensor, dtype: torch.dtype) -> Tensor:
    """The inverse of `quantize`, in `dtype`."""
    # Widened first: torch multiplies mixed types one by one.
    return stored.float().mul_(scale[:, None]).to(dtype)


def _parts(model: PyramidionLM) -> Iterator[tuple[str, dict[str, Tensor]]]:
    """The model's tensors as stored, part by part, in files of bounded size."""
    groups: dict[str, dict[str, Tensor]] = {"embeddings": {}, "scorer": {}, "lower": {}, "upper": {}}
    # The last norm is trained with the layers before it.
    homes = {"embed_tokens": "embeddings", "norm": "upper"}
    for name, tensor in model.state_dict().items():
        module = name.split(".")[0]
        group = homes.get(module, module)
        stored = groups[group]
        if tensor.ndim == 2 and group != "scorer":
            stored[name], stored[name + SCALE] = (t.contiguous().cpu() for t in quantize(tensor))
        else:
            stored[name] = tensor.float().contiguous().cpu()
    for group, tensors in groups.items():
        size = sum(tensor.nbytes for tensor in tensors.values())
        count = -(-size // PART_LIMIT)
        if count == 1:
            yield group, tensors
            continue
        layers = list(dict.fromkeys(_layer(name) for name in tensors))
        for index in range(count):
            share = set(layers[index * len(layers) // count : (index + 1) * len(layers) // count])
            chosen = {name: tensor for name, tensor in tensors.items() if _layer(name) in share}
            yield f"{group}-{index + 1}-of-{count}", chosen


def _layer(name: str) -> str:
    """The layer that a tensor of a stack belongs to, or the module that stands beside the layers."""
    return ".".join(name.split(".")[:2])


def _load_part(path: Path, part: dict[str, Any]) -> dict[str, Tensor]:
    """The tensors of a file as they are stored: matrices in int8, each with its scales under its name + `SCALE`."""
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        _check_part(path, part)
        # Mapped, not copied: several processes that use a model hold its int8 weights once.
        tensors = load_file(path)
    except SafetensorError as error:
        raise ModelError("model", f"{path} is not a safetensors file: {error}") from None
    # `save_model` aligns what it writes; what other tools wrote is copied to where it is aligned.
    return {
        name: tensor.clone() if tensor.dtype == torch.int8 and tensor.data_ptr() % ALIGNMENT else tensor
        for name, tensor in tensors.items()
    }


def _safetensors(tensors: dict[str, Tensor]) -> bytes:
    """A safetensors file whose data begin at a multiple of `ALIGNMENT`: its header is followed by spaces, as the
    format allows.

    Within the data every tensor of a size that is a multiple of it is aligned, too: all matrices of usual widths.
    """
    from safetensors.torch import save

    content = save(tensors)
    header = int.from_bytes(content[:8], "little")
    padding = -(8 + header) % ALIGNMENT
    return (header + padding).to_bytes(8, "little") + content[8 : 8 + header] + b" " * padding + content[8 + header :]


def _check_part(path: Path, part: dict[str, Any]) -> None:
    """ModelError if a file isn't what the manifest says."""
    try:
        intact = path.stat().st_size == part["bytes"] > 0 and _checksum(path) == part["sha256"]
    except OSError as error:
        raise ModelError("model", f"{path}: {error.strerror} (install the model again)") from None
    if not intact:
        raise ModelError("model", f"{path} is damaged: not what {MANIFEST} says (install the model again)")


def _checksum(path: Path) -> str:
    """The SHA-256 of a file that is not empty."""
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return hashlib.sha256(content).hexdigest()


def _manifest(directory: Path) -> dict[str, Any]:
    try:
        manifest: dict[str, Any] = json.loads((directory / MANIFEST).read_text(encoding="utf-8"))
        parts = manifest["parts"]
        if not all(isinstance(part["bytes"], int) and isinstance(part["sha256"], str) for part in parts.values()):
            raise ValueError("parts without size or checksum")
        if any(Path(name).name != name for name in parts):
            raise ValueError("parts outside the checkpoint's directory")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError("model", f"{directory / MANIFEST}: {error} (install the model again)") from None
    return manifest


def _download(repository: str) -> Path:
    from sumpool.modeling.hub import download

    directory = download(repository, ["*.json", "*.safetensors", "README.md"], needed=MANIFEST)
    if not (directory / MANIFEST).is_file():
        raise ModelError("model", f"{repository} on the hub is not a sumpool checkpoint: it has no {MANIFEST}")
    return directory


def _write(path: Path, content: bytes) -> None:
    """Atomically; a file that holds `content` already is not touched."""
    if path.is_file() and path.read_bytes() == content:
        return
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_bytes(content)
    temporary.replace(path)
