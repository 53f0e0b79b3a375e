from __future__ import annotations

from typing import Any

import pytest

from flashpay.stores.models import Event, Role, Store, User
from tests.api.conftest import Script, script_of


def test_it_makes_a_store_that_belongs_to_the_keys_owner(api: Script, alice: User) -> None:
    made = api.post(
        "/stores",
        {"name": "Corner shop", "defaultCurrency": "jmd", "website": "https://shop.example", "invoiceExpiration": 600},
    )
    store = Store.objects.get()
    assert made == {
        "id": store.pk,
        "name": "Corner shop",
        "website": "https://shop.example",
        "defaultCurrency": "JMD",
        "timeZone": "UTC",
        "invoiceExpiration": 600,
        "monitoringExpiration": 86400,
        "paymentTolerance": 0.0,
        "brandColor": None,
        "logoUrl": None,
        "archived": False,
    }
    membership = store.memberships.get()
    assert (membership.user, membership.role) == (alice, Role.OWNER)


UNUSABLE: list[tuple[dict[str, Any], str]] = [
    ({}, "name"),
    ({"name": ""}, "name"),
    ({"name": "x" * 51}, "name"),
    ({"name": 5}, "name"),
    ({"name": "x", "defaultCurrency": "DOGE"}, "defaultCurrency"),
    ({"name": "x", "website": "javascript:alert(1)"}, "website"),
    ({"name": "x", "timeZone": "Mars/Olympus"}, "timeZone"),
    ({"name": "x", "invoiceExpiration": 5}, "invoiceExpiration"),
    ({"name": "x", "paymentTolerance": 101}, "paymentTolerance"),
    ({"name": "x", "paymentTolerance": "1.234"}, "paymentTolerance"),
    ({"name": "x", "brandColour": "#fff"}, "brandColour"),
    ({"name": "x", "brandColor": "green"}, "brandColor"),
]


@pytest.mark.parametrize(("body", "path"), UNUSABLE)
def test_it_refuses_an_unusable_field_by_its_path_and_makes_nothing(api: Script, body: Any, path: str) -> None:
    (refused,) = api.post("/stores", body, 422)
    assert refused["path"] == path
    assert refused["message"].endswith(".")
    assert not Store.objects.exists()


def test_it_takes_null_as_left_out(api: Script) -> None:
    assert api.post("/stores", {"name": "x", "website": None, "logoUrl": None})["website"] is None


def test_it_does_not_make_stores_with_a_key_for_one_store(store: Store, alice: User) -> None:
    script_of(alice, store).post("/stores", {"name": "Another"}, 403)
    assert Store.objects.count() == 1


def test_it_lists_ones_own_stores_only(api: Script, store: Store, stranger: Script) -> None:
    assert [shop["id"] for shop in api.get("/stores")] == [store.pk]
    assert [shop["name"] for shop in stranger.get("/stores")] == ["Charlie's kiosk"]


@pytest.mark.parametrize(("method", "body"), [("GET", None), ("PUT", {"name": "Mine now"}), ("DELETE", None)])
def test_it_knows_no_store_of_somebody_else(store: Store, stranger: Script, method: str, body: Any) -> None:
    answer = stranger.ask(method, f"/stores/{store.pk}", body)
    nothing = stranger.ask(method, "/stores/1111111111111111111111", body)
    assert (answer.status_code, nothing.status_code) == (404, 404)
    assert answer.json() == nothing.json()
    assert answer.json()["code"] == "store-not-found"
    store.refresh_from_db()
    assert (store.name, store.archived) == ("Alice's café", False)


def test_it_changes_a_store_with_what_was_read_and_records_who_did(api: Script, store: Store) -> None:
    shown = api.get(f"/stores/{store.pk}")
    changed = api.put(f"/stores/{store.pk}", {**shown, "name": "Alice's bar", "paymentTolerance": 1.5})
    assert changed == {**shown, "name": "Alice's bar", "paymentTolerance": 1.5}
    store.refresh_from_db()
    assert (store.name, store.payment_tolerance_bp) == ("Alice's bar", 150)
    event = Event.objects.get(type="StoreUpdated")
    assert event.actor.startswith("alice@example.com (API key ")
    assert event.evidence["name"] == ["Alice's café", "Alice's bar"]


def test_it_refuses_another_id(api: Script, store: Store) -> None:
    api.put(f"/stores/{store.pk}", {"name": "x", "id": "1111111111111111111111"}, 422)
    store.refresh_from_db()
    assert store.name == "Alice's café"


def test_it_archives_and_deletes_nothing(api: Script, store: Store) -> None:
    api.delete(f"/stores/{store.pk}")
    assert api.get("/stores") == []
    assert api.get(f"/stores/{store.pk}")["archived"] is True
    api.put(f"/stores/{store.pk}", {"name": store.name, "archived": False})
    assert len(api.get("/stores")) == 1


def test_it_lets_a_guest_look_and_change_nothing(guest: Script, store: Store) -> None:
    guest.get(f"/stores/{store.pk}")
    guest.delete(f"/stores/{store.pk}", 403)
    store.refresh_from_db()
    assert store.archived is False
