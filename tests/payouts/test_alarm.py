"""A payment that arrives although its attempt was taken for failed: nothing more is sent, and no false alarm is sounded."""

from __future__ import annotations

import pytest

from flashpay.money.currencies import SAT
from flashpay.stores.models import Event, Store, User
from payouts.models import PayoutAttempt, PullPayment
from payouts.services import payout_claim, payout_decide, payout_send, pull_payment_create
from payouts.services.reconciling import receipt_complete
from tests import cast
from tests.payouts.conftest import ALICE, soon
from tests.payouts.lnurl_service import LnurlRecipient
from tests.payouts.test_doubt import WHY, in_doubt, looked_at
from tests.sandbox_server import SandboxServer

pytestmark = pytest.mark.django_db


def test_after_the_alarm_nothing_more_is_sent(
    connected_store: Store, recipient: LnurlRecipient, prize: PullPayment, alice: User
) -> None:
    sandbox = recipient.sandbox
    sandbox.switch(send={"value": "pending_paid", "next": 1}, feed_empty=True)
    payout = payout_claim(pull_payment=prize, destination=recipient.lnurl, amount=20_000)
    payout_send(payout_id=payout.pk, now=soon(1))
    attempt = payout.attempts.get()
    PayoutAttempt.objects.filter(pk=attempt.pk).update(expires_at=soon(-1))
    assert payout_decide(payout=payout, user=alice, verdict="not_paid", reason=WHY)
    sandbox.switch(feed_empty=False)
    looked_at(in_doubt(prize, sandbox), 0.1)
    payout_send(payout_id=payout.pk, now=soon(3600))
    payout.refresh_from_db()
    assert (payout.state, payout.needs_review, payout.attempts.count()) == ("AwaitingPayment", True, 1)
    assert "look at this payout" in payout.reason
    assert len(recipient.asked) == 1


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
