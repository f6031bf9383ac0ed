"""
The limits: sockets by hand, one thread, nothing delivered to anyone.

``events`` shows that the server is faster than any client; ``requests`` is what a bare websocket-client needs for one
message there and one back.
"""

from __future__ import annotations

import hashlib
import hmac
import importlib
import json
import socket
import ssl
import time
from typing import Any

import orjson

from .. import wire
from . import common

# Not a plain import: it has no types.
websocket: Any = importlib.import_module("websocket")


def _connect(task: common.Task, path: str) -> socket.socket:
    sock: socket.socket = socket.create_connection(("127.0.0.1", task.tls_port if task.tls else task.port))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if task.tls:
        sock = ssl.create_default_context(cafile=task.ca_file).wrap_socket(sock, server_hostname="127.0.0.1")
    sock.sendall(wire.upgrade_request("127.0.0.1", path))
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += sock.recv(4096)
    return sock


def events(task: common.Task) -> dict[str, object]:
    tally = common.Tally(task)
    expected = task.warm_up + task.count
    sample: Any = None
    loads = orjson.loads
    add = tally.add
    with _connect(task, "/ws-api/v3") as sock:
        subscribe: dict[str, Any] = {"id": "1", "method": "userDataStream.subscribe.signature", "params": {}}
        body = json.dumps(subscribe).encode()
        sock.sendall(bytes((0x81, 0x80 | len(body))) + bytes(4) + body)
        sock.recv(65536)
        common.go(task)
        buffer = b""
        while tally.received < expected:
            data = sock.recv(65536)
            if not data:
                break
            buffer = buffer + data if buffer else data
            at = 0
            end = len(buffer)
            while end - at >= 4:
                # Every replayed event is longer than 125 and shorter than 65536 bytes.
                start = at + 4
                stop = start + (buffer[at + 2] << 8 | buffer[at + 3])
                if stop > end:
                    break
                sample = loads(buffer[start:stop])
                add(sample["event"]["i"])
                at = stop
            buffer = buffer[at:]
    return tally.report(sample)


def requests(task: common.Task) -> dict[str, object]:
    link: Any = websocket.create_connection(
        task.url("/ws-api/v3"), skip_utf8_validation=True, sockopt=((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),)
    )
    secret = common.API_SECRET.encode()
    number = 0

    def unsigned() -> None:
        nonlocal number
        number += 1
        link.send(orjson.dumps({"id": str(number), "method": "session.status", "params": {}}))
        assert orjson.loads(link.recv())["status"] == 200

    def signed() -> None:
        nonlocal number
        number += 1
        timestamp = int(time.time() * 1000)
        payload = f"apiKey={common.API_KEY}&timestamp={timestamp}".encode()
        params = {
            "apiKey": common.API_KEY,
            "timestamp": timestamp,
            "signature": hmac.new(secret, payload, hashlib.sha256).hexdigest(),
        }
        link.send(orjson.dumps({"id": str(number), "method": "account.status", "params": params}))
        assert orjson.loads(link.recv())["result"]["balances"]

    try:
        return common.timed_requests(task, signed if task.signed else unsigned)
    finally:
        link.close()


if __name__ == "__main__":
    common.main({"events": events, "requests": requests})
