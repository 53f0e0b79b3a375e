"""Requests of web and worker processes, executed on the listener's live connection, handed over through Redis.

At most once, whoever crashes when:

- a request is carried out only by who sets its `taken` key first; a client that gives up sets it too, and when it was
  first, the request is dead for ever: it was *not taken*, which is as good as not sent;
- a request that was taken and whose reply does not come is in doubt (*reply lost*), and nobody repeats it;
- a request that waited too long is not begun, whatever happens later. All of them read Redis's clock.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import time
from collections.abc import Mapping
from typing import Any

from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from redis.exceptions import RedisError

from flashpay.flash.answers import Answer, unreadable
from flashpay.flash.credentials import Credential, Endpoint
from flashpay.flash.http_carrier import ANSWER_TIMEOUT_S
from flashpay.flash.operations import Operation, operation_named
from flashpay.flash.socket import socket_key
from flashpay.flash.socket_events import SocketState
from flashpay.flash.socket_pool import SocketPool
from flashpay.flash.troubles import CarrierTrouble, Failure, Trouble, Where

log = logging.getLogger(__name__)

QUEUE = "flash:relay:requests"
# A listener that is up takes a request at once; after this long it is better to know that none does.
TAKE_WITHIN_MS = 3_000
ALIVE_FOR_MS = 5_000
ALIVE_EVERY_S = 1.0
KEPT_FOR_MS = 3_600_000
AT_ONCE = 50
# Added to what the listener waits for Flash, so that its verdict arrives before the client gives up.
GRACE_S = 2.0


def _alive(socket: str) -> str:
    return f"flash:relay:alive:{socket}"


def _taken(number: str) -> str:
    return f"flash:relay:taken:{number}"


def _reply(number: str) -> str:
    return f"flash:relay:reply:{number}"


def _milliseconds(redis_time: Any) -> int:
    seconds, microseconds = redis_time
    return int(seconds) * 1000 + int(microseconds) // 1000


def _trouble(failure: Failure) -> CarrierTrouble:
    return CarrierTrouble(Trouble(Where.TRANSPORT, failure))


class RelayCarrier:
    """The client side: a carrier whose socket is in the listener process. Synchronous and thread-safe."""

    name = "socket"

    def __init__(self, redis: Redis, endpoint: Endpoint, credential: Credential) -> None:
        self._redis = redis
        self._socket = socket_key(endpoint, credential)

    def execute(self, operation: Operation, variables: Mapping[str, Any], timeout_s: float | None = None) -> Answer:
        """Hand one operation over and wait for its answer. Raises CarrierTrouble."""
        answer_within_s = timeout_s or ANSWER_TIMEOUT_S[operation.kind]
        number = secrets.token_hex(16)
        try:
            if not self._redis.exists(_alive(self._socket)):
                raise _trouble(Failure.NOT_TAKEN)
            take_before = _milliseconds(self._redis.time()) + TAKE_WITHIN_MS
        except RedisError as error:
            raise _trouble(Failure.NOT_TAKEN) from error
        request = {
            "number": number,
            "socket": self._socket,
            "operation": operation.name,
            "variables": dict(variables),
            "take_before_ms": take_before,
            "answer_within_s": answer_within_s,
        }
        try:
            self._redis.rpush(QUEUE, json.dumps(request))
            reply = self._wait(number, TAKE_WITHIN_MS / 1000)
            if reply is None:
                if self._redis.set(_taken(number), "withdrawn", nx=True, px=KEPT_FOR_MS):
                    raise _trouble(Failure.NOT_TAKEN)
                reply = self._wait(number, answer_within_s + GRACE_S)
        except RedisError as error:
            # It may have been pushed and taken all the same.
            raise _trouble(Failure.REPLY_LOST) from error
        if reply is None:
            raise _trouble(Failure.REPLY_LOST)
        return _reply_read(reply)

    def _wait(self, number: str, within_s: float) -> bytes | None:
        """The reply, waited for in short turns, so that no socket timeout of the Redis client comes in between."""
        give_up_at = time.monotonic() + within_s
        while (left_s := give_up_at - time.monotonic()) > 0:
            found: Any = self._redis.blpop([_reply(number)], timeout=min(1.0, max(0.01, left_s)))
            if found:
                return bytes(found[1]) if not isinstance(found[1], str) else found[1].encode()
        return None


def _reply_read(reply: bytes) -> Answer:
    try:
        fields = json.loads(reply)
        if fields.get("trouble"):
            raise CarrierTrouble(Trouble.from_dict(fields["trouble"]))
        return Answer(fields["data"], tuple(fields["errors"]))
    except (ValueError, KeyError, TypeError) as error:
        raise unreadable() from error


def heed_cancellation() -> None:
    """End the task if it was cancelled: redis-py loses a cancellation that comes while it is opening a connection.

    For loops whose only waiting is in Redis. Raises asyncio.CancelledError.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


