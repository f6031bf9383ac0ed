"""``python -m binance_socket demo``: it keeps its promises, and it notices when they are not kept."""

from __future__ import annotations

import io
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from decimal import Decimal

import pytest
from rich.console import Console

from binance_socket import DataEvent, models
from binance_socket.cli.demo import CHAPTERS, TITLE, perform
from binance_socket.cli.demo_live import LiveView
from binance_socket.cli.demo_view import PlainView, describe
from binance_socket.sandbox import Sandbox

# What arrives in the demo arrives at once. So this much is only ever waited for where it is not to arrive at all.
PATIENCE = 2.0


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def output() -> io.StringIO:
    return io.StringIO()


@pytest.mark.parametrize("arguments", [[], ["--plain"]])
def test_piped(arguments: list[str]) -> None:
    """In a pipe the demo prints a screen of plain lines within 15 seconds, and exits with 0."""
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "binance_socket", "demo", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    took = time.monotonic() - started

    assert (done.returncode, done.stderr) == (0, "")
    assert took < 15
    assert "\x1b" not in done.stdout
    lines = done.stdout.splitlines()
    assert lines[0] == TITLE
    assert [line.split()[0] for line in lines[1:-1] if not line.startswith(" ")] == list(CHAPTERS)
    assert re.fullmatch(r"All as promised, in \d+\.\d s\.", lines[-1])
    assert len(lines) <= 50
    assert max(map(len, lines)) <= 100


def test_both_links_are_cut_and_survived(sandbox: Sandbox, output: io.StringIO) -> None:
    """The connections really are cut, both subscriptions hear of it, and of what happens afterwards."""
    assert perform(sandbox, PlainView(output, TITLE)) == 0

    assert sandbox.faults.triggered["cut"] >= 2
    for trader in ("alice", "bob"):
        lines = [line for line in output.getvalue().splitlines() if line.startswith(f"    {trader} ")]
        lost = next(n for n, line in enumerate(lines) if "-- connection lost" in line)
        assert "-- gap: open" in lines[lost + 1]
        assert "-- connection restored after" in lines[lost + 2]
        assert any("FILLED" in line for line in lines[:lost])
        recovered = [number for number, line in enumerate(lines) if line.endswith("(recovered)")]
        assert "FILLED" in lines[recovered[0]]
        assert lines.index(f"    {trader:7}-- gap: recovered state, trades: 1") == recovered[-1] + 1


def _lose(sandbox: Sandbox) -> None:
    sandbox.faults.drop_events()


def _repeat(sandbox: Sandbox) -> None:
    sandbox.faults.duplicate_events()


def _do_not_answer(sandbox: Sandbox) -> None:
    sandbox.faults.close(1008, "no demos today")
    sandbox.faults.refuse_upgrade(100, 404)


@pytest.mark.parametrize(
    "sabotage, complaint",
    [
        (_lose, r"alice has waited 2 s for all \d+ events of the ledger, and has \d+ events"),
        (_repeat, r"an order of alice went through \[OrderStatus.NEW, OrderStatus.NEW.*, not \[OrderStatus.NEW, .*"),
        (_do_not_answer, r".*404.*"),
    ],
    ids=["an event is lost", "an event comes twice", "nobody answers"],
)
def test_a_broken_promise(
    sabotage: Callable[[Sandbox], None], complaint: str, sandbox: Sandbox, output: io.StringIO
) -> None:
    """When something does not happen as promised, the last line says what, and the exit code is 1."""
    sabotage(sandbox)

    assert perform(sandbox, PlainView(output, TITLE), patience=PATIENCE) == 1

    assert re.fullmatch(f"FAILED: {complaint}", output.getvalue().splitlines()[-1])
    assert "All as promised" not in output.getvalue()


class _Saboteur(PlainView):
    """Loses one event of the deposit and repeats the other, so that as many arrive as should."""

    def __init__(self, output: io.StringIO, sandbox: Sandbox) -> None:
        super().__init__(output, TITLE)
        self._sandbox = sandbox

    def begin(self, chapter: str) -> None:
        if chapter == "deposit":
            self._sandbox.faults.drop_events()
            self._sandbox.faults.duplicate_events()


def test_the_ledger_has_the_last_word(sandbox: Sandbox, output: io.StringIO) -> None:
    """As many events as there should be are not enough: they must be the ledger's."""
    assert perform(sandbox, _Saboteur(output, sandbox)) == 1

    last = output.getvalue().splitlines()[-1]
    assert re.fullmatch(
        r"FAILED: alice: event 7 of the ledger is .*'balanceUpdate'.*, but .*'outboundAccountPosition'.* arrived", last
    )


@pytest.mark.parametrize("width, height", [(80, 24), (100, 40)])
def test_screen(width: int, height: int, sandbox: Sandbox) -> None:
    """On a terminal everything stands on one screen at the end."""
    console = Console(file=io.StringIO(), force_terminal=True, width=width, height=height)
    with LiveView(TITLE, CHAPTERS, console) as view:
        assert perform(sandbox, view) == 0

    screen = Console(file=io.StringIO(), width=width, height=height, color_system=None)
    with screen.capture() as capture:
        screen.print(view.render())
    lines = capture.get().splitlines()
    assert len(lines) < height
    assert max(map(len, lines)) <= width
    text = "\n".join(lines)
    assert text.count("✓") == len(CHAPTERS)
    assert "All as promised" in text
    assert text.count("connection restored after") == 2


def test_screen_of_a_long_outcome() -> None:
    """It is cut off, and takes no room from the others."""
    screen = Console(file=io.StringIO(), width=80, height=24, color_system=None)
    view = LiveView(TITLE, CHAPTERS, screen)
    for chapter in CHAPTERS:
        view.begin(chapter)
        view.end(chapter, "0123456789" * 10)

    with screen.capture() as capture:
        screen.print(view.render())
    text = capture.get()
    assert max(map(len, text.splitlines())) <= 80
    assert text.count("✓") == text.count("…") == len(CHAPTERS)
    assert all(chapter in text for chapter in CHAPTERS)


def test_screen_of_a_failure(sandbox: Sandbox) -> None:
    """On a terminal a failure is shown, and what had succeeded before it."""
    sandbox.faults.drop_events()
    console = Console(file=io.StringIO(), width=80, height=24, color_system=None)
    with LiveView(TITLE, CHAPTERS, console) as view:
        assert perform(sandbox, view, patience=PATIENCE) == 1

    with console.capture() as capture:
        console.print(view.render())
    assert "FAILED: alice has waited" in capture.get()
    assert capture.get().count("✓") == CHAPTERS.index("orders")


def test_describe_what_has_no_amounts() -> None:
    """An event that the demo has no words for is shown by its name."""
    event = models.ServerShutdown(event_time=datetime.now(timezone.utc))

    assert describe(event) == ("ServerShutdown", "")


def test_describe_a_lock() -> None:
    """What is taken away has its sign, and no zeros at the end."""
    now = datetime.now(timezone.utc)
    event = models.BalanceLockUpdate(event_time=now, asset="BTC", delta=Decimal("-0.50000000"), transaction_time=now)

    assert describe(DataEvent(event, None, now, now).data) == ("BalanceLockUpdate", "BTC -0.5")
