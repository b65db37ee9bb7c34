"""What a training run is told. Free of torch, so that the command line can name the choices."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

Part = Literal["scorer", "upper", "all", "lora"]
Pooling = Literal["hard", "soft"]
Precision = Literal["auto", "bf16", "fp32"]


@dataclass(frozen=True, slots=True)
class Settings:
    """The options of `sumpool train`, whose help says what each means."""

    train: list[Path]
    out: Path
    dev: list[Path] = field(default_factory=list)
    base: str | None = None
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
    device: str = "auto"
    precision: Precision = "auto"
    seed: int = 0
    stop: int | None = None
    resume: bool = False

    def curve(self) -> dict[str, Any]:
        """Those that decide the losses, as JSON values: a run is only resumed with the same."""
        free = {"out", "dev", "held", "every", "recompute", "cache", "device", "precision", "stop", "resume"}
        values = {name: value for name, value in asdict(self).items() if name not in free}
        values["train"] = sorted(str(path) for path in self.train)
        return values
