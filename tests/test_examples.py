"""The examples run, against the sandbox."""

from __future__ import annotations

import importlib.util
import os
import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from binance_socket import BinanceSocketClient, Environment, NotPlaced, OutcomeSource, OutcomeUnknown
from binance_socket.sandbox import Sandbox, SandboxAccount

EXAMPLES = Path(__file__).parent.parent / "examples"
PATIENCE = 10.0


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture(params=["HMAC", "ED25519"])
def trader(sandbox: Sandbox, request: pytest.FixtureRequest) -> SandboxAccount:
    return sandbox.create_account({"USDT": "100000", "BTC": "1"}, key_type=request.param)


@pytest.fixture
def client(sandbox: Sandbox, trader: SandboxAccount) -> Iterator[BinanceSocketClient]:
    with BinanceSocketClient(credentials=trader.credentials, environment=sandbox.environment) as client:
        yield client


@pytest.fixture
def load() -> Callable[[str], ModuleType]:
    """Import an example by its name."""

    def load(name: str) -> ModuleType:
        spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch) -> queue.SimpleQueue[str]:
    """What the example prints, line by line, as soon as it does."""
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    monkeypatch.setattr("builtins.print", lambda *values: lines.put(" ".join(map(str, values))))
    return lines


@pytest.fixture
def run() -> Iterator[Callable[..., Future[None]]]:
    """Start an example beside the test."""
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit


def test_every_example_is_tested() -> None:
    """A new example needs a test here."""
    tests = Path(__file__).read_text(encoding="utf-8")

    assert [path.stem for path in EXAMPLES.glob("*.py") if f'load("{path.stem}")' not in tests] == []


