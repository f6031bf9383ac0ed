"""The result is an AccountInfo, not a mapping."""

from binance_socket import BinanceSocketClient

account = BinanceSocketClient().spot_api.account

repr(account.get_account_info().result["balances"])
