"""How the demo is shown on a terminal: one screen that changes in place."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, Final

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text
from typing_extensions import Self

from ..events import DataEvent
from ..models.user_data import BalanceUpdate, OrderUpdate, PositionsUpdate
from .demo_view import describe, recovered

__all__ = ["LiveView"]

_TRADERS: Final = {"alice": "HMAC key, listen key", "bob": "Ed25519 key, subscription"}
_COLOURS: Final[Mapping[type[object], str]] = {OrderUpdate: "cyan", PositionsUpdate: "blue", BalanceUpdate: "magenta"}
# What surrounds the events: the title, the chapters and two frames, the summary, and the line of the prompt.
_OTHER_LINES: Final = 7
_FEWEST_EVENTS, _MOST_EVENTS = 6, 14


class LiveView:
    """The demo on one screen of at least 80 columns and 24 lines. A context manager: the screen stays when it ends."""

    def __init__(self, title: str, chapters: Sequence[str], console: Console | None = None) -> None:
        self._title = title
        self._console = console or Console()
        room = self._console.height - _OTHER_LINES - len(chapters)
        self._rows = max(_FEWEST_EVENTS, min(_MOST_EVENTS, room))
        # Guards everything below.
        self._lock = threading.Lock()
        self._outcomes: dict[str, str | None] = dict.fromkeys(chapters)
        self._running: str | None = None
        self._lines: dict[str, deque[Text]] = {name: deque(maxlen=self._rows) for name in _TRADERS}
        self._summary = Text()
        self._live = Live(get_renderable=self.render, console=self._console, refresh_per_second=20)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._live.stop()

    def begin(self, chapter: str) -> None:
        """Mark the chapter."""
        with self._lock:
            self._running = chapter

    def end(self, chapter: str, outcome: str) -> None:
        """Tick it off."""
        with self._lock:
            self._outcomes[chapter], self._running = outcome, None

    def event(self, trader: str, event: DataEvent[Any]) -> None:
        """Add a line to the trader's events."""
        data: object = event.data
        name, text = describe(data)
        line = Text(f"{name:16}", style=_COLOURS.get(type(data), ""), no_wrap=True, overflow="ellipsis")
        self._add(trader, line.append(text, style="default").append(recovered(event), style="green"))

    def notice(self, trader: str, text: str) -> None:
        """Add a line to the trader's events."""
        self._add(trader, Text(text, style="yellow", no_wrap=True, overflow="ellipsis"))

    def finish(self, text: str, *, succeeded: bool) -> None:
        """Show the summary."""
        with self._lock:
            self._summary = Text(text, style="bold green") if succeeded else Text(f"FAILED: {text}", style="bold red")

    def render(self) -> RenderableType:
        """Return the screen as it is now. Any thread."""
        with self._lock:
            return Group(Text(self._title, style="bold", no_wrap=True), self._events(), self._chapters(), self._summary)

    def _add(self, trader: str, line: Text) -> None:
        with self._lock:
            self._lines[trader].append(line)

    def _events(self) -> RenderableType:
        grid = Table.grid(expand=True)
        frames: list[Panel] = []
        for name, how in _TRADERS.items():
            grid.add_column(ratio=1)
            lines = [*self._lines[name], *[Text()] * (self._rows - len(self._lines[name]))]
            title = Text.assemble((name, "bold"), f": {how}")
            frames.append(Panel(Group(*lines), title=title, title_align="left", border_style="dim"))
        grid.add_row(*frames)
        return grid

    def _chapters(self) -> RenderableType:
        table = Table.grid(padding=(0, 1), expand=True)
        table.add_column(width=1)
        table.add_column(style="bold", no_wrap=True, min_width=max(map(len, self._outcomes)))
        # It has what the others leave. Without a ratio, a text that is too long would take room from all.
        table.add_column(overflow="ellipsis", no_wrap=True, ratio=1)
        for chapter, outcome in self._outcomes.items():
            if outcome is not None:
                table.add_row(Text("✓", style="green"), chapter, outcome)
            else:
                table.add_row(Text("…" if chapter == self._running else " "), chapter, "")
        return Panel(table, border_style="dim")
