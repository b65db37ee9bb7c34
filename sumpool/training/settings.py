"""What a training run is told. Free of torch, so that the command line can name the choices."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

Part = Literal["scorer", "upper", "layers", "all", "lora"]
Pooling = Literal["hard", "soft"]
Precision = Literal["auto", "bf16", "fp32"]
Arch = Literal["vanilla", "blockwise", "transpooler", "pyramidion"]

STATE, LOG = "training.safetensors", "training.jsonl"
"""What lies beside the checkpoint as training goes."""

_FREE = {
    "out", "dev", "held", "every", "tokens_at_once", "recompute", "cache", "workers", "device", "precision", "stop",
    "resume",
}  # fmt: skip
_DECODERS = {"part", "pooling", "split_layer", "oracle_loss", "rank"}
"""Options that mean something for the shipped architecture only."""
_ENCODER_DECODERS = {"arch", "operator", "schedule", "vocabulary", "width", "layers"}
"""Options that mean something with `arch` only."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The options of `sumpool train`, whose help says what each means."""

    train: list[Path]
    out: Path
    dev: list[Path] = field(default_factory=list)
    base: str | None = None
    arch: Arch | None = None
    operator: str = "successive-halving"
    schedule: dict[int, int] = field(default_factory=dict)
    vocabulary: int = 8_000
    width: int = 256
    layers: int = 4
    part: Part = "upper"
    pooling: Pooling = "hard"
    split_layer: int | None = None
    pool: int | None = None
    block: int | None = None
    steps: int | None = None
    batch: int = 4
    rate: float = 2e-4
    warmup: int = 20
    oracle_loss: float = 0.0
    rank: int = 16
    weights: dict[str, float] = field(default_factory=dict)
    longest_document: int = 8_000
    longest_summary: int = 320
    held: int = 24
    every: int = 50
    tokens_at_once: int = 16_384
    recompute: bool = False
    cache: Path | None = None
    workers: int = 0
    device: str = "auto"
    precision: Precision = "auto"
    seed: int = 0
    stop: int | None = None
    resume: bool = False

    def curve(self) -> dict[str, Any]:
        """Those that decide the losses, as JSON values: a run is only resumed with the same."""
        free = _FREE | (_ENCODER_DECODERS if self.arch is None else _DECODERS)
        values = {name: value for name, value in asdict(self).items() if name not in free}
        values["train"] = sorted(str(path) for path in self.train)
        # JSON knows no numbers as keys.
        values |= {"schedule": sorted(self.schedule.items())} if self.arch else {}
        return values

    def misplaced(self) -> list[str]:
        """The options that were given and belong to another architecture."""
        names = _ENCODER_DECODERS if self.arch is None else _DECODERS | {"cache"}
        plain = Settings(self.train, self.out)
        return sorted(name for name in names if getattr(self, name) != getattr(plain, name))
