"""Every market stream of the documents: its name, its shape, and when it speaks."""

import json

import pytest

PATIENCE = 10.0
TENTH, SECOND = 0.1, 1.0
INTERVALS = ("1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w", "1M")

# By the document's stream: a name of each form, and after how many seconds it speaks; 0 for at once.
NAMES = {
    "<symbol>@referencePrice": [("btcusdt@referencePrice", SECOND)],
    "<symbol>@aggTrade": [("btcusdt@aggTrade", 0)],
    "<symbol>@trade": [("btcusdt@trade", 0)],
    "<symbol>@blockTrade": [("btcusdt@blockTrade", 0)],
    "<symbol>@kline_<interval>": [
        ("btcusdt@kline_1s", SECOND),
        *((f"btcusdt@kline_{name}", 2 * SECOND) for name in INTERVALS),
    ],
    "<symbol>@kline_<interval>@+08:00": [("btcusdt@kline_1s@+08:00", SECOND), ("btcusdt@kline_1d@+08:00", 2 * SECOND)],
    "<symbol>@miniTicker": [("btcusdt@miniTicker", SECOND)],
    "!miniTicker@arr": [("!miniTicker@arr", SECOND)],
    "<symbol>@ticker": [("btcusdt@ticker", SECOND)],
    "<symbol>@ticker_<window_size>": [(f"btcusdt@ticker_{size}", SECOND) for size in ("1h", "4h", "1d")],
    "!ticker_<window-size>@arr": [(f"!ticker_{size}@arr", SECOND) for size in ("1h", "4h", "1d")],
    "<symbol>@bookTicker": [("btcusdt@bookTicker", 0)],
    "<symbol>@avgPrice": [("btcusdt@avgPrice", SECOND)],
    "<symbol>@depth<levels> OR <symbol>@depth<levels>@100ms": [
        (f"btcusdt@depth{levels}{end}", period)
        for levels in (5, 10, 20)
        for end, period in (("", SECOND), ("@1000ms", SECOND), ("@100ms", TENTH))
    ],
    "<symbol>@depth OR <symbol>@depth@100ms": [
        ("btcusdt@depth", SECOND),
        ("btcusdt@depth@1000ms", SECOND),
        ("btcusdt@depth@100ms", TENTH),
    ],
}
EVERY = [(document, name, period) for document, names in NAMES.items() for name, period in names]


@pytest.fixture
def trader(still):
    return still.create_account({"USDT": "10000000", "BTC": "100000", "ETH": "100000"})


@pytest.fixture
def watch(still, dial):
    """Subscribe to names on a connection of their own, and return what receives the next event and its stream."""

    def watch(*names):
        stream = dial(f"{still.environment.stream_url}/stream?streams={'/'.join(names)}")

        def receive():
            message = json.loads(stream.recv(PATIENCE))
            assert message.keys() == {"stream", "data"}
            return message["stream"], message["data"]

        return receive

    return watch


def shape(value):
    """Keys in their order, and types; lists by their first entry."""
    if isinstance(value, dict):
        return [(name, shape(entry)) for name, entry in value.items()]
    if isinstance(value, list):
        return [shape(value[0])]
    return type(value)


def move(still, trader, symbol="BTCUSDT", price="100"):
    """Let everything change that a stream may tell of."""
    trader.place_order(symbol, "BUY", "LIMIT", price="90", quantity="1")
    trader.place_order(symbol, "SELL", "LIMIT", price=price, quantity="3")
    trader.place_order(symbol, "BUY", "MARKET", quantity="1")
    still.block_trade(symbol, price="95", quantity="50")


def align(clock):
    """Go to a full pair of seconds, so that all periods begin now."""
    clock.advance(2 - clock.time() % 2)


def test_no_stream_of_the_documents_is_missing(spec):
    """Fifteen kinds."""
    assert {entry["stream"] for entry in spec("streams.json")} == NAMES.keys()


def check_that_it_was_just_told(event, still, clock):
    """An event without a time tells of the book: the latest, then."""
    now = int(clock.time() * 1000)
    for told in event if isinstance(event, list) else [event]:
        if "lastUpdateId" in told:
            book = still.order_book("BTCUSDT")
            assert told["lastUpdateId"] == book["lastUpdateId"]
            assert book["bids"][0] in told["bids"]
        elif told.get("e") == "referencePrice":
            assert told["t"] == now
        elif "E" in told:
            assert told["E"] == now


@pytest.mark.parametrize("document, name, period", EVERY, ids=[name for _, name, _ in EVERY])
def test_each_has_the_documents_shape_and_speed(still, trader, clock, spec, watch, document, name, period):
    """Not before its period is over, then with every field of the example, of its type and in its order."""
    example = next(entry["payload"] for entry in spec("streams.json") if entry["stream"] == document)
    align(clock)
    receive = watch(name)
    probe = watch("btcusdt@depth@100ms")
    move(still, trader)
    elapsed = 0.0
    while elapsed + TENTH < period - TENTH / 2:
        clock.advance(TENTH)
        elapsed += TENTH
        # By then everybody was told who was to be told.
        assert probe()[0] == "btcusdt@depth@100ms"
        trader.place_order("BTCUSDT", "BUY", "LIMIT", price="50", quantity="1")
    if period:
        # A millisecond more, because the steps before do not add up exactly.
        clock.advance(period - elapsed + 0.001)
    stream, event = receive()
    assert stream == name
    assert shape(event) == shape(example)
    first = event[0] if isinstance(event, list) else event
    assert first.get("s", "BTCUSDT") == "BTCUSDT"
    check_that_it_was_just_told(event, still, clock)


