"""Candles, held against a model that counts everything anew with the calendar of the standard library."""

import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from binance_socket.sandbox.candles import INTERVALS, CandleFollower, CandleHistory
from binance_socket.sandbox.news import PublicTrade

D = Decimal
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
UNITS = {"s": 1000, "m": MINUTE, "h": HOUR, "d": DAY, "w": 7 * DAY, "M": 31 * DAY}
PRICES = [D(text) for text in ("99.5", "100", "100.01", "103", "0.00000001")]


def model_open(name, time, offset):
    """Return when the candle opened, by the calendar of the time zone."""
    zone = dt.timezone(dt.timedelta(milliseconds=offset))
    local = (EPOCH + dt.timedelta(milliseconds=time)).astimezone(zone)
    count, unit = int(name[:-1]), name[-1]
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    if unit in "smh":
        opened = midnight + (local - midnight) // dt.timedelta(milliseconds=count * UNITS[unit]) * dt.timedelta(
            milliseconds=count * UNITS[unit]
        )
    elif unit == "d":
        opened = midnight - dt.timedelta(days=(midnight.date() - EPOCH.date()).days % count)
    elif unit == "w":
        opened = midnight - dt.timedelta(days=midnight.weekday())
    else:
        opened = midnight.replace(day=1)
    return (opened - EPOCH) // dt.timedelta(milliseconds=1)


def model_opens(name, first, last, offset):
    """Return when every candle opened from the one of *first* to the one of *last*."""
    opens = [model_open(name, first, offset)]
    while True:
        # Past the end, whatever the length, and back to where that candle opened.
        time = opens[-1] + int(name[:-1]) * UNITS[name[-1]]
        following = model_open(name, time, offset)
        assert following > opens[-1]
        if following > last:
            return opens
        opens.append(following)


def model_row(trades, opened, ends, price):
    """Return what a candle says; *price* is the last one before it."""
    inside = [trade for trade in trades if opened <= trade.time < ends]
    prices = [trade.price for trade in inside] or [price]
    bought = [trade for trade in inside if not trade.buyer_is_maker]
    return (
        opened,
        prices[0],
        max(prices),
        min(prices),
        prices[-1],
        sum(trade.quantity for trade in inside),
        ends - 1,
        sum(trade.quantity * trade.price for trade in inside),
        len(inside),
        sum(trade.quantity for trade in bought),
        sum(trade.quantity * trade.price for trade in bought),
        inside[0].id if inside else -1,
        inside[-1].id if inside else -1,
    )


def model_rows(name, trades, now, offset):
    """Return every candle from the first trade to *now*."""
    if not trades:
        return []
    opens = model_opens(name, trades[0].time, now, offset)
    ends = [*opens[1:], model_opens(name, opens[-1], opens[-1] + 2 * UNITS[name[-1]] * int(name[:-1]), offset)[1]]
    rows, price = [], trades[0].price
    for opened, end in zip(opens, ends, strict=True):
        rows.append(model_row(trades, opened, end, price))
        price = rows[-1][4]
    return rows


def row(kline):
    """Return a kline as the model has it."""
    c = kline.candle
    return (
        c.open_time,
        c.open,
        c.high,
        c.low,
        c.close,
        c.volume,
        kline.close_time,
        c.quote_volume,
        c.count,
        c.taker_buy_volume,
        c.taker_buy_quote_volume,
        c.first_id,
        c.last_id,
    )


@st.composite
def flows(draw):
    """An interval, a time zone, trades that are mostly a few candles apart, and the time after them."""
    name = draw(st.sampled_from(sorted(INTERVALS)))
    length = int(name[:-1]) * UNITS[name[-1]]
    offset = draw(st.sampled_from([0, 8 * HOUR, -12 * HOUR, 14 * HOUR, 5 * HOUR + 45 * MINUTE, -MINUTE]))
    steps = st.one_of(st.sampled_from([0, 1, 999, length, 4 * length]), st.integers(0, 2 * length))
    time = draw(st.integers(0, 2_000_000_000_000))
    if draw(st.booleans()):
        # Where lengths of candles are added to that, times are on the edge between two.
        time = model_open(name, time, offset)
    trades = []
    for number in range(draw(st.integers(0, 12))):
        time += draw(steps)
        price, quantity = draw(st.sampled_from(PRICES)), D(draw(st.integers(1, 10**9))).scaleb(-5)
        trades.append(PublicTrade(number + 1, price, quantity, time, draw(st.booleans())))
    return name, offset, trades, time + draw(steps)


