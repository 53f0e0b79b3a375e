from __future__ import annotations

from typing import Any

import pytest

from flashpay.stores.models import Store, WalletConnection
from tests.api.conftest import Script
from tests.sandbox_server import SandboxServer

LN = "payment-methods/BTC-LN"


@pytest.mark.parametrize("bare", [True, False])
def test_it_connects_a_wallet_and_never_shows_its_secret(
    api: Script, store: Store, account: dict[str, Any], connection_string: str, bare: bool
) -> None:
    config = connection_string if bare else {"connectionString": connection_string}
    answer = api.ask("PUT", f"/stores/{store.pk}/{LN}", {"enabled": True, "config": config})
    assert answer.status_code == 200
    shown = answer.json()
    assert (shown["enabled"], shown["paymentMethodId"]) == (True, "BTC-LN")
    assert shown["config"]["username"] == account["username"]
    read = api.ask("GET", f"/stores/{store.pk}/{LN}?includeConfig=true")
    assert read.json() == shown
    assert account["api_key"] not in (answer.content + read.content).decode()
    connection = WalletConnection.objects.get()
    assert (connection.secret, connection.is_active, connection.can_send) == (account["api_key"], True, True)


def test_it_shows_the_configuration_only_where_it_is_asked_for(api: Script, paying_store: Store) -> None:
    assert api.get(f"/stores/{paying_store.pk}/{LN}")["config"] is None
    (listed,) = api.get(f"/stores/{paying_store.pk}/payment-methods")
    assert (listed["enabled"], listed["config"]) == (True, None)


def test_it_keeps_the_old_wallet_on_record_when_another_one_is_connected(
    api: Script, paying_store: Store, sandbox: SandboxServer
) -> None:
    other = sandbox.account()
    api.put(f"/stores/{paying_store.pk}/{LN}", {"config": f"type=flash;token={other['session_token']}"})
    assert sorted(WalletConnection.objects.values_list("is_active", "kind")) == [
        (False, "api_key"),
        (True, "session_token"),
    ]


UNUSABLE: list[tuple[dict[str, Any], str]] = [
    ({"config": "type=lnd-rest;server=https://x"}, "config.connectionString"),
    ({"config": {"connectionString": ""}}, "config.connectionString"),
    ({"config": {"macaroon": "x"}}, "config.connectionString"),
    ({"config": 5}, "config"),
    ({"enabled": True}, "config"),
    ({"enabled": False}, "enabled"),
]


@pytest.mark.parametrize(("body", "path"), UNUSABLE)
def test_it_refuses_what_is_no_connection(api: Script, store: Store, body: Any, path: str) -> None:
    refused = api.put(f"/stores/{store.pk}/{LN}", body, 422)
    assert path in [field["path"] for field in refused]
    assert not WalletConnection.objects.exists()


def test_it_refuses_a_credential_that_flash_refuses_and_keeps_the_wallet_it_had(
    api: Script, paying_store: Store, account: dict[str, Any]
) -> None:
    wrong = account["api_key"][:-4] + "AAAA"
    refused = api.ask("PUT", f"/stores/{paying_store.pk}/{LN}", {"config": f"type=flash;token={wrong}"})
    assert refused.status_code == 422
    assert wrong not in refused.content.decode()
    assert WalletConnection.objects.get().secret == account["api_key"]


def test_it_says_that_flash_is_away_and_keeps_the_wallet_it_had(
    api: Script, paying_store: Store, account: dict[str, Any]
) -> None:
    nowhere = f"type=flash;server=http://127.0.0.1:9/graphql;token={account['api_key']}"
    refused = api.put(f"/stores/{paying_store.pk}/{LN}", {"config": nowhere}, 503)
    assert refused["code"] == "wallet-unreachable"
    assert WalletConnection.objects.get().is_active


def test_it_disconnects(api: Script, paying_store: Store) -> None:
    api.delete(f"/stores/{paying_store.pk}/{LN}")
    assert api.get(f"/stores/{paying_store.pk}/payment-methods") == []
    assert api.get(f"/stores/{paying_store.pk}/{LN}", 404)["code"] == "paymentmethod-not-found"
    assert WalletConnection.objects.get().is_active is False


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_it_knows_lightning_only(api: Script, paying_store: Store, method: str) -> None:
    assert api.ask(method, f"/stores/{paying_store.pk}/payment-methods/BTC-CHAIN", {}).status_code == 404
    assert WalletConnection.objects.get().is_active


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_it_knows_no_store_of_somebody_else(stranger: Script, paying_store: Store, method: str) -> None:
    answer = stranger.ask(method, f"/stores/{paying_store.pk}/{LN}", {})
    assert (answer.status_code, answer.json()["code"]) == (404, "store-not-found")
    assert WalletConnection.objects.get().is_active


def test_it_lets_a_guest_connect_nothing(guest: Script, store: Store) -> None:
    guest.put(f"/stores/{store.pk}/{LN}", {"config": "type=flash;token=fk_00000000_" + "a" * 20}, 403)
    assert not WalletConnection.objects.exists()
