"""Every field of the binary schema's account, session and event messages has a model field under its JSON key."""

from __future__ import annotations

import types
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Union, get_args, get_origin
from xml.etree import ElementTree

import attrs
import pytest

from binance_socket._wire.codec import field_types
from binance_socket.models import (
    AccountInfo,
    Allocation,
    AllocationReport,
    AmendedOrder,
    AmendedOrderList,
    BalanceLockUpdate,
    BalanceUpdate,
    CanceledOrder,
    CanceledOrderList,
    CancelReplaceResult,
    CurrentRateLimit,
    ListenKey,
    Model,
    OpenEnum,
    Order,
    OrderAmendment,
    OrderAmendmentResult,
    OrderList,
    OrderListUpdate,
    OrderTestResult,
    OrderUpdate,
    PlacedOrder,
    PlacedOrderList,
    PositionsUpdate,
    PreventedMatch,
    ServerShutdown,
    SessionStatus,
    SessionSubscription,
    StreamTerminated,
    SymbolCommissionRates,
    UserTrade,
)
from binance_socket.models.base import wire_name

pytestmark = pytest.mark.conformance

MESSAGES: dict[str, type[Model]] = {
    "WebSocketSessionLogonResponse": SessionStatus,
    "WebSocketSessionStatusResponse": SessionStatus,
    "WebSocketSessionLogoutResponse": SessionStatus,
    "WebSocketSessionSubscriptionsResponse": SessionSubscription,
    "AccountResponse": AccountInfo,
    "AccountOrderRateLimitResponse": CurrentRateLimit,
    "UserDataStreamStartResponse": ListenKey,
    "UserDataStreamSubscribeListenTokenResponse": SessionSubscription,
    "AllocationReportEvent": AllocationReport,
    "BalanceUpdateEvent": BalanceUpdate,
    "EventStreamTerminatedEvent": StreamTerminated,
    "ExecutionReportEvent": OrderUpdate,
    "ExternalLockUpdateEvent": BalanceLockUpdate,
    "ListStatusEvent": OrderListUpdate,
    "OutboundAccountPositionEvent": PositionsUpdate,
    "ServerShutdownEvent": ServerShutdown,
    "NewOrderAckResponse": PlacedOrder,
    "NewOrderResultResponse": PlacedOrder,
    "NewOrderFullResponse": PlacedOrder,
    "OrderResponse": Order,
    "CancelOrderResponse": CanceledOrder,
    "OrdersResponse": Order,
    "NewOrderListAckResponse": PlacedOrderList,
    "NewOrderListResultResponse": PlacedOrderList,
    "NewOrderListFullResponse": PlacedOrderList,
    "CancelOrderListResponse": CanceledOrderList,
    "OrderListResponse": OrderList,
    "OrderListsResponse": OrderList,
    "OrderTestWithCommissionsResponse": OrderTestResult,
    "OrderAmendmentsResponse": OrderAmendment,
    "AccountTradesResponse": UserTrade,
    "AccountPreventedMatchesResponse": PreventedMatch,
    "AccountAllocationsResponse": Allocation,
    "AccountCommissionResponse": SymbolCommissionRates,
}

LISTS = {
    "WebSocketSessionSubscriptionsResponse",
    "AccountOrderRateLimitResponse",
    "OrdersResponse",
    "OrderListsResponse",
    "OrderAmendmentsResponse",
    "AccountTradesResponse",
    "AccountPreventedMatchesResponse",
    "AccountAllocationsResponse",
}
"""In JSON, the one group of these is the whole answer."""

COMPOUND = {"CancelOpenOrdersResponse", "CancelReplaceOrderResponse", "OrderAmendKeepPriorityResponse"}
"""Messages that hold others, or whose JSON has another shape. The first holds nothing but cancellations."""

PRIMITIVES: dict[str, Any] = {
    "mantissa64": Decimal,
    "mantissa128": Decimal,
    "utcTimestampUs": datetime,
    "boolEnum": bool,
    "varString": str,
    "varString8": str,
    "optionalVarString": str,
    "optionalVarString8": str,
}

PATH = "{https://developers.binance.com/docs/binance-spot-api-docs}"
SBE = "{http://fixprotocol.io/2016/sbe}"


@pytest.fixture(scope="module")
def schema(spec_dir: Path) -> ElementTree.Element:
    return ElementTree.parse(spec_dir / "spot_sbe.xml").getroot()


def _message(schema: ElementTree.Element, name: str) -> ElementTree.Element:
    (message,) = [element for element in schema.iter(f"{SBE}message") if element.get("name") == name]
    return message


def _without_none(kind: Any) -> tuple[Any, bool]:
    if get_origin(kind) in (Union, types.UnionType):
        return next(inner for inner in get_args(kind) if inner is not type(None)), True
    return kind, False


def _json_values(schema: ElementTree.Element, enum: str) -> set[str | None] | None:
    """The JSON spellings of an enumeration's values, or None if *enum* is none."""
    for element in schema.iter("enum"):
        if element.get("name") == enum:
            return {
                value.get(f"{PATH}jsonValue")
                for value in element.iter("validValue")
                if value.get("name") != "NonRepresentable"  # which the binary format alone has need of
            }
    return None


def _fields(schema: ElementTree.Element, message: str) -> Iterator[ElementTree.Element]:
    element = _message(schema, message)
    for field in [element.find("group")] if message in LISTS else [element]:
        assert field is not None
        yield from field
    if message.endswith("Event"):
        assert element.find("field[@name='eventTime']") is not None


