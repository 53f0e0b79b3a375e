"""The list of invoices: its tabs, and what stands in a row."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from django.test import Client

from flashpay.api.invoice_shapes import invoice_shown
from flashpay.invoices.keypad import Keyed
from flashpay.invoices.models import Evidence, Invoice, LightningInvoice
from flashpay.invoices.services import invoice_archive, invoice_create, lightning_invoice_issue, payment_record
from flashpay.money.currencies import SAT, USD, Currency
from flashpay.stores.models import Store, User
from flashpay.till.services import sale_create, till_save

pytestmark = pytest.mark.django_db


@pytest.fixture
def merchant(client: Client, alice: User) -> Client:
    client.force_login(alice)
    return client


@pytest.fixture
def pages(connected_store: Store) -> str:
    return f"/stores/{connected_store.pk}/invoices"


def _table(merchant: Client, address: str) -> str:
    answer: Any = merchant.get(address)
    return b"".join(answer.streaming_content).decode("utf-8-sig")


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
    table = _table(merchant, f"{pages}.csv?state=Archived")
    assert "Mistake" in table
    assert "Coffee" not in table


def test_an_open_amount_of_which_nothing_came_is_not_shown_as_nothing(
    merchant: Client, connected_store: Store, pages: str
) -> None:
    _invoice(connected_store, "Donation", amount=None)
    row = merchant.get(pages).content.decode()
    assert "any amount" in row
    assert "0\xa0sat" not in row


@pytest.mark.parametrize(("currency", "worth"), [(USD, "63.50"), (SAT, "100000")])
def test_books_have_what_an_open_amount_brought_in(
    merchant: Client, connected_store: Store, pages: str, currency: Currency, worth: str
) -> None:
    invoice = invoice_create(store=connected_store, amount=None, currency=currency, actor="alice")
    code = lightning_invoice_issue(invoice=invoice, amount_msat=100_000_000)
    payment_record(lightning_invoice=code, evidence=Evidence.PUSH)
    table = _table(merchant, f"{pages}.csv")
    (row,) = csv.DictReader(io.StringIO(table))
    assert (row["Amount"], row["Paid"], row["Received (sat)"]) == ("", worth, "100000")
    invoice.refresh_from_db()
    assert invoice_shown(invoice).paidAmount == worth


@pytest.mark.parametrize(("paid_cents", "said"), [(12_50, ""), (6_00, "$5.99 then"), (20_00, "$19.99 then")])
def test_what_arrived_is_shown_in_the_invoices_currency_where_it_is_not_what_was_asked(
    merchant: Client, connected_store: Store, pages: str, paid_cents: int, said: str
) -> None:
    invoice = invoice_create(store=connected_store, amount=12_50, currency=USD, actor="alice")
    assert invoice.amount_msat is not None
    code = lightning_invoice_issue(invoice=invoice)
    share = code.amount_msat * paid_cents // 12_50
    LightningInvoice.objects.filter(pk=code.pk).update(
        amount_msat=share, credit_msat=invoice.amount_msat * paid_cents // 12_50
    )
    code.refresh_from_db()
    payment_record(lightning_invoice=code, evidence=Evidence.PUSH)
    page = merchant.get(f"{pages}/{invoice.pk}").content.decode().replace("\xa0", " ")
    assert (said in page) if said else (" then</span>" not in page)


def test_where_no_price_was_known_the_books_leave_it_open(merchant: Client, connected_store: Store, pages: str) -> None:
    invoice = invoice_create(store=connected_store, amount=None, currency=USD, actor="alice")
    Invoice.objects.filter(pk=invoice.pk).update(rate=None, rate_at=None, rate_source="", received_msat=100_000_000)
    table = _table(merchant, f"{pages}.csv")
    (row,) = csv.DictReader(io.StringIO(table))
    assert (row["Paid"], row["Received (sat)"]) == ("", "100000")


def test_a_sale_of_the_till_is_told_from_an_invoice(merchant: Client, connected_store: Store, pages: str) -> None:
    till = till_save(store=connected_store, name="Counter", currency=SAT, actor="alice")
    sale_create(till=till, keyed=Keyed(5_000, SAT), cashier="bob")
    assert "Till · " in merchant.get(pages).content.decode()


def test_a_paid_one_leads_to_its_receipt_and_an_open_one_to_its_checkout(
    merchant: Client, connected_store: Store, pages: str
) -> None:
    invoice = _invoice(connected_store, "Coffee")
    assert "Open the checkout" in merchant.get(f"{pages}/{invoice.pk}").content.decode()
    payment_record(lightning_invoice=lightning_invoice_issue(invoice=invoice), evidence=Evidence.PUSH)
    page = merchant.get(f"{pages}/{invoice.pk}").content.decode()
    assert "Open the receipt" in page
    assert "told by Flash" in page
