"""submit() returns a future."""

from binance_socket import BinanceSocketClient

account = BinanceSocketClient().spot_api.account

repr(account.get_account_info.submit().result_value)
