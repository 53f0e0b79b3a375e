"""The page on which an owner says how the store pays out, and the switch that stops it."""

from __future__ import annotations

import pytest
from django.test import Client
from django.utils import timezone

from flashpay.money.currencies import SAT
from flashpay.stores.models import Event, Store
from payouts.models import PayoutPolicy
from payouts.services import payout_claim, payout_policy_update, payout_send, policy_of, pull_payment_create
from tests.cast import member_add, user_make
from tests.sandbox_server import SandboxServer

pytestmark = pytest.mark.django_db

RULES = {"minimum_policy": "refuse", "review_after": "30"}


def rules_of(store: Store) -> str:
    return f"/stores/{store.pk}/payout-rules"


def test_it_shows_the_defaults_and_the_warning(merchant: Client, store: Store) -> None:
    page = merchant.get(rules_of(store)).content.decode()
    assert "Strong evidence is not proof" in page
    assert not PayoutPolicy.objects.exists()
    for other in ("payouts", "settings"):
        assert rules_of(store) in merchant.get(f"/stores/{store.pk}/{other}").content.decode()


def test_it_saves_every_rule_in_the_units_of_people(merchant: Client, store: Store) -> None:
    typed = {
        "minimum_policy": "collect",
        "fee_cap": "1.25",
        "review_after": "45",
        "second_reviewer_above_sat": "100000",
        "strong_evidence_ends": "on",
        "approve_by_hand_above_sat": "50000",
        "two_people_above_sat": "250000",
    }
    assert merchant.post(rules_of(store), typed).status_code == 302
    policy = policy_of(store)
    assert (policy.minimum_policy, policy.fee_cap_bp, policy.review_after_s) == ("collect", 125, 45 * 60)
    assert (policy.second_reviewer_above_sat, policy.strong_evidence_ends) == (100_000, True)
    assert (policy.approve_by_hand_above_sat, policy.two_people_above_sat) == (50_000, 250_000)
    event = Event.objects.get(type="PayoutPolicyUpdated")
    assert (event.actor, event.evidence["fee_cap_bp"]) == ("alice@example.com", [None, 125])
    assert merchant.get(rules_of(store)).context["form"]["fee_cap"].value() == policy.fee_cap_bp / 100


def test_a_time_left_as_shown_stays_to_the_second(merchant: Client, store: Store) -> None:
    payout_policy_update(store=store, actor="api", minimum_policy="refuse", review_after_s=90)
    merchant.post(rules_of(store), RULES | {"review_after": "2", "fee_cap": "0"})
    assert (policy_of(store).review_after_s, policy_of(store).fee_cap_bp) == (90, 0)


@pytest.mark.parametrize(
    ("field", "typed"),
    [
        ("minimum_policy", "ignore"),
        ("minimum_policy", ""),
        ("fee_cap", "-1"),
        ("fee_cap", "100.01"),
        ("fee_cap", "0.001"),
        ("fee_cap", "NaN"),
        ("review_after", "0"),
        ("review_after", "43201"),
        ("review_after", ""),
        ("second_reviewer_above_sat", "-1"),
        ("second_reviewer_above_sat", "99999999999999999999"),
        ("approve_by_hand_above_sat", "-1"),
        ("two_people_above_sat", "99999999999999999999"),
    ],
)
def test_a_rule_that_cannot_be_is_said_at_its_field(merchant: Client, store: Store, field: str, typed: str) -> None:
    answer = merchant.post(rules_of(store), RULES | {"strong_evidence_ends": "on"} | {field: typed})
    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == [field]
    assert not PayoutPolicy.objects.exists()
    assert not Event.objects.filter(type="PayoutPolicyUpdated").exists()


def test_it_pauses_the_store_and_lets_it_go_on(
    merchant: Client, connected_store: Store, sandbox: SandboxServer
) -> None:
    merchant.post(f"{rules_of(connected_store)}/pause", {"action": "pause"})
    prize = pull_payment_create(store=connected_store, amount=50_000, currency=SAT, actor="alice")
    payout = payout_claim(pull_payment=prize, bolt11=sandbox.phone_invoice(20_000)["bolt11"])
    payout_send(payout_id=payout.pk, now=timezone.now())
    payout.refresh_from_db()
    assert (payout.state, payout.attempts.count()) == ("AwaitingPayment", 0)
    assert "Payouts are paused" in merchant.get(f"/stores/{connected_store.pk}/payouts").content.decode()
    merchant.post(f"{rules_of(connected_store)}/pause", {"action": "resume"})
    payout_send(payout_id=payout.pk, now=timezone.now())
    payout.refresh_from_db()
    assert payout.state == "Completed"
    switched = Event.objects.filter(type__in=["PayoutsPaused", "PayoutsResumed"])
    assert list(switched.values_list("type", "actor")) == [
        ("PayoutsPaused", "alice@example.com"),
        ("PayoutsResumed", "alice@example.com"),
    ]


def test_neither_pausing_nor_going_on_changes_nothing(merchant: Client, store: Store) -> None:
    assert merchant.get(f"{rules_of(store)}/pause").status_code == 405
    merchant.post(f"{rules_of(store)}/pause", {"action": "perhaps"})
    store.refresh_from_db()
    assert not store.payouts_paused
    assert not Event.objects.filter(type="PayoutsPaused").exists()


@pytest.mark.parametrize(
    ("role", "status"), [(None, 404), ("Employee", 403), ("Manager", 403), ("Cashier", 403), ("Guest", 403)]
)
def test_who_may_not_changes_nothing(client: Client, store: Store, role: str | None, status: int) -> None:
    person = user_make("erin")
    if role:
        member_add(store, person, role)
    client.force_login(person)
    assert client.get(rules_of(store)).status_code == status
    assert client.post(rules_of(store), RULES | {"strong_evidence_ends": "on"}).status_code == status
    assert client.post(f"{rules_of(store)}/pause", {"action": "pause"}).status_code == status
    store.refresh_from_db()
    assert not store.payouts_paused
    assert not PayoutPolicy.objects.exists()