def test_account_overview(
    client: BinanceSocketClient,
    trader: SandboxAccount,
    load: Callable[[str], ModuleType],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It prints who, what and how much is left."""
    load("account_overview").main(client)

    out = capsys.readouterr().out
    assert f"account {trader.uid}, SPOT, may trade" in out
    assert "BTC" in out
    assert "USDT" in out
    assert "ORDERS in" in out


def test_watch_orders(
    client: BinanceSocketClient,
    trader: SandboxAccount,
    load: Callable[[str], ModuleType],
    printed: queue.SimpleQueue[str],
    run: Callable[..., Future[None]],
) -> None:
    """It prints an order's updates and ends with the order."""
    done = run(load("watch_orders").main, client)
    assert printed.get(timeout=PATIENCE) == "watching"
    order = trader.place_order("BTCUSDT", "BUY", "LIMIT", quantity="0.001", price="50000")
    assert ": NEW, 0" in printed.get(timeout=PATIENCE)
    trader.cancel_order("BTCUSDT", order["orderId"])

    done.result(PATIENCE)
    assert ": CANCELED, 0" in printed.get(timeout=PATIENCE)


def test_listen_key_stream(
    client: BinanceSocketClient,
    trader: SandboxAccount,
    load: Callable[[str], ModuleType],
    printed: queue.SimpleQueue[str],
    run: Callable[..., Future[None]],
) -> None:
    """It prints a deposit and stops its key."""
    done = run(load("listen_key_stream").main, client)
    assert printed.get(timeout=PATIENCE) == "waiting for a deposit or a withdrawal (active)"
    trader.place_order("BTCUSDT", "BUY", "LIMIT", quantity="0.001", price="50000")
    assert printed.get(timeout=PATIENCE).startswith("now there are ")
    trader.deposit("ETH", "2")

    done.result(PATIENCE)
    assert printed.get(timeout=PATIENCE).startswith("ETH changed by 2.00000000 at ")
    assert printed.get(timeout=PATIENCE) == "stopped"


def test_listen_key_stream_where_there_is_none(
    load: Callable[[str], ModuleType], capsys: pytest.CaptureFixture[str], trader: SandboxAccount
) -> None:
    """Where listen keys are retired, it prints since when and what to use instead, and connects nowhere."""
    with BinanceSocketClient(credentials=trader.credentials, environment=Environment.LIVE) as client:
        load("listen_key_stream").main(client)

    assert capsys.readouterr().out.startswith("live retired listen keys on 2026-02-20")


def test_futures_and_deadlines(
    client: BinanceSocketClient, load: Callable[[str], ModuleType], capsys: pytest.CaptureFixture[str]
) -> None:
    """It prints three answers, and that nothing is asked any more after the token was cancelled."""
    load("futures_and_deadlines").main(client)

    lines = capsys.readouterr().out.splitlines()
    assert sorted(lines[:3]) == [
        "account: AccountInfo, status 200",
        "order limits: list, status 200",
        "session: SessionStatus, status 200",
    ]
    assert "account.status" in lines[3]
    assert "cancelled" in lines[3]


class _Window:
    """The part of a window that an executor needs: a thread that calls functions when it is told to."""

    def __init__(self) -> None:
        self.due: list[Callable[[], object]] = []
        self.delays: list[int] = []

    def after(self, ms: int, func: Callable[[], object], /) -> object:
        self.delays.append(ms)
        self.due.append(func)
        return None

    def turn(self) -> None:
        due, self.due = self.due, []
        for function in due:
            function()


def test_tk_executor_runs_on_the_windows_thread(load: Callable[[str], ModuleType]) -> None:
    """Nothing runs on the thread that submits; all of it, in order, on the one where the window turns."""
    pytest.importorskip("tkinter")
    window = _Window()
    executor = load("tk_window").WindowExecutor(window)
    calls: list[tuple[int, threading.Thread]] = []

    def call(number: int) -> int:
        calls.append((number, threading.current_thread()))
        return number

    with ThreadPoolExecutor(1) as other:
        futures = [other.submit(executor.submit, call, number).result(PATIENCE) for number in range(100)]
    assert calls == []
    window.turn()

    assert calls == [(number, threading.current_thread()) for number in range(100)]
    assert [future.result(0) for future in futures] == list(range(100))
    assert window.delays == [15, 15]


def test_tk_executor_lets_the_window_draw(load: Callable[[str], ModuleType]) -> None:
    """What is submitted while the queue is emptied waits for the next turn; an error is the future's."""
    pytest.importorskip("tkinter")
    window = _Window()
    executor = load("tk_window").WindowExecutor(window)
    later: list[Future[Any]] = []
    executor.submit(lambda: later.append(executor.submit(int, "seven")))
    window.turn()
    assert not later[0].done()
    window.turn()

    with pytest.raises(ValueError, match="seven"):
        later[0].result(0)


def test_tk_executor_with_a_client(sandbox: Sandbox, trader: SandboxAccount, load: Callable[[str], ModuleType]) -> None:
    """A client hands its callbacks to the window."""
    pytest.importorskip("tkinter")
    window = _Window()
    executor = load("tk_window").WindowExecutor(window)
    threads: list[threading.Thread] = []
    with BinanceSocketClient(
        credentials=trader.credentials, environment=sandbox.environment, executor=executor
    ) as client:
        account = client.spot_api.account
        account.subscribe_to_user_data_updates(
            on_account_balance_update=lambda _: threads.append(threading.current_thread())
        )
        trader.deposit("ETH", "1")
        # The answer comes after the event on the same connection.
        account.session_status()
        window.turn()

    assert threads == [threading.current_thread()]


@pytest.mark.skipif(not os.environ.get("DISPLAY"), reason="no display: run the tests under xvfb-run to include it")
def test_tk_window(sandbox: Sandbox, trader: SandboxAccount, load: Callable[[str], ModuleType]) -> None:
    """With a real window, an order update stands in its list."""
    tkinter = pytest.importorskip("tkinter")
    module = load("tk_window")
    root = tkinter.Tk()
    table = module.OrderTable(root)
    table.pack()
    with BinanceSocketClient(
        credentials=trader.credentials, environment=sandbox.environment, executor=module.WindowExecutor(root)
    ) as client:

        def show(event: Any) -> None:
            table.show(event)
            root.quit()

        client.spot_api.account.subscribe_to_user_data_updates(on_order_update_message=show)
        root.after(int(PATIENCE * 1000), root.quit)
        trader.place_order("BTCUSDT", "BUY", "LIMIT", quantity="0.001", price="50000")
        root.mainloop()
        lines = table.winfo_children()[0].get(0, "end")
    root.destroy()

    assert len(lines) == 1
    assert lines[0].endswith("BTCUSDT BUY NEW")


def test_local_book(
    sandbox: Sandbox,
    load: Callable[[str], ModuleType],
    printed: queue.SimpleQueue[str],
    run: Callable[..., Future[None]],
) -> None:
    """It prints what something costs, and then the best prices as they change."""
    sandbox.random_flow("BTCUSDT", seed=1, updates=2000)
    with BinanceSocketClient(environment=sandbox.environment) as client:
        done = run(load("local_book").main, client)
        assert printed.get(timeout=PATIENCE).startswith("0.01 would cost ")
        assert printed.get(timeout=PATIENCE).startswith("bid ")
        assert printed.get(timeout=PATIENCE).startswith("ask ")
        while not done.done():
            sandbox.random_flow("BTCUSDT", seed=1, updates=20)
        done.result(PATIENCE)


def _lines(printed: queue.SimpleQueue[str]) -> list[str]:
    """What has been printed and not looked at yet."""
    return [printed.get() for _ in range(printed.qsize())]


def test_market_watcher(
    sandbox: Sandbox,
    trader: SandboxAccount,
    load: Callable[[str], ModuleType],
    printed: queue.SimpleQueue[str],
    run: Callable[..., Future[None]],
) -> None:
    """It prints the day, then trades and candlesticks of both symbols. It needs no key."""
    other = sandbox.create_account({"USDT": "100000", "BTC": "1", "ETH": "10"})

    def trade(symbol: str, quantity: str, price: str) -> None:
        other.place_order(symbol, "SELL", "LIMIT", quantity=quantity, price=price)
        trader.place_order(symbol, "BUY", "LIMIT", quantity=quantity, price=price)

    trade("BTCUSDT", "0.001", "50000")
    with BinanceSocketClient(environment=sandbox.environment) as client:
        done = run(load("market_watcher").main, client, 20)
        assert printed.get(timeout=PATIENCE) == "BTCUSDT 50000.00000000, 0.000 % within 24 hours"
        assert printed.get(timeout=PATIENCE).startswith("ETHUSDT 0.00000000, ")
        assert printed.get(timeout=PATIENCE) == "listening (active)"
        trade("BTCUSDT", "0.001", "51000")
        trade("ETHUSDT", "0.01", "3000")
        lines = [printed.get(timeout=PATIENCE)]
        while not {"BTCUSDT since ", "ETHUSDT since "} <= {line[:14] for line in lines}:
            lines.append(printed.get(timeout=PATIENCE))
        while not done.done():
            trade("BTCUSDT", "0.001", "51000")
        done.result(PATIENCE)

    assert "BTCUSDT 0.00100000 bought at 51000.00000000" in lines
    assert "ETHUSDT 0.01000000 bought at 3000.00000000" in lines
    assert len(lines) + len(_lines(printed)) == 20


LIFECYCLE = [
    "placed 0.00105 at 48000.00",
    "amended to 0.00053000",
    "replaced by 0.00053 at 47520.00",
    "open: BUY 0.00053000 at 47520.00000000, NEW",
    "CANCELED, 0.00000000 filled",
]


@pytest.mark.parametrize("answered", [True, False])
def test_order_lifecycle(
    sandbox: Sandbox,
    client: BinanceSocketClient,
    trader: SandboxAccount,
    load: Callable[[str], ModuleType],
    capsys: pytest.CaptureFixture[str],
    answered: bool,
) -> None:
    """An order is placed, amended, replaced and cancelled, and nothing remains of it. A lost answer changes nothing."""
    other = sandbox.create_account({"BTC": "1"})
    other.place_order("BTCUSDT", "SELL", "LIMIT", quantity="1", price="60000")
    if not answered:
        sandbox.faults.cut_requests("order.place", executed=True)

    load("order_lifecycle").main(client)

    assert capsys.readouterr().out.splitlines() == LIFECYCLE
    reports = [event for event in trader.events if event["e"] == "executionReport"]
    assert [report["x"] for report in reports] == ["NEW", "REPLACED", "CANCELED", "NEW", "CANCELED"]


def test_order_lifecycle_of_an_order_that_is_not_placed(
    sandbox: Sandbox,
    trader: SandboxAccount,
    load: Callable[[str], ModuleType],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As long as nothing is known of the order, there is no second one."""
    other = sandbox.create_account({"BTC": "1"})
    other.place_order("BTCUSDT", "SELL", "LIMIT", quantity="1", price="60000")
    sandbox.faults.cut_requests("order.place", executed=False)
    monkeypatch.setattr(OutcomeUnknown, "resolve", lambda _: NotPlaced(OutcomeSource.QUERY, "it is not there"))

    with BinanceSocketClient(credentials=trader.credentials, environment=sandbox.environment) as client:
        load("order_lifecycle").main(client)

    assert capsys.readouterr().out.startswith("not placed, or not known to be: NotPlaced(")
    assert trader.events == []


@pytest.mark.parametrize("rises", [True, False])
def test_oco_orders(
    sandbox: Sandbox,
    client: BinanceSocketClient,
    trader: SandboxAccount,
    load: Callable[[str], ModuleType],
    printed: queue.SimpleQueue[str],
    run: Callable[..., Future[None]],
    rises: bool,
) -> None:
    """One order is filled when the price has moved, in either direction; the other one expires."""
    maker, taker = (sandbox.create_account({"USDT": "100000", "BTC": "1"}) for _ in range(2))
    for side, price in (("BUY", "59900"), ("SELL", "60000")):
        maker.place_order("BTCUSDT", side, "LIMIT", quantity="0.001", price=price)
    maker.place_order("BTCUSDT", "BUY", "LIMIT", quantity="1", price="59800")
    done = run(load("oco_orders").main, client)
    assert printed.get(timeout=PATIENCE) == "list 0: sell 0.01 at 60060.00, or below 59840.10"
    if rises:
        taker.place_order("BTCUSDT", "BUY", "LIMIT", quantity="0.011", price="60060")
        filled, expired = "LIMIT_MAKER", "STOP_LOSS"
    else:
        taker.place_order("BTCUSDT", "SELL", "LIMIT", quantity="0.002", price="59800")
        filled, expired = "STOP_LOSS", "LIMIT_MAKER"
    done.result(PATIENCE)

    lines = _lines(printed)
    assert lines[-1] == "done"
    assert f"{filled} FILLED, 0.01000000 sold" in lines
    assert f"{expired} EXPIRED, 0.00000000 sold" in lines


def test_oco_orders_of_a_price_that_does_not_move(
    sandbox: Sandbox,
    client: BinanceSocketClient,
    trader: SandboxAccount,
    load: Callable[[str], ModuleType],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """After a while without news, both are cancelled."""
    maker = sandbox.create_account({"USDT": "100000", "BTC": "1"})
    for side, price in (("BUY", "59900"), ("SELL", "60000")):
        maker.place_order("BTCUSDT", side, "LIMIT", quantity="1", price=price)

    load("oco_orders").main(client, 0)

    assert capsys.readouterr().out.endswith("neither price was reached: cancelled\n")
    assert [event["X"] for event in trader.events if event["e"] == "executionReport"][-2:] == ["CANCELED", "CANCELED"]
