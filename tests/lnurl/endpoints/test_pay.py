"""LNURL-pay as a wallet sees it: invoices, stores, pay links and bills (LUD-06, 09, 11, 12, 20, 21)."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from flashpay import lightning, live
from flashpay.invoices.models import (
    Evidence,
    Invoice,
    LightningAddress,
    LightningInvoice,
    PayLink,
    PaymentRequest,
    Purpose,
    Source,
)
from flashpay.invoices.services import invoice_create, lightning_invoice_issue, lightning_invoices_poll, payment_record
from flashpay.money.currencies import SAT, USD
from flashpay.stores.models import Event, Store
from flashpay.stores.wallets import wallet_of, wallet_open
from tests.lnurl.endpoints.paying import ask, call, info_path, nothing_happened, path, read, reason
from tests.sandbox_server import SandboxServer

pytestmark = pytest.mark.django_db


# --- An invoice -----------------------------------------------------------------------------------------------------


def test_an_invoice_is_offered_at_exactly_what_is_due(wallet: Client, invoice: Invoice) -> None:
    told = ask(wallet, invoice)
    assert told["minSendable"] == told["maxSendable"] == 21_000_000
    assert json.loads(told["metadata"]) == [
        ["text/plain", "Coffee & cake"],
        ["text/long-desc", "Alice's café · order A-7"],
    ]
    assert told["callback"].endswith("/callback")
    assert told["callback"] == told["callback"].lower()


def test_its_callback_gives_a_code_over_that_amount_with_receipt_and_verify(wallet: Client, invoice: Invoice) -> None:
    told = ask(wallet, invoice)
    answer = read(call(wallet, told, 21_000_000, comment="Merci", nonce="1"))
    code = LightningInvoice.objects.get()
    assert answer["pr"] == code.bolt11
    assert answer["routes"] == []
    assert lightning.invoice_read(answer["pr"]).amount_msat == 21_000_000
    assert (code.purpose, code.invoice, code.comment) == (Purpose.LNURL_PAY, invoice, "Merci")
    assert code.lnurl_metadata == told["metadata"]
    action = answer["successAction"]
    assert (action["tag"], path(action["url"])) == ("url", f"/i/{invoice.pk}/receipt")
    assert len(action["description"]) <= 144
    assert "disposable" not in answer
    assert path(answer["verify"]) == f"/lnurl/verify/{code.payment_hash}"


def test_the_same_wallet_asking_twice_gets_the_same_code(wallet: Client, invoice: Invoice) -> None:
    told = ask(wallet, invoice)
    assert read(call(wallet, told, 21_000_000)) == read(call(wallet, told, 21_000_000))
    assert LightningInvoice.objects.count() == 1


def test_paying_it_settles_the_invoice_and_verify_says_so(
    wallet: Client, invoice: Invoice, sandbox: SandboxServer
) -> None:
    answer = read(call(wallet, ask(wallet, invoice), 21_000_000))
    assert read(wallet.get(path(answer["verify"]))) == {
        "status": "OK",
        "settled": False,
        "preimage": None,
        "pr": answer["pr"],
    }
    sandbox.phone_pay(answer["pr"])
    assert lightning_invoices_poll(api_url="", now=timezone.now() + timedelta(seconds=6)) == 1
    invoice.refresh_from_db()
    assert (invoice.state, invoice.additional_state, invoice.credited_msat) == ("Settled", "None", 21_000_000)
    assert read(wallet.get(path(answer["verify"])))["settled"] is True
    assert "no payments" in reason(wallet.get(info_path(invoice)))


def test_an_unrelated_payment_of_the_same_amount_settles_nothing(
    wallet: Client, invoice: Invoice, sandbox: SandboxServer
) -> None:
    read(call(wallet, ask(wallet, invoice), 21_000_000))
    stranger = invoice_create(store=invoice.store, amount=21_000, currency=SAT, actor="alice")
    answer = read(call(wallet, ask(wallet, stranger), 21_000_000))
    sandbox.phone_pay(answer["pr"])
    lightning_invoices_poll(api_url="", now=timezone.now() + timedelta(seconds=6))
    invoice.refresh_from_db()
    stranger.refresh_from_db()
    assert (invoice.state, stranger.state) == ("New", "Settled")
    assert not invoice.payments.exists()


def test_money_that_never_was_for_us_settles_nothing(wallet: Client, invoice: Invoice, sandbox: SandboxServer) -> None:
    """The same wallet receives exactly the open amount with the same memo, but for a code that FlashPay did not issue."""
    read(call(wallet, ask(wallet, invoice), 21_000_000))
    connection = wallet_of(invoice.store)
    code = LightningInvoice.objects.get()
    foreign = wallet_open(connection).invoice_create(
        wallet_id=connection.wallet_id, amount_cents=code.asked_cents, memo="Coffee & cake"
    )
    assert lightning.invoice_read(foreign.bolt11).amount_msat == code.amount_msat
    sandbox.phone_pay(foreign.bolt11)
    assert sandbox.payments(foreign.payment_hash)
    assert lightning_invoices_poll(api_url="", now=timezone.now() + timedelta(seconds=6)) == 0
    invoice.refresh_from_db()
    assert invoice.state == "New"


def test_what_was_paid_in_part_is_offered_for_the_rest(wallet: Client, invoice: Invoice) -> None:
    code = lightning_invoice_issue(invoice=invoice)
    LightningInvoice.objects.filter(pk=code.pk).update(credit_msat=9_000_000)
    code.refresh_from_db()
    payment_record(lightning_invoice=code, evidence=Evidence.PUSH)
    told = ask(wallet, invoice)
    assert told["minSendable"] == told["maxSendable"] == 12_000_000
    assert "exactly 12,000" in reason(call(wallet, told, 21_000_000)).replace("\N{NO-BREAK SPACE}", " ")


def test_a_dollar_invoice_is_offered_in_the_sats_of_its_recorded_rate(wallet: Client, connected_store: Store) -> None:
    invoice = invoice_create(store=connected_store, amount=12_34, currency=USD, actor="alice")
    told = ask(wallet, invoice)
    assert told["minSendable"] == told["maxSendable"] == invoice.amount_msat == 19_434_000
    answer = read(call(wallet, told, 19_434_000))
    assert lightning.invoice_read(answer["pr"]).amount_msat == 19_434_000


def test_a_top_up_takes_what_the_payer_chooses(wallet: Client, connected_store: Store, sandbox: SandboxServer) -> None:
    invoice = invoice_create(store=connected_store, amount=None, currency=USD, actor="alice")
    assert (invoice.type, invoice.amount_msat, invoice.rate) == ("TopUp", None, 63_500)
    told = ask(wallet, invoice)
    assert told["minSendable"] < told["maxSendable"]
    sandbox.phone_pay(read(call(wallet, told, 5_000_000))["pr"])
    lightning_invoices_poll(api_url="", now=timezone.now() + timedelta(seconds=6))
    invoice.refresh_from_db()
    assert (invoice.state, invoice.additional_state, invoice.credited_msat) == ("Settled", "None", 5_000_000)


def test_an_expired_invoice_takes_nothing(wallet: Client, invoice: Invoice) -> None:
    told = ask(wallet, invoice)
    Invoice.objects.filter(pk=invoice.pk).update(
        created_at=timezone.now() - timedelta(hours=1), expires_at=timezone.now() - timedelta(seconds=1)
    )
    assert "no payments" in reason(wallet.get(info_path(invoice)))
    assert "no payments" in reason(call(wallet, told, 21_000_000))
    assert nothing_happened()


# --- Asking changes nothing, and nonsense is refused ----------------------------------------------------------------


def test_asking_writes_nothing_and_asks_flash_nothing(wallet: Client, invoice: Invoice, cafe: LightningAddress) -> None:
    live.connection().flushdb()
    before = (Invoice.objects.count(), Event.objects.count())
    for address in (info_path(invoice), info_path(cafe), "/.well-known/lnurlp/cafe", info_path(invoice.store)):
        for _ in range(3):
            assert read(wallet.get(address))["tag"] == "payRequest"
        assert wallet.head(address).status_code == 200
        assert wallet.options(address)["Access-Control-Allow-Origin"] == "*"
    assert (Invoice.objects.count(), Event.objects.count()) == before
    assert nothing_happened()
    assert not live.connection().keys("flash:budget:*")


def test_a_head_of_the_callback_changes_nothing(wallet: Client, invoice: Invoice) -> None:
    callback = path(ask(wallet, invoice)["callback"])
    assert wallet.head(callback, {"amount": "21000000"}).content == b""
    assert "GET" in reason(wallet.post(callback, {"amount": "21000000"}))
    assert nothing_happened()


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"amount": ""},
        {"amount": "0"},
        {"amount": "-21000000"},
        {"amount": "21000000.0"},
        {"amount": "2.1e7"},
        {"amount": "٢١٠٠٠٠٠٠"},
        {"amount": " 21000000"},
        {"amount": "20999000"},
        {"amount": "21001000"},
        {"amount": "21000001"},
        {"amount": "9" * 400},
        {"amount": ["21000000", "21000000"]},
        {"AMOUNT": "21000000"},
        {"amount": "21000000", "comment": "x" * 141},
    ],
)
def test_it_refuses_amounts_and_comments_it_did_not_offer(wallet: Client, invoice: Invoice, query: Any) -> None:
    callback = path(ask(wallet, invoice)["callback"])
    assert len(reason(wallet.get(callback, query))) < 200
    assert nothing_happened()


def test_a_comment_too_long_is_refused_with_both_numbers(wallet: Client, cafe: LightningAddress) -> None:
    told = ask(wallet, cafe)
    assert told["commentAllowed"] == 20
    assert reason(call(wallet, told, 1_000_000, comment="é" * 21)) == (
        "Got a comment with 21 characters, but can only accept 20."
    )
    assert nothing_happened()


@pytest.mark.parametrize(
    "address",
    [
        "/lnurl/pay/" + "0" * 32,
        "/lnurl/pay/" + "0" * 32 + "/callback?amount=1000",
        "/lnurl/pay/xyz",
        "/lnurl/pay/" + "f" * 31,
        "/lnurl/verify/" + "0" * 64,
        "/lnurl/verify/1",
        "/.well-known/lnurlp/nobody",
        "/.well-known/lnurlp/",
        "/.well-known/lnurlp/a/b",
        "/.well-known/lnurlp/%00",
        "/.well-known/lnurlp/caf%C3%A9",
        "/.well-known/lnurlp/" + "a" * 500,
        "/.well-known/lnurlp/..",
    ],
)
def test_unknown_addresses_are_told_so_in_lnurl_words(wallet: Client, db: None, address: str) -> None:
    assert reason(wallet.get(address))


def test_a_store_without_a_wallet_says_so(wallet: Client, store: Store) -> None:
    assert "wallet" in reason(wallet.get(info_path(store)))


def test_many_calls_from_one_place_are_slowed_down(wallet: Client, cafe: LightningAddress) -> None:
    told = ask(wallet, cafe)
    for _ in range(10):
        reason(call(wallet, told, 1))
    assert "many requests" in reason(call(wallet, told, 1_000_000))
    assert nothing_happened()


def test_flash_without_an_answer_leaves_no_invoice_behind(
    wallet: Client, cafe: LightningAddress, sandbox: SandboxServer
) -> None:
    told = ask(wallet, cafe)
    sandbox.switch(invoice_error={"value": True, "next": 1})
    assert reason(call(wallet, told, 1_000_000))
    assert not Invoice.objects.exists()
    assert nothing_happened()


# --- Stores, pay links and bills ------------------------------------------------------------------------------------


def test_a_stores_own_code_takes_any_amount(wallet: Client, connected_store: Store) -> None:
    answer = read(call(wallet, ask(wallet, connected_store), 777_000))
    assert answer["disposable"] is False
    assert Invoice.objects.get().source == Source.STORE


def test_a_pay_link_with_a_price_takes_that_price_also_when_the_rate_has_moved_a_little(
    wallet: Client, connected_store: Store
) -> None:
    link = PayLink.objects.create(store=connected_store, title="Day pass", currency="USD", amount=10_00)
    told = ask(wallet, link)
    assert told["minSendable"] == told["maxSendable"]
    moved = told["minSendable"] - 100_000  # what another wallet was told a moment ago
    read(call(wallet, told, moved))
    invoice = Invoice.objects.get()
    assert (invoice.type, invoice.amount, invoice.amount_msat) == ("Standard", 10_00, moved)
    code = LightningInvoice.objects.get()
    payment_record(lightning_invoice=code, evidence=Evidence.PUSH)
    invoice.refresh_from_db()
    assert (invoice.state, invoice.additional_state) == ("Settled", "None")
    assert "exactly" in reason(call(wallet, told, told["minSendable"] * 9 // 10 // 1000 * 1000))


def test_a_closed_pay_link_takes_nothing(wallet: Client, connected_store: Store) -> None:
    link = PayLink.objects.create(store=connected_store, title="Day pass", currency="SAT", archived=True)
    assert "closed" in reason(wallet.get(info_path(link)))


def test_a_bill_is_paid_in_parts_and_then_takes_no_more(wallet: Client, connected_store: Store) -> None:
    bill = PaymentRequest.objects.create(
        store=connected_store, title="Roof", currency="SAT", amount=10_000, allow_parts=True
    )
    told = ask(wallet, bill)
    assert (told["minSendable"], told["maxSendable"]) == (1_000, 10_000_000)
    read(call(wallet, told, 4_000_000))
    payment_record(lightning_invoice=LightningInvoice.objects.get(), evidence=Evidence.PUSH)
    told = ask(wallet, bill)
    assert told["maxSendable"] == 6_000_000
    read(call(wallet, told, 6_000_000))
    payment_record(lightning_invoice=LightningInvoice.objects.latest("id"), evidence=Evidence.PUSH)
    assert "paid already" in reason(wallet.get(info_path(bill)))


def test_a_bill_past_its_day_takes_nothing(wallet: Client, connected_store: Store) -> None:
    bill = PaymentRequest.objects.create(
        store=connected_store, title="Roof", currency="SAT", amount=10_000, expires_at=timezone.now()
    )
    assert "over" in reason(wallet.get(info_path(bill)))
