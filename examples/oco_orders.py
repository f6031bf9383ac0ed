"""Sell at a profit or else at a limited loss: two orders of which one cancels the other. Shows what becomes of them."""

from __future__ import annotations

import queue
from decimal import Decimal

from binance_socket import BinanceSocketClient, ContingentLeg, DataEvent, Rounding
from binance_socket.models import OrderListUpdate, OrderUpdate
from binance_socket.sandbox import Sandbox

SYMBOL = "BTCUSDT"
QUANTITY = Decimal("0.01")
SHARE = Decimal("0.001")


def main(client: BinanceSocketClient, patience: float = 600) -> None:
    """Sell when the price has risen or fallen by a thousandth; cancel that after *patience* seconds without news."""
    spot = client.spot_api
    rules = spot.exchange_data.symbol(SYMBOL)
    book = spot.exchange_data.get_book_price(SYMBOL).result
    profit = rules.round_price(book.best_ask_price * (1 + SHARE), Rounding.UP)
    loss = rules.round_price(book.best_bid_price * (1 - SHARE), Rounding.DOWN)

    # Listening comes first: the list may be done before its answer is here.
    updates: queue.SimpleQueue[DataEvent[OrderUpdate] | DataEvent[OrderListUpdate]] = queue.SimpleQueue()
    with spot.account.subscribe_to_user_data_updates(
        on_order_update_message=updates.put, on_oco_order_update_message=updates.put
    ):
        placed = spot.trading.place_oco_order_list(
            SYMBOL,
            "SELL",
            QUANTITY,
            above=ContingentLeg("LIMIT_MAKER", price=profit),
            below=ContingentLeg("STOP_LOSS", stop_price=loss),
        ).result
        print(f"list {placed.order_list_id}: sell {QUANTITY} at {profit}, or below {loss}")
        while True:
            try:
                update = updates.get(timeout=patience).data
            except queue.Empty:
                break
            if update.order_list_id != placed.order_list_id:
                continue
            if isinstance(update, OrderUpdate):
                print(f"{update.order_type} {update.status}, {update.cumulative_filled_quantity:f} sold")
            elif update.list_order_status == "ALL_DONE":
                print("done")
                return
        spot.trading.cancel_order_list(SYMBOL, placed.order_list_id)
        print("neither price was reached: cancelled")


if __name__ == "__main__":
    # On an exchange of its own. With BinanceSocketClient.from_env() it is one of Binance's, and an order is an order.
    with Sandbox(market_maker=1) as sandbox:
        trader = sandbox.create_account({"BTC": "1"})
        with BinanceSocketClient(credentials=trader.credentials, environment=sandbox.environment) as client:
            main(client)
