"""Claims to a Lightning Address or an LNURL: resolved when they are sent, and never to a second invoice in doubt."""

from __future__ import annotations

import pytest
from django.test import override_settings

from flashpay.money.currencies import SAT, USD
from flashpay.refusals import Refusal
from flashpay.stores.models import PaymentHash, Store
from lnurl.wire.codec import lnurl_encode
from payouts.models import Payout, PullPayment
from payouts.services import payout_cancel, payout_claim, payout_create, payout_reconcile, payout_send
from payouts.services.reconciling import receipt_complete
from tests.payouts.conftest import ALICE, soon
from tests.payouts.lnurl_service import LnurlRecipient
from tests.payouts.recipients import invoice_over
from tests.sandbox_server import SandboxServer

pytestmark = pytest.mark.django_db


def sent(payout: Payout, seconds: float = 1) -> Payout:
    payout_send(payout_id=payout.pk, now=soon(seconds))
    payout.refresh_from_db()
    return payout


@pytest.mark.parametrize("how", ["url", "LNURL", "lightning:"])
def test_an_lnurl_is_paid_over_exactly_the_amount(prize: PullPayment, recipient: LnurlRecipient, how: str) -> None:
    text = recipient.lnurl if how == "url" else lnurl_encode(recipient.lnurl)
    payout = payout_claim(
        pull_payment=prize, destination=f"lightning:{text}" if how == "lightning:" else text, amount=20_000
    )
    assert not recipient.requests
    assert not PaymentHash.objects.exists()
    assert sent(payout).state == "Completed"
    paid = recipient.sandbox.payments(recipient.asked[0]["payment_hash"])
    assert [each["amount_sat"] for each in paid] == [20_000]
    attempt = payout.attempts.get()
    assert attempt.service == "127.0.0.1"
    assert PaymentHash.objects.get().owner_id == payout.pk


def test_a_lightning_address_of_the_sandbox_is_paid(prize: PullPayment, plain_sandbox: SandboxServer) -> None:
    address = plain_sandbox.account()["lightning_address"]
    payout = payout_claim(pull_payment=prize, destination=f" {address.upper()} ", amount=15_000)
    assert (payout.destination_kind, payout.destination) == ("address", address)
    assert sent(payout).state == "Completed"
    attempt = payout.attempts.get()
    assert attempt.verify_url.endswith(attempt.payment_hash)
    assert plain_sandbox.payments(attempt.payment_hash)[0]["amount_sat"] == 15_000


def test_without_leave_no_private_address_is_asked(prize: PullPayment, recipient: LnurlRecipient) -> None:
    payout = payout_claim(pull_payment=prize, destination=recipient.lnurl, amount=20_000)
    with override_settings(ALLOW_PRIVATE_DESTINATIONS=False):
        assert sent(payout).state == "AwaitingPayment"
        assert not recipient.requests
        with override_settings(SANDBOX=False), pytest.raises(Refusal) as refusal:
            payout_claim(pull_payment=prize, destination=recipient.lnurl, amount=20_000)
    assert refusal.value.code == "invalid-destination"


def test_a_service_that_fails_makes_the_payout_wait_longer_each_time(
    prize: PullPayment, recipient: LnurlRecipient
) -> None:
    recipient.broken = True
    payout = payout_claim(pull_payment=prize, destination=recipient.lnurl, amount=20_000)
    waits, now = [], soon(1)
    for _ in range(3):
        payout_send(payout_id=payout.pk, now=now)
        payout.refresh_from_db()
        waits.append(round((payout.due_at - now).total_seconds()))
        now = payout.due_at
    assert waits[0] < waits[1] < waits[2]
    assert "refused" in payout.reason
    assert "closed today" not in payout.reason
    assert not payout.attempts.exists()
    recipient.broken = False
    payout_send(payout_id=payout.pk, now=payout.due_at)
    payout.refresh_from_db()
    assert payout.state == "Completed"


def test_an_invoice_over_another_amount_is_not_paid(prize: PullPayment, recipient: LnurlRecipient) -> None:
    recipient.off_sat = 1
    payout = sent(payout_claim(pull_payment=prize, destination=recipient.lnurl, amount=20_000))
    assert (payout.state, payout.attempts.count()) == ("AwaitingPayment", 0)
    assert not recipient.sandbox.payments(recipient.asked[0]["payment_hash"])
    assert not PaymentHash.objects.exists()


def test_an_invoice_that_was_seen_before_is_not_paid(prize: PullPayment, recipient: LnurlRecipient) -> None:
    recipient.invoice = recipient.sandbox.phone_invoice(20_000)
    first = sent(payout_claim(pull_payment=prize, destination=recipient.lnurl, amount=20_000))
    second = sent(payout_claim(pull_payment=prize, destination=recipient.lnurl, amount=20_000))
    assert (first.state, second.state) == ("Completed", "AwaitingPayment")
    assert "used before" in second.reason
    assert len(recipient.sandbox.payments(recipient.invoice["payment_hash"])) == 1


