"""``python -m binance_socket sandbox``: run the embedded exchange until Ctrl-C."""

from __future__ import annotations

import argparse
import signal
import threading
from collections.abc import Sequence

from ..credentials import KeyType

__all__ = ["main"]

_FUNDS = {"USDT": "100000", "BTC": "1", "ETH": "10", "BNB": "100"}


def main(argv: Sequence[str] | None = None) -> int:
    """Run a sandbox in the foreground, and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m binance_socket sandbox",
        description="Run the embedded exchange on loopback until Ctrl-C. Its keys and money are worth nothing.",
    )
    parser.add_argument("--port", type=_port, default=0, help="the WebSocket port (default: any free one)")
    parser.add_argument("--rest-port", type=_port, default=0, help="the HTTP port (default: any free one)")
    parser.add_argument("--tls", action="store_true", help="encrypt, with an authority made on the spot")
    parser.add_argument("--market-maker", type=int, metavar="SEED", help="fill the book, and trade on it")
    options = parser.parse_args(argv)

    from ..sandbox import Sandbox

    try:
        sandbox = Sandbox(
            tls=options.tls, port=options.port, rest_port=options.rest_port, market_maker=options.market_maker
        )
    except OSError as exc:
        parser.exit(1, f"cannot listen: {exc}\n")
    stopped = threading.Event()

    def stop(number: int, frame: object) -> None:
        stopped.set()

    # Both by a handler of our own: a shell that starts programs in the background has them ignore Ctrl-C.
    previous = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with sandbox:
            environment = sandbox.environment
            print(f"WebSocket API  {environment.ws_api_url}")
            print(f"streams        {environment.stream_url}")
            print(f"REST           {environment.rest_url}")
            if environment.ca_file is not None:
                print(f"CA             {environment.ca_file}")
            for key_type in KeyType:
                account = sandbox.create_account(_FUNDS, key_type=key_type)
                print(f"\naccount {account.uid}, key type {key_type.value}\n  API key  {account.api_key}")
                if key_type is KeyType.HMAC:
                    print(f"  secret   {account.secret}")
                else:
                    print(account.pem.rstrip())
            print("\nCtrl-C ends it.", flush=True)
            stopped.wait()
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
    return 0


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65535:
        raise ValueError(text)
    return port
