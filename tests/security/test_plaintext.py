"""Nothing leaves a TLS connection in clear while it is ended from another thread."""

from __future__ import annotations

import socket

import pytest
from relay import Relay

from benchmarks.plaintext import CANARY, faults_of, measure
from binance_socket._engine.dial import tls_context

RUNS = 300


def test_links_ended_while_another_thread_sends():
    """300 of them, and 300 more by ``python -m benchmarks plaintext``: 0 in clear."""
    figures = measure(RUNS)
    assert figures.leaks == 0
    assert figures.ended_while_sending == RUNS
    assert figures.ended_inside_send == RUNS // 2
    assert figures.bytes_seen > RUNS * len(CANARY)


def end_with_a_leak(sock):
    """End a link as ``GuardedSocket.abort()`` would, did it leave the end of TCP to TLS: everybody is told first."""
    sock._waker.wake()
    sock._sock.shutdown(socket.SHUT_RDWR)


def test_an_end_that_drops_the_encryption_is_counted():
    """Every time that a thread was inside of send(), though it had looked whether the link was still there."""
    figures = measure(10, end=end_with_a_leak)
    assert figures.ended_inside_send == 5
    assert figures.leaks >= 5


def test_the_danger_is_real_and_would_be_seen(certificates, serve, monkeypatch):
    """What SSLSocket.shutdown() does to a thread that sends meanwhile: the relay keeps it, and it is told."""
    server = serve(lambda peer: peer.read_to_end(), certificates.context())
    end_tcp = socket.socket.shutdown
    with Relay(server.port) as relay:
        raw = socket.create_connection(("127.0.0.1", relay.port))
        sock = tls_context(certificates.ca_file).wrap_socket(raw, server_hostname="127.0.0.1")
        with sock:
            sock.sendall(CANARY)

            def shutdown(ended, how):
                if ended is sock:
                    # Another thread's send, which comes between dropping the SSL object and ending TCP.
                    sock.send(CANARY)
                end_tcp(ended, how)

            monkeypatch.setattr(socket.socket, "shutdown", shutdown)
            sock.shutdown(socket.SHUT_RDWR)
            monkeypatch.undo()
        server.stop()
    [sent] = relay.sent
    assert faults_of(bytes(sent))[0] == "readable"
    assert len(faults_of(bytes(sent))) == 2


@pytest.mark.parametrize(
    "sent, wrong",
    [
        (b"", 0),
        (b"\x17\x03\x03\x00\x02ab", 0),
        (b"\x17\x03\x03\x00\x02ab\x15\x03\x03\x00\x02x", 0),
        (b"\x17\x03\x03\x00\x02ab\x17\x03", 0),
        (b"GET / HTTP/1.1", 1),
        (b"\x17\x03\x03\x00\x02ab{}", 1),
        (b"\x17\x03\x03\xff\xff" + b"a" * 70000, 1),
        (b"\x17\x03\x03\x04\x00" + CANARY, 1),
    ],
)
def test_what_is_no_record_is_noticed(sent, wrong):
    """By the heads of the records, one after the other."""
    assert len(faults_of(sent)) == wrong
