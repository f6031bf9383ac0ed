"""Who thinks of the bytes."""

from __future__ import annotations

import importlib.util
import logging
import os
import random
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

import attrs

from .targets import TARGETS, Target

__all__ = ["Finding", "Report", "fuzz"]

_MOST_BYTES = 2048
_INTERESTING = (0, 1, 2, 8, 9, 10, 13, 32, 34, 44, 58, 91, 93, 123, 125, 126, 127, 128, 129, 136, 137, 254, 255)


@attrs.frozen
class Finding:
    """Bytes that a target did not take, and what it raised."""

    data: bytes
    error: str


@attrs.define
class Report:
    """What was found."""

    target: str
    engine: str
    executions: int = 0
    seconds: float = 0.0
    findings: list[Finding] = attrs.field(factory=list[Finding])

    @property
    def sound(self) -> bool:
        """Whether nothing was."""
        return not self.findings


def fuzz(
    name: str,
    *,
    seconds: float,
    seed: int,
    engine: str | None = None,
    executions: int | None = None,
    print_report: bool = True,
) -> Report:
    """
    Give the target *name* bytes for *seconds*, or *executions* times.

    *engine* is ``atheris`` or ``plain``; None is atheris where it is installed.
    """
    if engine is None:
        engine = "plain" if importlib.util.find_spec("atheris") is None else "atheris"
    log = logging.getLogger("binance_socket")
    level = log.level
    # What is given is garbage, and the library says so, each time.
    log.setLevel(logging.CRITICAL + 1)
    try:
        if engine == "atheris":
            report = _with_atheris(name, seconds, seed)
        else:
            report = _plain(name, TARGETS[name], seconds, seed, executions)
    finally:
        log.setLevel(level)
    if print_report:
        _print(report, seed)
    return report


def _plain(name: str, target: Target, seconds: float, seed: int, most: int | None) -> Report:
    """Mutate what one begins with, and what was mutated before, at random."""
    report = Report(name, "plain")
    chance = random.Random(seed)
    pool = target.seeds()
    firsts = len(pool)
    seen: set[str] = set()
    began = time.monotonic()
    while time.monotonic() - began < seconds and (most is None or report.executions < most):
        number = report.executions
        data = pool[number] if number < firsts else _mutated(chance, pool)
        report.executions += 1
        try:
            target.once(data)
        except Exception as exc:  # noqa: BLE001  # that is what is looked for
            where = traceback.format_exc()
            last = f"{type(exc).__name__} {traceback.extract_tb(exc.__traceback__)[-1]}"
            if last not in seen:
                seen.add(last)
                report.findings.append(Finding(data, where))
        # Some of it may be half way to something.
        if chance.random() < 0.01:
            pool.append(data)
            if len(pool) > firsts + 2000:
                pool.pop(chance.randrange(firsts, len(pool)))
    report.seconds = time.monotonic() - began
    return report


def _mutated(chance: random.Random, pool: list[bytes]) -> bytes:
    data = bytearray(chance.choice(pool))
    for _ in range(1 << chance.randrange(6)):
        at = chance.randrange(len(data) + 1)
        change = chance.randrange(7)
        if change == 0:
            data[at:at] = chance.randbytes(chance.randrange(1, 9))
        elif change == 1:
            del data[at : at + chance.randrange(1, 9)]
        elif change == 2:
            other = chance.choice(pool)
            start = chance.randrange(len(other) + 1)
            data[at:at] = other[start : start + chance.randrange(1, 64)]
        elif change == 3:
            data[at:at] = data[at : at + chance.randrange(1, 32)]
        elif at < len(data):
            data[at] = chance.choice(_INTERESTING) if change == 4 else data[at] ^ 1 << chance.randrange(8)
            if change == 6:
                data[at] = chance.randrange(256)
    if chance.random() < 0.05:
        return chance.randbytes(chance.randrange(_MOST_BYTES))
    return bytes(data[:_MOST_BYTES])


def _with_atheris(name: str, seconds: float, seed: int) -> Report:
    """In a process of its own: it never returns, and a finding ends it."""
    report = Report(name, "atheris")
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        corpus = Path(folder, "corpus")
        corpus.mkdir()
        for number, data in enumerate(TARGETS[name].seeds()):
            (corpus / str(number)).write_bytes(data)
        command = [
            *(sys.executable, "-m", "benchmarks.guided", name, str(corpus), f"-artifact_prefix={folder}/"),
            *(f"-max_total_time={int(seconds)}", f"-seed={seed}", f"-max_len={_MOST_BYTES}", "-print_final_stats=1"),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ})
        for line in done.stderr.splitlines():
            if "stat::number_of_executed_units" in line:
                report.executions = int(line.split()[-1])
        if done.returncode:
            artifacts = [path.read_bytes() for path in Path(folder).iterdir() if path.is_file()]
            error = done.stdout[-3000:] + done.stderr[-3000:]
            report.findings.append(Finding(artifacts[0] if artifacts else b"", error))
    report.seconds = time.monotonic() - began
    return report


def _print(report: Report, seed: int) -> None:
    rate = report.executions / max(report.seconds, 0.001)
    print(
        f"{report.target} ({report.engine}, seed {seed}): {report.executions:,} executions in {report.seconds:.0f} s, "
        f"{rate:,.0f} a second, {len(report.findings)} findings"
    )
    for finding in report.findings:
        print(f"\n{finding.data!r}\n{finding.error}")
