"""binance_socket._session.effects"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from binance_socket._session.effects import Pending
from binance_socket._wire.messages import Request
from binance_socket.errors import Certainty


def test_claim() -> None:
    """It is won once; from then on the request may have been sent."""
    pending = Pending("1", Request("ping"), 10.0)
    assert pending.certainty is Certainty.NOT_SENT
    assert pending.claim()
    assert pending.certainty is Certainty.MAYBE_SENT
    assert not pending.claim()
    assert pending.certainty is Certainty.MAYBE_SENT


def test_claim_from_many_threads() -> None:
    """Only one of those who race for a request wins it."""
    threads, rounds = 8, 500
    requests = [Pending(str(number), Request("ping"), 10.0) for number in range(rounds)]
    barrier = threading.Barrier(threads)

    def race() -> list[bool]:
        barrier.wait(10)
        return [pending.claim() for pending in requests]

    with ThreadPoolExecutor(threads) as pool:
        won = [future.result(10) for future in [pool.submit(race) for _ in range(threads)]]
    assert [sum(column) for column in zip(*won, strict=True)] == [1] * rounds


def test_requests_are_told_apart_by_identity() -> None:
    """Two equal questions are two questions."""
    request = Request("ping")
    assert Pending("1", request, 10.0) != Pending("1", request, 10.0)
