"""A handler takes an event."""

from binance_socket import BinanceSocketClient

account = BinanceSocketClient().spot_api.account


def handler() -> None: ...


account.subscribe_to_user_data_updates(on_order_update_message=handler)
