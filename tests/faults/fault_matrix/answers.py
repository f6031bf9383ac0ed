"""Faults of the exchange's answers: refusals, silence, and what is no answer."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import attrs

from binance_socket import (
    ApiError,
    AuthenticationError,
    ConnectionLost,
    DecodeError,
    InvalidTimestamp,
    OutcomeUnknown,
    Placed,
    RateLimited,
    RequestTimeout,
)

from .kinds import ANSWERED, LINKED, LOSS, NOTHING, OVERLAPS, Fault, Group, Seen, Setup, State
from .scene import ORDER, READ, Scene
from .transcript import PATIENCE

__all__ = ["FAULTS"]

_NO_ANSWER = "No answer is due in the other states."
_LOSS = "a loss, then a restoration"
_NOTHING = "nothing"
_PATIENT = Setup()
_IMPATIENT = Setup(patience=4.0, leaps=True)


def _refused(*kinds: type[BaseException], told_by: str = READ) -> Mapping[State, Seen]:
    """Return what is seen where the answer that a state waits for is an error, or does not come."""
    forming = Seen(refused=kinds)
    call = Seen(read=kinds, unanswered=(told_by,))
    return {
        State.LOGGING_ON: forming,
        State.SUBSCRIBING: forming,
        State.IN_FLIGHT: call,
        State.ROTATING: Seen(rotation=kinds),
        # The gap says what could not be found out.
        State.BACKFILLING: NOTHING,
        State.CLOSING: call,
    }


def _error(name: str, status: int, code: int, kind: type[BaseException], user: str, *, n: int = 1) -> Fault:
    """Return the fault that a request is answered with an error, for good."""
    return Fault(
        name=name,
        group=Group.API,
        states=ANSWERED,
        elsewhere=_NO_ANSWER,
        counter="fail_requests",
        times=n,
        arm=lambda scene: scene.faults.fail_requests(scene.target, n, executed=False, status=status, code=code),
        seen_in=_refused(kind),
        reaction="fails that call alone",
        user=user,
    )


def _passing(name: str, status: int, code: int) -> Fault:
    """Return the fault that the exchange fails to answer a request, once."""
    return Fault(
        name=name,
        group=Group.API,
        states=ANSWERED,
        elsewhere=_NO_ANSWER,
        counter="fail_requests",
        arm=lambda scene: scene.faults.fail_requests(scene.target, executed=False, status=status, code=code),
        seen_in={
            State.LOGGING_ON: Seen(refused=(ApiError,)),
            State.SUBSCRIBING: Seen(refused=(ApiError,)),
            State.ROTATING: Seen(rotation=(ApiError,)),
        },
        reaction="asks a read again; a first logon or subscription fails",
        user="nothing, or ApiError of a first subscription",
    )


def _retry_after(status: int) -> Fault:
    def arm(scene: Scene) -> None:
        until = int(time.time() * 1000) + 300
        data = {"serverTime": until - 300, "retryAfter": until}
        scene.faults.fail_requests(scene.target, executed=False, status=status, code=-1003, data=data)

    return Fault(
        name=f"status {status} with retryAfter",
        group=Group.API,
        states=ANSWERED,
        elsewhere=_NO_ANSWER,
        counter="fail_requests",
        arm=arm,
        seen_in=_refused(RateLimited),
        reaction="asks nothing in the whole process until then" + (", not even pings" if status == 418 else ""),
        user="RateLimited, with the time",
    )


def _skew(name: str, seconds: float) -> Fault:
    return Fault(
        name=name,
        group=Group.API,
        states=tuple(state for state in ANSWERED if state is not State.BACKFILLING),
        elsewhere="No answer is due, or the gap would be as long as the clock is off.",
        counter="skew",
        arm=lambda scene: scene.faults.skew(seconds),
        reaction="asks for the time, signs and sends once more",
        user=_NOTHING,
    )


def _silent(name: str, arm: Any, counter: str, reaction: str = "gives up by the deadline; goes on") -> Fault:
    """Return the fault that no answer comes that could be taken for one."""
    return Fault(
        name=name,
        group=Group.API,
        states=ANSWERED,
        elsewhere=_NO_ANSWER,
        counter=counter,
        arm=arm,
        seen_in=_refused(RequestTimeout),
        setup=_IMPATIENT,
        reaction=reaction,
        user="RequestTimeout: the request may have arrived",
    )


def _spoiled(name: str, kind: str, *, logs_on: bool = True) -> Fault:
    """Return the fault that an answer does not have the shape of one; *logs_on*: it is one to a logon all the same."""
    return Fault(
        name=name,
        group=Group.API,
        states=ANSWERED,
        elsewhere=_NO_ANSWER,
        counter=f"{kind}_replies",
        arm=lambda scene: scene.faults.spoil_replies(kind, scene.target),
        seen_in={**_refused(DecodeError), **({State.LOGGING_ON: NOTHING} if logs_on else {})},
        setup=Setup(patience=3.0),
        reaction="fails that call alone; to a logon, it is answer enough" if logs_on else "fails that call alone",
        user="DecodeError, with what came",
    )


def _unreadable(name: str, kind: str) -> Fault:
    """Return the fault that an answer cannot be read at all: it may have been an event."""
    seen = attrs.evolve(LOSS, reason="could not be read")
    return Fault(
        name=name,
        group=Group.API,
        states=ANSWERED,
        elsewhere=_NO_ANSWER,
        counter=f"{kind}_replies",
        arm=lambda scene: scene.faults.spoil_replies(kind, scene.target),
        seen=seen,
        seen_in={
            State.LOGGING_ON: Seen(refused=(RequestTimeout,)),
            State.ROTATING: Seen(rotation=(ConnectionLost, RequestTimeout)),
        },
        setup=attrs.evolve(_IMPATIENT, impatient_in=frozenset({State.LOGGING_ON, State.ROTATING})),
        reaction="it may have been an event: gives the link up, connects again",
        user=_LOSS,
    )


def _message(name: str, payload: bytes, reaction: str, *, seen: Seen = NOTHING) -> Fault:
    """Return the fault that a message comes which is neither an answer nor an event of anybody's."""
    return Fault(
        name=name,
        group=Group.API,
        states=LINKED,
        elsewhere="There is no link yet.",
        counter="inject",
        strike=lambda scene: scene.faults.inject(scene.account, payload),
        seen=seen,
        # Nobody is there who could have missed an event.
        seen_in={State.LOGGING_ON: Seen(reason="cannot be read")} if seen.loss else {},
        reaction=reaction,
        user=_LOSS if seen.loss else _NOTHING,
    )


