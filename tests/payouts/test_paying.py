"""From a claim to its receipt, through the real sandbox Flash: reserved once, sent once, ended on evidence."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from flashpay.money.currencies import SAT, USD
from flashpay.refusals import Refusal
from flashpay.stores.models import Event, Store
from payouts.models import Payout, PayoutAttempt, PullPayment
from payouts.services import (
    payout_approve,
    payout_cancel,
    payout_claim,
    payout_reconcile,
    payout_send,
    pull_payment_archive,
    pull_payment_create,
)
from payouts.services.reconciling import receipt_complete
from tests.sandbox_server import SandboxServer

pytestmark = pytest.mark.django_db

ALICE = "alice@example.com"


@pytest.fixture
def pull_payment(connected_store: Store) -> PullPayment:
    return pull_payment_create(store=connected_store, amount=50_000, currency=SAT, name="Prize", actor=ALICE)


@pytest.fixture(autouse=True)
def _plain_sandbox(sandbox: SandboxServer) -> Iterator[None]:
    yield
    sandbox.api("POST", "/api/reset")


def soon(seconds: float = 0) -> datetime:
    return timezone.now() + timedelta(seconds=seconds)


def claimed(
    pull_payment: PullPayment, sandbox: SandboxServer, amount_sat: int = 20_000
) -> tuple[Payout, dict[str, Any]]:
    asked = sandbox.phone_invoice(amount_sat)
    return payout_claim(pull_payment=pull_payment, bolt11=asked["bolt11"]), asked


def test_a_claim_is_paid_once_with_its_preimage(pull_payment: PullPayment, sandbox: SandboxServer) -> None:
    payout, asked = claimed(pull_payment, sandbox)
    assert payout.state == "AwaitingPayment"
    for _ in range(3):
        payout_send(payout_id=payout.pk, now=soon(1))
    payout.refresh_from_db()
    assert payout.state == "Completed"
    assert len(sandbox.payments(asked["payment_hash"])) == 1
    attempt = payout.attempts.get()
    assert receipt_complete(attempt=attempt, now=soon())
    attempt.refresh_from_db()
    assert attempt.state == "succeeded"
    assert attempt.preimage == sandbox.payments(asked["payment_hash"])[0]["preimage"]
    pull_payment.refresh_from_db()
    assert pull_payment.remaining == 30_000
    types = list(Event.objects.filter(entity="payout").values_list("type", flat=True))
    assert types == ["PayoutCreated", "PayoutSending", "PayoutCompleted"]


def test_the_same_invoice_again_is_the_same_payout(pull_payment: PullPayment, sandbox: SandboxServer) -> None:
    payout, asked = claimed(pull_payment, sandbox)
    again = payout_claim(pull_payment=pull_payment, bolt11=asked["bolt11"].upper())
    assert again == payout
    pull_payment.refresh_from_db()
    assert pull_payment.claimed == 20_000


def test_an_invoice_belongs_to_one_pull_payment_for_ever(
    connected_store: Store, pull_payment: PullPayment, sandbox: SandboxServer
) -> None:
    payout, asked = claimed(pull_payment, sandbox)
    other = pull_payment_create(store=connected_store, amount=50_000, currency=SAT, actor=ALICE)
    payout_cancel(payout=payout, reason="test", actor=ALICE)
    for target in (other, pull_payment):
        with pytest.raises(Refusal) as refusal:
            payout_claim(pull_payment=target, bolt11=asked["bolt11"])
        assert refusal.value.code == "duplicate-destination"
    assert Payout.objects.count() == 1


@pytest.mark.parametrize(
    ("amount_sat", "code"), [(9_999, "amount-too-low"), (50_001, "overdraft"), (2_000_000, "overdraft")]
)
def test_it_refuses_amounts_outside_the_limits(
    pull_payment: PullPayment, sandbox: SandboxServer, amount_sat: int, code: str
) -> None:
    with pytest.raises(Refusal) as refusal:
        claimed(pull_payment, sandbox, amount_sat)
    assert refusal.value.code == code
    pull_payment.refresh_from_db()
    assert (pull_payment.claimed, Payout.objects.count()) == (0, 0)


def test_it_refuses_a_malformed_invoice(pull_payment: PullPayment) -> None:
    with pytest.raises(Refusal) as refusal:
        payout_claim(pull_payment=pull_payment, bolt11="lnbcrt1notaninvoice")
    assert refusal.value.code == "invalid-destination"
    assert not Payout.objects.exists()


def test_it_refuses_an_expired_invoice(pull_payment: PullPayment, sandbox: SandboxServer) -> None:
    asked = sandbox.phone_invoice(20_000)
    with pytest.raises(Refusal) as refusal:
        payout_claim(pull_payment=pull_payment, bolt11=asked["bolt11"], now=soon(40 * 86_400))
    assert refusal.value.code == "invalid-destination"
    assert not Payout.objects.exists()


def test_archiving_cancels_what_was_not_sent(pull_payment: PullPayment, sandbox: SandboxServer) -> None:
    payout, asked = claimed(pull_payment, sandbox)
    pull_payment_archive(pull_payment=pull_payment, actor=ALICE)
    payout.refresh_from_db()
    assert payout.state == "Cancelled"
    payout_send(payout_id=payout.pk, now=soon(1))
    assert not sandbox.payments(asked["payment_hash"])
    with pytest.raises(Refusal) as refusal:
        claimed(pull_payment, sandbox)
    assert refusal.value.code == "archived"


def test_a_claim_by_hand_waits_for_approval(connected_store: Store, sandbox: SandboxServer) -> None:
    careful = pull_payment_create(store=connected_store, amount=50_000, currency=SAT, auto_approve=False, actor=ALICE)
    payout, asked = claimed(careful, sandbox)
    payout_send(payout_id=payout.pk, now=soon(1))
    assert not sandbox.payments(asked["payment_hash"])
    payout_approve(payout=payout, actor=ALICE)
    payout_send(payout_id=payout.pk, now=soon(1))
    assert len(sandbox.payments(asked["payment_hash"])) == 1
    with pytest.raises(Refusal):
        payout_approve(payout=payout, actor=ALICE)


def test_a_dollar_claim_never_takes_more_than_is_left(connected_store: Store, sandbox: SandboxServer) -> None:
    dollars = pull_payment_create(store=connected_store, amount=1_000, currency=USD, actor=ALICE)
    # $10 are 15,748.03 sat at the sandbox's price.
    with pytest.raises(Refusal) as refusal:
        claimed(dollars, sandbox, 15_749)
    assert refusal.value.code == "overdraft"
    payout, asked = claimed(dollars, sandbox, 15_748)
    assert (payout.amount, payout.rate_source) == (1_000, "flash")
    payout_send(payout_id=payout.pk, now=soon(1))
    assert len(sandbox.payments(asked["payment_hash"])) == 1


def test_an_invoice_without_an_amount_is_paid_what_is_left(connected_store: Store, sandbox: SandboxServer) -> None:
    small = pull_payment_create(store=connected_store, amount=12_000, currency=SAT, actor=ALICE)
    asked = sandbox.phone_invoice(None)
    payout = payout_claim(pull_payment=small, bolt11=asked["bolt11"])
    payout_send(payout_id=payout.pk, now=soon(1))
    payout.refresh_from_db()
    assert payout.state == "Completed"
    paid = sandbox.payments(asked["payment_hash"])
    assert len(paid) == 1
    assert paid[0]["amount_msat"] <= 12_000_000
    assert paid[0]["amount_msat"] >= 11_990_000


@pytest.mark.parametrize(
    "switches",
    [
        {"cut": {"value": "after", "next": 1, "operation": "lnInvoicePaymentSend"}},
        {"send": {"value": "pending_paid", "next": 1}},
        {"send": {"value": "failure_paid", "next": 1}},
        {"send": {"value": "failure_empty_paid", "next": 1}},
        {"send": {"value": "pending_then_paid", "next": 1}, "later_s": 0.2},
    ],
    ids=["answer lost", "PENDING but paid", "FAILURE but paid", "empty FAILURE but paid", "PENDING then paid"],
)
def test_a_doubt_about_a_payment_that_arrived_ends_completed_paid_once(
    pull_payment: PullPayment, sandbox: SandboxServer, switches: dict[str, Any]
) -> None:
    payout, asked = claimed(pull_payment, sandbox)
    sandbox.switch(**switches)
    payout_send(payout_id=payout.pk, now=soon(1))
    payout.refresh_from_db()
    assert payout.state == "InProgress"
    assert payout.attempts.get().state == "unknown"
    sandbox.wait_for_payment(asked["payment_hash"])
    payout_reconcile(payout_id=payout.pk, now=soon(600))
    payout.refresh_from_db()
    assert payout.state == "Completed"
    assert payout.attempts.count() == 1
    assert len(sandbox.payments(asked["payment_hash"])) == 1


@pytest.mark.parametrize("how", ["pending_forever", "failure", "failure_reimbursed", "pending_then_failed"])
def test_a_doubt_without_proof_stays_in_flight_and_reserved(
    pull_payment: PullPayment, sandbox: SandboxServer, how: str
) -> None:
    payout, asked = claimed(pull_payment, sandbox)
    sandbox.switch(send=how, later_s=0)
    payout_send(payout_id=payout.pk, now=soon(1))
    for hours in (1, 2, 30):
        payout_reconcile(payout_id=payout.pk, now=soon(hours * 3_600))
    payout.refresh_from_db()
    pull_payment.refresh_from_db()
    assert (payout.state, payout.attempts.count()) == ("InProgress", 1)
    assert payout.attempts.get().state == "unknown"
    assert pull_payment.claimed == 20_000
    assert not sandbox.payments(asked["payment_hash"])


def test_a_payout_in_flight_cannot_be_cancelled(pull_payment: PullPayment, sandbox: SandboxServer) -> None:
    payout, _ = claimed(pull_payment, sandbox)
    Payout.objects.filter(pk=payout.pk).update(state="InProgress")
    payout.refresh_from_db()
    with pytest.raises(Refusal):
        payout_cancel(payout=payout, reason="no", actor=ALICE)
    pull_payment.refresh_from_db()
    assert pull_payment.claimed == 20_000


def test_a_wallet_without_money_waits_and_tries_again(connected_store: Store, sandbox: SandboxServer) -> None:
    much = pull_payment_create(store=connected_store, amount=50_000_000, currency=SAT, actor=ALICE)
    payout, asked = claimed(much, sandbox, 49_000_000)
    payout_send(payout_id=payout.pk, now=soon(1))
    payout.refresh_from_db()
    assert payout.state == "AwaitingPayment"
    assert "not enough money" in payout.reason
    assert not sandbox.payments(asked["payment_hash"])
    assert not PayoutAttempt.objects.exclude(state="failed").exists()


def test_nobody_can_claim_less_than_the_minimum_so_it_is_not_offered(connected_store: Store) -> None:
    with pytest.raises(Refusal) as refusal:
        pull_payment_create(store=connected_store, amount=9_999, currency=SAT, actor=ALICE)
    assert refusal.value.code == "amount-too-low"
    assert not PullPayment.objects.exists()
