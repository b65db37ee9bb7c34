"""What the user sees on stderr while work goes on: progress on a terminal, and errors in one line anywhere."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sumpool.errors import SumpoolError
from sumpool.progress import Progress
from sumpool.remote import Remote
from sumpool.rendering.clean import one_line
from sumpool.summary import Summary
from sumpool.tally import Tally

if TYPE_CHECKING:
    import rich.progress

UNBROKEN = 10_000
"""Characters: no line of a table is longer."""

EXAMPLES = 3
"""How many documents are named that failed for one reason; each has had its line before."""


class Terminal(Progress):
    """Standard error. `live` is whether a person watches: a terminal that can redraw a line, and no --quiet."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self.live = not quiet and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._bar: rich.progress.Progress | None = None
        self._task: rich.progress.TaskID | None = None
        self._stage = ""

    def error(self, message: str, source: str | None = None) -> None:
        """One line that begins with the program's name, and the source's if there is one; --quiet keeps it."""
        self._line("sumpool: " + (f"{source}: " if source else "") + message)

    def failure(self, error: SumpoolError, source: str | None = None) -> None:
        self.error(error.message, source)

    def note(self, message: str) -> None:
        """Something worth knowing that is no failure."""
        if not self._quiet:
            self._line(f"sumpool: {message}")

    def finished(self, summary: Summary, target: Path | Remote | None) -> None:
        """The line that stays when a document is done: what was read and written, and the time it took."""
        if not self.live:
            return
        read = f"{summary.words:,} words read"
        if summary.pages is not None:
            read = f"{summary.pages:,} page{'s' * (summary.pages != 1)}, {read}"
        seconds = summary.seconds
        times = (
            f"{seconds.total:.1f} s (extract {seconds.extract:.1f}, read {seconds.read:.1f}, write {seconds.write:.1f})"
        )
        where = f" -> {target}" if target else ""
        length = f"{len(summary.text.split()):,} {'quoted' if summary.wording == 'quoted' else 'written in own words'}"
        self._line(f"{summary.source}{where}: {read}, {length}, {times}, {summary.device}")

    def summary(self, tally: Tally) -> None:
        """What became of the documents of a batch, as a table; in a line or not at all if there was but one."""
        if tally.total == 1:
            if tally.skipped:
                self.note("1 finished output was left as before (--overwrite makes it anew)")
            return
        if self._quiet:
            return
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        rows = [("done", tally.done, "")]
        if tally.skipped:
            rows += [("skipped", tally.skipped, "finished before (--overwrite makes them anew)")]
        failures = sorted(tally.failed.items(), key=lambda failure: -len(failure[1]))
        rows += [("failed", len(names), f"{reason}: {_some(names)}") for reason, names in failures]
        if tally.left:
            rows += [("not begun", tally.left, "(--fail-fast)")]
        table = Table(box=None, show_header=False, pad_edge=False)
        table.add_column()
        table.add_column(justify="right")
        table.add_column()
        for what, count, why in rows:
            table.add_row(what, f"{count:,}", Text(one_line(why)))
        # Only a terminal has a width: in a file, a line that is broken is hard to find.
        console = Console(stderr=True, width=None if sys.stderr.isatty() else UNBROKEN, color_system=None)
        with console.capture() as captured:
            console.print(table)
        for line in captured.get().splitlines():
            print(line.rstrip(), file=sys.stderr, flush=True)

    def _line(self, text: str) -> None:
        print(one_line(text), file=sys.stderr, flush=True)

    @contextmanager
    def document(self, name: str, number: int, total: int | None, detail: str = "opening") -> Iterator[None]:
        """While inside, one live line tells how far document `number` of `total` is; it is gone afterwards.

        `total` is None as long as it isn't known. `detail` is what is being done, until something else is told.
        """
        if not self.live:
            yield
            return
        # Imported here: Rich takes longer to import than everything else that --help needs.
        from rich.console import Console
        from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as Bar
        from rich.table import Column

        name = one_line(Path(name).name or name)
        with Bar(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis")),
            BarColumn(bar_width=20),
            TextColumn("{task.fields[detail]}", markup=False, table_column=Column(no_wrap=True)),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        ) as self._bar:
            place = f"{number:,} " if total is None else f"{number:,}/{total:,} " if total > 1 else ""
            self._task = self._bar.add_task(place + name, total=None, detail=detail)
            try:
                yield
            finally:
                self._bar = self._task = None

    def stop(self) -> None:
        """Take the live line away and give the cursor back, from wherever the program is."""
        if self._bar is not None:
            self._bar.stop()

    def loading(self) -> None:
        """The model is being loaded."""
        self._show("loading the model", None, None)

    def extracting(self, done: int, total: int) -> None:
        self._show(f"page {done:,} of {total:,}", done, total)

    def recognizing(self, done: int, total: int) -> None:
        self._show(f"OCR: page {done:,} of {total:,}", done, total)

    def reading(self, done: int, total: int) -> None:
        self._show(f"reading: {done:,} of {total:,} tokens", done, total)

    def writing(self, words: int, target: int) -> None:
        self._show(f"writing: {words:,} of about {target:,} words", min(words, target), target)

    def _show(self, detail: str, done: int | None, total: int | None) -> None:
        if self._bar is not None and self._task is not None:
            stage = detail.partition(":")[0]
            changed, self._stage = stage != self._stage, stage
            if total is None:  # update() takes None for "as before"; only a reset makes the bar pulse again
                self._bar.reset(self._task, total=None, detail=detail)
            else:
                self._bar.update(self._task, completed=done, total=total, detail=detail)
            if changed:  # a stage that is over before the next refresh is seen all the same
                self._bar.refresh()


def _some(names: Sequence[str]) -> str:
    more = len(names) - EXAMPLES
    return ", ".join(names[:EXAMPLES]) + (f" and {more:,} more" if more > 0 else "")
