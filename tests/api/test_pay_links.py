from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from flashpay.invoices.models import PayLink
from flashpay.stores.models import Event, Store
from tests.api.conftest import Script

BODY = {"title": "Tour of the farm", "description": "Every Sunday", "amount": "12.50", "currency": "USD"}
OPEN = {"title": "Tips", "currency": "USD", "moreCurrencies": ["SAT"], "tipPercents": [5, 10], "customTip": True}


@pytest.fixture
def path(store: Store) -> str:
    return f"/stores/{store.pk}/pay-links"


@pytest.fixture
def one(api: Script, path: str) -> str:
    return f"{path}/{api.post(path, BODY)['id']}"


@pytest.mark.parametrize("body", [BODY, OPEN])
def test_it_makes_one(api: Script, path: str, body: dict[str, Any]) -> None:
    made = api.post(path, body)
    kept = PayLink.objects.get()
    assert {name: made[name] for name in body} == body
    assert (made["id"], made["archived"]) == (kept.pk, False)
    assert api.get(path) == [made] == [api.get(f"{path}/{kept.pk}")]


def test_the_page_and_the_wallets_code_are_its(api: Script, path: str, client: Client) -> None:
    made = api.post(path, BODY)
    assert BODY["title"] in client.get(made["viewLink"]).content.decode()
    assert made["lnurlBech32"].startswith("lightning:lnurl1")


def test_it_is_changed_whole_and_says_so_on_record(api: Script, one: str) -> None:
    changed = api.put(one, {"title": "Tour", "amount": "15", "currency": "USD"})
    assert (changed["title"], changed["amount"], changed["description"]) == ("Tour", "15.00", "")
    event = Event.objects.get(type="PayLinkUpdated")
    assert event.evidence["amount"] == [1250, 1500]
    assert api.put(one, {"title": "Tour", "currency": "USD"})["amount"] is None


def test_it_is_closed_and_opened_again(api: Script, path: str, one: str) -> None:
    api.delete(one)
    assert api.get(path) == []
    assert api.get(f"{path}?includeArchived=true")[0]["archived"] is True
    assert api.post(f"{one}/unarchive")["archived"] is False


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"title": ""}, "title"),
        ({"amount": "0"}, "amount"),
        ({"currency": "XYZ"}, "currency"),
        ({"tipPercents": [0]}, "tipPercents"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_it_refuses_an_unusable_field_by_its_path(
    api: Script, path: str, one: str, change: dict[str, Any], field: str
) -> None:
    before = PayLink.objects.values().get()
    for ask in (lambda body: api.post(path, body, 422), lambda body: api.put(one, body, 422)):
        (refused,) = ask(BODY | change)
        assert refused["path"] == field
    assert PayLink.objects.values().get() == before


def test_who_may_not_changes_nothing(guest: Script, stranger: Script, path: str, one: str) -> None:
    guest.get(one)
    for script, status in ((guest, 403), (stranger, 404)):
        script.post(path, BODY, status)
        script.put(one, BODY, status)
        script.delete(one, status)
    assert PayLink.objects.get().archived is False
