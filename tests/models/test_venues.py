"""Venues that answer with less than binance.com does."""

import json
from pathlib import Path

from binance_socket.testing import decode_response

ACCOUNT = json.loads((Path(__file__).parents[1] / "data" / "account.json").read_text("utf-8"))["account.status"]


def test_an_account_of_a_venue_without_the_newer_fields():
    """Flags of features that a venue does not have are off, and what it does not tell is None."""
    newer = {"brokered", "requireSelfTradePrevention", "preventSor", "uid"}
    account = {key: value for key, value in ACCOUNT.items() if key not in newer}

    info = decode_response("account.status", {"id": "1", "status": 200, "result": account}).result

    assert (info.brokered, info.require_self_trade_prevention, info.prevent_sor) == (False, False, False)
    assert info.uid is None
    assert len(info.balances) == len(ACCOUNT["balances"])
