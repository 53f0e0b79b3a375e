from __future__ import annotations

from typing import Any

import pytest

from flashpay.stores import permissions
from flashpay.stores.models import Store
from lnurl.wire.codec import lnurl_decode
from payouts.models import Payout
from payouts.recipients.models import Recipient
from payouts.recipients.services import k1_of, recipient_register
from tests.api.conftest import Script, script_of
from tests.cast import member_add, user_make


@pytest.fixture
def path(paying_store: Store) -> str:
    return f"/stores/{paying_store.pk}/recipients"


@pytest.fixture
def one(api: Script, path: str) -> str:
    return f"{path}/{api.post(path, {'name': 'Ada'})['id']}"


def register(address: str = "ada@pay.example") -> None:
    token = Recipient.objects.get().token
    recipient_register(token=token, k1=k1_of(token), address=address)


def test_it_makes_one_with_an_invitation_to_scan(api: Script, path: str) -> None:
    made = api.post(path, {"name": " Ada  Lovelace "})
    kept = Recipient.objects.get()
    assert (made["id"], made["name"], made["address"], made["archived"]) == (kept.pk, "Ada Lovelace", None, False)
    url = lnurl_decode(made["invitation"].partition(":")[2])
    assert "tag=addressRequest" in url
    assert kept.token in url
    assert api.get(path) == [made] == [api.get(f"{path}/{kept.pk}")]


def test_the_invitation_is_gone_once_it_was_used(api: Script, one: str) -> None:
    register()
    shown = api.get(one)
    assert (shown["address"], shown["invitation"], shown["invitedUntil"]) == ("ada@pay.example", None, None)
    assert shown["registeredAt"] is not None


def test_a_new_invitation_takes_the_place_of_the_one_before(api: Script, one: str) -> None:
    before = api.get(one)["invitation"]
    after = api.post(f"{one}/invite")["invitation"]
    assert after not in (None, before)
    assert api.get(one)["invitation"] == after


def test_it_pays_the_registered_address_once_per_idempotency_key(api: Script, one: str) -> None:
    register()
    body, key = {"amount": "30000", "currency": "SAT", "approved": True}, {"Idempotency-Key": "May"}
    made = api.post(f"{one}/payouts", body, **key)
    assert (made["destination"], made["state"]) == ("ada@pay.example", "AwaitingPayment")
    assert api.post(f"{one}/payouts", body, **key) == made
    assert Payout.objects.count() == 1
    assert Payout.objects.get().to_recipient.recipient == Recipient.objects.get()


def test_it_pays_nobody_who_has_not_registered(api: Script, one: str) -> None:
    assert api.post(f"{one}/payouts", {"amount": "30000", "currency": "SAT"}, 400)["code"] == "no-address"
    assert not Payout.objects.exists()


def test_an_archived_one_leaves_the_list_and_is_paid_no_more(api: Script, path: str, one: str) -> None:
    register()
    api.delete(one)
    assert api.get(path) == []
    assert [shown["archived"] for shown in api.get(f"{path}?includeArchived=true")] == [True]
    assert api.post(f"{one}/payouts", {"amount": "30000", "currency": "SAT"}, 400)["code"] == "no-address"
    assert not Payout.objects.exists()


@pytest.mark.parametrize("name", ["", "   ", "x" * 61])
def test_it_refuses_a_name_that_is_none(api: Script, path: str, name: str) -> None:
    (refused,) = api.post(path, {"name": name}, 422)
    assert refused["path"] == "name"
    assert not Recipient.objects.exists()


def test_who_may_only_look_sees_no_invitation_and_changes_nothing(guest: Script, path: str, one: str) -> None:
    assert guest.get(one)["invitation"] is None
    assert guest.get(path)[0]["invitation"] is None
    before = Recipient.objects.values().get()
    guest.post(path, {"name": "Eve"}, 403)
    guest.post(f"{one}/invite", status=403)
    guest.post(f"{one}/payouts", {"amount": "30000", "currency": "SAT"}, 403)
    guest.delete(one, 403)
    assert Recipient.objects.values().get() == before


def test_strangers_find_none(stranger: Script, path: str, one: str) -> None:
    for ask in (stranger.get, stranger.delete):
        ask(one, 404)
    stranger.get(path, 404)
    stranger.post(f"{one}/payouts", {"amount": "30000"}, 404)
    assert not Payout.objects.exists()


def test_sending_at_once_wants_a_permission_of_its_own(paying_store: Store, one: str) -> None:
    register()
    mia = user_make("mia")
    member_add(paying_store, mia, "Manager")
    script = script_of(mia, allowed=[permissions.MANAGE_PAYOUTS])
    body: dict[str, Any] = {"amount": "30000", "currency": "SAT"}
    refused = script.post(f"{one}/payouts", body | {"approved": True}, 403)
    assert refused["missingPermission"] == permissions.CREATE_PULL_PAYMENTS
    assert script.post(f"{one}/payouts", body)["state"] == "AwaitingApproval"
