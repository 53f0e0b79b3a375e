from __future__ import annotations

from typing import Any

import pytest

from flashpay.invoices.models import Evidence, Invoice, LightningInvoice
from flashpay.invoices.services import invoice_create, lightning_invoice_issue, payment_record
from flashpay.money.currencies import SAT, USD
from flashpay.stores.models import Event, Store
from payouts.models import PullPayment
from payouts.services import pull_payment_archive
from payouts.services.refunds import refunds_of
from tests.api.conftest import Script
from tests.sandbox_server import SandboxServer


def paid(store: Store, amount: int = 50_000, currency: Any = SAT, times: int = 1) -> Invoice:
    invoice = invoice_create(store=store, amount=amount, currency=currency, actor="alice")
    codes = []
    for _ in range(times):
        code = lightning_invoice_issue(invoice=invoice)
        LightningInvoice.objects.filter(pk=code.pk).update(expires_at=invoice.created_at)
        codes.append(code)
    for code in codes:
        payment_record(lightning_invoice=code, evidence=Evidence.PUSH)
    invoice.refresh_from_db()
    return invoice


def refund(api: Script, invoice: Invoice, status: int = 200, **wish: Any) -> Any:
    return api.post(f"/stores/{invoice.store_id}/invoices/{invoice.pk}/refund", wish, status)


def test_it_gives_back_the_sats_that_arrived(api: Script, paying_store: Store) -> None:
    invoice = paid(paying_store)
    made = refund(api, invoice, refundVariant="RateThen")
    assert (made["amount"], made["currency"], made["autoApproveClaims"]) == ("50000", "SAT", True)
    assert made["name"] == f"Refund {invoice.pk}"
    assert [one.pk for one in refunds_of(store=paying_store, invoice_id=invoice.pk)] == [made["id"]]
    assert Event.objects.get(type="InvoiceRefunded").entity_id == invoice.pk


def preview(api: Script, invoice: Invoice, status: int = 200) -> Any:
    return api.get(f"/invoices/{invoice.pk}/refund/BTC-LN", status)


def test_it_says_beforehand_what_each_variant_comes_to(
    api: Script, paying_store: Store, sandbox: SandboxServer
) -> None:
    invoice = paid(paying_store, 63_50, USD)
    shown = preview(api, invoice)
    assert shown["paymentAmountThen"] == f"{invoice.received_msat // 1000 / 100_000_000:.8f}"
    assert (shown["paymentAmountNow"], shown["invoiceAmount"]) == ("0.00100000", "63.50")
    assert (shown["invoiceCurrency"], shown["invoiceCurrencyDivisibility"]) == ("USD", 2)
    assert (shown["paymentCurrency"], shown["paymentCurrencyDivisibility"]) == ("BTC", 8)
    assert (shown["overpaidPaymentAmount"], shown["refunds"]) == (None, [])
    assert not PullPayment.objects.exists()


def test_beforehand_it_names_the_refunds_that_there_are(api: Script, paying_store: Store) -> None:
    invoice = paid(paying_store)
    made = refund(api, invoice, refundVariant="RateThen")
    (known,) = preview(api, invoice)["refunds"]
    assert (known["id"], known["terms"]["refundOfInvoice"]) == (made["id"], invoice.pk)
    assert PullPayment.objects.get().refund_of_id == invoice.pk


def test_beforehand_it_leaves_out_what_cannot_be_given_back(
    api: Script, paying_store: Store, no_price: SandboxServer
) -> None:
    invoice = invoice_create(store=paying_store, amount=50_000, currency=SAT, actor="alice")
    shown = preview(api, invoice)
    for name in ("paymentAmountThen", "paymentAmountNow", "invoiceAmount", "overpaidPaymentAmount"):
        assert shown[name] is None


