"""binance_socket.credentials"""

from __future__ import annotations

import base64
import copy
import io
import os
import pickle
import subprocess
import sys
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import attrs
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from binance_socket.credentials import (
    MAX_KEY_FILE_SIZE,
    Ed25519Key,
    HmacKey,
    KeyType,
    RsaKey,
    Secret,
    credentials_from_env,
)
from binance_socket.errors import InvalidRequest

CANARY = "canary0123456789"


def _pem(key: Any, passphrase: str | None = None) -> str:
    encryption = NoEncryption() if passphrase is None else BestAvailableEncryption(passphrase.encode())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption).decode()


@pytest.fixture(scope="module")
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture(scope="module")
def ed25519_key() -> ed25519.Ed25519PrivateKey:
    return ed25519.Ed25519PrivateKey.generate()


@pytest.fixture
def key_file(tmp_path: Path) -> Callable[..., Path]:
    def write(content: str | bytes, mode: int = 0o600) -> Path:
        path = tmp_path / "key"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        path.chmod(mode)
        return path

    return write


def _full_traceback(error: BaseException) -> str:
    """Everything a reporter with locals would print of *error*, of what it hides and of what led to it."""
    out = io.StringIO()
    seen: BaseException | None = error
    while seen is not None:
        report = traceback.TracebackException.from_exception(seen, capture_locals=True)
        report.stack = traceback.StackSummary.from_list([f for f in report.stack if f.filename != __file__])
        out.write("".join(report.format(chain=False)))
        seen = seen.__cause__ or seen.__context__
    return out.getvalue()


# ---------------------------------------------------------------------------------------------------------- Secret


@pytest.mark.parametrize("show", [repr, str, format, "{:>30}".format, lambda s: f"{s!r}"])
def test_secret_is_masked(show: Callable[[object], str]) -> None:
    """No way of printing a Secret shows it."""
    assert CANARY not in show(Secret(CANARY))
    assert "***" in show(Secret(CANARY))
    assert Secret(CANARY).reveal() == CANARY


@pytest.mark.parametrize("leave", [pickle.dumps, copy.copy, copy.deepcopy])
def test_secrets_stay_where_they_are(leave: Callable[[object], object]) -> None:
    """Neither a Secret nor a key can be pickled or copied."""
    for thing in (Secret(CANARY), HmacKey("key", CANARY), [Secret(CANARY)]):
        if thing.__class__ is list and leave is copy.copy:
            continue  # a shallow copy of a list copies no item
        with pytest.raises(TypeError, match="neither pickled nor copied"):
            leave(thing)


def test_asdict_does_not_reveal() -> None:
    """attrs.asdict keeps the Secret a Secret."""

    @attrs.frozen
    class Holder:
        secret: Secret
        key: HmacKey

    assert CANARY not in repr(attrs.asdict(Holder(Secret(CANARY), HmacKey("key", CANARY))))
    with pytest.raises(attrs.exceptions.NotAnAttrsClassError):
        attrs.asdict(Secret(CANARY))  # type: ignore[call-overload]


def test_secrets_compare_by_text() -> None:
    """Equal text, equal Secret and hash; a str is never equal to it."""
    assert Secret("a") == Secret("a")
    assert hash(Secret("a")) == hash(Secret("a"))
    assert Secret("a") != Secret("b")
    assert Secret("\ud800") == Secret("\ud800")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2


def test_a_key_shows_nothing() -> None:
    """The repr of a key shows its class only."""
    assert repr(HmacKey(CANARY, CANARY)) == "HmacKey(**********)"
    assert not hasattr(HmacKey(CANARY, CANARY), "__dict__")


# --------------------------------------------------------------------------------------------------------- signing


def test_hmac_signs_in_lower_case_hex() -> None:
    """HMAC-SHA256, in hex (test case 2 of RFC 4231)."""
    key = HmacKey("key", "Jefe")
    expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    assert key.sign("what do ya want for nothing?") == expected
    assert key.key_type is KeyType.HMAC
    assert key.api_key == Secret("key")


