"""Listen with a listen key, for the venues that have them, and stop it afterwards."""

from __future__ import annotations

import queue

from binance_socket import BinanceSocketClient, DataEvent, NotSupportedError
from binance_socket.models import BalanceUpdate, PositionsUpdate


def main(client: BinanceSocketClient) -> None:
    """Wait for a deposit or a withdrawal."""
    account = client.spot_api.account
    try:
        listen_key = account.start_user_stream().result
    except NotSupportedError as error:
        print(error)
        return

    changes: queue.SimpleQueue[DataEvent[BalanceUpdate] | DataEvent[PositionsUpdate]] = queue.SimpleQueue()
    with account.subscribe_to_user_data_updates(
        listen_key,
        on_account_balance_update=changes.put,
        on_account_position_message=changes.put,
    ) as subscription:
        print(f"waiting for a deposit or a withdrawal ({subscription.state.value})")
        # The key is kept alive meanwhile. Should the exchange replace it, subscription.stream is the new one.
        try:
            while not isinstance(change := changes.get(timeout=60).data, BalanceUpdate):
                print("now there are", ", ".join(f"{balance.total} {balance.asset}" for balance in change.balances))
            print(f"{change.asset} changed by {change.delta} at {change.clear_time}")
        except queue.Empty:
            print("no news for a minute")
        listen_key = str(subscription.stream)

    account.stop_user_stream(listen_key)
    print("stopped")


if __name__ == "__main__":
    with BinanceSocketClient.from_env() as client:
        main(client)
