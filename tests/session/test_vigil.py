"""Silent peers."""

from __future__ import annotations

from typing import Any

from binance_socket._session.effects import Abort, Probe
from binance_socket._session.vigil import Vigil


def test_a_silent_peer_is_pinged_and_given_up() -> None:
    """In this order, each once."""
    effects: list[Any] = []
    vigil = Vigil(effects, after=20, timeout=5)
    assert not vigil.watch(19, 0, 0)
    assert vigil.watch(20, 0, 0)
    assert effects == [Probe()]
    assert vigil.next(0, 0) == 25
    assert not vigil.watch(25, 0, 0)
    assert isinstance(effects[1], Abort)
    assert vigil.next(0, 0) is None
    assert not vigil.watch(99, 0, 0)
    vigil.begin()
    assert vigil.next(100, 0) == 120


def test_a_peer_that_answers_lives() -> None:
    """Even at the very moment of the ping."""
    vigil = Vigil([], after=20, timeout=5)
    assert vigil.watch(20, 0, 0)
    assert not vigil.watch(25, 20, 0)
    assert vigil.next(20, 0) == 40


def test_nothing_is_sent_during_a_ban() -> None:
    """Not even a ping."""
    vigil = Vigil([], after=20, timeout=5)
    assert vigil.next(0, 100) == 100
    assert not vigil.watch(99, 0, 100)
    assert vigil.watch(100, 0, 100)


def test_a_peer_that_may_be_gone_is_pinged_at_once() -> None:
    """But once, not during a ban, and not after it was given up."""
    effects: list[Any] = []
    vigil = Vigil(effects, after=20, timeout=5)
    assert not vigil.look_up(3, 4)
    assert effects == []
    assert vigil.look_up(4, 4)
    assert effects == [Probe()]
    assert not vigil.look_up(5, 4)
    assert vigil.next(0, 4) == 9
    assert not vigil.watch(9, 0, 4)
    assert isinstance(effects.pop(), Abort)
    assert not vigil.look_up(10, 4)
    assert effects == [Probe()]
