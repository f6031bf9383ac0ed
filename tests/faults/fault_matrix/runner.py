"""Plays a case, and says what is wrong."""

from __future__ import annotations

from binance_socket import ClientClosed, HandlerError, OutcomeUnknownAfterClose
from binance_socket.sandbox import Sandbox
from binance_socket.testing import ManualClock

from . import states
from .closing import Closing, Moment
from .invariants import Defects, Leftovers, close_from_another_thread, gap_violations, stream_violations
from .kinds import FORMING, Case, Seen, State
from .leaping_clock import LeapingClock
from .receipts import Receipts, certainty_violations
from .scene import ORDER, Scene

__all__ = ["play"]


def play(case: Case) -> list[str]:
    """Let the fault happen in its state, and return what is wrong: invariants that do not hold, surprises."""
    leftovers = Leftovers()
    setup = case.fault.setup
    with Defects() as defects, Receipts() as receipts:
        own = frozenset({case.fault.counter}) if case.fault.own else frozenset[str]()
        clock = ManualClock() if setup.manual else LeapingClock() if setup.leaps else None
        sandbox = Sandbox(tls=setup.tls, clock=clock, **setup.sandbox)
        scene = Scene(sandbox, setup, case.state, own_faults=own, clock=clock)
        try:
            wrong = _act(scene, case)
            wrong += close_from_another_thread(scene.client) + scene.wrong
            wrong += _judge(scene, case, defects)
            wrong += _certainties(scene, receipts) + scene.deadlines.violations()
        finally:
            scene.close()
    return wrong + leftovers.violations()


def _act(scene: Scene, case: Case) -> list[str]:
    fault, seen = case.fault, case.seen
    states.prepare(scene)
    if fault.arm is not None:
        fault.arm(scene)
    if case.state is State.CLOSING or seen.stuck or seen.closed or seen.ended or seen.end is not None:
        # What is on its way when something ends may or may not be delivered.
        scene.until = scene.account.event_count
    held = states.enter(scene, fault)
    if case.state is State.CLOSING:
        # From here on close() does it.
        scene.closing = Closing(scene, case)
        return []
    if fault.strike is not None:
        fault.strike(scene)
    if case.state is State.ROTATING and not held:
        scene.publish_until_it_happens(fault.counter, case.times)
    if not scene.happened(fault.counter, case.times):
        return [f"{fault.counter} has not happened: {scene.faults.triggered}"]
    scene.wait_in_vain()
    if held and case.state is State.SUBSCRIBING and not seen.loss:
        # The exchange has agreed, and its answer is under way: what comes before it counts.
        scene.since = scene.account.event_count
    scene.publish(order=True)
    if held:
        states.leave(scene)
    wrong = _settle(scene, case, seen)
    if fault.afterwards is not None and not wrong:
        fault.afterwards(scene)
        wrong += _goes_on(scene, seen)
    return wrong


def _settle(scene: Scene, case: Case, seen: Seen) -> list[str]:
    """Wait until things are as they should be afterwards."""
    wrong: list[str] = []
    if case.state in FORMING:
        error = scene.subscribed()
        if seen.refused or error is not None:
            if not isinstance(error, seen.refused):
                return [f"subscribing: {error!r} instead of {seen.refused}"]
            return _goes_on(scene, seen)
    elif seen.closed or seen.ended:
        scene.transcript.wait_for("closed")
    elif seen.end is None and not seen.stuck:
        scene.transcript.wait_whole(scene.losses + (seen.loss and not seen.perhaps))
    if scene.rotating is not None:
        error = scene.rotated()
        if error is not None and not isinstance(error, seen.rotation):
            wrong.append(f"rotate() raised {error!r}")
    for asked in scene.asked:
        asked.wait()
    if seen.end is not None:
        scene.transcript.wait_for("closed")
    return wrong + _goes_on(scene, seen)


def _goes_on(scene: Scene, seen: Seen) -> list[str]:
    """Return what is wrong with the client once it should be as good as before."""
    if seen.failed or seen.closed:
        return []
    if seen.end is None and not seen.ended and not seen.stuck and scene.subscription is not None:
        heard = False
        while not heard:
            # Once more after a loss that was not noticed until now: whether there may be one is judged in the end.
            scene.transcript.wait_whole(0)
            losses = len(scene.transcript.details("lost"))
            heard = scene.transcript.wait_heard(scene.publish(order=True), losses)
    status = scene.patient.spot_api.account.session_status()
    return [] if status.status == 200 else [f"the client is not good for anything any more: {status}"]


def _judge(scene: Scene, case: Case, defects: Defects) -> list[str]:
    """Return which invariants do not hold, now that the client is closed."""
    seen, state = case.seen, case.state
    told = scene.transcript.entries
    wrong: list[str] = []
    closing = scene.closing
    if closing is not None:
        wrong += closing.violations()
    # U1
    for asked in scene.asked:
        is_order = asked.name == ORDER
        allowed = seen.order if is_order else seen.read
        answered = asked.name not in seen.unanswered
        if closing is not None:
            # Whoever waits when the client ends is told that it has, whatever happens to the link afterwards.
            over = (OutcomeUnknownAfterClose,) if is_order else (ClientClosed,)
            ended = closing.moment is Moment.ENDED
            allowed = over if ended else (*allowed, *over, ClientClosed)
            answered = answered and not ended
        wrong += asked.violations(allowed, answered=answered)
    # U2
    wrong += defects.violations(scene.client, expected=seen.failed)
    if seen.reason and state is not State.CLOSING:
        wrong += defects.unexplained(seen.reason)
    # U3
    if scene.subscription is not None:
        ledger = scene.account.events
        wrong += stream_violations(ledger, told, since=scene.since or 0, until=scene.until)
        wrong += [] if seen.stuck else gap_violations(ledger, told, whole=scene.until is None)
    return wrong + _surprises(scene, seen, state)


def _certainties(scene: Scene, receipts: Receipts) -> list[str]:
    """Return which failures say something else of their requests than what the exchange has received."""
    wrong = [one for asked in scene.asked for one in asked.uncertain(receipts)]
    if scene.subscribing is not None and scene.subscription is None:
        method = scene.subscribe_method
        received, any_link = receipts.has_method(method), receipts.any_link
        error = scene.subscribing.error
        wrong += certainty_violations(method, error, mutating=False, received=received, any_link=any_link)
    return wrong


def _surprises(scene: Scene, seen: Seen, state: State) -> list[str]:
    """Return what the user was told and should not have been, and the reverse."""
    wrong: list[str] = []
    transcript = scene.transcript
    errors = transcript.details("error")
    losses = len(transcript.details("lost")) - scene.losses
    if losses and not (seen.loss or seen.end is not None or seen.closed or state is State.CLOSING):
        wrong.append("a loss was told")
    if seen.end is not None and state is not State.CLOSING and not any(isinstance(e, seen.end) for e in errors):
        wrong.append(f"the end was not explained by {seen.end.__name__}: {errors}")
    closing = (ClientClosed, HandlerError) if state is State.CLOSING else ()
    if scene.setup.listen_key:
        # A key may be kept alive at any moment, so also at the end.
        closing = (*closing, ClientClosed)
    expected = (*seen.told, *([seen.end] if seen.end is not None else []), *closing)
    wrong += [f"on_exception heard {error!r}" for error in errors if not isinstance(error, expected)]
    if state is not State.CLOSING:
        missing = [kind for kind in seen.told if not any(isinstance(error, kind) for error in errors)]
        wrong += [f"on_exception did not hear of a {kind.__name__}" for kind in missing]
    return wrong
