"""A handler takes the event that it is registered for."""

from binance_socket import BinanceSocketClient, DataEvent
from binance_socket.models import BalanceUpdate

client = BinanceSocketClient()
account = client.spot_api.account


def on_balance(event: DataEvent[BalanceUpdate]) -> None: ...


account.subscribe_to_user_data_updates(on_order_update_message=on_balance)
