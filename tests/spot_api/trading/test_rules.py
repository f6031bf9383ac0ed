"""What orders of each type need is found missing before anything is sent."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from binance_socket import ContingentLeg, InvalidRequest, PendingLeg, WorkingLeg
from binance_socket.models import OrderType
from binance_socket.spot_api import Trading
from binance_socket.spot_api.trading.legs import LEGS, leg_params
from binance_socket.spot_api.trading.parameters import KINDS, wire_name
from binance_socket.spot_api.trading.rules import RULES

VALUES = {
    "time_in_force": "GTC",
    "price": "5",
    "quantity": "1",
    "quote_order_quantity": "9",
    "stop_price": "4",
    "trailing_delta": 100,
    "iceberg_quantity": "0.5",
    "peg_price_type": "PRIMARY_PEG",
    "peg_offset_type": "PRICE_LEVEL",
    "peg_offset_value": 1,
}
# Written down once more, in the documents' own words, so that the table in the code is not compared with itself.
DOCUMENTED = {
    "LIMIT": ["timeInForce", "price", "quantity"],
    "LIMIT_MAKER": ["price", "quantity"],
    "MARKET": ["quantity or quoteOrderQty"],
    "STOP_LOSS": ["quantity", "stopPrice or trailingDelta"],
    "STOP_LOSS_LIMIT": ["timeInForce", "price", "quantity", "stopPrice or trailingDelta"],
    "TAKE_PROFIT": ["quantity", "stopPrice or trailingDelta"],
    "TAKE_PROFIT_LIMIT": ["timeInForce", "price", "quantity", "stopPrice or trailingDelta"],
}
ORDINARY = {wire_name(name): name for name in VALUES}
MANDATORY = {
    kind: [tuple(ORDINARY[name] for name in group.split(" or ")) for group in groups]
    for kind, groups in DOCUMENTED.items()
}
PLACING = {
    "place_order": lambda kind, **given: Trading.place_order.request("BTCUSDT", "BUY", kind, **given),
    "place_test_order": lambda kind, **given: Trading.place_test_order.request("BTCUSDT", "BUY", kind, **given),
    "replace_order": lambda kind, **given: Trading.replace_order.request(
        "BTCUSDT", "BUY", kind, "ALLOW_FAILURE", cancel_order_id=1, **given
    ),
}
placing = pytest.mark.parametrize("place", PLACING.values(), ids=PLACING)


def complete(kind):
    """What an order of *kind* needs, and no more."""
    return {group[0]: VALUES[group[0]] for group in MANDATORY[kind]}


def test_every_type_has_a_rule():
    """And the documents know of no other."""
    assert set(RULES) == set(DOCUMENTED) == {member.value for member in OrderType}


@placing
@pytest.mark.parametrize("kind", DOCUMENTED)
def test_what_is_complete_is_sent(place, kind):
    """With either of what may stand for one another."""
    for names in itertools.product(*MANDATORY[kind]):
        params = place(kind, **{name: VALUES[name] for name in names}).params
        assert {wire_name(name) for name in names} <= params.keys()


@placing
@pytest.mark.parametrize(("kind", "group"), [(kind, group) for kind in MANDATORY for group in MANDATORY[kind]])
def test_what_is_missing_is_named_with_the_order_type(place, kind, group):
    """Each of the mandatory parameters, one by one."""
    given_ones = {name: value for name, value in complete(kind).items() if name not in group}
    with pytest.raises(InvalidRequest) as caught:
        place(kind, **given_ones)
    assert str(caught.value) == f"an order of the type {kind} needs {' or '.join(group)}"


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind in RULES for name in sorted(RULES[kind].refuses)])
def test_what_a_type_cannot_have_is_refused(kind, name):
    """With its name."""
    with pytest.raises(InvalidRequest, match=f"{kind} has no {name}|exclude"):
        PLACING["place_order"](kind, **{**complete(kind), name: VALUES[name]})


@pytest.mark.parametrize(
    ("kind", "more", "message"),
    [
        ("MARKET", {"quote_order_quantity": "9"}, "quantity and quote_order_quantity exclude each other"),
        ("LIMIT", {"peg_offset_type": "PRICE_LEVEL"}, "peg_offset_type needs peg_price_type"),
        ("LIMIT", {"peg_price_type": "MARKET_PEG", "peg_offset_value": 1}, "peg_offset_value needs peg_offset_type"),
        ("LIMIT", {"iceberg_quantity": "1", "time_in_force": "IOC"}, "GTC"),
        ("LIMIT", {"strategy_type": 999_999}, "strategy_type is at least 1000000"),
        ("LIMIT", {"peg_offset_value": 101}, "at most 100"),
        ("LIMIT", {"new_client_order_id": "a b"}, "new_client_order_id is made of 1 to 36"),
        ("LIMIT", {"new_client_order_id": "a" * 37}, "new_client_order_id"),
        ("LIMIT", {"quantity": "much"}, "quantity is an amount"),
        ("LIMIT", {"quantity": "NaN"}, "quantity is an amount"),
        ("LIMIT", {"quantity": -1}, "0 or more"),
        ("LIMIT", {"quantity": True}, "quantity is an amount"),
        ("STOP_LOSS", {"trailing_delta": "100"}, "trailing_delta is a whole number"),
    ],
)
def test_bad_values(kind, more, message):
    """Each is refused with its name."""
    with pytest.raises(InvalidRequest, match=message):
        PLACING["place_order"](kind, **{**complete(kind), **more})


@pytest.mark.parametrize("name", ["quantity", "price", "iceberg_quantity"])
def test_a_float_is_a_type_error(name):
    """Which says why; in a leg as well."""
    with pytest.raises(TypeError, match="not exact"):
        PLACING["place_order"]("LIMIT", **{**complete("LIMIT"), name: 0.1})
    with pytest.raises(TypeError, match="not exact"):
        leg_params("working", WorkingLeg("LIMIT", "BUY", **{**complete("LIMIT"), name: 0.1}))


def test_a_pegged_order_needs_no_price():
    """It has that of the book."""
    request = PLACING["place_order"]("LIMIT", quantity=1, time_in_force="GTC", peg_price_type="PRIMARY_PEG")
    assert "price" not in request.params


def test_a_type_that_is_new_is_left_to_the_exchange():
    """Enumerations are open."""
    assert PLACING["place_order"]("BRAND_NEW").params["type"] == "BRAND_NEW"


@pytest.mark.parametrize(
    ("call", "names"),
    [
        (lambda: Trading.cancel_order.request("X"), "order_id or original_client_order_id"),
        (lambda: Trading.amend_order.request("X", new_quantity=1), "order_id or original_client_order_id"),
        (lambda: Trading.get_order.request("X"), "order_id or original_client_order_id"),
        (lambda: Trading.get_order_list.request(order_list_id=None), "order_list_id or original_client_order_id"),
        (lambda: Trading.cancel_order_list.request("X"), "order_list_id or list_client_order_id"),
        (
            lambda: Trading.replace_order.request("X", "BUY", "MARKET", "STOP_ON_FAILURE", quantity=1),
            "cancel_order_id or cancel_original_client_order_id",
        ),
    ],
)
def test_which_order_is_meant_has_to_be_said(call, names):
    """By one of two names."""
    with pytest.raises(InvalidRequest, match=names):
        call()


def test_every_argument_has_a_kind():
    """No method has a parameter that is not looked at."""
    for name, method in vars(Trading).items() | {
        item for base in Trading.__mro__ for item in vars(base).items() if hasattr(item[1], "declaration")
    }:
        if hasattr(method, "declaration") and method._prepare is not None:
            arguments = set(method._signature.parameters) - {"self", *LEGS}
            assert arguments <= KINDS.keys(), name


MAKERS = {
    "working": (WorkingLeg, {"side": "BUY", "quantity": "1"}),
    "pending": (PendingLeg, {"side": "BUY", "quantity": "1"}),
}
TEXT = st.from_regex(r"[A-Za-z0-9._:/-]{1,36}", fullmatch=True)


@pytest.mark.parametrize("place", LEGS)
@settings(deadline=None)
@given(client_order_id=TEXT, strategy_id=st.integers(0, 2**62), price=st.decimals(0, 10**9, places=8))
def test_legs_become_prefixed_names(place, client_order_id, strategy_id, price):
    """Each field as the wire calls it behind the leg's prefix, and nothing else."""
    maker, more = MAKERS.get(place, (ContingentLeg, {}))
    leg = maker("LIMIT_MAKER", price=price, client_order_id=client_order_id, strategy_id=strategy_id, **more)
    params = leg_params(place, leg, elsewhere=frozenset({"quantity"}))
    prefix = LEGS[place].prefix
    assert all(name.startswith(prefix) for name in params)
    assert {name[len(prefix) :]: value for name, value in params.items()} == {
        "Type": "LIMIT_MAKER",
        "Price": f"{price:f}",
        "ClientOrderId": client_order_id,
        "StrategyId": strategy_id,
        **{name.capitalize(): value for name, value in more.items()},
    }


