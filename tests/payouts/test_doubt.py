"""What is found out about a payment in doubt, how much it proves, and who may end it."""

from __future__ import annotations

import time
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from flashpay.money.currencies import SAT
from flashpay.refusals import Refusal
from flashpay.stores.models import AppendOnlyError, Event, Membership, Role, Store, User
from payouts.models import Payout, PayoutAttempt, PullPayment, ReviewDecision, WalletTransaction
from payouts.services import (
    payout_cancel,
    payout_claim,
    payout_decide,
    payout_policy_update,
    payout_reconcile,
    payout_send,
    pull_payment_create,
    sending_pause,
)
from tests import cast
from tests.payouts.conftest import ALICE, soon
from tests.payouts.lnurl_service import LnurlRecipient
from tests.sandbox_server import SandboxServer

pytestmark = pytest.mark.django_db

HOUR = 3_600
WHY = "The recipient showed me his wallet on the phone."


def in_doubt(
    prize: PullPayment, sandbox: SandboxServer, how: str = "pending_forever", **switches: Any
) -> PayoutAttempt:
    """A payout to the phone whose sending ended without a clear answer."""
    asked = sandbox.phone_invoice(20_000)
    payout = payout_claim(pull_payment=prize, bolt11=asked["bolt11"])
    sandbox.switch(send={"value": how, "next": 1}, **switches)
    payout_send(payout_id=payout.pk, now=soon(1))
    attempt = payout.attempts.get()
    assert attempt.state == "unknown"
    return attempt


def looked_at(attempt: PayoutAttempt, *hours: float) -> Payout:
    for each in hours:
        payout_reconcile(payout_id=attempt.payout_id, now=soon(each * HOUR))
    attempt.refresh_from_db()
    return Payout.objects.get(pk=attempt.payout_id)


def wait_for_reimbursement(sandbox: SandboxServer, attempt: PayoutAttempt) -> None:
    give_up_at = time.monotonic() + 10
    while time.monotonic() < give_up_at:
        found = sandbox.api("GET", f"/api/payments?all=1&payment_hash={attempt.payment_hash}")["payments"]
        if [each["state"] for each in found] == ["FAILED"]:
            return
        time.sleep(0.02)
    raise AssertionError("the sandbox did not give the money back")


def graded(attempt: PayoutAttempt) -> dict[str, tuple[str, str]]:
    return {each.source: (each.says, each.grade) for each in attempt.evidence.all()}


def test_the_same_key_is_asked_first_and_tells_how_it_ended(prize: PullPayment, plain_sandbox: SandboxServer) -> None:
    asked = plain_sandbox.phone_invoice(20_000)
    payout = payout_claim(pull_payment=prize, bolt11=asked["bolt11"])
    plain_sandbox.switch(cut={"value": "after", "next": 1, "operation": "lnInvoicePaymentSend"}, feed_empty=True)
    payout_send(payout_id=payout.pk, now=soon(1))
    attempt = payout.attempts.get()
    assert looked_at(attempt, 0.1).state == "Completed"
    assert graded(attempt)["same_key"] == ("succeeded", "proof")
    assert len(plain_sandbox.payments(asked["payment_hash"])) == 1


def test_after_a_day_nothing_is_sent_again_whatever_happens(prize: PullPayment, plain_sandbox: SandboxServer) -> None:
    attempt = in_doubt(prize, plain_sandbox)
    seen = plain_sandbox.api("GET", "/api/log")["calls"][-1]["number"]
    assert looked_at(attempt, 23.5, 30, 500).state == "InProgress"
    later = plain_sandbox.api("GET", f"/api/log?since={seen}")["calls"]
    assert later
    assert not [call for call in later if "PaymentSend" in str(call)]


def test_an_invoice_without_an_amount_is_never_sent_twice(prize: PullPayment, plain_sandbox: SandboxServer) -> None:
    asked = plain_sandbox.phone_invoice(None)
    payout = payout_claim(pull_payment=prize, bolt11=asked["bolt11"], amount=20_000)
    plain_sandbox.switch(cut={"value": "before", "next": 1, "operation": "lnNoAmountUsdInvoicePaymentSend"})
    payout_send(payout_id=payout.pk, now=soon(1))
    payout = looked_at(payout.attempts.get(), 0.1, 1, 30)
    assert (payout.state, payout.needs_review) == ("InProgress", True)
    assert not plain_sandbox.payments(asked["payment_hash"])


