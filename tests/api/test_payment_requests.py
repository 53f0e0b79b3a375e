from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from flashpay.invoices.models import Evidence, Invoice, PaymentRequest
from flashpay.invoices.services import invoice_mark, lightning_invoice_issue, payment_record
from flashpay.stores.models import Store
from tests.api.conftest import Script


def _all(store: Store) -> str:
    return f"/stores/{store.pk}/payment-requests"


def _made(api: Script, store: Store, **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = api.post(_all(store), {"title": "Roof", "amount": "10000", "currency": "SAT"} | more)
    return made


@pytest.mark.parametrize("with_store", [True, False])
def test_it_makes_shows_changes_and_archives_one(api: Script, store: Store, with_store: bool) -> None:
    due = int((timezone.now() + timedelta(days=3)).timestamp())
    made = _made(api, store, expiryDate=due, referenceId="R-1", email="dora@example.com")
    # It has two addresses: with its store and without.
    one = f"{_all(store)}/{made['id']}" if with_store else f"/payment-requests/{made['id']}"
    assert (made["status"], made["expiryDate"], made["referenceId"]) == ("Pending", due, "R-1")
    assert made["viewLink"].endswith(f"/r/{made['id']}")
    assert api.get(one) == made
    changed = api.put(one, {"title": "Roof and walls", "amount": "20000", "currency": "SAT"})
    assert (changed["title"], changed["amount"], changed["expiryDate"]) == ("Roof and walls", "20000", None)
    api.delete(one)
    assert api.get(_all(store)) == []
    assert [found["archived"] for found in api.get(f"{_all(store)}?includeArchived=true")] == [True]
    assert api.post(f"{one}/pay", {}, 400)["code"] == "archived"


def test_it_is_not_found_under_another_store(api: Script, store: Store) -> None:
    made = _made(api, store)
    other = api.post("/stores", {"name": "Another"})["id"]
    one = f"/stores/{other}/payment-requests/{made['id']}"
    assert api.get(one, 404)["code"] == "payment-request-not-found"
    api.delete(one, 404)
    assert api.get(_all(store)) == [made]


def test_it_is_paid_in_parts_until_it_is_complete(api: Script, paying_store: Store) -> None:
    made = _made(api, paying_store, allowCustomPaymentAmounts=True)
    one = f"/payment-requests/{made['id']}"
    first = api.post(f"{one}/pay", {"amount": "4000"})
    assert (first["amount"], first["status"]) == ("4000", "New")
    # The same part again is the same invoice: nobody pays twice by looking twice.
    assert api.post(f"{one}/pay", {"amount": "4000"})["id"] == first["id"]
    payment_record(
        lightning_invoice=lightning_invoice_issue(invoice=Invoice.objects.get(pk=first["id"])), evidence=Evidence.PUSH
    )
    api.post(f"{one}/pay", {"amount": "6001"}, 422)
    rest = api.post(f"{one}/pay", {})
    assert rest["amount"] == "6000"
    assert api.get(one)["status"] == "Pending"
    invoice_mark(invoice=Invoice.objects.get(pk=rest["id"]), state="Settled", reason="cash", actor="alice")
    invoice = Invoice.objects.get(pk=rest["id"])
    assert invoice.state == "Settled"
    assert api.get(one)["status"] == "Completed"
    assert api.post(f"{one}/pay", {}, 400)["code"] == "already-paid"
    (refused,) = api.put(one, {"title": "Roof", "amount": "3000", "currency": "SAT"}, 422)
    assert refused["path"] == "amount"


def test_one_that_is_paid_in_one_go_takes_no_part(api: Script, store: Store) -> None:
    made = _made(api, store)
    (refused,) = api.post(f"/payment-requests/{made['id']}/pay", {"amount": "4000"}, 422)
    assert "one go" in refused["message"]
    assert not Invoice.objects.exists()


def test_one_past_its_day_is_expired(api: Script, store: Store) -> None:
    made = _made(api, store)
    PaymentRequest.objects.update(expires_at=timezone.now())
    assert api.get(f"/payment-requests/{made['id']}")["status"] == "Expired"
    assert api.post(f"/payment-requests/{made['id']}/pay", {}, 400)["code"] == "expired"


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"title": " "}, "title"),
        ({"title": "x" * 201}, "title"),
        ({"amount": "0"}, "amount"),
        ({"currency": "DOGE"}, "currency"),
        ({"email": "dora"}, "email"),
        ({"expiryDate": 1}, "expiryDate"),
        ({"formId": "x"}, "formId"),
    ],
)
def test_it_refuses_an_unusable_field_by_its_path(api: Script, store: Store, change: dict[str, Any], path: str) -> None:
    (refused,) = api.post(_all(store), {"title": "Roof", "amount": "10", "currency": "SAT"} | change, 422)
    assert refused["path"] == path
    assert not PaymentRequest.objects.exists()


def test_who_may_not_sees_and_changes_nothing(
    api: Script, guest: Script, stranger: Script, anybody: Script, store: Store
) -> None:
    made = _made(api, store)
    one = f"/payment-requests/{made['id']}"
    guest.get(one)
    guest.post(_all(store), {"title": "x", "amount": "1"}, 403)
    guest.delete(one, 403)
    stranger.get(one, 404)
    stranger.post(_all(store), {"title": "x", "amount": "1"}, 404)
    anybody.get(one, 401)
    assert PaymentRequest.objects.count() == 1
