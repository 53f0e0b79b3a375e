"""Giving an invoice's money back: what each way comes to is shown before anything is made."""

from __future__ import annotations

import pytest
from django.test import Client

from flashpay.invoices.models import Evidence, Invoice, InvoiceState
from flashpay.invoices.services import invoice_create, lightning_invoice_issue, payment_record
from flashpay.money.currencies import SAT, USD
from flashpay.stores.models import Store
from payouts.models import PullPayment
from tests.cast import member_add, user_make
from tests.sandbox_server import SandboxServer

pytestmark = pytest.mark.django_db


def _paid(invoice: Invoice) -> Invoice:
    payment_record(lightning_invoice=lightning_invoice_issue(invoice=invoice), evidence=Evidence.PUSH)
    invoice.refresh_from_db()
    assert invoice.state == InvoiceState.SETTLED
    return invoice


@pytest.fixture
def in_sats(connected_store: Store) -> Invoice:
    return _paid(invoice_create(store=connected_store, amount=50_000, currency=SAT, actor="alice"))


@pytest.fixture
def in_dollars(connected_store: Store) -> Invoice:
    return _paid(invoice_create(store=connected_store, amount=63_50, currency=USD, actor="alice"))


def _page(invoice: Invoice) -> str:
    return f"/stores/{invoice.store_id}/invoices/{invoice.pk}/refund"


def _preview(merchant: Client, invoice: Invoice, typed: dict[str, str]) -> str:
    return merchant.get(_page(invoice), typed, headers={"X-Fragment": "1"}).content.decode().replace("\xa0", " ")


def test_a_paid_invoice_is_refunded_once_and_both_pages_lead_to_each_other(merchant: Client, in_sats: Invoice) -> None:
    invoice_page = _page(in_sats).removesuffix("/refund")
    assert _page(in_sats) in merchant.get(invoice_page).content.decode()
    answer = merchant.post(_page(in_sats), {"variant": "RateThen", "percent": "10"})
    refund = PullPayment.objects.get()
    assert answer["Location"].endswith(f"/pull-payments/{refund.pk}")
    assert (refund.amount, refund.currency, refund.auto_approve) == (45_000, "SAT", True)
    assert invoice_page in merchant.get(answer["Location"]).content.decode()
    assert f"/pull-payments/{refund.pk}" in merchant.get(invoice_page).content.decode()
    form = merchant.get(_page(in_sats)).context["form"]
    assert [choice.variant for choice in form.offered if not choice.problem] == [form.initial["variant"]] == ["Custom"]
    again = merchant.post(_page(in_sats), {"variant": "RateThen"})
    assert again.status_code == 422
    assert "a refund of this invoice already" in again.content.decode()
    assert PullPayment.objects.count() == 1


def test_an_unpaid_invoice_has_nothing_to_give_back(merchant: Client, connected_store: Store) -> None:
    invoice = invoice_create(store=connected_store, amount=50_000, currency=SAT, actor="alice")
    assert "/refund" not in merchant.get(_page(invoice).removesuffix("/refund")).content.decode()
    assert merchant.get(_page(invoice)).status_code == 302
    assert merchant.post(_page(invoice), {"variant": "RateThen"}).status_code == 302
    assert not PullPayment.objects.exists()


def test_each_way_is_shown_with_what_it_comes_to(merchant: Client, in_sats: Invoice, in_dollars: Invoice) -> None:
    def offered(invoice: Invoice) -> dict[str, str]:
        form = merchant.get(_page(invoice)).context["form"]
        return {choice.variant: choice.comes_to.replace("\xa0", " ") for choice in form.offered}

    assert offered(in_sats) == {"RateThen": "50,000 sat", "Custom": ""}
    assert offered(in_dollars) == {
        "RateThen": "100,000 sat",
        "CurrentRate": "100,000 sat",
        "Fiat": "$63.50",
        "Custom": "",
    }


def test_what_was_paid_too_much_is_offered_first(merchant: Client, in_sats: Invoice) -> None:
    _overpay(in_sats)
    page = merchant.get(_page(in_sats))
    assert page.context["form"].offered[0].variant == "OverpaidAmount"
    assert "The payer can claim <strong>50,000\xa0sat</strong>" in page.content.decode()


