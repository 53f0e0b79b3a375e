from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from flashpay.stores.models import Event, Store
from payouts.models import PullPayment
from tests.api.conftest import Script

BODY = {"name": "Wages", "amount": "50000", "currency": "SAT"}
TERMS = {
    "minimumClaim": "12000",
    "maximumClaim": "20000",
    "maximumClaims": 3,
    "approveByHandAbove": "15000",
    "twoPeopleAbove": "18000",
    "renewsEvery": "month",
    "claimCode": "sesame",
}


@pytest.fixture
def one(api: Script, paying_store: Store) -> str:
    made = api.post(f"/stores/{paying_store.pk}/pull-payments", BODY)
    return f"/stores/{paying_store.pk}/pull-payments/{made['id']}"


def test_it_is_made_with_every_term(api: Script, anybody: Script, paying_store: Store) -> None:
    made = api.post(f"/stores/{paying_store.pk}/pull-payments", BODY | TERMS)
    kept = PullPayment.objects.get()
    assert made["terms"] == {
        "state": "Active",
        "paused": False,
        "claimedAmount": "0",
        "remainingAmount": "50000",
        "claims": 0,
        "maximumClaim": "20000",
        "maximumClaims": 3,
        "approveByHandAbove": "15000",
        "twoPeopleAbove": "18000",
        "hasClaimCode": True,
        "renewsEvery": "month",
        "renewsAt": int(kept.renews_at.timestamp()) if kept.renews_at else None,
        "refundOfInvoice": None,
        "createdBy": kept.created_by,
    }
    assert api.get(f"/stores/{paying_store.pk}/pull-payments/{kept.pk}") == made
    assert anybody.get(f"/pull-payments/{kept.pk}")["terms"] is None


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"maximumClaim": "11000"}, "maximumClaim"),
        ({"maximumClaims": 0}, "maximumClaims"),
        ({"renewsEvery": "year"}, "renewsEvery"),
        ({"claimCode": "x"}, "claimCode"),
        ({"twoPeopleAbove": "-1"}, "twoPeopleAbove"),
        ({"add": "1"}, "add"),
    ],
)
def test_it_refuses_terms_that_contradict_each_other(
    api: Script, paying_store: Store, change: dict[str, Any], path: str
) -> None:
    (refused,) = api.post(f"/stores/{paying_store.pk}/pull-payments", BODY | TERMS | change, 422)
    assert refused["path"] == path
    assert not PullPayment.objects.exists()


def test_it_is_paused_and_goes_on(api: Script, one: str) -> None:
    assert api.post(f"{one}/pause")["terms"]["state"] == "Paused"
    assert api.post(f"{one}/pause")["terms"]["paused"] is True
    assert api.post(f"{one}/resume")["terms"]["state"] == "Active"
    assert Event.objects.filter(type__in=["PullPaymentPaused", "PullPaymentResumed"]).count() == 2


def test_its_end_is_moved_and_taken_away(api: Script, one: str) -> None:
    ends = int(timezone.now().timestamp()) + 3600
    assert api.post(f"{one}/extend", {"expiresAt": ends})["expiresAt"] == ends
    (refused,) = api.post(f"{one}/extend", {"expiresAt": 5}, 422)
    assert refused["path"] == "expiresAt"
    assert api.get(one)["expiresAt"] == ends
    assert api.post(f"{one}/extend", {})["expiresAt"] is None


def test_more_can_be_claimed_once_per_idempotency_key(api: Script, one: str) -> None:
    key = {"Idempotency-Key": "a raise"}
    assert api.post(f"{one}/raise", {"add": "10000"}, **key)["amount"] == "60000"
    assert api.post(f"{one}/raise", {"add": "10000"}, **key)["amount"] == "60000"
    assert api.post(f"{one}/raise", {"add": "10000"})["amount"] == "70000"
    api.post(f"{one}/raise", {"add": "0"}, 422)
    assert PullPayment.objects.get().amount == 70_000


def test_its_claim_code_is_changed_and_taken_away(api: Script, one: str) -> None:
    assert api.post(f"{one}/claim-code", {"claimCode": "sesame"})["terms"]["hasClaimCode"] is True
    (refused,) = api.post(f"{one}/claim-code", {"claimCode": "x"}, 422)
    assert refused["path"] == "claimCode"
    assert api.post(f"{one}/claim-code", {"claimCode": ""})["terms"]["hasClaimCode"] is False


def test_an_archived_one_is_changed_no_more(api: Script, one: str) -> None:
    api.delete(f"/pull-payments/{one.rpartition('/')[2]}")
    assert api.post(f"{one}/raise", {"add": "10000"}, 400)["code"] == "archived"
    assert api.post(f"{one}/extend", {}, 400)["code"] == "archived"
    assert PullPayment.objects.get().amount == 50_000


ACTIONS = [("pause", {}), ("resume", {}), ("extend", {}), ("raise", {"add": "1"}), ("claim-code", {"claimCode": ""})]


@pytest.mark.parametrize(("action", "body"), ACTIONS)
def test_who_may_not_changes_nothing(
    guest: Script, stranger: Script, anybody: Script, one: str, action: str, body: dict[str, Any]
) -> None:
    before = PullPayment.objects.values().get()
    guest.post(f"{one}/{action}", body, 403)
    stranger.post(f"{one}/{action}", body, 404)
    anybody.post(f"{one}/{action}", body, 401)
    assert PullPayment.objects.values().get() == before


def test_it_is_not_found_under_another_store(api: Script, alice: Any, one: str) -> None:
    other = api.post("/stores", {"name": "Second shop"})["id"]
    pull_payment_id = one.rpartition("/")[2]
    assert api.get(f"/stores/{other}/pull-payments/{pull_payment_id}", 404)["code"] == "pullpayment-not-found"
