"""The regular look at connected wallets: what is stored, what becomes an event, what is left alone."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from flashpay import crypto, flash
from flashpay.stores import clock
from flashpay.stores.checking import (
    CHECKS_PER_RUN,
    WALLET_GONE,
    WALLET_MOVED,
    _trouble,
    clock_check,
    wallet_check,
    wallets_due,
)
from flashpay.stores.models import Event, Store, WalletConnection
from flashpay.stores.services import store_archive, wallet_connect, wallet_disconnect
from flashpay.stores.wallets import endpoint_at
from tests import cast
from tests.sandbox_server import SandboxServer

pytestmark = pytest.mark.django_db


def connection_of(store: Store) -> WalletConnection:
    return WalletConnection.objects.get(store=store, is_active=True)


def events_of(connection: WalletConnection) -> list[str]:
    found = Event.objects.filter(entity="walletconnection", entity_id=connection.pk)
    return list(found.order_by("id").values_list("type", flat=True))


def test_it_stores_the_balance_and_the_time(connected_store: Store, sandbox: SandboxServer) -> None:
    connection = connection_of(connected_store)
    sandbox.api("POST", f"/api/accounts/{connection.username}/fund", {"cents": 12_345})
    now = timezone.now() + timedelta(minutes=1)
    wallet_check(connection_id=connection.pk, now=now)
    connection.refresh_from_db()
    assert (connection.balance_cents, connection.checked_at, connection.last_error) == (512_345, now, "")
    assert events_of(connection) == ["WalletConnected"]


def test_a_key_that_flash_refuses_is_told_once_and_its_return_too(
    connected_store: Store, sandbox: SandboxServer
) -> None:
    connection = connection_of(connected_store)
    sandbox.switch(http_status=401)
    for _ in range(2):
        wallet_check(connection_id=connection.pk)
    connection.refresh_from_db()
    assert connection.last_error
    assert connection.balance_cents == 500_000
    sandbox.switch(http_status=0)
    wallet_check(connection_id=connection.pk)
    connection.refresh_from_db()
    assert connection.last_error == ""
    assert events_of(connection) == ["WalletConnected", "WalletTrouble", "WalletRecovered"]


def test_flash_away_is_told_and_nothing_else_changes(connected_store: Store, sandbox: SandboxServer) -> None:
    connection = connection_of(connected_store)
    sandbox.switch(http_status=502)
    wallet_check(connection_id=connection.pk)
    connection.refresh_from_db()
    assert connection.last_error
    assert (connection.is_active, connection.balance_cents) == (True, 500_000)


def test_being_told_to_wait_says_nothing_about_the_wallet(connected_store: Store, sandbox: SandboxServer) -> None:
    connection = connection_of(connected_store)
    before = connection.checked_at
    sandbox.switch(limit_key_per_minute=1)
    for _ in range(4):
        wallet_check(connection_id=connection.pk, now=before)
    connection.refresh_from_db()
    assert (connection.last_error, connection.checked_at) == ("", before)


def test_a_wallet_that_moved_to_usdt_is_to_be_connected_again(store: Store, sandbox: SandboxServer) -> None:
    account = sandbox.account(balance_cents=1_000)
    wallet_connect(store=store, connection_string=account["api_key"], actor="alice")
    connection = connection_of(store)
    WalletConnection.objects.filter(pk=connection.pk).update(wallet_id=account["wallets"]["USD"], wallet_currency="USD")
    wallet_check(connection_id=connection.pk)
    connection.refresh_from_db()
    assert connection.last_error == WALLET_GONE


def test_the_same_holds_while_both_wallets_are_there() -> None:
    usd, usdt = (flash.Wallet(currency.lower(), currency, None) for currency in ("USD", "USDT"))
    account = flash.Account("alice", "USD", "usd", (usd, usdt))
    connection = WalletConnection(wallet_id="usd", wallet_currency="USD")
    assert _trouble(connection, account, usd) == WALLET_MOVED
    assert _trouble(connection, account, usdt) == ""


def test_a_credential_that_cannot_be_decrypted_is_told(connected_store: Store, settings: object) -> None:
    connection = connection_of(connected_store)
    settings.FIELD_ENCRYPTION_KEYS = [  # type: ignore[attr-defined]
        "b3RoZXIta2V5LW90aGVyLWtleS1vdGhlci1rZXktb3Q="
    ]
    wallet_check(connection_id=connection.pk)
    stored = WalletConnection.objects.defer("secret").get(pk=connection.pk)
    assert stored.last_error == str(crypto.CannotDecrypt())


def test_a_wallet_out_of_use_is_not_asked_about(connected_store: Store, sandbox: SandboxServer) -> None:
    connection = connection_of(connected_store)
    wallet_disconnect(store=connected_store, actor="alice")
    asked = sandbox.api("GET", "/api/log")["calls"]
    wallet_check(connection_id=connection.pk)
    assert sandbox.api("GET", "/api/log")["calls"] == asked
    assert wallets_due() == []


def test_those_that_waited_longest_come_first_and_only_so_many(alice: object, sandbox: SandboxServer) -> None:
    now = timezone.now()
    for number in range(CHECKS_PER_RUN + 2):
        store = cast.store_make(alice, name=f"Shop {number}")  # type: ignore[arg-type]
        WalletConnection.objects.create(
            store=store,
            kind="username",
            username="somebody",
            fingerprint=f"{number}",
            wallet_id=f"{number}",
            wallet_currency="USD",
            minimum_sat=1,
            checked_at=now - timedelta(minutes=number) if number else None,
        )
    archived = Store.objects.get(name="Shop 11")
    store_archive(store=archived, archived=True, actor="alice")
    due = wallets_due()
    assert len(due) == CHECKS_PER_RUN
    names = [WalletConnection.objects.get(pk=pk).store.name for pk in due]
    assert names[:2] == ["Shop 0", "Shop 10"]
    assert "Shop 11" not in names


def test_the_clock_is_compared_and_remembered(connected_store: Store, sandbox: SandboxServer) -> None:
    clock_check(connection_id=connection_of(connected_store).pk)
    reading = clock.clock_last(endpoint_at(None))
    assert reading is not None
    assert reading.is_right


def test_a_clock_that_is_wrong_says_how_much() -> None:
    ahead, behind = (clock.ClockReading(seconds, timezone.now()) for seconds in (42.3, -61.0))
    assert (ahead.is_right, ahead.words) == (False, "42 s ahead of Flash's")
    assert behind.words == "61 s behind Flash's"
