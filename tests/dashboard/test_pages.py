"""What a merchant does in the browser, page by page, without JavaScript."""

from __future__ import annotations

import pytest
from django.test import Client
from django.utils import timezone

from flashpay.invoices.models import Invoice
from flashpay.money.currencies import SAT
from flashpay.stores.models import Event, Store, WalletConnection
from payouts.models import Payout, PullPayment
from payouts.services import payout_claim, payout_send, pull_payment_create
from tests.sandbox_server import SandboxServer

pytestmark = pytest.mark.django_db


def test_an_empty_store_says_how_to_begin(merchant: Client, store: Store) -> None:
    for page in ("", "/invoices", "/pull-payments", "/payouts", "/wallet", "/settings"):
        answer = merchant.get(f"/stores/{store.pk}{page}")
        assert answer.status_code == 200, page


def test_it_makes_an_invoice_in_two_fields(merchant: Client, connected_store: Store) -> None:
    answer = merchant.post(f"/stores/{connected_store.pk}/invoices/new", {"amount": "12.50", "currency": "USD"})
    invoice = Invoice.objects.get()
    assert answer["Location"] == f"/stores/{connected_store.pk}/invoices/{invoice.pk}"
    assert (invoice.amount, invoice.currency, invoice.created_by) == (1_250, "USD", "alice@example.com")
    page = merchant.get(answer["Location"])
    assert f"/i/{invoice.pk}" in page.content.decode()


def test_it_marks_an_invoice_only_with_a_reason(merchant: Client, connected_store: Store) -> None:
    merchant.post(f"/stores/{connected_store.pk}/invoices/new", {"amount": "12.50", "currency": "USD"})
    invoice = Invoice.objects.get()
    address = f"/stores/{connected_store.pk}/invoices/{invoice.pk}/status"
    merchant.post(address, {"state": "Settled"})
    invoice.refresh_from_db()
    assert invoice.state == "New"
    merchant.post(address, {"state": "Settled", "reason": "Paid in cash"})
    invoice.refresh_from_db()
    assert (invoice.state, invoice.additional_state) == ("Settled", "Marked")
    assert Event.objects.get(type="InvoiceMarked").evidence == {"reason": "Paid in cash"}


def test_it_makes_and_ends_a_pull_payment(merchant: Client, connected_store: Store) -> None:
    address = f"/stores/{connected_store.pk}/pull-payments"
    answer = merchant.post(
        f"{address}/new", {"amount": "50,000", "currency": "SAT", "name": "Prize", "auto_approve": "on"}
    )
    prize = PullPayment.objects.get()
    assert answer["Location"] == f"{address}/{prize.pk}"
    page = merchant.get(answer["Location"]).content.decode()
    assert f"/p/{prize.pk}" in page
    merchant.post(f"{address}/{prize.pk}/archive")
    prize.refresh_from_db()
    assert prize.archived_at is not None
    assert merchant.get(f"{address}?tab=archived").status_code == 200


def test_a_pull_payment_under_the_minimum_is_refused_with_the_reason(merchant: Client, connected_store: Store) -> None:
    answer = merchant.post(
        f"/stores/{connected_store.pk}/pull-payments/new", {"amount": "9999", "currency": "SAT", "name": "Too small"}
    )
    assert answer.status_code == 422
    assert "10,000" in str(answer.context["form"].errors["amount"])
    assert not PullPayment.objects.exists()


def test_it_shows_a_payout_with_its_whole_story(
    merchant: Client, connected_store: Store, sandbox: SandboxServer
) -> None:
    prize = pull_payment_create(store=connected_store, amount=50_000, currency=SAT, actor="alice")
    payout = payout_claim(pull_payment=prize, bolt11=sandbox.phone_invoice(20_000)["bolt11"])
    payout_send(payout_id=payout.pk, now=timezone.now())
    page = merchant.get(f"/stores/{connected_store.pk}/payouts/{payout.pk}").content.decode()
    assert payout.attempts.get().payment_hash in page
    assert "Flash confirmed the payment" in page
    for state in ("", "Completed", "needs_review"):
        assert merchant.get(f"/stores/{connected_store.pk}/payouts?state={state}").status_code == 200


def test_it_approves_a_claim(merchant: Client, connected_store: Store, sandbox: SandboxServer) -> None:
    prize = pull_payment_create(store=connected_store, amount=50_000, currency=SAT, auto_approve=False, actor="alice")
    payout = payout_claim(pull_payment=prize, bolt11=sandbox.phone_invoice(20_000)["bolt11"])
    merchant.post(f"/stores/{connected_store.pk}/payouts/{payout.pk}/act", {"action": "approve"})
    payout.refresh_from_db()
    assert payout.state == "AwaitingPayment"
    assert Event.objects.get(type="PayoutApproved").actor == "alice@example.com"


def test_it_cancels_a_claim_and_gives_the_amount_back(
    merchant: Client, connected_store: Store, sandbox: SandboxServer
) -> None:
    prize = pull_payment_create(store=connected_store, amount=50_000, currency=SAT, auto_approve=False, actor="alice")
    payout = payout_claim(pull_payment=prize, bolt11=sandbox.phone_invoice(20_000)["bolt11"])
    address = f"/stores/{connected_store.pk}/payouts/{payout.pk}/act"
    merchant.post(address, {"action": "cancel", "reason": "Wrong person"})
    prize.refresh_from_db()
    assert (Payout.objects.get().state, prize.claimed) == ("Cancelled", 0)
    merchant.post(address, {"action": "approve"})
    assert Payout.objects.get().state == "Cancelled"


def test_it_connects_a_wallet_and_never_shows_the_key_again(
    merchant: Client, store: Store, sandbox: SandboxServer
) -> None:
    key = sandbox.account()["api_key"]
    address = f"/stores/{store.pk}/wallet"
    merchant.post(address, {"connection_string": key})
    connection = WalletConnection.objects.get()
    assert connection.is_active
    assert key.split("_", 2)[2] not in merchant.get(address).content.decode()


def test_a_wrong_key_leaves_the_wallet_as_it_was(merchant: Client, connected_store: Store) -> None:
    before = WalletConnection.objects.get(is_active=True)
    answer = merchant.post(f"/stores/{connected_store.pk}/wallet", {"connection_string": "fk_00000000_" + "x" * 64})
    assert answer.status_code == 422
    assert answer.context["form"].errors["connection_string"]
    assert WalletConnection.objects.get(is_active=True) == before


def test_an_expiry_is_meant_in_the_store_s_own_time(merchant: Client, connected_store: Store) -> None:
    Store.objects.filter(pk=connected_store.pk).update(time_zone="America/Jamaica")
    merchant.post(
        f"/stores/{connected_store.pk}/pull-payments/new",
        {"amount": "50,000", "currency": "SAT", "name": "Prize", "expires_at": "2099-01-01T18:00"},
    )
    expires_at = PullPayment.objects.get().expires_at
    assert expires_at is not None
    assert expires_at.isoformat() == "2099-01-01T23:00:00+00:00"