def test_details_are_asked_once_and_remembered(prize: PullPayment, plain_sandbox: SandboxServer) -> None:
    other = payout_claim(pull_payment=prize, bolt11=plain_sandbox.phone_invoice(20_000)["bolt11"])
    payout_send(payout_id=other.pk, now=soon(1))
    attempt = in_doubt(prize, plain_sandbox)
    looked_at(attempt, 0.1)
    assert WalletTransaction.objects.count() == 1
    seen = plain_sandbox.api("GET", "/api/log")["calls"][-1]["number"]
    looked_at(attempt, 0.5, 1)
    later = str(plain_sandbox.api("GET", f"/api/log?since={seen}")["calls"])
    assert "'me'" in later
    assert "transactionDetails" not in later


def test_somebody_elses_payment_of_the_same_amount_proves_nothing(
    prize: PullPayment, plain_sandbox: SandboxServer
) -> None:
    other = payout_claim(pull_payment=prize, bolt11=plain_sandbox.phone_invoice(20_000)["bolt11"])
    plain_sandbox.switch(details="bare")
    payout_send(payout_id=other.pk, now=soon(1))
    attempt = in_doubt(prize, plain_sandbox)
    assert looked_at(attempt, 0.1, 1, 40).state == "InProgress"
    assert not [grade for says, grade in graded(attempt).values() if says == "succeeded"]


def test_a_debit_without_its_preimage_is_strong_and_ends_nothing(
    prize: PullPayment, plain_sandbox: SandboxServer
) -> None:
    attempt = in_doubt(prize, plain_sandbox, "failure_reimbursed", later_s=600)
    payout_policy_update(store=prize.store, actor=ALICE, minimum_policy="refuse", strong_evidence_ends=True)
    assert looked_at(attempt, 0.1).state == "InProgress"
    assert graded(attempt)["transactions"] == ("succeeded", "strong")


@pytest.mark.parametrize("wanted", [False, True], ids=["owner says no", "owner says yes"])
def test_a_reimbursement_is_strong_and_ends_only_where_the_owner_wants_that(
    prize: PullPayment, plain_sandbox: SandboxServer, wanted: bool
) -> None:
    payout_policy_update(store=prize.store, actor=ALICE, minimum_policy="refuse", strong_evidence_ends=wanted)
    attempt = in_doubt(prize, plain_sandbox, "failure_reimbursed", later_s=0)
    wait_for_reimbursement(plain_sandbox, attempt)
    # The key's life is over: before, a repetition would simply pay.
    payout = looked_at(attempt, 24)
    assert not plain_sandbox.payments(attempt.payment_hash)
    assert (payout.state, attempt.state) == (("AwaitingPayment", "failed") if wanted else ("InProgress", "unknown"))
    assert graded(attempt)["reimbursement"] == ("failed", "strong")


@pytest.mark.parametrize("wanted", [False, True], ids=["owner says no", "owner says yes"])
def test_a_settled_recipient_and_a_send_nobody_else_claims_are_strong(
    prize: PullPayment, recipient: LnurlRecipient, wanted: bool
) -> None:
    payout_policy_update(store=prize.store, actor=ALICE, minimum_policy="refuse", strong_evidence_ends=wanted)
    recipient.with_verify = True
    recipient.sandbox.switch(send={"value": "pending_paid", "next": 1}, details="bare")
    payout = payout_claim(pull_payment=prize, destination=recipient.lnurl, amount=20_000)
    payout_send(payout_id=payout.pk, now=soon(1))
    attempt = payout.attempts.get()
    payout = looked_at(attempt, 0.1)
    assert graded(attempt)["verify"] == ("succeeded", "hint")
    assert graded(attempt)["combined"] == ("succeeded", "strong")
    assert payout.state == ("Completed" if wanted else "InProgress")
    assert len(recipient.sandbox.payments(attempt.payment_hash)) == 1


def test_a_recipient_who_was_paid_by_somebody_else_is_a_hint(prize: PullPayment, recipient: LnurlRecipient) -> None:
    payout_policy_update(store=prize.store, actor=ALICE, minimum_policy="refuse", strong_evidence_ends=True)
    recipient.with_verify = True
    recipient.sandbox.switch(cut={"value": "before", "next": 1, "operation": "lnInvoicePaymentSend"})
    payout = payout_claim(pull_payment=prize, destination=recipient.lnurl, amount=20_000)
    payout_send(payout_id=payout.pk, now=soon(1))
    attempt = payout.attempts.get()
    stranger = recipient.sandbox.account(balance_cents=100_000)
    cast_pay(recipient.sandbox, stranger, attempt.bolt11)
    payout = looked_at(attempt, 0.1, 1)
    assert graded(attempt)["verify"] == ("succeeded", "hint")
    assert (payout.state, attempt.state) == ("InProgress", "unknown")


