"""What every runner needs: its task, a tally of the events that arrive, a report. Only the standard library."""

from __future__ import annotations

import json
import os
import resource
import socket
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from ..wire import FIRST_ORDER_ID

__all__ = ["API_KEY", "API_SECRET", "WAIT", "Tally", "Task", "go", "main", "timed_requests"]

API_KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"
API_SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"  # the documents' example pair

WAIT = 120.0
"""Seconds after which a client that has not got its events is given up."""


class Task:
    """What to measure, as the parent process wrote it."""

    def __init__(self, fields: dict[str, Any]) -> None:
        self.kind: str = fields["kind"]
        self.port: int = fields["port"]
        self.tls: bool = fields.get("tls", False)
        self.tls_port: int = fields["tls_port"]
        self.ca_file: str = fields["ca_file"]
        self.count: int = fields.get("count", 0)
        self.warm_up: int = fields.get("warm_up", 0)
        self.signed: bool = fields.get("signed", False)
        self.in_flight: int = fields.get("in_flight", 64)

    def url(self, path: str, scheme: str = "ws") -> str:
        """Return the URL of *path* on the replay server."""
        return f"{scheme}s://127.0.0.1:{self.tls_port}{path}" if self.tls else f"{scheme}://127.0.0.1:{self.port}{path}"


class Tally:
    """
    Counts events and looks whether they come in order.

    The clock starts when the warm-up is over, and stops with the last event.
    """

    def __init__(self, task: Task) -> None:
        self._warm_up = task.warm_up
        self._expected = task.warm_up + task.count
        self._began = self._ended = 0.0
        self._cpu_began = self._cpu_ended = 0.0
        self.received = 0
        self.out_of_order = 0
        self._done = threading.Event()
        self.on_done: Callable[[], None] = self._done.set

    def add(self, order_id: int) -> None:
        """Count the event of *order_id*."""
        if order_id != FIRST_ORDER_ID + self.received:
            self.out_of_order += 1
        self.received += 1
        if self.received == self._warm_up:
            self._cpu_began = time.process_time()
            self._began = time.perf_counter()
        elif self.received == self._expected:
            self._ended = time.perf_counter()
            self._cpu_ended = time.process_time()
            self.on_done()

    def wait(self) -> None:
        """Wait until every event has arrived, or for too long."""
        self._done.wait(WAIT)

    def report(self, sample: object, **more: object) -> dict[str, object]:
        """Return what arrived; *sample* is one event as the callback got it."""
        complete = self.received == self._expected
        events = self._expected - self._warm_up
        return {
            "received": self.received,
            "expected": self._expected,
            "out_of_order": self.out_of_order,
            "delivered_as": type(sample).__name__,
            "rate": events / (self._ended - self._began) if complete else 0.0,
            "cpu_microseconds": (self._cpu_ended - self._cpu_began) / events * 1e6 if complete else 0.0,
            **more,
        }


def go(task: Task) -> None:
    """Ask the server for the events; the subscription is acknowledged by now."""
    with socket.create_connection(("127.0.0.1", task.port)) as control:
        control.sendall(b"GO %d\n" % (task.warm_up + task.count))


def timed_requests(task: Task, call: Callable[[], object]) -> dict[str, object]:
    """Return how long each *call* took, in microseconds: median and 99th percentile."""
    for _ in range(task.warm_up):
        call()
    taken: list[float] = []
    for _ in range(task.count):
        began = time.perf_counter()
        call()
        taken.append(time.perf_counter() - began)
    taken.sort()
    return {"p50": taken[len(taken) // 2] * 1e6, "p99": taken[len(taken) * 99 // 100] * 1e6, "answers": len(taken)}


def main(kinds: dict[str, Callable[[Task], dict[str, object]]]) -> None:
    """Do the task that stands in the first argument, print its report."""
    task = Task(json.loads(sys.argv[1]))
    report = kinds[task.kind](task)
    report["rss_megabytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(report), flush=True)
    os._exit(0)  # Not every peer's threads end when it is told to stop; nothing is left to clean up.
