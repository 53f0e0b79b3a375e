from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from flashpay.stores import permissions
from flashpay.stores.models import Event, Store, User
from lnurl.wire.codec import lnurl_decode
from payouts.models import PullPayment
from tests.api.conftest import Script, script_of
from tests.cast import member_add, user_make

BODY = {"name": "Wages", "amount": "50000", "currency": "SAT"}


@pytest.fixture
def pull_payment(api: Script, paying_store: Store) -> PullPayment:
    made = api.post(f"/stores/{paying_store.pk}/pull-payments", {**BODY, "autoApproveClaims": True})
    return PullPayment.objects.get(pk=made["id"])


def test_it_makes_a_pull_payment(api: Script, paying_store: Store) -> None:
    starts_at = int(timezone.now().timestamp())
    made = api.post(
        f"/stores/{paying_store.pk}/pull-payments",
        {
            **BODY,
            "description": "For May",
            "minimumClaim": "12000",
            "startsAt": starts_at,
            "expiresAt": starts_at + 3600,
        }
        | {"payoutMethods": ["BTC-LN"], "BOLT11Expiration": 0},
    )
    kept = PullPayment.objects.get()
    assert made == {
        "id": kept.pk,
        "name": "Wages",
        "description": "For May",
        "currency": "SAT",
        "amount": "50000",
        "minimumClaim": "12000",
        "BOLT11Expiration": "0",
        "autoApproveClaims": False,
        "archived": False,
        "viewLink": made["viewLink"],
        "startsAt": starts_at,
        "expiresAt": starts_at + 3600,
        "terms": made["terms"],
    }
    assert made["viewLink"].endswith(f"/p/{kept.pk}")
    assert (kept.auto_approve, kept.minimum_claim) == (False, 12_000)
    assert Event.objects.get(type="PullPaymentCreated").actor.startswith("alice@example.com")


UNUSABLE: list[tuple[dict[str, Any], str]] = [
    ({"amount": "0"}, "amount"),
    ({"amount": None}, "amount"),
    ({"currency": "XYZ"}, "currency"),
    ({"name": "x" * 51}, "name"),
    ({"minimumClaim": "50001"}, "minimumClaim"),
    ({"expiresAt": 1}, "expiresAt"),
    ({"expiresAt": -1}, "expiresAt"),
    ({"payoutMethods": ["BTC-CHAIN"]}, "payoutMethods"),
    ({"BOLT11Expiration": "30"}, "BOLT11Expiration"),
    ({"limit": "5"}, "limit"),
]


@pytest.mark.parametrize(("change", "path"), UNUSABLE)
def test_it_refuses_an_unusable_field_by_its_path_and_makes_nothing(
    api: Script, paying_store: Store, change: dict[str, Any], path: str
) -> None:
    (refused,) = api.post(f"/stores/{paying_store.pk}/pull-payments", BODY | change, 422)
    assert refused["path"] == path
    assert not PullPayment.objects.exists()


def test_it_refuses_what_nobody_could_claim(api: Script, paying_store: Store) -> None:
    refused = api.post(f"/stores/{paying_store.pk}/pull-payments", BODY | {"amount": "5000"}, 400)
    assert refused["code"] == "amount-too-low"
    assert not PullPayment.objects.exists()


def test_it_needs_a_wallet(api: Script, store: Store) -> None:
    assert api.post(f"/stores/{store.pk}/pull-payments", BODY, 400)["code"] == "wallet-not-connected"


def test_it_wants_a_permission_of_its_own_for_claims_that_nobody_approves(paying_store: Store) -> None:
    eve = user_make("eve")
    member_add(paying_store, eve, "Employee")
    script = script_of(eve)
    refused = script.post(f"/stores/{paying_store.pk}/pull-payments", BODY | {"autoApproveClaims": True}, 403)
    assert refused["missingPermission"] == permissions.CREATE_PULL_PAYMENTS
    assert not PullPayment.objects.exists()
    script.post(f"/stores/{paying_store.pk}/pull-payments", BODY)


def test_it_lets_a_cashier_make_none(paying_store: Store, bob: User) -> None:
    script_of(bob).post(f"/stores/{paying_store.pk}/pull-payments", BODY, 403)
    assert not PullPayment.objects.exists()


def test_it_shows_one_to_whoever_has_its_id(anybody: Script, pull_payment: PullPayment) -> None:
    shown = anybody.get(f"/pull-payments/{pull_payment.pk}")
    assert (shown["id"], shown["amount"], shown["archived"]) == (pull_payment.pk, "50000", False)


@pytest.mark.parametrize("suffix", ["", "/lnurl", "/payouts", "/payouts/1111111111111111111111"])
def test_it_knows_none_with_another_id(anybody: Script, pull_payment: PullPayment, suffix: str) -> None:
    assert anybody.get(f"/pull-payments/{pull_payment.pk[:-1]}{suffix}", 404)["code"].endswith("-not-found")


def test_it_answers_the_lnurl_to_withdraw_with(anybody: Script, pull_payment: PullPayment) -> None:
    lnurl = anybody.get(f"/pull-payments/{pull_payment.pk}/lnurl")
    scheme, _, code = lnurl["lnurlBech32"].partition(":")
    address = lnurl_decode(code)
    assert scheme == "lightning"
    assert address.endswith(f"/lnurl/withdraw/{pull_payment.lnurl_token}")
    assert lnurl["lnurlUri"] == address.replace("http://", "lnurlw://")
    assert lnurl["webLink"].endswith(f"/p/{pull_payment.pk}?lightning={code.upper()}")
    assert lnurl["qrSvg"].endswith(f"/p/{pull_payment.pk}/qr.svg")
    assert lnurl["qrPng"].endswith(f"/p/{pull_payment.pk}/qr.png")


@pytest.mark.parametrize("address", ["/pull-payments/{id}", "/stores/{store}/pull-payments/{id}"])
def test_it_archives_once_asked_by_its_store(
    api: Script, anybody: Script, pull_payment: PullPayment, address: str
) -> None:
    one = address.format(store=pull_payment.store_id, id=pull_payment.pk)
    anybody.delete(one, 401)
    assert anybody.get(f"/pull-payments/{pull_payment.pk}")["archived"] is False
    api.delete(one)
    assert anybody.get(f"/pull-payments/{pull_payment.pk}")["archived"] is True
    path = f"/stores/{pull_payment.store_id}/pull-payments"
    assert api.get(path) == []
    assert [shown["id"] for shown in api.get(f"{path}?includeArchived=true")] == [pull_payment.pk]


def test_it_lets_strangers_archive_and_list_nothing(stranger: Script, guest: Script, pull_payment: PullPayment) -> None:
    assert stranger.delete(f"/pull-payments/{pull_payment.pk}", 404)["code"] == "pullpayment-not-found"
    guest.delete(f"/pull-payments/{pull_payment.pk}", 403)
    stranger.get(f"/stores/{pull_payment.store_id}/pull-payments", 404)
    stranger.post(f"/stores/{pull_payment.store_id}/pull-payments", BODY, 404)
    pull_payment.refresh_from_db()
    assert pull_payment.archived_at is None
    assert PullPayment.objects.count() == 1
