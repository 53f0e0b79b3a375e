"""A store's colour and logo, under BTCPay Server's names."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from flashpay.brand.models import Brand
from flashpay.brand.services import brand_save
from flashpay.stores.models import Event, Store, User
from tests.api.conftest import Script
from tests.brand.pictures import picture
from tests.cast import store_make


def upload(script: Script, store: Store, data: bytes, field: str = "file") -> Any:
    return script.upload(f"/stores/{store.pk}/logo", data, field)


def test_a_new_store_may_have_a_colour(api: Script) -> None:
    made = api.post("/stores", {"name": "Corner shop", "brandColor": "0A7"})
    assert made["brandColor"] == "#00aa77"
    assert api.get("/stores") == [made]


def test_the_colour_is_changed_and_taken_away(api: Script, store: Store) -> None:
    path = f"/stores/{store.pk}"
    shown = api.put(path, {"name": store.name, "brandColor": "#5B21B6"})
    assert shown["brandColor"] == "#5b21b6"
    assert api.get(path) == shown
    assert Event.objects.get(type="StoreColorChanged").actor.startswith("alice@example.com (API key ")
    assert api.put(path, {"name": store.name, "brandColor": ""})["brandColor"] is None


def test_a_change_of_something_else_leaves_the_looks_as_they_are(api: Script, store: Store) -> None:
    brand_save(store=store, color="#5b21b6", logo_data=picture(), actor="alice")
    before = api.get(f"/stores/{store.pk}")
    assert api.put(f"/stores/{store.pk}", {"name": "Bar"}) == before | {"name": "Bar"}
    assert api.put(f"/stores/{store.pk}", before) == before


@pytest.mark.parametrize(
    ("field", "value"), [("brandColor", "green"), ("brandColor", "#12345"), ("logoUrl", "https://cdn.example/logo.png")]
)
def test_it_refuses_unusable_looks_by_their_field_and_changes_nothing(
    api: Script, store: Store, field: str, value: str
) -> None:
    (refused,) = api.put(f"/stores/{store.pk}", {"name": "Bar", field: value}, 422)
    assert refused["path"] == field
    store.refresh_from_db()
    assert store.name == "Alice's café"
    assert not Brand.objects.filter(store=store).exclude(color="").exists()


def test_a_logo_is_sent_shown_to_everybody_and_taken_away(api: Script, store: Store, client: Client) -> None:
    shown = upload(api, store, picture(600, 200)).json()
    assert shown == api.get(f"/stores/{store.pk}")
    address = shown["logoUrl"]
    assert address.startswith("http")
    seen = client.get(address[address.index("/brand/") :])
    assert (seen.status_code, seen["Content-Type"]) == (200, "image/png")
    api.delete(f"/stores/{store.pk}/logo")
    assert api.get(f"/stores/{store.pk}")["logoUrl"] is None
    api.delete(f"/stores/{store.pk}/logo")
    kinds = Event.objects.filter(type__startswith="StoreLogo").values_list("type", flat=True)
    assert list(kinds) == ["StoreLogoChanged", "StoreLogoRemoved"]


def test_a_logo_leaves_the_colour_as_it_is(api: Script, store: Store) -> None:
    brand_save(store=store, color="#5b21b6", actor="alice")
    assert upload(api, store, picture()).json()["brandColor"] == "#5b21b6"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b"no picture", "not a picture"),
        (b"x" * (4 * 1024 * 1024 + 1), "larger than 4 MB"),
    ],
)
def test_it_refuses_what_is_no_logo_and_keeps_the_one_it_has(
    api: Script, store: Store, data: bytes, words: str
) -> None:
    before = upload(api, store, picture()).json()
    answer = upload(api, store, data)
    assert answer.status_code == 422
    (refused,) = answer.json()
    assert refused["path"] == "file"
    assert words in refused["message"]
    assert api.get(f"/stores/{store.pk}") == before


def test_it_says_which_field_the_logo_belongs_in(api: Script, store: Store) -> None:
    answer = upload(api, store, picture(), field="logo")
    assert (answer.status_code, [field["path"] for field in answer.json()]) == (422, ["file"])


def test_who_may_not_changes_no_looks(guest: Script, stranger: Script, anybody: Script, store: Store) -> None:
    for script, status in ((guest, 403), (stranger, 404), (anybody, 401)):
        assert upload(script, store, picture()).status_code == status
        script.put(f"/stores/{store.pk}", {"name": store.name, "brandColor": "#5b21b6"}, status)
        script.delete(f"/stores/{store.pk}/logo", status)
    assert not Brand.objects.exists()


def test_many_stores_with_logos_are_read_at_once(api: Script, alice: User, django_assert_max_num_queries: Any) -> None:
    for number in range(5):
        brand_save(store=store_make(alice, name=f"Shop {number}"), color="#5b21b6", actor="alice")
    with django_assert_max_num_queries(5):
        assert [shop["brandColor"] for shop in api.get("/stores")] == ["#5b21b6"] * 5
