"""Models cannot be changed."""

from binance_socket.models import OrderUpdate


def change(order: OrderUpdate) -> None:
    order.price = order.quantity
