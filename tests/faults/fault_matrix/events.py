"""Faults of the exchange's events, subscriptions, sessions and listen keys."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import attrs

from binance_socket import (
    ApiError,
    AuthenticationError,
    BinanceSocketError,
    ConnectionLost,
    DecodeError,
    OutcomeUnknown,
)
from binance_socket.models import BalanceUpdate, OrderUpdate, UnknownEvent

from .kinds import ACTIVE, LOSS, NOTHING, Fault, Group, Seen, Setup, State
from .moves import Moved
from .scene import Scene
from .transcript import Heard, content

__all__ = ["FAULTS"]

_NOBODY = "Nobody has a subscription yet."
_HELD = "No answer can be kept back on the stream server, so that this state cannot be held."
_LOSS = "a loss, then a restoration"
_NOTHING = "nothing"
_BALANCE: Mapping[str, Any] = {"e": "balanceUpdate", "E": 1, "a": "BTC", "d": "0.5", "T": 1_700_000_000_000}
_REPORT: Mapping[str, Any] = {
    "e": "executionReport", "E": 1, "s": "BTCUSDT", "c": "c", "S": "BUY", "o": "LIMIT", "f": "GTC", "q": "1", "p": "1",
    "P": "0", "F": "0", "g": -1, "C": "", "x": "NEW", "X": "NEW", "r": "NONE", "i": 9_000_000, "l": "0", "z": "0",
    "L": "0", "n": "0", "N": None, "T": 1_700_000_000_000, "t": -1, "I": 9_000_000, "w": True, "m": False, "M": False,
    "O": 1_700_000_000_000, "Z": "0", "Y": "0", "Q": "0", "V": "NONE",
}  # fmt: skip


_UNKNOWN = "on_unknown_event"


def _event(
    name: str,
    payload: Mapping[str, Any],
    reaction: str,
    user: str,
    *,
    told: bool = False,
    handler: str = _UNKNOWN,
    data: Callable[[Any], bool] | None = None,
) -> Fault:
    """
    Return the fault that an event comes which is not as documented; *told*: ``on_exception`` hears of it.

    It comes to the *handler* of that name, which *data* tells whether it is given the right thing: as a rule the
    UnknownEvent that holds all of it.
    """

    def came(scene: Scene) -> None:
        wanted = content(payload)
        heard = scene.transcript.find(lambda one: content(one.payload) == wanted)
        if heard.handler != handler:
            scene.wrong.append(f"{name}: came to {heard.handler} instead of {handler}")
        right = _is_whole(heard) if data is None else data(heard.data)
        if not right:
            scene.wrong.append(f"{name}: {handler} was given {heard.data!r}")

    def strike(scene: Scene) -> None:
        moment = int(scene.account.events[-1]["E"])
        scene.account.publish({**payload, "E": moment} if "E" in payload else payload)
        scene.count(name)

    return Fault(
        name=name,
        group=Group.API,
        states=ACTIVE,
        elsewhere=_NOBODY,
        counter=name,
        own=True,
        strike=strike,
        afterwards=came,
        seen=Seen(told=(DecodeError,)) if told else NOTHING,
        reaction=reaction,
        user=user,
    )


def _is_whole(heard: Heard) -> bool:
    """Tell whether it is an UnknownEvent, and all that came is in it."""
    name, event = heard.kind, heard.data
    if not isinstance(event, UnknownEvent):
        return False
    return event.payload == heard.payload and event.name == (name if isinstance(name, str) else "")


def _keeps_more(event: Any) -> bool:
    return isinstance(event, BalanceUpdate) and event.delta == Decimal("0.5") and event.extra == {"zz": {"new": 1}}


def _keeps_values(event: Any) -> bool:
    return isinstance(event, OrderUpdate) and event.execution_type == "PONDERED" and event.status == "NEW"


_RAW = "delivers it as it came"
_AS_UNKNOWN = "the event, as UnknownEvent"
_AND_ERROR = "the event, as UnknownEvent, and a DecodeError"


def _without(payload: Mapping[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in payload.items() if name != key}


_EVENTS = (
    _event("unknown event", {"e": "somethingNew", "E": 1, "x": ["１２３４５６"]}, _RAW, _AS_UNKNOWN),
    _event("event without a name", {"E": 1, "x": 1}, _RAW, _AND_ERROR, told=True),
    _event("event whose name is a number", {"e": 7, "E": 1}, _RAW, _AND_ERROR, told=True),
    _event("event without a field", _without(_BALANCE, "d"), _RAW, _AND_ERROR, told=True),
    _event(
        "event with an extra field",
        {**_BALANCE, "zz": {"new": 1}},
        "keeps it",
        "the event; the field in extra",
        handler="on_account_balance_update",
        data=_keeps_more,
    ),
    _event("event with null for a field", {**_BALANCE, "d": None}, _RAW, _AND_ERROR, told=True),
    _event("event with another type in a field", {**_BALANCE, "d": {"x": 1}}, _RAW, _AND_ERROR, told=True),
    _event("event with an amount that is none", {**_BALANCE, "d": "NaN"}, _RAW, _AND_ERROR, told=True),
    _event("event with a time that is none", {**_BALANCE, "T": 10**18}, _RAW, _AND_ERROR, told=True),
    _event(
        "event with values nobody knows",
        {**_REPORT, "x": "PONDERED", "X": "NEW"},
        "keeps them",
        "the event, with the values",
        handler="on_order_update_message",
        data=_keeps_values,
    ),
    _event("event of a megabyte", {"e": "somethingNew", "E": 1, "x": "y" * 2**20}, _RAW, _AS_UNKNOWN),
    _event("event in other characters", {"e": "somethingNew", "E": 1, "s": "币安\U0001f600\u2028"}, _RAW, _AS_UNKNOWN),
)

# What ends, or is said to.

_SUBSCRIBING = (State.SUBSCRIBING, State.ROTATING)
_NO_SUBSCRIBING = "Nothing is subscribed to in the other states."


def _subscribe_error(name: str, code: int, *, executed: bool, seen: Seen, rotation: Seen, reaction: str) -> Fault:
    return Fault(
        name=name,
        group=Group.API,
        states=_SUBSCRIBING,
        elsewhere=_NO_SUBSCRIBING,
        counter="fail_requests",
        arm=lambda scene: scene.faults.fail_requests(scene.target, executed=executed, status=400, code=code),
        seen_in={State.SUBSCRIBING: seen, State.ROTATING: rotation},
        reaction=reaction,
        user="ApiError" if seen.refused else _NOTHING,
    )


def _shutdown(scene: Scene) -> None:
    # In a rotation, of both connections.
    scene.noted["moved"] = Moved(scene)
    scene.faults.shutdown(_GRACE)


# Longer than a case may take, so that it cannot end by being closed.
_GRACE = 120.0
_BY_KEY = (State.IDLE, State.IN_FLIGHT, State.CLOSING)
_ENDED_SESSION = attrs.evolve(LOSS, read=(AuthenticationError, ConnectionLost), order=(OutcomeUnknown,))

_ENDS = (
    Fault(
        name="serverShutdown",
        group=Group.API,
        states=ACTIVE,
        elsewhere=_NOBODY,
        counter="shutdown",
        strike=_shutdown,
        afterwards=lambda scene: scene.noted["moved"].wait(),
        seen_in={State.ROTATING: Seen(rotation=(BinanceSocketError,))},
        reaction="moves to a new connection at once, make before break",
        user=_NOTHING,
    ),
    Fault(
        name="serverShutdown, and closed at once",
        group=Group.API,
        states=ACTIVE,
        elsewhere=_NOBODY,
        counter="shutdown",
        strike=lambda scene: scene.faults.shutdown(0),
        seen=attrs.evolve(LOSS, perhaps=True),
        reaction="connects again",
        user=_LOSS,
    ),
    Fault(
        name="event stream terminated",
        group=Group.API,
        states=ACTIVE,
        elsewhere=_NOBODY,
        counter="terminate",
        strike=lambda scene: scene.faults.terminate(scene.account),
        seen=Seen(loss=True, rotation=(BinanceSocketError,)),
        seen_in={State.ROTATING: Seen(loss=True, perhaps=True, rotation=(BinanceSocketError,))},
        reaction="subscribes again",
        user=_LOSS,
    ),
    Fault(
        name="subscribed, but silent",
        group=Group.API,
        states=(State.IDLE, State.CLOSING),
        elsewhere="A live answer, or a second connection, would hide the silence.",
        counter="mute",
        strike=lambda scene: scene.faults.mute(scene.account),
        seen=Seen(loss=True),
        setup=Setup(options={"audit_after": 0.1}),
        reaction="asks what it is subscribed to after 15 minutes, subscribes again",
        user=_LOSS,
    ),
    Fault(
        name="session ended (id null, 401)",
        group=Group.API,
        states=ACTIVE,
        elsewhere="Nobody is logged on yet.",
        counter="log_out",
        strike=lambda scene: scene.faults.log_out(scene.account),
        seen=attrs.evolve(_ENDED_SESSION, rotation=(BinanceSocketError,)),
        seen_in={State.ROTATING: attrs.evolve(_ENDED_SESSION, perhaps=True, rotation=(BinanceSocketError,))},
        setup=Setup(key_type="ED25519"),
        reaction="fails what was sent in its name, logs on again",
        user=_LOSS,
    ),
    Fault(
        name="key revoked",
        group=Group.API,
        states=(State.IDLE, State.IN_FLIGHT, State.CLOSING),
        elsewhere="What is subscribed meanwhile would be refused with the same error.",
        counter="revoke",
        strike=lambda scene: (scene.faults.revoke(scene.account), scene.faults.cut(scene.account)),
        seen=Seen(
            loss=True,
            end=BinanceSocketError,
            read=(AuthenticationError, ConnectionLost),
            order=(OutcomeUnknown,),
        ),
        reaction="is refused for good, ends the subscription",
        user="the end, with the reason",
    ),
    _subscribe_error(
        "subscribed already (-2035), by us",
        -2035,
        executed=True,
        seen=NOTHING,
        rotation=NOTHING,
        reaction="asks what there is; takes what nobody else has",
    ),
    _subscribe_error(
        "subscribed already (-2035), by nobody",
        -2035,
        executed=False,
        seen=Seen(refused=(ApiError,)),
        rotation=Seen(rotation=(ApiError,)),
        reaction="asks what there is; fails",
    ),
    _subscribe_error(
        "no subscription ids left (-2042)",
        -2042,
        executed=False,
        seen=Seen(refused=(ApiError,)),
        rotation=Seen(rotation=(ApiError,)),
        reaction="fails",
    ),
    Fault(
        name="not subscribed (-2036)",
        group=Group.API,
        states=(State.ROTATING,),
        elsewhere="Nothing is unsubscribed from in the other states.",
        counter="fail_requests",
        arm=lambda scene: scene.faults.fail_requests(
            "userDataStream.unsubscribe", executed=True, status=400, code=-2036
        ),
        # Its marker may come before the answer; then nothing is missing.
        seen=Seen(loss=True, perhaps=True),
        reaction="takes the end of the events for an answer",
        user="a loss, then a restoration; nothing, if the marker came first",
    ),
    Fault(
        name="listen key expired",
        group=Group.API,
        states=_BY_KEY,
        elsewhere=_HELD,
        counter="expire",
        strike=lambda scene: scene.faults.expire(scene.listen_key),
        seen=Seen(loss=True),
        setup=Setup(listen_key=True),
        reaction="asks for a new one, listens to it",
        user=_LOSS,
    ),
    Fault(
        name="listen key unknown (-1125)",
        group=Group.API,
        states=_BY_KEY,
        elsewhere=_HELD,
        counter="forget_key",
        strike=lambda scene: scene.faults.forget_key(scene.listen_key),
        seen=Seen(loss=True, told=(ApiError,)),
        setup=Setup(listen_key=True, options={"listen_key_interval": 0.1}),
        reaction="asks for a new one when it is kept alive, listens to it",
        user="the error, a loss, then a restoration",
    ),
    Fault(
        name="keepalive of a listen key fails",
        group=Group.API,
        states=(State.IDLE, State.IN_FLIGHT),
        elsewhere=f"{_HELD} While the client closes, nothing is kept alive any more.",
        counter="fail_requests",
        times=2,
        strike=lambda scene: scene.faults.fail_requests(
            "userDataStream.ping", 2, executed=False, status=500, code=-1000
        ),
        seen=Seen(told=(ApiError,)),
        setup=Setup(listen_key=True, options={"listen_key_interval": 0.05}),
        reaction="tries again, long before the 60 minutes are over",
        user="the error",
    ),
    Fault(
        name="link of a listen key cut",
        group=Group.API,
        states=_BY_KEY,
        elsewhere=_HELD,
        counter="cut",
        strike=lambda scene: scene.faults.cut(scene.account),
        seen=LOSS,
        setup=Setup(listen_key=True),
        reaction="connects again",
        user=_LOSS,
    ),
)

FAULTS = (*_EVENTS, *_ENDS)
