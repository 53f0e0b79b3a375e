from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from flashpay.invoices.models import LightningAddress
from flashpay.stores.models import Event, Store, User
from tests.api.conftest import Script
from tests.cast import store_make


def _path(store: Store, name: str = "") -> str:
    return f"/stores/{store.pk}/lightning-addresses" + (f"/{name}" if name else "")


def test_it_makes_shows_changes_and_gives_up_an_address(api: Script, store: Store) -> None:
    made = api.post(_path(store, "Cafe"), {"min": "100", "max": "50000", "invoiceMetadata": {"orderId": "bar"}})
    assert (made["username"], made["min"], made["max"], made["currencyCode"]) == ("cafe", "100", "50000", None)
    assert made["lightningAddress"].startswith("cafe@")
    assert made["invoiceMetadata"] == {"orderId": "bar"}
    changed = api.post(_path(store, "cafe"), {"currencyCode": "JMD", "commentAllowed": 30})
    assert (changed["currencyCode"], changed["commentAllowed"], changed["min"]) == ("JMD", 30, "1")
    assert api.get(_path(store)) == [changed]
    assert api.get(_path(store, "CAFE")) == changed
    api.delete(_path(store, "cafe"))
    assert api.get(_path(store)) == []
    api.get(_path(store, "cafe"), 404)
    assert Event.objects.filter(entity="lightningaddress").count() == 3


def test_a_name_of_another_store_is_refused_in_a_clear_sentence(api: Script, store: Store, alice: User) -> None:
    api.post(_path(store_make(alice, name="Second"), "cafe"), {})
    refused = api.post(_path(store, "cafe"), {}, 400)
    assert refused["code"] == "username-already-used"
    assert "cafe is taken" in refused["message"]
    assert LightningAddress.objects.get().store.name == "Second"


@pytest.mark.parametrize(
    ("name", "wish", "path"),
    [
        ("a b", {}, "username"),
        ("cafe", {"min": "0"}, "min"),
        ("cafe", {"min": "10", "max": "5"}, "max"),
        ("cafe", {"min": "1.5"}, "min"),
        ("cafe", {"max": "0"}, "max"),
        ("cafe", {"max": "1e400"}, "max"),
        ("cafe", {"max": "a lot"}, "max"),
        ("cafe", {"currencyCode": "DOGE"}, "currencyCode"),
        ("cafe", {"commentAllowed": 501}, "commentAllowed"),
        ("cafe", {"username": "other"}, "username"),
        ("cafe", {"spam": 1}, "spam"),
    ],
)
def test_it_refuses_an_unusable_field_by_its_path(
    api: Script, store: Store, name: str, wish: dict[str, Any], path: str
) -> None:
    (refused,) = api.post(_path(store, name), wish, 422)
    assert refused["path"] == path
    assert not LightningAddress.objects.exists()


@pytest.mark.parametrize("wish", [{"min": "0"}, {"max": "1.5"}, {"currencyCode": "DOGE"}])
def test_it_changes_nothing_where_one_field_is_unusable(api: Script, store: Store, wish: dict[str, str]) -> None:
    made = api.post(_path(store, "cafe"), {"min": "100"})
    answer = api.ask("PATCH", _path(store, "cafe"), {"description": "Bar"} | wish)
    assert (answer.status_code, [field["path"] for field in answer.json()]) == (422, list(wish))
    assert api.get(_path(store, "cafe")) == made


def test_who_may_not_changes_nothing(guest: Script, stranger: Script, anybody: Script, store: Store) -> None:
    guest.post(_path(store, "cafe"), {}, 403)
    stranger.post(_path(store, "cafe"), {}, 404)
    anybody.post(_path(store, "cafe"), {}, 401)
    assert not LightningAddress.objects.exists()
    assert guest.get(_path(store)) == []


def test_some_of_it_is_changed_and_the_rest_stays(api: Script, store: Store) -> None:
    made = api.post(_path(store, "cafe"), {"min": "100", "max": "50000", "currencyCode": "JMD", "description": "Bar"})
    patched = api.ask("PATCH", _path(store, "cafe"), {"max": "60000", "currencyCode": ""}).json()
    assert patched == made | {"max": "60000", "currencyCode": None}
    (refused,) = api.ask("PATCH", _path(store, "cafe"), {"max": "5", "archived": True}).json()
    assert refused["path"] == "max"
    assert api.get(_path(store, "cafe")) == patched


def test_a_closed_one_takes_no_payments_and_keeps_its_name(
    api: Script, store: Store, alice: User, client: Client
) -> None:
    api.post(_path(store, "cafe"), {})
    assert api.ask("PATCH", _path(store, "cafe"), {"archived": True}).json()["archived"] is True
    assert client.get("/.well-known/lnurlp/cafe").json()["status"] == "ERROR"
    assert api.post(_path(store_make(alice, name="Second"), "cafe"), {}, 400)["code"] == "username-already-used"
    assert api.ask("PATCH", _path(store, "cafe"), {"archived": False}).json()["archived"] is False
    events = Event.objects.filter(entity="lightningaddress").values_list("type", flat=True)
    assert list(events)[1:] == ["LightningAddressArchived", "LightningAddressUnarchived"]


def test_who_may_not_patches_nothing(guest: Script, stranger: Script, api: Script, store: Store) -> None:
    made = api.post(_path(store, "cafe"), {})
    assert guest.ask("PATCH", _path(store, "cafe"), {"archived": True}).status_code == 403
    assert stranger.ask("PATCH", _path(store, "cafe"), {"archived": True}).status_code == 404
    assert api.get(_path(store, "cafe")) == made
