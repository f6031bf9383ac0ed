"""A call returns a Response, not its result."""

from binance_socket import BinanceSocketClient

account = BinanceSocketClient().spot_api.account

repr(account.get_account_info().balances)
