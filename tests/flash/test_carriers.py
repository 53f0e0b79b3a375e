"""Two worlds: over which way a session token's mutations go, found out against both, and never sent twice."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from flashpay.flash import (
    ApiKey,
    Endpoint,
    Flash,
    FlashError,
    NotSent,
    Outcome,
    SessionToken,
    SettingsWrong,
    TransportFacts,
    Unknown,
)
from flashpay.flash.http_carrier import HttpCarrier
from flashpay.flash.socket_carrier import SocketCarrier, transports_probe
from tests.flash.conftest import SESSION_TOKEN
from tests.sandbox_server import SandboxServer

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SEND = "lnInvoicePaymentSend"


@pytest.fixture
def shop(sandbox: SandboxServer) -> dict[str, Any]:
    return sandbox.account(balance_cents=100_000)


@pytest.fixture
def token(shop: dict[str, Any]) -> SessionToken:
    return SessionToken(shop["session_token"])


def _flash(endpoint: Endpoint, token: SessionToken, facts: TransportFacts | None = None) -> Flash:
    return Flash(
        endpoint,
        token,
        carrier=HttpCarrier(endpoint, token),
        socket=SocketCarrier(endpoint, token),
        facts=facts,
        now=lambda: NOW,
    )


def _facts(way: Any) -> TransportFacts:
    return TransportFacts(way, datetime(2026, 1, 1, tzinfo=UTC), "as found before")


def _sends(sandbox: SandboxServer, bolt11: str) -> int:
    """How many sendings of this invoice arrived, over whichever way."""
    calls = sandbox.api("GET", "/api/log")["calls"]
    return sum(SEND in call["operations"] and bolt11 in str(call["variables"]) for call in calls)


@pytest.mark.parametrize(("world", "way"), [("a", "socket"), ("b", "http")])
def test_it_finds_the_way_of_either_world_and_remembers_it(
    sandbox: SandboxServer, flash_endpoint: Endpoint, shop: dict[str, Any], token: SessionToken, world: str, way: str
) -> None:
    sandbox.switch(world=world)
    flash = _flash(flash_endpoint, token)
    assert flash.transport_facts is None
    invoice = flash.invoice_create(wallet_id=shop["wallets"]["USDT"], amount_cents=Decimal(210))
    assert invoice.bolt11.startswith("lnbcrt")
    facts = flash.transport_facts
    assert facts is not None
    assert (facts.mutations_over, facts.learned_at) == (way, NOW)
    assert facts.reason.endswith(".")


@pytest.mark.parametrize(("world", "way"), [("a", "socket"), ("b", "http")])
@pytest.mark.parametrize("known", [None, "http", "socket"])
def test_a_payment_goes_out_once_whatever_was_believed_before(
    sandbox: SandboxServer,
    flash_endpoint: Endpoint,
    shop: dict[str, Any],
    token: SessionToken,
    world: str,
    way: str,
    known: str | None,
) -> None:
    sandbox.switch(world=world)
    flash = _flash(flash_endpoint, token, _facts(known) if known else None)
    wanted = sandbox.phone_invoice(2000)
    reply = flash.invoice_send(wallet_id=shop["wallets"]["USDT"], bolt11=wanted["bolt11"], idempotency_key="k1")
    assert reply.outcome is Outcome.SUCCEEDED
    assert len(sandbox.payments(wanted["payment_hash"])) == 1
    assert flash.transport_facts is not None
    assert flash.transport_facts.mutations_over == way


@pytest.mark.parametrize("world", ["a", "b"])
@pytest.mark.parametrize("cut", ["before", "after"])
def test_a_payment_whose_answer_was_lost_is_unknown_and_not_tried_the_other_way(
    sandbox: SandboxServer,
    flash_endpoint: Endpoint,
    shop: dict[str, Any],
    token: SessionToken,
    world: str,
    cut: str,
) -> None:
    sandbox.switch(world=world)
    flash = _flash(flash_endpoint, token, _facts("socket" if world == "a" else "http"))
    sandbox.switch(cut={"value": cut, "next": 1, "operation": SEND})
    wanted = sandbox.phone_invoice(2000)
    reply = flash.invoice_send(wallet_id=shop["wallets"]["USDT"], bolt11=wanted["bolt11"], idempotency_key="k1")
    assert reply.outcome is Outcome.UNKNOWN
    assert len(sandbox.payments(wanted["payment_hash"])) == (cut == "after")
    assert _sends(sandbox, wanted["bolt11"]) == 1

    again = flash.invoice_send(
        wallet_id=shop["wallets"]["USDT"], bolt11=wanted["bolt11"], idempotency_key="k1", repeated=True
    )
    assert again.outcome is Outcome.SUCCEEDED
    assert len(sandbox.payments(wanted["payment_hash"])) == 1


def test_a_way_that_is_known_but_down_is_what_the_error_tells_of(
    sandbox: SandboxServer, flash_endpoint: Endpoint, shop: dict[str, Any], token: SessionToken
) -> None:
    sandbox.switch(world="a", socket_refused=True)
    flash = _flash(flash_endpoint, token, _facts("socket"))
    with pytest.raises(NotSent) as caught:
        flash.invoice_create(wallet_id=shop["wallets"]["USDT"], amount_cents=Decimal(210))
    assert not isinstance(caught.value, SettingsWrong)
    assert flash.transport_facts == _facts("socket")


def test_a_wrong_token_is_a_matter_of_settings_in_both_worlds(
    sandbox: SandboxServer, flash_endpoint: Endpoint, shop: dict[str, Any]
) -> None:
    for world in ("a", "b"):
        sandbox.switch(world=world)
        flash = _flash(flash_endpoint, SessionToken(SESSION_TOKEN))
        with pytest.raises(SettingsWrong):
            flash.account()
        assert flash.transport_facts is None


def test_where_session_tokens_are_refused_over_http_invoices_are_still_polled_there(
    sandbox: SandboxServer, flash_endpoint: Endpoint, shop: dict[str, Any], token: SessionToken
) -> None:
    sandbox.switch(world="a")
    flash = _flash(flash_endpoint, token)
    invoice = flash.invoice_create(wallet_id=shop["wallets"]["USDT"], amount_cents=Decimal(210))
    sandbox.switch(socket_refused=True)
    sandbox.phone_pay(invoice.bolt11)
    assert flash.invoice_statuses([invoice.bolt11]) == {invoice.bolt11: "PAID"}


def test_the_probe_tells_what_each_credential_can_do_without_changing_anything(
    sandbox: SandboxServer, flash_endpoint: Endpoint, shop: dict[str, Any], token: SessionToken
) -> None:
    for world, way in (("a", "socket"), ("b", "http")):
        sandbox.switch(world=world)
        probe = transports_probe(flash_endpoint, token, now=lambda: NOW)
        assert probe.push is None
        assert (probe.http is None, probe.mutations_on_socket is None) == (way == "http", way == "socket")
        assert probe.facts is not None
        assert probe.facts.mutations_over == way
        keyed = transports_probe(flash_endpoint, ApiKey(shop["api_key"]))
        assert (keyed.http, keyed.push, keyed.facts) == (None, None, None)
        wrong = transports_probe(flash_endpoint, SessionToken(SESSION_TOKEN))
        assert wrong.facts is None
        assert wrong.push is not None
        assert "connect the wallet again" in wrong.push.sentence
    sandbox.switch(socket_refused=True)
    down = transports_probe(flash_endpoint, token)
    assert down.push is not None
    assert down.push.row == "not_reached"


@pytest.mark.parametrize(
    ("switch", "outcome", "row", "paid"),
    [
        ("failure_paid", Outcome.UNKNOWN, "ibex_worded", 1),
        ("failure_empty_paid", Outcome.UNKNOWN, "failure_bare", 1),
        ("failure_empty", Outcome.UNKNOWN, "failure_bare", 0),
        ("failure", Outcome.UNKNOWN, "ibex_worded", 0),
        ("pending_forever", Outcome.UNKNOWN, "pending", 0),
        ("normal", Outcome.SUCCEEDED, None, 1),
    ],
)
def test_the_outcome_never_says_more_than_flash_knows(
    sandbox: SandboxServer,
    flash_endpoint: Endpoint,
    shop: dict[str, Any],
    switch: str,
    outcome: Outcome,
    row: str | None,
    paid: int,
) -> None:
    sandbox.switch(send=switch)
    wanted = sandbox.phone_invoice(2000)
    flash = Flash(flash_endpoint, ApiKey(shop["api_key"]))
    reply = flash.invoice_send(wallet_id=shop["wallets"]["USDT"], bolt11=wanted["bolt11"], idempotency_key="k1")
    assert reply.outcome is outcome
    assert (reply.judgement.row if reply.judgement else None) == row
    assert len(sandbox.payments(wanted["payment_hash"])) == paid


def test_too_small_a_balance_is_a_failure_in_both_worlds_and_on_both_mutations(
    sandbox: SandboxServer, flash_endpoint: Endpoint
) -> None:
    poor = sandbox.account(balance_cents=1)
    wanted, open_amount = sandbox.phone_invoice(200_000), sandbox.phone_invoice(None)
    for codes in ("flash", "none", "all"):
        sandbox.switch(error_codes=codes)
        flash = Flash(flash_endpoint, ApiKey(poor["api_key"]))
        for reply in (
            flash.invoice_send(wallet_id=poor["wallets"]["USDT"], bolt11=wanted["bolt11"], idempotency_key=codes),
            flash.no_amount_invoice_send(
                wallet_id=poor["wallets"]["USDT"], bolt11=open_amount["bolt11"], amount_cents=Decimal(500)
            ),
        ):
            assert reply.outcome is Outcome.FAILED
            assert reply.judgement is not None
            assert "not enough money" in reply.judgement.sentence
    for invoice in (wanted, open_amount):
        assert sandbox.payments(invoice["payment_hash"]) == []


def test_an_outage_of_the_payment_provider_is_unknown_and_named(
    sandbox: SandboxServer, flash_endpoint: Endpoint, shop: dict[str, Any]
) -> None:
    flash = Flash(flash_endpoint, ApiKey(shop["api_key"]))
    invoice = flash.invoice_create(wallet_id=shop["wallets"]["USDT"], amount_cents=Decimal(210))
    sandbox.switch(ibex_outage=True)
    with pytest.raises(Unknown) as caught:
        flash.invoice_create(wallet_id=shop["wallets"]["USDT"], amount_cents=Decimal(210))
    assert "IBEX" in str(caught.value)
    assert isinstance(flash.invoice_statuses([invoice.bolt11])[invoice.bolt11], FlashError)