def test_ed25519_signs_in_base64(ed25519_key: ed25519.Ed25519PrivateKey) -> None:
    """The signature is that of the UTF-8 bytes, and the public key accepts it."""
    key = Ed25519Key("key", _pem(ed25519_key))
    signature = key.sign("symbol=１２３")
    ed25519_key.public_key().verify(base64.b64decode(signature, validate=True), "symbol=１２３".encode())
    assert key.key_type is KeyType.ED25519


def test_rsa_signs_as_openssl_does(rsa_key: rsa.RSAPrivateKey, key_file: Callable[..., Path]) -> None:
    """RSASSA-PKCS1-v1_5 with SHA-256: the openssl command makes the same signature."""
    path = key_file(_pem(rsa_key))
    openssl = subprocess.run(
        ["openssl", "dgst", "-sha256", "-sign", str(path)], input="a=é&b=1".encode(), stdout=subprocess.PIPE, check=True
    )
    key = RsaKey.from_file("key", path)
    assert key.sign("a=é&b=1") == base64.b64encode(openssl.stdout).decode()
    assert key.key_type is KeyType.RSA


def test_a_lone_surrogate_cannot_be_signed() -> None:
    """Text without a UTF-8 form is refused as bad input."""
    with pytest.raises(InvalidRequest, match="surrogate"):
        HmacKey("key", "secret").sign("symbol=\ud800")


def test_any_thread_may_sign(rsa_key: rsa.RSAPrivateKey, ed25519_key: ed25519.Ed25519PrivateKey) -> None:
    """Many threads that sign with one key get what one thread gets."""
    for key in (HmacKey("key", "secret"), RsaKey("key", _pem(rsa_key)), Ed25519Key("key", _pem(ed25519_key))):
        payloads = [f"a={n % 10}" for n in range(100)]
        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(key.sign, payloads)) == [key.sign(payload) for payload in payloads]


# ------------------------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize("bad", ["", " ", "has space", "tab\t", "line\n", "kéy", "\x7f", "\x00"])
def test_keys_are_printable_ascii(bad: str) -> None:
    """An empty key, or one with blanks, control characters or other letters, was not copied as it should."""
    with pytest.raises(InvalidRequest, match="API key"):
        HmacKey(bad, "secret")
    with pytest.raises(InvalidRequest, match="secret key"):
        HmacKey("key", bad)


def test_encrypted_keys(rsa_key: rsa.RSAPrivateKey, ed25519_key: ed25519.Ed25519PrivateKey) -> None:
    """An encrypted PEM needs its passphrase, and only an encrypted one takes any."""
    assert RsaKey("key", _pem(rsa_key, CANARY), CANARY).sign("a") == RsaKey("key", _pem(rsa_key)).sign("a")
    assert Ed25519Key("key", Secret(_pem(ed25519_key, CANARY)), Secret(CANARY)).sign("a")
    with pytest.raises(InvalidRequest, match="give its passphrase"):
        RsaKey("key", _pem(rsa_key, CANARY))
    with pytest.raises(InvalidRequest, match="passphrase is wrong"):
        RsaKey("key", _pem(rsa_key, CANARY), "another")
    with pytest.raises(InvalidRequest, match="not encrypted"):
        RsaKey("key", _pem(rsa_key), CANARY)


def test_the_kind_of_key_must_fit(rsa_key: rsa.RSAPrivateKey, ed25519_key: ed25519.Ed25519PrivateKey) -> None:
    """A key of another kind, or a short one, is refused."""
    with pytest.raises(InvalidRequest, match="not an RSA key"):
        RsaKey("key", _pem(ed25519_key))
    with pytest.raises(InvalidRequest, match="not an Ed25519 key"):
        Ed25519Key("key", _pem(rsa_key))
    with pytest.raises(InvalidRequest, match="not an RSA key"):
        RsaKey("key", _pem(ec.generate_private_key(ec.SECP256R1())))
    with pytest.raises(InvalidRequest, match="1024 bits"):
        RsaKey("key", _pem(rsa.generate_private_key(65537, 1024)))