def test_who_may_not_refund_sees_no_preview(guest: Script, stranger: Script, api: Script, paying_store: Store) -> None:
    invoice = invoice_create(store=paying_store, amount=50_000, currency=SAT, actor="alice")
    preview(guest, invoice, 403)
    preview(stranger, invoice, 404)
    assert api.get(f"/invoices/{invoice.pk}/refund/BTC-CHAIN", 404)["code"] == "paymentmethod-not-found"


def test_it_keeps_a_percentage(api: Script, paying_store: Store) -> None:
    made = refund(api, paid(paying_store), refundVariant="RateThen", subtractPercentage="2.5")
    assert made["amount"] == "48750"


def test_it_gives_back_what_was_too_much(api: Script, paying_store: Store) -> None:
    assert refund(api, paid(paying_store, times=2), refundVariant="OverpaidAmount")["amount"] == "50000"
    assert refund(api, paid(paying_store), 400, refundVariant="OverpaidAmount")["code"] == "nothing-overpaid"


def test_the_rate_of_today_and_the_invoices_own_currency(
    api: Script, paying_store: Store, sandbox: SandboxServer
) -> None:
    invoice = paid(paying_store, 63_50, USD)
    today = refund(api, invoice, refundVariant="CurrentRate")
    assert (today["amount"], today["currency"]) == ("100000", "SAT")
    in_dollars = refund(api, paid(paying_store, 63_50, USD), refundVariant="Fiat")
    assert (in_dollars["amount"], in_dollars["currency"], in_dollars["autoApproveClaims"]) == ("63.50", "USD", False)


def test_a_custom_amount_may_be_given_more_than_once(api: Script, paying_store: Store) -> None:
    invoice = paid(paying_store)
    for _ in range(2):
        made = refund(api, invoice, refundVariant="Custom", customAmount="20.00", customCurrency="USD")
        assert (made["amount"], made["currency"]) == ("20.00", "USD")
    assert len(refunds_of(store=paying_store, invoice_id=invoice.pk)) == 2


def test_a_second_refund_is_refused_until_the_first_is_archived(api: Script, paying_store: Store) -> None:
    invoice = paid(paying_store)
    first = refund(api, invoice, refundVariant="RateThen")
    assert refund(api, invoice, 400, refundVariant="CurrentRate")["code"] == "refund-exists"
    assert PullPayment.objects.count() == 1
    pull_payment_archive(pull_payment=PullPayment.objects.get(pk=first["id"]), actor="alice")
    refund(api, invoice, refundVariant="RateThen")


def test_nothing_is_given_back_of_what_was_not_paid(api: Script, paying_store: Store) -> None:
    invoice = invoice_create(store=paying_store, amount=50_000, currency=SAT, actor="alice")
    assert refund(api, invoice, 400, refundVariant="RateThen")["code"] == "nothing-paid"
    assert not PullPayment.objects.exists()


@pytest.mark.parametrize(
    ("wish", "path"),
    [
        ({"refundVariant": "Everything"}, "refundVariant"),
        ({"refundVariant": "Custom"}, "customAmount"),
        ({"refundVariant": "RateThen", "subtractPercentage": "100"}, "subtractPercentage"),
        ({"refundVariant": "RateThen", "subtractPercentage": "1.234"}, "subtractPercentage"),
        ({"refundVariant": "RateThen", "payoutMethods": ["BTC-CHAIN"]}, "payoutMethods"),
    ],
)
def test_it_refuses_an_unusable_field_by_its_path(
    api: Script, paying_store: Store, wish: dict[str, Any], path: str
) -> None:
    (refused,) = refund(api, paid(paying_store), 422, **wish)
    assert refused["path"] == path
    assert not PullPayment.objects.exists()


def test_who_may_not_gives_nothing_back(guest: Script, stranger: Script, paying_store: Store) -> None:
    invoice = paid(paying_store)
    refund(guest, invoice, 403, refundVariant="RateThen")
    refund(stranger, invoice, 404, refundVariant="RateThen")
    assert not PullPayment.objects.exists()
