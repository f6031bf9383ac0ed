"""To wait for what other threads are in the middle of."""

import threading

PATIENCE = 10.0


def finish_step(rotation):
    """Wait until nobody is in the middle of a step of *rotation*, if there is one."""
    if rotation is not None:
        in_turn = threading.Event()
        rotation.line.do(in_turn.set, rotation._defect)
        assert in_turn.wait(PATIENCE)
