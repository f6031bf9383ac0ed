"""
unicorn-binance-websocket-api with its C backend: dicts, on its loop's thread.

``events`` uses its user-data stream. ``stream_events`` receives the same events through a market stream, which it reads
without a timer per message: the faster of the two is what we are held against.
"""

from __future__ import annotations

import importlib
import threading
from typing import Any

from . import common

_manager: Any = importlib.import_module("unicorn_binance_websocket_api.manager")


def _manage(task: common.Task) -> Any:
    return _manager.BinanceWebSocketApiManager(
        exchange="binance.com",
        output_default="dict",
        websocket_library="picows",
        warn_on_update=False,
        disable_colorama=True,
        restful_base_uri=task.url("/", "http"),
        websocket_base_uri=task.url("/"),
        websocket_api_base_uri=task.url("/ws-api/v3"),
    )


def events(task: common.Task) -> dict[str, object]:
    tally = common.Tally(task)
    sample: Any = None

    def on_data(message: Any) -> None:
        nonlocal sample
        if "event" in message:
            sample = message
            tally.add(message["event"]["i"])

    manager = _manage(task)
    manager.create_stream(
        "arr", "!userData", api_key=common.API_KEY, api_secret=common.API_SECRET, process_stream_data=on_data
    )
    common.go(task)  # The server waits for the subscription itself; its acknowledgement is kept from us.
    tally.wait()
    manager.stop_manager()
    return tally.report(sample)


def stream_events(task: common.Task) -> dict[str, object]:
    tally = common.Tally(task)
    sample: Any = None
    subscribed = threading.Event()

    def on_data(message: Any) -> None:
        nonlocal sample
        data = message.get("data")
        if data is None:
            subscribed.set()
            return
        sample = message
        tally.add(data["i"])

    manager = _manage(task)
    manager.create_stream(["trade"], ["ethbtc", "btcusdt"], process_stream_data=on_data)
    subscribed.wait(common.WAIT)
    common.go(task)
    tally.wait()
    manager.stop_manager()
    return tally.report(sample)


if __name__ == "__main__":
    common.main({"events": events, "stream_events": stream_events})
