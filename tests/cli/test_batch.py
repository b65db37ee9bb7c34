"""Batches: what is finished stays finished, whatever happens in between."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sumpool.ahead import Ahead, Lookahead
from sumpool.outputs import OutputError
from sumpool.progress import Progress
from sumpool.record import NAME, Record, fingerprint
from sumpool.summarizer import Assignment, Summarizer

Sumpool = Callable[..., Any]
Command = Callable[..., "subprocess.Popen[bytes]"]


def outputs(directory: Path) -> dict[str, bytes]:
    """All that is in a directory but its record."""
    files = (path for path in directory.rglob("*") if path.is_file() and path.name != NAME)
    return {path.relative_to(directory).as_posix(): path.read_bytes() for path in files}


def written(directory: Path) -> dict[str, int]:
    """When each output was written; without what is only being written."""
    files = (path for path in directory.rglob("*.txt*") if path.suffix != ".part" and path.is_file())
    return {path.relative_to(directory).as_posix(): path.stat().st_mtime_ns for path in files}


def entries(directory: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in (directory / NAME).read_text().splitlines()]


@pytest.fixture
def done(tree: Path, summarize: Sumpool) -> Path:
    """The current directory, docs/ summarized into out/."""
    assert summarize("docs", "-o", "out").err == "done  3\n"
    return tree


def test_second_run_does_nothing_twice(done: Path, summarize: Sumpool) -> None:
    before = written(done / "out")
    result = summarize("docs", "-o", "out")
    assert (result.code, result.out) == (0, "")
    assert result.err == "done     0\nskipped  3  finished before (--overwrite makes them anew)\n"
    assert summarize("docs", "-o", "out", "--quiet").err == ""
    assert written(done / "out") == before
    assert len(entries(done / "out")) == 3


def test_what_does_not_change_the_result_is_no_reason_to_do_it_again(done: Path, summarize: Sumpool) -> None:
    os.utime(done / "docs/a.txt")
    before = written(done / "out")
    options = ("--device", "cpu", "--timeout", "60", "--jobs", "1", "--length", "20")
    assert "skipped  3" in summarize("docs/", "-o", done / "out", *options).err
    assert written(done / "out") == before


def test_overwrite_does_all_of_it_again(done: Path, summarize: Sumpool) -> None:
    before = written(done / "out")
    assert summarize("docs", "-o", "out", "--overwrite").err == "done  3\n"
    assert not set(before.values()) & set(written(done / "out").values())


@pytest.mark.parametrize("options", [("--length", "25"), ("--focus", "the council"), ("--pool", "32"), ("--sources",)])
def test_other_settings_are_another_result(done: Path, summarize: Sumpool, options: tuple[str, ...]) -> None:
    assert summarize("docs", "-o", "out", *options).err == "done  3\n"
    assert "skipped  3" in summarize("docs", "-o", "out", *options).err


def test_another_model_is_another_result(done: Path, summarize: Sumpool, small_model: Path) -> None:
    other = done / "other"
    shutil.copytree(small_model, other)
    assert "skipped  3" in summarize("docs", "-o", "out", "--model", other).err
    manifest = json.loads((other / "checkpoint.json").read_text())
    (other / "checkpoint.json").write_text(json.dumps({**manifest, "licence": "another"}))
    assert summarize("docs", "-o", "out", "--model", other).err == "done  3\n"


def test_changed_source_is_done_again(done: Path, summarize: Sumpool) -> None:
    with open(done / "docs/a.txt", "a") as file:
        file.write("The harbour was closed in the spring, and nobody calls there any more.\n")
    before = written(done / "out")
    assert summarize("docs", "-o", "out").err.startswith("done     1\nskipped  2")
    after = written(done / "out")
    assert [name for name in after if after[name] != before[name]] == ["a.txt.txt"]


def cut(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


def flip(file: Path) -> None:
    data = file.read_bytes()
    file.write_bytes(bytes([data[0] ^ 1]) + data[1:])


@pytest.mark.parametrize("damage", [Path.unlink, cut, flip])
def test_damaged_output_is_done_again(done: Path, summarize: Sumpool, damage: Callable[[Path], None]) -> None:
    before = outputs(done / "out")
    damage(done / "out/sub/b.txt.txt")
    assert summarize("docs", "-o", "out").err.startswith("done     1\nskipped  2")
    assert outputs(done / "out") == before


def test_record_that_was_cut_off_is_good_for_the_rest(done: Path, summarize: Sumpool) -> None:
    record = done / "out" / NAME
    os.truncate(record, record.stat().st_size - 10)
    lost = done / "out/sub/b.txt.txt"
    lost.unlink()  # a result comes after its line
    assert summarize("docs", "-o", "out").err.startswith("done     1\nskipped  2")
    assert lost.exists()
    assert "skipped  3" in summarize("docs", "-o", "out").err


def test_lines_that_are_no_entries_are_passed_over(done: Path, summarize: Sumpool) -> None:
    record = done / "out" / NAME
    hostile = {**entries(done / "out")[0], "output": "../docs/a.txt"}
    junk = [b"\x00\xff", b"[]", b"{}", b"[" * 10_000, b'"\\ud800"', json.dumps(hostile).encode()]
    record.write_bytes(b"\n".join([*junk, record.read_bytes()]))
    assert "skipped  3" in summarize("docs", "-o", "out").err


def test_files_of_others_are_left_alone(tree: Path, summarize: Sumpool) -> None:
    (tree / "out").mkdir()
    (tree / "out/a.txt.txt").write_text("my notes")
    result = summarize("docs", "-o", "out")
    assert result.code == 1
    says, *table = result.err.splitlines()
    assert says == "sumpool: out/a.txt.txt: exists, and sumpool did not write it (--overwrite replaces it)"
    assert table == ["done    2", "failed  1  can't be written: docs/a.txt"]
    assert (tree / "out/a.txt.txt").read_text() == "my notes"
    assert summarize("docs", "-o", "out", "--overwrite").code == 0
    assert (tree / "out/a.txt.txt").read_text() != "my notes"


def test_sources_of_different_runs_do_not_overwrite_each_other(tree: Path, summarize: Sumpool) -> None:
    (tree / "new").mkdir()
    (tree / "new/a.txt").write_text("There is a second harbour. It is deep, and large ships call there every week.")
    assert summarize("docs/a.txt", "-o", "out/").code == 0
    before = outputs(tree / "out")
    result = summarize("new/a.txt", "-o", "out/")
    assert result.code == 1
    assert result.err.startswith("sumpool: out/a.txt.txt: is the result of docs/a.txt (choose another directory")
    assert outputs(tree / "out") == before
    (tree / "docs/a.txt").unlink()
    assert summarize("new/a.txt", "-o", "out/").code == 0
    assert outputs(tree / "out") != before


def test_sources_and_results_may_move_together(done: Path, summarize: Sumpool, monkeypatch: pytest.MonkeyPatch) -> None:
    (done / "moved").mkdir()
    for name in ("docs", "out"):
        (done / name).rename(done / "moved" / name)
    monkeypatch.chdir(done / "moved")
    assert "skipped  3" in summarize("docs", "-o", "out").err


def test_interrupted_between_record_and_result(tree: Path, summarize: Sumpool, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", interrupt)
        result = summarize("docs", "-o", "out")
    assert (result.code, result.out, result.err) == (130, "", "")
    assert len(entries(tree / "out")) == 1
    assert outputs(tree / "out") == {}
    assert summarize("docs", "-o", "out").err == "done  3\n"


def test_what_was_left_half_written_is_removed(done: Path, summarize: Sumpool) -> None:
    stale = [done / "out/.sumpool-0123456789abcdef.part", done / "out/sub/.sumpool-x.part"]
    for file in stale:
        file.write_text("half a summ")
    with Record(done / "out", "of another program that may be writing"):
        for file in stale:
            file.write_text("half a summ")
        assert summarize("docs", "-o", "out").code == 0
        assert all(file.exists() for file in stale)
    assert summarize("docs", "-o", "out").code == 0
    assert not any(file.exists() for file in stale)


def test_programs_that_write_to_one_directory_see_each_others_results(here: Path) -> None:
    (here / "a.txt").write_text("source")
    one, other = Record(here, "settings"), Record(here, "settings")
    with one, other:
        one.write(here / "a.txt.txt", "result", here / "a.txt", fingerprint(b"source"))
        assert other.standing(here / "a.txt.txt", here / "a.txt").is_finished(fingerprint(b"source"))
        assert not other.standing(here / "a.txt.txt", here / "a.txt").is_finished(fingerprint(b"changed"))
        (here / "b.txt.txt").write_text("result")
        with pytest.raises(OutputError, match="did not write it"):
            one.standing(here / "b.txt.txt", here / "b.txt").is_finished(fingerprint(b"source"))


def test_record_that_can_not_be_kept_is_one_line(tree: Path, summarize: Sumpool) -> None:
    (tree / "out" / NAME).mkdir(parents=True)
    result = summarize("docs", "-o", "out")
    assert result.code == 1
    assert result.err.startswith(f"sumpool: out/{NAME}: Is a directory (")
    assert result.err.count("\n") == 1


def test_highlight_keeps_a_record_of_its_own(
    done: Path, sumpool: Sumpool, summarize: Sumpool, small_model: Path
) -> None:
    arguments = ("--model", small_model, "--length", "20", "docs/a.txt", "-o", "pages/")
    assert sumpool("highlight", *arguments).err == ""
    page = outputs(done / "pages")
    assert "left as before" in sumpool("highlight", *arguments).err
    assert summarize("docs/a.txt", "-o", "pages/", "--format", "html").err == ""
    assert outputs(done / "pages") != page


def test_table_says_what_became_of_all(done: Path, summarize: Sumpool) -> None:
    for number in range(5):
        (done / f"docs/empty-{number}.txt").touch()
    (done / "docs/bad.pdf").write_bytes(b"%PDF-1.7 and nothing else")
    (done / "docs/c.txt").write_text("A new document. It is short.")
    result = summarize("docs", "-o", "out")
    assert result.code == 1
    table = [line.split(maxsplit=2) for line in result.err.splitlines() if not line.startswith("sumpool: ")]
    assert table[0] == ["done", "1"]
    assert table[1][:2] == ["skipped", "3"]
    assert table[2] == [
        "failed", "5", "empty file: docs/empty-0.txt, docs/empty-1.txt, docs/empty-2.txt and 2 more"
    ]  # fmt: skip
    assert table[3][:2] == ["failed", "1"]
    assert table[3][2].endswith(": docs/bad.pdf")
    assert len(table) == 4


def test_fail_fast_stops_at_the_first_failure(tree: Path, summarize: Sumpool) -> None:
    story = (tree / "docs/a.txt").read_text()
    (tree / "docs/bad.pdf").write_bytes(b"%PDF-1.7 and nothing else" + bytes(len(story)))
    (tree / "docs/long.txt").write_text(2 * story)
    result = summarize("docs", "-o", "out", "--fail-fast")
    assert result.code == 1
    assert sorted(outputs(tree / "out")) == ["a.md.txt", "a.txt.txt", "sub/b.txt.txt"]
    failure, *table = result.err.splitlines()
    assert failure.startswith("sumpool: docs/bad.pdf: damaged PDF")
    assert [line.split("  ")[0] for line in table] == ["done", "failed", "not begun"]
    assert table[2].split()[2:] == ["1", "(--fail-fast)"]


def test_documents_of_like_length_follow_one_another(here: Path, summarize: Sumpool) -> None:
    write_documents(here / "docs", 6)
    chance = random.Random(2)
    for file in (here / "docs").rglob("*.txt"):
        file.write_text(file.read_text() * chance.randint(1, 4))
    assert summarize("docs", "-o", "out").code == 0
    sizes = {f"{file.relative_to(here / 'docs')}.txt": file.stat().st_size for file in (here / "docs").rglob("*.txt")}
    order = [sizes[entry["output"]] for entry in entries(here / "out")]
    assert order == sorted(order)
    assert len(set(order)) > 3
    lines = summarize("docs", "--format", "json").out.splitlines()
    names = [json.loads(line)["source"] for line in lines]
    assert names == sorted(names), "on standard output they come as they are named"


def test_fail_fast_does_nothing_where_a_source_is_known_to_be_missing(tree: Path, summarize: Sumpool) -> None:
    result = summarize("docs/a.txt", "nope.txt", "docs/a.md", "--fail-fast", "--format", "json")
    assert result.code == 1
    [line] = [json.loads(line) for line in result.out.splitlines()]
    assert line["source"] == "nope.txt"
    assert result.err.count("nope.txt: no such file") == 1


def test_json_lines_come_as_each_document_is_done(command: Command, small_model: Path, story: Path) -> None:
    os.mkfifo("slow.txt")
    arguments = ("--model", small_model, "--length", "20", "--format", "json")
    with command("summarize", *arguments, "story.txt", "slow.txt") as process:
        assert process.stdout
        assert json.loads(process.stdout.readline())["source"] == "story.txt"
        Path("slow.txt").write_text("It came late. But it came.")  # nothing ends before this is read
        assert json.loads(process.stdout.readline())["source"] == "slow.txt"
        assert process.wait(60) == 0


@pytest.mark.parametrize("number", [0, 1, 3, 1000])
def test_end_is_known_in_time(number: int) -> None:
    asked = iter(range(number))
    upcoming = Lookahead(asked, 3)
    assert upcoming.total == (number if number < 3 else None)
    taken = iter(upcoming)
    if number:
        assert next(taken) == 0
        assert next(asked, None) == (3 if number > 3 else None)


def test_the_smallest_of_those_found_is_next() -> None:
    assert list(Lookahead([5, 1, 4, 2, 3], 3, int)) == [1, 2, 3, 4, 5]
    assert list(Lookahead([9, 8, 1, 7], 2, int)) == [8, 1, 7, 9]
    assert list(Lookahead("bca", 2)) == ["b", "c", "a"]


def test_reading_ahead_keeps_order_and_is_never_far_ahead() -> None:
    begun: list[int] = []

    def work(item: int, progress: Progress) -> int:
        begun.append(item)
        if item == 5:
            raise ValueError("five")
        return item * item

    with Ahead(range(1, 20), work, most=2, abandon=lambda: None) as jobs:
        for job in jobs:
            if job.item == 5:
                with pytest.raises(ValueError, match="five"):
                    job.wait(Progress())
            else:
                assert job.wait(Progress()) == job.item**2
            assert max(begun) <= job.item + 2
    assert begun == list(range(1, 20))


def test_what_was_read_ahead_can_be_had_at_once() -> None:
    waits, reading = threading.Event(), threading.Event()

    def work(item: int, progress: Progress) -> int:
        if item == 4:
            reading.set()
            waits.wait(10)
        return item * item

    with Ahead(range(1, 7), work, most=3, abandon=waits.set) as jobs:
        following = iter(jobs)
        assert next(following).wait(Progress()) == 1
        assert reading.wait(10)
        assert [job.item for job in jobs.done(1)] == [2]
        assert [job.item for job in jobs.done(5)] == [3], "the fourth is not done"
        waits.set()
        assert [job.wait(Progress()) for job in following] == [16, 25, 36]
        assert jobs.done(5) == []


def test_documents_that_are_there_are_summarized_together_and_nothing_else_changes(
    story: Path, summarize: Sumpool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it is on a GPU: ten documents, two of them broken, two finished before."""
    docs = story.parent / "docs"
    docs.mkdir()
    for number in range(8):
        (docs / f"{number}.txt").write_text(story.read_text() + f"Boat number {number} was sold.\n" * (number + 1))
    (docs / "broken.pdf").write_bytes(b"%PDF-1.4 nothing")
    (docs / "empty.txt").write_text("")
    options = ("--wording", "own", "--drafts", "1")
    alone = summarize("docs", "-o", "alone", *options)
    shutil.copytree("alone", "together")
    for number in range(2, 8):
        (story.parent / f"together/{number}.txt.txt").unlink()
    groups: list[int] = []
    whole = Summarizer.summarize_together
    ahead: list[bool] = []

    def counted(self: Summarizer, sources: list[Any], **options: Any) -> Any:
        groups.append(len(sources))
        ahead.extend(isinstance(source, Assignment) for source in sources)
        time.sleep(0.2)  # the next ones are read meanwhile
        return whole(self, sources, **options)

    monkeypatch.setattr(Summarizer, "summarize_together", counted)
    monkeypatch.setattr(Summarizer, "side_by_side", 4)
    monkeypatch.setattr(Summarizer, "reads_ahead", True)
    result = summarize("docs", "-o", "together", *options)
    assert max(groups) in (2, 3, 4), groups
    assert sum(groups) == 6
    assert any(ahead), "the model has read some of them before their turn"
    assert outputs(story.parent / "together") == outputs(story.parent / "alone")
    assert (result.code, alone.code) == (1, 1)
    assert "done     6\nskipped  2" in result.err
    assert sorted(line for line in result.err.splitlines() if line.startswith("sumpool:")) == sorted(
        line for line in alone.err.splitlines() if line.startswith("sumpool:")
    )


