"""What is asked after a gap, and in which order."""

import pytest

from binance_socket import ConnectionLost
from binance_socket._session.backfill import PAGE, Backfill
from binance_socket._wire.messages import Security

PLENTY = 6000


def order(number=1, symbol="BTCUSDT", at=5000, **more):
    return {
        "symbol": symbol,
        "orderId": number,
        "status": "NEW",
        "updateTime": at,
        "origQty": "1",
        "executedQty": "0",
        **more,
    }


def trade(number=1, order_id=1, symbol="BTCUSDT", at=5000, **more):
    return {
        "symbol": symbol,
        "id": number,
        "orderId": order_id,
        "time": at,
        "price": "1",
        "qty": "1",
        "quoteQty": "1",
        **more,
    }


def order_list(number=7, status="EXECUTING"):
    return {
        "orderListId": number,
        "symbol": "BTCUSDT",
        "listOrderStatus": status,
        "transactionTime": 5000,
        "orders": [],
    }


ACCOUNT = {"updateTime": 5000, "balances": [{"asset": "BTC", "free": "1", "locked": "0"}]}


def round_of(*, symbols=("BTCUSDT",), open_orders=(), open_lists=(), budget=PLENTY, whole=True, end=9000):
    return Backfill(
        symbols=symbols,
        open_orders=open_orders,
        open_lists=open_lists,
        start=1000,
        end=end,
        budget=budget,
        whole=whole,
    )


class Exchange:
    """Answers whatever is asked, by method."""

    def __init__(self, **answers):
        self.answers = {
            "account.status": ACCOUNT,
            "openOrders.status": [],
            "openOrderLists.status": [],
            "allOrders": [],
            "myTrades": [],
            **answers,
        }
        self.asked = []

    def ask(self, backfill):
        """Ask everything there is to ask, and return what was found."""
        questions = backfill.begin()
        while questions:
            question = questions.pop(0)
            request = question.request
            assert request.security is Security.SIGNED
            assert not request.mutating
            self.asked.append((request.method, dict(request.params)))
            answer = self.answers[request.method]
            questions += backfill.answered(question, answer(request.params) if callable(answer) else answer)
        assert backfill.done
        return backfill.findings

    @property
    def methods(self):
        return [method for method, _ in self.asked]


def test_everything_is_asked_for():
    """Balances, what is open, and of each symbol the trades and the orders."""
    exchange = Exchange()
    findings = exchange.ask(round_of(symbols=("A", "B")))
    assert exchange.asked == [
        ("account.status", {"omitZeroBalances": False}),
        ("openOrders.status", {}),
        ("openOrderLists.status", {}),
        ("myTrades", {"symbol": "A", "startTime": 1000, "limit": PAGE}),
        ("allOrders", {"symbol": "A", "startTime": 1000, "endTime": 9000, "limit": PAGE}),
        ("myTrades", {"symbol": "B", "startTime": 1000, "limit": PAGE}),
        ("allOrders", {"symbol": "B", "startTime": 1000, "endTime": 9000, "limit": PAGE}),
    ]
    assert findings.account == ACCOUNT
    assert findings.checked == ["A", "B"]
    assert (findings.unchecked, findings.has_open_orders, findings.has_open_lists) == ([], True, True)
    assert findings.anything


def test_a_later_round_asks_for_symbols_only():
    """And for nothing where there are none."""
    exchange = Exchange()
    findings = exchange.ask(round_of(whole=False))
    assert exchange.methods == ["myTrades", "allOrders"]
    assert findings.anything
    assert not Exchange().ask(round_of(symbols=(), whole=False)).anything


def test_a_later_round_asks_for_balances_that_are_not_known():
    """The first answer may have been of before a trade."""
    exchange = Exchange()
    backfill = Backfill(symbols=(), open_orders=(), open_lists=(), start=0, end=1, budget=20, whole=False, account=True)
    assert exchange.ask(backfill).account == ACCOUNT
    assert exchange.methods == ["account.status"]


