"""The store's own rules on who lets money go: for its own payouts, and for pull payments that say nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from flashpay.money.currencies import SAT, USD
from flashpay.money.rates import Rate
from flashpay.refusals import Refusal
from flashpay.stores.models import Store, User
from payouts.models import Payout, PayoutPolicy
from payouts.recipients.models import Recipient
from payouts.recipients.services import recipient_pay
from payouts.services import Terms, payout_approve, payout_create, payout_policy_update, pull_payment_create
from payouts.services import policies as policies_module
from payouts.services import pull_payments as pull_payments_module
from payouts.vouchers.services import voucher_batch_create
from tests.cast import user_make
from tests.payouts.conftest import ALICE, soon
from tests.payouts.recipients import wallet_make

pytestmark = pytest.mark.django_db


@pytest.fixture
def careful(store: Store) -> Store:
    """A store in which one person approves above 50,000 sat and two above 100,000."""
    wallet_make(store)
    payout_policy_update(
        store=store,
        actor=ALICE,
        minimum_policy="refuse",
        approve_by_hand_above_sat=50_000,
        two_people_above_sat=100_000,
    )
    return store


def paid(store: Store, sat: int, **more: Any) -> Payout:
    return payout_create(store=store, destination="anna@example.com", amount=sat, currency=SAT, actor=ALICE, **more)


@pytest.mark.parametrize(("sat", "needed"), [(50_000, 0), (50_001, 1), (100_000, 1), (100_001, 2)])
def test_the_store_s_own_payouts_wait_by_their_size(careful: Store, sat: int, needed: int) -> None:
    payout = paid(careful, sat)
    assert payout.approvals_needed == needed
    assert payout.state == ("AwaitingApproval" if needed else "AwaitingPayment")


def test_a_caller_may_ask_for_more_approval_but_never_for_less(careful: Store) -> None:
    assert paid(careful, 20_000, approved=False).approvals_needed == 1
    assert paid(careful, 200_000, approved=True).approvals_needed == 2


def test_two_different_people_let_a_large_one_go(careful: Store, alice: User) -> None:
    payout = paid(careful, 200_000)
    assert not payout_approve(payout=payout, actor=str(alice), user=alice)
    with pytest.raises(Refusal, match="second person"):
        payout_approve(payout=payout, actor=str(alice), user=alice)
    erin = user_make("erin")
    assert payout_approve(payout=payout, actor=str(erin), user=erin)
    payout.refresh_from_db()
    assert payout.state == "AwaitingPayment"


def test_zero_lets_none_go_by_itself_and_without_rules_all_go(store: Store) -> None:
    wallet_make(store)
    assert paid(store, 10_000_000).state == "AwaitingPayment"
    payout_policy_update(store=store, actor=ALICE, minimum_policy="refuse", approve_by_hand_above_sat=0)
    assert paid(store, 10_000).state == "AwaitingApproval"


def test_paying_a_recipient_keeps_the_rules(careful: Store) -> None:
    recipient = Recipient.objects.create(store=careful, name="Anna", address="anna@example.com")
    assert recipient_pay(recipient=recipient, amount=60_000, currency=SAT, actor=ALICE).state == "AwaitingApproval"


def test_a_new_pull_payment_takes_them_unless_it_has_its_own(careful: Store) -> None:
    plain = pull_payment_create(store=careful, amount=200_000, currency=SAT, actor=ALICE)
    assert (plain.approve_by_hand_above, plain.two_people_above) == (50_000, 100_000)
    own = pull_payment_create(
        store=careful, amount=200_000, currency=SAT, actor=ALICE, terms=Terms(approve_by_hand_above=150_000)
    )
    assert (own.approve_by_hand_above, own.two_people_above) == (150_000, 100_000)


def test_in_another_currency_they_are_converted_and_rounded_to_the_careful_side(
    careful: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    from decimal import Decimal

    rate = Rate(USD, Decimal("60000.33"), "test", soon())
    monkeypatch.setattr(policies_module, "rate_get", lambda currency: rate)
    monkeypatch.setattr(pull_payments_module, "rate_get", lambda currency: rate)
    made = pull_payment_create(store=careful, amount=20_000, currency=USD, actor=ALICE)
    assert (made.approve_by_hand_above, made.two_people_above) == (3_000, 6_000)


def test_vouchers_take_them_too(careful: Store) -> None:
    batch = voucher_batch_create(store=careful, count=2, amount=60_000, currency=SAT, actor=ALICE, name="Party")
    for voucher in batch.vouchers.all():
        assert voucher.pull_payment.approve_by_hand_above == 50_000


@pytest.mark.parametrize("name", ["approve_by_hand_above_sat", "two_people_above_sat"])
def test_it_refuses_a_negative_limit_and_changes_nothing(store: Store, name: str) -> None:
    limits: dict[str, Any] = {name: -1}
    with pytest.raises(Refusal) as refused:
        payout_policy_update(store=store, actor=ALICE, minimum_policy="refuse", **limits)
    assert refused.value.field == name
    assert not PayoutPolicy.objects.exists()
