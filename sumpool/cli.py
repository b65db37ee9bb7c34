"""The command line: parse, check what can be checked at once, call, render."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Literal, NoReturn

import typer

from sumpool import __version__
from sumpool.batch import Batch, Reading, Task, Writing, load_source, read_source, read_stdin, settings_fingerprint
from sumpool.bench.settings import SIZES, check_plot, parse_sizes
from sumpool.bench.settings import SYSTEMS as BENCH_SYSTEMS
from sumpool.bench.settings import Settings as BenchSettings
from sumpool.errors import DocumentError, SumpoolError, UsageError
from sumpool.evaluation.settings import REFERENCE, SYSTEMS, Settings, parse_asked, parse_systems
from sumpool.lengths import LENGTHS, LONGEST, SHORTEST, parse_length
from sumpool.outputs import (
    SUFFIXES,
    check_directory,
    check_file,
    plan_output,
    plan_outputs,
    print_result,
    silence_stdout,
    wants_directory,
)
from sumpool.record import Record, RemoteRecord, Results
from sumpool.remote import Remote, place
from sumpool.rendering import make_renderer
from sumpool.rendering.clean import printable
from sumpool.rendering.json import json_line
from sumpool.sources import Source, find_sources
from sumpool.summary import Wording
from sumpool.terminal import Terminal
from sumpool.training.cli import TRAIN_EXAMPLES, train

if TYPE_CHECKING:
    from sumpool.cluster import Placement

MOST_JOBS = 4
WIDEST = 100

app = typer.Typer(
    name="sumpool",
    add_completion=False,
    # Plain help: the same on a terminal, in a pipe and in the README.
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)

ALL_SYSTEMS, ALL_BENCH_SYSTEMS = ",".join(SYSTEMS), ",".join(BENCH_SYSTEMS)
SystemsOption = Annotated[
    str,
    typer.Option(
        "--systems",
        metavar="NAME,NAME,...",
        help="Which of them to compare.  [default: all]",
        show_default=False,
    ),
]
LengthOption = Annotated[
    str,
    typer.Option(
        "-n",
        "--length",
        metavar="|".join(LENGTHS) + "|WORDS",
        help=f"How long the summary should be: {', '.join(f'{name} is {words}' for name, words in LENGTHS.items())} "
        f"words; or a number from {SHORTEST} to {LONGEST}.",
    ),
]
FocusOption = Annotated[
    str | None,
    typer.Option("--focus", metavar="TEXT", help="What to pay attention to, in a few words.", show_default=False),
]
WordingOption = Annotated[
    Wording | None,
    typer.Option(
        "--wording",
        metavar="quoted|own",
        help="quoted: the document's own sentences, chosen and trimmed; own: the model's own words, which can "
        "misstate it.  [default: quoted, but own for short conversations, with a --writer or an encoder-decoder]",
        show_default=False,
    ),
]
GroundedOption = Annotated[
    bool,
    typer.Option(
        "--grounded/--no-grounded", help="Whether numbers and names that the document lacks are kept out of own words."
    ),
]
DraftsOption = Annotated[
    int | None,
    typer.Option(
        "--drafts",
        metavar="N",
        min=1,
        help="Drafts of each sentence in own words, the best of which stays; 1 is fastest.  [default: 4]",
        show_default=False,
    ),
]
OverwriteOption = Annotated[
    bool, typer.Option("--overwrite", help="Write outputs again that are finished, instead of skipping them.")
]
FailFastOption = Annotated[
    bool, typer.Option("--fail-fast", help="Stop at the first source that fails, instead of doing the others.")
]
PasswordOption = Annotated[
    str | None,
    typer.Option(
        "--password", metavar="TEXT", envvar="SUMPOOL_PASSWORD", help="Opens encrypted PDFs.", show_default=False
    ),
]
AbstractOption = Annotated[
    Literal["keep", "drop"],
    typer.Option("--abstract", metavar="keep|drop", help="Whether a paper's own abstract is read, too."),
]
TimeoutOption = Annotated[
    float,
    typer.Option(
        "--timeout",
        metavar="SECONDS",
        min=1,
        help="Give up on a document that takes longer to extract.",
        show_default="120",
    ),
]
JobsOption = Annotated[
    int | None,
    typer.Option(
        "--jobs",
        metavar="N",
        min=1,
        help=f"Processes that extract a PDF's pages.  [default: one a core, at most {MOST_JOBS}]",
        show_default=False,
    ),
]
DeviceOption = Annotated[
    Literal["auto", "cpu", "cuda", "mps"],
    typer.Option("--device", metavar="auto|cpu|cuda|mps", help="Where the model runs."),
]
ModelOption = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="NAME_OR_PATH",
        help="An installed model (see sumpool models) or a model's directory.",
        show_default=False,
    ),
]
WriterOption = Annotated[
    str | None,
    typer.Option(
        "--writer",
        metavar="NAME_OR_PATH",
        help="Another model that writes the summary from what was kept: the directory, or the name on the Hugging "
        "Face hub, of an encoder-decoder (BART, T5, Pegasus, LED) or a chat model.",
        show_default=False,
    ),
]
PoolOption = Annotated[
    int | None,
    typer.Option(
        "--pool",
        metavar="K",
        min=1,
        help="How many token representations the summary is made from.  [default: the model's own, "
        "and for quotes at least 8 a word]",
        show_default=False,
    ),
]
BlockOption = Annotated[
    int | None,
    typer.Option(
        "--block",
        metavar="B",
        min=1,
        help="How many tokens are read at a time.  [default: the model's own]",
        show_default=False,
    ),
]
QuietOption = Annotated[bool, typer.Option("-q", "--quiet", help="No progress and no notes, only errors.")]


def _print_version(wanted: bool) -> None:
    if wanted:
        print_result(f"sumpool {__version__}\n")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def sumpool(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Summarize long documents on your own machine, without a network.

    The whole document is read, however long it is; what matters is kept, and the summary is written from that.
    Results go to standard output, everything else to standard error.
    """
    if context.invoked_subcommand is None:
        print(context.get_help(), file=sys.stderr)
        raise typer.Exit(2)


