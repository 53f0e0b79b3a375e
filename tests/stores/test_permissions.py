"""What one permission includes: BTCPay Server's `Permission.PolicyMap`, as far as FlashPay knows its permissions."""

from __future__ import annotations

import pytest

from flashpay.stores.permissions import ALL, permissions_implied

# Read off BTCPayServer.Client/Permissions.cs, with everything that follows from what follows.
AT_BTCPAY = {
    "canmodifystoresettings": {
        "canviewstoresettings", "canviewinvoices", "cancreateinvoice", "canmodifyinvoices", "canviewpaymentrequests",
        "canmodifypaymentrequests", "canviewpullpayments", "cancreatepullpayments",
        "cancreatenonapprovedpullpayments", "canarchivepullpayments", "canmanagepullpayments", "canviewpayouts",
        "canmanagepayouts",
    },
    "canviewstoresettings": {
        "canviewinvoices", "canviewpaymentrequests", "canviewpullpayments", "canviewpayouts"
    },
    "canviewinvoices": set(),
    "cancreateinvoice": set(),
    "canmodifyinvoices": {"canviewinvoices", "cancreateinvoice"},
    "canviewpaymentrequests": set(),
    "canmodifypaymentrequests": {"canviewpaymentrequests"},
    "canviewpullpayments": set(),
    "cancreatenonapprovedpullpayments": {"canviewpullpayments"},
    "cancreatepullpayments": {"cancreatenonapprovedpullpayments", "canviewpullpayments"},
    "canarchivepullpayments": set(),
    "canmanagepullpayments": {
        "cancreatepullpayments", "cancreatenonapprovedpullpayments", "canarchivepullpayments", "canviewpullpayments"
    },
    "canviewpayouts": set(),
    "canmanagepayouts": {"canviewpayouts"},
}  # fmt: skip


@pytest.mark.parametrize("name", AT_BTCPAY)
def test_a_permission_includes_what_it_does_at_btcpay_server(name: str) -> None:
    wanted = {f"btcpay.store.{other}" for other in AT_BTCPAY[name] | {name}}
    assert permissions_implied([f"btcpay.store.{name}"]) == wanted


def test_every_permission_of_btcpay_servers_is_compared() -> None:
    assert {name for name in ALL if name.startswith("btcpay.")} == {f"btcpay.store.{name}" for name in AT_BTCPAY}


def test_our_own_are_included_in_nothing_of_theirs() -> None:
    for name in ALL - {name for name in ALL if name.startswith("btcpay.")}:
        assert permissions_implied([name]) == {name}