# In a candle of a second there is something new every second: it ends.
QUIET = [(name, period) for _, name, period in EVERY if period and "kline_1s" not in name]


@pytest.mark.parametrize("name, period", QUIET, ids=[name for name, _ in QUIET])
def test_none_speaks_without_a_change(still, trader, clock, watch, name, period):
    """What comes next after quiet periods is what happened after them."""
    align(clock)
    receive = watch(name)
    # It speaks every second, and after the one above: when it has spoken, that one had its turn.
    probe = watch("ethusdt@kline_1s")
    move(still, trader, "ETHUSDT")
    move(still, trader)
    clock.advance(2)
    assert receive()[0] == name
    assert probe()[1]["k"]["n"] == 1
    for _ in range(2):
        clock.advance(2)
        assert probe()[1]["k"]["x"]
    move(still, trader, price="95")
    clock.advance(period)
    stream, event = receive()
    assert stream == name
    check_that_it_was_just_told(event, still, clock)


def test_a_candle_is_closed_and_the_next_one_opened(still, trader, clock, watch):
    """The last word on a candle comes with the first beat after its end; days in another time zone end elsewhere."""
    clock.advance(60 - clock.time() % 60)
    receive = watch("btcusdt@kline_1m")
    opened = int(clock.time() * 1000)
    move(still, trader)
    clock.advance(2)
    _, event = receive()
    assert (event["k"]["t"], event["k"]["T"], event["k"]["x"], event["k"]["n"]) == (opened, opened + 59_999, False, 1)
    clock.advance(58)
    _, event = receive()
    assert (event["E"], event["k"]["t"], event["k"]["x"]) == (opened + 60_000, opened, True)
    move(still, trader)
    clock.advance(2)
    _, event = receive()
    assert (event["k"]["t"], event["k"]["f"], event["k"]["n"]) == (opened + 60_000, 2, 1)
    utc, east = watch("btcusdt@kline_1d"), watch("btcusdt@kline_1d@+08:00")
    move(still, trader)
    clock.advance(2)
    starts = [receive()[1]["k"]["t"] for receive in (utc, east)]
    assert [start % 86_400_000 for start in starts] == [0, 16 * 3_600_000]


def test_arrays_have_the_symbols_that_changed(still, trader, clock, watch):
    """All of them at first, then those with news; symbols that were never traded are in none."""
    align(clock)
    receive, one = watch("!miniTicker@arr"), watch("btcusdt@miniTicker")
    move(still, trader)
    move(still, trader, "ETHUSDT")
    clock.advance(1)
    first = receive()[1]
    assert [entry["s"] for entry in first] == ["BTCUSDT", "ETHUSDT"]
    assert one()[1] == first[0]
    move(still, trader, "ETHUSDT")
    clock.advance(1)
    assert [entry["s"] for entry in receive()[1]] == ["ETHUSDT"]


@pytest.mark.parametrize("levels", [5, 10, 20])
def test_partial_books_have_so_many_levels(still, trader, clock, watch, levels):
    """The best ones; changes behind them are not told."""
    align(clock)
    receive = watch(f"btcusdt@depth{levels}@100ms")
    for step in range(levels + 2):
        trader.place_order("BTCUSDT", "BUY", "LIMIT", price=str(90 - step), quantity="1")
        trader.place_order("BTCUSDT", "SELL", "LIMIT", price=str(100 + step), quantity="2")
    clock.advance(TENTH)
    book = still.order_book()
    _, event = receive()
    assert (event["bids"], event["asks"]) == (book["bids"][:levels], book["asks"][:levels])
    trader.place_order("BTCUSDT", "BUY", "LIMIT", price=str(90 - levels), quantity="1")
    clock.advance(TENTH)
    probe = watch("ethusdt@depth@100ms")
    move(still, trader, "ETHUSDT")
    clock.advance(TENTH)
    probe()
    trader.place_order("BTCUSDT", "BUY", "LIMIT", price="95", quantity="1")
    clock.advance(TENTH)
    assert receive()[1]["bids"][0] == ["95.00000000", "1.00000000"]


def test_an_average_is_told_again_when_trades_leave_it(still, trader, clock, watch):
    """Five minutes after the first of two trades the average is the second's price."""
    align(clock)
    receive = watch("btcusdt@avgPrice")
    for price in ("100", "200"):
        trader.place_order("BTCUSDT", "SELL", "LIMIT", price=price, quantity="1")
        trader.place_order("BTCUSDT", "BUY", "MARKET", quantity="1")
        clock.advance(60)
        seen = receive()[1]
    assert (seen["w"], seen["i"]) == ("150.00000000", "5m")
    last_trade = seen["T"]
    clock.advance(200)
    seen = receive()[1]
    assert (seen["w"], seen["T"]) == ("200.00000000", last_trade)