SUMMARIZE_EXAMPLES = """Examples:

\b
  sumpool summarize report.pdf
  sumpool summarize --length 80 --focus "costs and risks" report.pdf
  sumpool summarize papers/ --format markdown -o summaries/
  curl -s https://example.org/long.txt | sumpool summarize

Exit codes: 0 all done, 1 some source failed (the others are done), 2 wrong usage, 130 interrupted."""


@app.command(epilog=SUMMARIZE_EXAMPLES)
def summarize(
    sources: Annotated[list[str] | None, typer.Argument(metavar="SOURCES", hidden=True)] = None,
    length: LengthOption = "medium",
    focus: FocusOption = None,
    format: Annotated[
        Literal["text", "markdown", "json", "html"],
        typer.Option("--format", metavar="text|markdown|json|html", help="What the result looks like."),
    ] = "text",
    output: Annotated[
        str | None,
        typer.Option(
            "-o",
            "--output",
            metavar="PATH",
            help="Write to this file, or for several sources and for directories into this directory, "
            "where report.pdf becomes report.pdf.txt (.md, .json, .html).",
            show_default=False,
        ),
    ] = None,
    show_sources: Annotated[
        bool | None,
        typer.Option(
            "--sources/--no-sources",
            help="Show the passages that the summary rests on, with their pages.  [default: html and json only; "
            "json always has them]",
            show_default=False,
        ),
    ] = None,
    wording: WordingOption = None,
    grounded: GroundedOption = True,
    drafts: DraftsOption = None,
    device: DeviceOption = "auto",
    model: ModelOption = None,
    writer: WriterOption = None,
    pool: PoolOption = None,
    block: BlockOption = None,
    recursive: Annotated[
        bool, typer.Option("--recursive/--no-recursive", help="Whether directories in directories are searched.")
    ] = True,
    jobs: JobsOption = None,
    engine: Annotated[
        Literal["local", "ray"],
        typer.Option(
            "--engine",
            metavar="local|ray",
            help="ray: several workers, each with a model of its own, on this machine or a cluster.",
        ),
    ] = "local",
    address: Annotated[
        str | None,
        typer.Option(
            "--address",
            metavar="auto|HOST:PORT",
            help="The Ray cluster that does the work; auto is the one that this machine belongs to.  [default: Ray is "
            "started on this machine]",
            show_default=False,
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers",
            metavar="N",
            min=1,
            help="How many workers Ray starts.  [default: one a GPU, or one a core where there is none]",
            show_default=False,
        ),
    ] = None,
    gpus_per_worker: Annotated[
        float | None,
        typer.Option(
            "--gpus-per-worker",
            metavar="N",
            min=0,
            help="How much of a GPU a worker of Ray's gets: 0.25 puts four on one.  [default: 1, or 0 where there is "
            "none]",
            show_default=False,
        ),
    ] = None,
    overwrite: OverwriteOption = False,
    fail_fast: FailFastOption = False,
    password: PasswordOption = None,
    abstract: AbstractOption = "keep",
    timeout: TimeoutOption = 120.0,
    quiet: QuietOption = False,
) -> None:
    """Summarize documents: PDF, DOCX, ODT, EPUB, HTML, LaTeX, Markdown, plain text, e-mail, subtitles.

    SOURCES are files, directories, glob patterns and URLs such as s3://bucket/papers; "-" is standard input, and so is
    a pipe if nothing is named. A directory is searched for .pdf, .docx, .odt, .epub, .html, .htm, .xhtml, .txt, .text,
    .md, .markdown, .rst, .tex, .eml, .srt and .vtt files, those of text also with .gz behind; a file that is named is
    read whatever its name, by what it contains.
    """
    terminal = Terminal(quiet=quiet)
    writing = Writing(parse_length(length), focus, wording, grounded, model, device, pool, block, writer, drafts)
    placement = _placement(engine, address, workers, gpus_per_worker)
    arguments = _arguments(sources)
    to_file = None if output in (None, "-") else output
    found = find_sources(arguments, recursive=recursive, leave_out=place(to_file) if to_file else None)
    tasks, directory = _tasks(found, arguments, to_file, SUFFIXES[format])
    # Ray's workers keep the cores busy by their number.
    reading = Reading(password, abstract, timeout, jobs or (_default_jobs() if placement is None else 1))
    # A wrong model is worth telling before documents are read.
    settings = settings_fingerprint("summarize", writing, reading, format=format, sources=show_sources)

    new_batch: Callable[..., Batch] = Batch
    if placement is not None:
        from sumpool.cluster import RayBatch

        new_batch = partial(RayBatch, placement)
    on_terminal = to_file is None and sys.stdout.isatty()
    with _results(directory, settings) as results:
        batch = new_batch(
            reading,
            writing,
            lambda several: make_renderer(
                format,
                sources=show_sources,
                several=several,
                width=min(shutil.get_terminal_size().columns, WIDEST) if on_terminal else None,
                styled=on_terminal and _styled(),
            ),
            terminal,
            results,
            overwrite=overwrite,
            fail_fast=fail_fast,
        )
        if not batch.run(tasks):
            raise typer.Exit(1)


