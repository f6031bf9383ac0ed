"""API keys, and how each kind of them signs. A secret never shows, wherever it is printed, logged or copied to."""

from __future__ import annotations

import abc
import base64
import contextlib
import enum
import errno
import hmac
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final, Generic, NoReturn, SupportsIndex, TypeVar

from typing_extensions import Self, override

from .errors import InvalidRequest
from .masking import MASK

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

__all__ = [
    "Credentials",
    "Ed25519Key",
    "HmacKey",
    "KeyType",
    "RsaKey",
    "Secret",
    "credentials_from_env",
]

K = TypeVar("K")

MAX_KEY_FILE_SIZE: Final = 64 * 1024
"""Bytes. An encrypted 16384-bit RSA key takes 13 KiB."""

MIN_RSA_BITS: Final = 2048
"""The exchange registers no shorter key."""


class _StaysHere:
    """Refuses every standard way in which an object leaves its place: pickle, copy and deepcopy."""

    __slots__ = ()

    @override
    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise TypeError(f"{type(self).__name__} can be neither pickled nor copied: it holds a secret")

    def __getstate__(self) -> NoReturn:
        # From Python 3.11 on, every object has one, which shows what is in its slots.
        raise TypeError(f"{type(self).__name__} can be neither pickled nor copied: it holds a secret")


class Secret(_StaysHere):
    """Text that shows only where `reveal` is called."""

    __slots__ = ("__text",)

    def __init__(self, text: str) -> None:
        self.__text = text

    def reveal(self) -> str:
        """Return the text. Keep it out of variables of functions that may raise: tracebacks can show them."""
        return self.__text

    @override
    def __repr__(self) -> str:
        return f"Secret('{MASK}')"

    @override
    def __str__(self) -> str:
        return MASK

    @override
    def __format__(self, spec: str) -> str:
        return format(MASK, spec)

    @override
    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        # Takes as long for a near miss as for a far one.
        return hmac.compare_digest(_encoded(self), _encoded(other))

    @override
    def __hash__(self) -> int:
        return hash((Secret, self.__text))


def _encoded(secret: Secret) -> bytes:
    return secret.reveal().encode("utf-8", "surrogatepass")


class KeyType(enum.Enum):
    """The kinds of API key that the exchange issues."""

    HMAC = "HMAC"
    RSA = "RSA"
    ED25519 = "ED25519"


class Credentials(_StaysHere, abc.ABC):
    """An API key and the means to sign with it. Immutable; any thread may sign at any time."""

    __slots__ = ("_api_key",)

    key_type: ClassVar[KeyType]

    def __init__(self, api_key: str | Secret) -> None:
        api_key = _hide(api_key)
        self._api_key = _printable(api_key, "the API key")

    @property
    def api_key(self) -> Secret:
        """The public half. It is masked all the same: with a signature, it is enough to be impersonated."""
        return self._api_key

    def sign(self, payload: str) -> str:
        """
        Return the signature of *payload*'s UTF-8 bytes: lower-case hex for HMAC keys, base64 for the others.

        Raises InvalidRequest when *payload* has no UTF-8 form (a lone surrogate).
        """
        try:
            message = payload.encode()
        except UnicodeEncodeError as exc:
            raise InvalidRequest("a parameter holds half of a surrogate pair, which UTF-8 cannot carry") from exc
        return self._sign(message)

    @abc.abstractmethod
    def _sign(self, message: bytes) -> str:
        """Return the signature of *message* as text."""

    @override
    def __repr__(self) -> str:
        return f"{type(self).__name__}({MASK})"


class HmacKey(Credentials):
    """An API key with a shared secret. Signs with HMAC-SHA256."""

    __slots__ = ("_secret",)

    key_type = KeyType.HMAC

    def __init__(self, api_key: str | Secret, secret: str | Secret) -> None:
        api_key, secret = _hide(api_key), _hide(secret)
        super().__init__(api_key)
        self._secret = _printable(secret, "the secret key")

    @classmethod
    def from_file(cls, api_key: str | Secret, path: str | os.PathLike[str]) -> Self:
        """Read the secret from a file that only its owner may read. Raises InvalidRequest if it is not such a file."""
        api_key = _hide(api_key)
        return cls(api_key, _read_owner_only(path))

    @override
    def _sign(self, message: bytes) -> str:
        return hmac.digest(_encoded(self._secret), message, "sha256").hex()


