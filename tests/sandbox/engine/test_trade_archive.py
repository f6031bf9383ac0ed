"""Trades and aggregate trades, held against plain lists."""

from decimal import Decimal
from itertools import groupby

from hypothesis import given
from hypothesis import strategies as st

from binance_socket.sandbox.news import PublicTrade
from binance_socket.sandbox.trade_archive import TradeArchive

D = Decimal


@st.composite
def requests(draw):
    """What one request after the other brought about: trades of its own order, and of orders that it triggered."""
    time, number, batches = 1_700_000_000_000, 0, []
    for taker in range(draw(st.integers(0, 12))):
        time += draw(st.sampled_from([0, 0, 1, 500]))
        batch = []
        for triggered in draw(st.lists(st.integers(0, 1), max_size=6)):
            number += 1
            price, quantity = D(draw(st.sampled_from([99, 100, 101]))), D(draw(st.integers(1, 9)))
            batch.append(PublicTrade(number, price, quantity, time, draw(st.booleans()), 2 * taker + triggered))
        batches.append(batch)
    return batches


@given(requests(), st.integers(1, 8), st.data())
def test_archives_are_lists_with_a_short_memory(batches, capacity, data):
    """The last ones at least, at most twice as many; every page is the one that a list would give."""
    archive, trades, aggregates = TradeArchive(capacity), [], []
    for batch in batches:
        told = archive.add(batch)
        groups = [
            list(group)
            for _, group in groupby(batch, key=lambda trade: (trade.taker_order_id, trade.price, trade.time))
        ]
        assert [(entry.price, entry.quantity, entry.first_trade_id, entry.last_trade_id) for entry in told] == [
            (group[0].price, sum(trade.quantity for trade in group), group[0].id, group[-1].id) for group in groups
        ]
        assert [(entry.time, entry.buyer_is_maker) for entry in told] == [
            (group[0].time, group[0].buyer_is_maker) for group in groups
        ]
        trades += batch
        aggregates += told
    assert [entry.id for entry in aggregates] == list(range(1, len(aggregates) + 1))
    for things, kept in ((trades, archive.trades), (aggregates, archive.aggregates)):
        assert kept.next_id == len(things) + 1
        known = list(kept.latest(len(things) + 1))
        assert known == things[len(things) - len(known) :]
        assert min(capacity, len(things)) <= len(known) < 2 * capacity
        limit = data.draw(st.integers(1, 10))
        assert list(kept.latest(limit)) == known[-limit:]
        first_id = data.draw(st.integers(0, len(things) + 2))
        assert list(kept.since(first_id, limit)) == [thing for thing in known if thing.id >= first_id][:limit]
        start, end = (1_700_000_000_000 + data.draw(st.integers(-1, 2000)) for _ in range(2))
        inside = [thing for thing in known if start <= thing.time <= end]
        page = [list(kept.between(start, end, limit, lambda thing: thing.time, last=last)) for last in (False, True)]
        assert page == [inside[:limit], inside[-limit:]]
