"""Batches on a Ray cluster: two real nodes, whose workers are killed while they work, give what one process gives."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from sumpool.record import NAME

Sumpool = Callable[..., Any]
Command = Callable[..., "subprocess.Popen[bytes]"]

needs_ray = pytest.mark.skipif(find_spec("ray") is None, reason="needs Ray: pip install 'sumpool[ray]'")
OPTIONS = ("--length", "20", "--engine", "ray")
AT_WORK = "ray::MapWorker(Map(_Worker)).submit"
"""What a worker that has a document calls itself."""
PATIENCE = 240
"""Seconds: Ray's processes take long to start on a busy machine."""


@pytest.fixture(scope="module")
def cluster(root: Path) -> Iterator[Any]:
    """A Ray cluster of two nodes with a processor each, the second with a GPU that it only claims to have."""
    settings = {"PYTHONPATH": str(root), "RAY_USAGE_STATS_ENABLED": "0", "RAY_worker_niceness": "0"}
    settings |= dict([CLUSTER.split("=")])
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**settings, "OMP_NUM_THREADS": "1"}.items():
            patch.setenv(name, value)
        from ray.cluster_utils import Cluster

        node = {"num_cpus": 1, "object_store_memory": 100 << 20, "include_dashboard": False}
        cluster = Cluster(initialize_head=True, head_node_args=node)
        cluster.add_node(**node, num_gpus=1)
        yield cluster
        cluster.shutdown()


@pytest.fixture
def on_cluster(cluster: Any, command: Command, small_model: Path) -> Callable[..., subprocess.Popen[bytes]]:
    """`sumpool summarize` on the cluster, with the small model, as a process of its own."""
    options = ("--model", small_model, *OPTIONS, "--address", cluster.address)
    return lambda *arguments: command("summarize", *arguments, *options, env={"OMP_NUM_THREADS": "1"})


def ended(process: subprocess.Popen[bytes]) -> tuple[int, str, str]:
    """Exit code and what was printed to either stream."""
    out, err = process.communicate(timeout=PATIENCE)
    return process.returncode, out.decode(), err.decode()


def outputs(directory: Path) -> dict[str, bytes]:
    return {
        path.relative_to(directory).as_posix(): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file() and path.name != NAME
    }


def lines(directory: Path) -> list[str]:
    """The record's, in an order that does not depend on who was done first."""
    return sorted((directory / NAME).read_text().splitlines())