def _check(schema: ElementTree.Element, cls: type[Model], field: ElementTree.Element) -> list[str]:
    """Return what is wrong with the model field of a schema's field, group or data element."""
    name = field.get("name", "")
    path = field.get(f"{PATH}jsonPath", name)
    *outer, key = path.split(".") if path != ".." else [name]
    within_optional = False
    for step in outer:
        cls, absent = _without_none({wire_name(f): kind for f, kind in field_types(cls)}[step])
        within_optional |= absent
    known = {wire_name(f): (f, kind) for f, kind in field_types(cls)}
    if key not in known:
        return [f"{cls.__name__} has no field for {path} ({name})"]
    attribute, kind = known[key]
    kind, optional = _without_none(kind)
    where = f"{cls.__name__}.{attribute.name}"
    if field.tag == "group":
        (item, _) = get_args(kind)
        inner = [each for each in field if each.get("type") != "exponent8"]
        if inner[0].get(f"{PATH}jsonPath") == "..":
            return [] if issubclass(item, str) else [f"{where} holds {item}"]
        return [problem for each in inner for problem in _check(schema, item, each)]
    problems = []
    sbe_type = field.get("type", "")
    may_be_absent = field.get("presence") == "optional" or sbe_type.startswith("optional")
    has_default = field.get(f"{PATH}jsonDefaultValue") is not None
    if may_be_absent and not (has_default or within_optional or (optional and attribute.default is None)):
        problems.append(f"{where} is not optional")
    values = _json_values(schema, sbe_type)
    if values is None or sbe_type == "boolEnum":
        expected = PRIMITIVES.get(sbe_type, int)
        if kind is not expected and not (expected is str and issubclass(kind, OpenEnum)):
            problems.append(f"{where} is a {kind}, not a {expected}")
    elif values == {None}:  # the schema names the values but not their JSON spelling
        if kind is not object:
            problems.append(f"{where} is a {kind}, though nobody knows")
    else:
        if not issubclass(kind, OpenEnum):
            return [f"{where} is a {kind}, not an enumeration"]
        problems += [f"{kind.__name__} has no {value}" for value in values if value not in kind.__members__]
    return problems


@pytest.mark.parametrize("message", MESSAGES)
def test_every_field_of_the_schema(message: str, schema: ElementTree.Element) -> None:
    """Each has a model field under its JSON key, of its type, which may be None where the schema's may be absent."""
    problems = [
        problem
        for field in _fields(schema, message)
        if field.get("type") != "exponent8"
        # In JSON, an event's subscription id is in the wrapper around it.
        and not (message.endswith("Event") and field.get("name") == "subscriptionId")
        for problem in _check(schema, MESSAGES[message], field)
    ]
    assert problems == []


def test_no_message_is_forgotten(schema: ElementTree.Element) -> None:
    """
    Every session, account, stream and event message with fields is above.

    But for one, whose only field is optional just because older versions of the binary schema did not have it.
    """
    wanted = {*range(51, 55), *range(300, 318), *range(400, 406), *range(500, 510), *range(600, 611)}
    found = {m.get("name") for m in schema.iter(f"{SBE}message") if int(m.get("id", 0)) in wanted and len(m)}
    assert found == {*MESSAGES, *COMPOUND, "UserDataStreamSubscribeResponse"}


def test_the_fields_of_an_amendment(schema: ElementTree.Element) -> None:
    """The binary message is flat; in JSON, the order and its list are objects of their own."""
    top = {"transactTime", "executionId", "relatedOrders"}
    problems = []
    for field in _message(schema, "OrderAmendKeepPriorityResponse"):
        if field.get("type") == "exponent8":
            continue
        if field.get("name") == "listStatus":
            problems += [problem for each in field for problem in _check(schema, AmendedOrderList, each)]
        else:
            cls = OrderAmendmentResult if field.get("name") in top else AmendedOrder
            problems += _check(schema, cls, field)
    assert problems == []


def test_the_fields_of_a_cancel_replace(schema: ElementTree.Element) -> None:
    """Both halves. That they may be absent is for failures, which are CancelReplaceFailed."""
    fields = {field.get("name"): field for field in _message(schema, "CancelReplaceOrderResponse")}
    assert fields.keys() == {wire_name(field) for field, _ in field_types(CancelReplaceResult)}
    for name in ("cancelResult", "newOrderResult"):
        assert _check(schema, CancelReplaceResult, fields[name]) == []


@pytest.mark.parametrize("document", ["user_data_events.json", "listen_key_events.json"])
def test_conditional_fields_are_optional(document: str, spec: Any) -> None:
    """What the documents call conditional may be None, and is None when it is not sent."""
    (report,) = [entry for entry in spec(document) if entry["title"] == "executionReport"]
    fields = {wire_name(field): (field, kind) for field, kind in field_types(OrderUpdate)}
    for key in report["conditional_fields"]:
        field, kind = fields[key]
        assert _without_none(kind)[1]
        assert field.default is None


def test_the_keys_of_an_order_update(spec: Any, schema: ElementTree.Element) -> None:
    """There are 57, the event's name included, and none that no document knows."""
    ours = {wire_name(field) for field in attrs.fields(OrderUpdate) if field.name != "extra"} | {"e"}
    assert len(ours) == 57
    (report,) = [entry for entry in spec("user_data_events.json") if entry["title"] == "executionReport"]
    binary = {field.get(f"{PATH}jsonPath") for field in _message(schema, "ExecutionReportEvent")} - {None}
    assert ours == {*report["payload"]["event"], *report["conditional_fields"], *binary}
