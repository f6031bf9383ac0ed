"""TLS 1.2 or newer, and always verified: who cannot prove to be the venue gets nothing. Both for sockets and REST."""

from __future__ import annotations

import datetime
import ipaddress
import socket
import ssl
import warnings

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from binance_socket import BinanceSocketClient, ClientOptions, Environment, HmacKey, TlsError
from binance_socket._engine.dial import Attempt, _shared_context, dial
from binance_socket._engine.http import request_json

PATIENCE = 10.0
LOOPBACK = "127.0.0.1"
NOW = datetime.datetime.now(datetime.timezone.utc)
DAY = datetime.timedelta(days=1)


def made(certificates, names=(LOOPBACK,), **options):
    return certificates.context(*names, **options)


def hand_made(folder, *, authority=None, usage=None, ca=False):
    """Return the context of a server whose certificate trustme would not make."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, LOOPBACK)])
    issuer, signer = name, key
    if authority is not None:
        issuer = x509.load_pem_x509_certificate(authority.cert_pem.bytes()).subject
        signer = load_pem_private_key(authority.private_key_pem.bytes(), None)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - DAY)
        .not_valid_after(NOW + DAY)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(LOOPBACK))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )
    if usage is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=True)
    certificate = builder.sign(signer, hashes.SHA256())
    chain = folder / "chain.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    chain.write_bytes(private + certificate.public_bytes(Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    return context


def old(certificates, version):
    context = certificates.context(LOOPBACK)
    with warnings.catch_warnings():
        # That they are deprecated is the point.
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = version
    context.set_ciphers("ALL:@SECLEVEL=0")
    return context


def with_common_name_only(certificates):
    """As certificates were before names had a field of their own."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificates.authority.issue_cert("other.example", common_name=LOOPBACK).configure_cert(context)
    return context


def of_another_authority(certificates, folder):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert(LOOPBACK).configure_cert(context)
    return context


MATRIX = {
    "expired": lambda c, f: made(c, not_before=NOW - 3 * DAY, not_after=NOW - DAY),
    "not yet valid": lambda c, f: made(c, not_before=NOW + DAY, not_after=NOW + 2 * DAY),
    "of another host": lambda c, f: made(c, ("other.example",)),
    "of another address": lambda c, f: made(c, ("127.0.0.2",)),
    "of a name, not the address": lambda c, f: made(c, ("localhost",)),
    "with the address as its common name only": lambda c, f: with_common_name_only(c),
    "self-signed": lambda c, f: hand_made(f, ca=True),
    "of an unknown authority": of_another_authority,
    "for clients only": lambda c, f: hand_made(f, authority=c.authority, usage=ExtendedKeyUsageOID.CLIENT_AUTH),
    "for code only": lambda c, f: hand_made(f, authority=c.authority, usage=ExtendedKeyUsageOID.CODE_SIGNING),
    "TLS 1.0": lambda c, f: old(c, ssl.TLSVersion.TLSv1),
    "TLS 1.1": lambda c, f: old(c, ssl.TLSVersion.TLSv1_1),
}


def over_socket(server, waker, certificates, scheme="wss"):
    dial(f"{scheme}://{LOOPBACK}:{server.port}/", Attempt(PATIENCE, waker), ca_file=certificates.ca_file).close()


def over_rest(server, waker, certificates):
    url = f"https://{LOOPBACK}:{server.port}/"
    request_json("POST", url, headers={"X-MBX-APIKEY": "canary"}, timeout=PATIENCE, ca_file=certificates.ca_file)


WAYS = pytest.mark.parametrize("way", [over_socket, over_rest], ids=["sockets", "REST"])


@WAYS
@pytest.mark.parametrize("kind", MATRIX)
def test_a_peer_that_cannot_prove_itself(kind, way, serve, certificates, tmp_path, waker):
    """TlsError, and it was told nothing."""
    heard = []
    server = serve(lambda peer: heard.append(peer.read_to_end()), MATRIX[kind](certificates, tmp_path))
    with pytest.raises(TlsError):
        way(server, waker, certificates)
    server.stop()
    assert b"".join(heard) == b""


