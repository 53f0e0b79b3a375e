"""Lightning Addresses as a wallet sees them, and the names they may have (LUD-16)."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from flashpay.invoices.models import Invoice, LightningAddress, Source
from flashpay.invoices.offers import address_text
from flashpay.invoices.services import lightning_address_delete, lightning_address_save, lightning_invoices_poll
from flashpay.refusals import Refusal
from flashpay.stores.models import Event, Store
from tests.cast import store_make, user_make
from tests.lnurl.endpoints.paying import ask, call, path, read, reason
from tests.sandbox_server import SandboxServer

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("name", ["cafe", "CAFE", "cafe+tips", "Cafe+A.b-c_d"])
def test_an_address_is_found_in_any_case_and_with_any_tag(wallet: Client, cafe: LightningAddress, name: str) -> None:
    told = read(wallet.get(f"/.well-known/lnurlp/{name}"))
    assert (told["minSendable"], told["maxSendable"]) == (100_000, 50_000_000)
    assert json.loads(told["metadata"]) == [
        ["text/plain", "Payment to Alice's café"],
        ["text/identifier", address_text(cafe)],
    ]


def test_paying_an_address_makes_a_top_up_invoice_of_its_store(
    wallet: Client, cafe: LightningAddress, sandbox: SandboxServer
) -> None:
    told = read(wallet.get("/.well-known/lnurlp/cafe"))
    answer = read(call(wallet, told, 1_234_000, comment="For the <b>band</b>"))
    invoice = Invoice.objects.get()
    assert (invoice.type, invoice.currency, invoice.source, invoice.source_id) == (
        "TopUp",
        "USD",
        Source.ADDRESS,
        cafe.pk,
    )
    assert invoice.metadata["lightningAddress"] == address_text(cafe)
    assert invoice.metadata["comment"] == "For the <b>band</b>"
    assert answer["disposable"] is False
    sandbox.phone_pay(answer["pr"])
    lightning_invoices_poll(api_url="", now=timezone.now() + timedelta(seconds=6))
    invoice.refresh_from_db()
    assert (invoice.state, invoice.received_msat) == ("Settled", 1_234_000)
    assert wallet.get(path(answer["successAction"]["url"])).status_code == 200


def test_two_payers_of_one_address_get_codes_of_their_own(wallet: Client, cafe: LightningAddress) -> None:
    told = ask(wallet, cafe)
    first, second = (read(call(wallet, told, 1_000_000))["pr"] for _ in range(2))
    assert first != second
    assert Invoice.objects.count() == 2


def test_it_carries_the_addresss_own_metadata(wallet: Client, connected_store: Store) -> None:
    lightning_address_save(
        store=connected_store,
        name="table-4",
        actor="alice",
        currency="JMD",
        invoice_metadata={"orderId": "T4", "itemDesc": "Table 4", "zone": 2},
    )
    read(call(wallet, read(wallet.get("/.well-known/lnurlp/table-4")), 1_000_000))
    invoice = Invoice.objects.get()
    assert (invoice.currency, invoice.order_id, invoice.description) == ("JMD", "T4", "Table 4")
    assert invoice.metadata["zone"] == 2


def test_the_underscore_is_the_domains_own_address(wallet: Client, connected_store: Store) -> None:
    lightning_address_save(store=connected_store, name="_", actor="alice")
    assert read(wallet.get("/.well-known/lnurlp/_"))["tag"] == "payRequest"


def test_a_name_that_is_taken_is_refused_and_stays_whose_it_is(cafe: LightningAddress) -> None:
    other = store_make(user_make("dora"), name="Dora's bar")
    with pytest.raises(Refusal, match="taken") as refusal:
        lightning_address_save(store=other, name="CAFE", actor="dora")
    assert refusal.value.code == "address-taken"
    cafe.refresh_from_db()
    assert cafe.store.name == "Alice's café"


@pytest.mark.parametrize("name", ["", " ", "a b", "caf\u00e9", ".a", "a.", "a@b", "a/b", "x" * 65, "..", "a\0"])
def test_names_that_no_wallet_could_write_are_refused(connected_store: Store, name: str) -> None:
    with pytest.raises(Refusal) as refusal:
        lightning_address_save(store=connected_store, name=name, actor="alice")
    assert (refusal.value.code, refusal.value.field) == ("invalid-name", "username")
    assert not LightningAddress.objects.exists()


@pytest.mark.parametrize(
    "wish",
    [
        {"minimum_sat": 0},
        {"minimum_sat": 10, "maximum_sat": 9},
        {"comment_length": 501},
        {"maximum_sat": 21_000_000 * 100_000_000},
        {"description": "x" * 201},
        {"invoice_metadata": {"x": "y" * 70_000}},
    ],
)
def test_limits_that_make_no_sense_are_refused(connected_store: Store, wish: dict[str, Any]) -> None:
    with pytest.raises(Refusal):
        lightning_address_save(store=connected_store, name="cafe", actor="alice", **wish)
    assert not LightningAddress.objects.exists()


def test_a_name_given_up_is_free_and_its_events_stay(wallet: Client, cafe: LightningAddress) -> None:
    lightning_address_delete(address=cafe, actor="alice")
    assert "no such" in reason(wallet.get("/.well-known/lnurlp/cafe"))
    assert list(Event.objects.filter(entity="lightningaddress").values_list("type", flat=True)) == [
        "LightningAddressCreated",
        "LightningAddressDeleted",
    ]
    lightning_address_save(store=store_make(user_make("dora")), name="cafe", actor="dora")
