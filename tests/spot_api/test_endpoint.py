"""How API methods are declared."""

import inspect

import pytest

from binance_socket import InvalidRequest
from binance_socket._wire.messages import Request, Security
from binance_socket.spot_api.account import Account
from binance_socket.spot_api.endpoint import Room, endpoint


class Sample(Room):
    """A room of the test's."""

    @endpoint("sample.get", security=Security.SIGNED, weight=7, mutating=True)
    def get_sample(self, symbol: str, *, order_id: int | None = None, from_: int | None = None) -> list[str]:
        """Return a sample."""
        ...

    @endpoint("sample.drop")
    def drop(self) -> None:
        """Drop it."""
        ...


class Caller:
    """Keeps what it was asked."""

    def __init__(self):
        self.asked = []

    def call(self, request):
        self.asked.append(("call", request))

    def submit(self, request):
        self.asked.append(("submit", request))


def test_a_declaration_is_a_request():
    """Parameters become the wire's, in camel case; those that are None are left out."""
    request = Sample.get_sample.request("BTCUSDT", order_id=5, from_=3)
    assert request == Request(
        "sample.get", {"symbol": "BTCUSDT", "orderId": 5, "from": 3}, list[str], Security.SIGNED, True
    )
    assert Sample.get_sample.request(symbol="X").params == {"symbol": "X"}
    assert Sample.drop.request() == Request("sample.drop")


def test_calling_and_submitting():
    """Both ask whoever the room is bound to."""
    caller = Caller()
    room = Sample(caller)
    room.drop()
    room.drop.submit()
    assert caller.asked == [("call", Request("sample.drop")), ("submit", Request("sample.drop"))]


def test_wrong_arguments_are_a_type_error_like_any_functions():
    """Before anything is sent."""
    caller = Caller()
    for arguments in ((), ("BTCUSDT", 5)):
        with pytest.raises(TypeError):
            Sample(caller).get_sample(*arguments)
    with pytest.raises(TypeError):
        Sample(caller).get_sample("BTCUSDT", unknown=1)
    with pytest.raises(TypeError):
        Sample(caller).get_sample("BTCUSDT", order_id=1.5)
    assert caller.asked == []


def test_help_knows_the_method():
    """Its name, docstring and signature are the declaration's, without self once it is bound."""
    bound = Sample(Caller()).get_sample
    assert bound.__doc__ == "Return a sample."
    assert bound.__name__ == "get_sample"
    assert list(inspect.signature(bound).parameters) == ["symbol", "order_id", "from_"]
    assert "sample.get" in repr(bound)
    assert inspect.getdoc(Account.get_account_info).startswith("Return the account")


def test_symbols_that_are_an_iterator_are_refused():
    """They would be used up when the answer comes, and everything would be left out."""
    with pytest.raises(InvalidRequest):
        Account.get_account_info.request(symbols=iter(["BTCUSDT"]))