def _overpay(invoice: Invoice) -> None:
    """A second code was paid too."""
    Invoice.objects.filter(pk=invoice.pk).update(received_msat=100_000_000, credited_msat=100_000_000)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"variant": "RateThen"}, "50,000 sat"),
        ({"variant": "RateThen", "percent": "2.5"}, "48,750 sat"),
        ({"variant": "Custom", "amount": "12.50", "currency": "USD"}, "$12.50"),
        ({"variant": "Custom", "amount": "", "currency": "USD"}, "Say how much to give back."),
        ({"variant": "RateThen", "percent": "100"}, "Say how much to give back."),
    ],
)
def test_it_says_what_the_payer_could_claim_and_makes_nothing(
    merchant: Client, in_sats: Invoice, typed: dict[str, str], said: str
) -> None:
    assert said in _preview(merchant, in_sats, typed)
    assert not PullPayment.objects.exists()


def test_more_than_was_paid_is_said_before_it_is_made(merchant: Client, in_sats: Invoice, in_dollars: Invoice) -> None:
    for invoice, amount, currency, more in (
        (in_sats, "50000", "SAT", False),
        (in_sats, "50001", "SAT", True),
        (in_dollars, "63.50", "USD", False),
        (in_dollars, "635", "USD", True),
    ):
        shown = _preview(merchant, invoice, {"variant": "Custom", "amount": amount, "currency": currency})
        assert ("That is more than was paid." in shown) is more


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"variant": "Custom", "amount": "", "currency": "USD"}, "amount"),
        ({"variant": "Custom", "amount": "-5", "currency": "USD"}, "amount"),
        ({"variant": "Custom", "amount": "1.234", "currency": "EUR"}, "amount"),
        ({"variant": "RateThen", "percent": "100"}, "percent"),
        ({"variant": "RateThen", "percent": "1.234"}, "percent"),
        ({"variant": "Everything"}, "variant"),
        ({"variant": ""}, "variant"),
    ],
)
def test_what_cannot_be_given_back_is_said_at_its_field(
    merchant: Client, in_sats: Invoice, typed: dict[str, str], field: str
) -> None:
    answer = merchant.post(_page(in_sats), typed)
    assert (answer.status_code, list(answer.context["form"].errors)) == (422, [field])
    assert not PullPayment.objects.exists()


def test_a_refund_below_what_the_wallet_pays_out_is_refused_with_the_reason(merchant: Client, in_sats: Invoice) -> None:
    answer = merchant.post(_page(in_sats), {"variant": "Custom", "amount": "99", "currency": "SAT"})
    assert answer.status_code == 422
    assert "10,000" in answer.content.decode()
    assert not PullPayment.objects.exists()


def test_a_refund_in_dollars_waits_for_approval(merchant: Client, in_dollars: Invoice) -> None:
    assert merchant.post(_page(in_dollars), {"variant": "Fiat"}).status_code == 302
    refund = PullPayment.objects.get()
    assert (refund.amount, refund.currency, refund.auto_approve) == (63_50, "USD", False)


def test_without_a_price_the_sats_can_still_be_given_back(
    merchant: Client, in_dollars: Invoice, no_price: SandboxServer
) -> None:
    from flashpay.stores.rates import rate_book

    rate_book.cache_clear()
    page = merchant.get(_page(in_dollars))
    assert page.status_code == 200
    assert merchant.post(_page(in_dollars), {"variant": "RateThen"}).status_code == 302
    assert PullPayment.objects.get().amount == 100_000


def test_an_employee_makes_one_that_waits_and_a_guest_none(client: Client, in_sats: Invoice) -> None:
    for role, status in (("Guest", 403), ("Cashier", 403), ("Employee", 302)):
        person = user_make(role.lower())
        member_add(in_sats.store, person, role)
        client.force_login(person)
        assert client.get(_page(in_sats)).status_code == (200 if status == 302 else 403)
        assert client.post(_page(in_sats), {"variant": "RateThen"}).status_code == status
    assert PullPayment.objects.get().auto_approve is False


def test_the_invoice_page_shows_what_was_told_to_it(merchant: Client, connected_store: Store) -> None:
    invoice = invoice_create(
        store=connected_store,
        amount=5_000,
        currency=SAT,
        actor="alice",
        tolerance_bp=150,
        redirect_url="https://shop.example/{InvoiceId}",
        metadata={"buyerEmail": "buyer@example.com", "table": 7, "cart": [{"price": 1.5}]},
    )
    page = merchant.get(_page(invoice).removesuffix("/refund")).content.decode()
    for said in (
        "buyer@example.com",
        "no more than 1.5 %",
        f"https://shop.example/{invoice.pk}",
        "table",
        "&quot;price&quot;",
    ):
        assert said in page
