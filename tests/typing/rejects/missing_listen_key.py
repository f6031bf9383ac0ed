"""The key is required."""

from binance_socket import BinanceSocketClient

account = BinanceSocketClient().spot_api.account

account.keep_alive_user_stream()
