"""A sale at the till without JavaScript: what is keyed in, what is charged, and what is refused."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from flashpay.invoices.models import Evidence, Invoice, LightningInvoice
from flashpay.invoices.services import invoice_mark, payment_record
from flashpay.stores.models import Event, Store
from flashpay.stores.services import store_archive
from flashpay.till.models import Till
from flashpay.till.services import till_archive
from tests.sandbox_server import SandboxServer

pytestmark = pytest.mark.django_db


def charge(cashier: Client, till: Till, status: int = 302, **typed: str) -> str:
    """Press Charge; the sale's address, or the page that says why there is none."""
    answer = cashier.post(f"/till/{till.pk}", typed)
    assert answer.status_code == status, answer.content.decode()
    return answer["Location"] if status == 302 else answer.content.decode()


def words(cashier: Client, address: str) -> str:
    answer = cashier.get(address)
    assert answer.status_code == 200
    assert answer["Cache-Control"] == "no-store"
    return answer.content.decode().replace("\N{NO-BREAK SPACE}", " ")


def test_it_charges_amount_and_tip_and_remembers_both(cashier: Client, connected_store: Store, till: Till) -> None:
    charge(cashier, till, amount="12.50", currency="USD", tip="10", note="Table 4")
    sale = Invoice.objects.get()
    assert (sale.amount, sale.currency, sale.order_id) == (13_75, "USD", "Table 4")
    assert (sale.source, sale.source_id, sale.created_by) == ("till", till.pk, "bob@example.com")
    assert sale.metadata["till"] == till.pk
    assert sale.metadata["posData"] == {
        "subTotal": "12.50",
        "tip": "1.25",
        "total": "13.75",
        "currency": "USD",
        "tipPercentage": 10,
        "cashier": "bob@example.com",
    }


def test_it_takes_sats_and_a_tip_of_the_customers_own(cashier: Client, connected_store: Store, till: Till) -> None:
    charge(cashier, till, amount="1000", currency="SAT", tip="own", tip_amount="21")
    sale = Invoice.objects.get()
    assert (sale.amount, sale.currency, sale.amount_msat) == (1_021, "SAT", 1_021_000)
    assert sale.metadata["posData"]["tip"] == "21"
    assert sale.metadata["posData"]["tipPercentage"] is None


@pytest.mark.parametrize(("amount", "percent", "tip"), [("0.05", "10", 1), ("0.04", "10", 0), ("9.99", "15", 150)])
def test_a_share_of_a_cent_is_rounded_half_up(
    cashier: Client, connected_store: Store, till: Till, amount: str, percent: str, tip: int
) -> None:
    charge(cashier, till, amount=amount, currency="USD", tip=percent)
    sale = Invoice.objects.get()
    assert sale.amount == round(float(amount) * 100) + tip


BAD = [
    ({"amount": "0"}, "must be more than zero"),
    ({"amount": ""}, "Please enter an amount"),
    ({"amount": "-3"}, "cannot be negative"),
    ({"amount": "five"}, "cannot be read as an amount"),
    ({"amount": "12.3456"}, "at most 2 decimals"),
    ({"amount": "12.345"}, "can be read in two ways"),
    ({"amount": "1.5", "currency": "SAT"}, "no decimals"),
    ({"amount": "100000000000"}, "must be less than"),
    ({"amount": "99999999999.99", "tip": "15"}, "must be less than"),
    ({"amount": "5", "currency": "XYZ"}, "is not a currency that FlashPay knows"),
    ({"amount": "5", "currency": "EUR"}, "Amounts in EUR are not taken here"),
    ({"amount": "5", "tip": "99"}, "That tip is not offered here"),
    ({"amount": "5", "tip": "own", "tip_amount": "-1"}, "cannot be negative"),
    ({"amount": "5", "tip": "own", "tip_amount": "1,2345"}, "at most 2 decimals"),
    ({"amount": "5", "note": "x" * 201}, "up to 200 characters"),
]


@pytest.mark.parametrize(("typed", "sentence"), BAD)
def test_what_cannot_be_charged_is_said_and_makes_nothing(
    cashier: Client, connected_store: Store, till: Till, typed: dict[str, str], sentence: str
) -> None:
    typed = {"amount": "5", "currency": "USD", "tip": ""} | typed
    page = charge(cashier, till, 422, **typed)
    assert sentence in page
    assert not Invoice.objects.exists()


def test_what_was_typed_comes_back_with_the_refusal(cashier: Client, connected_store: Store, till: Till) -> None:
    page = charge(cashier, till, 422, amount="12.345", currency="SAT", note="Table 4")
    assert 'value="12.345"' in page
    assert 'value="Table 4"' in page
    assert 'value="SAT" data-decimals="0" data-symbol="sat" checked' in page


def test_without_a_wallet_it_says_so_and_charges_nothing(cashier: Client, till: Till) -> None:
    assert "wallet is not connected" in charge(cashier, till, 409, amount="5", currency="USD")
    assert not Invoice.objects.exists()


