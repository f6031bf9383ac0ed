"""Place an order that rests, make it smaller, replace it by one at another price, and cancel that. It buys nothing."""

from __future__ import annotations

from binance_socket import BinanceSocketClient, OutcomeUnknown, Placed, Rounding
from binance_socket.sandbox import Sandbox

SYMBOL = "BTCUSDT"


def main(client: BinanceSocketClient) -> None:
    """Print each step of an order's life."""
    market, trading = client.spot_api.exchange_data, client.spot_api.trading

    # Far below the market, and as the symbol's rules want it: prices in ticks, quantities in steps.
    rules = market.symbol(SYMBOL)
    ask = market.get_book_price(SYMBOL).result.best_ask_price
    price = rules.round_price(ask * 8 / 10, Rounding.DOWN)
    quantity = rules.round_quantity(50 / price, Rounding.UP)
    rules.check(side="BUY", type="LIMIT", quantity=quantity, price=price)

    try:
        order_id = trading.place_order(
            SYMBOL, "BUY", "LIMIT", quantity=quantity, price=price, time_in_force="GTC"
        ).result.order_id
    except OutcomeUnknown as unknown:
        # No answer is no failure: to place it again now might be to place it twice.
        verdict = unknown.resolve()
        if not isinstance(verdict, Placed):
            print(f"not placed, or not known to be: {verdict}")
            return
        order_id = verdict.order.order_id
    print(f"placed {quantity} at {price}")

    # It keeps its place in the queue.
    smaller = rules.round_quantity(quantity / 2, Rounding.UP)
    amended = trading.amend_order(SYMBOL, order_id, new_quantity=smaller).result.amended_order
    print(f"amended to {amended.quantity}")

    lower = rules.round_price(price * 99 / 100, Rounding.DOWN)
    replaced = trading.replace_order(
        SYMBOL,
        "BUY",
        "LIMIT",
        "STOP_ON_FAILURE",
        cancel_order_id=order_id,
        quantity=smaller,
        price=lower,
        time_in_force="GTC",
    ).result
    assert replaced.new_order_response is not None
    print(f"replaced by {smaller} at {lower}")

    for order in trading.get_open_orders(SYMBOL).result:
        print(f"open: {order.side} {order.remaining_quantity} at {order.price}, {order.status}")
    trading.cancel_order(SYMBOL, replaced.new_order_response.order_id)
    final = trading.get_order(SYMBOL, replaced.new_order_response.order_id).result
    print(f"{final.status}, {final.cumulative_filled_quantity:f} filled")


if __name__ == "__main__":
    # On an exchange of its own. With BinanceSocketClient.from_env() it is one of Binance's, and an order is an order.
    with Sandbox(market_maker=1) as sandbox:
        trader = sandbox.create_account({"USDT": "1000"})
        with BinanceSocketClient(credentials=trader.credentials, environment=sandbox.environment) as client:
            main(client)