def test_in_doubt_no_second_invoice_is_asked_for(prize: PullPayment, recipient: LnurlRecipient) -> None:
    recipient.sandbox.switch(send="pending_forever")
    payout = sent(payout_claim(pull_payment=prize, destination=recipient.lnurl, amount=20_000))
    for hours in (1, 5, 20, 40):
        payout_reconcile(payout_id=payout.pk, now=soon(hours * 3_600))
        payout_send(payout_id=payout.pk, now=soon(hours * 3_600))
    payout.refresh_from_db()
    assert (payout.state, payout.attempts.count(), len(recipient.asked)) == ("InProgress", 1, 1)


def test_after_a_proven_failure_a_fresh_invoice_is_paid(connected_store: Store, recipient: LnurlRecipient) -> None:
    payout = payout_create(store=connected_store, destination=recipient.lnurl, amount=20_000, currency=SAT, actor=ALICE)
    recipient.sandbox.switch(http_status={"value": 401, "next": 1, "operation": "lnInvoicePaymentSend"})
    assert sent(payout).state == "AwaitingPayment"
    assert sent(payout, 60).state == "Completed"
    assert [attempt.state for attempt in payout.attempts.all()] == ["failed", "succeeded"]
    hashes = [given["payment_hash"] for given in recipient.asked]
    assert len(set(hashes)) == 2
    assert [len(recipient.sandbox.payments(each)) for each in hashes] == [0, 1]
    assert len(set(payout.attempts.values_list("idempotency_key", flat=True))) == 2


def test_what_the_service_says_after_the_payment_is_kept(prize: PullPayment, recipient: LnurlRecipient) -> None:
    recipient.with_verify = True
    recipient.extra = {"successAction": {"tag": "message", "message": "Thank you <b>very</b> much"}}
    payout = sent(payout_claim(pull_payment=prize, destination=recipient.lnurl, amount=20_000))
    attempt = payout.attempts.get()
    assert attempt.success_action == {"tag": "message", "message": "Thank you <b>very</b> much"}
    recipient.sandbox.switch(feed_empty=True)
    assert receipt_complete(attempt=attempt, now=soon())
    attempt.refresh_from_db()
    assert attempt.preimage == recipient.sandbox.payments(attempt.payment_hash)[0]["preimage"]


def test_an_unknown_success_action_is_not_paid(prize: PullPayment, recipient: LnurlRecipient) -> None:
    recipient.extra = {"successAction": {"tag": "dance"}}
    payout = sent(payout_claim(pull_payment=prize, destination=recipient.lnurl, amount=20_000))
    assert (payout.state, payout.attempts.count()) == ("AwaitingPayment", 0)


@pytest.mark.parametrize(
    "text", ["lnurlw://shop.example/withdraw", "hello", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", "a@b", ""]
)
def test_it_refuses_what_cannot_be_paid(prize: PullPayment, text: str) -> None:
    with pytest.raises(Refusal) as refusal:
        payout_claim(pull_payment=prize, destination=text, amount=20_000)
    assert refusal.value.code == "invalid-destination"
    assert not Payout.objects.exists()


def test_the_invoice_of_somebodys_address_cannot_be_claimed_again(
    prize: PullPayment, recipient: LnurlRecipient
) -> None:
    sent(payout_claim(pull_payment=prize, destination=recipient.lnurl, amount=20_000))
    with pytest.raises(Refusal) as refusal:
        payout_claim(pull_payment=prize, bolt11=recipient.asked[0]["bolt11"])
    assert refusal.value.code == "duplicate-destination"
    assert Payout.objects.count() == 1


def test_a_repeated_request_to_an_address_is_one_payout(prize: PullPayment) -> None:
    wanted = {"pull_payment": prize, "destination": "bob@example.com", "amount": 20_000, "claim_key": "form-1"}
    assert payout_claim(**wanted) == payout_claim(**wanted)
    assert payout_claim(**{**wanted, "claim_key": "form-2"}) != payout_claim(**wanted)
    prize.refresh_from_db()
    assert (prize.claimed, prize.claims) == (40_000, 2)


def test_a_dollar_claim_to_an_address_is_sent_in_whole_sats_worth_no_more(
    connected_store: Store, recipient: LnurlRecipient
) -> None:
    payout = payout_create(store=connected_store, destination=recipient.lnurl, amount=1_000, currency=USD, actor=ALICE)
    assert payout.amount_msat % 1_000 == 0
    assert sent(payout).state == "Completed"
    assert recipient.sandbox.payments(recipient.asked[0]["payment_hash"])[0]["amount_msat"] == payout.amount_msat


def test_a_merchants_payout_is_made_once_and_may_wait_for_approval(connected_store: Store) -> None:
    bolt11 = invoice_over(20_000)
    made = payout_create(
        store=connected_store, destination=bolt11, currency=SAT, actor=ALICE, approved=False, request_key="row 1"
    )
    assert (made.state, made.pull_payment, made.amount) == ("AwaitingApproval", None, 20_000)
    assert payout_create(store=connected_store, destination=bolt11, currency=SAT, actor=ALICE) == made
    payout_cancel(payout=made, reason="no", actor=ALICE)
    with pytest.raises(Refusal) as refusal:
        payout_create(store=connected_store, destination=bolt11, currency=SAT, actor=ALICE)
    assert refusal.value.code == "duplicate-destination"
