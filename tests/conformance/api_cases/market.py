"""General requests and market data requests."""

from __future__ import annotations

from datetime import datetime, timezone

from binance_socket.models import KlineInterval
from binance_socket.spot_api import ExchangeData as E

from .row import Row

_START = datetime(2022, 6, 23, 7, 28, tzinfo=timezone.utc)
_NO_REFERENCE_PRICE = -2043

MARKET = [
    Row("ping", binance_net="PingAsync", calls=(E.ping.request(),), answers=(E.ping,)),
    Row(
        "time",
        binance_net="GetServerTimeAsync",
        calls=(E.get_server_time.request(),),
        answers=(E.get_server_time,),
    ),
    Row(
        "exchangeInfo",
        binance_net="GetExchangeInfoAsync",
        calls=(E.get_exchange_info.request(["BNBBTC"]),),
        answers=(E.get_exchange_info,),
    ),
    Row(
        "executionRules",
        binance_net="GetExecutionRulesAsync",
        calls=(E.get_execution_rules.request("BAZUSD"),),
        answers=(E.get_execution_rules,),
    ),
    Row(
        "depth",
        binance_net="GetOrderBookAsync",
        calls=(E.get_order_book.request("BNBBTC", 5),),
        answers=(E.get_order_book,),
    ),
    Row(
        "trades.recent",
        binance_net="GetRecentTradesAsync",
        calls=(E.get_recent_trades.request("BNBBTC", 1),),
        answers=(E.get_recent_trades,),
    ),
    Row(
        "trades.historical",
        binance_net="GetTradeHistoryAsync",
        calls=(E.get_trade_history.request("BNBBTC", 1, from_id=0),),
        answers=(E.get_trade_history,),
    ),
    Row(
        "blockTrades.historical",
        calls=(E.get_block_trades.request("BNBBTC", 582, 1),),
        answers=(E.get_block_trades,),
    ),
    Row(
        "trades.aggregate",
        binance_net="GetAggregatedTradeHistoryAsync",
        calls=(E.get_aggregated_trade_history.request("BNBBTC", from_id=50000000, limit=1),),
        answers=(E.get_aggregated_trade_history,),
    ),
    Row(
        "klines",
        binance_net="GetKlinesAsync",
        calls=(E.get_klines.request("BNBBTC", "1h", start_time=_START, limit=1),),
        answers=(E.get_klines,),
    ),
    Row(
        "uiKlines",
        binance_net="GetUIKlinesAsync",
        calls=(E.get_ui_klines.request("BNBBTC", KlineInterval.ONE_HOUR, start_time=1655969280000, limit=1),),
        answers=(E.get_ui_klines,),
    ),
    Row(
        "avgPrice",
        binance_net="GetCurrentAvgPriceAsync",
        calls=(E.get_current_average_price.request("BNBBTC"),),
        answers=(E.get_current_average_price,),
    ),
    Row(
        "ticker.24hr",
        binance_net="GetTickersAsync",
        calls=(E.get_ticker.request("BNBBTC"),),
        answers=(E.get_ticker, E.get_mini_ticker, E.get_tickers),
        also=(E.get_mini_tickers,),
    ),
    Row(
        "ticker.tradingDay",
        calls=(E.get_trading_day_tickers.request(["BNBBTC", "BTCUSDT"], time_zone="00:00"),),
        answers=(
            E.get_trading_day_ticker,
            E.get_trading_day_tickers,
            E.get_trading_day_mini_ticker,
            E.get_trading_day_mini_tickers,
        ),
    ),
    Row(
        "ticker",
        binance_net="GetRollingWindowTickersAsync",
        calls=(E.get_rolling_window_tickers.request(["BNBBTC", "BTCUSDT"], window_size="7d"),),
        answers=(E.get_rolling_window_ticker, E.get_rolling_window_mini_ticker, E.get_rolling_window_tickers),
        also=(E.get_rolling_window_mini_tickers,),
    ),
    Row(
        "ticker.price",
        calls=(E.get_price.request("BNBBTC"),),
        answers=(E.get_price, E.get_prices),
    ),
    Row(
        "ticker.book",
        binance_net="GetBookTickersAsync",
        calls=(E.get_book_prices.request(["BNBBTC", "BTCUSDT"]),),
        answers=(E.get_book_price, E.get_book_prices),
    ),
    Row(
        "referencePrice",
        binance_net="GetReferencePriceAsync",
        calls=(E.get_reference_price.request("BAZUSD"),),
        answers=(E.get_reference_price, E.get_reference_price, _NO_REFERENCE_PRICE),
    ),
    Row(
        "referencePrice.calculation",
        binance_net="GetReferencePriceCalculationAsync",
        calls=(E.get_reference_price_calculation.request("BAZUSD"),),
        answers=(_NO_REFERENCE_PRICE, E.get_reference_price_calculation, E.get_reference_price_calculation),
    ),
]
