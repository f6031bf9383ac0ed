"""A local order book against the sandbox's own, through cut connections."""

from __future__ import annotations

import queue
from decimal import Decimal

import pytest

from binance_socket import ApiError, OrderBookNotSynchronised
from binance_socket.spot_api.local_order_book import BookState

PATIENCE = 20.0


def settled(book, update_id):
    """Wait until the book is synchronised at an update, and return it as it is then."""
    moved = queue.SimpleQueue()
    book.on_change(lambda _: moved.put(None))
    while True:
        view = book.view()
        if view.is_synchronised and view.last_update_id == update_id:
            return view
        try:
            moved.get(timeout=PATIENCE)
        except queue.Empty:
            raise AssertionError(f"it did not get to update {update_id}: {book}") from None


def own(sandbox, symbol="BTCUSDT"):
    truth = sandbox.order_book(symbol)
    sides = (tuple((Decimal(p), Decimal(q)) for p, q in truth[side]) for side in ("bids", "asks"))
    return (truth["lastUpdateId"], *sides)


def test_it_is_the_sandboxes_book_after_every_cut(sandbox, connect):
    """Level by level, whatever was missed."""
    sandbox.random_flow("BTCUSDT", seed=1, updates=500)
    data = connect(sandbox, backoff_cap=0.05).spot_api.exchange_data
    resyncs = queue.SimpleQueue()
    with data.local_order_book("BTCUSDT", depth=1000, update_interval=100) as book:
        book.on_resync(resyncs.put)
        assert book.wait_until_synchronised(PATIENCE)
        for reset in (True, False, True):
            sandbox.random_flow("BTCUSDT", seed=1, updates=300)
            sandbox.faults.cut(reset=reset)
            last = sandbox.random_flow("BTCUSDT", seed=1, updates=300)
            resync = resyncs.get(timeout=PATIENCE)
            assert resync.reason == "the connection was lost"
            view = settled(book, last)
            assert (view.last_update_id, view.bids, view.asks) == own(sandbox)
    assert book.state is BookState.CLOSED


def test_an_unknown_symbol_ends_the_book(sandbox, connect):
    """The stream is agreed to, the snapshot is refused: that is the cause of what is raised."""
    book = connect(sandbox).spot_api.exchange_data.local_order_book("NOSUCH", update_interval=100)
    with pytest.raises(OrderBookNotSynchronised) as caught:
        book.wait_until_synchronised(PATIENCE)
    assert isinstance(caught.value.__cause__, ApiError)
    assert caught.value.__cause__.code == -1121
    assert book.error is caught.value.__cause__
    assert book.subscription.wait(PATIENCE)


def test_many_books_of_one_client(sandbox, connect):
    """Each is its own symbol's."""
    symbols = ("BTCUSDT", "ETHUSDT", "ETHBTC")
    data = connect(sandbox).spot_api.exchange_data
    books = [data.local_order_book(symbol, depth=1000, update_interval=100) for symbol in symbols]
    for book in books:
        assert book.wait_until_synchronised(PATIENCE)
        last = sandbox.random_flow(book.symbol, seed=2, updates=300)
        view = settled(book, last)
        assert (view.last_update_id, view.bids, view.asks) == own(sandbox, book.symbol)
        book.close()
