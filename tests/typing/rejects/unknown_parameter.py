"""A parameter that the method does not have."""

from binance_socket import BinanceSocketClient

account = BinanceSocketClient().spot_api.account

account.get_account_info(recv_window=5)
