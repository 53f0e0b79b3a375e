"""An archived store can be read and not changed."""

from __future__ import annotations

from typing import Any

import pytest

from flashpay.stores.models import Event, Store
from flashpay.stores.services import store_archive
from tests.api.conftest import Script

WRITES: list[tuple[str, str, dict[str, Any]]] = [
    ("POST", "/invoices", {"amount": "5", "currency": "USD"}),
    ("POST", "/payment-requests", {"title": "Rent", "amount": "5"}),
    ("POST", "/pay-links", {"title": "Tips"}),
    ("POST", "/pull-payments", {"amount": "50000", "currency": "SAT"}),
    ("POST", "/payouts", {"destination": "ada@pay.example", "amount": "30000", "currency": "SAT"}),
    ("POST", "/voucher-batches", {"name": "X", "count": 1, "amount": "21000", "currency": "SAT"}),
    ("POST", "/recipients", {"name": "Ada"}),
    ("POST", "/lightning-addresses/cafe", {}),
    ("PUT", "/payout-policy", {}),
    ("POST", "/payout-policy/pause", {}),
    ("DELETE", "/payment-methods/BTC-LN", {}),
    ("PUT", "", {"name": "Other"}),
]
READS = [
    "", "/invoices", "/payment-requests", "/pay-links", "/pull-payments", "/payouts", "/voucher-batches", "/recipients",
    "/lightning-addresses", "/payout-policy", "/payment-methods",
]  # fmt: skip


@pytest.fixture
def archived(paying_store: Store) -> Store:
    store_archive(store=paying_store, archived=True, actor="alice")
    return paying_store


@pytest.mark.parametrize(("method", "path", "body"), WRITES)
def test_nothing_in_it_is_changed(api: Script, archived: Store, method: str, path: str, body: dict[str, Any]) -> None:
    before = Event.objects.count()
    refused = api.ask(method, f"/stores/{archived.pk}{path}", body)
    assert (refused.status_code, refused.json()["code"]) == (400, "store-archived")
    assert "Bring it back" in refused.json()["message"]
    assert Event.objects.count() == before


@pytest.mark.parametrize("path", READS)
def test_everything_in_it_is_read(api: Script, archived: Store, path: str) -> None:
    api.get(f"/stores/{archived.pk}{path}")


def test_its_records_are_refused_by_their_own_address_too(api: Script, paying_store: Store) -> None:
    invoice = api.post(f"/stores/{paying_store.pk}/invoices", {"amount": "5", "currency": "USD"})
    store_archive(store=paying_store, archived=True, actor="alice")
    api.get(f"/invoices/{invoice['id']}")
    assert api.post(f"/invoices/{invoice['id']}/status", {"status": "Invalid"}, 400)["code"] == "store-archived"


def test_it_is_brought_back(api: Script, archived: Store) -> None:
    shown = api.get(f"/stores/{archived.pk}")
    assert api.put(f"/stores/{archived.pk}", shown | {"archived": False})["archived"] is False
    api.post(f"/stores/{archived.pk}/invoices", {"amount": "5", "currency": "USD"})


def test_strangers_and_guests_are_told_nothing_of_it(guest: Script, stranger: Script, archived: Store) -> None:
    stranger.post(f"/stores/{archived.pk}/invoices", {"amount": "5"}, 404)
    guest.post(f"/stores/{archived.pk}/invoices", {"amount": "5"}, 403)