def test_errors_do_not_show_the_material(rsa_key: rsa.RSAPrivateKey, key_file: Callable[..., Path]) -> None:
    """No message, local variable, cause or context of an error holds the key, the secret or the passphrase."""
    good = _pem(rsa_key)
    damaged = good[:60] + CANARY + good[60:]
    attempts: list[Callable[[], object]] = [
        lambda: HmacKey(CANARY + " ", "secret"),
        lambda: HmacKey("key", CANARY + "é"),
        lambda: RsaKey("key", CANARY),
        lambda: RsaKey("key", damaged),
        lambda: Ed25519Key("key", CANARY, CANARY),
        lambda: RsaKey("", CANARY),
        lambda: RsaKey("key", _pem(rsa_key, "other"), CANARY),
        lambda: RsaKey.from_file("key", key_file(damaged), CANARY),
        lambda: HmacKey.from_file("key", key_file(CANARY + "\n" + CANARY)),
        lambda: HmacKey.from_file("key", key_file(CANARY.encode() + b"\xff")),
        lambda: HmacKey.from_file("key", key_file(CANARY.encode() * 10_000)),
        lambda: credentials_from_env({"BINANCE_API_SECRET": CANARY}),
    ]
    for attempt in attempts:
        with pytest.raises(InvalidRequest) as caught:
            attempt()
        report = _full_traceback(caught.value)
        assert "credentials.py" in report
        assert CANARY not in report


def test_no_key_at_all() -> None:
    """An empty PEM says so."""
    for nothing in ("", "  \n"):
        with pytest.raises(InvalidRequest, match="private key is empty"):
            Ed25519Key("key", nothing)


# ----------------------------------------------------------------------------------------------------------- files


@pytest.mark.parametrize("content", ["secret", "secret\n", "secret\r\n", "\ufeffsecret\r\n", "  secret \n\n"])
def test_a_secret_from_a_file(content: str, key_file: Callable[..., Path]) -> None:
    """What editors add to a text file is no part of the secret."""
    assert HmacKey.from_file("key", key_file(content)).sign("a") == HmacKey("key", "secret").sign("a")


def test_a_pem_from_a_file(ed25519_key: ed25519.Ed25519PrivateKey, key_file: Callable[..., Path]) -> None:
    """PEM files may have Windows' newlines and a byte order mark, and may be encrypted."""
    pem, expected = _pem(ed25519_key), Ed25519Key("key", _pem(ed25519_key)).sign("a")
    assert Ed25519Key.from_file("key", key_file("\ufeff" + pem.replace("\n", "\r\n"))).sign("a") == expected
    assert Ed25519Key.from_file("key", key_file(_pem(ed25519_key, "word")), "word").sign("a") == expected


needs_posix = pytest.mark.skipif(not hasattr(os, "geteuid"), reason="this platform has no POSIX permissions")


@needs_posix
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o777])
def test_a_file_open_to_others_is_refused(mode: int, key_file: Callable[..., Path]) -> None:
    """Only its owner may have any access to a key file."""
    with pytest.raises(InvalidRequest, match="open to others"):
        HmacKey.from_file("key", key_file("secret", mode))


@pytest.mark.skipif(getattr(os, "geteuid", lambda: 1)() != 0, reason="only root can give a file away")
def test_a_file_of_another_user_is_refused(key_file: Callable[..., Path]) -> None:
    """Who owns the file could change the key."""
    path = key_file("secret")
    os.chown(path, 12345, -1)
    with pytest.raises(InvalidRequest, match="another user"):
        HmacKey.from_file("key", path)


@needs_posix
def test_only_regular_files(tmp_path: Path, key_file: Callable[..., Path]) -> None:
    """A link, a directory, a pipe (which must not block) or nothing at all is no key file."""
    target = key_file("secret")
    link = tmp_path / "link"
    link.symlink_to(target)
    with pytest.raises(InvalidRequest, match="symbolic link"):
        HmacKey.from_file("key", link)
    with pytest.raises(InvalidRequest, match="not a regular file"):
        HmacKey.from_file("key", tmp_path)
    os.mkfifo(tmp_path / "pipe", 0o600)
    with pytest.raises(InvalidRequest, match="not a regular file"):
        HmacKey.from_file("key", tmp_path / "pipe")
    with pytest.raises(InvalidRequest, match="cannot be opened"):
        HmacKey.from_file("key", tmp_path / "absent")


