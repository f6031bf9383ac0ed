"""The client takes keywords only."""

from binance_socket import BinanceSocketClient, HmacKey

BinanceSocketClient(HmacKey("key", "secret"))
