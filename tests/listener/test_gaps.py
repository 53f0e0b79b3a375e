"""Connections that break, fall silent or lose their token: what was paid meanwhile is credited, and people are told."""

from __future__ import annotations

import pytest
from django.db import connection as database

from flashpay import live
from flashpay.stores.health import store_health
from flashpay.stores.models import Store, WalletConnection
from flashpay.stores.services import wallet_disconnect
from tests import cast
from tests.listener.conftest import code_make, healthy, payment_of, sockets_now, until, wallet_by_token, watched_now
from tests.programs import Program
from tests.sandbox_server import SandboxServer

pytestmark = pytest.mark.django_db(transaction=True)


def test_what_was_paid_while_the_connection_was_cut_is_credited(
    connected_store: Store, listener: Program, flash: SandboxServer
) -> None:
    codes = [code_make(connected_store) for _ in range(3)]
    until(lambda: watched_now() == 3)
    flash.switch(socket_refused=True)
    flash.api("POST", "/api/sockets/cut")
    for code in codes:
        flash.phone_pay(code.bolt11)
    until(lambda: any(health.state == "waiting" and health.last_error for health in sockets_now().values()))
    flash.switch(socket_refused=False)
    for code in codes:
        payment_of(code)
    until(lambda: any(health.reconnects >= 1 for health in sockets_now().values()))


def test_after_a_reconnection_codes_are_watched_again(
    connected_store: Store, listener: Program, flash: SandboxServer
) -> None:
    code = code_make(connected_store)
    until(lambda: watched_now() == 1)
    flash.api("POST", "/api/sockets/cut")
    until(lambda: any(health.reconnects == 1 and health.state == "healthy" for health in sockets_now().values()))
    flash.phone_pay(code.bolt11)
    assert payment_of(code).evidence in ("push", "poll")


def test_a_token_that_flash_takes_back_shows_in_the_health_and_loses_no_payment(
    store: Store, listener: Program, flash: SandboxServer
) -> None:
    _, account = wallet_by_token(store, flash)
    until(lambda: healthy("token"))
    code = code_make(store)
    flash.api("PUT", f"/api/accounts/{account['username']}", {"renew": True})
    flash.api("POST", "/api/sockets/cut")
    until(lambda: any(health.state == "refused" for health in sockets_now().values()))
    health = store_health(store=store)
    assert health is not None
    assert [trouble.bad for trouble in health.troubles if "token" in trouble.sentence] == [True]
    flash.phone_pay(code.bolt11)
    payment_of(code)


@pytest.mark.slow
def test_wallets_that_come_change_and_go_are_noticed(store: Store, listener: Program, flash: SandboxServer) -> None:
    assert sockets_now() == {}
    cast.wallet_give(store, flash)
    until(lambda: healthy("anonymous"))
    first = code_make(store)
    wallet_by_token(store, flash)
    until(lambda: healthy("token"))
    second = code_make(store)
    flash.phone_pay(second.bolt11)
    payment_of(second)
    # The code of the wallet that was replaced is still watched.
    flash.phone_pay(first.bolt11)
    payment_of(first)
    assert WalletConnection.objects.filter(is_active=True).count() == 1
    wallet_disconnect(store=store, actor="alice")
    until(lambda: sockets_now() == {})


def test_it_outlives_redis_connections_that_break(
    connected_store: Store, listener: Program, flash: SandboxServer
) -> None:
    until(lambda: healthy("anonymous"))
    redis = live.connection()
    for kind in ("pubsub", "normal"):
        redis.execute_command("CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes")
    code = code_make(connected_store)
    flash.phone_pay(code.bolt11)
    payment_of(code)
    assert listener.process.poll() is None


@pytest.mark.postgres
def test_it_outlives_database_connections_that_break(
    connected_store: Store, listener: Program, flash: SandboxServer
) -> None:
    until(lambda: healthy("anonymous"))
    with database.cursor() as cursor:
        cursor.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        assert cursor.fetchone()[0] > 0
    code = code_make(connected_store)
    flash.phone_pay(code.bolt11)
    payment_of(code)
    assert listener.process.poll() is None