@needs_posix
def test_a_platform_without_posix_checks(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, key_file: Callable[..., Path]
) -> None:
    """Where there is neither O_NOFOLLOW nor an owner, links are still refused and files are read."""
    monkeypatch.delattr(os, "O_NOFOLLOW")
    monkeypatch.delattr(os, "geteuid")
    path = key_file("secret", 0o644)
    assert HmacKey.from_file("key", str(path)).sign("a")
    (tmp_path / "link").symlink_to(path)
    with pytest.raises(InvalidRequest, match="symbolic link"):
        HmacKey.from_file("key", tmp_path / "link")


def test_a_key_file_is_small(key_file: Callable[..., Path]) -> None:
    """A file is read up to its bound and no further."""
    assert HmacKey.from_file("key", key_file("s" * MAX_KEY_FILE_SIZE))
    with pytest.raises(InvalidRequest, match="larger than"):
        HmacKey.from_file("key", key_file("s" * (MAX_KEY_FILE_SIZE + 1)))


def test_a_key_file_is_text(key_file: Callable[..., Path]) -> None:
    """A binary file is refused."""
    with pytest.raises(InvalidRequest, match="not UTF-8"):
        HmacKey.from_file("key", key_file(b"\xff\xfe"))


# ----------------------------------------------------------------------------------------------------- environment


def test_credentials_from_the_environment(
    rsa_key: rsa.RSAPrivateKey, ed25519_key: ed25519.Ed25519PrivateKey, key_file: Callable[..., Path]
) -> None:
    """A secret makes an HMAC key; a file makes the kind of key it holds."""
    found = credentials_from_env({"BINANCE_API_KEY": "key", "BINANCE_API_SECRET": "secret", "OTHER": "x"})
    assert isinstance(found, HmacKey)
    assert found.api_key == Secret("key")

    environ = {"TEST_API_KEY": "key", "TEST_PRIVATE_KEY_FILE": str(key_file(_pem(rsa_key)))}
    assert isinstance(credentials_from_env(environ, "TEST_"), RsaKey)

    key_file(_pem(ed25519_key, "word"))
    found = credentials_from_env({**environ, "TEST_PRIVATE_KEY_PASSPHRASE": "word"}, prefix="TEST_")
    assert isinstance(found, Ed25519Key)

    key_file(_pem(ec.generate_private_key(ec.SECP256R1())))
    with pytest.raises(InvalidRequest, match="Ed25519"):
        credentials_from_env(environ, "TEST_")


def test_no_credentials_in_the_environment() -> None:
    """Nothing set, or set to nothing, is no error."""
    assert credentials_from_env({}) is None
    assert credentials_from_env({"BINANCE_API_KEY": "", "BINANCE_API_SECRET": ""}) is None
    assert credentials_from_env({"BINANCE_API_KEY": "key", "BINANCE_API_SECRET": "secret"}, "BINANCE_DEMO_") is None


@pytest.mark.parametrize(
    "given, named",
    [
        (["API_KEY"], ["API_KEY", "API_SECRET", "PRIVATE_KEY_FILE"]),
        (["API_SECRET"], ["API_SECRET", "API_KEY"]),
        (["PRIVATE_KEY_FILE"], ["PRIVATE_KEY_FILE", "API_KEY"]),
        (["API_KEY", "API_SECRET", "PRIVATE_KEY_FILE"], ["API_SECRET", "PRIVATE_KEY_FILE"]),
        (["API_KEY", "API_SECRET", "PRIVATE_KEY_PASSPHRASE"], ["PRIVATE_KEY_PASSPHRASE", "PRIVATE_KEY_FILE"]),
    ],
)
def test_half_of_a_pair_is_an_error(given: list[str], named: list[str]) -> None:
    """Variables that do not add up are named; their values are not."""
    with pytest.raises(InvalidRequest) as caught:
        credentials_from_env({f"X_{name}": CANARY for name in given}, "X_")
    assert all(f"X_{name}" in str(caught.value) for name in named)
    assert CANARY not in str(caught.value)


def test_cryptography_is_imported_late() -> None:
    """Importing the module, and signing with HMAC, do not load the cryptography package."""
    script = (
        "import sys; from binance_socket.credentials import HmacKey; HmacKey('k', 's').sign('a'); "
        "sys.exit('cryptography' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
