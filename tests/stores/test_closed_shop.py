"""An archived store is closed at every door that strangers know: nothing is made there, and brought back it is open again."""

from __future__ import annotations

import html
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from flashpay.invoices.models import CardCollection, Invoice, LightningInvoice
from flashpay.invoices.offers import Target
from flashpay.invoices.services import (
    invoice_create,
    lightning_address_save,
    lightning_invoices_poll,
    pay_link_create,
    payment_request_save,
)
from flashpay.money.currencies import SAT
from flashpay.refusals import Refusal
from flashpay.stores.models import Store, User
from flashpay.stores.services import store_archive
from payouts.models import Payout, PullPayment
from payouts.recipients.services import k1_of, recipient_create, recipient_register
from payouts.services import payout_send, pull_payment_create
from tests.api.conftest import Script, script_of
from tests.lnurl.endpoints import paying, withdrawing
from tests.sandbox_server import SandboxServer

pytestmark = pytest.mark.django_db

CLOSED = "This shop is closed at the moment."


@pytest.fixture
def visitor() -> Client:
    """Whoever knows an address: no session, no cookies, no key."""
    return Client(enforce_csrf_checks=True, raise_request_exception=False)


@pytest.fixture
def prize(connected_store: Store) -> PullPayment:
    return pull_payment_create(store=connected_store, amount=50_000, currency=SAT, name="Prize", actor="alice")


@pytest.fixture
def bolt11(sandbox: SandboxServer) -> str:
    return str(sandbox.phone_invoice(20_000)["bolt11"])


def close(store: Store, *, archived: bool = True) -> None:
    store_archive(store=store, archived=archived, actor="alice")


def words(answer: Any) -> str:
    return html.unescape(answer.content.decode())


# --- Claims -------------------------------------------------------------------------------------------------------------


def test_its_claim_page_says_so_and_takes_no_claim(visitor: Client, prize: PullPayment, bolt11: str) -> None:
    close(prize.store)
    page = words(visitor.get(f"/p/{prize.pk}"))
    assert CLOSED in page
    assert "LNURL1" not in page
    answer = visitor.post(f"/p/{prize.pk}", {"destination": bolt11})
    assert answer.status_code == 422
    assert CLOSED in words(answer)
    withdrawing.assert_nothing_claimed(prize)


def test_a_wallet_is_told_so_in_its_own_words(visitor: Client, prize: PullPayment, bolt11: str) -> None:
    callback, k1 = withdrawing.callback_of(visitor, prize)
    close(prize.store)
    assert CLOSED in withdrawing.refusal(visitor.get(withdrawing.info_path(prize)))
    assert CLOSED in withdrawing.refusal(visitor.get(callback, {"k1": k1, "pr": bolt11}))
    withdrawing.assert_nothing_claimed(prize)


def test_so_is_a_program_with_and_without_a_key(prize: PullPayment, bolt11: str, alice: User) -> None:
    close(prize.store)
    refused = Script().post(f"/pull-payments/{prize.pk}/payouts", {"destination": bolt11}, 400)
    assert refused["code"] == "store-archived"
    assert CLOSED in refused["message"]
    owners = script_of(alice)
    for path in (f"/pull-payments/{prize.pk}/payouts", f"/stores/{prize.store_id}/payouts"):
        body = {"destination": bolt11, "pullPaymentId": prize.pk} if "stores" in path else {"destination": bolt11}
        assert owners.post(path, body, 400)["code"] == "store-archived"
    withdrawing.assert_nothing_claimed(prize)


def test_brought_back_it_takes_the_same_claim(visitor: Client, prize: PullPayment, bolt11: str) -> None:
    close(prize.store)
    assert visitor.post(f"/p/{prize.pk}", {"destination": bolt11}).status_code == 422
    close(prize.store, archived=False)
    assert visitor.post(f"/p/{prize.pk}", {"destination": bolt11}).status_code == 302
    assert Payout.objects.get().pull_payment_id == prize.pk


def test_a_claim_from_before_is_paid_and_its_wallet_gets_the_same_answer_again(
    visitor: Client, prize: PullPayment, bolt11: str
) -> None:
    callback, k1 = withdrawing.callback_of(visitor, prize)
    assert withdrawing.read(visitor.get(callback, {"k1": k1, "pr": bolt11})) == {"status": "OK"}
    close(prize.store)
    assert withdrawing.read(visitor.get(callback, {"k1": k1, "pr": bolt11})) == {"status": "OK"}
    payout_send(payout_id=Payout.objects.get().pk)
    assert Payout.objects.get().state == "Completed"