@WAYS
def test_a_peer_that_can(way, serve, certificates, waker, tmp_path):
    """The same things, without anything being wrong: the matrix can fail."""

    def script(peer):
        peer.sock.settimeout(PATIENCE)
        if peer.sock.recv(1):
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    for context in (
        made(certificates),
        hand_made(tmp_path, authority=certificates.authority, usage=ExtendedKeyUsageOID.SERVER_AUTH),
        made(certificates, ("localhost", LOOPBACK)),
    ):
        way(serve(script, context), waker, certificates)


@WAYS
def test_a_plain_peer(way, serve, certificates, waker):
    """Gets a TLS handshake, and nothing in clear after it has answered otherwise."""
    heard = []

    def script(peer):
        heard.append(peer.sock.recv(5))
        peer.send(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        heard.append(peer.read_to_end())

    server = serve(script)
    with pytest.raises(TlsError):
        way(server, waker, certificates)
    server.stop()
    assert heard[0][:2] == b"\x16\x03"
    assert b"canary" not in b"".join(heard)


@WAYS
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_current_versions(way, version, serve, certificates, waker):
    """Both are spoken."""
    context = certificates.context(LOOPBACK)
    context.minimum_version = context.maximum_version = version

    def script(peer):
        if peer.sock.recv(1):
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    way(serve(script, context), waker, certificates)


@WAYS
def test_an_authority_of_the_environments(way, serve, certificates, waker, tmp_path, monkeypatch):
    """A CA file is named by its path: with one, no variable adds another, and requests' own variables never count."""
    other = trustme.CA()
    other.cert_pem.write_to_path(str(tmp_path / "other.pem"))
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.setenv(name, str(tmp_path / "other.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    other.issue_cert(LOOPBACK).configure_cert(context)
    with pytest.raises(TlsError):
        way(serve(lambda peer: peer.read_to_end(), context), waker, certificates)


@WAYS
def test_the_authorities_of_the_system(way, serve, certificates, waker, monkeypatch):
    """Without a CA file OpenSSL says whom to believe, and nobody else: not the authorities that requests brings."""
    loaded = []
    load = ssl.SSLContext.load_verify_locations

    def load_and_tell(context, *args, **kwargs):
        loaded.append(args)
        load(context, *args, **kwargs)

    def script(peer):
        if peer.sock.recv(1):
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    server = serve(script, made(certificates))
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.ca_file))
    monkeypatch.setattr(certificates, "ca_file", None)
    monkeypatch.setattr(ssl.SSLContext, "load_verify_locations", load_and_tell)
    # Neither what was made without the variable, nor, later, what is made with it.
    _shared_context.cache_clear()
    try:
        way(server, waker, certificates)
    finally:
        _shared_context.cache_clear()
    assert loaded == []


def test_session_keys_are_not_written(serve, certificates, waker, monkeypatch, tmp_path):
    """SSLKEYLOGFILE is not obeyed, and there is no way to ask for it. For REST, see tests/engine/test_http.py."""
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    context = certificates.context(LOOPBACK)
    over_socket(serve(lambda peer: peer.read_to_end(), context), waker, certificates)
    assert not (tmp_path / "keys").exists()


def test_it_is_not_tried_again(serve, certificates):
    """A call fails at once, with one connection made; and nothing weaker is tried."""
    server = serve(lambda peer: peer.read_to_end(), certificates.context("other.example"))
    url = f"wss://{LOOPBACK}:{server.port}"
    venue = Environment(
        name="v", ws_api_url=url, stream_url=url, rest_url=f"https://{LOOPBACK}:1", ca_file=certificates.ca_file
    )
    options = ClientOptions(backoff_base=0.0, connect_budget=None)
    with BinanceSocketClient(credentials=HmacKey("k", "s"), environment=venue, options=options) as client:
        with pytest.raises(TlsError, match="could not be verified"):
            client.spot_api.account.get_account_info()
        assert server.requests == 1


def test_names_are_those_of_the_url(serve, certificates, waker, monkeypatch):
    """Whatever a name resolves to: the certificate is for the name."""
    server = serve(lambda peer: peer.read_to_end(), certificates.context(LOOPBACK))
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda *args, **kwargs: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (LOOPBACK, server.port))],
    )
    with pytest.raises(TlsError, match="could not be verified"):
        dial(f"wss://exchange.example:{server.port}/", Attempt(PATIENCE, waker), ca_file=certificates.ca_file)