_UNREAD = attrs.evolve(LOSS, reason="could not be read")
_GIVES_UP = "it may have been an event: gives the link up, connects again"

# Orders.

_ORDERED = tuple(state for state in State if state is not State.IDLE)
_NO_ORDER = "No order is on its way in the other states, or it is on its way as in rotating."


def _hold_against_the_ledger(scene: Scene) -> None:
    """Ask what became of orders whose outcome is unknown, and compare that with what the exchange knows."""
    for asked in scene.asked:
        error = asked.future.exception()
        if not isinstance(error, OutcomeUnknown):
            continue
        placed = [event["i"] for event in scene.account.events if event.get("c") == error.client_order_id]
        # That there is none is told after 20 seconds only.
        verdict = error.resolve(PATIENCE if placed else 0.0)
        told = verdict.order.order_id if isinstance(verdict, Placed) else None
        if told != (placed[0] if placed else None):
            scene.wrong.append(f"{error!r} was resolved to {verdict}, but there is {placed}")


def _is_counted(scene: Scene) -> None:
    """Tell whether an answer that nobody waits for was counted."""
    scene.faults.release()
    if scene.state is State.IN_FLIGHT:
        # Once the next answer is there. In the other states it may have come on another connection.
        scene.patient.spot_api.account.session_status()
        health = scene.client.health().connection("api")
        if health is None or not health.late:
            scene.wrong.append(f"not counted: {health}")


def _order(name: str, arm: Any, counter: str, *, seen: Seen, reaction: str, setup: Setup = _PATIENT) -> Fault:
    """Return the fault that an order's outcome cannot be known from its answer."""
    loss = seen.loss
    unknown = attrs.evolve(seen, order=(OutcomeUnknown,), unanswered=(ORDER,))
    # The new connection may have taken over before the old one's end is noticed; or the old one goes on alone.
    perhaps = attrs.evolve(unknown, perhaps=True)
    return Fault(
        name=name,
        group=Group.API,
        states=tuple(state for state in _ORDERED if state not in ((State.CONNECTING,) if loss else OVERLAPS)),
        elsewhere=_NO_ORDER if not loss else "No order is on its way, or it would come with the subscription.",
        counter=counter,
        arm=arm,
        seen=unknown,
        seen_in=dict.fromkeys((State.ROTATING, State.OVERLAPPING), perhaps) if loss else {},
        setup=attrs.evolve(setup, target=ORDER),
        afterwards=_hold_against_the_ledger,
        reaction=reaction,
        user="OutcomeUnknown; resolve() tells what became of it",
    )


def _fails(status: int, code: int, executed: bool) -> Any:
    return lambda scene: scene.faults.fail_requests(ORDER, executed=executed, status=status, code=code)


_NEVER_AGAIN = "reports that nobody knows; never sends it again"

