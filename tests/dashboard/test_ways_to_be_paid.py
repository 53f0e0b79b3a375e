"""Codes to print, bills that are found again, and what is said about an invoice that a person has marked."""

from __future__ import annotations

import pytest
from django.test import Client

from flashpay.invoices.keypad import Keyed
from flashpay.invoices.models import Evidence, LightningAddress
from flashpay.invoices.offers import link_code
from flashpay.invoices.services import (
    invoice_archive,
    invoice_create,
    invoice_mark,
    lightning_address_save,
    lightning_invoice_issue,
    pay_link_create,
    payment_record,
    payment_request_archive,
    payment_request_save,
)
from flashpay.money.currencies import SAT, USD
from flashpay.stores.models import Store, User
from flashpay.till.models import Till
from flashpay.till.services import sale_create, till_save
from tests.cast import member_add, user_make

pytestmark = pytest.mark.django_db

ADDRESS = {"username": "bar", "min": "10", "max": "5000", "currency": "", "comment_length": "0"}


@pytest.fixture
def merchant(client: Client, alice: User) -> Client:
    client.force_login(alice)
    return client


def test_a_pay_link_has_a_code_and_a_poster_with_its_price(merchant: Client, store: Store, charlie: User) -> None:
    link = pay_link_create(store=store, title="Day pass", amount=25_00, currency=USD, actor="alice")
    pages = f"/stores/{store.pk}/links"
    assert f"{pages}/{link.pk}/poster" in merchant.get(pages).content.decode()
    page = merchant.get(f"{pages}/{link.pk}")
    assert page.context["code"] == link_code(link)
    assert f"/l/{link.pk}" in page.context["copies"][0]
    poster = merchant.get(f"{pages}/{link.pk}/poster?paper=Letter").content.decode()
    assert "sheet-letter" in poster
    assert "$25.00" in poster
    assert "Choose the amount" not in poster
    merchant.force_login(charlie)
    assert merchant.get(f"{pages}/{link.pk}/poster").status_code == 404


def test_an_address_has_a_code_and_data_of_its_own(merchant: Client, store: Store) -> None:
    pages = f"/stores/{store.pk}/addresses"
    merchant.post(pages, ADDRESS | {"metadata": '{"branch": "beach"}'})
    bar = LightningAddress.objects.get()
    assert bar.invoice_metadata == {"branch": "beach"}
    page = merchant.get(f"{pages}/{bar.pk}")
    assert page.context["copies"][0].startswith("bar@")
    assert page.context["form"]["metadata"].value() == '{"branch": "beach"}'
    merchant.post(f"{pages}/{bar.pk}", ADDRESS | {"metadata": ""})
    bar.refresh_from_db()
    assert bar.invoice_metadata == {}


@pytest.mark.parametrize(
    ("wrong", "field", "said"),
    [
        ({"min": "0"}, "min", "1 sat at least"),
        ({"min": "1.5"}, "min", "whole sats"),
        ({"max": "9"}, "max", "cannot be below the smallest"),
        ({"max": "99999999999999999"}, "max", "not that many sats"),
        ({"comment_length": "501"}, "comment_length", "0 to 500 characters"),
        ({"currency": "XXX"}, "currency", "XXX"),
        ({"metadata": "{"}, "metadata", "not JSON"),
        ({"metadata": '{"x": "' + "y" * 1_000_000 + '"}'}, "metadata", "larger than 64 kB"),
        ({"username": "Caf é"}, "username", "characters a to z"),
        ({"username": "taken"}, "username", "taken"),
    ],
)
def test_what_no_address_can_be_is_said_at_its_field(
    merchant: Client, store: Store, charlie: User, wrong: dict[str, str], field: str, said: str
) -> None:
    lightning_address_save(store=charlie.memberships.get().store, name="taken", actor="charlie")
    answer = merchant.post(f"/stores/{store.pk}/addresses", ADDRESS | wrong)
    errors = answer.context["form"].errors
    assert (answer.status_code, list(errors)) == (422, [field])
    assert said in str(errors[field].as_data()[0].messages[0])
    assert not LightningAddress.objects.filter(store=store).exists()


def test_a_bill_is_found_by_what_a_shop_knows_of_it(merchant: Client, store: Store) -> None:
    rent = payment_request_save(
        store=store,
        title="Rent of June",
        amount=5_000,
        currency=SAT,
        actor="alice",
        reference_id="R-6",
        email="tenant@example.com",
    )
    payment_request_save(store=store, title="Roof", amount=5_000, currency=SAT, actor="alice")
    pages = f"/stores/{store.pk}/payment-requests"

    def found(query: str) -> list[str]:
        return [row["bill"].title for row in merchant.get(f"{pages}?{query}").context["rows"]]

    for words in ("rent", "r-6", "tenant@", rent.pk):
        assert found(f"q={words}") == ["Rent of June"]
    assert found("q=nothing") == []
    assert "Nothing found" in merchant.get(f"{pages}?q=nothing").content.decode()
    assert found("") == ["Roof", "Rent of June"]
    payment_request_archive(request=rent, actor="alice")
    assert found("q=rent") == []
    assert found("q=rent&tab=archived") == ["Rent of June"]
    assert "mailto:tenant@example.com?subject=Rent%20of%20June" in merchant.get(f"{pages}/{rent.pk}").content.decode()


def test_an_invoice_that_was_marked_is_not_said_to_be_paid(merchant: Client, connected_store: Store) -> None:
    invoice = invoice_create(store=connected_store, amount=5_000, currency=SAT, actor="alice")
    pages = f"/stores/{connected_store.pk}/invoices"
    invoice_mark(invoice=invoice, state="Settled", reason="Paid in cash", actor="alice")
    for address in (pages, f"{pages}/{invoice.pk}"):
        assert "The money is in the wallet" not in merchant.get(address).content.decode()
    page = merchant.get(f"{pages}/{invoice.pk}").content.decode()
    assert "“Paid in cash”" in page
    assert ">0\xa0sat<" not in merchant.get(f"/i/{invoice.pk}").content.decode()


def test_what_is_often_looked_for_is_one_press_away(merchant: Client, connected_store: Store) -> None:
    over = invoice_create(store=connected_store, amount=5_000, currency=SAT, actor="alice")
    invoice_archive(invoice=over, archived=False, actor="alice")
    pages = f"/stores/{connected_store.pk}/invoices"
    page = merchant.get(pages)
    for words, terms in page.context["often"]:
        assert words in page.content.decode()
        assert merchant.get(pages, {"q": terms}).context["problems"] == []
    assert merchant.get(pages, {"q": page.context["often"][0][1]}).context["page"].object_list == [over]


def test_a_cashier_opens_a_sale_of_the_day_again(client: Client, connected_store: Store) -> None:
    till: Till = till_save(store=connected_store, name="Counter", currency=SAT, actor="alice")
    person = user_make("bob")
    member_add(connected_store, person, "Cashier")
    client.force_login(person)
    sale = sale_create(till=till, keyed=Keyed(5_000, SAT), cashier="bob")
    payment_record(lightning_invoice=lightning_invoice_issue(invoice=sale), evidence=Evidence.PUSH)
    today = client.get(f"/till/{till.pk}/today").content.decode()
    assert f"/till/{till.pk}/sales/{sale.pk}" in today
    assert "Receipt" in client.get(f"/till/{till.pk}/sales/{sale.pk}").content.decode()
