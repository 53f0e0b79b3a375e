"""Who may claim how much and how often, who approves it, and what the shop does about small claims."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection

from flashpay.money.currencies import SAT, USD
from flashpay.money.rates import Rate
from flashpay.refusals import Refusal
from flashpay.stores.models import Event, Store, User
from payouts.models import Payout, PayoutPart, PullPayment
from payouts.selectors import claim_limits, pull_payment_state
from payouts.services import (
    RaiseOffered,
    Terms,
    payout_approve,
    payout_cancel,
    payout_claim,
    payout_policy_update,
    payout_send,
    pull_payment_archive,
    pull_payment_code_set,
    pull_payment_create,
    pull_payment_extend,
    pull_payment_pause,
    pull_payment_raise,
    pull_payments_renew,
    quote_make,
)
from payouts.services.codes import CODE_TRIES
from payouts.services.periods import period_end
from tests import cast
from tests.payouts.conftest import ALICE, soon
from tests.payouts.lnurl_service import LnurlRecipient
from tests.payouts.recipients import invoice_over, pull_payment_make, wallet_make

pytestmark = pytest.mark.django_db


@pytest.fixture
def paying_store(store: Store) -> Store:
    """A store with a wallet that nobody asks."""
    wallet_make(store)
    return store


def made(store: Store, amount: int = 50_000, **terms: Any) -> PullPayment:
    return pull_payment_create(store=store, amount=amount, currency=SAT, actor=ALICE, terms=Terms(**terms))


def claimed(pull_payment: PullPayment, sat: int = 20_000, **more: Any) -> Payout:
    pull_payment.refresh_from_db()
    return payout_claim(pull_payment=pull_payment, bolt11=invoice_over(sat), **more)


def refused(pull_payment: PullPayment, sat: int = 20_000, **more: Any) -> str:
    before = Payout.objects.count()
    with pytest.raises(Refusal) as refusal:
        claimed(pull_payment, sat, **more)
    assert Payout.objects.count() == before
    return refusal.value.code


# --- Limits ---------------------------------------------------------------------------------------------------------


def test_a_claim_keeps_the_largest_claim(paying_store: Store) -> None:
    pull_payment = made(paying_store, maximum_claim=20_000)
    assert claim_limits(pull_payment, soon()).maximum_msat == 20_000_000
    assert refused(pull_payment, 20_001) == "amount-too-high"
    assert claimed(pull_payment, 20_000).state == "AwaitingPayment"


def test_it_can_be_claimed_so_often_and_a_cancelled_claim_does_not_count(paying_store: Store) -> None:
    pull_payment = made(paying_store, maximum_claims=2)
    first, _ = claimed(pull_payment, 10_000), claimed(pull_payment, 10_000)
    assert refused(pull_payment, 10_000) == "overdraft"
    assert pull_payment_state(pull_payment, soon()) == "Exhausted"
    payout_cancel(payout=first, reason="no", actor=ALICE)
    assert claimed(pull_payment, 10_000).state == "AwaitingPayment"


@pytest.mark.parametrize(("sat", "code"), [(41_000, "leaves-dust"), (49_999, "leaves-dust")])
def test_a_claim_leaves_no_rest_that_nobody_could_claim(paying_store: Store, sat: int, code: str) -> None:
    pull_payment = made(paying_store)
    assert refused(pull_payment, sat) == code
    assert claimed(pull_payment, 40_000).amount == 40_000
    assert claimed(pull_payment, 10_000).amount == 10_000
    pull_payment.refresh_from_db()
    assert pull_payment.remaining == 0


def test_the_last_claim_that_is_allowed_may_leave_a_rest(paying_store: Store) -> None:
    assert claimed(made(paying_store, maximum_claims=1), 45_000).amount == 45_000


@pytest.mark.parametrize(
    "terms",
    [
        {"minimum_claim": 60_000},
        {"maximum_claim": 0},
        {"minimum_claim": 20_000, "maximum_claim": 10_000},
        {"maximum_claim": 5_000},
        {"maximum_claims": 0},
        {"two_people_above": -1},
        {"renews_every": "hour"},
    ],
)
def test_limits_that_contradict_each_other_are_refused(paying_store: Store, terms: dict[str, Any]) -> None:
    with pytest.raises(Refusal):
        made(paying_store, **terms)
    assert not PullPayment.objects.exists()


# --- Approval -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("auto", "sat", "needed"), [(True, 10_000, 0), (True, 20_001, 1), (True, 30_001, 2), (False, 10_000, 1)]
)
def test_an_amount_says_how_many_people_approve(paying_store: Store, auto: bool, sat: int, needed: int) -> None:
    pull_payment = pull_payment_create(
        store=paying_store,
        amount=90_000,
        currency=SAT,
        actor=ALICE,
        auto_approve=auto,
        terms=Terms(approve_by_hand_above=20_000, two_people_above=30_000),
    )
    payout = claimed(pull_payment, sat)
    assert payout.approvals_needed == needed
    assert payout.state == ("AwaitingApproval" if needed else "AwaitingPayment")


def test_two_people_are_two_different_ones(paying_store: Store, alice: User) -> None:
    payout = claimed(made(paying_store, two_people_above=10_000))
    dora = cast.user_make("dora")
    assert not payout_approve(payout=payout, actor=ALICE, user=alice)
    with pytest.raises(Refusal) as refusal:
        payout_approve(payout=payout, actor=f"{ALICE} (API key)", user=alice)
    assert refusal.value.code == "second-person-needed"
    payout.refresh_from_db()
    assert (payout.state, payout.approvals) == ("AwaitingApproval", 1)
    assert payout_approve(payout=payout, actor="dora@example.com", user=dora)
    payout.refresh_from_db()
    assert payout.state == "AwaitingPayment"


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_two_approvals_in_the_same_moment_let_it_go(store: Store, alice: User) -> None:
    wallet_make(store)
    payout = claimed(made(store, two_people_above=10_000))
    people, gate = [alice, cast.user_make("dora")], threading.Barrier(2, timeout=20)

    def approve(user: User) -> bool:
        try:
            mine = Payout.objects.get(pk=payout.pk)
            gate.wait()
            return payout_approve(payout=mine, actor=str(user), user=user)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(approve, people)) == [False, True]
    payout.refresh_from_db()
    assert payout.state == "AwaitingPayment"


# --- The claim code -------------------------------------------------------------------------------------------------


def test_a_claim_needs_the_code_in_any_case_and_spacing(paying_store: Store) -> None:
    pull_payment = made(paying_store)
    pull_payment_code_set(pull_payment=pull_payment, code="Blue Door", actor=ALICE)
    assert "lue" not in pull_payment.claim_code_hash
    assert refused(pull_payment) == "claim-code"
    assert refused(pull_payment, claim_code="red door") == "claim-code"
    assert claimed(pull_payment, claim_code=" blue door").state == "AwaitingPayment"


def test_wrong_codes_lock_it_until_there_is_a_new_one(paying_store: Store) -> None:
    pull_payment = made(paying_store)
    pull_payment_code_set(pull_payment=pull_payment, code="4711", actor=ALICE)
    assert [refused(pull_payment, claim_code="0000") for _ in range(CODE_TRIES)] == ["claim-code"] * CODE_TRIES
    assert refused(pull_payment, claim_code="4711") == "claim-code-locked"
    pull_payment_code_set(pull_payment=pull_payment, code="4712", actor=ALICE)
    assert claimed(pull_payment, claim_code="4712").state == "AwaitingPayment"


# --- Changing it ----------------------------------------------------------------------------------------------------


def test_pausing_stops_claims_and_sending_until_it_is_resumed(paying_store: Store) -> None:
    pull_payment = made(paying_store)
    payout = claimed(pull_payment)
    pull_payment_pause(pull_payment=pull_payment, paused=True, actor=ALICE)
    assert refused(pull_payment) == "paused"
    payout_send(payout_id=payout.pk, now=soon(1))
    payout.refresh_from_db()
    assert (payout.state, payout.attempts.count()) == ("AwaitingPayment", 0)
    assert "paused" in payout.reason
    now = soon(2)
    pull_payment_pause(pull_payment=pull_payment, paused=False, actor=ALICE, now=now)
    payout.refresh_from_db()
    assert payout.due_at == now


def test_it_is_extended_and_raised_but_not_once_archived(paying_store: Store) -> None:
    pull_payment = made(paying_store)
    pull_payment_extend(pull_payment=pull_payment, expires_at=soon(10), actor=ALICE)
    assert pull_payment_state(pull_payment, soon(20)) == "Expired"
    pull_payment_extend(pull_payment=pull_payment, expires_at=soon(3_600), actor=ALICE)
    pull_payment_raise(pull_payment=pull_payment, add=10_000, actor=ALICE)
    assert (pull_payment.amount, pull_payment_state(pull_payment, soon(20))) == (60_000, "Active")
    types = list(Event.objects.filter(entity="pullpayment").values_list("type", flat=True))
    assert types == ["PullPaymentCreated", "PullPaymentExtended", "PullPaymentExtended", "PullPaymentRaised"]
    pull_payment_archive(pull_payment=pull_payment, actor=ALICE)
    with pytest.raises(Refusal):
        pull_payment_raise(pull_payment=pull_payment, add=1, actor=ALICE)
    with pytest.raises(Refusal):
        pull_payment_extend(pull_payment=pull_payment, expires_at=soon(-10), actor=ALICE)
    pull_payment.refresh_from_db()
    assert pull_payment.amount == 60_000


# --- Periods --------------------------------------------------------------------------------------------------------


def test_a_new_period_makes_the_amount_claimable_again_and_the_rest_lapse(paying_store: Store) -> None:
    pull_payment = made(paying_store, 30_000, renews_every="week", maximum_claims=1)
    claimed(pull_payment, 10_000)
    assert refused(pull_payment, 10_000) == "overdraft"
    later = soon(8 * 24 * 3_600)
    assert (pull_payments_renew(now=later), pull_payments_renew(now=later)) == (1, 0)
    pull_payment.refresh_from_db()
    assert (pull_payment.remaining, pull_payment.amount, pull_payment.claims) == (30_000, 40_000, 0)
    assert pull_payment.renews_at - pull_payment.starts_at == timedelta(weeks=2)
    assert claimed(pull_payment, 30_000).amount == 30_000
    assert pull_payments_renew(now=soon(40 * 24 * 3_600)) == 1


def test_months_keep_their_day_or_take_the_last_one() -> None:
    start = datetime(2027, 1, 31, 12, tzinfo=UTC)
    ends = [period_end(start, "month", count).strftime("%m-%d") for count in (1, 2, 3, 13)]
    assert ends == ["02-28", "03-31", "04-30", "02-29"]


# --- Small claims ---------------------------------------------------------------------------------------------------


def test_a_small_claim_is_offered_the_minimum_and_confirmed_by_claiming_it(
    prize: PullPayment, recipient: LnurlRecipient
) -> None:
    payout_policy_update(store=prize.store, actor=ALICE, minimum_policy="raise")
    with pytest.raises(RaiseOffered) as offer:
        payout_claim(pull_payment=prize, destination=recipient.lnurl, amount=3_000)
    assert offer.value.amount == 10_000
    assert not Payout.objects.exists()
    assert payout_claim(pull_payment=prize, destination=recipient.lnurl, amount=offer.value.amount).amount == 10_000


def test_the_amount_of_somebodys_invoice_is_never_raised(prize: PullPayment) -> None:
    payout_policy_update(store=prize.store, actor=ALICE, minimum_policy="raise")
    with pytest.raises(Refusal) as refusal:
        claimed(prize, 3_000)
    assert not isinstance(refusal.value, RaiseOffered)
    assert refusal.value.code == "amount-too-low"


def test_nothing_is_raised_beyond_what_is_left(paying_store: Store) -> None:
    payout_policy_update(store=paying_store, actor=ALICE, minimum_policy="raise")
    left = pull_payment_make(paying_store, 9_000)
    with pytest.raises(Refusal) as refusal:
        payout_claim(pull_payment=left, destination="bob@example.com", amount=3_000)
    assert refusal.value.code == "amount-too-low"


def test_small_claims_of_one_recipient_are_collected_and_sent_together(
    prize: PullPayment, recipient: LnurlRecipient
) -> None:
    payout_policy_update(store=prize.store, actor=ALICE, minimum_policy="collect")
    first = payout_claim(pull_payment=prize, destination=recipient.lnurl, amount=3_000, claim_key="1")
    assert payout_claim(pull_payment=prize, destination=recipient.lnurl, amount=3_000, claim_key="1") == first
    payout_send(payout_id=first.pk, now=soon(1))
    first.refresh_from_db()
    assert (first.state, first.amount) == ("AwaitingPayment", 3_000)
    assert "collected" in first.reason
    assert not recipient.requests
    other = payout_claim(pull_payment=prize, destination="bob@example.com", amount=3_000)
    assert other != first
    for key in ("2", "3"):
        assert payout_claim(pull_payment=prize, destination=recipient.lnurl, amount=4_000, claim_key=key) == first
    payout_send(payout_id=first.pk, now=soon(2))
    first.refresh_from_db()
    assert (first.state, first.amount, first.attempts.count()) == ("Completed", 11_000, 1)
    assert sorted(PayoutPart.objects.filter(payout=first).values_list("amount", flat=True)) == [3_000, 4_000, 4_000]
    assert recipient.sandbox.payments(recipient.asked[0]["payment_hash"])[0]["amount_sat"] == 11_000
    prize.refresh_from_db()
    assert prize.claimed == 14_000
    again = payout_claim(pull_payment=prize, destination=recipient.lnurl, amount=3_000)
    assert again != first
    payout_cancel(payout=again, reason="no", actor=ALICE)
    prize.refresh_from_db()
    assert prize.claimed == 14_000


# --- Quotes ---------------------------------------------------------------------------------------------------------


def test_the_rate_that_was_shown_counts_for_five_minutes(connected_store: Store) -> None:
    pull_payment = pull_payment_create(store=connected_store, amount=10_000, currency=USD, actor=ALICE)
    other = pull_payment_create(store=connected_store, amount=10_000, currency=USD, actor=ALICE)
    now = soon()
    shown = Rate(USD, Decimal(50_000), "flash", now)
    quote = quote_make(pull_payment=pull_payment, rate=shown, now=now)
    payout = claimed(pull_payment, 20_000, quote=quote.token, now=now + timedelta(seconds=299))
    assert (payout.amount, payout.rate, payout.rate_source) == (1_000, Decimal(50_000), "flash")
    assert refused(pull_payment, 20_000, quote=quote.token, now=now + timedelta(seconds=301)) == "quote-expired"
    assert refused(other, 20_000, quote=quote.token, now=now) == "quote-expired"
    assert refused(pull_payment, 20_000, quote=quote.token + "x", now=now) == "quote-expired"
