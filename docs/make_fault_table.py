"""
Write faults.rst: every kind of fault, what the library does, what the user sees, and how many cases of it passed.

It is made of the catalogue that the tests in tests/faults run through, and of the results of such a run::

    FAULT_RESULTS=passed.json python -m pytest tests/faults
    python docs/make_fault_table.py passed.json
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "faults.rst"
CASES = ROOT / "tests" / "faults"

HEAD = """\
Every fault
===========

.. This page is written by docs/make_fault_table.py. Do not edit it.

What can go wrong, what the library does about it, and what your program sees.

{kinds} kinds of fault are tested in every state of a client in which they make sense, in {cases} cases. Each really
happens: by :class:`sandbox.faults <binance_socket.sandbox.faults.Faults>`, by a raw server, or by the program itself.
The last column says in how many states it was tested, and passed: ``tests/faults/test_matrix.py`` has a
test of the fault's name for each of {states}.

While *overlapping*, the two connections of a
rotation both bring events, and the old one counts; while *draining*, they still do, the new one counts, and the old one
has been asked to end. While *closing*, the fault strikes within ``close()``.

In all of them these hold:

- every future is done exactly once, by its deadline, with an answer or with an error of the documented kind;
- a request that has arrived at the exchange is never said not to have been sent, and an order that may have arrived is
  said to be unknown;
- no thread of the library's has failed by a defect; where one was made to, everybody who waited was told;
- of each kind of event everything came, once and in order, or a Gap was told of that covers what is missing, and what
  was found out about it is true; the oracle is the sandbox's ledger;
- ``close()`` returns within 3 seconds, whatever has happened;
- afterwards no thread and no descriptor is left.

What only shows in a process of its own (its exit, its signals, most of its forks and its garbage) is tested in
``tests/ends``.
"""


def main() -> None:
    """Write the page, if every case has passed."""
    passed: Mapping[str, int] = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    collected = _collected()
    missing = {name: count - passed.get(name, 0) for name, count in collected.items() if passed.get(name, 0) < count}
    if missing:
        sys.exit(f"not all cases have passed: {missing}")
    PAGE.write_text(page(passed), "utf-8")


def page(passed: Mapping[str, int] | None = None) -> str:
    """Return the page's text, with the cases that *passed*; without them, with all that there are."""
    catalogue, groups, states = _load()
    counts = _collected() if passed is None else passed
    text = HEAD.format(
        kinds=len(catalogue), cases=sum(counts.values()), states=", ".join(f"*{state.value}*" for state in states)
    )
    for group in groups:
        rows = [fault for fault in catalogue if fault.group is group]
        if not rows:
            continue
        text += f"\n{group.value}\n{'-' * len(group.value)}\n"
        text += _table([_row(fault, counts.get(fault.name, 0)) for fault in rows])
    return text


def _load() -> tuple[Any, Any, Any]:
    if str(CASES) not in sys.path:
        sys.path.insert(0, str(CASES))
    from fault_matrix import CATALOGUE, Group, State

    return CATALOGUE, Group, State


def _collected() -> dict[str, int]:
    catalogue, _, _ = _load()
    return dict(Counter({fault.name: len(fault.states) for fault in catalogue}))


def _row(fault: Any, count: int) -> tuple[str, ...]:
    return fault.name, _states(fault), fault.reaction, fault.user, str(count)


def _states(fault: Any) -> str:
    _, _, states = _load()
    if set(fault.states) == set(states):
        return "all"
    return ", ".join(state.value for state in states if state in fault.states)


def _table(rows: list[tuple[str, ...]]) -> str:
    lines = ["", ".. list-table::", "   :header-rows: 1", "   :widths: 22 20 26 26 6", ""]
    for row in [("Fault", "While", "The library", "The user sees", "Cases"), *rows]:
        lines += [("   * - " if column == 0 else "     - ") + cell for column, cell in enumerate(row)]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
