"""Print what the market did within a day, and then every trade, and how each minute's candlestick stands."""

from __future__ import annotations

import queue

from binance_socket import BinanceSocketClient, DataEvent, FlowPolicy
from binance_socket.models import KlineUpdate, TradeUpdate

SYMBOLS = ["BTCUSDT", "ETHUSDT"]


def main(client: BinanceSocketClient, lines: int = 30) -> None:
    """Print *lines* of news, or end after a minute without any."""
    market = client.spot_api.exchange_data
    for ticker in market.get_tickers(SYMBOLS).result:
        print(f"{ticker.symbol} {ticker.last_price:f}, {ticker.price_change_percent:f} % within 24 hours")

    # The callbacks put, this thread gets. Of candlesticks, only the latest state is of interest.
    news: queue.SimpleQueue[DataEvent[TradeUpdate] | DataEvent[KlineUpdate]] = queue.SimpleQueue()
    with (
        market.subscribe_to_trade_updates(SYMBOLS, news.put) as trades,
        market.subscribe_to_kline_updates(SYMBOLS, "1m", news.put, policy=FlowPolicy.LATEST_ONLY),
    ):
        print(f"listening ({trades.state.value})")
        for _ in range(lines):
            try:
                update = news.get(timeout=60).data
            except queue.Empty:
                print("no news for a minute")
                return
            if isinstance(update, TradeUpdate):
                taker = "sold" if update.is_buyer_maker else "bought"
                print(f"{update.symbol} {update.quantity} {taker} at {update.price}")
            else:
                kline = update.kline
                print(
                    f"{update.symbol} since {kline.open_time:%H:%M}: {kline.open_price} to {kline.close_price}, "
                    f"low {kline.low_price}, high {kline.high_price}, {kline.trade_count} trades"
                )


if __name__ == "__main__":
    with BinanceSocketClient.from_env() as client:
        main(client)
