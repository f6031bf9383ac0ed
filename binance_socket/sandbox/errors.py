"""What the embedded exchange refuses, in the exchange's own codes and words (its errors and filters documents)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["ExchangeError"]


class ExchangeError(Exception):
    """
    The exchange refuses a request.

    ``code`` and ``message`` go onto the wire as they are, ``status`` is the HTTP-like status of the answer and
    ``data`` whatever else the error object carries.
    """

    def __init__(self, code: int, message: str, *, status: int = 400, data: Mapping[str, Any] | None = None) -> None:
        super().__init__(f"{message} ({code})")
        self.code = code
        self.message = message
        self.status = status
        self.data: dict[str, Any] | None = None if data is None else dict(data)

    @classmethod
    def mandatory(cls, name: str) -> ExchangeError:
        """Say that *name* has to be sent."""
        return cls(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")

    @classmethod
    def one_of(cls, first: str, second: str) -> ExchangeError:
        """Say that one of two parameters has to be sent."""
        return cls(-1102, f"Param '{first}' or '{second}' must be sent, but both were empty/null!")

    @classmethod
    def unread(cls, read: int, sent: int) -> ExchangeError:
        """Say that parameters were sent that this method does not know."""
        return cls(-1104, f"Not all sent parameters were read; read '{read}' parameter(s) but was sent '{sent}'.")

    @classmethod
    def empty(cls, name: str) -> ExchangeError:
        """Say that *name* was sent without a value."""
        return cls(-1105, f"Parameter '{name}' was empty.")

    @classmethod
    def not_required(cls, name: str) -> ExchangeError:
        """Say that *name* does not go with the rest."""
        return cls(-1106, f"Parameter '{name}' sent when not required.")

    @classmethod
    def illegal_characters(cls, name: str, legal: str) -> ExchangeError:
        """Say that *name* does not look like the regular expression *legal*."""
        return cls(-1100, f"Illegal characters found in parameter '{name}'; legal range is '{legal}'.")

    @classmethod
    def too_precise(cls, name: str) -> ExchangeError:
        """Say that *name* has more decimals than the asset."""
        return cls(-1111, f"Parameter '{name}' has too much precision.")

    @classmethod
    def bad_data(cls, name: str) -> ExchangeError:
        """Say that *name* has a value which is none of those allowed."""
        return cls(-1130, f"Data sent for parameter '{name}' is not valid.")

    @classmethod
    def bad_symbol(cls) -> ExchangeError:
        """Say that there is no such symbol."""
        return cls(-1121, "Invalid symbol.")

    @classmethod
    def filter_failure(cls, name: str) -> ExchangeError:
        """Say which of the symbol's filters the order does not pass."""
        return cls(-1013, f"Filter failure: {name}")

    @classmethod
    def order_rejected(cls, message: str) -> ExchangeError:
        """Refuse a new order with the matching engine's reason."""
        return cls(-2010, message)

    @classmethod
    def insufficient_balance(cls) -> ExchangeError:
        """Say that the account cannot pay for it."""
        return cls(-2010, "Account has insufficient balance for requested action.")

    @classmethod
    def unknown_order(cls) -> ExchangeError:
        """Say that there is nothing to cancel."""
        return cls(-2011, "Unknown order sent.")

    @classmethod
    def no_such_order(cls) -> ExchangeError:
        """Say that no order answers to a query."""
        return cls(-2013, "Order does not exist.")
