"""The soak's plan, its judge and a small run; and, on a clock of the test's, the defaults that a soak does without."""

from __future__ import annotations

import collections
import dataclasses
import random
from decimal import Decimal

import pytest

from benchmarks.__main__ import main
from benchmarks.soak import course, kinds, make_plan, print_report, read_plan, run
from benchmarks.soak.course import Report, Sample
from benchmarks.soak.judge import Delivered, GapNews, Judge
from benchmarks.soak.kinds import DISCONNECTS, ROTATIONS, Kind, Step
from benchmarks.soak.watch import OPTIONS
from binance_socket import ClientOptions
from binance_socket.testing import FakeNetwork, InlineExecutor

PATIENCE = 10.0


# The plan.


def test_a_seed_is_a_plan():
    """The same seed is the same plan, however often; another one is another."""
    plan = make_plan(7, 50_000, 90, 20)
    assert plan == make_plan(7, 50_000, 90, 20)
    assert plan.steps != make_plan(8, 50_000, 90, 20).steps
    assert len(plan.steps) == 110
    assert [step.at for step in plan.steps] == sorted(step.at for step in plan.steps)
    assert 0 < plan.steps[0].at <= plan.steps[-1].at < 50_000
    assert [step.number for step in plan.steps] == list(range(1, 111))