WORKING = WorkingLeg("LIMIT", "BUY", quantity=1, price=1, time_in_force="GTC")
STOP = ContingentLeg("STOP_LOSS", stop_price=1)
MAKER = ContingentLeg("LIMIT_MAKER", price=2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: Trading.place_oto_order_list.request("X", working=WORKING, pending=PendingLeg("MARKET", "SELL")),
            "pending: an order of the type MARKET needs quantity",
        ),
        (
            lambda: Trading.place_opo_order_list.request(
                "X", working=WORKING, pending=PendingLeg("MARKET", "SELL", quantity=1)
            ),
            "pending: an order of this list has no quantity",
        ),
        (
            lambda: Trading.place_oto_order_list.request(
                "X", working=WorkingLeg("MARKET", "BUY", quantity=1), pending=PendingLeg("MARKET", "SELL", quantity=1)
            ),
            "working: an order of the type MARKET cannot be here: LIMIT or LIMIT_MAKER can",
        ),
        (
            lambda: Trading.place_oco_order_list.request("X", "BUY", 1, above=ContingentLeg("STOP_LOSS"), below=MAKER),
            "above: an order of the type STOP_LOSS needs stop_price or trailing_delta",
        ),
        (
            lambda: Trading.place_oco_order_list.request("X", "BUY", 1, above=WORKING, below=MAKER),
            "above is a ContingentLeg",
        ),
        (
            lambda: Trading.place_otoco_order_list.request(
                "X",
                working=WORKING,
                pending_side="SELL",
                pending_quantity=1,
                pending_above=MAKER,
                pending_below=ContingentLeg("STOP_LOSS_LIMIT", stop_price=1, price=1),
            ),
            "pending_below: an order of the type STOP_LOSS_LIMIT needs time_in_force",
        ),
        (
            lambda: Trading.place_oco_order_list.request(
                "X",
                "BUY",
                1,
                above=STOP,
                below=ContingentLeg("LIMIT_MAKER", price=2, client_order_id="a"),
                list_client_order_id="a",
            ),
            "client order ids of their own",
        ),
    ],
)
def test_lists_name_the_leg_at_fault(call, message):
    """And what is wrong with it."""
    with pytest.raises(InvalidRequest, match=message):
        call()
