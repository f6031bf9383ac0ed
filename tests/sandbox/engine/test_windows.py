"""Rolling windows and the reference price, held against models that keep every trade."""

from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from binance_socket.sandbox.news import PublicTrade
from binance_socket.sandbox.windows import ReferenceMean, RollingWindow, Statistics

D = Decimal
SECOND = 1000
PRICES = [D(text) for text in ("99.5", "100", "100.01", "103", "0.00000001")]
STEPS = st.one_of(st.sampled_from([0, 1, 999, 1000, 1001, 5000, 10_000, 11_000]), st.integers(0, 4000))


@st.composite
def histories(draw):
    """Trades, and looks in between (None), each with its time."""
    time, number, history = draw(st.integers(0, 2_000_000_000_000)), 0, []
    for is_trade in draw(st.lists(st.booleans(), max_size=30)):
        time += draw(STEPS)
        if is_trade:
            number += 1
            price, quantity = draw(st.sampled_from(PRICES)), D(draw(st.integers(1, 10**6))).scaleb(-5)
            history.append((time, PublicTrade(number, price, quantity, time, False)))
        else:
            history.append((time, None))
    return [*history, (time + draw(STEPS), None)]


@given(histories(), st.sampled_from([SECOND, 5 * SECOND, 10 * SECOND]), st.sampled_from([1, 100, SECOND]))
def test_a_window_holds_what_is_not_too_old(history, span, bucket):
    """By whole buckets, as soon and as long as a part of one lies in the window."""
    window, trades, forgotten = RollingWindow(span, bucket), [], 0
    for now, trade in history:
        if trade is not None:
            trades.append(trade)
            window.add(trade)
            continue
        window.advance(now)
        while forgotten < len(trades) and trades[forgotten].time // bucket * bucket + bucket <= now - span:
            forgotten += 1
        inside = trades[forgotten:]
        recent = [trade for trade in trades if trade.time >= now - span]
        assert inside[len(inside) - len(recent) :] == recent
        before = trades[forgotten - 1].price if forgotten else D(0)
        assert window.price_before == before
        seen = window.statistics
        if not inside:
            assert seen == Statistics(open=before, last=before)
            continue
        prices = [trade.price for trade in inside]
        assert (seen.open, seen.high, seen.low, seen.last) == (prices[0], max(prices), min(prices), prices[-1])
        assert seen.volume == sum(trade.quantity for trade in inside)
        assert seen.quote_volume == sum(trade.quantity * trade.price for trade in inside)
        assert (seen.first_id, seen.last_id, seen.count) == (inside[0].id, inside[-1].id, len(inside))


def half_up(value, digits):
    """Round a fraction to the nearest, halves away from zero."""
    scaled = abs(value) * 10**digits
    rounded = Fraction((scaled.numerator * 2 + scaled.denominator) // (scaled.denominator * 2), 10**digits)
    return rounded if value >= 0 else -rounded


@given(
    st.integers(1, 10**13).map(lambda units: D(units).scaleb(-8)),
    st.integers(1, 10**13).map(lambda units: D(units).scaleb(-8)),
    st.integers(1, 10**13).map(lambda units: D(units).scaleb(-5)),
    st.integers(1, 10**16).map(lambda units: D(units).scaleb(-8)),
)
def test_statistics_round_to_the_nearest(first, last, volume, quote_volume):
    """Three decimals of a per cent, eight of a price."""
    statistics = Statistics(open=first, last=last, volume=volume, quote_volume=quote_volume)
    assert statistics.change == last - first
    change = (Fraction(last) - Fraction(first)) * 100 / Fraction(first)
    assert Fraction(statistics.change_percent) == half_up(change, 3)
    assert Fraction(statistics.average) == half_up(Fraction(quote_volume) / Fraction(volume), 8)


def test_statistics_round_halves_up():
    """Away from zero, not to the even digit."""
    statistics = Statistics(open=D(200_000), last=D(200_001), volume=D(2), quote_volume=D("0.00000001"))
    assert (statistics.change_percent, statistics.average) == (D("0.001"), D("0.00000001"))
    assert Statistics(open=D(200_000), last=D(199_999)).change_percent == D("-0.001")


def test_statistics_of_nothing_are_zero():
    """Nothing is divided by nothing."""
    statistics = Statistics()
    assert (statistics.change, statistics.change_percent, statistics.average) == (0, 0, 0)


@given(histories(), st.sampled_from([1, 3, 10]), st.sampled_from([500, SECOND, 2 * SECOND]))
def test_the_reference_price_is_the_mean_of_the_window(history, count, width):
    """Every trade counts the same, those of the oldest bucket by the share of it in the window; the rest is cut off."""
    mean, trades = ReferenceMean(count, width), []
    for now, trade in history:
        if trade is not None:
            trades.append(trade)
            mean.add(trade)
            continue
        cutoff = now - count * width
        shares = [
            (trade.price, min(Fraction(1), Fraction(trade.time // width * width + width - cutoff, width)))
            for trade in trades
        ]
        counted = [(Fraction(price), share) for price, share in shares if share > 0]
        assert mean.was_set == bool(trades)
        price = mean.price(now)
        if not counted:
            assert price is None
            continue
        exact = sum(price * share for price, share in counted) / sum(share for _, share in counted)
        assert Fraction(price) == Fraction(exact * 10**8 // 1, 10**8)


def test_a_bucket_counts_as_long_as_a_part_of_it_does():
    """With one more bucket than the window is wide, there is something in each."""
    mean = ReferenceMean(count=2, width=SECOND)
    for number, (price, time) in enumerate([(100, 500), (200, 1500), (300, 2500)]):
        mean.add(PublicTrade(number + 1, D(price), D(1), time, False))
    # A quarter of the first, all of the others.
    assert mean.price(2750) == D("233.33333333")
    assert mean.price(3000) == D(250)
    assert mean.price(4999) == D(300)
    assert mean.price(5000) is None
