"""The listen key is a text."""

from binance_socket import BinanceSocketClient

account = BinanceSocketClient().spot_api.account

key: int = account.start_user_stream().result
