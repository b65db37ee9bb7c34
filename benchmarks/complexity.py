"""What do blocks and pooling save? The paper's four variants, side by side, at the same width and depth.

    python benchmarks/complexity.py            # minutes on two cores
    python benchmarks/complexity.py --large    # BART-large's width and depth in bfloat16, on a GPU

For each length n: a training step (forward, loss, backward), reading (the encoder), writing (greedy, with caches),
peak memory of the step, and the decoder's cross-attention operations; as figures, and as how many times less than
vanilla and blockwise take. Weights are random, and every summary is of the same length: the cost is that of trained
ones. Writes complexity.json, complexity.md and complexity.png.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from reporting import RESULTS, Out, machine, markdown, measure, megabytes, save
from rich.console import Console
from rich.progress import track

from sumpool.modeling.transpooler import VARIANTS, Transpooler, TranspoolerConfig, variant

SMALL = {"d_model": 256, "layers": 6, "heads": 4, "ffn": 1024}
LARGE = {"d_model": 1024, "layers": 12, "heads": 16, "ffn": 4096}
PAPER = {"step": 1.8, "inference": 4.5, "cross": 13.0}
"""Pietruszka et al. 2022, abstract: DeepPyramidion, how many times less than without pooling."""
FIELDS = ("step", "read", "write", "inference", "cross")


def build(name: str, n: int, k: int, block: int, shape: dict[str, int], seed: int, device: torch.device) -> Transpooler:
    """One of the variants, with random weights, sinusoidal positions and a linear scorer."""
    torch.manual_seed(seed)
    config = TranspoolerConfig(
        **variant(name, encoder_layers=shape["layers"], document_length=n, pool_size=k, block_size=block),
        vocab_size=8192,
        d_model=shape["d_model"],
        decoder_layers=shape["layers"],
        encoder_attention_heads=shape["heads"],
        decoder_attention_heads=shape["heads"],
        encoder_ffn_dim=shape["ffn"],
        decoder_ffn_dim=shape["ffn"],
    )
    return Transpooler(config).to(device=device, dtype=torch.bfloat16 if device.type == "cuda" else torch.float32)


def cross_attention_operations(config: TranspoolerConfig, source: int, target: int) -> int:
    """Multiplications of all decoder layers that depend on the source: its keys and values, and attending to them."""
    return config.decoder_layers * (2 * source * config.d_model**2 + 2 * target * source * config.d_model)


def row(
    name: str, n: int, k: int, block: int, target: int, shape: dict[str, int], seed: int, device: torch.device
) -> dict[str, Any]:
    """All figures of one variant at one length."""
    model = build(name, n, k, block, shape, seed, device)
    ids = torch.randint(3, model.config.vocab_size, (1, n), device=device)
    labels = torch.randint(3, model.config.vocab_size, (1, target), device=device)

    def step() -> None:
        model.zero_grad(set_to_none=True)
        model(ids, labels=labels).loss.backward()

    training = measure(step, device)
    model.zero_grad(set_to_none=True)
    model.eval()
    with torch.no_grad():
        read = measure(lambda: model.encoder(ids), device)
        encoded = model.encoder(ids)

        def write() -> None:
            token, cache = labels[:, :1], None
            for _ in range(target):
                out = model(encoder_outputs=encoded, decoder_input_ids=token, past_key_values=cache)
                token, cache = out.logits[:, -1:].argmax(dim=-1), out.past_key_values

        written = measure(write, device)
    source = encoded.last_hidden_state.shape[1]
    return {
        "variant": name,
        "n": n,
        "source": source,
        "step": training.seconds,
        "read": read.seconds,
        "write": written.seconds,
        "inference": read.seconds + written.seconds,
        "peak_bytes": training.peak_bytes,
        "cross": cross_attention_operations(model.config, source, target),
    }


def plot(rows: list[dict[str, Any]], path: Path) -> None:
    """The figures over n, a line for each variant."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 4, figsize=(16, 4), layout="constrained")
    panels = [
        ("step", "training step, s", 1.0),
        ("inference", "reading and writing, s", 1.0),
        ("peak_bytes", "peak memory of a step, MiB", 2**-20),
        ("cross", "cross-attention, billion operations", 1e-9),
    ]
    for axis, (field, label, unit) in zip(axes, panels, strict=True):
        for name in VARIANTS:
            line = [entry for entry in rows if entry["variant"] == name and entry[field]]
            axis.plot([e["n"] for e in line], [unit * e[field] for e in line], marker="o", label=name)
        axis.set(xscale="log", yscale="log", xlabel="n", ylabel=label)
        axis.set_xticks(lengths := sorted({e["n"] for e in rows}), [f"{n:,}" for n in lengths])
        axis.minorticks_off()
    axes[0].legend()
    figure.savefig(path, dpi=130)


def with_ratios(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each row with how many times less it takes than vanilla and blockwise at the same length."""
    by_name = {(e["variant"], e["n"]): e for e in rows}
    return [
        e
        | {
            f"to_{other}": {field: by_name[other, e["n"]][field] / e[field] for field in FIELDS}
            | ({"peak": by_name[other, e["n"]]["peak_bytes"] / e["peak_bytes"]} if e["peak_bytes"] else {})
            for other in ("vanilla", "blockwise")
        }
        for e in rows
    ]


def main(
    large: Annotated[bool, typer.Option(help="a large model, on a GPU")] = False,
    length: Annotated[list[int] | None, typer.Option(help="n; several are allowed")] = None,
    keep: Annotated[int, typer.Option(help="k, the representations kept")] = 512,
    block: Annotated[int, typer.Option(help="tokens in a block")] = 512,
    target: Annotated[int, typer.Option(help="tokens of a summary")] = 256,
    seed: Annotated[int, typer.Option()] = 0,
    out: Out = RESULTS,
) -> None:
    """Measure, print the table, and write it with its plot."""
    device = torch.device("cuda" if large and torch.cuda.is_available() else "cpu")
    shape = LARGE if large else SMALL
    cells = [(name, n) for n in length or [2048, 4096, 8192, 16384] for name in VARIANTS]
    console = Console(stderr=True)
    rows = with_ratios(
        [
            row(name, n, keep, block, target, shape, seed, device)
            for name, n in track(cells, "variants", console=console)
        ]
    )
    columns = ["variant", "n", "decoder sees", "step, s", "read, s", "write, s", "peak, MiB", "cross, 10⁹"]
    columns += ["step ÷ vanilla, blockwise", "inference ÷", "cross ÷", "paper"]
    table = [
        [
            e["variant"],
            f"{e['n']:,}",
            f"{e['source']:,}",
            *(f"{e[field]:.2f}" for field in ("step", "read", "write")),
            megabytes(e["peak_bytes"]),
            f"{e['cross'] / 1e9:.2f}",
            *(
                f"{e['to_vanilla'][field]:.1f}×, {e['to_blockwise'][field]:.1f}×"
                for field in ("step", "inference", "cross")
            ),
            " / ".join(f"{PAPER[field]}×" for field in ("step", "inference", "cross"))
            if e["variant"] == "pyramidion" and e["n"] == 8192 and e["source"] == 512
            else "",
        ]
        for e in rows
    ]
    facts = {"k": keep, "block": block, "summary tokens": target, **shape, "seed": seed, **machine(device)}
    heading = "Cost of the four variants"
    save(out, "complexity", {"facts": facts, "paper": PAPER, "rows": rows}, markdown(heading, columns, table, facts))
    plot(rows, out / "complexity.png")


if __name__ == "__main__":
    typer.run(main)
