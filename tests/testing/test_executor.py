import pytest

from binance_socket.testing import InlineExecutor


def test_it_runs_at_once_on_the_calling_thread():
    """The future is finished when submit() returns."""
    executor = InlineExecutor()
    assert executor.submit(pow, 2, exp=3).result(0) == 8
    assert isinstance(executor.submit(lambda: 1 / 0).exception(0), ZeroDivisionError)
    assert isinstance(executor.submit(exit).exception(0), SystemExit)


def test_what_is_submitted_from_within_follows():
    """In order, and not on top of the stack."""
    executor, order = InlineExecutor(), []

    def outer():
        inner = executor.submit(order.append, "inner")
        assert not inner.done()
        order.append("outer")
        return inner

    inner = executor.submit(outer).result(0)
    assert inner.done()
    assert order == ["outer", "inner"]


def test_a_cancelled_one_does_not_run():
    """As with every executor."""
    executor = InlineExecutor()
    executor.submit(lambda: executor.submit(pytest.fail, "cancelled").cancel())


def test_after_shutdown_it_refuses():
    """As with every executor."""
    with InlineExecutor() as executor:
        executor.submit(int)
    with pytest.raises(RuntimeError):
        executor.submit(int)
