"""Credentials are a key object."""

from binance_socket import BinanceSocketClient

BinanceSocketClient(credentials=("key", "secret"))
