from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from flashpay.invoices.models import Invoice, InvoiceState
from flashpay.invoices.services import invoice_create
from flashpay.money.currencies import SAT
from flashpay.stores.models import Event, Store, User
from tests.api.conftest import Script, script_of


@pytest.fixture
def invoice(store: Store) -> Invoice:
    return invoice_create(store=store, amount=21_000, currency=SAT, actor="alice", order_id="A-1")


@pytest.fixture(params=["/stores/{store}/invoices/{id}", "/invoices/{id}"])
def path(request: pytest.FixtureRequest, invoice: Invoice) -> str:
    """An invoice has two addresses: with its store and without."""
    text: str = request.param
    return text.format(store=invoice.store_id, id=invoice.pk)


def test_it_shows_an_invoice(api: Script, invoice: Invoice, path: str) -> None:
    shown = api.get(path)
    assert (shown["id"], shown["amount"], shown["status"]) == (invoice.pk, "21000", "New")


def test_it_calls_an_invoice_expired_from_the_moment_that_its_time_is_over(api: Script, store: Store) -> None:
    old = invoice_create(store=store, amount=1, currency=SAT, actor="a", now=timezone.now() - timedelta(hours=1))
    assert api.get(f"/invoices/{old.pk}")["status"] == "Expired"


ACTIONS = [("GET", "", None), ("PUT", "", {"metadata": {}}), ("DELETE", "", None), ("POST", "/unarchive", None)]
ACTIONS += [("POST", "/status", {"status": "Settled"}), ("GET", "/payment-methods", None)]


@pytest.mark.parametrize(("method", "suffix", "body"), ACTIONS)
def test_it_knows_no_invoice_of_somebody_else(
    stranger: Script, invoice: Invoice, path: str, method: str, suffix: str, body: Any
) -> None:
    answer = stranger.ask(method, path + suffix, body)
    assert answer.status_code == 404
    assert answer.json()["code"] in ("store-not-found", "invoice-not-found")
    _unchanged(invoice)


@pytest.mark.parametrize(("method", "suffix", "body"), ACTIONS)
def test_it_does_not_find_an_invoice_under_another_store(
    api: Script, invoice: Invoice, method: str, suffix: str, body: Any
) -> None:
    other = api.post("/stores", {"name": "Another"})["id"]
    answer = api.ask(method, f"/stores/{other}/invoices/{invoice.pk}{suffix}", body)
    assert (answer.status_code, answer.json()["code"]) == (404, "invoice-not-found")
    _unchanged(invoice)


@pytest.mark.parametrize(("method", "suffix", "body"), [action for action in ACTIONS if action[0] != "GET"])
def test_it_lets_a_guest_change_nothing(
    guest: Script, invoice: Invoice, path: str, method: str, suffix: str, body: Any
) -> None:
    assert guest.ask(method, path + suffix, body).status_code == 403
    _unchanged(invoice)


def test_it_keeps_a_key_for_one_store_out_of_the_others(alice: User, api: Script, invoice: Invoice, path: str) -> None:
    other = Store.objects.get(pk=api.post("/stores", {"name": "Another"})["id"])
    script_of(alice, other).get(path, 404)


def test_it_replaces_metadata_and_nothing_else(api: Script, invoice: Invoice, path: str) -> None:
    shown = api.put(path, {"metadata": {"orderId": "B-2", "itemDesc": "Coffee"}})
    assert shown["metadata"] == {"orderId": "B-2", "itemDesc": "Coffee"}
    before = invoice.amount_msat
    invoice.refresh_from_db()
    assert (invoice.order_id, invoice.description, invoice.amount_msat) == ("B-2", "Coffee", before)
    assert Event.objects.filter(type="InvoiceNoted", entity_id=invoice.pk).exists()


@pytest.mark.parametrize("body", [{"metadata": {"orderId": "x" * 201}}, {"amount": "5"}, {}])
def test_it_changes_no_amount_and_keeps_no_unusable_metadata(
    api: Script, invoice: Invoice, path: str, body: dict[str, Any]
) -> None:
    api.put(path, body, 422)
    _unchanged(invoice)


def test_it_archives_and_brings_back(api: Script, invoice: Invoice, path: str) -> None:
    api.delete(path)
    assert api.get(path)["archived"] is True
    assert api.post(f"{path}/unarchive")["archived"] is False
    assert list(Event.objects.filter(entity_id=invoice.pk).values_list("type", flat=True)) == [
        "InvoiceCreated",
        "InvoiceArchived",
        "InvoiceUnarchived",
    ]


@pytest.mark.parametrize("status", ["Settled", "Invalid"])
def test_it_marks_by_hand_and_says_so(api: Script, invoice: Invoice, path: str, status: str) -> None:
    shown = api.post(f"{path}/status", {"status": status, "reason": "Paid in cash."})
    assert (shown["status"], shown["additionalStatus"], shown["paidAmount"]) == (status, "Marked", "0")
    assert status not in shown["availableStatusesForManualMarking"]
    event = Event.objects.get(type="InvoiceMarked")
    assert event.evidence == {"reason": "Paid in cash."}
    assert event.actor.startswith("alice@example.com")


@pytest.mark.parametrize("status", ["New", "Expired", "Processing"])
def test_it_marks_nothing_that_only_time_or_money_can_bring_about(
    api: Script, invoice: Invoice, path: str, status: str
) -> None:
    assert api.post(f"{path}/status", {"status": status}, 400)["code"] == "invalid-state"
    api.post(f"{path}/status", {"status": "Paid"}, 422)
    _unchanged(invoice)


def _unchanged(invoice: Invoice) -> None:
    now = Invoice.objects.get(pk=invoice.pk)
    assert (now.state, now.archived, now.order_id, now.metadata) == (
        InvoiceState.NEW,
        False,
        "A-1",
        {"orderId": "A-1"},
    )