def test_an_invitation_takes_no_address(connected_store: Store) -> None:
    anna = recipient_create(store=connected_store, name="Anna", actor="alice")
    close(connected_store)
    with pytest.raises(Refusal, match=CLOSED):
        recipient_register(token=anna.token, k1=k1_of(anna.token), address="anna@example.com")
    anna.refresh_from_db()
    assert (anna.address, anna.registered_at) == ("", None)


# --- Payments -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def invoice(connected_store: Store) -> Invoice:
    return invoice_create(store=connected_store, amount=21_000, currency=SAT, actor="alice")


@pytest.mark.parametrize("address", ["", "?tab=lnurl", "/embed"])
def test_its_checkout_says_so_and_makes_no_code(visitor: Client, invoice: Invoice, address: str) -> None:
    close(invoice.store)
    page = words(visitor.get(f"/i/{invoice.pk}{address}"))
    assert CLOSED in page
    assert "LNURL1" not in page
    assert f"/i/{invoice.pk}/card" not in page
    assert paying.nothing_happened()
    close(invoice.store, archived=False)
    assert CLOSED not in words(visitor.get(f"/i/{invoice.pk}{address}"))


def test_its_checkout_takes_no_card(visitor: Client, invoice: Invoice, sandbox: SandboxServer) -> None:
    close(invoice.store)
    answer = visitor.post(f"/i/{invoice.pk}/card", {"lnurlw": sandbox.card_link()})
    assert answer.status_code == 422
    assert not CardCollection.objects.exists()
    assert paying.nothing_happened()


def test_a_program_gets_no_code_for_its_invoices(invoice: Invoice, alice: User) -> None:
    close(invoice.store)
    assert script_of(alice).get(f"/invoices/{invoice.pk}/payment-methods")[0]["destination"] in ("", None)
    assert paying.nothing_happened()


def target_of(kind: str, store: Store) -> Target:
    match kind:
        case "invoice":
            return invoice_create(store=store, amount=21_000, currency=SAT, actor="alice")
        case "address":
            return lightning_address_save(store=store, name="Cafe", actor="alice")
        case "link":
            return pay_link_create(store=store, title="Coffee", amount=21_000, currency=SAT, actor="alice")
        case "bill":
            return payment_request_save(store=store, title="Bill", amount=21_000, currency=SAT, actor="alice")
    return store


@pytest.mark.parametrize("kind", ["store", "invoice", "address", "link", "bill"])
def test_a_wallet_pays_nothing_there(visitor: Client, connected_store: Store, kind: str) -> None:
    target = target_of(kind, connected_store)
    before = Invoice.objects.count()
    told = paying.ask(visitor, target)
    close(connected_store)
    assert paying.reason(visitor.get(paying.info_path(target)))
    assert paying.reason(paying.call(visitor, told, 21_000_000))
    if kind == "address":
        assert paying.reason(visitor.get("/.well-known/lnurlp/cafe"))
    assert paying.nothing_happened()
    assert Invoice.objects.count() == before
    close(connected_store, archived=False)
    assert paying.read(paying.call(visitor, told, 21_000_000))["pr"]


@pytest.mark.parametrize(("kind", "room"), [("link", "l"), ("bill", "r")])
def test_pay_links_and_bills_make_no_invoice(visitor: Client, connected_store: Store, kind: str, room: str) -> None:
    address = f"/{room}/{target_of(kind, connected_store).pk}"
    close(connected_store)
    assert visitor.get(address).status_code == 200
    assert visitor.post(address).status_code == 422
    assert not Invoice.objects.exists()
    close(connected_store, archived=False)
    assert visitor.post(address).status_code == 302
    assert Invoice.objects.exists()


def test_a_code_that_was_shown_before_is_still_credited(
    visitor: Client, invoice: Invoice, sandbox: SandboxServer
) -> None:
    visitor.get(f"/i/{invoice.pk}")
    code = LightningInvoice.objects.get()
    close(invoice.store)
    sandbox.phone_pay(code.bolt11)
    lightning_invoices_poll(api_url="", now=timezone.now() + timedelta(seconds=6))
    invoice.refresh_from_db()
    assert invoice.state == "Settled"
