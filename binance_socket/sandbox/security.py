"""
API keys of the sandbox, and the checks that a secured request has to pass.

Source: the WebSocket API document, "Request security" and "Timing security".
"""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
import string
import threading
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import attrs

from ..credentials import KeyType
from .errors import ExchangeError

__all__ = [
    "ApiKey",
    "KeyMaterial",
    "KeyRing",
    "check_timing",
    "make_key",
    "random_text",
    "read_window",
    "signature_payload",
]

_ALPHABET: Final = string.ascii_letters + string.digits
_KEY_LENGTH: Final = 64
_RSA_BITS: Final = 2048
DEFAULT_WINDOW: Final = 5000
LONGEST_WINDOW: Final = 60000


@attrs.frozen
class ApiKey:
    """What the exchange knows of a key: whose it is, and how to check what it signed."""

    key: str
    uid: int
    key_type: KeyType
    verify: Callable[[bytes, str], bool] = attrs.field(repr=False)


@attrs.frozen
class KeyMaterial:
    """What the owner of a key knows: the shared secret, or the private key as PEM text."""

    key: str
    secret: str | None = attrs.field(default=None, repr=False)
    pem: str | None = attrs.field(default=None, repr=False)


def random_text(length: int = _KEY_LENGTH) -> str:
    """Return letters and digits, as API keys and listen keys are made of."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def make_key(uid: int, key_type: KeyType) -> tuple[ApiKey, KeyMaterial]:
    """Make a fresh key of an account: the exchange's half, and the owner's."""
    key = random_text()
    if key_type is KeyType.HMAC:
        secret = random_text()
        return ApiKey(key, uid, key_type, _hmac_verifier(secret)), KeyMaterial(key, secret=secret)
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

    private: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
    if key_type is KeyType.RSA:
        private = rsa.generate_private_key(65537, _RSA_BITS)
        verify = _rsa_verifier(private.public_key())
    else:
        private = ed25519.Ed25519PrivateKey.generate()
        verify = _ed25519_verifier(private.public_key())
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return ApiKey(key, uid, key_type, verify), KeyMaterial(key, pem=pem.decode("ascii"))


def _hmac_verifier(secret: str) -> Callable[[bytes, str], bool]:
    def verify(payload: bytes, signature: str) -> bool:
        expected = hmac.digest(secret.encode(), payload, "sha256").hex()
        # Hex of any case is accepted.
        return hmac.compare_digest(expected.encode(), signature.lower().encode("utf-8", "surrogatepass"))

    return verify


def _rsa_verifier(public: Any) -> Callable[[bytes, str], bool]:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.hashes import SHA256

    def verify(payload: bytes, signature: str) -> bool:
        try:
            public.verify(base64.b64decode(signature, validate=True), payload, PKCS1v15(), SHA256())
        except (InvalidSignature, binascii.Error, ValueError):
            return False
        return True

    return verify


def _ed25519_verifier(public: Any) -> Callable[[bytes, str], bool]:
    from cryptography.exceptions import InvalidSignature

    def verify(payload: bytes, signature: str) -> bool:
        try:
            public.verify(base64.b64decode(signature, validate=True), payload)
        except (InvalidSignature, binascii.Error, ValueError):
            return False
        return True

    return verify


class KeyRing:
    """Every API key of the sandbox. Thread-safe."""

    def __init__(self) -> None:
        # Guards the dict.
        self._lock = threading.Lock()
        self._keys: dict[str, ApiKey] = {}

    def add(self, key: ApiKey) -> None:
        """Register a key."""
        with self._lock:
            self._keys[key.key] = key

    def revoke(self, uid: int) -> int:
        """Delete every key of an account, and return how many there were."""
        with self._lock:
            keys = [key for key, entry in self._keys.items() if entry.uid == uid]
            for key in keys:
                del self._keys[key]
            return len(keys)

    def find(self, key: object) -> ApiKey:
        """Return a key. Raises ExchangeError -2014 (no key at all) or -2015 (not ours, or revoked), status 401."""
        if not isinstance(key, str) or not 1 <= len(key) <= 128 or not all(char in _ALPHABET for char in key):
            raise ExchangeError(-2014, "API-key format invalid.", status=401)
        with self._lock:
            entry = self._keys.get(key)
        if entry is None:
            raise ExchangeError(-2015, "Invalid API-key, IP, or permissions for action.", status=401)
        return entry

    def holds(self, key: ApiKey) -> bool:
        """Tell whether a key is still valid."""
        with self._lock:
            return self._keys.get(key.key) is key


def signature_payload(params: Mapping[str, Any], text: Callable[[Any], str]) -> bytes:
    """Return what a request's signature must sign: all parameters but the signature, sorted by name."""
    return "&".join(f"{name}={text(params[name])}" for name in sorted(params) if name != "signature").encode(
        "utf-8", "surrogatepass"
    )


def check_timing(timestamp: int, window: Decimal | None, now: float) -> None:
    """
    Raise ExchangeError -1021 unless ``timestamp < now + 1 s`` and ``now - timestamp <= window``.

    *timestamp* is in milliseconds or microseconds (told apart by their size), *window* in milliseconds, *now* in
    seconds since the epoch.
    """
    # Milliseconds have 13 digits until the year 2286.
    sent = timestamp * 1000 if timestamp < 10**14 else timestamp
    current = int(now * 1_000_000)
    if sent >= current + 1_000_000:
        raise ExchangeError(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
    allowed = DEFAULT_WINDOW if window is None else window
    if current - sent > allowed * 1000:
        raise ExchangeError(-1021, "Timestamp for this request is outside of the recvWindow.")


def read_window(value: object) -> Decimal | None:
    """Return ``recvWindow``. Raises ExchangeError unless it is at most 60000, with at most three decimals."""
    if value is None:
        return None
    try:
        window = Decimal(str(value))
    except InvalidOperation:
        window = Decimal("NaN")
    if isinstance(value, bool) or not window.is_finite() or window < 0:
        raise ExchangeError.illegal_characters("recvWindow", "^([0-9]{1,5})(\\.[0-9]{1,3})?$")
    if window > LONGEST_WINDOW:
        raise ExchangeError(-1102, f"'recvWindow' contains unexpected value. Cannot be greater than {LONGEST_WINDOW}.")
    exponent = window.as_tuple().exponent
    if isinstance(exponent, int) and exponent < -3:
        raise ExchangeError.too_precise("recvWindow")
    return window
