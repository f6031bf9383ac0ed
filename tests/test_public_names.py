"""What ``import binance_socket`` offers."""

import importlib
import pkgutil
import types

import pytest

import binance_socket

PROMISED = {
    "BinanceSocketClient",
    "CancellationToken",
    "ClientOptions",
    "DataEvent",
    "Ed25519Key",
    "Environment",
    "HmacKey",
    "Response",
    "RsaKey",
    "Secret",
    "UpdateSubscription",
    # errors
    "ApiError",
    "AuthRevoked",
    "AuthenticationError",
    "ClientClosed",
    "ConnectionLost",
    "DecodeError",
    "InvalidTimestamp",
    "NotSupportedError",
    "OutcomeUnknown",
    "ProxyError",
    "RateLimited",
    "RequestTimeout",
    "TlsError",
    "TooManyPending",
}


def test_every_name_is_there():
    """And none twice; what is promised is among them."""
    names = binance_socket.__all__
    assert len(names) == len(set(names))
    assert [name for name in names if not hasattr(binance_socket, name)] == []
    assert set(names) >= PROMISED


def test_every_error_is_at_the_top():
    """Users write ``except binance_socket.X``."""
    assert set(binance_socket.errors.__all__) <= set(binance_socket.__all__)


def test_there_is_nothing_public_beside_all():
    """What is not in ``__all__`` is a module, or private."""
    public = {
        name
        for name, value in vars(binance_socket).items()
        if not name.startswith("_") and not isinstance(value, types.ModuleType) and name != "annotations"
    }
    assert public <= set(binance_socket.__all__)


@pytest.mark.parametrize(
    "name", ["errors", "options", "credentials", "events", "client", "models", "spot_api", "testing"]
)
def test_the_modules_names_are_there(name):
    """``__all__`` of each public module holds."""
    module = importlib.import_module(f"binance_socket.{name}")
    assert [item for item in module.__all__ if not hasattr(module, item)] == []


def test_every_module_of_the_core_declares_its_names():
    """So that nothing leaks by accident."""
    rooms = ("_wire", "_session", "_engine", "spot_api", "models")
    for room in rooms:
        package = importlib.import_module(f"binance_socket.{room}")
        for found in pkgutil.iter_modules(package.__path__):
            module = importlib.import_module(f"binance_socket.{room}.{found.name}")
            assert [item for item in module.__all__ if not hasattr(module, item)] == [], module