@app.command()
def extract(
    source: Annotated[str | None, typer.Argument(metavar="SOURCE", hidden=True)] = None,
    format: Annotated[
        Literal["text", "json"],
        typer.Option("--format", metavar="text|json", help="The text alone, or with its paragraphs and sentences."),
    ] = "text",
    jobs: JobsOption = None,
    password: PasswordOption = None,
    abstract: AbstractOption = "keep",
    timeout: TimeoutOption = 120.0,
    quiet: QuietOption = False,
) -> None:
    """Print a document's clean text, just as the model reads it.

    SOURCE is a file; "-" is standard input, and so is a pipe if nothing is named.

    The text comes without running heads, page numbers, references and acknowledgements, with columns in reading
    order and words that were hyphenated at line ends joined. The "start" and "end" in summarize's JSON count the
    characters of this text.
    """
    terminal = Terminal(quiet=quiet)
    [argument] = _arguments([source] if source else None)
    wanted = Source("stdin") if argument == "-" else Source(argument, Path(argument))
    reading = Reading(password, abstract, timeout, jobs or _default_jobs())
    try:
        with terminal.document(wanted.name, 1, 1):
            data = read_stdin(terminal) if wanted.path is None else load_source(wanted)
            document = read_source(wanted, data, reading, terminal)
    except DocumentError as error:
        terminal.failure(error, wanted.name)
        if format == "json":
            print_result(make_renderer("json").failure(wanted.name, error))
        raise typer.Exit(1) from None
    if format == "json":
        print_result(json_line(document.as_dict()))
    else:
        print_result((printable(document.text) if sys.stdout.isatty() else document.text) + "\n")


