"""What the headers of HTTP answers say."""

import pytest

from binance_socket._engine.headers import count_of, seconds_of

WEEK = 7 * 86400


@pytest.mark.parametrize(
    "value, seconds",
    [
        (None, None),
        ("17", 17),
        ("0", 0),
        ("-1", None),
        ("1.5", None),
        ("", None),
        ("\u0663", None),
        ("9" * 30, None),
        ("9" * 5000, None),
        ("yesterday", None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("Fri, 14 Jul 2017 02:41:00 GMT", 60.0),
        ("Fri, 31 Dec 2999 23:59:59 GMT", WEEK),
        ("Fri, 31 Dec 9999 23:59:59 GMT", WEEK),
        ("604801", WEEK),
        ("999999999", WEEK),
        ("Fri, 31 Dec 99999 23:59:59 GMT", None),
    ],
)
def test_retry_after(value, seconds):
    """In seconds, or as a date, for a week at most; anything else is as if it were not there, however long it is."""
    assert seconds_of(value, lambda: 1.5e9) == seconds


@pytest.mark.parametrize("value, count", [(None, None), ("12", 12), ("x", None), ("9" * 5000, None), ("\u00b2", None)])
def test_counts(value, count):
    """The same."""
    assert count_of(value) == count
