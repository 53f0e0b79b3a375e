"""Payouts whose invoice dies while they wait: called off by the schedule, and what they reserved is free again."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client

from flashpay.money.currencies import SAT
from flashpay.stores.models import Event, Store
from payouts.models import Payout, PullPayment
from payouts.services import (
    payout_approve,
    payout_cancel,
    payout_claim,
    payout_create,
    payouts_expire,
    pull_payment_create,
    sending_pause,
)
from payouts.services.approving import payout_drop
from payouts.tasks import expire_payouts
from tests.payouts.conftest import ALICE, soon
from tests.payouts.recipients import invoice_over, wallet_make

pytestmark = pytest.mark.django_db

# Invoices of these tests live an hour.
LATER = 3_601


@pytest.fixture
def prize(store: Store) -> PullPayment:
    wallet_make(store)
    return pull_payment_create(store=store, amount=50_000, currency=SAT, auto_approve=False, actor=ALICE)


def claimed(prize: PullPayment, sat: int = 20_000) -> Payout:
    prize.refresh_from_db()
    return payout_claim(pull_payment=prize, bolt11=invoice_over(sat))


def test_a_claim_that_nobody_approved_in_time_is_called_off_and_gives_its_amount_back(
    prize: PullPayment, client: Client
) -> None:
    payout = claimed(prize)
    assert payout.expires_at is not None
    assert payouts_expire(now=payout.expires_at) == 1
    payout.refresh_from_db()
    prize.refresh_from_db()
    assert (payout.state, prize.claimed, prize.claims) == ("Cancelled", 0, 0)
    event = Event.objects.get(type="PayoutCancelled")
    assert (event.actor, event.entity_id) == ("system", payout.pk)
    assert "before the shop approved it" in event.evidence["reason"]
    page = client.get(f"/p/{prize.pk}/{payout.pk}").content.decode()
    assert "Make a new invoice in your wallet and claim again" in page
    assert f'href="/p/{prize.pk}"' in page


def test_what_still_lives_and_what_has_ended_is_left_alone(prize: PullPayment) -> None:
    alive, cancelled = claimed(prize), claimed(prize, 10_000)
    payout_cancel(payout=cancelled, reason="Not theirs.", actor=ALICE)
    assert alive.expires_at is not None
    assert payouts_expire(now=alive.expires_at - timedelta(seconds=1)) == 0
    cancelled.refresh_from_db()
    assert cancelled.reason == "Not theirs."
    alive.refresh_from_db()
    assert alive.state == "AwaitingApproval"


def test_one_that_waits_for_its_sending_with_a_dead_invoice_is_called_off_too(prize: PullPayment) -> None:
    payout = claimed(prize)
    payout_approve(payout=payout, actor=ALICE)
    sending_pause(paused=True, actor=ALICE, reason="Something is odd.")
    assert payouts_expire(now=soon(LATER)) == 1
    payout.refresh_from_db()
    prize.refresh_from_db()
    assert (payout.state, prize.claimed, payout.attempts.count()) == ("Cancelled", 0, 0)
    assert payout.reason.startswith("The invoice expired before it could be sent.")


def test_one_in_flight_is_never_touched(prize: PullPayment) -> None:
    payout = claimed(prize)
    Payout.objects.filter(pk=payout.pk).update(state="InProgress")
    assert payouts_expire(now=soon(LATER)) == 0
    payout.refresh_from_db()
    assert payout.state == "InProgress"


def test_one_that_may_have_been_paid_already_keeps_its_amount_until_somebody_has_looked(prize: PullPayment) -> None:
    payout = claimed(prize)
    payout_approve(payout=payout, actor=ALICE)
    read_before = Payout.objects.get(pk=payout.pk)
    Payout.objects.filter(pk=payout.pk).update(needs_review=True)
    assert payouts_expire(now=soon(LATER)) == 0
    # Nor by a worker that read it just before the alarm.
    assert not payout_drop(payout=read_before, reason="The invoice expired.", now=soon(LATER))
    payout.refresh_from_db()
    prize.refresh_from_db()
    assert (payout.state, payout.reason, prize.claimed, prize.claims) == ("AwaitingPayment", "", 20_000, 1)
    assert not Event.objects.filter(type="PayoutCancelled").exists()


def test_an_address_does_not_expire(prize: PullPayment) -> None:
    payout = payout_create(
        store=prize.store, destination="anna@example.com", amount=20_000, currency=SAT, approved=False, actor=ALICE
    )
    assert payout.expires_at is None
    assert payouts_expire(now=soon(10**8)) == 0


def test_a_merchant_is_told_to_ask_for_another_invoice(prize: PullPayment) -> None:
    payout = payout_create(
        store=prize.store, destination=invoice_over(20_000), currency=SAT, approved=False, actor=ALICE
    )
    assert payouts_expire(now=soon(LATER)) == 1
    payout.refresh_from_db()
    assert "Ask the recipient for a new invoice" in payout.reason


def test_the_schedule_does_it_and_twice_is_once(prize: PullPayment) -> None:
    payout = claimed(prize)
    Payout.objects.update(expires_at=soon(-1))
    expire_payouts()
    expire_payouts()
    payout.refresh_from_db()
    assert payout.state == "Cancelled"
    assert Event.objects.filter(type="PayoutCancelled").count() == 1
