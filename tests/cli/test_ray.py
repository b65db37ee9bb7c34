"""Batches on a Ray cluster: two real nodes, whose workers are killed while they work, give what one process gives."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
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
IDLE = "ray::MapWorker(Map(_Worker))"
AT_WORK = IDLE + ".submit"
PATIENCE = 240
"""Seconds: Ray's processes take long to start on a busy machine."""


@pytest.fixture(scope="module")
def cluster(root: Path) -> Iterator[Any]:
    """A Ray cluster of two nodes with a processor each, the second with a GPU that it only claims to have."""
    settings = {"PYTHONPATH": str(root), "RAY_USAGE_STATS_ENABLED": "0", "RAY_worker_niceness": "0"}
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


def titles() -> dict[int, str]:
    """The processes that run here, by what they call themselves."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                found[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
            except OSError:
                continue
    return found


def kill_one_at_work(process: subprocess.Popen[bytes], spared: set[int]) -> int:
    """Kill a worker that has a document, as soon as there is one but those `spared`."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        for number, title in titles().items():
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