def test_reading_ahead_ends_what_nobody_waits_for() -> None:
    ended = threading.Event()
    begun = threading.Event()

    def work(item: int, progress: Progress) -> None:
        begun.set()
        assert ended.wait(60)

    before = set(threading.enumerate())
    with pytest.raises(KeyboardInterrupt), Ahead(range(10), work, most=2, abandon=ended.set) as jobs:  # noqa: PT012
        next(iter(jobs))
        begun.wait(60)
        raise KeyboardInterrupt
    assert set(threading.enumerate()) == before


class Watcher(Progress):
    def __init__(self) -> None:
        self.seen: list[int] = []

    def extracting(self, done: int, total: int) -> None:
        self.seen.append(done)


def test_progress_is_that_of_the_document_that_is_waited_for() -> None:
    going = threading.Event()

    def work(item: int, progress: Progress) -> None:
        progress.extracting(item, 9)
        if item == 2:
            going.wait(60)
            progress.extracting(3, 9)

    watcher = Watcher()
    with Ahead([1, 2], work, most=2, abandon=lambda: None) as jobs:
        for job in jobs:
            if job.item == 2:
                threading.Timer(0.1, going.set).start()
            job.wait(watcher)
    assert 2 not in watcher.seen or watcher.seen[-2:] == [2, 3]
    assert watcher.seen[-1] == 3


