"""The book and the planning of matches, by themselves."""

from decimal import Decimal

import attrs
import pytest

from binance_socket.sandbox.matching import Book, Terms, plan
from binance_socket.sandbox.orders import Order, OrderRequest, OrderType, SelfTradePrevention, Side

D = Decimal


@attrs.frozen
class Owner:
    uid: int


@pytest.fixture
def book():
    return Book()


@pytest.fixture
def rest(book):
    """Put an order on the book: ``rest(side, price, quantity)``."""
    ids = iter(range(1, 1000))

    def add(side, price, quantity, owner=1):
        order = Order(
            id=next(ids),
            account=Owner(owner),
            symbol="BTCUSDT",
            request=OrderRequest(side=side, type=OrderType.LIMIT, price=D(price), quantity=D(quantity)),
            client_order_id="",
            created_at=0,
            quantity=D(quantity),
            side=side,
            price=D(price),
            prevention=SelfTradePrevention.NONE,
        )
        book.add(order)
        return order

    return add


def taking(side, quantity=None, price=None, **more):
    return Terms(side, 9, None if price is None else D(price), None if quantity is None else D(quantity), **more)


def served(outcome):
    return [(match.maker.id, match.quantity) for match in outcome.matches]


@pytest.mark.parametrize("side, best, worst", [(Side.SELL, "100", "101"), (Side.BUY, "101", "100")])
def test_the_best_price_is_served_first(book, rest, side, best, worst):
    """A taker trades with the price that is best for it, whoever came first."""
    late = rest(side, worst, "1")
    early = rest(side, best, "1")
    taker = Side.BUY if side is Side.SELL else Side.SELL
    assert served(plan(book, taking(taker, "2"))) == [(early.id, D(1)), (late.id, D(1))]
    assert book.best(side) == D(best)


def test_at_one_price_the_oldest_is_served_first(book, rest):
    """Time decides between equal prices, and the last one served may be served in part."""
    first, second = rest(Side.SELL, "100", "1"), rest(Side.SELL, "100", "2")
    outcome = plan(book, taking(Side.BUY, "1.5"))
    assert served(outcome) == [(first.id, D(1)), (second.id, D("0.5"))]
    assert outcome.quantity == D("1.5")
    assert outcome.cost == D(150)


def test_a_limit_is_kept(book, rest):
    """Nothing is taken beyond the taker's limit."""
    rest(Side.SELL, "100", "1")
    rest(Side.SELL, "101", "1")
    assert plan(book, taking(Side.BUY, "5", "100.5")).quantity == D(1)
    rest(Side.BUY, "99", "1")
    assert plan(book, taking(Side.SELL, "5", "99.01")).matches == ()


def test_a_plan_changes_nothing(book, rest):
    """Planning twice gives the same."""
    rest(Side.SELL, "100", "1")
    assert plan(book, taking(Side.BUY, "1")) == plan(book, taking(Side.BUY, "1"))


def test_a_removed_order_is_not_served(book, rest):
    """What left the book is passed over, and an empty price is gone."""
    gone, stays = rest(Side.BUY, "100", "1"), rest(Side.BUY, "99", "1")
    book.remove(gone)
    assert book.best(Side.BUY) == D(99)
    assert served(plan(book, taking(Side.SELL, "2"))) == [(stays.id, D(1))]
    book.remove(stays)
    assert book.best(Side.BUY) is None


def test_a_budget_buys_whole_steps(book, rest):
    """A budget is spent as far as whole steps go, over several prices."""
    first, second = rest(Side.SELL, "100", "1"), rest(Side.SELL, "300", "5")
    outcome = plan(book, taking(Side.BUY, budget=D("199"), step=D("0.1")))
    assert served(outcome) == [(first.id, D(1)), (second.id, D("0.3"))]
    assert outcome.cost == D(190)
    assert outcome.exhausted


def test_a_budget_that_outlasts_the_book_is_not_exhausted(book, rest):
    """Running out of counterparts is something else than running out of money."""
    rest(Side.SELL, "100", "1")
    assert not plan(book, taking(Side.BUY, budget=D("500"), step=D("0.1"))).exhausted


@pytest.mark.parametrize(
    "mode, traded, prevented, ends",
    [("NONE", [1, 2], [], False), ("EXPIRE_MAKER", [2], [1], False), ("EXPIRE_TAKER", [], [1], True),
     ("EXPIRE_BOTH", [], [1], True)],
)  # fmt: skip
def test_the_takers_mode_decides_about_self_trades(book, rest, mode, traded, prevented, ends):
    """The taker's own resting order is traded with, passed over, or the end of it."""
    rest(Side.SELL, "100", "1", owner=9)
    rest(Side.SELL, "100", "1", owner=2)
    outcome = plan(book, taking(Side.BUY, "2", prevention=SelfTradePrevention(mode)))
    assert [match.maker.id for match in outcome.matches if not match.prevented] == traded
    assert [match.maker.id for match in outcome.matches if match.prevented] == prevented
    assert outcome.taker_expires is ends