def cast_pay(sandbox: SandboxServer, payer: dict[str, Any], bolt11: str) -> None:
    from flashpay import flash

    client = flash.Flash(flash.Endpoint(sandbox.graphql_url, sandbox.ws_url), flash.ApiKey(payer["api_key"]))
    reply = client.invoice_send(wallet_id=payer["wallets"]["USDT"], bolt11=bolt11, idempotency_key="stranger")
    assert reply.outcome is flash.Outcome.SUCCEEDED


@pytest.mark.parametrize("outage", [{"feed_empty": True}, {"ibex_outage": True}])
def test_an_empty_feed_proves_nothing(prize: PullPayment, plain_sandbox: SandboxServer, outage: dict[str, Any]) -> None:
    payout_policy_update(store=prize.store, actor=ALICE, minimum_policy="refuse", strong_evidence_ends=True)
    attempt = in_doubt(prize, plain_sandbox)
    plain_sandbox.switch(**outage)
    payout = looked_at(attempt, 0.1, 1, 40, 400, 4_000)
    assert (payout.state, attempt.state, payout.needs_review) == ("InProgress", "unknown", True)
    assert "absence" not in graded(attempt)


def test_a_pause_stops_repetitions_too(prize: PullPayment, plain_sandbox: SandboxServer) -> None:
    asked = plain_sandbox.phone_invoice(20_000)
    payout = payout_claim(pull_payment=prize, bolt11=asked["bolt11"])
    plain_sandbox.switch(cut={"value": "before", "next": 1, "operation": "lnInvoicePaymentSend"})
    payout_send(payout_id=payout.pk, now=soon(1))
    sending_pause(paused=True, actor=ALICE)
    assert looked_at(payout.attempts.get(), 0.1, 1).state == "InProgress"
    assert not plain_sandbox.payments(asked["payment_hash"])
    sending_pause(paused=False, actor=ALICE)
    assert looked_at(payout.attempts.get(), 1.5).state == "Completed"


# --- Review ---------------------------------------------------------------------------------------------------------


def test_after_the_set_time_a_person_is_asked_once(prize: PullPayment, plain_sandbox: SandboxServer) -> None:
    payout_policy_update(store=prize.store, actor=ALICE, minimum_policy="refuse", review_after_s=600)
    attempt = in_doubt(prize, plain_sandbox)
    assert not looked_at(attempt, 0.1).needs_review
    payout = looked_at(attempt, 0.2, 0.5, 1)
    assert (payout.needs_review, payout.state) == (True, "InProgress")
    assert Event.objects.filter(type="PayoutNeedsReview", entity_id=payout.pk).count() == 1
    with pytest.raises(Refusal):
        payout_cancel(payout=payout, reason="no", actor=ALICE)


def test_a_person_decides_that_it_was_paid(prize: PullPayment, plain_sandbox: SandboxServer, alice: User) -> None:
    attempt = in_doubt(prize, plain_sandbox)
    payout = looked_at(attempt, 1)
    assert payout_decide(payout=payout, user=alice, verdict="paid", reason=WHY, now=soon(HOUR))
    payout.refresh_from_db()
    attempt.refresh_from_db()
    assert (payout.state, attempt.state, payout.needs_review) == ("Completed", "succeeded", False)
    assert graded(attempt)["review"] == ("succeeded", "decision")
    with pytest.raises(AppendOnlyError):
        ReviewDecision.objects.get().delete()


def test_not_paid_is_refused_while_the_invoice_lives_and_then_sends_anew(
    prize: PullPayment, recipient: LnurlRecipient, alice: User
) -> None:
    recipient.sandbox.switch(send={"value": "pending_then_failed", "next": 1}, later_s=0)
    payout = payout_claim(pull_payment=prize, destination=recipient.lnurl, amount=20_000)
    payout_send(payout_id=payout.pk, now=soon(1))
    attempt = payout.attempts.get()
    with pytest.raises(Refusal) as refusal:
        payout_decide(payout=payout, user=alice, verdict="not_paid", reason=WHY)
    assert refusal.value.code == "still-payable"
    assert not ReviewDecision.objects.exists()
    PayoutAttempt.objects.filter(pk=attempt.pk).update(expires_at=soon(-1))
    assert payout_decide(payout=payout, user=alice, verdict="not_paid", reason=WHY)
    payout.refresh_from_db()
    assert payout.state == "AwaitingPayment"
    payout_send(payout_id=payout.pk, now=payout.due_at)
    payout.refresh_from_db()
    assert payout.state == "Completed"
    assert [len(recipient.sandbox.payments(each["payment_hash"])) for each in recipient.asked] == [0, 1]


