"""Processes for readers, so that no malformed file can hang, exhaust or crash the process that asked.

A worker reads one JSON line from stdin ({"size", "seconds", "memory", ...}), `size` bytes of document, and then
whatever further lines its module defines. It writes JSON lines to stdout; {"error": [kind, message]} is understood
of all workers. The end of stdin ends it.
"""

from __future__ import annotations

import json
import logging
import math
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any, BinaryIO

from sumpool.errors import DocumentError

MEMORY = 2 << 30
"""Bytes of address space that a worker may have."""

_BOOT = (
    "import sys, json, importlib; sys.path[:] = json.loads(sys.argv[1]); importlib.import_module(sys.argv[2]).main()"
)

Answer = Callable[[dict[str, Any]], None]

_alive: set[Worker] = set()


def end_workers() -> None:
    """Kill all workers; whoever waits for one of them is told that it has ended. From any thread or signal handler."""
    for worker in list(_alive):
        worker.kill()


class Worker:
    """A worker process, and the thread that turns its answers into messages (worker, answer) on `inbox`.

    The last message is (worker, None): the process has ended.
    """

    def __init__(self, module: str, task: dict[str, Any], data: bytes, inbox: queue.SimpleQueue[Any]) -> None:
        self._inbox = inbox
        # Not multiprocessing: "spawn" would run the caller's main module again, "fork" would copy its memory and locks.
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-c", _BOOT, json.dumps(sys.path), module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        _alive.add(self)
        line = json.dumps({"size": len(data), **task}).encode() + b"\n"
        self._thread = threading.Thread(target=self._talk, args=(line, data), daemon=True)
        self._thread.start()

    def _talk(self, task: bytes, data: bytes) -> None:
        assert self._process.stdin
        assert self._process.stdout
        try:
            self._process.stdin.write(task)
            self._process.stdin.write(data)
            self._process.stdin.flush()
            for line in self._process.stdout:
                self._inbox.put((self, json.loads(line)))
        except (OSError, ValueError):
            pass  # killed while it talked: the message below says so
        self._inbox.put((self, None))

    def send(self, line: str) -> None:
        assert self._process.stdin
        try:
            self._process.stdin.write(line.encode() + b"\n")
            self._process.stdin.flush()
        except OSError:
            return  # it is dead: its thread reports that

    def kill(self) -> None:
        """End the process, and with it those of its group if it leads one."""
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except (AttributeError, OSError):  # Windows; or it leads none
            self._process.kill()

    def stop(self) -> None:
        """`kill`, and give back what the process had."""
        self.kill()
        _alive.discard(self)
        self._thread.join()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe
            try:
                pipe.close()
            except OSError:
                continue  # unsent bytes for a dead process
        self._process.wait()


def serve(work: Callable[[dict[str, Any], bytes, BinaryIO, Answer], None], out_of_memory: str) -> None:
    """A worker's main: `work(task, data, requests, answer)` under the task's limits."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle: it kills this process
    logging.disable(logging.CRITICAL)
    source = sys.stdin.buffer
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # whatever a library prints is no answer

    def answer(message: dict[str, Any]) -> None:
        # Not json.dump, which writes in pieces and is many times slower.
        answers.write(json.dumps(message, separators=(",", ":")) + "\n")
        answers.flush()

    try:
        task = json.loads(source.readline())
        _limit(task["memory"], task["seconds"])
        work(task, source.read(task["size"]), source, answer)
    except DocumentError as error:
        answer({"error": [error.kind, error.message]})
    except MemoryError:
        answer({"error": ["memory", out_of_memory]})
    except (BrokenPipeError, EOFError):
        return  # the parent is gone


def lead_group() -> None:
    """Make this process the leader of a group, for workers that start processes: `Worker.stop` ends them all."""
    if hasattr(os, "setpgid"):
        os.setpgid(0, 0)


def _limit(memory: int, seconds: float) -> None:
    """No more address space and processor time than this, where the system can say so."""
    try:
        import resource
    except ImportError:  # Windows: the parent's clock is the only limit
        return
    wanted = ((resource.RLIMIT_AS, memory), (resource.RLIMIT_CPU, math.ceil(seconds) + 2), (resource.RLIMIT_CORE, 0))
    for limit, value in wanted:
        try:
            _, hard = resource.getrlimit(limit)
            resource.setrlimit(limit, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))
        except (OSError, ValueError):  # macOS refuses some of them
            continue
