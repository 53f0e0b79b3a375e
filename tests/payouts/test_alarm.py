"""A payment that arrives although its attempt was taken for failed: nothing more is sent, and no false alarm is sounded."""

from __future__ import annotations

import pytest
from django.test import Client

from flashpay.money.currencies import SAT
from flashpay.refusals import Refusal
from flashpay.stores.models import Event, Store, User
from payouts.models import Payout, PayoutAttempt, PullPayment
from payouts.services import payout_claim, payout_decide, payout_review_end, payout_send, pull_payment_create
from payouts.services.reconciling import receipt_complete
from tests import cast
from tests.payouts.conftest import ALICE, soon
from tests.payouts.lnurl_service import LnurlRecipient
from tests.payouts.test_doubt import WHY, in_doubt, looked_at
from tests.sandbox_server import SandboxServer

pytestmark = pytest.mark.django_db


@pytest.fixture
def alarmed(connected_store: Store, recipient: LnurlRecipient, prize: PullPayment, alice: User) -> Payout:
    """A payout that somebody decided was not paid, whose payment then arrived."""
    sandbox = recipient.sandbox
    sandbox.switch(send={"value": "pending_paid", "next": 1}, feed_empty=True)
    payout = payout_claim(pull_payment=prize, destination=recipient.lnurl, amount=20_000)
    payout_send(payout_id=payout.pk, now=soon(1))
    attempt = payout.attempts.get()
    PayoutAttempt.objects.filter(pk=attempt.pk).update(expires_at=soon(-1))
    assert payout_decide(payout=payout, user=alice, verdict="not_paid", reason=WHY)
    sandbox.switch(feed_empty=False)
    looked_at(in_doubt(prize, sandbox), 0.1)
    payout.refresh_from_db()
    return payout


def test_after_the_alarm_nothing_more_is_sent(alarmed: Payout, recipient: LnurlRecipient) -> None:
    payout_send(payout_id=alarmed.pk, now=soon(3600))
    alarmed.refresh_from_db()
    assert (alarmed.state, alarmed.needs_review, alarmed.attempts.count()) == ("AwaitingPayment", True, 1)
    assert "look at this payout" in alarmed.reason
    assert len(recipient.asked) == 1


def test_after_the_alarm_it_cannot_be_cancelled_for_its_amount_would_be_free_for_a_second_claim(
    alarmed: Payout, prize: PullPayment, merchant: Client
) -> None:
    page = f"/stores/{alarmed.store_id}/payouts/{alarmed.pk}"
    prize.refresh_from_db()
    before = prize.claimed, prize.claims
    assert 'data-dialog="cancel"' not in merchant.get(page).content.decode()
    answer = merchant.post(f"{page}/act", {"action": "cancel", "reason": "By mistake"}, follow=True)
    assert "It cannot be cancelled; nothing more is sent." in answer.content.decode()
    alarmed.refresh_from_db()
    prize.refresh_from_db()
    assert (alarmed.state, alarmed.needs_review) == ("AwaitingPayment", True)
    assert (prize.claimed, prize.claims) == before
    assert not Event.objects.filter(type="PayoutCancelled").exists()


@pytest.mark.parametrize(
    ("state", "said"), [("Completed", "money twice"), ("Cancelled", "although the payout was called off")]
)
def test_an_ended_payout_with_an_alarm_leaves_the_list_once_somebody_said_what_was_found(
    alarmed: Payout, merchant: Client, state: str, said: str
) -> None:
    Payout.objects.filter(pk=alarmed.pk).update(state=state)
    page, to_review = (
        f"/stores/{alarmed.store_id}/payouts/{alarmed.pk}",
        f"/stores/{alarmed.store_id}/payouts?state=needs_review",
    )
    shown = merchant.get(page).content.decode()
    assert said in shown
    assert "stays reserved" not in shown
    merchant.post(f"{page}/act", {"action": "looked", "reason": "short"})
    assert alarmed.pk in merchant.get(to_review).content.decode()
    found = "The recipient sent the second payment back"
    merchant.post(f"{page}/act", {"action": "looked", "reason": found})
    assert alarmed.pk not in merchant.get(to_review).content.decode()
    alarmed.refresh_from_db()
    assert (alarmed.state, alarmed.needs_review) == (state, False)
    assert found in merchant.get(page).content.decode()
    merchant.post(f"{page}/act", {"action": "looked", "reason": found})
    assert [each.evidence["reason"] for each in Event.objects.filter(type="PayoutReviewed", actor="alice@example.com")][
        1:
    ] == [found]


@pytest.mark.usefixtures("connected_store")
def test_a_payout_without_an_alarm_has_nothing_to_be_looked_into(prize: PullPayment, sandbox: SandboxServer) -> None:
    payout = payout_claim(pull_payment=prize, bolt11=sandbox.phone_invoice(20_000)["bolt11"])
    with pytest.raises(Refusal, match="nothing to look into"):
        payout_review_end(payout=payout, reason="All is well here", actor=ALICE)
    assert not Event.objects.filter(type="PayoutReviewed").exists()


def test_a_refused_attempt_is_no_alarm_when_the_next_one_pays_the_same_invoice(
    store: Store, plain_sandbox: SandboxServer
) -> None:
    wallet = cast.wallet_give(store, plain_sandbox, balance_cents=2_000)
    prize = pull_payment_create(store=store, amount=60_000, currency=SAT, actor=ALICE)
    asked = plain_sandbox.phone_invoice(20_000)
    payout = payout_claim(pull_payment=prize, bolt11=asked["bolt11"])
    plain_sandbox.switch(http_status={"value": 401, "next": 1, "operation": "lnInvoicePaymentSend"})
    payout_send(payout_id=payout.pk, now=soon(1))
    payout_send(payout_id=payout.pk, now=soon(60))
    assert [each.state for each in payout.attempts.order_by("number")] == ["failed", "succeeded"]
    assert receipt_complete(attempt=payout.attempts.get(number=2), now=soon(61))
    payout.refresh_from_db()
    assert (payout.state, payout.needs_review) == ("Completed", False)
    assert not Event.objects.filter(type="AttemptPaidAfterAll").exists()
    assert wallet.transactions.get().payment_hash == asked["payment_hash"]


def test_details_that_lacked_the_hash_are_asked_about_again(prize: PullPayment, plain_sandbox: SandboxServer) -> None:
    asked = plain_sandbox.phone_invoice(None)
    payout = payout_claim(pull_payment=prize, bolt11=asked["bolt11"], amount=20_000)
    plain_sandbox.switch(send={"value": "pending_paid", "next": 1}, details="bare")
    payout_send(payout_id=payout.pk, now=soon(1))
    attempt = payout.attempts.get()
    assert looked_at(attempt, 0.01).state == "InProgress"
    plain_sandbox.switch(details="full")
    assert looked_at(attempt, 0.011).state == "InProgress"  # not at every look, for each row costs a request
    assert looked_at(attempt, 0.1).state == "Completed"
    assert attempt.preimage
