"""The pages of bills and pay links: what a payer sees and can do there without JavaScript."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from flashpay.invoices.models import Evidence, Invoice, PayLink, PaymentRequest
from flashpay.invoices.offers import pay_lnurl
from flashpay.invoices.selectors import link_address, request_link
from flashpay.invoices.services import (
    lightning_invoice_issue,
    pay_link_archive,
    pay_link_create,
    payment_record,
    payment_request_archive,
    payment_request_save,
)
from flashpay.money.currencies import SAT, USD
from flashpay.stores.models import Store

pytestmark = pytest.mark.django_db


@pytest.fixture
def payer() -> Client:
    return Client(enforce_csrf_checks=True)


@pytest.fixture
def bill(connected_store: Store) -> PaymentRequest:
    return payment_request_save(
        store=connected_store,
        title="New <roof>",
        amount=1_000_00,
        currency=USD,
        actor="alice",
        allow_parts=True,
        reference_id="R-1",
        expires_at=timezone.now() + timedelta(days=30),
    )


def path(url: str) -> str:
    return url.removeprefix(settings.PUBLIC_URL)


def text(response: Any, status: int = 200) -> str:
    assert response.status_code == status
    assert response["Cache-Control"] == "no-store"
    assert not response.cookies
    return response.content.decode().replace("\N{NO-BREAK SPACE}", " ")


def pay(invoice: Invoice) -> None:
    payment_record(lightning_invoice=lightning_invoice_issue(invoice=invoice), evidence=Evidence.PUSH)


def test_a_bill_shows_what_is_due_with_a_code_that_stays(payer: Client, bill: PaymentRequest) -> None:
    page = text(payer.get(path(request_link(bill))))
    assert "New &lt;roof&gt;" in page
    assert "$1,000.00" in page
    lnurl = pay_lnurl(bill)
    assert lnurl is not None
    assert lnurl.bech32 in page
    assert not Invoice.objects.exists()


def test_paying_a_part_leads_to_a_checkout_and_shows_the_rest(payer: Client, bill: PaymentRequest) -> None:
    answer = payer.post(path(request_link(bill)), {"amount": "400"})
    invoice = Invoice.objects.get()
    assert answer["Location"] == f"/i/{invoice.pk}"
    assert (invoice.amount, invoice.currency, invoice.order_id) == (400_00, "USD", "R-1")
    pay(invoice)
    page = text(payer.get(path(request_link(bill)), HTTP_X_FRAGMENT="1"))
    assert "<html" not in page
    assert "$600.00" in page
    assert f"/i/{invoice.pk}/receipt" in page


def test_who_has_paid_a_part_finds_back_to_the_bill(payer: Client, bill: PaymentRequest) -> None:
    made = payer.post(path(request_link(bill)), {"amount": "400"})
    assert path(request_link(bill)) not in text(payer.get(made["Location"]))
    pay(Invoice.objects.get())
    assert f'href="{path(request_link(bill))}"' in text(payer.get(made["Location"]))
    # The field of an open page follows, as long as nobody has changed it.
    assert '<data value="600.00" data-fills="amount">' in text(payer.get(path(request_link(bill))))


def test_a_bill_that_is_paid_thanks_and_takes_no_more(payer: Client, bill: PaymentRequest) -> None:
    payer.post(path(request_link(bill)), {"amount": ""})
    pay(Invoice.objects.get())
    page = text(payer.get(path(request_link(bill))))
    assert "Paid. Thank you!" in page
    assert "data-final" in page
    assert "<form" not in page
    assert payer.post(path(request_link(bill)), {}).status_code == 422
    assert Invoice.objects.count() == 1


@pytest.mark.parametrize("amount", ["0", "-1", "1000.01", "abc", "1.234"])
def test_an_amount_that_does_not_fit_is_refused_with_the_reason(
    payer: Client, bill: PaymentRequest, amount: str
) -> None:
    assert "is-invalid" in text(payer.post(path(request_link(bill)), {"amount": amount}), 422)
    assert not Invoice.objects.exists()


def test_a_bill_that_is_over_or_withdrawn_cannot_be_paid(payer: Client, bill: PaymentRequest) -> None:
    payment_request_archive(request=bill, actor="alice")
    assert "cannot be paid any more" in text(payer.get(path(request_link(bill))))
    assert payer.post(path(request_link(bill)), {}).status_code == 422
    assert not Invoice.objects.exists()


def test_a_pay_link_with_a_price_makes_an_invoice_for_each_payer(payer: Client, connected_store: Store) -> None:
    link = pay_link_create(store=connected_store, title="Day pass", amount=10_00, currency=USD, actor="alice")
    assert "$10.00" in text(payer.get(path(link_address(link))))
    for _ in range(2):
        assert payer.post(path(link_address(link)), {"amount": "0.01"}).status_code == 302
    assert list(Invoice.objects.values_list("amount", flat=True)) == [10_00, 10_00]


def test_an_open_pay_link_asks_how_much(payer: Client, connected_store: Store) -> None:
    link = pay_link_create(store=connected_store, title="Tips", currency=SAT, actor="alice")
    assert payer.post(path(link_address(link)), {"amount": ""}).status_code == 422
    assert payer.post(path(link_address(link)), {"amount": "2500"}).status_code == 302
    assert Invoice.objects.get().amount == 2_500


def test_the_keypad_says_in_what_it_counts(payer: Client, connected_store: Store) -> None:
    link = pay_link_create(store=connected_store, title="Tips", amount=None, currency=USD, actor="alice")
    assert "data-unit>USD</span>" in text(payer.get(path(link_address(link))))


def test_a_closed_pay_link_says_so(payer: Client, connected_store: Store) -> None:
    link: PayLink = pay_link_create(store=connected_store, title="Tips", currency=SAT, actor="alice")
    pay_link_archive(link=link, actor="alice")
    assert "closed" in text(payer.get(path(link_address(link))))
    assert payer.post(path(link_address(link)), {"amount": "5"}).status_code == 422
    assert not Invoice.objects.exists()


@pytest.mark.parametrize("address", ["/r/1111111111111111111111", "/l/1111111111111111111111", "/r/x", "/l/"])
def test_unknown_ones_are_not_found(payer: Client, db: None, address: str) -> None:
    assert payer.get(address).status_code in (302, 404)
