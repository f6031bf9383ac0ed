"""Faults of the program as a whole: its many threads, what it forgets, its forks."""

from __future__ import annotations

import gc
import os
import signal
import threading
import warnings
import weakref
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, NoReturn

from binance_socket import ForkedClientError

from .kinds import ALL, NOTHING, Fault, Group, Seen, Setup, State
from .scene import ORDER, READ, Background, Scene
from .transcript import PATIENCE

__all__ = ["FAULTS"]


# Threads.

_AT_ONCE = "many threads that ask at once"
_THREADS = 16
_EACH = 25
_KEPT = _THREADS * _EACH // 2
_QUERY = "order.status"


class _Matching:
    """Asks for orders from many threads, and holds each answer against what was asked for."""

    def __init__(self, scene: Scene) -> None:
        self._spot = scene.patient.spot_api.trading
        self._orders: list[int] = [
            scene.account.place_order("BTCUSDT", "BUY", "LIMIT", quantity="0.001", price=str(18_000 + number))[
                "orderId"
            ]
            for number in range(2 * _EACH)
        ]
        self._together = threading.Barrier(_THREADS)
        self._done = threading.Semaphore(0)
        self.threads = [Background("asking", lambda first=first: self._ask(first)) for first in range(_THREADS)]  # type: ignore[misc]

    def _ask(self, first: int) -> list[str]:
        # No two threads ask in the same order.
        wanted = [self._orders[(7 * first + number) % len(self._orders)] for number in range(_EACH)]
        self._together.wait(PATIENCE)
        futures = [self._spot.get_order.submit("BTCUSDT", order) for order in wanted]
        for future in futures:
            future.add_done_callback(self._count)
        answers = [future.result(PATIENCE).result.order_id for future in futures]
        return [f"asked for {order}, got {got}" for order, got in zip(wanted, answers, strict=True) if order != got]

    def _count(self, future: Future[Any]) -> None:
        self._done.release()

    def wait_done(self, count: int) -> None:
        """Wait until so many more futures are done."""
        for _ in range(count):
            assert self._done.acquire(timeout=PATIENCE), "no answer"

    @property
    def more_done(self) -> bool:
        """Whether one more future is done than was waited for."""
        return self._done.acquire(blocking=False)


def _ask_at_once(scene: Scene) -> None:
    """Have the first half of the answers come after the second."""
    kept = scene.faults.triggered.get("late_replies", 0) + _KEPT
    scene.faults.late_replies(_QUERY, _KEPT)
    matching = _Matching(scene)
    assert scene.faults.wait_for("late_replies", kept, PATIENCE), "not all were asked"
    matching.wait_done(_THREADS * _EACH - _KEPT)
    if not matching.more_done:
        scene.count(_AT_ONCE)
    scene.faults.release()
    matching.wait_done(_KEPT)
    for thread in matching.threads:
        error = thread.join()
        scene.wrong += [repr(error)] if error is not None else thread.result
    if matching.more_done:
        scene.wrong.append("a future was done twice")


# Garbage.

_FORGOTTEN = "client that nobody holds any more"


def _forget(scene: Scene) -> None:
    """Let go of the client while its subscription is open, then end that. Whoever plays on has another client."""
    weakref.finalize(scene.client, scene.count, _FORGOTTEN)
    # What subscribed holds the client's account.
    scene.client, scene.subscribing = scene.make_client(), None
    gc.collect(1)
    assert scene.happened(_FORGOTTEN), "somebody holds the client"
    assert scene.transcript.wait_heard(scene.publish(order=True)), "a loss"
    scene.until = scene.account.event_count
    # What was asked is answered all the same.
    scene.faults.release()
    for asked in scene.asked:
        asked.wait()
    assert scene.subscription is not None
    scene.subscription.close()
    scene.transcript.wait_for("closed")
    scene.subscription = None


# Forks.

_FORK = "fork"


def _fork(scene: Scene) -> None:
    """Let a child use everything that it has got from its parent; count it if all of that was refused."""
    spot = scene.client.spot_api
    uses: list[Callable[[], object]] = [
        spot.account.session_status,
        spot.account.session_status.submit,
        lambda: spot.trading.cancel_all_orders("BTCUSDT"),
        spot.account.subscribe_to_user_data_updates,
        scene.client.rotate,
        scene.client.health,
        *(asked.future.result for asked in scene.asked if asked.name in (READ, ORDER)),
    ]
    if scene.subscription is not None:
        uses.append(scene.subscription.wait)
    with warnings.catch_warnings():
        # To fork with threads is what is tested.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        _be_a_child(uses)
    accepted = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if accepted == 0:
        scene.count(_FORK)
    else:
        scene.wrong.append(f"the child ended with {accepted}: the number of uses that were not refused, or a signal")


def _be_a_child(uses: list[Callable[[], object]]) -> NoReturn:
    """Use everything, and end at once: nothing of the parent's may run here."""
    accepted = -1
    try:
        # A child that hangs is ended by the system.
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(int(PATIENCE))
        accepted = sum(not _is_refused(use) for use in uses)
    finally:
        os._exit(accepted)


def _is_refused(use: Callable[[], object]) -> bool:
    try:
        use()
    except ForkedClientError:
        return True
    except BaseException:  # noqa: BLE001  # not what was promised, whatever it is
        return False
    return False


FAULTS = (
    Fault(
        name=_AT_ONCE,
        group=Group.CLIENT,
        states=(State.IDLE, State.ROTATING, State.BACKFILLING),
        elsewhere="They are in flight themselves, or few are asked until the limits are known.",
        counter=_AT_ONCE,
        own=True,
        strike=_ask_at_once,
        seen=NOTHING,
        # Nobody waits for room: the limits are tested elsewhere.
        setup=Setup(sandbox={"weight_limit": 60_000}),
        reaction="gives each answer to whoever asked, in whatever order they come",
        user="nothing",
    ),
    Fault(
        name=_FORGOTTEN,
        group=Group.CLIENT,
        states=(State.IDLE, State.IN_FLIGHT),
        elsewhere="Whoever waits for a subscription or a rotation holds the client, or the subscription must not end.",
        counter=_FORGOTTEN,
        own=True,
        strike=_forget,
        seen=Seen(ended=True),
        reaction="goes on for the subscription; with that, its threads and sockets end by themselves",
        user="events as before, until the subscription is closed",
    ),
    Fault(
        name=_FORK,
        group=Group.CLIENT,
        states=ALL,
        counter=_FORK,
        own=True,
        strike=_fork,
        possible=hasattr(os, "fork"),
        seen=NOTHING,
        reaction="refuses everything in the child; touches nothing of the parent's",
        user="ForkedClientError in the child; nothing in the parent",
    ),
)