HIGHLIGHT_EXAMPLES = """Examples:

\b
  sumpool highlight report.pdf -o report.html
  sumpool highlight book.epub --length long --focus "the harbour" -o pages/
  curl -s https://example.org/long.txt | sumpool highlight -o long.html

Exit codes: as for summarize."""


@app.command(epilog=HIGHLIGHT_EXAMPLES)
def highlight(
    source: Annotated[str | None, typer.Argument(metavar="SOURCE", hidden=True)] = None,
    output: Annotated[
        str | None,
        typer.Option(
            "-o",
            "--output",
            metavar="PATH",
            help="Write to this file, or into this directory, where report.pdf becomes report.pdf.html.",
            show_default=False,
        ),
    ] = None,
    length: LengthOption = "medium",
    focus: FocusOption = None,
    wording: WordingOption = None,
    grounded: GroundedOption = True,
    drafts: DraftsOption = None,
    device: DeviceOption = "auto",
    model: ModelOption = None,
    writer: WriterOption = None,
    pool: PoolOption = None,
    block: BlockOption = None,
    jobs: JobsOption = None,
    overwrite: OverwriteOption = False,
    password: PasswordOption = None,
    abstract: AbstractOption = "keep",
    timeout: TimeoutOption = 120.0,
    quiet: QuietOption = False,
) -> None:
    """Make a web page that shows what of a document was kept, beside the summary written from it.

    SOURCE is a file; "-" is standard input, and so is a pipe if nothing is named.

    The page holds the document's text. Each sentence is shaded by the rank that the scorer gave it, what was kept is
    underlined, and the summary's sentences and the passages that they rest on are linked both ways. It is one file,
    without scripts, and needs no network.
    """
    terminal = Terminal(quiet=quiet)
    writing = Writing(parse_length(length), focus, wording, grounded, model, device, pool, block, writer, drafts)
    [argument] = _arguments([source] if source else None)
    to_file = None if output in (None, "-") else output
    if output is None and sys.stdout.isatty():
        raise UsageError("output", "a web page is nothing for a terminal (name a file: -o page.html)")
    wanted = Source("stdin") if argument == "-" else Source(argument, Path(argument))
    tasks, directory = _tasks([wanted], [], to_file, SUFFIXES["html"])
    reading = Reading(password, abstract, timeout, jobs or _default_jobs())
    with _results(directory, settings_fingerprint("highlight", writing, reading)) as results:
        batch = Batch(
            reading,
            writing,
            lambda several: make_renderer("text", several=several),
            terminal,
            results,
            overwrite=overwrite,
            highlight=True,
        )
        if not batch.run(tasks):
            raise typer.Exit(1)


