"""What a payload may be: nearly as documented, or not at all."""

from __future__ import annotations

import contextlib
import copy
import functools
import inspect
from collections.abc import Callable
from typing import Any

import orjson

from binance_socket import spot_api
from binance_socket._session.backfill import Backfill, Question
from binance_socket._session.findings import keys_of_event
from binance_socket._session.inquest import Inquest
from binance_socket._session.merge import Merge
from binance_socket._session.plans import client_order_ids, matters_of
from binance_socket._session.restoration import restore
from binance_socket._session.told import Told
from binance_socket._wire.codec import dumps, loads, structure
from binance_socket._wire.decoder import reader_of
from binance_socket._wire.events import decode_event
from binance_socket._wire.messages import Reply, Request, Security, parse_reply, response_to
from binance_socket._wire.values import is_object
from binance_socket.errors import BinanceSocketError, DecodeError
from binance_socket.models import Model, market_events
from binance_socket.models.base import EVENTS
from binance_socket.spot_api.endpoint import Endpoint

from . import seeds as documented
from .material import Material, mutated

__all__ = ["once", "seeds"]

NOW = 1_700_000_000_000


def seeds() -> list[bytes]:
    """Return inputs that reach every kind of payload."""
    return [
        bytes([kind, number, 3, number]) + bytes(range(number, number + 24))
        for kind in range(6)
        for number in range(40)
    ]


def once(data: bytes) -> None:
    """Read one payload in one of the ways in which payloads are read."""
    material = Material(data)
    material.pick(_WAYS)(material)


def _text(material: Material) -> None:
    """Text, as it came from the socket: a value or a DecodeError; a value can be written and read again."""
    text = orjson.dumps(material.pick(documented.messages()), option=orjson.OPT_PASSTHROUGH_DATETIME)
    for _ in range(material.below(4)):
        at = material.below(len(text) or 1)
        text = text[:at] + material.take(material.below(4)) + text[at + material.below(4) :]
    try:
        value = loads(text)
    except DecodeError:
        return
    if is_object(value):
        try:
            again = dumps(value)
        except BinanceSocketError:
            # A number that JSON may have, and we do not write.
            return
        assert loads(again) == value


def _event(material: Material) -> None:
    """An account's event: a model, an UnknownEvent or a DecodeError, whichever way it is read."""
    payload = mutated(material, material.pick(documented.events()))
    with contextlib.suppress(DecodeError):
        decode_event(payload)
    if is_object(payload):
        keys_of_event(payload)
        if isinstance(name := payload.get("e"), str) and name in EVENTS:
            _same(EVENTS[name], payload)


def _model(material: Material) -> None:
    """A payload of a market's, or of another class."""
    cls: type[Model] = material.pick(_models)
    payload = material.pick([*documented.streams(), *documented.events()])
    _same(cls, mutated(material, payload))


def _answer(material: Material) -> None:
    """An answer to a request that was sent: a Response or an error of ours."""
    method, message = material.pick(documented.replies())
    message = mutated(material, message)
    if not is_object(message):
        return
    request = material.pick(_requests(method))
    try:
        reply = parse_reply(message)
    except DecodeError:
        return
    try:
        response_to(request, reply)
    except BinanceSocketError:
        return


def _recovery(material: Material) -> None:
    """What is asked after a gap, and what becomes of the answers: never an exception, and events that can be read."""
    told = Told(lambda: 2**63)
    accounts = documented.events()
    for _ in range(material.below(6)):
        _take(told, mutated(material, material.pick(accounts), 1))
    told.gap_opened()
    work = Backfill(
        symbols=told.symbols(["BTCUSDT"]),
        open_orders=list(told.open_orders),
        open_lists=list(told.open_lists),
        start=NOW - 60_000,
        end=NOW,
        budget=1 + material.below(2000),
        whole=material.below(2) == 0,
    )
    questions: list[Question] = work.begin()
    asked = 0
    while questions and asked < 40:
        question = questions.pop(material.below(len(questions)))
        questions += work.answered(question, _found(material, question.request.method))
        asked += 1
    held = [
        event for _ in range(material.below(3)) if is_object(event := mutated(material, material.pick(accounts), 1))
    ]
    restored = restore(told, work.findings, held, start=NOW - 60_000, until=NOW, last=material.below(2) == 0)
    for event in restored.events:
        # Where the exchange's own answer is of another shape than documented, so is the event.
        with contextlib.suppress(DecodeError):
            decode_event(copy.deepcopy(event))
        told.take(event)
    told.gap_closed(NOW)


def _take(told: Told, event: Any) -> None:
    if is_object(event):
        told.take(event)


def _found(material: Material, method: str) -> Any:
    answers = [reply.get("result") for name, reply in documented.replies() if name == method] or [[], {}]
    choice = material.below(6)
    if choice == 0:
        return BinanceSocketError("lost")
    answer = mutated(material, material.pick(answers))
    return [answer] if choice == 1 else answer