@given(flows(), st.data())
def test_history_tells_every_candle(flow, data):
    """Of any interval, in any time zone, from any start to any end."""
    name, offset, trades, now = flow
    history = CandleHistory()
    for trade in trades:
        history.add(trade)
    rows = model_rows(name, trades, now, offset)
    times = [rows[0][0] - 1, *(time for row in rows for time in (row[0], row[0] + 1, row[6]))] if rows else [0, now]
    bound = st.one_of(st.none(), st.sampled_from(times))
    start, end, limit = data.draw(bound), data.draw(bound), data.draw(st.sampled_from([1, 2, 7, 1000]))
    wanted = [row for row in rows if (start is None or row[0] >= start) and (end is None or row[0] <= end)]
    klines = history.klines(INTERVALS[name], now, start=start, end=end, limit=limit, offset=offset)
    assert [row(kline) for kline in klines] == (wanted[-limit:] if start is None else wanted[:limit])
    assert [kline.is_closed for kline in klines] == [kline.close_time < now for kline in klines]


@given(flows(), st.data())
def test_history_totals_from_any_minute(flow, data):
    """What a ticker needs: everything from a minute on, or the last price where that is nothing."""
    _, _, trades, now = flow
    history = CandleHistory()
    for trade in trades:
        history.add(trade)
    start = data.draw(st.sampled_from([now, *(trade.time for trade in trades)])) // MINUTE * MINUTE
    start += data.draw(st.sampled_from([0, MINUTE, -MINUTE]))
    total = history.total(start)
    if not trades:
        assert total is None
        return
    earlier = [trade.price for trade in trades if trade.time < start]
    expected = model_row(trades, start, now + 1, earlier[-1] if earlier else trades[0].price)
    c = total
    assert (c.open, c.high, c.low, c.close, c.volume) == expected[1:6]
    assert (c.quote_volume, c.count) == expected[7:9]
    assert (c.first_id, c.last_id) == expected[11:]


@given(flows(), st.data())
def test_a_follower_tells_what_is_new(flow, data):
    """Every candle once when it is closed, and the open one when it changed: trade by trade, asked at any time."""
    name, offset, trades, now = flow
    history, interval = CandleHistory(), INTERVALS[name]
    before = data.draw(st.integers(0, len(trades)))
    for trade in trades[:before]:
        history.add(trade)
    began = trades[before - 1].time if before else (trades[0].time if trades else now)
    follower = CandleFollower(history, interval, began, offset)
    # The candles from this one on are not closed yet; None before the first trade.
    present = interval.open_time(began, offset) if before else None
    told = before

    def check(time, count):
        nonlocal present, told
        rows = model_rows(name, trades[:count], time, offset)
        if present is None and rows:
            present = rows[0][0]
        expected = [(row, True) for row in rows if row[0] >= present and row[6] < time]
        if rows and count > told and trades[count - 1].time >= rows[-1][0]:
            expected.append((rows[-1], False))
        assert [(row(kline), kline.is_closed) for kline in follower.take(time)] == expected
        present, told = rows[-1][0] if rows else None, count

    for number in range(before, len(trades)):
        if data.draw(st.booleans()):
            check(trades[number].time, number)
        history.add(trades[number])
        follower.add(trades[number])
    check(now, len(trades))


@pytest.mark.parametrize("name", sorted(INTERVALS))
def test_every_interval_follows_the_calendar(name):
    """Around leap days, the turn of the year and the epoch's own week."""
    interval = INTERVALS[name]
    for day in ("1970-01-01", "1972-02-29", "1999-12-31", "2000-03-01", "2023-03-01", "2024-02-29", "2026-01-01"):
        for millisecond in (0, 1, 43_200_000, DAY - 1):
            time = (dt.datetime.fromisoformat(day + "T00:00:00+00:00") - EPOCH) // dt.timedelta(milliseconds=1)
            time += millisecond
            for offset in (0, 14 * HOUR, -11 * HOUR - 30 * MINUTE):
                opened = interval.open_time(time, offset)
                assert opened == model_open(name, time, offset)
                assert opened <= time < interval.next_open(opened, offset)
