"""Ask several things at once, with a deadline, and give up on the rest."""

from __future__ import annotations

from concurrent.futures import Future, as_completed
from typing import Any

from binance_socket import BinanceSocketClient, CallCancelled, CancellationToken, Certainty, DeliveryError, Response


def main(client: BinanceSocketClient) -> None:
    """Ask three things, then none any more."""
    # A view of the same client: what is asked through it takes 3 seconds at most, or until the token is cancelled.
    token = CancellationToken()
    account = client.with_options(timeout=3, ct=token).spot_api.account

    names: dict[Future[Any], str] = {
        account.get_account_info.submit("BTCUSDT"): "account",
        account.get_order_rate_limits.submit(): "order limits",
        account.session_status.submit(): "session",
    }
    for future in as_completed(names):
        try:
            response: Response[Any] = future.result()
        except DeliveryError as error:
            safe = error.certainty is Certainty.NOT_SENT
            print(f"{names[future]}: {error}; asking again is {'safe' if safe else 'to be thought about'}")
        else:
            print(f"{names[future]}: {type(response.result).__name__}, status {response.status}")

    token.cancel()
    try:
        account.get_account_info()
    except CallCancelled as error:
        print(f"{error} ({error.certainty.value})")


if __name__ == "__main__":
    with BinanceSocketClient.from_env() as client:
        main(client)