def test_every_kind_comes_about_equally_often():
    """More than a dozen kinds of disconnects; what is not for every account is for those it is for."""
    plan = make_plan(1, 100_000, 300, 50)
    counts = collections.Counter(step.kind for step in plan.steps)
    names = {kind.name for kind in DISCONNECTS}
    assert len(names) == len(DISCONNECTS) >= 12
    assert {counts[name] for name in names} == {300 // len(names), 300 // len(names) + 1}
    assert sum(counts[name] for name in {kind.name for kind in ROTATIONS}) == 50
    for step in plan.steps:
        kind = kinds.kind_of(step)
        assert step.account in ((kinds.EVERYBODY,) if kind.hits_everybody else kind.accounts)


def test_a_plan_can_be_written_and_read():
    """Also from among other lines; and in part."""
    plan = make_plan(3, 5_000, 40, 5)
    lines = ["something else", *plan.lines(), "{}", "the end"]
    assert read_plan(lines) == plan
    part = plan.only({2, 30})
    assert [step.number for step in part.steps] == [2, 30]
    assert read_plan(part.lines()) == part
    with pytest.raises(ValueError, match="no plan"):
        read_plan(["nothing"])


# The judge.

START = 1_700_000_000_000


def deposit(number, at=None):
    at = START + number if at is None else at
    return {"e": "balanceUpdate", "E": at, "a": "BTC", "d": f"{number}.00000000", "T": at}


def report(order, execution, status="NEW", *, at, filled="0.00000000", trade=-1, number=0, **more):
    return {
        "e": "executionReport", "E": at, "s": "BTCUSDT", "c": f"c{order}", "S": "BUY", "q": "5.0", "x": execution,
        "X": status, "i": order, "l": "1.00000000" if trade >= 0 else "0.00000000", "z": filled, "L": "7.00000000",
        "n": "0.00100000", "N": "BTC", "T": at, "t": trade, "I": number, "m": True, **more,
    }  # fmt: skip


def position(asset, free, locked="0.00000000", *, at):
    return {"e": "outboundAccountPosition", "E": at, "u": at, "B": [{"a": asset, "f": free, "l": locked}]}


def gap(start, end, *, number=1, final=True, whole=True):
    return GapNews(number, START + start, START + end, final, whole, "for a test")


def judged(ledger, *told):
    """Return the verdict on what was *told*: payloads, deliveries and gaps."""
    judge = Judge("test")
    for payload in ledger:
        judge.publish(payload)
    for news in told:
        if isinstance(news, GapNews):
            if news.final:
                judge.gap(dataclasses.replace(news, final=False, whole=False))
            judge.gap(news)
        else:
            judge.deliver(news if isinstance(news, Delivered) else Delivered(news))
    judge.close()
    return judge.verdict


FIVE = [deposit(number) for number in range(5)]


def test_what_was_published_is_what_was_delivered():
    """Types may overtake each other; what a connection says of itself is none of the ledger's business."""
    other = position("BTC", "1.00000000", at=START + 2)
    ended = {"e": "eventStreamTerminated", "E": START}
    verdict = judged([*FIVE[:3], other, *FIVE[3:]], other, *FIVE[:2], ended, *FIVE[2:])
    assert verdict.sound
    assert (verdict.published, verdict.live, verdict.missed) == (6, 6, 0)


def test_a_lost_event_is_noticed():
    """In the middle and at the end; a gap elsewhere does not excuse it."""
    for told in (FIVE[:2] + FIVE[3:], FIVE[:4]):
        assert judged(FIVE, *told).faults == {"lost without a gap": 1}
    assert judged(FIVE, *FIVE[:2], gap(3, 4), *FIVE[3:]).faults == {"lost without a gap": 1}


def test_a_lost_event_within_a_gap_is_accounted_for():
    """From its first millisecond to its last."""
    verdict = judged(FIVE, FIVE[0], gap(1, 3), FIVE[4])
    assert verdict.sound
    assert (verdict.missed, verdict.gaps, verdict.whole_gaps) == (3, 1, 1)


def test_a_doubled_event_is_noticed():
    """At once or later, in the next stretch as well; not where it says that it may be one."""
    assert judged(FIVE, *FIVE[:2], *FIVE[1:]).faults == {"duplicated": 1}
    assert judged(FIVE, *FIVE, FIVE[0]).faults == {"duplicated": 1}
    marked = judged(FIVE, *FIVE, Delivered(FIVE[0], possible_duplicate=True))
    assert marked.sound
    assert marked.possible_duplicates == 1
    judge = Judge("test")
    for _ in range(2):
        judge.publish(FIVE[0])
        judge.deliver(Delivered(FIVE[0]))
    assert judge.verdict.sound
    judge.close()
    judge.deliver(Delivered(FIVE[0]))
    assert judge.verdict.faults == {"duplicated": 1}


def test_swapped_events_are_noticed():
    """Once for each that comes behind a later one."""
    assert judged(FIVE, FIVE[0], FIVE[2], FIVE[1], *FIVE[3:]).faults == {"out of order": 1}


def test_an_invented_event_is_noticed():
    """What the ledger does not have, in every detail, never was."""
    assert judged(FIVE, *FIVE, deposit(9)).faults == {"invented": 1}
    assert judged(FIVE[:1], {**FIVE[0], "d": "0.1"}).faults == {"invented": 1, "lost without a gap": 1}


def test_gaps_are_told_of_twice():
    """Open and final, in this order, once each."""
    opened = gap(1, 2, final=False)
    assert judged([], opened).faults == {"gaps without an end": 1}
    assert judged([], opened, opened).faults == {"gaps opened twice": 1, "gaps without an end": 1}
    judge = Judge("test")
    judge.gap(gap(1, 2))
    assert judge.verdict.faults == {"gaps that were never open": 1}
    judge.gap(gap(1, 2))
    assert judge.verdict.faults["gaps told of after their end"] == 1
    judge.close()
    judge.gap(opened)
    assert judge.verdict.faults["gaps told of after their end"] == 2


ORDER = [
    report(1, "NEW", at=START, number=1),
    report(1, "TRADE", "PARTIALLY_FILLED", at=START + 1, filled="1.00000000", trade=5, number=2),
    report(1, "TRADE", "PARTIALLY_FILLED", at=START + 2, filled="2.00000000", trade=6, number=3),
    report(1, "CANCELED", "CANCELED", at=START + 3, filled="2.00000000", number=4),
]
TRADES = [Delivered({**event, "I": -1, "l": "1.0"}, recovered=True) for event in ORDER[1:3]]
END = Delivered({**ORDER[3], "I": -1}, recovered=True)


def test_what_was_recovered_is_held_against_the_ledger():
    """Trades by their numbers, and how the order ended."""
    verdict = judged(ORDER, ORDER[0], gap(1, 4), *TRADES, END)
    assert verdict.sound
    assert (verdict.missed, verdict.recovered_trades, verdict.recovered_others) == (3, 2, 1)


def test_a_trade_that_was_not_recovered_is_noticed():
    """Where it was said that everything was; else it is only the truth that was told."""
    missing = (ORDER[0], gap(1, 4), TRADES[0], END)
    assert judged(ORDER, *missing).faults == {"trades not recovered": 1}
    partial = judged(ORDER, ORDER[0], gap(1, 4, whole=False), TRADES[0], END)
    assert partial.sound
    assert partial.missed == 3


def test_lies_about_trades_are_noticed():
    """Told of twice, never made, made otherwise."""
    assert judged(ORDER, *ORDER[:2], gap(1, 4), *TRADES, END).faults == {"trades told of twice": 1}
    assert judged(ORDER, ORDER[0], gap(1, 4), *TRADES, TRADES[1], END).faults == {"trades told of twice": 2}
    never = Delivered({**ORDER[2], "t": 99}, recovered=True)
    assert judged(ORDER, ORDER[0], gap(1, 4), *TRADES, never, END).faults == {"recovered trades that never were": 1}
    other = Delivered({**ORDER[2], "l": "3.00000000"}, recovered=True)
    assert judged(ORDER, ORDER[0], gap(1, 4), TRADES[0], other, END).faults == {
        "recovered trades that were different": 1
    }


def test_wrong_states_of_orders_are_noticed():
    """Where they are told to be as they never were, or are not told at all."""
    wrong = Delivered({**ORDER[3], "X": "EXPIRED"}, recovered=True)
    assert judged(ORDER, ORDER[0], gap(1, 4), *TRADES, wrong).faults == {
        "recovered orders that were never so": 1,
        "wrong states of orders": 1,
    }
    assert judged(ORDER, ORDER[0], gap(1, 4), *TRADES).faults == {"wrong states of orders": 1}
    assert judged(ORDER, ORDER[0], gap(1, 4, whole=False), *TRADES).sound


def test_what_comes_late_does_not_count_as_the_latest():
    """An older state of an order, told behind a newer one, changes nothing."""
    late = Delivered(TRADES[1].payload, recovered=True, late=True)
    assert judged(ORDER, ORDER[0], gap(1, 2), TRADES[0], ORDER[3], late).sound


def test_what_was_recovered_covers_what_it_supersedes():
    """Beyond the gap: an event that says nothing new is not told; one that does is missed."""
    assert judged(ORDER, ORDER[0], gap(1, 2), *TRADES, END).sound
    assert judged(ORDER[:3], ORDER[0], gap(0, 1), TRADES[0]).faults["lost without a gap"] == 1
    balances = [position("BTC", f"{number}.00000000", at=START + number) for number in range(4)]
    told = Delivered(position("BTC", "3.0", at=START + 3), recovered=True)
    assert judged(balances, balances[0], gap(1, 2), told).sound


def test_wrong_balances_are_noticed():
    """Of an asset that was locked from outside, only the sum can be known."""
    balances = [position("BTC", "1.00000000", at=START), position("BTC", "3.00000000", at=START + 2)]
    wrong = Delivered(position("BTC", "2.0", "1.0", at=START + 2), recovered=True)
    assert judged(balances, balances[0], gap(1, 3), wrong).faults == {"wrong balances": 1}
    lock = {"e": "externalLockUpdate", "E": START + 2, "a": "BTC", "d": "1.00000000", "T": START + 2}
    assert judged([*balances, lock], balances[0], gap(1, 3), wrong).sound


def test_the_exchange_has_the_last_word():
    """What is open, and what there is, at the end."""
    judge = Judge("test")
    for payload in (ORDER[0], position("BTC", "1.00000000", "2.00000000", at=START)):
        judge.publish(payload)
        judge.deliver(Delivered(payload))
    judge.close()
    one = {"symbol": "BTCUSDT", "orderId": 1, "status": "NEW", "executedQty": "0.0"}
    balances = {"BTC": (Decimal(1), Decimal(2))}
    judge.compare([one], balances)
    assert judge.verdict.sound
    judge.compare([], balances)
    judge.compare([one, {**one, "orderId": 2}], balances)
    judge.compare([{**one, "executedQty": "1"}], {})
    assert judge.verdict.faults == {"wrong open orders": 3, "wrong balances": 1}


# What the process holds.


def samples(*values):
    return [
        Sample(number, int(resident * 2**20), int(100_000 * resident), threads, number, 20)
        for number, (resident, threads) in enumerate(values)
    ]


@pytest.mark.parametrize(
    ("values", "failures"),
    [
        ([(50 + 30 * min(number, 20), 9) for number in range(60)], 0),
        ([(50 + number, 9) for number in range(60)], 1),
        ([(50 + 9 * number, 9) for number in range(60)], 2),
        ([(50, 9 + number) for number in range(60)], 1),
        ([(50 + number, 9 + number) for number in range(60)], 2),
        # Too few to tell what is growth, and what is only filled for the first time.
        ([(50 + number, 9) for number in range(12)], 0),
    ],
)
def test_growth_is_noticed(values, failures):
    """Of memory, by the line through the second half; of threads and descriptors, by the most there were."""
    found = Report(make_plan(1, 1000, 1, 0), samples=samples(*values))
    course.judge_samples(found)
    assert len(found.failures) == failures
    assert found.sound is not bool(failures)


@pytest.mark.parametrize(("each", "more", "failures"), [(12, 0, 0), (12, 1500, 1), (0, 1500, 1), (0, 0, 0)])
def test_what_goes_with_the_orders_that_are_remembered_is_no_growth(each, more, failures):
    """There are more of them when events come faster; what is held besides counts all the same."""
    orders = [10_000 + 100 * number + 2000 * (number % 3) for number in range(60)]
    blocks = [300_000 + each * orders[number] + more * number for number in range(60)]
    held = [Sample(n, 2**20, blocks[n], 9, n, 20, orders[n]) for n in range(60)]
    found = Report(make_plan(1, 1000, 1, 0), samples=held)
    course.judge_samples(found)
    assert len(found.failures) == failures
    assert found.more_blocks == pytest.approx(29 * more, abs=1)


def test_orders_that_are_remembered_have_an_end():
    """However fast events come."""
    found = Report(make_plan(1, 1000, 1, 0), samples=[Sample(n, 1, 1, 9, n, 20, 30_000 + n // 59) for n in range(60)])
    course.judge_samples(found)
    assert found.failures == ["30,001 closed orders were remembered, and 30,000 should be at most"]


# All of it.


@pytest.mark.no_cover
def test_a_small_soak(capsys):
    """Every kind of disconnect there is, once, and the report says what happened."""
    assert main(["soak", "--events", "4000", "--faults", str(len(DISCONNECTS)), "--rotations", "3", "--seed", "5"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "sound"
    for kind in DISCONNECTS:
        assert any(line.startswith(kind.name) for line in lines)
    assert any(line.split() == ["lost", "without", "a", "gap", "0", "0", "0", "0"] for line in lines)


@pytest.mark.no_cover
def test_a_soak_in_which_the_exchange_forgets_an_event(monkeypatch, tmp_path):
    """It is not sound, says so, and prints the plan with which the same goes wrong again."""

    def forget(stage, step):
        stage.faults.drop_events(1)
        stage.publish(step.blind)

    kind = Kind("forgotten event", forget, "drop_events", hits_everybody=True, loses=False)
    monkeypatch.setitem(kinds._BY_NAME, kind.name, kind)
    step = Step(1, 100, kind.name, kinds.EVERYBODY, 60, {})
    plan = dataclasses.replace(make_plan(2, 300, 0, 0), steps=(step,))
    lines = []
    faults = []
    for _ in range(2):
        found = run(plan)
        assert found.total.faults["lost without a gap"] == 1
        assert not found.sound
        faults.append(found.total.faults)
        lines.clear()
        print_report(found, lines.append)
        plan = read_plan(lines)
    assert faults[0] == faults[1]
    assert plan.steps == (step,)
    file = tmp_path / "report.txt"
    file.write_text("\n".join(lines), "utf-8")
    assert main(["soak", "--replay", str(file)]) == 1
    assert main(["soak", "--replay", str(file), "--only", "2,5-7"]) == 0


@pytest.mark.no_cover
def test_a_step_that_does_nothing_is_noticed(monkeypatch):
    """A fault that did not come about, and a loss that was not told."""
    for loses, told in ((False, "nothing went wrong"), (True, "no loss was told")):
        kind = Kind("nothing", lambda stage, step: stage.publish(step.blind), "cut", loses=loses)
        monkeypatch.setitem(kinds._BY_NAME, kind.name, kind)
        monkeypatch.setattr("benchmarks.soak.watch.PATIENCE", 0.2)
        monkeypatch.setattr("faulthandler.dump_traceback", lambda file: None)
        plan = dataclasses.replace(make_plan(2, 300, 0, 0), steps=(Step(1, 100, kind.name, 0, 10, {}),))
        found = run(plan)
        assert told in found.failures[0]
        assert not found.sound


# What a soak does without.


class Timed(FakeNetwork):
    """Notes when it is tried."""

    def __init__(self, clock):
        super().__init__()
        self.clock = clock
        self.times = []

    def connect(self, url, *, timeout, waker):
        self.times.append(self.clock.monotonic())
        return super().connect(url, timeout=timeout, waker=waker)


def due(clock, connection):
    """Wait until a connection waits for a time, and return when that is."""
    changed = connection._changed

    def found():
        times = [when for condition, when in clock._waiting.values() if condition is changed and when is not None]
        return min((when for when in times if when > clock._now), default=None)

    with clock._waits:
        assert clock._waits.wait_for(lambda: found() is not None, PATIENCE)
        return found()


def test_a_soak_does_without_what_would_slow_it_down():
    """And nothing else than that differs in what it takes for lost, late or repeated."""
    defaults = ClientOptions()
    assert (defaults.connect_budget, defaults.backoff_base, defaults.backoff_cap) == (100, 0.5, 30.0)
    assert defaults.rotation_after == 23 * 3600
    assert (OPTIONS.connect_budget, OPTIONS.backoff_base, OPTIONS.rotation_after) == (None, 0.0, None)
    assert OPTIONS.backfill == defaults.backfill
    assert OPTIONS.mailbox_size == defaults.mailbox_size


def test_by_default_a_process_connects_a_hundred_times_in_five_minutes(make_client, clock):
    """All clients together, however often they are refused; then as often again."""
    network = Timed(clock)
    for _ in range(1000):
        network.refuse()
    clients = [make_client(network=network, connect_budget=ClientOptions().connect_budget) for _ in range(3)]
    for client in clients:
        client.with_options(timeout=10_000).spot_api.account.session_subscriptions.submit()
    for period in (1, 2, 3):
        # Without a back-off: all that they wait for is the budget.
        assert {due(clock, client._hub.api) for client in clients} == {300.0 * period}
        assert len(network.times) == 100 * period
        clock.advance(299)
        assert len(network.times) == 100 * period
        clock.advance(1)
    assert collections.Counter(network.times[:300]) == {0.0: 100, 300.0: 100, 600.0: 100}


def test_by_default_reconnects_wait_with_full_jitter(monkeypatch, clock, make_client, exchange, subscribe):
    """Anything up to half a second, then up to twice as long each time, up to 30 seconds."""
    monkeypatch.setattr("random.random", random.Random(11).random)
    network = Timed(clock)
    exchange.network = network
    options = {"backfill": False, "backoff_base": ClientOptions().backoff_base}
    client = make_client(network=network, executor=InlineExecutor(), **options)
    shares = []
    _, transport = subscribe(client)
    for _ in range(20):
        for _ in range(10):
            network.refuse()
        transport.drop()
        for attempt in range(11):
            when = due(clock, client._hub.api)
            longest = min(30.0, 0.5 * 2**attempt)
            shares.append((when - clock.monotonic()) / longest)
            clock.advance(when - clock.monotonic())
        transport = network.accept()
        exchange.expect(transport, "userDataStream.subscribe.signature", {"subscriptionId": 0})
    assert 0 <= min(shares) < 0.05
    assert 0.95 < max(shares) <= 1
    # Full jitter: uniform from nothing on, not around something.
    tenths = collections.Counter(int(share * 10) for share in shares)
    assert all(10 <= tenths[tenth] <= 35 for tenth in range(10))
    assert abs(sum(shares) / len(shares) - 0.5) < 0.05


def test_by_default_connections_are_left_after_23_hours(make_client, network, exchange, subscribe, pass_time):
    """Give or take half an hour, while the exchange still has one to go at least."""
    client = make_client(executor=InlineExecutor())
    _, old = subscribe(client)
    due = client._hub._rotator.next_at
    assert 22.5 * 3600 <= due <= 23.5 * 3600
    pass_time(client, due - 1)
    assert len(network.attempts) == 1
    # The silence of all those hours is looked into, and answered.
    old.push_pong()
    pass_time(client, 1)
    exchange.expect(network.accept(), "ping", {})
