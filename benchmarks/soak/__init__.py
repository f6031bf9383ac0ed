"""
A soak: a long time of trading in which everything goes wrong again and again, judged by the exchange's own ledger.

Three clients in this process, an exchange in another. A plan, made from a seed, says at which event what happens to
whom: disconnects of two dozen kinds, rotations, and mixtures of both. Of each subscription, every event has to be
delivered once and in order, or to lie within a gap that the subscription told of; what was recovered has to be true.
"""

from .course import Report, run
from .plan import Plan, make_plan, read_plan
from .report import print_report

__all__ = ["Plan", "Report", "make_plan", "print_report", "read_plan", "run"]
