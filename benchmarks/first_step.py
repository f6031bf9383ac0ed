"""The first step's ratios: what they compare, what they must reach, and the table that shows it."""

from __future__ import annotations

import dataclasses
import os
from typing import Any

from .measure import Figure, Measurement, measure, replay_server

__all__ = ["Row", "first_step"]

OURS = "binance_socket"
RAW = "raw limit"
UBWA_STREAM = "UBWA, C backend, as a market stream"


@dataclasses.dataclass(frozen=True)
class Row:
    """One line of the table: a ratio of two figures, or one figure against a bound."""

    title: str
    ours: str
    other: str
    bound: float
    at_most: bool = False


ROWS = (
    Row("events/s, typed: official SDK, typed", OURS, "official SDK", 3.5),
    Row("events/s, typed: binance-connector 3.13, strings", OURS, "binance-connector", 9),
    Row("events/s, typed: UBWA with its C backend, dicts", OURS, "UBWA, C backend", 1.7),
    Row("events/s, typed: raw limit", OURS, RAW, 0.2),
    Row("events/s, typed, TLS: raw limit, TLS", f"{OURS}, TLS", f"{RAW}, TLS", 0.2),
    Row("round trip p50, unsigned: bare websocket-client", f"{OURS}, unsigned", "bare, unsigned", 2, at_most=True),
    Row("round trip p50, signed: bare websocket-client", f"{OURS}, signed", "bare, signed", 2, at_most=True),
    Row("pipelined requests/s, unsigned: official SDK", f"{OURS}, pipelined", "official SDK, pipelined", 2),
    Row(
        "pipelined requests/s, signed: official SDK",
        f"{OURS}, pipelined, signed",
        "official SDK, pipelined, signed",
        2,
    ),
    Row("import binance_socket, milliseconds", "import", "", 200, at_most=True),
)


def _measurements(python: str, peers: str, events: int) -> list[Measurement]:
    def arriving(count: int, **more: Any) -> dict[str, Any]:
        return {"kind": "events", "count": count, "warm_up": max(count // 20, 1), **more}

    def round_trip(signed: bool) -> dict[str, Any]:
        return {"kind": "requests", "count": 3000, "warm_up": 300, "signed": signed}

    def pipelined(count: int, signed: bool) -> dict[str, Any]:
        return {"kind": "pipelined", "count": count, "warm_up": 500, "signed": signed}

    return [
        Measurement(RAW, python, "raw", arriving(events)),
        Measurement(OURS, python, "ours", arriving(events)),
        Measurement("official SDK", peers, "official", arriving(events // 4)),
        Measurement("binance-connector", peers, "connector", arriving(events // 8)),
        Measurement("UBWA, C backend", peers, "ubwa", arriving(events // 2)),
        Measurement(UBWA_STREAM, peers, "ubwa", arriving(events // 2) | {"kind": "stream_events"}),
        Measurement(f"{RAW}, TLS", python, "raw", arriving(events, tls=True)),
        Measurement(f"{OURS}, TLS", python, "ours", arriving(events, tls=True)),
        Measurement("bare, unsigned", python, "raw", round_trip(False), "p50"),
        Measurement(f"{OURS}, unsigned", python, "ours", round_trip(False), "p50"),
        Measurement("bare, signed", python, "raw", round_trip(True), "p50"),
        Measurement(f"{OURS}, signed", python, "ours", round_trip(True), "p50"),
        Measurement(f"{OURS}, pipelined", python, "ours", pipelined(30_000, False)),
        Measurement("official SDK, pipelined", peers, "official", pipelined(10_000, False)),
        Measurement(f"{OURS}, pipelined, signed", python, "ours", pipelined(15_000, True)),
        Measurement("official SDK, pipelined, signed", peers, "official", pipelined(5_000, True)),
        Measurement("import", python, "import", {}, "milliseconds"),
    ]


def first_step(python: str, peers: str, rounds: int, events: int) -> bool:
    """Measure, print the table, return whether every ratio is reached."""
    _print_load()
    with replay_server() as where:
        figures = measure(_measurements(python, peers, events), where, rounds)
    _print_figures(figures)
    reached = [_print_row(row, figures) for row in ROWS]
    sound = _print_soundness(figures)
    return all(reached) and sound


def _print_load() -> None:
    """Warn of a busy machine: a client with two threads and a server need two idle cores, its peers may need one."""
    if hasattr(os, "getloadavg"):
        load, cores = os.getloadavg()[0], os.cpu_count() or 1
        warning = " This is a busy machine: do not rely on the ratios." if load > cores / 4 else ""
        print(f"Load before the first round: {load:.1f} on {cores} cores.{warning}\n")


def _print_figures(figures: dict[str, Figure]) -> None:
    print(f"{'client':<38} {'median':>10} {'lowest':>10} {'highest':>10} {'CPU µs':>7} {'RSS MB':>7}  delivers")
    for name, figure in figures.items():
        if figure.failure:
            print(f"{name:<38} not measured: {figure.failure}")
            continue
        last = figure.reports[-1]
        cpu = f"{last['cpu_microseconds']:.1f}" if "cpu_microseconds" in last else ""
        memory = f"{last['rss_megabytes']:.0f}" if "rss_megabytes" in last else ""
        print(
            f"{name:<38} {figure.median:>10,.0f} {min(figure.values):>10,.0f} {max(figure.values):>10,.0f}"
            f" {cpu:>7} {memory:>7}  {last.get('delivered_as', '')}"
        )
    print("Events and requests in one second, round trips in µs, the import in ms; normalised medians.\n")


def _print_row(row: Row, figures: dict[str, Figure]) -> bool:
    bound = f"{'<=' if row.at_most else '>='} {row.bound:g}"
    figure, other = figures[row.ours], figures.get(row.other)
    if figure.failure or (other is not None and other.failure):
        print(f"{row.title:<52} {'?':>8}  asked {bound:<7} not measured")
        return False
    value = figure.median / other.median if other is not None and other.median else figure.median
    reached = value <= row.bound if row.at_most else value >= row.bound
    print(f"{row.title:<52} {value:>8.2f}  asked {bound:<7} {'reached' if reached else 'MISSED'}")
    return reached


def _print_soundness(figures: dict[str, Figure]) -> bool:
    """Say whether every event was seen by everyone, typed by us, and whether the server was fast enough."""
    sound = not any(figure.failure for figure in figures.values())
    counted = {name: figure for name, figure in figures.items() if figure.reports and "received" in figure.reports[0]}
    for name, figure in counted.items():
        for report in figure.reports:
            if report["received"] != report["expected"] or report["out_of_order"]:
                print(f"{name}: {report['received']} of {report['expected']}, {report['out_of_order']} out of order")
                sound = False
    typed = [figures[name].reports for name in (OURS, f"{OURS}, TLS")]
    if any(report["delivered_as"] != "OrderUpdate" for reports in typed for report in reports):
        print("our events were not typed")
        sound = False
    for suffix in ("", ", TLS"):
        limit = counted.get(RAW + suffix)
        rest = [figure.median for name, figure in counted.items() if name.endswith(suffix) and RAW not in name]
        if limit is None or (rest and max(rest) >= limit.median):
            print(f"the server{suffix} may be the bottleneck: the raw reader is not the fastest")
            sound = False
    if sound:
        print(
            "Every client saw every event in order; the raw reader was faster than all, so the server held no one up."
        )
    return sound
