"""A working leg cannot stand above."""

from binance_socket import BinanceSocketClient, ContingentLeg, WorkingLeg


def place(client: BinanceSocketClient, leg: WorkingLeg, below: ContingentLeg) -> None:
    client.spot_api.trading.place_oco_order_list("BTCUSDT", "SELL", 1, above=leg, below=below)
