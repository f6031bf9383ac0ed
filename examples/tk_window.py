"""Show the account's orders in a Tk window. Callbacks run on the window's thread, where widgets may be touched."""

from __future__ import annotations

import queue
import tkinter
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Protocol, TypeVar

from typing_extensions import ParamSpec

from binance_socket import BinanceSocketClient, DataEvent
from binance_socket.models import OrderUpdate

P = ParamSpec("P")
T = TypeVar("T")


class Window(Protocol):
    """What is needed of a window: ``tkinter.Tk`` has it."""

    def after(self, ms: int, func: Callable[[], object], /) -> object:
        """Call *func* on the window's thread in *ms* milliseconds."""
        ...


class WindowExecutor(Executor):
    """
    Runs functions on the thread of a Tk window.

    Other threads only ever put into a queue, which the window's own thread empties every 15 milliseconds: ``after`` and
    ``event_generate`` are not to be called from anywhere else.
    """

    def __init__(self, window: Window) -> None:
        self._window = window
        self._calls: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._drain()

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Run ``fn(*args, **kwargs)`` on the window's thread. Any thread; does not wait."""
        future: Future[T] = Future()

        def run() -> None:
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(fn(*args, **kwargs))
                except Exception as error:  # noqa: BLE001  # it belongs to whoever holds the future
                    future.set_exception(error)

        self._calls.put(run)
        return future

    def _drain(self) -> None:
        # Not more than there is now, so that a flood leaves the window time to draw.
        for _ in range(self._calls.qsize()):
            self._calls.get()()
        self._window.after(15, self._drain)


class OrderTable(tkinter.Frame):
    """The latest orders, newest first."""

    def __init__(self, root: tkinter.Misc, lines: int = 15) -> None:
        super().__init__(root)
        self._lines = lines
        self._list = tkinter.Listbox(self, width=80, height=lines)
        self._list.pack(fill="both", expand=True)

    def show(self, event: DataEvent[OrderUpdate]) -> None:
        """Add a line. On the window's thread only."""
        order = event.data
        self._list.insert(0, f"{order.transaction_time:%H:%M:%S} {order.symbol} {order.side} {order.status}")
        self._list.delete(self._lines, tkinter.END)


def main() -> None:
    """Show the window until it is closed."""
    root = tkinter.Tk()
    root.title("Orders")
    table = OrderTable(root)
    table.pack()
    with BinanceSocketClient.from_env(executor=WindowExecutor(root)) as client:
        # Subscribing waits for the exchange for a moment, before the window is shown.
        client.spot_api.account.subscribe_to_user_data_updates(on_order_update_message=table.show)
        root.mainloop()


if __name__ == "__main__":
    main()
