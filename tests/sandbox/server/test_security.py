"""Keys, signatures, timestamps and sessions."""

import pytest

STATUS = "account.status"


@pytest.fixture(params=["HMAC", "RSA", "ED25519"])
def holder(request, sandbox):
    return sandbox.create_account({"USDT": "100"}, key_type=request.param)


def test_every_key_type_signs(peer, holder):
    """A signature by the documents' rules is accepted, whatever the key."""
    assert peer.result(STATUS, **peer.signed(holder))["uid"] == holder.uid


def test_the_librarys_own_credentials_sign_the_same(peer, holder):
    """account.credentials and account.secret or account.pem are the same key."""
    params = {"apiKey": holder.api_key, "timestamp": peer.signed(holder)["timestamp"]}
    payload = "&".join(f"{name}={params[name]}" for name in sorted(params))
    assert peer.result(STATUS, **params, signature=holder.credentials.sign(payload))["uid"] == holder.uid


@pytest.mark.parametrize("damage", [lambda s: s[::-1], lambda s: "", lambda s: "Ünsinn", lambda s: s + "0"])
def test_a_wrong_signature_is_refused(peer, holder, damage):
    """Anything else than the right signature is -1022, or missing."""
    params = peer.signed(holder)
    params["signature"] = damage(params["signature"])
    assert peer.error(STATUS, **params)["code"] == (-1022 if params["signature"] else -1102)


def test_a_changed_parameter_breaks_the_signature(peer, holder):
    """All parameters are signed."""
    params = peer.signed(holder, recvWindow=5000)
    assert peer.error(STATUS, **{**params, "recvWindow": 5001})["code"] == -1022


def test_booleans_and_unicode_are_signed_as_documented(peer, holder):
    """true is lower-case, names may be any Unicode, and floats keep their digits."""
    assert peer.result(STATUS, **peer.signed(holder, omitZeroBalances=True, recvWindow=5000.125))
    error = peer.error("openOrders.status", **peer.signed(holder, symbol="９９９９９９"))
    assert error["code"] == -1121


def test_hmac_signatures_may_be_upper_case(peer, account):
    """Hex of any case is the same signature."""
    params = peer.signed(account)
    params["signature"] = params["signature"].upper()
    assert peer.result(STATUS, **params)


def test_unknown_and_malformed_keys_are_told_apart(peer, account):
    """-2015 for a key that is none, -2014 for what cannot be one; both with status 401."""
    params = peer.signed(account)
    reply = peer.call(STATUS, **{**params, "apiKey": "a" * 64})
    assert (reply["status"], reply["error"]["code"]) == (401, -2015)
    reply = peer.call(STATUS, **{**params, "apiKey": "not a key"})
    assert (reply["status"], reply["error"]["code"]) == (401, -2014)
    error = peer.error(STATUS, timestamp=params["timestamp"])
    assert error["code"] == -1102
    assert "'apiKey'" in error["msg"]


@pytest.mark.parametrize(
    "offset_ms, window, code",
    [
        (0, None, None),
        (999, None, None),
        (1000, None, -1021),
        (-5000, None, None),
        (-5001, None, -1021),
        (-60000, 60000, None),
        (-60000, 59999.999, -1021),
        (-1, 0.5, -1021),
        (0, 60000.001, -1102),
        (0, 0.0001, -1111),
        (0, "x", -1100),
    ],
)
@pytest.mark.parametrize("unit", [1, 1000])
def test_the_timestamp_must_be_within_the_window(still, talk, clock, offset_ms, window, code, unit):
    """At most recvWindow old, less than a second ahead; milliseconds and microseconds alike."""
    peer = talk(still, now=clock.time)
    account = still.create_account({"USDT": "1"})
    params = {"timestamp": (int(clock.time() * 1000) + offset_ms) * unit}
    if window is not None:
        params["recvWindow"] = window
    reply = peer.call(STATUS, **peer.signed(account, **params))
    assert reply.get("error", {}).get("code") == code
    if code == -1021:
        ahead = "Timestamp for this request was 1000ms ahead of the server's time."
        late = "Timestamp for this request is outside of the recvWindow."
        assert reply["error"]["msg"] == (ahead if offset_ms > 0 else late)


def test_the_timestamp_is_mandatory(peer, ed25519):
    """Even a session's requests carry one."""
    peer.log_on(ed25519)
    assert "'timestamp'" in peer.error(STATUS)["msg"]


def test_only_ed25519_keys_log_on(peer, holder):
    """Sessions are for Ed25519 keys."""
    reply = peer.call("session.logon", **peer.signed(holder))
    if holder.key_type.value == "ED25519":
        assert reply["result"]["apiKey"] == holder.api_key
    else:
        assert reply["error"]["code"] == -4056


def test_a_session_stands_in_for_key_and_signature(peer, ed25519):
    """After a logon, requests need a timestamp only; after a logout, they need it all again."""
    before = peer.result("session.status")
    assert before["apiKey"] is None
    assert before["authorizedSince"] is None
    status = peer.log_on(ed25519)
    assert status["apiKey"] == ed25519.api_key
    assert status["connectedSince"] == before["connectedSince"]
    timestamp = peer.signed(ed25519)["timestamp"]
    assert peer.result(STATUS, timestamp=timestamp)["uid"] == ed25519.uid
    assert peer.result("session.logout")["apiKey"] is None
    assert peer.error(STATUS, timestamp=timestamp)["code"] == -1102


def test_a_request_may_use_another_key_than_the_session(sandbox, peer, ed25519, account):
    """An explicit key, signed, overrides the session's for that request."""
    peer.log_on(ed25519)
    assert peer.result(STATUS, **peer.signed(account))["uid"] == account.uid
    unsigned = peer.signed(account)
    del unsigned["signature"]
    assert "'signature'" in peer.error(STATUS, **unsigned)["msg"]


def test_a_further_key_belongs_to_the_same_account(peer, account):
    """another_key makes a key of any type."""
    other = account.another_key("ED25519")
    assert other.api_key != account.api_key
    assert peer.log_on(other)["apiKey"] == other.api_key
    assert peer.result(STATUS, timestamp=peer.signed(other)["timestamp"])["uid"] == account.uid