def _outcome(material: Material) -> None:
    """What tells of a request whose outcome is unknown: a late answer, events, answers to questions."""
    request = material.pick(_orders())
    client_order_ids(request)
    now = 0.0
    for matter in matters_of(request, NOW):
        inquest = Inquest(matter, raised_at=now, too_late=NOW / 1000 + 20)
        inquest.resume(now)
        for _ in range(material.below(6)):
            step = material.below(3)
            if step == 0:
                event = mutated(material, _named(material.pick(documented.events())))
                if is_object(event):
                    inquest.reported(event)
            elif step == 1:
                _reply_late(material, inquest)
            else:
                now += 2.0
                question = inquest.ask(now, NOW / 1000 + now)
                if question is not None:
                    inquest.answered(_found(material, question.method), now, NOW / 1000 + now)
        assert (inquest.verdict is not None) or inquest.so_far


def _reply_late(material: Material, inquest: Inquest) -> None:
    message = mutated(material, material.pick(documented.replies())[1])
    if not is_object(message):
        return
    try:
        reply: Reply = parse_reply(message)
    except DecodeError:
        return
    inquest.replied(reply)


def _named(event: Any) -> Any:
    """Let an event be about the orders that are asked about."""
    event = copy.deepcopy(event)
    if is_object(event) and "c" in event:
        event.update(c="mine", s="BTCUSDT")
    return event


def _merge(material: Material) -> None:
    """The same kinds of events on two connections: everything comes out at most twice, and in the end all of it."""
    merge: Merge[int] = Merge()
    given: list[int] = []
    number = 0
    for _ in range(material.below(24)):
        payload = mutated(material, material.pick(documented.events()), 1)
        if not is_object(payload):
            continue
        side = merge.from_old if material.below(2) and not merge.ended else merge.from_new
        given += [merged.item for merged in side(payload, number)]
        number += 1
    if not merge.ended:
        given += [merged.item for merged in merge.old_ended()]
    assert len(given) == len(set(given)), "delivered twice"
    assert set(given) <= set(range(number))


_WAYS: tuple[Callable[[Material], None], ...] = (_event, _model, _answer, _recovery, _outcome, _merge, _text)


def _same(cls: type[Model], payload: Any) -> None:
    """Read a payload by generated code and by the converter of record: the same value, or the same error."""
    outcomes: list[Any] = []
    converter: Callable[[Any], Any] = functools.partial(structure, cls=cls)
    for read in (_reader(cls), converter):
        try:
            outcomes.append(read(copy.deepcopy(payload)))
        except DecodeError as exc:
            outcomes.append(str(exc))
    fast, slow = outcomes
    assert type(fast) is type(slow), f"{cls.__name__}: {fast!r} and {slow!r}"
    assert fast == slow, f"{cls.__name__}: {fast!r} and {slow!r}"


_readers: dict[str, Callable[[Any], Any]] = {}


def _reader(cls: Any) -> Callable[[Any], Any]:
    name: str = cls.__name__
    if name not in _readers:
        _readers[name] = reader_of(cls)
    return _readers[name]


_models: list[type[Model]] = [*EVENTS.values(), *(getattr(market_events, name) for name in market_events.__all__)]


@functools.cache
def _requests(method: str) -> list[Request[Any]]:
    """Return requests of a method, as the library declares them: they say how an answer is read."""
    return _declared().get(method) or [Request(method)]


@functools.cache
def _declared() -> dict[str, list[Request[Any]]]:
    found: dict[str, list[Request[Any]]] = {}
    rooms = [spot_api.Account, spot_api.ExchangeData, spot_api.Trading]
    for room in rooms:
        for _, endpoint in inspect.getmembers(room, lambda member: isinstance(member, Endpoint)):
            request: Request[Any] = endpoint.prototype
            found.setdefault(request.method, []).append(request)
    return found


@functools.cache
def _orders() -> list[Request[Any]]:
    order = {
        "symbol": "BTCUSDT",
        "side": "BUY",
        "type": "LIMIT",
        "quantity": "1",
        "price": "1",
        "newClientOrderId": "mine",
    }
    listed = {
        "symbol": "BTCUSDT",
        "side": "BUY",
        "quantity": "1",
        "listClientOrderId": "mine",
        "aboveClientOrderId": "a",
    }
    cases: list[tuple[str, dict[str, Any]]] = [
        ("order.place", order),
        ("sor.order.place", order),
        ("order.cancel", {"symbol": "BTCUSDT", "origClientOrderId": "mine", "newClientOrderId": "other"}),
        ("order.cancelReplace", {**order, "cancelReplaceMode": "STOP_ON_FAILURE", "cancelOrigClientOrderId": "other"}),
        ("order.amend.keepPriority", {"symbol": "BTCUSDT", "origClientOrderId": "mine", "newQty": "1"}),
        ("openOrders.cancelAll", {"symbol": "BTCUSDT"}),
        ("orderList.place.oco", {**listed, "belowClientOrderId": "b"}),
        ("orderList.cancel", {"symbol": "BTCUSDT", "listClientOrderId": "mine"}),
        ("something.new", {"symbol": "BTCUSDT"}),
    ]
    return [Request(method, params, security=Security.SIGNED, mutating=True) for method, params in cases]
