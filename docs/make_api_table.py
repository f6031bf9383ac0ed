"""
Write api-table.rst: each method of the exchange's, what it is called here, and the test that holds it to the documents.

It is made of the rows that the conformance tests run through, and of the exchange's documents in BINANCE_SPEC_DIR::

    BINANCE_SPEC_DIR=../shared/spec python docs/make_api_table.py
"""

from __future__ import annotations

import inspect
import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "api-table.rst"
CASES = ROOT / "tests" / "conformance"

HEAD = """\
Every method and stream
=======================

.. This page is written by docs/make_api_table.py. Do not edit it.

{methods} of {all_methods} methods of the WebSocket API, {keys} of {all_keys} listen-key methods and
{streams} of {all_streams} market streams.

Each row is a test in ``tests/conformance``: the example requests of the exchange's documents are sent to the letter,
and the example answers and events are read without losing a key. Methods with a path are reached through
``client.spot_api``. Weights are those of the documents. A dash means that Binance.Net's socket client does not have it.
"""


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(Path(os.environ["BINANCE_SPEC_DIR"])), "utf-8")


def page(spec: Path) -> str:
    """Return the page's text."""
    if str(CASES) not in sys.path:
        sys.path.insert(0, str(CASES))
    from api_cases import ROWS
    from api_cases.streams import STREAMS

    def load(name: str) -> Any:
        return json.loads((spec / name).read_text("utf-8"))

    methods, keys, streams = load("ws_api.json"), load("listen_key_api.json"), load("streams.json")
    rows = {row.method: row for row in ROWS}
    by_stream: dict[str, Any] = {row.stream: row for row in STREAMS}
    names = _names()
    text = HEAD.format(
        methods=sum(entry["method"] in rows for entry in methods),
        all_methods=len(methods),
        keys=sum(entry["method"] in rows for entry in keys),
        all_keys=len(keys),
        streams=sum(entry["stream"] in by_stream for entry in streams),
        all_streams=len(streams),
    )
    groups: dict[str, list[Any]] = {}
    for entry in methods:
        groups.setdefault(entry["group"], []).append(entry)
    groups["Listen-key requests"] = keys
    for group, entries in groups.items():
        text += _title(group)
        text += _table(
            ("Here", "At the exchange", "Binance.Net", "Weight", "Test"),
            [_method_row(rows[entry["method"]], entry, names) for entry in entries if entry["method"] in rows],
        )
    text += _title("Market streams")
    text += _table(
        ("Here", "At the exchange", "Binance.Net", "Event", "Test"),
        [_stream_row(by_stream[entry["stream"]]) for entry in streams if entry["stream"] in by_stream],
    )
    return text


def _names() -> dict[int, str]:
    """Return what each endpoint is called, by the endpoint's identity."""
    from binance_socket.spot_api import Account, ExchangeData, Trading
    from binance_socket.spot_api.endpoint import Endpoint

    rooms = {"account": Account, "exchange_data": ExchangeData, "trading": Trading}
    found: dict[int, str] = {}
    for path, room in rooms.items():
        for name in dir(room):
            member = inspect.getattr_static(room, name)
            if isinstance(member, Endpoint):
                found[id(member)] = f"{path}.{name}"
    return found


def _method_row(row: Any, entry: dict[str, Any], names: dict[int, str]) -> tuple[list[str], ...]:
    endpoints = [names[id(reader)] for reader in (*row.answers, *row.also) if id(reader) in names]
    return (
        [_code(name) for name in dict.fromkeys((*row.ours, *endpoints))],
        [_code(row.method)],
        [_code(row.binance_net) if row.binance_net else "—"],
        _weights(entry["weight"]),
        [_code(f"test_methods[{row.method}]")],
    )


def _stream_row(row: Any) -> tuple[list[str], ...]:
    return (
        [_code(f"exchange_data.{row.method}")],
        [_code(row.stream)],
        [_code(row.binance_net) if row.binance_net else "—"],
        [_code(row.model.__name__)],
        [_code(f"test_streams[{row.stream}]")],
    )


def _weights(weight: Any) -> list[str]:
    if isinstance(weight, list):
        rows: Iterable[tuple[str, str]] = weight
        return [f"{condition}: {number}" for condition, number in rows]
    return [str(weight)]


def _title(text: str) -> str:
    return f"\n{text}\n{'-' * len(text)}\n"


def _code(text: str) -> str:
    return f"``{text}``"


def _table(head: tuple[str, ...], rows: list[tuple[list[str], ...]]) -> str:
    """Return a list-table; a cell of several lines is a line block."""
    lines = ["", ".. list-table::", "   :header-rows: 1", ""]
    for row in [tuple([title] for title in head), *rows]:
        for column, cell in enumerate(row):
            start = "   * - " if column == 0 else "     - "
            shown = cell if len(cell) == 1 else [f"| {line}" for line in cell]
            lines += [(start if number == 0 else " " * 7) + line for number, line in enumerate(shown)]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
