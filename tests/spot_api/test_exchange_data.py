"""The exchange's data: what is sent, what it weighs, and what is refused before."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from decimal import Decimal

import pytest

from binance_socket import InvalidRequest
from binance_socket.models import (
    ExchangeInfo,
    KlineInterval,
    LotSizeFilter,
    MiniTicker,
    OrderSide,
    Permission,
    PriceFilter,
    SymbolStatus,
    Ticker,
    Ticker24h,
)
from binance_socket.spot_api import ExchangeData as E

PATIENCE = 10.0
NAMES = [f"S{n}" for n in range(150)]


@pytest.mark.parametrize(
    "request_, params",
    [
        (E.get_exchange_info.request(), {}),
        (E.get_exchange_info.request("BNBBTC"), {"symbol": "BNBBTC"}),
        (E.get_exchange_info.request(("A", "B")), {"symbols": ["A", "B"]}),
        (
            E.get_exchange_info.request(permissions=["SPOT", Permission.MARGIN], show_permission_sets=False),
            {"permissions": ["SPOT", "MARGIN"], "showPermissionSets": False},
        ),
        (E.get_exchange_info.request(permissions="SPOT"), {"permissions": ["SPOT"]}),
        (E.get_exchange_info.request(symbol_status="HALT"), {"symbolStatus": "HALT"}),
        (E.get_execution_rules.request(["A"]), {"symbols": ["A"]}),
        (E.get_execution_rules.request(symbol_status=SymbolStatus.BREAK), {"symbolStatus": "BREAK"}),
        (E.get_order_book.request("A", symbol_status="TRADING"), {"symbol": "A", "symbolStatus": "TRADING"}),
        (
            E.get_aggregated_trade_history.request("A", start_time=0, end_time=datetime.fromtimestamp(2, timezone.utc)),
            {"symbol": "A", "startTime": 0, "endTime": 2000},
        ),
        (
            E.get_klines.request("A", "ONE_MONTH", time_zone="+5:45"),
            {"symbol": "A", "interval": "1M", "timeZone": "+5:45"},
        ),
        (E.get_klines.request("A", KlineInterval("2w")), {"symbol": "A", "interval": "2w"}),
        (E.get_tickers.request(), {}),
        (E.get_tickers.request("A"), {"symbols": ["A"]}),
        (E.get_mini_ticker.request("A"), {"symbol": "A", "type": "MINI"}),
        (E.get_mini_tickers.request(symbol_status="HALT"), {"symbolStatus": "HALT", "type": "MINI"}),
        (E.get_trading_day_mini_tickers.request(["A"]), {"symbols": ["A"], "type": "MINI"}),
        (E.get_rolling_window_ticker.request("A", window_size="59m"), {"symbol": "A", "windowSize": "59m"}),
        (E.get_prices.request(["A"]), {"symbols": ["A"]}),
        (E.get_prices.request(["１２３"]), {"symbols": ["１２３"]}),
    ],
    ids=lambda value: getattr(value, "method", None),
)
def test_parameters(request_, params):
    """Each is sent under the exchange's name, enumerations as their values, moments in milliseconds."""
    assert request_.params == params


@pytest.mark.parametrize(
    "request_, weight",
    [
        (E.ping.request(), 1),
        (E.get_exchange_info.request(), 20),
        (E.get_execution_rules.request("A"), 2),
        (E.get_execution_rules.request(NAMES[:1]), 2),
        (E.get_execution_rules.request(NAMES[:19]), 38),
        (E.get_execution_rules.request(NAMES[:20]), 40),
        (E.get_execution_rules.request(NAMES), 40),
        (E.get_execution_rules.request(symbol_status="HALT"), 40),
        (E.get_execution_rules.request(), 40),
        *[(E.get_order_book.request("A", n), w) for n, w in [(None, 5), (1, 5), (100, 5), (101, 25), (500, 25)]],
        *[(E.get_order_book.request("A", n), w) for n, w in [(501, 50), (1000, 50), (1001, 250), (5000, 250)]],
        (E.get_order_book.request("A", 9999), 250),
        (E.get_ticker.request("A"), 2),
        (E.get_mini_ticker.request("A"), 2),
        *[(E.get_tickers.request(NAMES[:n]), w) for n, w in [(1, 2), (20, 2), (21, 40), (100, 40), (101, 80)]],
        (E.get_tickers.request(), 80),
        (E.get_mini_tickers.request(symbol_status="HALT"), 80),
        (E.get_trading_day_ticker.request("A"), 4),
        *[(E.get_trading_day_tickers.request(NAMES[:n]), w) for n, w in [(1, 4), (50, 200), (51, 200), (150, 200)]],
        (E.get_rolling_window_ticker.request("A"), 4),
        *[(E.get_rolling_window_mini_tickers.request(NAMES[:n]), w) for n, w in [(1, 4), (49, 196), (50, 200)]],
        (E.get_rolling_window_tickers.request(NAMES[:100]), 200),
        (E.get_price.request("A"), 2),
        (E.get_prices.request(["A"]), 4),
        (E.get_prices.request(), 4),
        (E.get_book_price.request("A"), 2),
        (E.get_book_prices.request(), 4),
    ],
    ids=lambda value: f"{value.method} {len(value.params.get('symbols', ()))}" if hasattr(value, "method") else None,
)
def test_weights(request_, weight):
    """They are those of the documents, on either side of every step."""
    assert request_.weight == weight