def test_a_later_round_asks_for_lists_that_were_open():
    """The first answer may have been of before they ended."""
    exchange = Exchange(**{"orderList.status": order_list(7, "ALL_DONE")})
    findings = exchange.ask(round_of(whole=False, open_lists=[7]))
    assert exchange.methods == ["openOrderLists.status", "myTrades", "allOrders", "orderList.status"]
    assert set(findings.lists) == {7}


def test_open_orders_lead_to_their_symbols():
    """Nobody had heard of them before."""
    exchange = Exchange(**{"openOrders.status": [order(1, "A"), order(2, "B"), order(3, "B")]})
    findings = exchange.ask(round_of(symbols=("A",)))
    assert [params.get("symbol") for method, params in exchange.asked if method == "allOrders"] == ["A", "B"]
    assert set(findings.orders) == {("A", 1), ("B", 2), ("B", 3)}
    assert findings.checked == ["A", "B"]


def test_single_orders_and_lists_are_asked_for_at_the_end():
    """Those that were open, and those that traded, if no other answer has told of them."""
    exchange = Exchange(
        myTrades=[trade(5, 3)],
        allOrders=[order(1)],
        **{
            "order.status": lambda params: order(params["orderId"]),
            "openOrderLists.status": [order_list(8)],
            "orderList.status": lambda params: order_list(params["orderListId"], "ALL_DONE"),
        },
    )
    findings = exchange.ask(round_of(open_orders=[("BTCUSDT", 1), ("BTCUSDT", 2)], open_lists=[7, 8]))
    assert exchange.asked[5:] == [
        ("order.status", {"symbol": "BTCUSDT", "orderId": 2}),
        ("order.status", {"symbol": "BTCUSDT", "orderId": 3}),
        ("orderList.status", {"orderListId": 7}),
    ]
    assert set(findings.orders) == {("BTCUSDT", 1), ("BTCUSDT", 2), ("BTCUSDT", 3)}
    assert {number: entry["listOrderStatus"] for number, entry in findings.lists.items()} == {
        7: "ALL_DONE",
        8: "EXECUTING",
    }
    assert findings.checked == ["BTCUSDT"]
    assert findings.unknown_orders == ()


@pytest.mark.parametrize("answer", [ConnectionLost("gone"), {}, order(9)], ids=["none", "of no order", "of another"])
def test_an_order_that_no_answer_tells_of_stays_unknown(answer):
    """Whoever asks again wants to know which."""
    findings = Exchange(**{"order.status": answer}).ask(round_of(open_orders=[("BTCUSDT", 2)]))
    assert (findings.unknown_orders, findings.unchecked) == ((("BTCUSDT", 2),), ["BTCUSDT"])
    findings = Exchange().ask(round_of(open_orders=[("BTCUSDT", 2)], budget=146))
    assert (findings.unknown_orders, findings.unchecked) == ((("BTCUSDT", 2),), ["BTCUSDT"])


def test_the_latest_of_several_answers_counts():
    """Whichever comes first."""
    newer, older = order(status="CANCELED", at=6000), order(at=5000)
    for first, second in ((newer, older), (older, newer)):
        exchange = Exchange(allOrders=[second], **{"openOrders.status": [first]})
        assert exchange.ask(round_of()).orders["BTCUSDT", 1] == newer


def test_full_pages_of_orders_are_halved():
    """Their order is not that of the time by which they are filtered, so that there is no next page."""
    everything = [order(number, at=1000 + 5 * number) for number in range(1500)]

    def all_orders(params):
        start, end = params["startTime"], params["endTime"]
        return [entry for entry in everything if start <= entry["updateTime"] <= end][: params["limit"]]

    exchange = Exchange(allOrders=all_orders)
    findings = exchange.ask(round_of())
    assert len(findings.orders) == 1500
    assert findings.checked == ["BTCUSDT"]
    assert exchange.methods.count("allOrders") == 3