EVALUATE_EXAMPLES = """Examples:

\b
  sumpool evaluate dev.jsonl
  sumpool evaluate papers.jsonl.zst news.jsonl.zst --count 50 --format json
  sumpool evaluate dev.jsonl --systems sumpool,lead --length 60 --outputs summaries.jsonl

Exit codes: as for summarize."""


@app.command(epilog=EVALUATE_EXAMPLES)
def evaluate(
    data: Annotated[list[Path] | None, typer.Argument(metavar="DATA", hidden=True)] = None,
    systems: SystemsOption = ALL_SYSTEMS,
    format: Annotated[
        Literal["text", "json"],
        typer.Option("--format", metavar="text|json", help="Tables, or one JSON object with all intervals."),
    ] = "text",
    count: Annotated[
        int, typer.Option("--count", metavar="N", min=1, help="Documents of each file, drawn by the seed.")
    ] = 20,
    length: Annotated[
        str,
        typer.Option(
            "-n",
            "--length",
            metavar="reference|WORDS",
            help=f"How many words every system is asked for: as many as the human summary has, within {SHORTEST} to "
            f"{LONGEST}, or as summarize takes it.",
        ),
    ] = REFERENCE,
    model: ModelOption = None,
    base: Annotated[
        str | None,
        typer.Option(
            "--base",
            metavar="NAME_OR_PATH",
            help="The checkpoint of the system base, in the same format.",
            show_default=False,
        ),
    ] = None,
    device: DeviceOption = "auto",
    pool: PoolOption = None,
    block: BlockOption = None,
    drafts: DraftsOption = None,
    seed: Annotated[
        int,
        typer.Option("--seed", metavar="N", min=0, help="Decides which documents are drawn, and all that is random."),
    ] = 0,
    outputs: Annotated[
        Path | None,
        typer.Option(
            "--outputs",
            metavar="PATH",
            help="Write each summary to this file as it comes, one JSON object a line.",
            show_default=False,
        ),
    ] = None,
    workers: Annotated[
        int,
        typer.Option(
            "--workers",
            metavar="N",
            min=1,
            help="Documents at once, each in a process that loads all models and has its share of the cores; the "
            "seconds a document takes are then of that share.",
        ),
    ] = 1,
    quiet: QuietOption = False,
) -> None:
    """Measure summaries against those that people wrote, several systems side by side.

    DATA are JSON Lines files, plain or .zst, of objects with "document" and "summary" and, if there are any, "id",
    "kind" and "focus".

    \b
    Systems:
      sumpool   the model
      lead      the document's first words
      textrank  its most central sentences, by TextRank
      base      the model of --base without pooling, on as much as its window holds, written greedily
      own       the model in its own words (--wording own)
      greedy    own, written greedily: no drafts, no contrast with what it would write anyway
      free      own without --grounded
      random    the model with random sentences kept instead of those that the scorer wants
      leadpool  the model with the first tokens kept
      oracle    the sentences nearest to the human summary: a ceiling for excerpts
    """
    terminal = Terminal(quiet=quiet)
    if not data:
        raise UsageError("data", "no data was named (name a JSON Lines file: sumpool evaluate dev.jsonl)")
    settings = Settings(
        tuple(data),
        parse_systems(systems),
        count,
        parse_asked(length),
        model,
        base,
        device,
        pool,
        block,
        seed,
        outputs,
        workers,
        drafts,
    )
    if outputs is not None:
        check_file(outputs, [Source(str(path), path) for path in data])
    from sumpool.evaluation.run import evaluate as run_evaluation

    report = run_evaluation(settings, terminal)
    if format == "json":
        print_result(json_line(report.as_dict()))
        return
    from sumpool.evaluation.table import render

    on_terminal = sys.stdout.isatty()
    width = shutil.get_terminal_size().columns if on_terminal else None
    print_result(render(report, width=width, styled=on_terminal and _styled()))


BENCH_EXAMPLES = """Examples:

\b
  sumpool bench
  sumpool bench --sizes 4k,16k --systems sumpool,full --repeat 5
  sumpool bench --format markdown --plot speed.png > speed.md

Exit codes: as for summarize."""