class _PemKey(Credentials, Generic[K]):
    """An API key with a private key, as PEM text."""

    __slots__ = ("_private_key",)

    def __init__(self, api_key: str | Secret, pem: str | Secret, passphrase: str | Secret | None = None) -> None:
        api_key, pem, passphrase = _hide(api_key), _hide(pem), None if passphrase is None else _hide(passphrase)
        super().__init__(api_key)
        self._private_key = self._checked(_load_pem(pem, passphrase))

    @classmethod
    def from_file(
        cls, api_key: str | Secret, path: str | os.PathLike[str], passphrase: str | Secret | None = None
    ) -> Self:
        """Read the PEM from a file that only its owner may read. Raises InvalidRequest if it is not such a file."""
        api_key, passphrase = _hide(api_key), None if passphrase is None else _hide(passphrase)
        return cls(api_key, _read_owner_only(path), passphrase)

    @staticmethod
    @abc.abstractmethod
    def _checked(key: PrivateKeyTypes) -> K:
        """Return *key* if it is of the right kind. Raises InvalidRequest."""


class RsaKey(_PemKey["RSAPrivateKey"]):
    """An API key with an RSA private key, as PEM text. Signs with RSASSA-PKCS1-v1_5 and SHA-256."""

    __slots__ = ()

    key_type = KeyType.RSA

    @staticmethod
    @override
    def _checked(key: PrivateKeyTypes) -> RSAPrivateKey:
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

        if not isinstance(key, RSAPrivateKey):
            raise InvalidRequest("the private key is not an RSA key")
        if key.key_size < MIN_RSA_BITS:
            raise InvalidRequest(f"the RSA key has {key.key_size} bits, the exchange asks for at least {MIN_RSA_BITS}")
        return key

    @override
    def _sign(self, message: bytes) -> str:
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
        from cryptography.hazmat.primitives.hashes import SHA256

        return base64.b64encode(self._private_key.sign(message, PKCS1v15(), SHA256())).decode("ascii")


class Ed25519Key(_PemKey["Ed25519PrivateKey"]):
    """An API key with an Ed25519 private key, as PEM text. The only kind that can log a session on."""

    __slots__ = ()

    key_type = KeyType.ED25519

    @staticmethod
    @override
    def _checked(key: PrivateKeyTypes) -> Ed25519PrivateKey:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        if not isinstance(key, Ed25519PrivateKey):
            raise InvalidRequest("the private key is not an Ed25519 key")
        return key

    @override
    def _sign(self, message: bytes) -> str:
        return base64.b64encode(self._private_key.sign(message)).decode("ascii")


def credentials_from_env(environ: Mapping[str, str], prefix: str = "BINANCE_") -> Credentials | None:
    """
    Return the credentials that *environ* describes, or None when it has none.

    Reads ``{prefix}API_KEY`` with either ``{prefix}API_SECRET`` or ``{prefix}PRIVATE_KEY_FILE`` (RSA or Ed25519, as
    the file says) and, for an encrypted file, ``{prefix}PRIVATE_KEY_PASSPHRASE``. An empty variable counts as unset.
    Raises InvalidRequest, naming the variables, when they do not add up.
    """
    names = {name: prefix + name for name in ("API_KEY", "API_SECRET", "PRIVATE_KEY_FILE", "PRIVATE_KEY_PASSPHRASE")}
    given = {name: Secret(environ[variable]) for name, variable in names.items() if environ.get(variable)}
    del environ  # no traceback from here on shows it
    if not given:
        return None
    secret, file = given.get("API_SECRET"), given.get("PRIVATE_KEY_FILE")
    if "API_KEY" not in given:
        raise InvalidRequest(f"{', '.join(names[name] for name in given)} is set, but {names['API_KEY']} is not")
    if secret is not None and file is not None:
        raise InvalidRequest(f"set {names['API_SECRET']} or {names['PRIVATE_KEY_FILE']}, not both")
    if "PRIVATE_KEY_PASSPHRASE" in given and file is None:
        raise InvalidRequest(f"{names['PRIVATE_KEY_PASSPHRASE']} is set, but {names['PRIVATE_KEY_FILE']} is not")
    if secret is not None:
        return HmacKey(given["API_KEY"], secret)
    if file is not None:
        pem = _read_owner_only(file.reveal())
        passphrase = given.get("PRIVATE_KEY_PASSPHRASE")
        kind = _kind_of(_load_pem(pem, passphrase))
        return kind(given["API_KEY"], pem, passphrase)
    raise InvalidRequest(
        f"{names['API_KEY']} is set, but neither {names['API_SECRET']} nor {names['PRIVATE_KEY_FILE']} is"
    )