WORDS = [
    "harbour",
    "council",
    "report",
    "depth",
    "meeting",
    "spring",
    "boats",
    "fishermen",
    "silt",
    "dredging",
    "cost",
    "winter",
]


def write_documents(directory: Path, number: int) -> None:
    directory.mkdir()
    chance = random.Random(0)
    for index in range(number):
        folder = directory / f"part-{index % 3}"
        folder.mkdir(exist_ok=True)
        sentences = (" ".join(chance.choices(WORDS, k=9)).capitalize() + "." for _ in range(12))
        (folder / f"{index:04}.txt").write_text(" ".join(sentences))


ONE_THREAD = {"OMP_NUM_THREADS": "1"}
"""For the small model a second thread is more trouble than help, and on a busy machine a lot of trouble."""


def killed_again_and_again(command: Command, model: Path, files: int, kills: int) -> None:
    write_documents(Path("docs"), files)
    arguments = ("summarize", "--model", model, "--length", "20", "docs", "--quiet", "-o")
    process = command(*arguments, "unbroken", env=ONE_THREAD)
    assert process.communicate() == (b"", b"")
    assert process.returncode == 0

    chance = random.Random(1)
    out = Path("out")
    first: dict[str, int] = {}
    for _ in range(kills):
        goal = len(first) + chance.randint(1, files // kills - 1)
        process = command(*arguments, "out", env=ONE_THREAD)
        while len(written(out)) < goal:
            assert process.poll() is None
            time.sleep(0.01)
        time.sleep(chance.uniform(0, 0.1))
        process.kill()
        process.communicate()
        now = written(out)
        assert {name: now[name] for name in first} == first, "done twice"
        first = now
    process = command(*arguments, "out", env=ONE_THREAD)
    assert process.communicate() == (b"", b"")
    assert process.returncode == 0
    assert outputs(out) == outputs(Path("unbroken"))
    assert {name: at for name, at in written(out).items() if name in first} == first
    assert not list(Path().rglob(".sumpool-*"))


def test_killed_batch_goes_on_where_it_was(command: Command, small_model: Path, here: Path) -> None:
    killed_again_and_again(command, small_model, files=12, kills=2)


@pytest.mark.long
def test_batch_of_200_killed_ten_times(command: Command, small_model: Path, here: Path) -> None:
    killed_again_and_again(command, small_model, files=200, kills=10)


@pytest.fixture
def processes() -> Callable[[int], list[str]]:
    """The commands of all processes of a session."""

    def list_session(session: int) -> list[str]:
        found = []
        for entry in Path("/proc").iterdir():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                if int(fields[3]) == session and fields[0] != "Z":
                    found.append((entry / "cmdline").read_text())
            except (OSError, IndexError):
                continue
        return found

    return list_session


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_batch_keeps_what_is_finished_and_nothing_else(
    command: Command, small_model: Path, here: Path, processes: Callable[[int], list[str]], number: signal.Signals
) -> None:
    write_documents(Path("docs"), 6)
    page = "<html><body>" + "<p>The harbour is <b>shallow</b>. Nobody minds.</p>" * 60_000
    for name in ("x1.html", "x2.html", "x3.html"):
        Path("docs", "part-2", name).write_text(page)
    arguments = ("summarize", "--model", small_model, "--length", "20", "docs", "-o", "out")
    process = command(*arguments, env=ONE_THREAD, start_new_session=True)
    while len(written(Path("out"))) < 3 or "apart" not in "".join(processes(process.pid)):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(number)
    began = time.monotonic()
    assert process.communicate() == (b"", b"")
    assert process.returncode == (130 if number == signal.SIGINT else 143)
    assert time.monotonic() - began < 10  # two seconds, on a machine that has nothing else to do
    assert processes(process.pid) == []
    assert not list(Path().rglob("*.part"))
    before = written(Path("out"))
    assert len(before) >= 3
    assert {entry["output"] for entry in entries(Path("out"))} >= before.keys()


@pytest.mark.long
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")
def test_a_thousand_documents_use_flat_memory(command: Command, small_model: Path, here: Path) -> None:
    write_documents(Path("docs"), 1000)
    arguments = ("summarize", "--model", small_model, "--length", "20", "docs", "-o", "out", "--quiet")
    process = command(*arguments, env=ONE_THREAD)
    peaks = {"first": 0, "rest": 0}
    while process.poll() is None:
        try:
            pages = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1])
        except (OSError, IndexError):  # it is just ending
            continue
        part = "first" if len(written(Path("out"))) <= 100 else "rest"
        peaks[part] = max(peaks[part], pages)
        time.sleep(0.1)
    assert process.communicate() == (b"", b"")
    print(f"{peaks['first'] * os.sysconf('SC_PAGE_SIZE') / 1e6:.0f} MB, then {peaks['rest'] / peaks['first']:.1%}")
    assert peaks["rest"] <= 1.1 * peaks["first"]