@app.command(epilog=BENCH_EXAMPLES)
def bench(
    sizes: Annotated[
        str, typer.Option("--sizes", metavar="N,N,...", help="Tokens of each document; 8k is 8,000.")
    ] = SIZES,
    systems: SystemsOption = ALL_BENCH_SYSTEMS,
    length: LengthOption = "medium",
    repeat: Annotated[
        int, typer.Option("--repeat", metavar="N", min=1, help="Runs of each, of which the median is told.")
    ] = 3,
    limit: Annotated[
        float,
        typer.Option(
            "--limit",
            metavar="SECONDS",
            min=0.1,
            help="What one run may take: a system that takes longer is left out there and beyond.",
            show_default="300",
        ),
    ] = 300.0,
    format: Annotated[
        Literal["text", "markdown", "json"],
        typer.Option(
            "--format", metavar="text|markdown|json", help="A table, or one JSON object with all that was measured."
        ),
    ] = "text",
    plot: Annotated[
        Path | None,
        typer.Option(
            "--plot", metavar="PATH", help="Draw time and memory against length to this PNG file.", show_default=False
        ),
    ] = None,
    model: ModelOption = None,
    device: DeviceOption = "auto",
    quiet: QuietOption = False,
) -> None:
    """Measure what a summary costs, in time and memory, beside other ways to get one from the same weights.

    The documents are made of sumpool's examples. Every run is a process of its own, on the machine as it is: leave it
    alone meanwhile. Where a system isn't installed (pip install "sumpool[bench]") or can't do a document, that is said.

    \b
    Systems:
      sumpool      the model, as summarize runs it: the summary is quoted
      own          the model with --wording own
      greedy       the model with its own words in plain greedy writing: no drafts, no contrast
      full         transformers with the same weights: every token attends to all before it
      truncated    the same, on as much of the document's beginning as the window holds
      chunks       the same, on chunks of 3,000 tokens, and once more on what was written of each
      llamacpp-q8  llama.cpp with the same weights in Q8_0, as far as the window goes
      llamacpp-q4  llama.cpp with the same weights in Q4_0
    """
    terminal = Terminal(quiet=quiet)
    settings = BenchSettings(
        parse_sizes(sizes),
        parse_systems(systems, BENCH_SYSTEMS),
        parse_length(length),
        repeat,
        limit,
        model,
        device,
    )
    if plot is not None:
        check_plot(plot)
    from sumpool.bench.run import bench as run_bench

    report = run_bench(settings, terminal)
    from sumpool.bench import table

    if plot is not None:
        table.plot(report, plot)
    if format == "json":
        print_result(json_line(report.as_dict()))
    elif format == "markdown":
        print_result(table.markdown(report))
    else:
        on_terminal = sys.stdout.isatty()
        width = shutil.get_terminal_size().columns if on_terminal else None
        print_result(table.render(report, width=width, styled=on_terminal and _styled()))


app.command(epilog=TRAIN_EXAMPLES)(train)


@app.command()
def models() -> None:
    """List the installed models: name, size, licence, where they are."""
    from sumpool.modeling.checkpoint import DEFAULT_MODEL, list_models

    installed = list_models()
    if not installed:
        raise SumpoolError("model", "no model is installed (install sumpool again, or name one with --model PATH)")
    for info in installed:
        default = " (default)" if info.name == DEFAULT_MODEL else ""
        print_result(
            f"{info.name}{default}\n"
            f"  size      {info.size_bytes / 1e6:.0f} MB, {info.parameters / 1e6:.0f} million parameters\n"
            f"  licence   {info.licence}\n"
            f"  based on  {info.base}\n"
            f"  path      {printable(str(info.path))}\n"
        )


