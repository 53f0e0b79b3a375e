"""The invoice form: what few people need is folded away, and what is wrong is said at its field."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from flashpay.invoices.models import Invoice
from flashpay.invoices.services import invoice_create
from flashpay.money.currencies import SAT
from flashpay.refusals import Refusal
from flashpay.stores.models import Event, Store

pytestmark = pytest.mark.django_db

PLAIN = {"amount": "12.50", "currency": "USD"}
WHOLE = PLAIN | {
    "description": "Two coffees",
    "order_id": "A-17",
    "buyer_email": "buyer@example.com",
    "redirect_url": "https://shop.example/thanks?order={OrderId}&invoice={InvoiceId}",
    "expiration_minutes": "30",
    "monitoring_minutes": "2880",
    "tolerance": "1.5",
    "metadata": '{"table": 7, "cart": [{"price": 1.5}]}',
}


@pytest.fixture
def form(connected_store: Store) -> str:
    return f"/stores/{connected_store.pk}/invoices/new"


def test_everything_an_invoice_can_be_told_is_kept(merchant: Client, form: str) -> None:
    assert merchant.post(form, WHOLE).status_code == 302
    invoice = Invoice.objects.get()
    assert (invoice.description, invoice.order_id, invoice.tolerance_bp) == ("Two coffees", "A-17", 150)
    assert invoice.expires_at - invoice.created_at == timedelta(minutes=30)
    assert invoice.monitoring_ends_at - invoice.expires_at == timedelta(days=2)
    assert invoice.redirect_url == WHOLE["redirect_url"]
    assert invoice.metadata == {
        "table": 7,
        "cart": [{"price": 1.5}],
        "buyerEmail": "buyer@example.com",
        "orderId": "A-17",
        "itemDesc": "Two coffees",
    }


def test_what_is_left_empty_is_as_the_stores_settings_have_it(
    merchant: Client, form: str, connected_store: Store
) -> None:
    Store.objects.filter(pk=connected_store.pk).update(invoice_expiration_s=300, payment_tolerance_bp=250)
    page = merchant.get(form).content.decode()
    assert "Left empty, it is 5, as in the settings." in page
    assert "Left empty, it is 2.5, as in the settings." in page
    merchant.post(form, PLAIN)
    invoice = Invoice.objects.get()
    assert (invoice.expires_at - invoice.created_at, invoice.tolerance_bp) == (timedelta(minutes=5), 250)
    assert invoice.metadata == {}


def test_an_order_number_in_the_data_counts_where_none_was_typed(merchant: Client, form: str) -> None:
    merchant.post(form, PLAIN | {"metadata": '{"orderId": 17, "itemDesc": "Tea"}'})
    invoice = Invoice.objects.get()
    assert (invoice.order_id, invoice.description) == ("17", "Tea")


WRONG: list[tuple[dict[str, str], str, str]] = [
    ({"amount": "0"}, "amount", "more than zero"),
    ({"amount": "-5"}, "amount", "cannot be negative"),
    ({"amount": "21000000", "currency": "BTC"}, "amount", "must be less than 21,000,000"),
    ({"amount": "12.5055"}, "amount", "at most 2 decimals"),
    ({"amount": "1.5", "currency": "SAT"}, "amount", "no decimals"),
    ({"amount": "twelve"}, "amount", "cannot be read as an amount"),
    ({"currency": "XXX"}, "currency", "XXX"),
    ({"metadata": "{"}, "metadata", "not JSON"),
    ({"metadata": "[1]"}, "metadata", "in braces"),
    ({"metadata": '{"x": "' + "y" * 1_000_000 + '"}'}, "metadata", "larger than 64 kB"),
    ({"metadata": "[" * 30_000}, "metadata", "not JSON"),
    ({"metadata": '{"x": "\\u0000"}'}, "metadata", "cannot be stored"),
    ({"metadata": '{"x": "\\ud800"}'}, "metadata", "cannot be stored"),
    ({"metadata": '{"x": 1e999}'}, "metadata", "cannot be stored"),
    ({"redirect_url": "javascript:alert(1)"}, "redirect_url", "must begin with https://"),
    ({"redirect_url": "ftp://shop.example/"}, "redirect_url", "must begin with https://"),
    ({"redirect_url": "https://[::1"}, "redirect_url", "must begin with https://"),
    ({"buyer_email": "buyer"}, "buyer_email", "e"),
    ({"expiration_minutes": "0"}, "expiration_minutes", "Choose 1 to"),
    ({"expiration_minutes": "99999999"}, "expiration_minutes", "Choose 1 to"),
    ({"monitoring_minutes": "-1"}, "monitoring_minutes", "Choose 0 to"),
    ({"tolerance": "101"}, "tolerance", "between 0 and 100"),
    ({"tolerance": "1.234"}, "tolerance", "two decimals"),
    ({"tolerance": "NaN"}, "tolerance", "between 0 and 100"),
]


@pytest.mark.parametrize(("wrong", "field", "said"), WRONG, ids=lambda value: str(value)[:40])
def test_what_cannot_be_is_said_at_its_field_and_makes_nothing(
    merchant: Client, form: str, wrong: dict[str, str], field: str, said: str
) -> None:
    answer = merchant.post(form, PLAIN | wrong)
    assert answer.status_code == 422
    errors = answer.context["form"].errors
    assert list(errors) == [field]
    assert said in str(errors[field].as_data()[0].messages[0])
    # What is folded away is opened where something in it is wrong.
    folded = field in answer.context["form"].MORE
    assert ('<details class="fp-more" open>' in answer.content.decode()) is folded
    assert not Invoice.objects.exists()


@pytest.mark.parametrize("value", [float("inf"), "a\0b", "\ud800"])
def test_no_data_is_taken_that_a_database_cannot_hold(connected_store: Store, value: Any) -> None:
    with pytest.raises(Refusal) as refusal:
        invoice_create(store=connected_store, amount=5, currency=SAT, actor="alice", metadata={"x": [value]})
    assert (refusal.value.code, refusal.value.field) == ("invalid-metadata", "metadata")
    assert not Invoice.objects.exists()


def test_a_backslash_before_the_letters_u0000_is_an_ordinary_text(connected_store: Store) -> None:
    invoice = invoice_create(store=connected_store, amount=5, currency=SAT, actor="alice", metadata={"x": "\\u0000"})
    assert Invoice.objects.get(pk=invoice.pk).metadata == {"x": "\\u0000"}


def test_the_way_back_has_the_invoice_and_the_order_filled_in(connected_store: Store) -> None:
    invoice = invoice_create(
        store=connected_store,
        amount=5,
        currency=SAT,
        actor="alice",
        order_id="A 17&x",
        redirect_url="https://shop.example/{OrderId}?i={InvoiceId}",
    )
    assert invoice.return_address == f"https://shop.example/A%2017%26x?i={invoice.pk}"


def test_the_terms_of_invoices_are_among_the_settings(merchant: Client, store: Store) -> None:
    page = f"/stores/{store.pk}/settings"
    body = {
        "name": store.name,
        "default_currency": "USD",
        "time_zone": "America/Jamaica",
        "expiration_minutes": "5",
        "monitoring_minutes": "60",
        "tolerance": "0.5",
    }
    assert 'value="1440"' in merchant.get(page).content.decode()
    for wrong in ({"expiration_minutes": "0"}, {"monitoring_minutes": "9"}, {"tolerance": "100.5"}):
        answer = merchant.post(page, body | wrong)
        assert (answer.status_code, list(answer.context["form"].errors)) == (422, list(wrong))
    assert not Event.objects.filter(type="StoreUpdated").exists()
    assert merchant.post(page, body).status_code == 302
    store.refresh_from_db()
    assert (store.invoice_expiration_s, store.monitoring_expiration_s, store.payment_tolerance_bp) == (300, 3600, 50)


def test_terms_that_a_program_set_to_the_second_stay_where_nobody_touches_them(merchant: Client, store: Store) -> None:
    Store.objects.filter(pk=store.pk).update(invoice_expiration_s=90)
    body = {
        "name": "New name",
        "default_currency": "USD",
        "time_zone": "UTC",
        "expiration_minutes": "1",
        "monitoring_minutes": "1440",
        "tolerance": "0",
    }
    merchant.post(f"/stores/{store.pk}/settings", body)
    store.refresh_from_db()
    assert (store.name, store.invoice_expiration_s) == ("New name", 90)
