"""
What goes wrong when in a soak: made from the seed alone, before anything runs.

Steps are tied to numbers of published events, not to times: on another machine, or a second time, the same things
happen at the same events. A plan can be written down, one step a line, and read again.
"""

from __future__ import annotations

import dataclasses
import json
import random
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from .kinds import DISCONNECTS, EVERYBODY, ROTATIONS, Kind, Step

__all__ = ["Plan", "make_plan", "read_plan"]

_HEAD = "soak"
_LEAST_BLIND, _MOST_BLIND = 30, 120


@dataclasses.dataclass(frozen=True)
class Plan:
    """A seed, how many events there are in all, and what happens on the way."""

    seed: int
    events: int
    steps: tuple[Step, ...]

    def only(self, numbers: Collection[int]) -> Plan:
        """Return the plan with those steps alone, at the same events."""
        return dataclasses.replace(self, steps=tuple(step for step in self.steps if step.number in numbers))

    def lines(self) -> list[str]:
        """Return the plan as text that ``read_plan`` reads."""
        head = {_HEAD: {"seed": self.seed, "events": self.events}}
        return [json.dumps(head), *(json.dumps({"step": dataclasses.asdict(step)}) for step in self.steps)]


def read_plan(lines: Iterable[str]) -> Plan:
    """Read a plan; lines that belong to none are passed over, so that a whole report will do. Raises ValueError."""
    head: Mapping[str, Any] | None = None
    steps: list[Step] = []
    for line in lines:
        if line.startswith(f'{{"{_HEAD}"'):
            head = json.loads(line)[_HEAD]
        elif line.startswith('{"step"'):
            steps.append(Step(**json.loads(line)["step"]))
    if head is None:
        raise ValueError("there is no plan of a soak in this")
    return Plan(head["seed"], head["events"], tuple(steps))


def make_plan(seed: int, events: int, disconnects: int, rotations: int) -> Plan:
    """
    Return the plan of a seed: so many disconnects and rotations, spread over so many events.

    Every kind comes about equally often, and in any order.
    """
    chance = random.Random(seed)
    kinds = [*_deck(chance, DISCONNECTS, disconnects), *_deck(chance, ROTATIONS, rotations)]
    chance.shuffle(kinds)
    # Not before the first few events, and with room behind the last step.
    places = sorted(chance.randrange(events // 100, max(events - _MOST_BLIND, 1) + 1) for _ in kinds)
    steps = [_step(chance, number, at, kind) for number, (at, kind) in enumerate(zip(places, kinds, strict=True), 1)]
    return Plan(seed, events, tuple(steps))


def _deck(chance: random.Random, kinds: Sequence[Kind], count: int) -> list[Kind]:
    """Return *count* kinds: all of them again and again, in another order each time."""
    deck: list[Kind] = []
    while len(deck) < count:
        deck += chance.sample(kinds, len(kinds))
    return deck[:count]


def _step(chance: random.Random, number: int, at: int, kind: Kind) -> Step:
    account = EVERYBODY if kind.hits_everybody else chance.choice(kind.accounts)
    blind = chance.randint(_LEAST_BLIND, _MOST_BLIND)
    return Step(number, at, kind.name, account, blind, kind.draw(chance))