def titles(mark: str) -> dict[int, str]:
    """What those processes call themselves that have `mark` in their environment: nobody else's are touched.

    Ray's workers write their name over it, so that of their parents counts for them.
    """
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = (entry / "stat").read_text().rpartition(")")[2].split()[1]
                both = (entry / "environ", entry.parent / parent / "environ")
                if any(mark.encode() in file.read_bytes() for file in both if file.exists()):
                    found[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
            except OSError:
                continue
    return found


CLUSTER = f"SUMPOOL_TEST_CLUSTER={os.getpid()}"


def kill_one_at_work(process: subprocess.Popen[bytes], spared: set[int]) -> int:
    """Kill a worker that has a document, as soon as there is one but those `spared`."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        for number, title in titles(CLUSTER).items():
            if title == AT_WORK and number not in spared:
                os.kill(number, signal.SIGKILL)
                return number
        time.sleep(0.1)
    raise AssertionError("no worker has a document")


@pytest.fixture
def papers(tree: Path) -> Path:
    """The current directory; in docs/ six documents that can be read, and one that can't."""
    story = (tree / "docs/a.txt").read_text(encoding="utf-8")
    for number in range(3):
        (tree / f"docs/sub/{number}.txt").write_text(f"Number {number}.\n\n" + story * (20 + number), encoding="utf-8")
    (tree / "docs/bad.pdf").write_bytes(b"%PDF-1.4 and nothing else")
    return tree


@needs_ray
def test_two_nodes_give_what_one_process_gives(
    papers: Path, summarize: Sumpool, on_cluster: Command, cluster: Any
) -> None:
    one = summarize("docs", "-o", "one")
    code, out, err = ended(on_cluster("docs", "-o", "two"))
    assert (code, out) == (one.code, one.out) == (1, "")
    assert err == one.err
    assert outputs(papers / "two") == outputs(papers / "one")
    assert lines(papers / "two") == lines(papers / "one")
    # What either engine has finished, neither does again.
    before = {path: path.stat().st_mtime_ns for path in papers.glob("t*/**/*.txt")}
    assert "skipped  6" in summarize("docs", "-o", "two").err
    (papers / "docs/a.md").write_text("The harbour was closed in the spring. Nobody calls there any more.\n")
    (papers / "two/sub/0.txt.txt").unlink()
    code, out, err = ended(on_cluster("docs", "-o", "two"))
    assert err.splitlines()[1:3] == ["done     2", "skipped  4  finished before (--overwrite makes them anew)"]
    after = {path: path.stat().st_mtime_ns for path in papers.glob("t*/**/*.txt")}
    assert {path.name for path in before if before[path] != after[path]} == {"a.md.txt", "0.txt.txt"}


@needs_ray
@pytest.mark.long
def test_urls_reach_the_workers(papers: Path, summarize: Sumpool, on_cluster: Command, cluster: Any) -> None:
    """local:// is fsspec's, and as good as a store that all machines see."""
    one = summarize("docs", "-o", "one")
    code, _, err = ended(on_cluster(f"local://{papers}/docs", "-o", f"local://{papers}/two"))
    assert (code, err) == (1, one.err.replace("docs/", f"local://{papers}/docs/"))
    found = {name: data for name, data in outputs(papers / "two").items() if not name.startswith(".sumpool/")}
    assert found == outputs(papers / "one")


@needs_ray
def test_a_worker_that_is_killed_takes_nothing_with_it(
    papers: Path, summarize: Sumpool, on_cluster: Command, cluster: Any
) -> None:
    one = summarize("docs", "-o", "one")
    process = on_cluster("docs", "-o", "two")
    kill_one_at_work(process, set())
    assert ended(process) == (one.code, "", one.err)
    assert outputs(papers / "two") == outputs(papers / "one")
    assert lines(papers / "two") == lines(papers / "one")


@needs_ray
@pytest.mark.long
def test_a_document_that_its_workers_die_of_is_a_failure(papers: Path, on_cluster: Command, cluster: Any) -> None:
    story = (papers / "docs/a.txt").read_text(encoding="utf-8")
    (papers / "huge.txt").write_text(story * 8000, encoding="utf-8")  # takes long enough to be caught
    process = on_cluster("huge.txt", "-o", "out/")
    killed: set[int] = set()
    while len(killed) < 3:
        killed.add(kill_one_at_work(process, killed))
    while process.poll() is None:  # by itself, in the end, it gets no further
        for number, title in titles(CLUSTER).items():
            if title == AT_WORK:
                os.kill(number, signal.SIGKILL)
        time.sleep(0.1)
    code, _, err = ended(process)
    assert code == 1
    assert err.startswith("sumpool: huge.txt: every worker that had it died (")
    assert outputs(papers / "out") == {}


@needs_ray
@pytest.mark.long
def test_parts_of_a_gpu_and_results_on_standard_output(
    papers: Path, summarize: Sumpool, on_cluster: Command, cluster: Any
) -> None:
    """Documents are read beside the workers then; what is printed is in order."""
    names = ("docs/a.txt", "docs/sub/2.txt", "docs/missing.txt", "docs/bad.pdf", "docs/sub/0.txt", "-")
    stdin = b"The council decided to wait. A meeting was called for the spring."
    one = summarize(*names, stdin=stdin)
    process = on_cluster(*names, "--gpus-per-worker", "0.5", "--device", "cpu")
    out, err = process.communicate(stdin, timeout=PATIENCE)
    assert (process.returncode, out.decode(), sorted(err.decode().splitlines())) == (
        one.code, one.out, sorted(one.err.splitlines()),
    )  # fmt: skip


@needs_ray
@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.long)])
def test_interrupted_it_keeps_what_is_finished_and_leaves_no_process(
    papers: Path, command: Command, small_model: Path, number: signal.Signals
) -> None:
    story = (papers / "docs/a.txt").read_text(encoding="utf-8")
    (papers / "docs/huge.txt").write_text(story * 8000, encoding="utf-8")
    arguments = ("summarize", "--model", small_model, *OPTIONS, "--workers", "2", "docs", "-o", "out")
    process = command(*arguments, env={"OMP_NUM_THREADS": "1", "PAPERS": str(papers)})
    deadline = time.monotonic() + PATIENCE
    while not list(papers.glob("out/**/*.txt")) and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(number)
    began = time.monotonic()
    code, out, err = ended(process)
    assert time.monotonic() - began < 30  # three seconds, on a machine that has nothing else to do
    assert (code, out) == (128 + number, "")
    assert [line for line in err.splitlines() if "bad.pdf" not in line] == []
    done = outputs(papers / "out")
    assert done
    assert len(lines(papers / "out")) >= len(done)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and (rest := list(titles(f"PAPERS={papers}").values())):
        time.sleep(0.2)
    assert rest == []


@needs_ray
def test_stops_at_the_first_failure(papers: Path, command: Command, small_model: Path) -> None:
    """What is known to be wrong at once needs no cluster."""
    process = command("summarize", "--model", small_model, *OPTIONS, "docs", "missing.txt", "-o", "out", "--fail-fast")
    code, out, err = ended(process)
    assert (code, out) == (1, "")
    assert err.splitlines()[0] == "sumpool: missing.txt: no such file or directory (check the path)"
    assert outputs(papers / "out") == {}


@pytest.mark.parametrize("option", [("--address", "auto"), ("--workers", "2"), ("--gpus-per-worker", "0.5")])
def test_options_of_an_engine_that_was_not_asked_for(story: Path, summarize: Sumpool, option: tuple[str, str]) -> None:
    result = summarize("story.txt", *option)
    assert (result.code, result.out) == (2, "")
    assert result.err == f"sumpool: {option[0]} is for Ray's workers (add --engine ray)\n"


def test_without_ray_it_says_what_to_install(tree: Path, summarize: Sumpool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)  # Python's own way to say that there is no such module
    result = summarize(*OPTIONS, "docs", "-o", "out")
    assert (result.code, result.out) == (2, "")
    assert result.err == "sumpool: --engine ray: Ray isn't installed (pip install 'sumpool[ray]')\n"
    assert not (tree / "out").exists()


@needs_ray
@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("nowhere", "not auto or HOST:PORT (start a cluster with: ray start --head)"),
        ("ray://127.0.0.1:10001", "not an address such as 10.0.0.1:6379 (run sumpool in the cluster)"),
        ("127.0.0.1:PORT", "no Ray cluster there: Connection refused (start a cluster with: ray start --head)"),
    ],
)
def test_no_cluster_is_one_line(story: Path, summarize: Sumpool, address: str, message: str) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = address.replace("PORT", str(free.getsockname()[1]))
    result = summarize(*OPTIONS, "--address", address, "story.txt")
    assert (result.code, result.out) == (2, "")
    assert result.err == f"sumpool: --address {address}: {message}\n"
