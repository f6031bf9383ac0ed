"""binance_socket: typed, ordered, on the worker pool; through its public names only."""

from __future__ import annotations

import collections
import time
from concurrent.futures import Future
from decimal import Decimal
from typing import Any

from binance_socket import BinanceSocketClient, ClientOptions, DataEvent, Environment, HmacKey
from binance_socket.models import OrderUpdate

from . import common


def _client(task: common.Task) -> BinanceSocketClient:
    environment = Environment(
        name="bench",
        ws_api_url=task.url("/ws-api/v3"),
        stream_url=task.url(""),
        rest_url=task.url("", "http"),
        ca_file=task.ca_file if task.tls else None,
    )
    credentials = HmacKey(common.API_KEY, common.API_SECRET)
    return BinanceSocketClient(
        credentials=credentials, environment=environment, options=ClientOptions(request_timeout=common.WAIT)
    )


def events(task: common.Task) -> dict[str, object]:
    tally = common.Tally(task)
    sample: OrderUpdate | None = None

    def on_order(event: DataEvent[OrderUpdate]) -> None:
        nonlocal sample
        sample = event.data
        tally.add(sample.order_id)

    with (
        _client(task) as client,
        client.spot_api.account.subscribe_to_user_data_updates(on_order_update_message=on_order),
    ):
        common.go(task)
        tally.wait()
    assert sample is None or isinstance(sample.price, Decimal)
    return tally.report(sample)


def requests(task: common.Task) -> dict[str, object]:
    with _client(task) as client:
        account = client.spot_api.account
        return common.timed_requests(task, account.get_account_info if task.signed else account.session_status)


def pipelined(task: common.Task) -> dict[str, object]:
    with _client(task) as client:
        account = client.spot_api.account
        submit = account.get_account_info.submit if task.signed else account.session_status.submit
        waiting: collections.deque[Future[Any]] = collections.deque(submit() for _ in range(task.in_flight))
        for _ in range(task.warm_up):
            waiting.popleft().result()
            waiting.append(submit())
        answers = 0
        began = time.perf_counter()
        for _ in range(task.count):
            assert waiting.popleft().result().status == 200
            answers += 1
            waiting.append(submit())
        rate = task.count / (time.perf_counter() - began)
        for future in waiting:
            future.result()
    return {"rate": rate, "answers": answers}


if __name__ == "__main__":
    common.main({"events": events, "requests": requests, "pipelined": pipelined})
