from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from flashpay.invoices.models import Invoice
from flashpay.stores.models import Event, Store, User
from tests.api.conftest import Script, script_of
from tests.cast import member_add, user_make
from tests.sandbox_server import SandboxServer

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


def test_it_makes_an_invoice_in_sats(api: Script, store: Store) -> None:
    made = api.post(
        f"/stores/{store.pk}/invoices",
        {
            "amount": "25000",
            "currency": "SATS",
            "metadata": {"orderId": "A-17", "itemDesc": "Tea", "cart": [{"price": 1.5}]},
            "checkout": {
                "expirationMinutes": 30,
                "monitoringMinutes": 60,
                "paymentTolerance": 2.5,
                "redirectURL": "https://shop.example/thanks",
                "redirectAutomatically": True,
                "speedPolicy": "HighSpeed",
                "paymentMethods": ["BTC-LN"],
            },
        },
    )
    invoice = Invoice.objects.get()
    assert made["id"] == invoice.pk
    assert (made["storeId"], made["type"]) == (store.pk, "Standard")
    assert (made["amount"], made["paidAmount"], made["currency"]) == ("25000", "0", "SAT")
    assert (made["status"], made["additionalStatus"]) == ("New", "None")
    assert made["availableStatusesForManualMarking"] == ["Settled", "Invalid"]
    assert made["expirationTime"] - made["createdTime"] == 30 * 60
    assert made["monitoringExpiration"] - made["expirationTime"] == 60 * 60
    assert made["metadata"] == {"orderId": "A-17", "itemDesc": "Tea", "cart": [{"price": 1.5}]}
    assert made["checkout"]["redirectURL"] == "https://shop.example/thanks"
    assert made["checkout"]["redirectAutomatically"] is True
    assert made["checkoutLink"].endswith(f"/i/{invoice.pk}")
    assert (invoice.amount_msat, invoice.order_id, invoice.description) == (25_000_000, "A-17", "Tea")
    assert invoice.tolerance_bp == 250
    assert Event.objects.get(type="InvoiceCreated").actor.startswith("alice@example.com (API key ")


def test_it_takes_what_the_client_library_of_the_shop_plugins_sends(api: Script, store: Store) -> None:
    """BTCPay Server's PHP library sends every option that it knows, those that nobody set as null."""
    checkout = {
        "speedPolicy": "MediumSpeed",
        "paymentMethods": None,
        "expirationMinutes": None,
        "monitoringMinutes": None,
        "paymentTolerance": 0,
        "redirectURL": "https://shop.example/thanks",
        "redirectAutomatically": True,
        "defaultLanguage": None,
        "requiresRefundEmail": False,
    }
    metadata = {"orderId": "1047", "taxIncluded": 1.2, "posData": '{"WooCommerce":{"Order ID":1047}}', "buyerName": ""}
    body = {"amount": "12.34", "currency": "USD", "metadata": metadata, "checkout": checkout}
    made = api.post(f"/stores/{store.pk}/invoices", body)
    assert made["metadata"] == metadata
    # The library reads each of these back.
    known = {"speedPolicy", "paymentMethods", "expirationMinutes", "monitoringMinutes", "paymentTolerance"}
    assert known | {"redirectURL", "redirectAutomatically", "defaultLanguage"} <= made["checkout"].keys()


@pytest.mark.parametrize("amount", ["19.90", 19.90, "19.9"])
def test_it_takes_a_fiat_amount_as_text_or_number_and_records_the_rate(
    api: Script, store: Store, sandbox: SandboxServer, amount: Any
) -> None:
    made = api.post(f"/stores/{store.pk}/invoices", {"amount": amount})
    invoice = Invoice.objects.get()
    assert (made["amount"], made["currency"], invoice.amount) == ("19.90", "USD", 1990)
    assert invoice.rate is not None
    assert invoice.rate > 0
    assert invoice.rate_source


def test_it_counts_bitcoin_in_bitcoin(api: Script, store: Store) -> None:
    made = api.post(f"/stores/{store.pk}/invoices", {"amount": "0.00010001", "currency": "BTC"})
    assert (made["amount"], Invoice.objects.get().amount_msat) == ("0.00010001", 10_001_000)


