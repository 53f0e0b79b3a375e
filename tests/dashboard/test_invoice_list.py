"""The list of invoices: its tabs, and what stands in a row."""

from __future__ import annotations

import pytest
from django.test import Client

from flashpay.invoices.models import Evidence, Invoice
from flashpay.invoices.services import invoice_archive, invoice_create, lightning_invoice_issue, payment_record
from flashpay.money.currencies import SAT
from flashpay.stores.models import Store, User

pytestmark = pytest.mark.django_db


@pytest.fixture
def merchant(client: Client, alice: User) -> Client:
    client.force_login(alice)
    return client


@pytest.fixture
def pages(connected_store: Store) -> str:
    return f"/stores/{connected_store.pk}/invoices"


def _invoice(store: Store, description: str, amount: int | None = 50_000) -> Invoice:
    return invoice_create(store=store, amount=amount, currency=SAT, actor="alice", description=description)


def test_what_was_archived_has_a_tab_of_its_own(merchant: Client, connected_store: Store, pages: str) -> None:
    _invoice(connected_store, "Coffee")
    invoice_archive(invoice=_invoice(connected_store, "Mistake"), archived=True, actor="alice")
    shown = merchant.get(pages)
    assert [invoice.description for invoice in shown.context["page"].object_list] == ["Coffee"]
    assert "?state=Archived" in shown.content.decode()
    assert str(shown.context["counts"]["Archived"]) == "1"
    archived = merchant.get(f"{pages}?state=Archived")
    assert [invoice.description for invoice in archived.context["page"].object_list] == ["Mistake"]
    table = b"".join(merchant.get(f"{pages}.csv?state=Archived").streaming_content).decode()
    assert "Mistake" in table
    assert "Coffee" not in table


def test_an_open_amount_of_which_nothing_came_is_not_shown_as_nothing(
    merchant: Client, connected_store: Store, pages: str
) -> None:
    _invoice(connected_store, "Donation", amount=None)
    row = merchant.get(pages).content.decode()
    assert "any amount" in row
    assert "0\xa0sat" not in row


def test_a_paid_one_leads_to_its_receipt_and_an_open_one_to_its_checkout(
    merchant: Client, connected_store: Store, pages: str
) -> None:
    invoice = _invoice(connected_store, "Coffee")
    assert "Open the checkout" in merchant.get(f"{pages}/{invoice.pk}").content.decode()
    payment_record(lightning_invoice=lightning_invoice_issue(invoice=invoice), evidence=Evidence.PUSH)
    page = merchant.get(f"{pages}/{invoice.pk}").content.decode()
    assert "Open the receipt" in page
    assert "told by Flash" in page
