"""The official SDK, binance-sdk-spot: typed events and answers, on an asyncio loop."""

from __future__ import annotations

import asyncio
import importlib
import time
from typing import Any

from . import common

# Not a plain import: the peers are installed elsewhere, and type checkers know nothing of them.
_configuration: Any = importlib.import_module("binance_common.configuration")
_spot: Any = importlib.import_module("binance_sdk_spot.spot")


async def _connect(task: common.Task) -> Any:
    configuration = _configuration.ConfigurationWebSocketAPI(
        api_key=common.API_KEY, api_secret=common.API_SECRET, stream_url=task.url("/ws-api/v3")
    )
    return await _spot.Spot(config_ws_api=configuration).websocket_api.create_connection()


async def _events(task: common.Task) -> dict[str, object]:
    tally = common.Tally(task)
    done = asyncio.Event()
    tally.on_done = done.set
    sample: Any = None

    def on_message(message: Any) -> None:
        nonlocal sample
        sample = message.actual_instance
        tally.add(sample.i)

    connection = await _connect(task)
    subscription = await connection.user_data_stream_subscribe_signature()
    subscription.stream.on("message", on_message)
    common.go(task)
    await asyncio.wait_for(done.wait(), common.WAIT)
    await connection.close_connection(close_session=True)
    return tally.report(sample)


async def _pipelined(task: common.Task) -> dict[str, object]:
    connection = await _connect(task)
    left = task.warm_up + task.count
    answers = 0
    began = 0.0

    async def worker() -> None:
        nonlocal left, answers, began
        while left > 0:
            left -= 1
            if task.signed:
                answer = (await connection.account_status()).data()
                assert answer.result.balances
            else:
                answer = (await connection.session_status()).data()
                assert answer.result.server_time
            answers += 1
            if answers == task.warm_up:
                began = time.perf_counter()

    await asyncio.gather(*(worker() for _ in range(task.in_flight)))
    rate = task.count / (time.perf_counter() - began)
    await connection.close_connection(close_session=True)
    return {"rate": rate, "answers": answers - task.warm_up}


def events(task: common.Task) -> dict[str, object]:
    return asyncio.run(_events(task))


def pipelined(task: common.Task) -> dict[str, object]:
    return asyncio.run(_pipelined(task))


if __name__ == "__main__":
    common.main({"events": events, "pipelined": pipelined})
