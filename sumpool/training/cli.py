"""`sumpool train`: parse, check what can be checked at once, call the trainer. Free of torch until then."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from sumpool.errors import SumpoolError, UsageError
from sumpool.training.settings import Arch, Settings

DEFAULTS = Settings([], Path())
SCRATCH_RATE = 1e-3
EXTRA = 'pip install "sumpool[train]"'

TRAIN_EXAMPLES = """Examples:

\b
  sumpool train pairs.jsonl --dev held-out.jsonl --out my-model
  sumpool train pairs.jsonl --out my-model --resume
  sumpool train pairs.jsonl --out my-model --train all --pooling soft --oracle-loss 0.5 --batch 32
  torchrun --nproc-per-node 4 -m sumpool train pairs.jsonl --out my-model --train all
  sumpool train pairs.jsonl --out from-scratch --arch pyramidion --batch 16 --steps 20000
  sumpool train pairs.jsonl --out from-bart --arch transpooler --base facebook/bart-base

A data file holds one JSON object a line with "document" and "summary", and optionally "id", "kind" and "focus";
.jsonl.zst is read as it is. State and log (training.jsonl) are kept in --out as training goes."""


def train(
    data: Annotated[list[Path], typer.Argument(metavar="TRAIN.jsonl...", show_default=False)],
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Where the trained model goes.", show_default=False)
    ],
    dev: Annotated[
        list[Path] | None,
        typer.Option("--dev", metavar="DEV.jsonl", help="Data for the validation loss; may be repeated."),
    ] = None,
    base: Annotated[
        str | None,
        typer.Option(
            "--base",
            metavar="NAME_OR_PATH",
            help="What to start from: an installed model, a checkpoint, or a directory with a Llama-family model of "
            "transformers, which is split on the spot.  [default: the shipped model; with --arch, nothing]",
            show_default=False,
        ),
    ] = None,
    arch: Annotated[
        Arch | None,
        typer.Option(
            "--arch",
            metavar="vanilla|blockwise|transpooler|pyramidion",
            help="Train an encoder-decoder of this kind, from scratch or from a --base of the BART family, such as "
            "facebook/bart-base.",
            show_default=False,
        ),
    ] = None,
    operator: Annotated[
        Literal["successive-halving", "hard", "random", "iterative", "optimal-transport"],
        typer.Option(
            "--operator",
            metavar="NAME",
            help="With --arch, the top-k operator: successive-halving, hard, random, iterative or optimal-transport.",
        ),
    ] = "successive-halving",
    schedule: Annotated[
        list[str] | None,
        typer.Option(
            "--schedule",
            metavar="LAYER=LENGTH",
            help="Representations that a Pyramidion keeps behind an encoder layer; may be repeated.  "
            "[default: halvings from 16 times the pool, spread over the layers]",
            show_default=False,
        ),
    ] = None,
    vocabulary: Annotated[
        int,
        typer.Option("--vocabulary", min=500, help="From scratch, pieces of the vocabulary made of the data."),
    ] = DEFAULTS.vocabulary,
    width: Annotated[
        int, typer.Option("--width", min=8, help="From scratch, the size of a representation.")
    ] = DEFAULTS.width,
    layers: Annotated[
        int, typer.Option("--layers", min=1, help="From scratch, layers of the encoder and of the decoder.")
    ] = DEFAULTS.layers,
    part: Annotated[
        Literal["scorer", "upper", "layers", "all", "lora"],
        typer.Option(
            "--train",
            metavar="scorer|upper|layers|all|lora",
            help="What is trained; all else is frozen. Layers: lower and upper; all: the embeddings, too.",
        ),
    ] = DEFAULTS.part,
    pooling: Annotated[
        Literal["hard", "soft"],
        typer.Option(
            "--pooling",
            metavar="hard|soft",
            help="Soft: by Successive Halving Top-k, so that the summary's loss trains the scorer, growing hard as "
            "training goes.",
        ),
    ] = DEFAULTS.pooling,
    oracle_loss: Annotated[
        float,
        typer.Option(
            "--oracle-loss",
            min=0,
            help="Weight of the scorer's loss on extractive-oracle labels; with soft pooling it falls to 0.",
        ),
    ] = DEFAULTS.oracle_loss,
    split_layer: Annotated[
        int | None,
        typer.Option(
            "--split-layer", min=1, help="Layers below the pooler.  [default: the base's]", show_default=False
        ),
    ] = None,
    pool: Annotated[
        int | None,
        typer.Option("--pool", min=16, help="Representations kept.  [default: the base's]", show_default=False),
    ] = None,
    block: Annotated[
        int | None,
        typer.Option("--block", min=32, help="Document tokens in a block.  [default: the base's]", show_default=False),
    ] = None,
    rank: Annotated[int, typer.Option("--rank", min=1, help="Rank of --train lora.")] = DEFAULTS.rank,
    steps: Annotated[
        int | None, typer.Option("--steps", min=1, help="Steps.  [default: one pass over the data]", show_default=False)
    ] = None,
    batch: Annotated[int, typer.Option("--batch", min=1, help="Documents a step.")] = DEFAULTS.batch,
    rate: Annotated[
        float | None,
        typer.Option(
            "--rate",
            min=0,
            help=f"Peak learning rate.  [default: {DEFAULTS.rate}; from scratch {SCRATCH_RATE}]",
            show_default=False,
        ),
    ] = None,
    warmup: Annotated[
        int, typer.Option("--warmup", min=1, help="Steps to the peak; a cosine leads down from it.")
    ] = DEFAULTS.warmup,
    weight: Annotated[
        list[str] | None,
        typer.Option(
            "--weight",
            metavar="KIND=W",
            help="How often a kind of document is drawn; may be repeated, others are left out.  [default: by count]",
            show_default=False,
        ),
    ] = None,
    longest_document: Annotated[
        int, typer.Option("--longest-document", min=1, metavar="WORDS", help="Documents are cut there in training.")
    ] = DEFAULTS.longest_document,
    longest_summary: Annotated[
        int, typer.Option("--longest-summary", min=8, metavar="WORDS", help="Pairs with longer ones are left out.")
    ] = DEFAULTS.longest_summary,
    held: Annotated[int, typer.Option("--held", min=1, help="Development pairs to validate on.")] = DEFAULTS.held,
    every: Annotated[
        int, typer.Option("--every", min=1, help="Steps between states and validations.")
    ] = DEFAULTS.every,
    tokens_at_once: Annotated[
        int,
        typer.Option("--tokens-at-once", min=1, help="Document tokens side by side; a step's others wait their turn."),
    ] = DEFAULTS.tokens_at_once,
    recompute: Annotated[
        bool, typer.Option("--recompute", help="Run layers anew in the backward pass: a third slower, far less memory.")
    ] = False,
    cache: Annotated[
        Path | None,
        typer.Option("--cache", metavar="DIR", help="Keep what frozen lower layers made of documents on disk."),
    ] = None,
    workers: Annotated[
        int, typer.Option("--workers", min=0, help="Processes that prepare documents ahead, so that a GPU can go on.")
    ] = DEFAULTS.workers,
    device: Annotated[
        Literal["auto", "cpu", "cuda"], typer.Option("--device", metavar="auto|cpu|cuda", help="Where to train.")
    ] = "auto",
    precision: Annotated[
        Literal["auto", "bf16", "fp32"],
        typer.Option("--precision", metavar="auto|bf16|fp32", help="Of matrix products; auto asks the hardware."),
    ] = "auto",
    seed: Annotated[int, typer.Option("--seed", help="Of the order of documents and of new weights.")] = 0,
    stop: Annotated[
        int | None, typer.Option("--stop", min=1, help="Leave off after this step.", show_default=False)
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in --out.")] = False,
) -> None:
    """Train a model on documents and their summaries.

    A run that was interrupted, however it was, goes on with the same command and --resume, and ends as it would have.
    """
    settings = Settings(
        train=data,
        out=out,
        dev=dev or [],
        base=base,
        arch=arch,
        operator=operator,
        schedule=dict(map(_stage, schedule or [])),
        vocabulary=vocabulary,
        width=width,
        layers=layers,
        part=part,
        pooling=pooling,
        split_layer=split_layer,
        pool=pool,
        block=block,
        steps=steps,
        batch=batch,
        rate=rate if rate is not None else SCRATCH_RATE if arch is not None and base is None else DEFAULTS.rate,
        warmup=warmup,
        oracle_loss=oracle_loss,
        rank=rank,
        weights=dict(map(_weight, weight or [])),
        longest_document=longest_document,
        longest_summary=longest_summary,
        held=held,
        every=every,
        tokens_at_once=tokens_at_once,
        recompute=recompute,
        cache=cache,
        workers=workers,
        device=device,
        precision=precision,
        seed=seed,
        stop=stop,
        resume=resume,
    )
    if misplaced := settings.misplaced():
        named = ", ".join("--" + {"part": "train"}.get(name, name).replace("_", "-") for name in misplaced)
        advice = "give --arch too" if arch is None else "leave it out with --arch"
        raise UsageError("train", f"{named}: not for this architecture ({advice})")
    for path in (*settings.train, *settings.dev):
        if not path.is_file():
            raise UsageError("data", f"{path}: no such file")
    try:
        from sumpool.training.trainer import train as run
    except ModuleNotFoundError as error:
        raise SumpoolError("extra", f"training needs the package {error.name} ({EXTRA})") from None
    from rich.console import Console

    console = Console(stderr=True)
    made = run(settings, console)
    if stop is None:
        console.print(f"the model is in {made} (sumpool summarize --model {made} ...)", highlight=False)


def _stage(text: str) -> tuple[int, int]:
    layer, _, length = text.partition("=")
    if not (layer.isdecimal() and length.isdecimal()):
        raise UsageError("train", f"--schedule {text}: not LAYER=LENGTH (for example 2=1024)")
    return int(layer), int(length)


def _weight(text: str) -> tuple[str, float]:
    kind, _, number = text.rpartition("=")
    try:
        value = float(number)
    except ValueError:
        value = -1.0
    if not kind or value < 0:
        raise UsageError("data", f"--weight {text}: not KIND=W (for example paper=2)")
    return kind, value