def test_more_than_a_page_within_a_millisecond():
    """There is no way to ask for the rest: the symbol is not known for certain."""
    findings = Exchange(allOrders=[order(number) for number in range(PAGE)]).ask(round_of(end=1001))
    assert (findings.checked, findings.unchecked) == ([], ["BTCUSDT"])
    assert len(findings.orders) == PAGE


def test_full_pages_of_trades_are_followed_by_id():
    """What is older than was asked for is left out."""
    everything = [trade(number, at=990 + number) for number in range(2100)]

    def my_trades(params):
        if "fromId" in params:
            return [entry for entry in everything if entry["id"] >= params["fromId"]][: params["limit"]]
        return everything[: params["limit"]]

    exchange = Exchange(myTrades=my_trades, **{"order.status": order})
    findings = exchange.ask(round_of())
    assert exchange.methods.count("myTrades") == 3
    assert len(findings.trades) == 2090


@pytest.mark.parametrize(
    "budget, methods",
    [
        (0, []),
        (20, ["account.status"]),
        (105, ["account.status", "openOrders.status"]),
        (106, ["account.status", "openOrders.status", "openOrderLists.status"]),
        (145, ["account.status", "openOrders.status", "openOrderLists.status"]),
        (146, ["account.status", "openOrders.status", "openOrderLists.status", "myTrades", "allOrders"]),
    ],
)
def test_the_budget_ends(budget, methods):
    """The cheapest and the most important first; a symbol is asked for as a whole, or not at all."""
    exchange = Exchange()
    findings = exchange.ask(round_of(budget=budget))
    assert exchange.methods[: len(methods)] == methods
    assert findings.unchecked == ([] if "allOrders" in methods else ["BTCUSDT"])


def test_a_budget_that_ends_with_single_orders():
    """Then their symbol is not known for certain; lists are not of a symbol."""
    exchange = Exchange(**{"order.status": order()})
    findings = exchange.ask(round_of(open_orders=[("BTCUSDT", 1), ("BTCUSDT", 2)], open_lists=[3], budget=146 + 4))
    assert exchange.methods.count("order.status") == 1
    assert (findings.checked, findings.unchecked) == ([], ["BTCUSDT"])


@pytest.mark.parametrize("method", ["myTrades", "allOrders", "order.status"])
@pytest.mark.parametrize(
    "answer", [ConnectionLost("gone"), None, {}, [5], [{"symbol": "BTCUSDT"}], [{**order(), **trade(), "qty": 1.5}]]
)
def test_what_is_no_answer(method, answer):
    """An error, or something of another shape: then the symbol is not known, and everything else goes on."""
    if method != "myTrades" and answer and answer != [5] and not isinstance(answer, Exception):
        answer = [{**entry, "executedQty": "much"} for entry in answer] if isinstance(answer, list) else answer
    exchange = Exchange(**{method: answer})
    findings = exchange.ask(round_of(open_orders=[("BTCUSDT", 1)]) if method == "order.status" else round_of())
    assert findings.unchecked == ["BTCUSDT"]
    assert findings.checked == []
    assert findings.account == ACCOUNT


@pytest.mark.parametrize("answer", [ConnectionLost("gone"), [], {"updateTime": 5, "balances": [{"asset": "BTC"}]}])
def test_no_account(answer):
    """And no open orders, and no lists."""
    names = ("account.status", "openOrders.status", "openOrderLists.status")
    exchange = Exchange(**dict.fromkeys(names, {} if answer == [] else answer))
    findings = exchange.ask(round_of(symbols=(), open_lists=[7], budget=106))
    assert (findings.account, findings.has_open_orders, findings.has_open_lists) == (None, False, False)
    assert not findings.anything


@pytest.mark.parametrize("budget", [106, PLENTY])
def test_a_list_that_cannot_be_asked_for(budget):
    """It was open, and is not any more, and nobody says what became of it."""
    exchange = Exchange(**{"orderList.status": ConnectionLost("gone")})
    findings = exchange.ask(round_of(symbols=(), open_lists=[7], budget=budget))
    assert findings.lacks_lists
    assert not Exchange().ask(round_of(symbols=())).lacks_lists
