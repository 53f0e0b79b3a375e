"""The life of the listener: stand by, take the lease, listen, and stop at once when the lease is gone."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import socket as network
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

import redis.asyncio
import structlog
from django.db import Error as DatabaseTrouble
from django.db import close_old_connections, connections
from django.utils import timezone
from redis.exceptions import RedisError

from flashpay import flash, heartbeat, live
from flashpay.crypto import CannotDecrypt
from flashpay.flash.relay import RelayServer, heed_cancellation
from flashpay.flash.socket_events import CheckOverHttp, Event, InvoiceUpdate, Reconnected, SocketHealth
from flashpay.flash.socket_pool import SocketPool
from flashpay.invoices.listener import records
from flashpay.invoices.listener.board import Board
from flashpay.invoices.listener.lease import Lease
from flashpay.invoices.services.codes import NEW_CODE_CHANNEL
from flashpay.stores import listener_report

log = structlog.get_logger(__name__)
T = TypeVar("T")

# The guarantee behind the announcement of new codes, and how soon a new or removed wallet is noticed.
SWEEP_EVERY_S = 3.0
STAND_BY_S = 1.0
REPORT_EVERY_S = 2.0
PAUSE_AFTER_TROUBLE_S = 2.0
# After a reconnection at most so many requests in a row; what is left then is the regular poll's.
CATCH_UP_BATCHES = 4
CATCH_UP_PAUSE_S = 1.0
# An operation under way over the socket may end before the connection is closed, but not keep the process for ever.
DRAIN_S = 10.0
CANCELLATIONS = 4
SUBSCRIPTION_TURN_S = 5.0
DATABASE_THREADS = 4


class Listener:
    """`run()` until cancelled. `say` gets a line for people whenever the process changes what it does."""

    def __init__(self, *, redis_url: str, say: Callable[[str], None] = lambda line: None) -> None:
        self._redis = redis.asyncio.Redis.from_url(
            redis_url, decode_responses=True, socket_timeout=5, socket_connect_timeout=2, health_check_interval=10
        )
        self._name = f"{network.gethostname()}:{os.getpid()}"
        self._lease = Lease(self._redis, token=f"{self._name}:{secrets.token_hex(8)}")
        self._say = say
        self._threads = ThreadPoolExecutor(DATABASE_THREADS, thread_name_prefix="listener")

    async def run(self) -> None:
        try:
            while True:
                await self._stand_by()
                try:
                    heed_cancellation()
                    self._say("listening to Flash")
                    await Watch(self._redis, self._lease, self._name, self._in_thread).run()
                finally:
                    await self._lease.release()
                self._say("not listening any more")
                await asyncio.sleep(PAUSE_AFTER_TROUBLE_S)
        finally:
            self._threads.shutdown(wait=False, cancel_futures=True)
            await self._redis.aclose()

    async def _stand_by(self) -> None:
        said = False
        while True:
            heed_cancellation()
            try:
                if await self._lease.acquire():
                    return
                if not said:
                    self._say("standing by: another listener is active")
                    said = True
            except RedisError as error:
                log.warning("the listener waits for Redis", error=type(error).__name__)
            await asyncio.sleep(STAND_BY_S)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, _with_fresh_connection, work)


# An endpoint, and the `api_url` under which its connections are stored.
Address = tuple[flash.Endpoint, str]
InThread = Callable[[Callable[[], Any]], Coroutine[Any, Any, Any]]


def _with_fresh_connection(work: Callable[[], T]) -> T:
    """As a web request does it: a connection that broke or grew old is left, so that the next one is new."""
    close_old_connections()
    try:
        return work()
    except DatabaseTrouble:
        connections.close_all()
        raise
    finally:
        close_old_connections()


class Watch:
    """One turn of being the active listener."""

    def __init__(self, shared_redis: redis.asyncio.Redis, lease: Lease, name: str, in_thread: InThread) -> None:
        self._redis = shared_redis
        self._lease = lease
        self._name = name
        self._in_thread = in_thread
        self._pool = SocketPool()
        self._board = Board(self._pool)
        self._sweep_now = asyncio.Event()
        self._catch_up: asyncio.Queue[Address] = asyncio.Queue()
        self._settling: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Until the lease is lost, a fault of ours shows, or it is cancelled; everything is closed then."""
        relay = asyncio.create_task(RelayServer(self._redis, self._pool).run(), name="relay")
        tasks = [
            asyncio.create_task(self._lease.keep(), name="lease"),
            asyncio.create_task(self._events(), name="events"),
            asyncio.create_task(self._sweeps(), name="sweeps"),
            asyncio.create_task(self._announcements(), name="announcements"),
            asyncio.create_task(self._catching_up(), name="catching up"),
            asyncio.create_task(self._reports(), name="reports"),
        ]
        try:
            ended, _ = await asyncio.wait([relay, *tasks], return_when=asyncio.FIRST_COMPLETED)
            for task in ended:
                if (error := task.exception()) is not None:
                    log.error("a part of the listener failed; it begins again", part=task.get_name(), exc_info=error)
        finally:
            await self._end(relay, [*tasks, *self._settling])

    async def _end(self, relay: asyncio.Task[None], tasks: list[asyncio.Task[None]]) -> None:
        relay.cancel()  # once: what it carries at the moment is waited for
        pending: set[asyncio.Task[None]] = set(tasks)
        for _ in range(CANCELLATIONS):
            for task in pending:
                task.cancel()
            # A cancellation can get lost (`heed_cancellation`); the next one will not.
            _, pending = await asyncio.wait(pending, timeout=0.5)
            if not pending:
                break
        _, carrying = await asyncio.wait([relay], timeout=DRAIN_S)
        if pending or carrying:
            log.warning("not everything ended in time", parts=sorted(task.get_name() for task in pending | carrying))
        await self._pool.close()

    # --- What Flash says ----------------------------------------------------------------------------------------

    async def _events(self) -> None:
        async for event in self._pool.events():
            # Each by itself: one that waits for the database must not hold up the others.
            task = asyncio.create_task(self._heed(event))
            self._settling.add(task)
            task.add_done_callback(self._settling.discard)

    async def _heed(self, event: Event) -> None:
        try:
            match event:
                case InvoiceUpdate():
                    await self._in_thread(
                        lambda: records.push_settle(payment_hash=event.payment_hash, socket=event.socket)
                    )
                case CheckOverHttp():
                    await self._in_thread(lambda: records.check_soon(payment_hash=event.payment_hash))
                case Reconnected():
                    await self._reconnected(event)
        except (DatabaseTrouble, CannotDecrypt) as error:
            # Nothing is lost: the regular poll asks about every code that is not known to be paid.
            log.warning("news from Flash could not be written down", error=type(error).__name__)

    async def _reconnected(self, event: Reconnected) -> None:
        log.info("connected to Flash", first=event.first, gap_s=round(event.gap_s, 1))
        # A listener that has just begun does not know how long nobody listened.
        gap_s = event.gap_s if not event.first else records.LIFE_OF_A_CODE.total_seconds()
        connections_there = self._board.connections_on(event.socket)
        await self._in_thread(lambda: records.check_all_soon(connections=connections_there, gap_s=gap_s))
        for address in self._board.addresses_on(event.socket):
            self._catch_up.put_nowait(address)

    async def _catching_up(self) -> None:
        """Poll at once what a gap may have hidden, a few batches with pauses, within the budgets of all processes."""
        while True:
            waiting = {await self._catch_up.get()}
            for _ in range(CATCH_UP_BATCHES):
                # The first pause lets the renewed subscriptions speak, which cost no request.
                await asyncio.sleep(CATCH_UP_PAUSE_S)
                while not self._catch_up.empty():
                    waiting.add(self._catch_up.get_nowait())
                for address in list(waiting):
                    if not await self._polled(address):
                        waiting.discard(address)

    async def _polled(self, address: Address) -> bool:
        endpoint, api_url = address
        try:
            return bool(await self._in_thread(lambda: records.poll_once(endpoint=endpoint, api_url=api_url)))
        except (DatabaseTrouble, CannotDecrypt, RedisError) as error:
            log.warning("catching up is left to the regular poll", error=type(error).__name__)
            return False

    # --- What is to be watched ----------------------------------------------------------------------------------

    async def _sweeps(self) -> None:
        while True:
            self._sweep_now.clear()
            try:
                codes, lines = await self._in_thread(self._read)
                await self._board.follow(lines, codes)
            except DatabaseTrouble as error:
                log.warning("the listener waits for the database", error=type(error).__name__)
            try:
                async with asyncio.timeout(SWEEP_EVERY_S):
                    await self._sweep_now.wait()
            except TimeoutError:
                continue

    def _read(self) -> tuple[list[records.OpenCode], dict[str, records.Line]]:
        codes = records.open_codes(now=timezone.now())
        return codes, records.lines_known(before=self._board.lines, codes=codes)

    async def _announcements(self) -> None:
        """Watch new codes the moment they are committed. What is missed here is found by the next sweep."""
        while True:
            try:
                async with self._redis.pubsub(ignore_subscribe_messages=True) as pubsub:
                    await pubsub.subscribe(live.CHANNEL_PREFIX + NEW_CODE_CHANNEL)
                    self._sweep_now.set()  # what was announced before this is found there
                    while True:
                        heed_cancellation()
                        # Waiting without an end would take silence for a broken connection, or the other way round.
                        message = await pubsub.get_message(timeout=SUBSCRIPTION_TURN_S)
                        if message is not None:
                            await self._announced(message)
            except RedisError as error:
                log.warning("new codes are not announced while Redis is away", error=type(error).__name__)
                await asyncio.sleep(PAUSE_AFTER_TROUBLE_S)

    async def _announced(self, message: Any) -> None:
        try:
            number = int(json.loads(message["data"])["id"])
        except (KeyError, ValueError, TypeError):
            return
        try:
            codes = await self._in_thread(lambda: records.open_codes(now=timezone.now(), ids=[number]))
        except DatabaseTrouble:
            return
        if not self._board.add(codes):
            self._sweep_now.set()

    # --- What others see of it ----------------------------------------------------------------------------------

    async def _reports(self) -> None:
        while True:
            try:
                await self._in_thread(partial(self._report, self._pool.health()))
            except RedisError as error:
                log.warning("the listener could not report", error=type(error).__name__)
            await asyncio.sleep(REPORT_EVERY_S)

    def _report(self, sockets: list[SocketHealth]) -> None:
        listener_report.write(listener=self._name, sockets=sockets)
        heartbeat.beat(heartbeat.LISTENER)
