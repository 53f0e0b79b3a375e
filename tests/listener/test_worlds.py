"""Session tokens in both worlds: (a) everything over the socket, through the listener; (b) operations over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from flashpay.invoices.models import LightningInvoice
from flashpay.refusals import Refusal
from flashpay.stores.checking import wallet_check
from flashpay.stores.models import Store
from flashpay.stores.wallets import facts_of, wallet_open
from tests.listener.conftest import code_make, healthy, payment_of, until, wallet_by_token
from tests.programs import Program
from tests.sandbox_server import SandboxServer

pytestmark = pytest.mark.django_db(transaction=True)


def invoices_made(flash: SandboxServer) -> list[str]:
    """Over what Flash was asked for invoices."""
    calls: list[dict[str, Any]] = flash.api("GET", "/api/log")["calls"]
    return [call["transport"] for call in calls if "lnUsdInvoiceCreate" in call["operations"]]


def test_in_world_a_codes_are_made_and_paid_over_the_listeners_socket(
    store: Store, listener: Program, flash: SandboxServer
) -> None:
    flash.switch(world="a")
    connection, _ = wallet_by_token(store, flash)
    assert connection.transport["mutations_over"] == "socket"
    until(lambda: healthy("token"))
    sockets_before = flash.api("GET", "/api/log")["sockets"]
    codes = [code_make(store) for _ in range(3)]
    assert invoices_made(flash) == ["ws", "ws", "ws"]
    assert flash.api("GET", "/api/log")["sockets"] == sockets_before  # no handshake for any of them
    for code in codes:
        flash.phone_pay(code.bolt11)
    assert {payment_of(code).evidence for code in codes} == {"push"}


def test_in_world_b_codes_are_made_over_http(store: Store, listener: Program, flash: SandboxServer) -> None:
    connection, _ = wallet_by_token(store, flash)
    assert connection.transport["mutations_over"] == "http"
    until(lambda: healthy("token"))
    code = code_make(store)
    assert invoices_made(flash) == ["http"]
    flash.phone_pay(code.bolt11)
    assert payment_of(code).evidence == "push"


def test_in_world_a_without_a_listener_it_says_so_and_makes_nothing(store: Store, flash: SandboxServer) -> None:
    flash.switch(world="a")
    wallet_by_token(store, flash)
    with pytest.raises(Refusal) as refusal:
        code_make(store)
    assert refusal.value.code == "wallet-unavailable"
    assert "live connection" in refusal.value.sentence
    assert invoices_made(flash) == ["http"]  # where such a token is refused before anything is done
    assert not LightningInvoice.objects.exists()


def test_when_the_world_changes_the_other_way_is_found_and_remembered(
    store: Store, listener: Program, flash: SandboxServer
) -> None:
    connection, _ = wallet_by_token(store, flash)
    learned_at = datetime.fromisoformat(connection.transport["learned_at"])
    until(lambda: healthy("token"))
    flash.switch(world="a")
    wallet_check(connection_id=connection.pk)
    connection.refresh_from_db()
    facts = facts_of(connection)
    assert facts is not None
    assert (facts.mutations_over, facts.learned_at > learned_at) == ("socket", True)
    assert connection.last_error == ""
    code_make(store)
    assert invoices_made(flash) == ["ws"]


def test_what_one_request_learned_is_stored_by_the_next(store: Store, listener: Program, flash: SandboxServer) -> None:
    connection, _ = wallet_by_token(store, flash)
    until(lambda: healthy("token"))
    flash.switch(world="a")
    code_make(store)
    wallet_open(connection)
    connection.refresh_from_db()
    assert connection.transport["mutations_over"] == "socket"
