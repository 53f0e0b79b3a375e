"""Mutations of web and worker processes over the listener's connection: real Redis, real sockets, world (a)."""

from __future__ import annotations

import asyncio
import json
import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest
from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from flashpay.flash import ApiKey, Budgets, Endpoint, Flash, NotSent, Outcome, SessionToken
from flashpay.flash.operations import ACCOUNT, INVOICE_CREATE
from flashpay.flash.relay import QUEUE, RelayCarrier, RelayServer
from flashpay.flash.socket import socket_key
from flashpay.flash.socket_pool import SocketPool
from flashpay.flash.troubles import CarrierTrouble, Failure
from tests.sandbox_server import SandboxServer


class Listener:
    """What the listener process does for the relay, in a thread with a loop of its own; `stop` is a clean end."""

    def __init__(self, endpoint: Endpoint, token: SessionToken) -> None:
        self._endpoint, self._token = endpoint, token
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._main(),))
        self._ended = asyncio.Event()

    async def _main(self) -> None:
        redis = AsyncRedis.from_url(os.environ["REDIS_URL"])
        pool = SocketPool()
        pool.socket_for(self._endpoint, self._token)
        serving = asyncio.create_task(RelayServer(redis, pool).run())
        await self._ended.wait()
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        await pool.close()
        await redis.aclose()

    def start(self) -> Listener:
        self._thread.start()
        return self

    def stop(self) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._ended.set)
            self._thread.join(20)
            self._loop.close()


@pytest.fixture
def shop(sandbox: SandboxServer) -> dict[str, Any]:
    sandbox.switch(world="a")
    return sandbox.account(balance_cents=100_000)


@pytest.fixture
def token(shop: dict[str, Any]) -> SessionToken:
    return SessionToken(shop["session_token"])


@pytest.fixture
def listener(flash_endpoint: Endpoint, token: SessionToken, redis_client: Redis) -> Iterator[Listener]:
    running = Listener(flash_endpoint, token).start()
    give_up_at = time.monotonic() + 10
    while not redis_client.exists(f"flash:relay:alive:{socket_key(flash_endpoint, token)}"):
        assert time.monotonic() < give_up_at
        threading.Event().wait(0.02)
    yield running
    running.stop()


@pytest.fixture
def flash(flash_endpoint: Endpoint, token: SessionToken, redis_client: Redis) -> Flash:
    return Flash(flash_endpoint, token, socket=RelayCarrier(redis_client, flash_endpoint, token))


def _sockets(sandbox: SandboxServer) -> int:
    return int(sandbox.api("GET", "/api/log")["sockets"])


def test_invoices_of_many_threads_go_over_one_connection(
    sandbox: SandboxServer, shop: dict[str, Any], flash: Flash, listener: Listener
) -> None:
    wallet = shop["wallets"]["USDT"]
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda n: flash.invoice_create(wallet_id=wallet, amount_cents=Decimal(n)), range(1, 25)))
    assert len({invoice.payment_hash for invoice in made}) == 24
    assert _sockets(sandbox) == 1
    assert flash.transport_facts is not None
    assert flash.transport_facts.mutations_over == "socket"


def test_a_payment_over_the_relay_is_paid_once_and_balances_arrive_as_decimals(
    sandbox: SandboxServer, shop: dict[str, Any], flash: Flash, listener: Listener
) -> None:
    wanted = sandbox.phone_invoice(2000)
    reply = flash.invoice_send(wallet_id=shop["wallets"]["USDT"], bolt11=wanted["bolt11"], idempotency_key="k")
    assert reply.outcome is Outcome.SUCCEEDED
    assert len(sandbox.payments(wanted["payment_hash"])) == 1
    wallet = flash.account().cash_wallet
    assert wallet is not None
    assert Decimal(90_000) < (wallet.balance_cents or 0) < Decimal(100_000)


def test_without_a_listener_nothing_is_sent_and_nothing_waits(
    sandbox: SandboxServer, shop: dict[str, Any], flash_endpoint: Endpoint, token: SessionToken, redis_client: Redis
) -> None:
    with pytest.raises(CarrierTrouble) as caught:
        RelayCarrier(redis_client, flash_endpoint, token).execute(ACCOUNT, {})
    assert caught.value.trouble.failure is Failure.NOT_TAKEN
    assert redis_client.llen(QUEUE) == 0


def test_a_redis_client_that_reads_text_will_do_as_well(
    shop: dict[str, Any], flash_endpoint: Endpoint, token: SessionToken, listener: Listener
) -> None:
    client = Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)
    flash = Flash(flash_endpoint, token, carrier=RelayCarrier(client, flash_endpoint, token), budgets=Budgets(client))
    assert flash.account().username == shop["username"]
    client.close()


def test_without_a_listener_a_payment_in_world_a_is_not_sent(shop: dict[str, Any], flash: Flash) -> None:
    reply = flash.invoice_send(wallet_id=shop["wallets"]["USDT"], bolt11="lnbcrt1x", idempotency_key="k")
    assert reply.outcome is Outcome.NOT_SENT


