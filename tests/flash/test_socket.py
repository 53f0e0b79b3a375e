"""The live connection against a real sandbox over real sockets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from decimal import Decimal
from typing import Any

import pytest

from flashpay.flash import ApiKey, Credential, Endpoint, Flash, InvoiceStatus, NewInvoice, SessionToken
from flashpay.flash.backoff import Backoff, Gate
from flashpay.flash.operations import ACCOUNT
from flashpay.flash.socket import FlashSocket
from flashpay.flash.socket_events import CheckOverHttp, Event, InvoiceUpdate, Reconnected, SocketHealth, SocketState
from flashpay.flash.socket_pool import MAX_TOKEN_SOCKETS, SocketPool
from flashpay.flash.troubles import CarrierTrouble, Failure
from tests.flash.conftest import SESSION_TOKEN
from tests.sandbox_server import SandboxServer

PATIENCE_S = 30.0


class Live:
    """A socket that runs, with what it told; `until` waits for something to have been told."""

    def __init__(self, endpoint: Endpoint, credential: Credential, **options: Any) -> None:
        self.events: list[Event] = []
        self._told = asyncio.Event()
        options.setdefault("gate", Gate(per_minute=1000))
        options.setdefault("backoff", Backoff(draw=lambda: 0.0))
        self.slept: list[float] = []
        self.socket = FlashSocket(endpoint, credential, sink=self._sink, sleep=self._sleep, **options)

    def _sink(self, event: Event) -> None:
        self.events.append(event)
        self._told.set()

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(seconds / 50)

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not holds():
                self._told.clear()
                # States change without an event, so this looks again from time to time as well.
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._told.wait(), 0.02)

    def of(self, kind: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    def is_in(self, state: SocketState) -> Callable[[], bool]:
        return lambda: self.socket.health().state is state


@asynccontextmanager
async def live(endpoint: Endpoint, credential: Credential, **options: Any) -> AsyncIterator[Live]:
    running = Live(endpoint, credential, **options)
    task = asyncio.create_task(running.socket.run())
    try:
        yield running
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert running.socket.health().state is SocketState.STOPPED


@pytest.fixture
def shop(sandbox: SandboxServer) -> dict[str, Any]:
    return sandbox.account()


def _invoice(endpoint: Endpoint, shop: dict[str, Any], cents: int = 100) -> NewInvoice:
    return Flash(endpoint, ApiKey(shop["api_key"])).invoice_create(
        wallet_id=shop["wallets"]["USDT"], amount_cents=Decimal(cents)
    )


def _credential(kind: str, shop: dict[str, Any]) -> Credential:
    return SessionToken(shop["session_token"]) if kind == "session token" else ApiKey(shop["api_key"])


@pytest.mark.parametrize("kind", ["session token", "API key"])
@pytest.mark.parametrize("world", ["a", "b"])
def test_a_payment_is_pushed_within_a_second(
    sandbox: SandboxServer, flash_endpoint: Endpoint, shop: dict[str, Any], kind: str, world: str
) -> None:
    sandbox.switch(world=world)
    sandbox.switch(push_twice=True)
    invoice = _invoice(flash_endpoint, shop)

    async def story() -> None:
        async with live(flash_endpoint, _credential(kind, shop)) as running:
            running.socket.watch(invoice.bolt11, invoice.payment_hash)
            await running.until(running.is_in(SocketState.HEALTHY))
            await running.until(lambda: running.socket.health().subscribed == (kind == "API key"))
            await asyncio.to_thread(sandbox.phone_pay, invoice.bolt11)
            async with asyncio.timeout(1):
                await running.until(lambda: bool(running.of(InvoiceUpdate)))
            await asyncio.sleep(0.1)  # room for the second push of the same news
            (update,) = running.of(InvoiceUpdate)
            assert (update.bolt11, update.payment_hash) == (invoice.bolt11, invoice.payment_hash)
            assert update.status is InvoiceStatus.PAID
            health = running.socket.health()
            assert (health.watched, health.last_error) == (0, None)
            assert health.last_event_at is not None
            assert SocketHealth.from_dict(json.loads(json.dumps(health.to_dict()))) == health

    asyncio.run(story())


def test_an_acknowledged_but_unknown_token_is_called_refused_and_invoices_are_still_watched(
    sandbox: SandboxServer, flash_endpoint: Endpoint, shop: dict[str, Any]
) -> None:
    invoice = _invoice(flash_endpoint, shop)

    async def story() -> None:
        async with live(flash_endpoint, SessionToken(SESSION_TOKEN)) as running:
            running.socket.watch(invoice.bolt11, invoice.payment_hash)
            await running.until(running.is_in(SocketState.REFUSED))
            assert "connect the wallet again" in (running.socket.health().last_error or "")
            await running.until(lambda: running.socket.health().subscribed == 1)
            await asyncio.to_thread(sandbox.phone_pay, invoice.bolt11)
            await running.until(lambda: bool(running.of(InvoiceUpdate)))

    asyncio.run(story())


def test_a_payment_of_an_invoice_that_nobody_watches_yet_is_told_by_its_hash(
    sandbox: SandboxServer, flash_endpoint: Endpoint, shop: dict[str, Any]
) -> None:
    invoice = _invoice(flash_endpoint, shop)

    async def story() -> None:
        async with live(flash_endpoint, SessionToken(shop["session_token"])) as running:
            await running.until(running.is_in(SocketState.HEALTHY))
            await asyncio.to_thread(sandbox.phone_pay, invoice.bolt11)
            await running.until(lambda: bool(running.of(InvoiceUpdate)))
            (update,) = running.of(InvoiceUpdate)
            assert (update.bolt11, update.payment_hash) == (None, invoice.payment_hash)

    asyncio.run(story())


def test_expired_alone_asks_for_one_check_and_expired_after_paid_says_nothing(
    sandbox: SandboxServer, flash_endpoint: Endpoint, shop: dict[str, Any]
) -> None:
    sandbox.switch(invoice_life_s=4)
    paid, unpaid = _invoice(flash_endpoint, shop), _invoice(flash_endpoint, shop, 200)

    async def story() -> None:
        async with live(flash_endpoint, ApiKey(shop["api_key"])) as running:
            for invoice in (paid, unpaid):
                running.socket.watch(invoice.bolt11, invoice.payment_hash)
            await running.until(lambda: running.socket.health().subscribed == 2)
            await asyncio.to_thread(sandbox.phone_pay, paid.bolt11)
            await running.until(lambda: bool(running.of(CheckOverHttp)))
            await asyncio.sleep(0.2)  # room for the EXPIRED of the paid one
            assert [event.payment_hash for event in running.of(CheckOverHttp)] == [unpaid.payment_hash]
            assert [event.payment_hash for event in running.of(InvoiceUpdate)] == [paid.payment_hash]
            assert running.socket.health().watched == 0

    asyncio.run(story())


def test_an_invoice_watched_after_connecting_is_subscribed_and_an_unwatched_one_is_not(
    sandbox: SandboxServer, flash_endpoint: Endpoint, shop: dict[str, Any]
) -> None:
    first, second = _invoice(flash_endpoint, shop), _invoice(flash_endpoint, shop, 200)

    async def story() -> None:
        async with live(flash_endpoint, ApiKey(shop["api_key"])) as running:
            await running.until(running.is_in(SocketState.HEALTHY))
            running.socket.watch(first.bolt11, first.payment_hash)
            running.socket.watch(second.bolt11, second.payment_hash)
            await running.until(lambda: running.socket.health().subscribed == 2)
            running.socket.unwatch(first.payment_hash)
            await running.until(lambda: running.socket.health().subscribed == 1)
            for invoice in (first, second):
                await asyncio.to_thread(sandbox.phone_pay, invoice.bolt11)
            await running.until(lambda: bool(running.of(InvoiceUpdate)))
            assert [event.payment_hash for event in running.of(InvoiceUpdate)] == [second.payment_hash]

    asyncio.run(story())


def test_after_a_cut_it_subscribes_again_and_says_so(
    sandbox: SandboxServer, flash_endpoint: Endpoint, shop: dict[str, Any]
) -> None:
    invoice = _invoice(flash_endpoint, shop)

    async def story() -> None:
        async with live(flash_endpoint, ApiKey(shop["api_key"])) as running:
            running.socket.watch(invoice.bolt11, invoice.payment_hash)
            await running.until(lambda: running.socket.health().subscribed == 1)
            await asyncio.to_thread(sandbox.api, "POST", "/api/sockets/cut")
            await running.until(lambda: len(running.of(Reconnected)) == 2)
            first, second = running.of(Reconnected)
            assert (first.first, first.gap_s) == (True, 0.0)
            assert second.first is False
            assert second.gap_s > 0
            assert running.socket.health().reconnects == 1
            assert "broke" in (running.socket.health().last_error or "")
            await asyncio.to_thread(sandbox.phone_pay, invoice.bolt11)
            await running.until(lambda: bool(running.of(InvoiceUpdate)))

    asyncio.run(story())


def test_it_never_gives_up_and_waits_longer_each_time(sandbox: SandboxServer, flash_endpoint: Endpoint) -> None:
    sandbox.switch(socket_refused=True)

    async def story() -> None:
        async with live(flash_endpoint, SessionToken(SESSION_TOKEN), backoff=Backoff(draw=lambda: 1.0)) as running:
            await running.until(lambda: len(running.slept) >= 4)
            assert running.slept[:4] == [2, 4, 8, 16]
            assert "no more live connections" in (running.socket.health().last_error or "")
            assert running.events == []
            await asyncio.to_thread(sandbox.switch, socket_refused=False)
            await running.until(lambda: bool(running.of(Reconnected)))

    asyncio.run(story())


def test_a_silent_connection_is_noticed_and_replaced(
    sandbox: SandboxServer, flash_endpoint: Endpoint, shop: dict[str, Any]
) -> None:
    async def story() -> None:
        async with live(flash_endpoint, SessionToken(shop["session_token"]), ping_every_s=0.5) as running:
            await running.until(running.is_in(SocketState.HEALTHY))
            await asyncio.to_thread(sandbox.switch, socket_silent=True)
            await running.until(lambda: bool(running.slept))
            assert "silent" in (running.socket.health().last_error or "")
            await asyncio.to_thread(sandbox.switch, socket_silent=False)
            await running.until(lambda: len(running.of(Reconnected)) == 2)

    asyncio.run(story())


def test_a_token_refused_at_the_door_is_a_sentence_about_the_token(
    sandbox: SandboxServer, flash_endpoint: Endpoint
) -> None:
    sandbox.switch(bad_token="refused")

    async def story() -> None:
        async with live(flash_endpoint, SessionToken(SESSION_TOKEN)) as running:
            await running.until(lambda: bool(running.slept))
            assert "does not accept this session token" in (running.socket.health().last_error or "")

    asyncio.run(story())


def test_a_request_on_a_connection_that_is_down_was_not_sent(sandbox: SandboxServer, flash_endpoint: Endpoint) -> None:
    sandbox.switch(socket_refused=True)

    async def story() -> None:
        async with live(flash_endpoint, SessionToken(SESSION_TOKEN)) as running:
            with pytest.raises(CarrierTrouble) as caught:
                await running.socket.execute(ACCOUNT, {})
            assert caught.value.trouble.failure is Failure.NOT_OPEN

    asyncio.run(story())


def test_hundreds_of_questions_share_one_connection(
    sandbox: SandboxServer, flash_endpoint: Endpoint, shop: dict[str, Any]
) -> None:
    sandbox.switch(world="a")

    async def story() -> None:
        async with live(flash_endpoint, SessionToken(shop["session_token"])) as running:
            await running.until(running.is_in(SocketState.HEALTHY))
            answers = await asyncio.gather(*(running.socket.execute(ACCOUNT, {}) for _ in range(200)))
            assert {answer.field("me")["username"] for answer in answers} == {shop["username"]}  # type: ignore[index]
            assert len(running.of(Reconnected)) == 1

    asyncio.run(story())


def test_the_pool_has_one_socket_per_token_and_one_for_everybody_else(
    sandbox: SandboxServer, flash_endpoint: Endpoint, shop: dict[str, Any]
) -> None:
    async def story() -> None:
        pool = SocketPool()
        try:
            tokens = [SessionToken(f"ory_st_{number:032}") for number in range(MAX_TOKEN_SOCKETS)]
            own = [pool.socket_for(flash_endpoint, token) for token in tokens]
            assert len({socket.key for socket in own}) == MAX_TOKEN_SOCKETS
            assert pool.socket_for(flash_endpoint, tokens[0]) is own[0]
            anonymous = pool.socket_for(flash_endpoint, ApiKey(shop["api_key"]))
            assert pool.socket_for(flash_endpoint, ApiKey("fk_0a1b2c3d_" + "z" * 64)) is anonymous
            assert pool.socket_for(flash_endpoint, SessionToken(SESSION_TOKEN)) is anonymous, "no room for one more"
            assert all(token.token not in repr(pool.health()) for token in tokens)
        finally:
            await pool.close()

    asyncio.run(story())


def test_the_gate_admits_so_many_in_any_minute_and_no_more() -> None:
    class Clock:
        now = 0.0

        async def sleep(self, seconds: float) -> None:
            self.now += seconds

    clock = Clock()
    gate = Gate(per_minute=3, clock=lambda: clock.now, sleep=clock.sleep)

    async def story() -> list[float]:
        passed = []
        for _ in range(7):
            await gate.passed()
            passed.append(clock.now)
            clock.now += 1
        return passed

    assert asyncio.run(story()) == [0, 1, 2, 60, 61, 62, 120]


def test_delays_lie_between_one_second_and_two_minutes() -> None:
    for draw in (0.0, 0.5, 1.0):
        backoff = Backoff(draw=lambda draw=draw: draw)  # type: ignore[misc]
        delays = [backoff.next_s() for _ in range(20)]
        assert all(1 <= delay <= 120 for delay in delays)
        assert delays == sorted(delays)
        backoff.reset()
        assert backoff.next_s() == delays[0]


def test_a_storm_of_cuts_and_lost_pushes_leaves_no_payment_unseen(
    sandbox: SandboxServer, flash_endpoint: Endpoint, shop: dict[str, Any]
) -> None:
    """Pushes as news, one poll after each reconnect and one at the end: what the owner of a socket does."""
    sandbox.switch(lose_push_every=5)
    flash = Flash(flash_endpoint, ApiKey(shop["api_key"]))
    invoices = [_invoice(flash_endpoint, shop, cents) for cents in range(1, 41)]
    open_ones = {invoice.bolt11: invoice.payment_hash for invoice in invoices}
    pushed: list[str] = []
    polled: list[str] = []

    async def poll() -> None:
        if open_ones:
            for bolt11, status in (await asyncio.to_thread(flash.invoice_statuses, list(open_ones))).items():
                if status is InvoiceStatus.PAID and (payment_hash := open_ones.pop(bolt11, None)):
                    polled.append(payment_hash)

    async def story() -> None:
        async with live(flash_endpoint, SessionToken(shop["session_token"])) as running:
            for invoice in invoices:
                running.socket.watch(invoice.bolt11, invoice.payment_hash)
            seen = 0
            await running.until(running.is_in(SocketState.HEALTHY))
            for number, invoice in enumerate(invoices):
                if number % 13 == 12:
                    await asyncio.to_thread(sandbox.api, "POST", "/api/sockets/cut")
                await asyncio.to_thread(sandbox.phone_pay, invoice.bolt11)
                new, seen = running.events[seen:], len(running.events)
                for event in new:
                    if isinstance(event, InvoiceUpdate) and open_ones.pop(str(event.bolt11), None):
                        pushed.append(event.payment_hash)
                if any(isinstance(event, Reconnected) for event in new):
                    await poll()
            await running.until(lambda: running.is_in(SocketState.HEALTHY)() and len(running.of(Reconnected)) > 1)
            await poll()

    asyncio.run(story())
    assert open_ones == {}
    assert sorted(pushed + polled) == sorted(invoice.payment_hash for invoice in invoices)
    assert pushed
    assert polled
