"""
How an API method is declared.

A method whose *signature is the specification*: its parameters are the request's, its return annotation is the type of
the result, and its body is never run. One declaration gives three typed forms::

    client.spot_api.account.get_account_info()          # Response[AccountInfo], blocking
    client.spot_api.account.get_account_info.submit()   # Future[Response[AccountInfo]]
    Account.get_account_info.request()                  # Request[AccountInfo], a plain value
"""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from typing import Any, Concatenate, Generic, TypeVar, overload

import attrs
from typing_extensions import ParamSpec, Self

from .._wire.messages import Request, Security
from .._wire.values import as_object, plain
from ..client_order_ids import check_client_order_id
from ..masking import Discretion
from ..models.response import Response
from .caller import Caller

__all__ = ["Call", "Endpoint", "Room", "camel_case", "endpoint"]

P = ParamSpec("P")
R = TypeVar("R")

Prepare = Callable[[dict[str, Any]], Mapping[str, Any]]
Finish = Callable[[Any, Mapping[str, Any]], Any]
Weight = int | Callable[[Mapping[str, Any]], int]
Identify = Callable[[Mapping[str, Any]], Iterable[str]]


class Room:
    """A set of endpoints, bound to whoever asks the exchange."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller


class Endpoint(Generic[P, R]):
    """An API method, not yet bound to a client."""

    def __init__(
        self,
        declaration: Callable[Concatenate[Any, P], R],
        method: str,
        *,
        security: Security,
        weight: Weight,
        orders: int,
        mutating: bool,
        wire: Any,
        prepare: Prepare | None,
        finish: Finish | None,
        check: Callable[[Caller], None] | None,
        identify: Identify | None,
    ) -> None:
        self.declaration = declaration
        self.method = method
        self.security = security
        self.weight = weight
        self.orders = orders
        self.mutating = mutating
        self._wire = wire
        self._prepare = prepare
        self._finish = finish
        self._check = check
        self._identify = identify
        self._wire_names: dict[str, str] = {}
        functools.update_wrapper(typing.cast("Callable[..., R]", self), declaration)

    def __set_name__(self, owner: type[Room], name: str) -> None:
        self._name = name

    def request(self, *args: P.args, **kwargs: P.kwargs) -> Request[R]:
        """
        Return the request that a call with these arguments sends.

        Raises TypeError for arguments that the declaration does not take, and for values that cannot be sent as they
        are, above all floats; InvalidRequest for what the method itself refuses.
        """
        if not args and not kwargs and not self._has_required:
            # Most calls have nothing to bind or to prepare, and binding takes longer than everything else.
            return self.prototype
        arguments = self._bound(*args, **kwargs)
        values = arguments if self._prepare is None else self._prepare(dict(arguments))
        params = {self._wire_name(name): plain(value) for name, value in values.items() if value is not None}
        return self._request(arguments, params)

    @functools.cached_property
    def prototype(self) -> Request[R]:
        """The request without any parameters: enough to read an answer with, not to ask."""
        return self._request({}, {})

    def _request(self, arguments: Mapping[str, Any], params: Mapping[str, Any]) -> Request[R]:
        finish = None if self._finish is None else functools.partial(_finished, self._finish, arguments)
        weight = self.weight if isinstance(self.weight, int) else self.weight(params)
        return Request(
            self.method, params, self._returns, self.security, self.mutating, weight, self.orders, finish=finish
        )

    def check(self, caller: Caller) -> None:
        """Raise NotSupportedError where *caller*'s venue does not offer this."""
        if self._check is not None:
            self._check(caller)

    def identified(self, request: Request[R], caller: Caller) -> Request[R]:
        """Return *request* with client order ids for whatever it places and gives none to, as *caller* makes them."""
        if self._identify is None:
            return request
        params = as_object(request.params)
        draw = caller.options.client_order_ids
        drawn = {
            name: check_client_order_id(draw(), "what ClientOptions.client_order_ids returns")
            for name in self._identify(params)
            if name not in params
        }
        return attrs.evolve(request, params={**params, **drawn}) if drawn else request

    def _bound(self, *args: P.args, **kwargs: P.kwargs) -> dict[str, Any]:
        try:
            arguments = self._signature.bind(None, *args, **kwargs).arguments
        except TypeError as exc:
            problem = str(exc)
        else:
            return dict(list(arguments.items())[1:])
        # A new one, because the frames of the other one hold the arguments.
        raise TypeError(problem)

    def _wire_name(self, name: str) -> str:
        wire_name = self._wire_names.get(name)
        if wire_name is None:
            wire_name = self._wire_names[name] = camel_case(name.rstrip("_"))
        return wire_name

    # Annotations may name classes that are defined further down, so they are resolved when first needed.

    @functools.cached_property
    def _signature(self) -> inspect.Signature:
        return inspect.signature(self.declaration)

    @functools.cached_property
    def _has_required(self) -> bool:
        parameters = list(self._signature.parameters.values())[1:]
        return any(parameter.default is parameter.empty for parameter in parameters)

    @functools.cached_property
    def _returns(self) -> Any:
        annotation = self._wire if self._wire is not None else typing.get_type_hints(self.declaration)["return"]
        return None if annotation is type(None) else annotation

    @overload
    def __get__(self, room: None, owner: type[Room]) -> Self: ...

    @overload
    def __get__(self, room: Room, owner: type[Room]) -> Call[P, R]: ...

    def __get__(self, room: Room | None, owner: type[Room]) -> Self | Call[P, R]:
        if room is None:
            return self
        # From now on the room's own attribute is found first.
        call = room.__dict__[self._name] = Call(self, room._caller)  # pyright: ignore[reportPrivateUsage]  # of one house
        return call