def test_a_request_that_nobody_took_is_dead_even_when_a_listener_comes_later(
    sandbox: SandboxServer,
    shop: dict[str, Any],
    flash_endpoint: Endpoint,
    token: SessionToken,
    redis_client: Redis,
) -> None:
    # The mark of a listener that has just died: it is believed to be there, and takes nothing.
    redis_client.set(f"flash:relay:alive:{socket_key(flash_endpoint, token)}", 1, px=5000)
    flash = Flash(flash_endpoint, token, carrier=RelayCarrier(redis_client, flash_endpoint, token))
    with pytest.raises(NotSent):
        flash.invoice_create(wallet_id=shop["wallets"]["USDT"], amount_cents=Decimal(5))
    assert redis_client.llen(QUEUE) == 1
    late = Listener(flash_endpoint, token).start()
    try:
        give_up_at = time.monotonic() + 10
        while redis_client.llen(QUEUE):
            assert time.monotonic() < give_up_at
            threading.Event().wait(0.02)
        assert flash.account().username == shop["username"]
    finally:
        late.stop()
    assert not _called(sandbox, "lnUsdInvoiceCreate", shop)


def test_a_request_that_redis_holds_twice_is_executed_once(
    sandbox: SandboxServer,
    shop: dict[str, Any],
    flash_endpoint: Endpoint,
    token: SessionToken,
    redis_client: Redis,
    listener: Listener,
) -> None:
    seconds, microseconds = redis_client.time()  # type: ignore[misc]
    fields = {"walletId": shop["wallets"]["USDT"], "amount": 5, "expiresIn": 1}
    request = {
        "number": "twice",
        "socket": socket_key(flash_endpoint, token),
        "operation": INVOICE_CREATE.name,
        "variables": {"input": fields},
        "take_before_ms": seconds * 1000 + microseconds // 1000 + 3000,
        "answer_within_s": 5,
    }
    redis_client.rpush(QUEUE, json.dumps(request), json.dumps(request))
    redis_client.rpush(QUEUE, "no request at all", json.dumps({**request, "number": "late", "take_before_ms": 1}))
    assert redis_client.blpop(["flash:relay:reply:twice"], timeout=5)
    assert RelayCarrier(redis_client, flash_endpoint, token).execute(ACCOUNT, {}).field("me")
    assert _called(sandbox, "lnUsdInvoiceCreate", shop) == 1


def test_a_reply_that_never_comes_leaves_a_payment_in_doubt(
    sandbox: SandboxServer, shop: dict[str, Any], flash_endpoint: Endpoint, token: SessionToken, redis_client: Redis
) -> None:
    key = socket_key(flash_endpoint, token)
    redis_client.set(f"flash:relay:alive:{key}", 1, px=30_000)
    carrier = RelayCarrier(redis_client, flash_endpoint, token)

    def dying_listener() -> None:
        """Takes the request as a listener does, and dies before it answers."""
        client = Redis.from_url(os.environ["REDIS_URL"])
        _, request = client.blpop([QUEUE], timeout=5)  # type: ignore[misc]
        client.set(f"flash:relay:taken:{json.loads(request)['number']}", "taken", nx=True)
        client.close()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(dying_listener)
        with pytest.raises(CarrierTrouble) as caught:
            carrier.execute(ACCOUNT, {}, timeout_s=0.1)
    assert caught.value.trouble.failure is Failure.REPLY_LOST


def test_a_stopping_listener_still_answers_what_it_took(
    sandbox: SandboxServer, shop: dict[str, Any], flash: Flash, listener: Listener
) -> None:
    sandbox.switch(send_takes_s=1.0)
    wanted = sandbox.phone_invoice(2000)
    with ThreadPoolExecutor(1) as pool:
        sending = pool.submit(
            flash.invoice_send, wallet_id=shop["wallets"]["USDT"], bolt11=wanted["bolt11"], idempotency_key="k"
        )
        give_up_at = time.monotonic() + 5
        while not _called(sandbox, "lnInvoicePaymentSend", shop):
            assert time.monotonic() < give_up_at
        listener.stop()
        assert sending.result().outcome is Outcome.SUCCEEDED


def test_in_world_b_the_way_over_the_relay_leads_to_http(
    sandbox: SandboxServer, shop: dict[str, Any], flash: Flash, listener: Listener
) -> None:
    sandbox.switch(world="b")
    wanted = sandbox.phone_invoice(2000)
    reply = flash.invoice_send(wallet_id=shop["wallets"]["USDT"], bolt11=wanted["bolt11"], idempotency_key="k")
    assert reply.outcome is Outcome.SUCCEEDED
    assert len(sandbox.payments(wanted["payment_hash"])) == 1
    assert flash.transport_facts is not None
    assert flash.transport_facts.mutations_over == "http"


def test_an_api_key_never_takes_the_way_over_the_socket(
    sandbox: SandboxServer, shop: dict[str, Any], flash_endpoint: Endpoint, token: SessionToken, redis_client: Redis
) -> None:
    keyed = Flash(flash_endpoint, ApiKey(shop["api_key"]), socket=RelayCarrier(redis_client, flash_endpoint, token))
    assert keyed.account().username == shop["username"]
    assert keyed.transport_facts is None


def _called(sandbox: SandboxServer, operation: str, shop: dict[str, Any]) -> int:
    calls = sandbox.api("GET", "/api/log")["calls"]
    wallets = shop["wallets"].values()
    return sum(
        operation in call["operations"] and any(wallet in str(call["variables"]) for wallet in wallets)
        for call in calls
    )
