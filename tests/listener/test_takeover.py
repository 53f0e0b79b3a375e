"""One listener is active, whatever number was started; when it is gone another one takes over."""

from __future__ import annotations

import asyncio

import pytest
import redis.asyncio
from django.conf import settings

from flashpay import heartbeat
from flashpay.invoices.listener import lease
from flashpay.invoices.listener.lease import Lease
from flashpay.stores.models import Store
from tests.listener.conftest import LISTENING, STANDING_BY, StartProgram, code_make, healthy, payment_of, until
from tests.programs import Program
from tests.sandbox_server import SandboxServer


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_stand_by_takes_over_when_the_active_one_is_killed(
    connected_store: Store, listener: Program, flash: SandboxServer, start_program: StartProgram
) -> None:
    stand_by = start_program("manage.py", "listen", ready=STANDING_BY)
    until(lambda: healthy("anonymous"))
    code = code_make(connected_store)
    listener.kill()
    flash.phone_pay(code.bolt11)
    stand_by.wait_for(LISTENING, timeout_s=15)
    payment_of(code)
    later = code_make(connected_store)
    flash.phone_pay(later.bolt11)
    payment_of(later)


@pytest.mark.django_db(transaction=True)
def test_one_that_is_told_to_stop_ends_well_and_leaves_its_place_at_once(
    connected_store: Store, listener: Program, start_program: StartProgram
) -> None:
    stand_by = start_program("manage.py", "listen", ready=STANDING_BY)
    until(lambda: healthy("anonymous"))
    assert heartbeat.ages()["listener"] is not None
    assert listener.stop(timeout_s=8) == 0
    assert "Traceback" not in listener.output
    stand_by.wait_for(LISTENING, timeout_s=lease.LEASE_S / 2)


@pytest.mark.django_db(transaction=True)
def test_one_that_loses_its_lease_stops_listening_at_once(
    connected_store: Store, listener: Program, flash: SandboxServer
) -> None:
    from flashpay import live

    until(lambda: flash.api("GET", "/api/log")["sockets"] == 1)
    live.connection().set(lease.KEY, "somebody else", px=60_000)
    listener.wait_for("not listening any more")
    until(lambda: flash.api("GET", "/api/log")["sockets"] == 0)
    live.connection().delete(lease.KEY)
    listener.wait_for(LISTENING, after=len(listener.lines) - 1)


def test_a_lease_has_one_holder() -> None:
    async def work() -> None:
        async with redis.asyncio.Redis.from_url(settings.REDIS_URL, decode_responses=True) as client:
            first, second = Lease(client, token="one"), Lease(client, token="two")
            assert await first.acquire()
            assert not await second.acquire()
            assert (first.held, second.held) == (True, False)
            await second.release()  # what one does not hold one cannot give back
            assert not await second.acquire()
            await first.release()
            assert not first.held
            assert await second.acquire()

    asyncio.run(work())


def test_a_lease_that_redis_forgot_is_taken_again_unless_somebody_was_quicker() -> None:
    async def work() -> None:
        async with redis.asyncio.Redis.from_url(settings.REDIS_URL, decode_responses=True) as client:
            held = Lease(client, token="one")
            assert await held.acquire()
            await client.delete(lease.KEY)
            assert await held._renewed()
            await client.set(lease.KEY, "two")
            assert not await held._renewed()

    asyncio.run(work())


def test_a_lease_is_not_believed_in_when_redis_does_not_answer() -> None:
    seconds = [0.0]

    async def work() -> None:
        async with redis.asyncio.Redis.from_url(settings.REDIS_URL, decode_responses=True) as client:
            held = Lease(client, token="one", clock=lambda: seconds[0])
            assert await held.acquire()
            seconds[0] = lease.LEASE_S - lease.MARGIN_S
            assert not held.held
            await asyncio.wait_for(held.keep(), 1)

    asyncio.run(work())