def _arguments(sources: Sequence[str] | None) -> list[str]:
    """What was named, or standard input if nothing was and something is piped in."""
    if sources:
        return list(sources)
    if sys.stdin is None or sys.stdin.isatty():
        raise UsageError(
            "sources",
            "no document was named (name a file or a directory, or pipe text in: sumpool summarize report.pdf)",
        )
    return ["-"]


def _tasks(
    sources: Iterable[Source], arguments: Sequence[str], output: str | None, suffix: str
) -> tuple[Iterable[Task], Path | Remote | None]:
    """Each source with its target, and the directory where these are; UsageError if the output can't be written."""
    if output is None:
        return map(Task, sources), None
    directory = place(output)
    if len(arguments) == 1 and os.path.isdir(arguments[0]):  # nothing can collide: no need to know all of them
        check_directory(directory, arguments)
        return (Task(source, plan_output(source, directory, suffix)) for source in sources), directory
    sources = list(sources)
    if wants_directory(output, arguments, sources):
        check_directory(directory, arguments)
        return map(Task, sources, plan_outputs(sources, directory, suffix)), directory
    assert isinstance(directory, Path)
    check_file(directory, sources)
    return map(Task, sources, [directory]), None


def _placement(engine: str, address: str | None, workers: int | None, gpus: float | None) -> Placement | None:
    """Where Ray is to work; None if it isn't asked for, UsageError if only its options are, or it isn't there."""
    if engine == "ray":
        from sumpool.cluster import Placement, check_installed

        check_installed()
        if gpus is not None and gpus > 1 and not gpus.is_integer():
            raise UsageError(
                "engine", f"--gpus-per-worker {gpus:g}: parts of several GPUs (use up to 1, or a whole number)"
            )
        return Placement(address, workers, gpus)
    given = {"--address": address, "--workers": workers, "--gpus-per-worker": gpus}
    for name, value in given.items():
        if value is not None:
            raise UsageError("engine", f"{name} is for Ray's workers (add --engine ray)")
    return None


def _results(directory: Path | Remote | None, settings: str) -> Results:
    if isinstance(directory, Remote):
        return RemoteRecord(directory, settings)
    return Results() if directory is None else Record(directory, settings)


def _styled() -> bool:
    """Whether a terminal may be told to show bold type and colour."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _default_jobs() -> int:
    return min(os.cpu_count() or 1, MOST_JOBS)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit: 0 all done, 1 some source failed, 2 wrong usage, 130 interrupted."""
    _prepare_streams()
    # Ends like Ctrl-C does, so that `timeout` and service managers leave no half-written file or worker behind.
    signal.signal(signal.SIGTERM, _terminate)
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    terminal = Terminal()
    try:
        code = app(arguments, prog_name="sumpool", standalone_mode=False) or 0
    except typer.TyperException as error:
        terminal.error(_usage_message(error, arguments))
        code = error.exit_code
    except SumpoolError as error:
        terminal.failure(error)
        code = error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        code = 130
    except OSError as error:
        # Where it is, print_result and others say; help is printed by typer.
        if error.errno != errno.ENOSPC:
            raise
        silence_stdout()
        terminal.error(f"{error.strerror} (make room)")
        code = 1
    sys.exit(code)


def _prepare_streams() -> None:
    """Pipes carry UTF-8 whatever the locale; a terminal keeps its encoding; nothing fails over an odd character."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError):  # a stream that was closed or replaced stays as it is
            if stream.isatty():
                stream.reconfigure(errors="replace")  # type: ignore[union-attr]
            else:
                stream.reconfigure(encoding="utf-8", errors="replace")  # type: ignore[union-attr]


def _terminate(signum: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + signum)


def _usage_message(error: typer.TyperException, arguments: Sequence[str]) -> str:
    message = error.format_message().replace("Value error, ", "").rstrip(".")
    if message.startswith("No such command") and Path(arguments[0]).exists():
        return f"{message} (to summarize it, say: sumpool summarize {arguments[0]})"
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "sumpool"
    return f"{message} (see {command} --help)"
