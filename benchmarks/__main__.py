"""``python -m benchmarks``: see ``--help``."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import venv
from pathlib import Path

from .close import close
from .first_step import first_step
from .fuzz import TARGETS, fuzz
from .local_book import report as report_local_book
from .outcomes import outcomes
from .plaintext import report as report_plaintext
from .rate_limits import report as report_rate_limits
from .rotations import rotations
from .soak import make_plan, print_report, read_plan
from .soak import run as soak

PEERS_VARIABLE = "BINANCE_SOCKET_PEERS"


def main(arguments: list[str] | None = None) -> int:
    """Run what the command line asks for, return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=(__doc__ or "").partition(":")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    step = commands.add_parser("first-step", help="the ratios that the first step asks for")
    step.add_argument("--python", default=sys.executable, help="the interpreter with binance_socket (this one)")
    step.add_argument(
        "--peers",
        default=os.environ.get(PEERS_VARIABLE, sys.executable),
        help=f"the interpreter with the peers (${PEERS_VARIABLE}, else this one)",
    )
    step.add_argument("--rounds", type=int, default=5, help="interleaved rounds (5)")
    step.add_argument("--events", type=int, default=100_000, help="events per run; slower peers get fewer (100000)")
    step.add_argument("--check", action="store_true", help="exit with 1 when a ratio is missed")
    peers = commands.add_parser("peers", help="make a virtual environment that holds the peers")
    peers.add_argument("directory", type=Path)
    unknown = commands.add_parser("outcomes", help="orders with unknown outcomes, against the sandbox's ledger")
    unknown.add_argument("--orders", type=int, default=10_000, help="how many (10000)")
    unknown.add_argument("--seed", type=int, default=1, help="decides what happens to which (1)")
    limits = commands.add_parser("rate-limits", help="many calls against a small limit: is any refused?")
    limits.add_argument("--calls", type=int, default=5000, help="how many calls (5000)")
    limits.add_argument("--threads", type=int, default=16, help="from how many threads (16)")
    limits.add_argument("--limit", type=int, default=1200, help="request weight allowed a minute (1200)")
    book = commands.add_parser("local-book", help="a local order book, against the sandbox's own")
    book.add_argument("--updates", type=int, default=100_000, help="how many random updates (100000)")
    book.add_argument("--cuts", type=int, default=50, help="how often connections are cut (50)")
    book.add_argument("--seed", type=int, default=1, help="decides what happens when (1)")
    moves = commands.add_parser("rotations", help="rotations under load: is anything lost, and how late is it?")
    moves.add_argument("--count", type=int, default=200, help="how many (200)")
    moves.add_argument("--rate", type=int, default=2000, help="events a second (2000)")
    moves.add_argument("--burst", type=int, default=4, help="how many of them at a time, a multiple of four (4)")
    plaintext = commands.add_parser("plaintext", help="links ended while another thread sends: is anything in clear?")
    plaintext.add_argument("--runs", type=int, default=300, help="how many links (300)")
    plaintext.add_argument("--seed", type=int, default=1, help="decides when each is ended (1)")
    soaking = commands.add_parser("soak", help="everything goes wrong, again and again: is anything lost unsaid?")
    soaking.add_argument("--events", type=int, default=100_000, help="how many are published (100000)")
    soaking.add_argument("--faults", type=int, default=300, help="how many disconnects, of two dozen kinds (300)")
    soaking.add_argument("--rotations", type=int, default=50, help="how many rotations besides (50)")
    soaking.add_argument("--seed", type=int, default=1, help="decides what happens when (1)")
    soaking.add_argument("--only", type=_numbers, help="of these steps alone, as in 17,20-25")
    soaking.add_argument("--replay", type=Path, help="play the plan that is in this file, a report for one")
    ends = commands.add_parser("close", help="how long close() takes on a healthy link")
    ends.add_argument("--count", type=int, default=200, help="how many clients are closed (200)")
    wild = commands.add_parser("fuzz", help="whatever comes from the network: nothing but typed errors?")
    wild.add_argument("target", choices=sorted(TARGETS))
    wild.add_argument("--seconds", type=float, default=600.0, help="for how long (600)")
    wild.add_argument("--seed", type=int, default=1, help="decides what is tried (1)")
    wild.add_argument("--engine", choices=("atheris", "plain"), help="atheris where it is installed, else plain")
    chosen = parser.parse_args(arguments)
    if chosen.command == "plaintext":
        return 0 if report_plaintext(chosen.runs, chosen.seed) else 1
    if chosen.command == "soak":
        return 0 if _soak(chosen) else 1
    if chosen.command == "fuzz":
        return 0 if fuzz(chosen.target, seconds=chosen.seconds, seed=chosen.seed, engine=chosen.engine).sound else 1
    if chosen.command == "close":
        return 0 if close(chosen.count).sound else 1
    if chosen.command == "rotations":
        return 0 if rotations(chosen.count, chosen.rate, chosen.burst).sound else 1
    if chosen.command == "local-book":
        return 0 if report_local_book(chosen.updates, chosen.cuts, chosen.seed) else 1
    if chosen.command == "rate-limits":
        return 0 if report_rate_limits(chosen.calls, chosen.threads, chosen.limit) else 1
    if chosen.command == "peers":
        return _install_peers(chosen.directory)
    if chosen.command == "outcomes":
        return 0 if outcomes(chosen.orders, chosen.seed).sound else 1
    reached = first_step(chosen.python, chosen.peers, chosen.rounds, chosen.events)
    return 1 if chosen.check and not reached else 0


def _soak(chosen: argparse.Namespace) -> bool:
    if chosen.replay is not None:
        plan = read_plan(chosen.replay.read_text("utf-8").splitlines())
    else:
        plan = make_plan(chosen.seed, chosen.events, chosen.faults, chosen.rotations)
    if chosen.only is not None:
        plan = plan.only(chosen.only)
    report = soak(plan, progress=lambda line: print(line, flush=True))
    print_report(report)
    return report.sound


def _numbers(text: str) -> frozenset[int]:
    """Read numbers and ranges of them, as in 17,20-25. Raises ValueError."""
    numbers: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        numbers.update(range(int(first), int(last or first) + 1))
    return frozenset(numbers)


def _install_peers(directory: Path) -> int:
    venv.create(directory, with_pip=True)
    python = directory / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    requirements = Path(__file__).with_name("requirements.txt")
    done = subprocess.run([python, "-m", "pip", "install", "--quiet", "-r", requirements], check=False)
    if not done.returncode:
        print(python)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