class RelayServer:
    """The listener's side: takes requests and executes each on the socket it names. `run()` until cancelled."""

    def __init__(self, redis: AsyncRedis, pool: SocketPool) -> None:
        self._redis = redis
        self._pool = pool
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._running: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        beating = asyncio.create_task(self._beat())
        try:
            while True:
                await self._slots.acquire()
                request = await self._next()
                task = asyncio.create_task(self._serve(request))
                self._running.add(task)
                task.add_done_callback(self._served)
        finally:
            beating.cancel()
            # What was taken is carried to its end, so that its answer is not lost with the process.
            await asyncio.gather(beating, *self._running, return_exceptions=True)

    def _served(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._slots.release()

    async def _next(self) -> bytes:
        while True:
            heed_cancellation()
            try:
                found: Any = await self._redis.blpop([QUEUE], timeout=1)
                if found:
                    return bytes(found[1]) if not isinstance(found[1], str) else found[1].encode()
            except RedisError:
                log.warning("The relay waits for Redis")
                await asyncio.sleep(1)

    async def _beat(self) -> None:
        """Say which sockets are open, so that clients need not wait for one that is not."""
        while True:
            try:
                for health in self._pool.health():
                    if health.state in (SocketState.OPEN, SocketState.HEALTHY):
                        await self._redis.set(_alive(health.socket), 1, px=ALIVE_FOR_MS)
            except RedisError:
                log.warning("The relay could not say that it is there: Redis cannot be reached")
            await asyncio.sleep(ALIVE_EVERY_S)

    async def _serve(self, text: bytes) -> None:
        try:
            request = json.loads(text)
            number, operation = str(request["number"]), operation_named(request["operation"])
            variables, within_s = dict(request["variables"]), float(request["answer_within_s"])
            take_before_ms = int(request["take_before_ms"])
        except (ValueError, KeyError, TypeError):
            log.error("The relay got a request that it cannot read")
            return
        try:
            left_ms = take_before_ms - _milliseconds(await self._redis.time())
            begin_before = time.monotonic() + left_ms / 1000
            if left_ms <= 0 or not await self._redis.set(_taken(number), "taken", nx=True, px=KEPT_FOR_MS):
                return  # too late, or withdrawn: its client knows that it was not taken
        except RedisError:
            return  # perhaps taken, surely not executed
        reply = await self._execute(request["socket"], operation, variables, within_s, begin_before)
        try:
            async with self._redis.pipeline(transaction=True) as pipe:
                # Decimals travel as text; whoever reads numbers from Flash takes both.
                pipe.rpush(_reply(number), json.dumps(reply, default=str))
                pipe.pexpire(_reply(number), KEPT_FOR_MS)
                await pipe.execute()
        except RedisError:
            log.error("The relay could not give an answer back: Redis cannot be reached")

    async def _execute(
        self, socket_name: str, operation: Operation, variables: Mapping[str, Any], within_s: float, begin_before: float
    ) -> dict[str, Any]:
        socket = self._pool.socket_named(socket_name)
        if socket is None:
            return {"trouble": Trouble(Where.TRANSPORT, Failure.NOT_OPEN).to_dict()}
        if time.monotonic() >= begin_before:
            return {"trouble": Trouble(Where.TRANSPORT, Failure.NOT_TAKEN).to_dict()}
        try:
            answer = await socket.execute(operation, variables, within_s)
        except CarrierTrouble as trouble:
            return {"trouble": trouble.trouble.to_dict()}
        return {"data": answer.data, "errors": list(answer.errors)}
