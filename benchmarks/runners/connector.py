"""binance-connector 3.13, the synchronous peer: strings, on its reader thread."""

from __future__ import annotations

import importlib
from typing import Any

from ..wire import LISTEN_KEY
from . import common

_stream: Any = importlib.import_module("binance.websocket.spot.websocket_stream")


def events(task: common.Task) -> dict[str, object]:
    tally = common.Tally(task)
    sample: Any = None
    place: slice | None = None

    def on_message(_manager: Any, message: str) -> None:
        nonlocal sample, place
        if place is None:
            at = message.find('"i":')
            if at < 0:
                common.go(task)  # The acknowledgement of SUBSCRIBE.
                return
            place = slice(at + 4, at + 14)
        sample = message
        tally.add(int(message[place]))

    client = _stream.SpotWebsocketStreamClient(stream_url=task.url(""), on_message=on_message)
    client.subscribe(LISTEN_KEY)
    tally.wait()
    client.stop()
    return tally.report(sample)


if __name__ == "__main__":
    common.main({"events": events})