UNUSABLE: list[tuple[dict[str, Any], str]] = [
    ({"amount": "0"}, "amount"),
    ({"amount": "-1"}, "amount"),
    ({"amount": "1.5"}, "amount"),
    ({"amount": "1,000"}, "amount"),
    ({"amount": "1e3"}, "amount"),
    ({"amount": ""}, "amount"),
    ({"amount": True}, "amount"),
    ({"amount": "9" * 60}, "amount"),
    ({"amount": "2100000000000000"}, "amount"),
    ({"currency": "XYZ"}, "currency"),
    ({"checkout": {"expirationMinutes": 0}}, "checkout.expirationMinutes"),
    ({"checkout": {"expirationMinutes": 10_000_000}}, "checkout.expirationMinutes"),
    ({"checkout": {"monitoringMinutes": -1}}, "checkout.monitoringMinutes"),
    ({"checkout": {"paymentTolerance": 100.01}}, "checkout.paymentTolerance"),
    ({"checkout": {"redirectURL": "javascript:alert(1)"}}, "checkout.redirectURL"),
    ({"checkout": {"paymentMethods": ["BTC-CHAIN"]}}, "checkout.paymentMethods"),
    ({"checkout": {"defaultPaymentMethod": "BTC-CHAIN"}}, "checkout.defaultPaymentMethod"),
    ({"checkout": {"expiryMinutes": 5}}, "checkout.expiryMinutes"),
    ({"metadata": {"orderId": "x" * 201}}, "metadata.orderId"),
    ({"metadata": {"orderId": {"a": 1}}}, "metadata.orderId"),
    ({"metadata": {"itemDesc": "x" * 501}}, "metadata.itemDesc"),
    ({"metadata": {"note": "x" * 70_000}}, "metadata"),
    ({"metadata": "x"}, "metadata"),
    ({"orderId": "A-17"}, "orderId"),
]


@pytest.mark.parametrize("wish", [{}, {"amount": None}])
def test_without_an_amount_it_is_a_top_up_whose_payer_chooses(api: Script, store: Store, wish: dict[str, Any]) -> None:
    made = api.post(f"/stores/{store.pk}/invoices", {"currency": "SAT"} | wish)
    invoice = Invoice.objects.get()
    assert (made["type"], made["amount"]) == ("TopUp", "0")
    assert (invoice.amount, invoice.amount_msat) == (None, None)


@pytest.mark.parametrize(("change", "path"), UNUSABLE)
def test_it_refuses_an_unusable_field_by_its_path_and_makes_nothing(
    api: Script, store: Store, change: dict[str, Any], path: str
) -> None:
    body = {"amount": "1000", "currency": "SAT"} | change
    (refused,) = api.post(f"/stores/{store.pk}/invoices", body, 422)
    assert refused["path"] == path
    assert not Invoice.objects.exists()


def test_it_refuses_a_fiat_amount_without_a_fresh_rate(api: Script, store: Store, sandbox: SandboxServer) -> None:
    sandbox.stop()
    try:
        refused = api.post(f"/stores/{store.pk}/invoices", {"amount": "5.00"}, 400)
    finally:
        sandbox.start()
    assert refused["code"] == "rate-unavailable"
    assert not Invoice.objects.exists()


def test_it_knows_no_store_of_somebody_else(stranger: Script, store: Store) -> None:
    refused = stranger.post(f"/stores/{store.pk}/invoices", {"amount": "1000", "currency": "SAT"}, 404)
    assert refused["code"] == "store-not-found"
    assert not Invoice.objects.exists()


def test_it_lets_an_employee_make_one_and_neither_a_guest_nor_a_cashier(store: Store, bob: User, guest: Script) -> None:
    body = {"amount": "1000", "currency": "SAT"}
    guest.post(f"/stores/{store.pk}/invoices", body, 403)
    script_of(bob).post(f"/stores/{store.pk}/invoices", body, 403)
    assert not Invoice.objects.exists()
    employee = user_make("emma")
    member_add(store, employee, "Employee")
    script_of(employee).post(f"/stores/{store.pk}/invoices", body)
    assert Invoice.objects.count() == 1
