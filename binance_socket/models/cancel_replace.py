"""The error of a cancel-replace that did not go all the way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import ApiError
from .enums import CancelReplaceStatus
from .orders import CanceledOrder, PlacedOrder

__all__ = ["CancelReplaceFailed"]


class CancelReplaceFailed(ApiError):
    """
    A cancel-replace failed, wholly (-2022) or in part (-2021): each half says for itself what became of it.

    A half that succeeded has its response, and one that failed has its error; one that was not attempted has neither.
    With -2021, something has been done: the old order is cancelled, or the new one placed. ``data`` holds what was
    sent, also where a response could not be read.
    """

    def __init__(
        self,
        code: int,
        message: str,
        *,
        status: int = 400,
        method: str = "",
        request_id: str | int | None = None,
        data: Mapping[str, Any] | None = None,
        cancel_result: CancelReplaceStatus,
        new_order_result: CancelReplaceStatus,
        cancel_response: CanceledOrder | None = None,
        new_order_response: PlacedOrder | None = None,
        cancel_error: ApiError | None = None,
        new_order_error: ApiError | None = None,
    ) -> None:
        super().__init__(code, message, status=status, method=method, request_id=request_id, data=data)
        self.cancel_result = cancel_result
        """Whether the old order has been cancelled."""
        self.new_order_result = new_order_result
        """Whether the new order has been placed."""
        self.cancel_response = cancel_response
        """The old order, where it has been cancelled."""
        self.new_order_response = new_order_response
        """The new order, where it has been placed."""
        self.cancel_error = cancel_error
        """Why the old order has not been cancelled, where that was tried."""
        self.new_order_error = new_order_error
        """Why the new order has not been placed, where that was tried."""