def _hide(text: str | Secret) -> Secret:
    # Callers rebind their argument to the result, so that no traceback of ours can show it.
    if not isinstance(text, (str, Secret)):  # pyright: ignore[reportUnnecessaryIsInstance]  # not everybody checks types
        raise InvalidRequest(f"keys and secrets are text (str), not {type(text).__name__}")
    return text if isinstance(text, Secret) else Secret(text)


def _printable(secret: Secret, what: str) -> Secret:
    if not secret.reveal():
        raise InvalidRequest(f"{what} is empty")
    if any(not "!" <= character <= "~" for character in secret.reveal()):
        raise InvalidRequest(f"{what} holds a character that is not printable ASCII: was it copied whole, and alone?")
    return secret


def _load_pem(pem: Secret, passphrase: Secret | None) -> PrivateKeyTypes:
    """
    Parse *pem*.

    Its errors are raised outside of the handlers, without a cause: what cryptography raises, or its frames hold, may
    quote the key.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    if not pem.reveal().strip():
        raise InvalidRequest("the private key is empty")
    encrypted = "ENCRYPTED" in pem.reveal()
    if encrypted and passphrase is None:
        raise InvalidRequest("the private key is encrypted: give its passphrase")
    if passphrase is not None and not encrypted:
        raise InvalidRequest("a passphrase was given, but the private key is not encrypted")
    key: PrivateKeyTypes | None = None
    with contextlib.suppress(ValueError, TypeError, UnsupportedAlgorithm):
        key = load_pem_private_key(_encoded(pem), None if passphrase is None else _encoded(passphrase))
    if key is None:
        raise InvalidRequest(
            "the private key cannot be read: the passphrase is wrong, or the PEM is damaged"
            if encrypted
            else "the private key cannot be read: it is no PEM text of a private key"
        )
    return key


def _kind_of(key: PrivateKeyTypes) -> type[RsaKey | Ed25519Key]:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    return RsaKey if isinstance(key, RSAPrivateKey) else Ed25519Key


def _read_owner_only(path: str | os.PathLike[str]) -> Secret:
    """
    Return the text of a file that holds a secret, without byte order mark, carriage returns and surrounding blanks.

    The file must be regular, small, not a symbolic link and, where the platform knows such things, closed to everyone
    but its owner, who is us. All of it is checked on the open descriptor, so that nothing can change in between.
    """
    name = os.fspath(path)
    # Without O_NONBLOCK, opening a named pipe would wait for its writer.
    flags = os.O_RDONLY
    for flag in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY"):
        flags |= getattr(os, flag, 0)
    if not hasattr(os, "O_NOFOLLOW") and Path(name).is_symlink():
        raise InvalidRequest(f"{name} is a symbolic link: give the file itself")
    try:
        descriptor = os.open(name, flags)
    except OSError as exc:
        if exc.errno == errno.ELOOP:
            raise InvalidRequest(f"{name} is a symbolic link: give the file itself") from exc
        raise InvalidRequest(f"{name} cannot be opened: {exc.strerror}") from exc
    try:
        _check_owner_only(name, os.fstat(descriptor))
        with open(descriptor, "rb", closefd=False) as file:
            content = file.read(MAX_KEY_FILE_SIZE + 1)
    finally:
        os.close(descriptor)
    size, text = len(content), _decoded(content)
    del content  # no traceback from here on shows it
    if size > MAX_KEY_FILE_SIZE:
        raise InvalidRequest(f"{name} is larger than {MAX_KEY_FILE_SIZE} bytes: it is no key file")
    if text is None:
        raise InvalidRequest(f"{name} is not UTF-8 text")
    return text


def _check_owner_only(name: str, info: os.stat_result) -> None:
    if not stat.S_ISREG(info.st_mode):
        raise InvalidRequest(f"{name} is not a regular file")
    if not hasattr(os, "geteuid"):  # Windows: access is governed by lists that st_mode does not show
        return
    if info.st_uid != os.geteuid():
        raise InvalidRequest(f"{name} belongs to another user")
    if stat.S_IMODE(info.st_mode) & (stat.S_IRWXG | stat.S_IRWXO):
        raise InvalidRequest(f"{name} is open to others: run chmod 600 on it")


def _decoded(content: bytes) -> Secret | None:
    try:
        return Secret(content.decode("utf-8-sig").replace("\r\n", "\n").strip())
    except UnicodeDecodeError:
        return None