_ORDER_FAULTS = (
    _order("order carried out, -1007", _fails(503, -1007, True), "fail_requests", seen=NOTHING, reaction=_NEVER_AGAIN),
    _order(
        "order not carried out, -1007", _fails(503, -1007, False), "fail_requests", seen=NOTHING, reaction=_NEVER_AGAIN
    ),
    _order("order carried out, -1006", _fails(503, -1006, True), "fail_requests", seen=NOTHING, reaction=_NEVER_AGAIN),
    _order(
        "order carried out, status 500", _fails(500, -1000, True), "fail_requests", seen=NOTHING, reaction=_NEVER_AGAIN
    ),
    _order(
        "order carried out, no answer",
        lambda scene: scene.faults.drop_replies(ORDER),
        "drop_replies",
        seen=NOTHING,
        reaction=_NEVER_AGAIN,
        setup=_IMPATIENT,
    ),
    _order(
        "order lost on the way",
        lambda scene: scene.faults.lose_requests(ORDER),
        "lose_requests",
        seen=NOTHING,
        reaction=_NEVER_AGAIN,
        setup=_IMPATIENT,
    ),
    _order(
        "order carried out, link cut",
        lambda scene: scene.faults.cut_requests(ORDER, executed=True),
        "cut_requests",
        seen=LOSS,
        reaction=_NEVER_AGAIN,
    ),
    _order(
        "order not carried out, link cut",
        lambda scene: scene.faults.cut_requests(ORDER, executed=False),
        "cut_requests",
        seen=LOSS,
        reaction=_NEVER_AGAIN,
    ),
)

FAULTS = (
    _error("request refused (400)", 400, -1102, ApiError, "ApiError"),
    _error("permission refused (401)", 401, -2015, AuthenticationError, "AuthenticationError"),
    _error("operation not supported (-1020)", 400, -1020, ApiError, "ApiError"),
    _error("clock refused twice (-1021)", 400, -1021, InvalidTimestamp, "InvalidTimestamp", n=2),
    _passing("internal error (500, -1000)", 500, -1000),
    _passing("unexpected response (503, -1006)", 503, -1006),
    _passing("backend timed out (503, -1007)", 503, -1007),
    _passing("too busy (-1008)", 503, -1008),
    _retry_after(429),
    _retry_after(418),
    _skew("clock an hour ahead (-1021)", -3600.0),
    _skew("clock an hour behind (-1021)", 3600.0),
    _silent("no answer", lambda scene: scene.faults.drop_replies(scene.target), "drop_replies"),
    _silent("request lost", lambda scene: scene.faults.lose_requests(scene.target), "lose_requests"),
    attrs.evolve(
        _silent("late answer", lambda scene: scene.faults.late_replies(scene.target), "late_replies"),
        afterwards=_is_counted,
        reaction="counts it; it answers nothing else",
    ),
    _silent(
        "answer with an id nobody gave",
        lambda scene: scene.faults.spoil_replies("rename", scene.target),
        "rename_replies",
        "counts it; it answers nothing",
    ),
    _silent(
        "answer with a number for an id",
        lambda scene: scene.faults.spoil_replies("renumber", scene.target),
        "renumber_replies",
        "counts it; it answers nothing",
    ),
    Fault(
        name="answer that comes twice",
        group=Group.API,
        states=ANSWERED,
        elsewhere=_NO_ANSWER,
        counter="duplicate_replies",
        arm=lambda scene: scene.faults.duplicate_replies(scene.target),
        afterwards=_is_counted,
        reaction="takes the first, counts the second",
        user=_NOTHING,
    ),
    Fault(
        name="answer that takes its time",
        group=Group.API,
        states=ANSWERED,
        elsewhere=_NO_ANSWER,
        counter="delay_replies",
        arm=lambda scene: scene.faults.delay_replies(0.1, scene.target),
        reaction="waits",
        user=_NOTHING,
    ),
    _spoiled("answer with nothing but an id", "strip"),
    _spoiled("answer without a result", "empty"),
    _spoiled("answer with another type of result", "retype"),
    _spoiled("answer with a status that is none", "restatus", logs_on=False),
    _unreadable("half an answer", "garble"),
    _unreadable("answer with something behind it", "trail"),
    _unreadable("answer with a number that is none", "nan"),
    _unreadable("answer nested too deeply", "nest"),
    _message("malformed JSON", b'{"subscriptionId":0,"event":', _GIVES_UP, seen=_UNREAD),
    _message("empty message", b"", _GIVES_UP, seen=_UNREAD),
    _message("message that is no object", b'"hello"', _GIVES_UP, seen=_UNREAD),
    _message("message of no known kind", b'{"hello":"you"}', _GIVES_UP, seen=_UNREAD),
    _message(
        "duplicate keys",
        b'{"id":"x","id":"y","status":200,"result":{}}',
        "cannot know which is meant: gives the link up, connects again",
        seen=_UNREAD,
    ),
    attrs.evolve(
        _message("answer to nobody", b'{"id":"0badc0de","status":200,"result":{}}', "counts it"),
        afterwards=_is_counted,
    ),
    _message(
        "error without an id",
        b'{"id":null,"status":400,"error":{"code":-1135,"msg":"Invalid JSON Request."}}',
        "logs and counts it",
    ),
    _message("event of a subscription of nobody's", b'{"subscriptionId":77,"event":{"e":"x","E":1}}', "counts it"),
    *_ORDER_FAULTS,
)
