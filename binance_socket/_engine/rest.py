"""The listen-key calls at venues that take them over REST."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, TypeVar

from .._wire.messages import Reply, Request, error_of
from .._wire.values import as_object
from ..credentials import Credentials
from ..errors import DecodeError
from ..models.response import Response
from ..options import Environment
from .http import request_json

__all__ = ["ListenKeyRest"]

R = TypeVar("R")


class ListenKeyRest:
    """Asks for listen keys with ``POST, PUT, DELETE /api/v3/userDataStream`` and the API key in a header."""

    METHODS: ClassVar[Mapping[str, str]] = {
        "userDataStream.start": "POST",
        "userDataStream.ping": "PUT",
        "userDataStream.stop": "DELETE",
    }

    def __init__(self, environment: Environment, proxy: str | None) -> None:
        self._environment = environment
        self._proxy = proxy

    def ask(self, request: Request[R], credentials: Credentials, timeout: float) -> Response[R]:
        """
        Return the answer to *request*. Blocks for *timeout* seconds at most.

        Raises ApiError and its kind, RequestTimeout, ConnectionLost, TlsError, DecodeError.
        """
        assert isinstance(request.params, Mapping)
        answer = request_json(
            self.METHODS[request.method],
            f"{self._environment.rest_url}/api/v3/userDataStream",
            params={name: str(value) for name, value in request.params.items()},
            headers={"X-MBX-APIKEY": credentials.api_key.reveal()},
            timeout=timeout,
            ca_file=self._environment.ca_file,
            proxy=self._proxy,
        )
        reply = _reply(answer.status, answer.payload)
        error = error_of(reply, request)
        if error is not None:
            raise error
        return Response(id=None, status=answer.status, result=request.read(reply.result))


def _reply(status: int, body: Any) -> Reply:
    fields = as_object(body)
    if 200 <= status < 300:
        if not isinstance(body, dict):
            raise DecodeError(f"an answer with status {status} that is not an object", body)
        return Reply(None, status, fields)
    error = fields if isinstance(fields.get("code"), int) else {"code": 0, "msg": "no reason was given"}
    return Reply(None, status, None, error)
