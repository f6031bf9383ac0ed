"""Print what the account holds, what it pays, and how much of its limits is used."""

from __future__ import annotations

from binance_socket import BinanceSocketClient


def main(client: BinanceSocketClient) -> None:
    """Ask twice, and print."""
    account = client.spot_api.account
    response = account.get_account_info(omit_zero_balances=True)
    info = response.result

    print(f"account {info.uid}, {info.account_type}, {'may' if info.can_trade else 'may not'} trade")
    print(f"maker {info.commission_rates.maker:%}, taker {info.commission_rates.taker:%}")
    for balance in info.balances:
        print(f"{balance.asset:>8} {balance.total:>20} of which {balance.locked} locked")

    # Every answer says what is used of the limits that it counted against; orders have limits of their own.
    for limit in (*response.rate_limits, *account.get_order_rate_limits().result):
        print(f"{limit.rate_limit_type} in {limit.period}: {limit.remaining} of {limit.limit} left")


if __name__ == "__main__":
    with BinanceSocketClient.from_env() as client:
        main(client)