def test_without_a_price_it_charges_no_dollars_but_sats(
    cashier: Client, connected_store: Store, till: Till, no_price: SandboxServer
) -> None:
    charge(cashier, till, 503, amount="5", currency="USD")
    assert not Invoice.objects.exists()
    charge(cashier, till, amount="5000", currency="SAT")
    assert Invoice.objects.get().currency == "SAT"


def test_an_archived_till_is_closed(cashier: Client, connected_store: Store, till: Till) -> None:
    till_archive(till=till, actor="alice")
    assert "This till is closed" in charge(cashier, till, 410, amount="5", currency="USD")
    assert cashier.get(f"/till/{till.pk}").status_code == 410
    assert not Invoice.objects.exists()


def test_the_till_of_an_archived_store_is_closed(cashier: Client, connected_store: Store, till: Till) -> None:
    store_archive(store=connected_store, archived=True, actor="alice")
    charge(cashier, till, 410, amount="5", currency="USD")
    assert not Invoice.objects.exists()


def test_the_screen_shows_a_code_and_then_that_it_is_paid(cashier: Client, connected_store: Store, till: Till) -> None:
    address = charge(cashier, till, amount="12.50", currency="USD", tip="10")
    page = words(cashier, address)
    code = LightningInvoice.objects.get()
    assert code.bolt11 in page
    assert "$13.75" in page
    assert "$12.50 and $1.25 tip" in page
    payment_record(lightning_invoice=code, evidence=Evidence.PUSH)
    page = words(cashier, address)
    assert "With $1.25 tip" in page
    assert 'data-sound="paid"' in page
    assert "New sale" in page
    assert code.bolt11 not in page


def test_the_living_part_alone_is_sent_to_the_open_screen(cashier: Client, connected_store: Store, till: Till) -> None:
    address = charge(cashier, till, amount="5", currency="USD")
    part = cashier.get(address, headers={"X-Fragment": "1"}).content.decode()
    assert "<html" not in part
    assert "data-version" in part


def test_less_more_late_and_cancelled_are_said_in_words(cashier: Client, connected_store: Store, till: Till) -> None:
    address = charge(cashier, till, amount="5", currency="USD")
    sale = Invoice.objects.get()
    words(cashier, address)
    Invoice.objects.update(received_msat=1_000, credited_msat=1_000, additional_state="PaidPartial")
    assert "Still to pay" in words(cashier, address)
    Invoice.objects.update(
        expires_at=timezone.now() - timedelta(seconds=1), created_at=timezone.now() - timedelta(days=1)
    )
    page = words(cashier, address)
    assert "The time to pay is over" in page
    assert "1 sat arrived, which is not the whole amount" in page
    sale.refresh_from_db()
    invoice_mark(invoice=sale, state="Invalid", reason="no", actor="alice")
    assert "This sale was cancelled" in words(cashier, address)
    sale.refresh_from_db()
    invoice_mark(invoice=sale, state="Settled", reason="cash", actor="alice")
    assert "marked this sale as paid" in words(cashier, address)
    for flag, said in (("PaidOver", "That is more than $5.00"), ("PaidLate", "counts all the same")):
        Invoice.objects.update(additional_state=flag)
        assert said in words(cashier, address)


def test_while_flash_has_no_codes_left_the_lnurl_stands_in(
    cashier: Client, connected_store: Store, till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = charge(cashier, till, amount="5", currency="USD")
    sale = Invoice.objects.get()
    words(cashier, address)
    # A renewal while few codes are left has to wait, and says so.
    LightningInvoice.objects.update(expires_at=timezone.now())
    monkeypatch.setattr("flashpay.invoices.services.codes.KEPT_FOR_NEW_PAYERS", 20)
    page = words(cashier, address)
    assert "Scan this code, which works at once" in page
    assert "LNURL1" in page
    assert sale.lightning_invoices.count() == 1


def test_glancing_at_a_sale_issues_nothing(cashier: Client, connected_store: Store, till: Till) -> None:
    address = charge(cashier, till, amount="5", currency="USD")
    assert cashier.head(address).status_code == 200
    assert not LightningInvoice.objects.exists()


def test_leaving_a_sale_changes_nothing(cashier: Client, connected_store: Store, till: Till) -> None:
    address = charge(cashier, till, amount="5", currency="USD")
    assert f'id="cancel" href="/till/{till.pk}"' in words(cashier, address)
    cashier.get(f"/till/{till.pk}")
    assert Invoice.objects.get().state == "New"
    assert not Event.objects.filter(type="InvoiceMarked").exists()


def test_another_tills_sale_is_not_shown(cashier: Client, owner: Client, connected_store: Store, till: Till) -> None:
    owner.post(f"/stores/{connected_store.pk}/invoices/new", {"amount": "5", "currency": "USD"})
    other = Invoice.objects.get()
    assert cashier.get(f"/till/{till.pk}/sales/{other.pk}").status_code == 404
    assert not LightningInvoice.objects.exists()


def test_prices_stand_beside_the_amount_where_they_are_known(
    cashier: Client, connected_store: Store, till: Till
) -> None:
    assert set(cashier.get(f"/till/{till.pk}/prices").json()) == {"USD"}


def test_no_price_is_no_fault(cashier: Client, till: Till, no_price: SandboxServer) -> None:
    assert cashier.get(f"/till/{till.pk}/prices").json() == {}
