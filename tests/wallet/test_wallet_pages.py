"""The wallet's pages: trying a credential step by step, connecting one, and the health page."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from flashpay.stores.models import Store, WalletConnection
from tests.sandbox_server import SandboxServer

pytestmark = pytest.mark.django_db


def step(merchant: Client, store: Store, name: str, text: str) -> Any:
    return merchant.post(f"/stores/{store.pk}/wallet/test/{name}", {"connection_string": text})


def test_the_test_tells_account_wallet_and_abilities_and_stores_nothing(
    merchant: Client, store: Store, flash: SandboxServer
) -> None:
    account = flash.account(balance_cents=123_456)
    page = step(merchant, store, "account", account["api_key"])
    text = page.content.decode()
    assert page.status_code == 200
    for told in (account["username"], "USDT", "1,234.56", "regtest", "Pay out"):
        assert told in text
    assert account["api_key"] not in text
    assert not WalletConnection.objects.exists()


@pytest.mark.parametrize(
    ("world", "way"), [("a", "Flash carries out requests over the live connection too"), ("b", "Not needed")]
)
def test_the_test_finds_the_ways_of_a_session_token(
    merchant: Client, store: Store, flash: SandboxServer, world: str, way: str
) -> None:
    flash.switch(world=world)
    page = step(merchant, store, "ways", flash.account()["session_token"])
    assert way in page.content.decode()


def test_the_test_compares_the_clocks(merchant: Client, store: Store, flash: SandboxServer) -> None:
    assert "The clock is right" in step(merchant, store, "clock", flash.account()["api_key"]).content.decode()
    flash.switch(price_outage=True)
    assert "could not be compared" in step(merchant, store, "clock", flash.account()["api_key"]).content.decode()


def test_a_username_may_only_receive(merchant: Client, store: Store, flash: SandboxServer) -> None:
    text = step(merchant, store, "account", flash.account()["username"]).content.decode()
    assert "not visible with this credential" in text
    assert "that needs an API key" in text


@pytest.mark.parametrize("pasted", ["", "fk_00000000_" + "x" * 64, "no such credential!", "ory_st_" + "y" * 32])
def test_a_bad_credential_is_refused_in_words(
    merchant: Client, store: Store, flash: SandboxServer, pasted: str
) -> None:
    page = step(merchant, store, "account", pasted)
    assert page.status_code == 422
    assert "Nothing was saved." in page.content.decode()
    assert not pasted or pasted not in page.content.decode()


def test_there_are_only_so_many_steps(merchant: Client, store: Store, flash: SandboxServer) -> None:
    assert step(merchant, store, "secret", flash.account()["api_key"]).status_code == 404


def test_connecting_shows_what_it_may_and_how_requests_go(merchant: Client, store: Store, flash: SandboxServer) -> None:
    account = flash.account(balance_cents=5_000)
    merchant.post(f"/stores/{store.pk}/wallet", {"connection_string": account["session_token"]})
    text = merchant.get(f"/stores/{store.pk}/wallet").content.decode()
    assert "Requests go over" in text
    assert account["session_token"] not in text


def test_what_was_pasted_does_not_come_back(merchant: Client, store: Store, flash: SandboxServer) -> None:
    key = "fk_00000000_" + "x" * 64
    page = merchant.post(f"/stores/{store.pk}/wallet", {"connection_string": key})
    assert page.status_code == 422
    assert key not in page.content.decode()


def test_the_health_page_answers_with_and_without_a_wallet(
    merchant: Client, store: Store, flash: SandboxServer
) -> None:
    address = f"/stores/{store.pk}/wallet/health"
    assert "No wallet is connected" in merchant.get(address).content.decode()
    merchant.post(f"/stores/{store.pk}/wallet", {"connection_string": flash.account()["api_key"]})
    text = merchant.get(address).content.decode()
    for told in ("Not listening", "What Flash allows", "Payment codes of this account", "No worker is running"):
        assert told in text


def test_pages_that_need_no_credential_open_where_it_cannot_be_decrypted(
    merchant: Client, connected_store: Store, settings: Any
) -> None:
    settings.FIELD_ENCRYPTION_KEYS = ["b3RoZXIta2V5LW90aGVyLWtleS1vdGhlci1rZXktb3Q="]
    for page in (
        "",
        "/invoices",
        "/invoices/new",
        "/addresses",
        "/pull-payments",
        "/vouchers",
        "/recipients",
        "/wallet",
    ):
        assert merchant.get(f"/stores/{connected_store.pk}{page}").status_code == 200, page


def test_check_now_asks_flash_at_once(merchant: Client, connected_store: Store, flash: SandboxServer) -> None:
    connection = WalletConnection.objects.get()
    flash.api("POST", f"/api/accounts/{connection.username}/fund", {"cents": 1})
    answer = merchant.post(f"/stores/{connected_store.pk}/wallet/check")
    assert answer["Location"].endswith("/wallet/health")
    connection.refresh_from_db()
    assert connection.balance_cents == 500_001


def test_a_cashier_and_a_stranger_see_none_of_it(
    client: Client, connected_store: Store, bob: Any, charlie: Any
) -> None:
    for person, status in ((bob, 403), (charlie, 404)):
        client.force_login(person)
        for page in ("wallet", "wallet/health"):
            assert client.get(f"/stores/{connected_store.pk}/{page}").status_code == status
        assert step(client, connected_store, "account", "fk_1").status_code == status
        assert client.post(f"/stores/{connected_store.pk}/wallet/check").status_code == status
