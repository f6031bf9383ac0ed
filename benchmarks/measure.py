"""Runs what is to be measured: processes, interleaved rounds, a calibration loop, medians."""

from __future__ import annotations

import dataclasses
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

__all__ = ["Figure", "Measurement", "RunnerFailed", "measure", "replay_server"]

ROOT = Path(__file__).resolve().parent.parent
CALIBRATED = 0.009
"""Seconds that the calibration loop takes on the machine to which figures are normalised."""
TIMEOUT = 240.0


class RunnerFailed(Exception):
    """A client's process ended badly, or printed no report."""


@dataclasses.dataclass(frozen=True)
class Measurement:
    """One client doing one thing. *unit* is the report's key; rates grow with the machine's speed, times shrink."""

    name: str
    python: str
    runner: str
    task: dict[str, Any]
    unit: str = "rate"


@dataclasses.dataclass
class Figure:
    """What came of a measurement over all rounds."""

    values: list[float] = dataclasses.field(default_factory=list[float])
    reports: list[dict[str, Any]] = dataclasses.field(default_factory=list[dict[str, Any]])
    failure: str = ""

    @property
    def median(self) -> float:
        """The median of the rounds, normalised to the machine on which the calibration loop takes its usual time."""
        return statistics.median(self.values)


@contextmanager
def replay_server() -> Generator[dict[str, Any], None, None]:
    """Run the replay server in its own process; gives where it listens."""
    server = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.replay"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert server.stdin is not None
    assert server.stdout is not None
    with server:
        try:
            yield json.loads(server.stdout.readline())
        finally:
            server.stdin.close()
            server.wait(timeout=10)


def measure(measurements: Sequence[Measurement], where: dict[str, Any], rounds: int) -> dict[str, Figure]:
    """
    Run every measurement once per round, so that a slow minute of the machine touches all of them.

    A client that fails is not tried again; its figure says why.
    """
    figures = {measurement.name: Figure() for measurement in measurements}
    for number in range(rounds):
        for measurement in measurements:
            figure = figures[measurement.name]
            if figure.failure:
                continue
            _show(f"round {number + 1} of {rounds}: {measurement.name}")
            before = _calibrate()
            try:
                report = _run(measurement, where)
            except RunnerFailed as error:
                figure.failure = str(error)
                continue
            slowness = (before + _calibrate()) / 2 / CALIBRATED
            value = report[measurement.unit]
            figure.values.append(value * slowness if measurement.unit == "rate" else value / slowness)
            figure.reports.append(report)
    _show("")
    return figures


def _show(progress: str) -> None:
    if sys.stderr.isatty():
        print(f"\r{progress:<72}\r", end="", file=sys.stderr, flush=True)


def _run(measurement: Measurement, where: dict[str, Any]) -> dict[str, Any]:
    if measurement.runner == "import":
        code = "import time; began = time.perf_counter(); import binance_socket; print(time.perf_counter() - began)"
        # As for an installed package: compiled before, by a first import that is not measured.
        compiled = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        _output([measurement.python, "-c", code], compiled)
        return {"milliseconds": float(_output([measurement.python, "-c", code], compiled)) * 1000}
    arguments = json.dumps({**measurement.task, **where})
    output = _output([measurement.python, "-m", f"benchmarks.runners.{measurement.runner}", arguments])
    report: dict[str, Any] = json.loads(output.strip().splitlines()[-1])
    return report


def _output(command: list[str], environment: dict[str, str] | None = None) -> str:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, cwd=ROOT, timeout=TIMEOUT, check=False, env=environment
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RunnerFailed(f"{type(error).__name__}: {error}"[:300]) from error
    if done.returncode or not done.stdout.strip():
        last = done.stderr.strip().splitlines()[-1:] or ["no report"]
        raise RunnerFailed(last[0])
    return done.stdout


def _calibrate() -> float:
    """Return how long a fixed piece of Python takes: the best of three."""
    taken: list[float] = []
    for _ in range(3):
        began = time.perf_counter()
        total = 0
        words: dict[int, str] = {}
        for number in range(100_000):
            total += number * 7 % 13
            if not number % 50:
                words[number] = str(total)
        taken.append(time.perf_counter() - began)
    return min(taken)
