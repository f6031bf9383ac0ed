"""Print what happens to the account's orders, until one of them is closed or a minute has passed without any."""

from __future__ import annotations

import queue
from datetime import timedelta

from binance_socket import BinanceSocketClient, DataEvent
from binance_socket.models import OrderUpdate


def main(client: BinanceSocketClient) -> None:
    """Wait for an order to be closed."""
    # The callback puts, this thread gets: the rest of the program stays on one thread.
    updates: queue.SimpleQueue[DataEvent[OrderUpdate]] = queue.SimpleQueue()
    with client.spot_api.account.subscribe_to_user_data_updates(on_order_update_message=updates.put) as subscription:

        @subscription.on_connection_lost
        def lost() -> None:
            print("connection lost, connecting again")

        @subscription.on_connection_restored
        def restored(downtime: timedelta) -> None:
            print(f"connection restored; what happened in those {downtime.total_seconds():.1f} s was not heard")

        print("watching")
        while True:
            try:
                order = updates.get(timeout=60).data
            except queue.Empty:
                print("no news for a minute")
                return
            print(
                f"{order.symbol} {order.side} {order.order_type} {order.client_order_id}: {order.status}, "
                f"{order.cumulative_filled_quantity} of {order.quantity} filled at {order.average_price or 'no price'}"
            )
            if order.is_final:
                return


if __name__ == "__main__":
    with BinanceSocketClient.from_env() as client:
        main(client)
