"""What takes payments already is changed on a page of its own."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from flashpay.invoices.models import (
    Evidence,
    LightningAddress,
    PayLink,
    PaymentRequest,
)
from flashpay.invoices.services import (
    lightning_address_save,
    lightning_invoice_issue,
    pay_link_create,
    payment_record,
    payment_request_pay,
    payment_request_save,
)
from flashpay.money.currencies import SAT, USD
from flashpay.stores.models import Event, Store, User
from tests.cast import member_add, user_make

pytestmark = pytest.mark.django_db

ADDRESS = {"description": "Bar", "min": "100", "max": "5000", "currency": "JMD", "comment_length": "20"}
DATA = '{"orderId": "bar"}'
LINK = {"title": "Tour", "description": "Sundays", "amount": "15", "currency": "USD"}
BILL = {"title": "Rent of June", "amount": "60,000", "currency": "SAT", "description": "Flat 2", "expires_at": ""}


@pytest.fixture
def owner(client: Client, alice: User) -> Client:
    client.force_login(alice)
    return client


@pytest.fixture
def address(store: Store) -> LightningAddress:
    return lightning_address_save(store=store, name="cafe", actor="alice", invoice_metadata={"orderId": "bar"})


@pytest.fixture
def link(store: Store) -> PayLink:
    return pay_link_create(
        store=store, title="Tips", currency=USD, actor="alice", more_currencies=["SAT"], tip_percents=[5]
    )


@pytest.fixture
def bill(connected_store: Store) -> PaymentRequest:
    return payment_request_save(
        store=connected_store, title="Rent", amount=50_000, currency=SAT, actor="alice", allow_parts=True
    )


def test_an_address_is_changed_and_keeps_its_name_and_metadata(
    owner: Client, store: Store, address: LightningAddress
) -> None:
    page = f"/stores/{store.pk}/addresses/{address.pk}"
    assert "cafe@" in owner.get(page).content.decode()
    assert owner.get(page).context["form"]["metadata"].value() == DATA
    assert owner.post(page, ADDRESS | {"metadata": DATA}).status_code == 302
    address.refresh_from_db()
    assert (address.name, address.minimum_sat, address.maximum_sat) == ("cafe", 100, 5000)
    assert (address.currency, address.comment_length, address.description) == ("JMD", 20, "Bar")
    assert (address.invoice_metadata, address.archived) == ({"orderId": "bar"}, False)


def test_an_address_is_closed_and_opened_again(owner: Client, store: Store, address: LightningAddress) -> None:
    page = f"/stores/{store.pk}/addresses/{address.pk}"
    owner.post(page, ADDRESS | {"archived": "on"})
    address.refresh_from_db()
    assert address.archived
    assert "closed" in owner.get(f"/stores/{store.pk}/addresses").content.decode()
    assert owner.get("/.well-known/lnurlp/cafe").json()["status"] == "ERROR"
    owner.post(page, ADDRESS)
    address.refresh_from_db()
    assert not address.archived


def test_limits_that_contradict_each_other_change_nothing(
    owner: Client, store: Store, address: LightningAddress
) -> None:
    answer = owner.post(f"/stores/{store.pk}/addresses/{address.pk}", ADDRESS | {"max": "50", "archived": "on"})
    assert answer.status_code == 422
    assert "cannot be below the smallest" in answer.content.decode()
    before = (address.maximum_sat, address.archived)
    address.refresh_from_db()
    assert (address.maximum_sat, address.archived) == before


def test_a_pay_link_is_changed_and_keeps_what_its_keypad_offers(owner: Client, store: Store, link: PayLink) -> None:
    page = f"/stores/{store.pk}/links/{link.pk}"
    assert 'value="Tips"' in owner.get(page).content.decode()
    assert owner.post(page, LINK).status_code == 302
    link.refresh_from_db()
    assert (link.title, link.description, link.amount) == ("Tour", "Sundays", 1500)
    assert (link.more_currencies, link.tip_percents) == (["SAT"], [5])
    assert owner.post(page, LINK | {"amount": "-3"}).status_code == 422
    link.refresh_from_db()
    assert link.amount == 1500


def test_a_bill_is_changed_while_nothing_was_paid(owner: Client, bill: PaymentRequest) -> None:
    page = f"/stores/{bill.store_id}/payment-requests/{bill.pk}/edit"
    assert 'value="50000"' in owner.get(page).content.decode()
    due = (timezone.now() + timedelta(days=9)).strftime("%Y-%m-%dT%H:%M")
    assert owner.post(page, BILL | {"expires_at": due}).status_code == 302
    bill.refresh_from_db()
    assert (bill.title, bill.amount, bill.description) == ("Rent of June", 60_000, "Flat 2")
    assert bill.expires_at is not None
    assert f'value="{due}"' in owner.get(page).content.decode()
    assert Event.objects.filter(type="PaymentRequestUpdated").count() == 1


def test_once_something_was_paid_its_amount_stays_whatever_is_sent(owner: Client, bill: PaymentRequest) -> None:
    invoice = payment_request_pay(request=bill, amount=20_000)
    payment_record(lightning_invoice=lightning_invoice_issue(invoice=invoice), evidence=Evidence.PUSH)
    page = f"/stores/{bill.store_id}/payment-requests/{bill.pk}/edit"
    assert "so the amount stays" in owner.get(page).content.decode()
    assert owner.post(page, BILL).status_code == 302
    bill.refresh_from_db()
    assert (bill.title, bill.amount, bill.currency) == ("Rent of June", 50_000, "SAT")


def test_the_lists_lead_there(owner: Client, store: Store, address: LightningAddress, link: PayLink) -> None:
    assert f"/addresses/{address.pk}" in owner.get(f"/stores/{store.pk}/addresses").content.decode()
    assert f"/links/{link.pk}" in owner.get(f"/stores/{store.pk}/links").content.decode()


def test_who_may_not_changes_nothing(
    client: Client, store: Store, charlie: User, address: LightningAddress, link: PayLink
) -> None:
    gwen = user_make("gwen")
    member_add(store, gwen, "Guest")
    pages: list[tuple[str, Any]] = [(f"addresses/{address.pk}", ADDRESS), (f"links/{link.pk}", LINK)]
    for person, status in ((gwen, 403), (charlie, 404)):
        client.force_login(person)
        for page, body in pages:
            assert client.get(f"/stores/{store.pk}/{page}").status_code == status
            assert client.post(f"/stores/{store.pk}/{page}", body).status_code == status
    own = charlie.memberships.get().store
    for page, body in pages:
        assert client.post(f"/stores/{own.pk}/{page}", body).status_code == 404
    address.refresh_from_db()
    link.refresh_from_db()
    assert (address.minimum_sat, link.title) == (1, "Tips")
