"""Amounts are no floats."""

from binance_socket import BinanceSocketClient


def place(client: BinanceSocketClient) -> None:
    client.spot_api.trading.place_order("BTCUSDT", "BUY", "MARKET", quantity=0.1)