NAIVE = datetime(2024, 1, 1)  # that is what is wrong with it


@pytest.mark.parametrize(
    "call",
    [
        lambda: E.get_ticker.request(""),
        lambda: E.get_ticker.request(5),
        lambda: E.get_ticker.request(["A"]),
        lambda: E.get_ticker.request("A B"),
        lambda: E.get_tickers.request([]),
        lambda: E.get_tickers.request(["A", 5]),
        lambda: E.get_tickers.request(["A", "A"]),
        lambda: E.get_tickers.request(5),
        lambda: E.get_exchange_info.request(["A"], symbol_status="HALT"),
        lambda: E.get_exchange_info.request(permissions=[]),
        lambda: E.get_exchange_info.request(permissions=5),
        lambda: E.get_exchange_info.request(permissions=["FLY"]),
        lambda: E.get_exchange_info.request(show_permission_sets="yes"),
        lambda: E.get_order_book.request("A", 0),
        lambda: E.get_order_book.request("A", True),
        lambda: E.get_order_book.request("A", "5"),
        lambda: E.get_order_book.request("A", symbol_status="SLEEPING"),
        lambda: E.get_order_book.request("A", symbol_status=OrderSide.BUY),
        lambda: E.get_block_trades.request("A", -1),
        lambda: E.get_klines.request("A", "2h30m"),
        lambda: E.get_klines.request("A", 60),
        lambda: E.get_klines.request("A", "1h", start_time=NAIVE),
        lambda: E.get_klines.request("A", "1h", start_time="2024-01-01"),
        lambda: E.get_klines.request("A", "1h", start_time=-1),
        lambda: E.get_klines.request("A", "1h", end_time=True),
        lambda: E.get_klines.request("A", "1h", time_zone="Europe/Paris"),
        lambda: E.get_klines.request("A", "1h", time_zone="+14:01"),
        lambda: E.get_klines.request("A", "1h", time_zone="-12:30"),
        lambda: E.get_klines.request("A", "1h", time_zone=1),
        lambda: E.get_rolling_window_ticker.request("A", window_size="60m"),
        lambda: E.get_rolling_window_ticker.request("A", window_size="8d"),
        lambda: E.get_rolling_window_ticker.request("A", window_size=timedelta(hours=1)),
    ],
)
def test_bad_input(call):
    """InvalidRequest says which argument is wrong."""
    with pytest.raises(InvalidRequest, match=r"symbol|permission|limit|from_id|interval|time|window|zone"):
        call()


def test_what_is_not_sent_as_it_is(client, network, exchange):
    """A float is refused as everywhere; nothing has been sent by then."""
    with pytest.raises(InvalidRequest):
        client.spot_api.exchange_data.get_klines("BTCUSDT", "1h", start_time=1.5)
    assert network.attempts == []


def test_answers(client, network, exchange, run):
    """They come typed, and no credentials are needed."""
    data = client.spot_api.exchange_data
    join = run(data.get_server_time)
    transport = network.accept()
    exchange.expect(transport, "time", {"serverTime": 1_700_000_000_123_456})
    assert join().result == datetime(2023, 11, 14, 22, 13, 20, 123456, tzinfo=timezone.utc)

    join = run(data.ping)
    exchange.expect(transport, "ping", {})
    assert join().result is None

    join = run(lambda: data.get_klines("BTCUSDT", "1m"))
    places = [0, "1", "3", "0.5", "2", "10", 59_999, "20", 7, "4", "8", "0"]
    exchange.expect(transport, "klines", [places])
    (kline,) = join().result
    assert (kline.high_price, kline.trade_count, kline.taker_buy_quote_volume) == (3, 7, 8)
    assert kline.close_time - kline.open_time == timedelta(seconds=59.999)

    join = run(lambda: data.get_order_book("BTCUSDT"))
    exchange.expect(transport, "depth", {"lastUpdateId": 1, "bids": [["1.5", "2"]], "asks": []})
    [(price, quantity)] = join().result.bids
    assert (price, quantity) == (Decimal("1.5"), 2)

    join = run(lambda: data.get_current_average_price("BTCUSDT"))
    exchange.expect(transport, "avgPrice", {"mins": 5, "price": "0", "closeTime": -1})
    assert join().result.close_time is None


def test_tickers_say_more_and_more():
    """The brief one has what both have, so that one function serves all."""
    assert issubclass(Ticker24h, Ticker)
    assert issubclass(Ticker, MiniTicker)


def test_symbols_and_filters_are_found(symbol_payload):
    """By name and by kind; None where there is none."""
    from binance_socket._wire.codec import structure

    payload = {"timezone": "UTC", "serverTime": 0, "rateLimits": [], "exchangeFilters": [], "symbols": [symbol_payload]}
    info = structure(payload, ExchangeInfo)
    symbol = info.symbol("BTCUSDT")
    assert symbol.filter(PriceFilter).tick_size == Decimal("0.01")
    assert symbol.filter(LotSizeFilter).min_quantity == Decimal("0.00001")
    assert type(symbol.filters[-1]).__name__ == "UnknownFilter"
    assert info.symbol("NOSUCH") is None
    assert info.sors == ()
