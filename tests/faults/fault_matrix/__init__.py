"""
Every kind of fault, crossed with the states of a client in which it makes sense.

The catalogue is data: the tests in this folder are made from it, and so is the table in docs/faults.rst.
"""

from __future__ import annotations

from . import answers, clients, events, halves, network, processes, protocol, raw_faults, replacing, timed
from .kinds import Case, Fault, Group, State

__all__ = ["CASES", "CATALOGUE", "Case", "Fault", "Group", "State"]

CATALOGUE: tuple[Fault, ...] = (
    *network.FAULTS,
    *halves.FAULTS,
    *raw_faults.FAULTS,
    *protocol.FAULTS,
    *answers.FAULTS,
    *replacing.FAULTS,
    *events.FAULTS,
    *clients.FAULTS,
    *processes.FAULTS,
    *timed.FAULTS,
)
CASES: tuple[Case, ...] = tuple(Case(fault, state) for fault in CATALOGUE for state in fault.states)
