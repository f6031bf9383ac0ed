"""Symbols are texts."""

from binance_socket import BinanceSocketClient

account = BinanceSocketClient().spot_api.account

account.get_account_info(5)
