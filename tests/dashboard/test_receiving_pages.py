"""Lightning Addresses, pay links and bills in the dashboard, without JavaScript."""

from __future__ import annotations

import pytest
from django.test import Client

from flashpay.invoices.models import LightningAddress, PayLink, PaymentRequest
from flashpay.invoices.offers import pay_lnurl
from flashpay.invoices.services import (
    lightning_address_save,
    payment_request_pay,
)
from flashpay.money.currencies import SAT
from flashpay.stores.models import Event, Store
from tests.cast import member_add, store_make, user_make

pytestmark = pytest.mark.django_db


@pytest.fixture
def guest(store: Store) -> Client:
    person = user_make("gwen")
    member_add(store, person, "Guest")
    client = Client()
    client.force_login(person)
    return client


ADDRESS = {"username": "Cafe", "min": "10", "max": "5000", "currency": "", "comment_length": "0"}


def test_it_makes_lists_and_gives_up_an_address(merchant: Client, store: Store) -> None:
    pages = f"/stores/{store.pk}/addresses"
    assert "No address yet" in merchant.get(pages).content.decode()
    assert merchant.post(pages, ADDRESS).status_code == 302
    address = LightningAddress.objects.get()
    assert (address.name, address.minimum_sat, address.maximum_sat) == ("cafe", 10, 5_000)
    page = merchant.get(pages).content.decode()
    lnurl = pay_lnurl(store)
    assert "cafe@" in page
    assert lnurl is not None
    assert lnurl.bech32 in page
    merchant.post(f"{pages}/{address.pk}/delete")
    assert not LightningAddress.objects.exists()
    assert Event.objects.get(type="LightningAddressDeleted").actor == "alice@example.com"


def test_a_name_that_is_taken_is_said_at_the_field(merchant: Client, store: Store) -> None:
    lightning_address_save(store=store_make(user_make("dora")), name="cafe", actor="dora")
    answer = merchant.post(f"/stores/{store.pk}/addresses", ADDRESS)
    assert answer.status_code == 422
    assert "cafe is taken" in str(answer.context["form"].errors["username"])


def test_making_it_twice_changes_nothing(merchant: Client, store: Store) -> None:
    merchant.post(f"/stores/{store.pk}/addresses", ADDRESS)
    assert merchant.post(f"/stores/{store.pk}/addresses", ADDRESS | {"max": "7"}).status_code == 422
    assert LightningAddress.objects.get().maximum_sat == 5_000


def test_another_stores_address_is_not_found(merchant: Client, store: Store) -> None:
    other = lightning_address_save(store=store_make(user_make("dora")), name="cafe", actor="dora", minimum_sat=1)
    assert merchant.post(f"/stores/{store.pk}/addresses/{other.pk}/delete").status_code == 404
    assert LightningAddress.objects.exists()


def test_it_makes_and_closes_a_pay_link(merchant: Client, store: Store) -> None:
    pages = f"/stores/{store.pk}/links"
    assert merchant.post(pages, {"title": "Day pass", "amount": "12.50", "currency": "USD"}).status_code == 302
    assert merchant.post(pages, {"title": "Tips", "amount": "", "currency": "SAT"}).status_code == 302
    link = PayLink.objects.get(title="Day pass")
    assert (link.amount, PayLink.objects.get(title="Tips").amount) == (12_50, None)
    assert f"/l/{link.pk}" in merchant.get(pages).content.decode()
    merchant.post(f"{pages}/{link.pk}/archive", {"archived": "1"})
    link.refresh_from_db()
    assert link.archived


def test_it_makes_a_bill_and_shows_its_invoices(merchant: Client, store: Store) -> None:
    pages = f"/stores/{store.pk}/payment-requests"
    form = {
        "title": "Roof",
        "amount": "10,000",
        "currency": "SAT",
        "allow_parts": "on",
        "expires_at": "2099-01-02T10:00",
    }
    answer = merchant.post(f"{pages}/new", form)
    bill = PaymentRequest.objects.get()
    assert answer["Location"] == f"{pages}/{bill.pk}"
    assert (bill.amount, bill.currency, bill.allow_parts) == (10_000, SAT.code, True)
    invoice = payment_request_pay(request=bill, amount=4_000)
    page = merchant.get(answer["Location"]).content.decode()
    assert f"/r/{bill.pk}" in page
    assert f"/invoices/{invoice.pk}" in page
    assert "Roof" in merchant.get(pages).content.decode()
    merchant.post(f"{pages}/{bill.pk}/archive", {"archived": "1"})
    assert "No payment request" in merchant.get(pages).content.decode()
    assert "Roof" in merchant.get(f"{pages}?tab=archived").content.decode()


def test_a_bill_without_an_amount_or_in_the_past_is_refused_at_the_field(merchant: Client, store: Store) -> None:
    pages = f"/stores/{store.pk}/payment-requests/new"
    assert "amount" in merchant.post(pages, {"title": "Roof", "currency": "SAT"}).context["form"].errors
    late = {"title": "Roof", "amount": "5", "currency": "SAT", "expires_at": "2020-01-01T10:00"}
    assert "expires_at" in merchant.post(pages, late).context["form"].errors
    assert not PaymentRequest.objects.exists()


def test_a_guest_looks_and_changes_nothing(guest: Client, store: Store) -> None:
    for page in ("addresses", "links", "payment-requests"):
        assert guest.get(f"/stores/{store.pk}/{page}").status_code == 200
    assert guest.post(f"/stores/{store.pk}/addresses", ADDRESS).status_code == 403
    assert guest.post(f"/stores/{store.pk}/links", {"title": "x", "currency": "SAT"}).status_code == 403
    assert guest.post(f"/stores/{store.pk}/payment-requests/new", {"title": "x"}).status_code == 403
    assert not any(model.objects.exists() for model in (LightningAddress, PayLink, PaymentRequest))