class Call(Generic[P, R]):
    """An API method of a client: call it, or submit it."""

    def __init__(self, endpoint: Endpoint[P, R], caller: Caller) -> None:
        self._endpoint = endpoint
        self._caller = caller
        functools.update_wrapper(typing.cast("Callable[..., R]", self), endpoint.declaration)

    @property
    def __signature__(self) -> inspect.Signature:
        signature = inspect.signature(self._endpoint.declaration)
        return signature.replace(parameters=list(signature.parameters.values())[1:])

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Response[R]:
        """Ask the exchange, and wait for the answer."""
        try:
            with Discretion():
                self._endpoint.check(self._caller)
                request = self._endpoint.request(*args, **kwargs)
        finally:
            # One of them may be a listen key, and tracebacks can show variables.
            del args, kwargs
        return self._caller.call(self._endpoint.identified(request, self._caller))

    def submit(self, *args: P.args, **kwargs: P.kwargs) -> Future[Response[R]]:
        """Ask the exchange, and return the future of the answer. Its done-callbacks run on the client's executor."""
        try:
            with Discretion():
                self._endpoint.check(self._caller)
                request = self._endpoint.request(*args, **kwargs)
        finally:
            del args, kwargs
        return self._caller.submit(self._endpoint.identified(request, self._caller))

    def __repr__(self) -> str:
        return f"<API method {self._endpoint.method}>"


def endpoint(
    method: str,
    *,
    security: Security = Security.NONE,
    weight: Weight = 1,
    orders: int = 0,
    mutating: bool = False,
    wire: Any = None,
    prepare: Prepare | None = None,
    finish: Finish | None = None,
    check: Callable[[Caller], None] | None = None,
    identify: Identify | None = None,
) -> Callable[[Callable[Concatenate[Any, P], R]], Endpoint[P, R]]:
    """
    Declare an API method. See the module's docstring.

    The rare method whose parameters are not sent as they are has ``prepare(arguments)``, which returns the ones that
    are. One whose result is not what the exchange sends names what it sends as *wire*, and has
    ``finish(wire value, arguments)``. ``check(caller)`` raises where a venue does not offer it. A *weight* that depends
    on the parameters is a function of them, as they are sent; *orders* is how many unfilled orders a call counts as.
    What places orders has ``identify(params)``: the wire names of the client order ids that a call through a client
    fills in where they were not given. The plain request has only what was given.
    """

    def declare(declaration: Callable[Concatenate[Any, P], R]) -> Endpoint[P, R]:
        return Endpoint(
            declaration,
            method,
            security=security,
            weight=weight,
            orders=orders,
            mutating=mutating,
            wire=wire,
            prepare=prepare,
            finish=finish,
            check=check,
            identify=identify,
        )

    return declare


def camel_case(name: str) -> str:
    """Return *name*, which is in snake case, in camel case."""
    head, *tail = name.split("_")
    return head + "".join(word.capitalize() for word in tail)


def _finished(finish: Finish, arguments: Mapping[str, Any], value: Any) -> Any:
    return finish(value, arguments)