@pytest.mark.parametrize("role", [Role.EMPLOYEE, Role.CASHIER, Role.GUEST, None])
def test_who_may_not_decide_is_refused(prize: PullPayment, plain_sandbox: SandboxServer, role: str | None) -> None:
    attempt = in_doubt(prize, plain_sandbox)
    other = cast.user_make("dora")
    if role:
        cast.member_add(prize.store, other, role)
    with pytest.raises(Refusal) as refusal:
        payout_decide(payout=attempt.payout, user=other, verdict="paid", reason=WHY)
    assert refusal.value.code == "missing-permission"
    assert not ReviewDecision.objects.exists()


def test_above_an_amount_two_different_people_must_agree(
    prize: PullPayment, plain_sandbox: SandboxServer, alice: User
) -> None:
    payout_policy_update(store=prize.store, actor=ALICE, minimum_policy="refuse", second_reviewer_above_sat=10_000)
    attempt = in_doubt(prize, plain_sandbox)
    dora = cast.user_make("dora")
    Membership.objects.create(store=prize.store, user=dora, role=Role.MANAGER)
    late = soon(30 * 24 * HOUR)
    assert not payout_decide(payout=attempt.payout, user=alice, verdict="paid", reason=WHY, now=late)
    assert not payout_decide(payout=attempt.payout, user=alice, verdict="paid", reason=WHY, now=late)
    assert not payout_decide(payout=attempt.payout, user=dora, verdict="not_paid", reason=WHY, now=late)
    attempt.refresh_from_db()
    assert attempt.state == "unknown"
    assert payout_decide(payout=attempt.payout, user=alice, verdict="not_paid", reason=WHY, now=late)
    attempt.refresh_from_db()
    assert attempt.state == "failed"
    assert ReviewDecision.objects.count() == 4


def test_a_decision_needs_a_reason_and_a_doubt(
    connected_store: Store, plain_sandbox: SandboxServer, alice: User
) -> None:
    prize = pull_payment_create(store=connected_store, amount=50_000, currency=SAT, actor=ALICE)
    attempt = in_doubt(prize, plain_sandbox)
    with pytest.raises(Refusal) as refusal:
        payout_decide(payout=attempt.payout, user=alice, verdict="paid", reason="ok")
    assert refusal.value.code == "reason-needed"
    paid = payout_claim(pull_payment=prize, bolt11=plain_sandbox.phone_invoice(20_000)["bolt11"])
    payout_send(payout_id=paid.pk, now=soon(1))
    with pytest.raises(Refusal) as refusal:
        payout_decide(payout=paid, user=alice, verdict="not_paid", reason=WHY)
    assert refusal.value.code == "invalid-state"


def test_a_payment_that_arrives_after_a_wrong_decision_sounds_the_alarm(
    prize: PullPayment, plain_sandbox: SandboxServer, alice: User
) -> None:
    plain_sandbox.switch(feed_empty=True)
    attempt = in_doubt(prize, plain_sandbox, "pending_paid")
    PayoutAttempt.objects.filter(pk=attempt.pk).update(expires_at=soon(-1))
    assert payout_decide(payout=attempt.payout, user=alice, verdict="not_paid", reason=WHY)
    plain_sandbox.switch(feed_empty=False)
    other = in_doubt(prize, plain_sandbox)
    looked_at(other, 0.1)
    payout = Payout.objects.get(pk=attempt.payout_id)
    assert payout.needs_review
    assert Event.objects.filter(type="AttemptPaidAfterAll", entity_id=payout.pk).count() == 1


def test_the_page_of_a_payout_in_doubt_takes_the_decision(
    prize: PullPayment, plain_sandbox: SandboxServer, alice: User, client: Client
) -> None:
    attempt = in_doubt(prize, plain_sandbox)
    looked_at(attempt, 1)
    client.force_login(alice)
    page = f"/stores/{prize.store_id}/payouts/{attempt.payout_id}"
    assert "It was not paid" in client.get(page).content.decode()
    act = reverse("dashboard:payout_act", args=[prize.store_id, attempt.payout_id])
    client.post(act, {"action": "paid", "reason": WHY})
    attempt.refresh_from_db()
    assert (attempt.state, attempt.payout.state) == ("succeeded", "Completed")
