"""Keep an order book, and print its best prices whenever they change, ten times."""

from __future__ import annotations

import queue

from binance_socket import BinanceSocketClient, LocalOrderBook

SYMBOL = "BTCUSDT"


def main(client: BinanceSocketClient) -> None:
    """Print the best prices, and what a purchase would cost."""
    changes: queue.SimpleQueue[LocalOrderBook] = queue.SimpleQueue()
    with client.spot_api.exchange_data.local_order_book(SYMBOL, update_interval=100, on_change=changes.put) as book:
        book.on_resync(lambda resync: print(f"synchronised again, {resync.reason}"))
        if not book.wait_until_synchronised(timeout=20):
            print("no book within 20 seconds")
            return
        cost = book.depth_for("BUY", "0.01")
        print(f"0.01 would cost {cost.quote_quantity}, {cost.average_price} each")
        last = None
        for _ in range(10):
            changes.get(timeout=60)
            # A view is of one moment, and says whether it is the exchange's book: reading the book itself may raise.
            view = book.view(levels=1)
            if view.is_synchronised and (view.bids, view.asks) != last:
                last = (view.bids, view.asks)
                for price, quantity in view.bids:
                    print(f"bid {quantity} at {price}")
                for price, quantity in view.asks:
                    print(f"ask {quantity} at {price}")


if __name__ == "__main__":
    with BinanceSocketClient.from_env() as client:
        main(client)
