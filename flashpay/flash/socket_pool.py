"""All live connections of the listener: at most one per endpoint and credential, whatever number of stores share it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

from flashpay.flash.backoff import Gate
from flashpay.flash.credentials import Credential, Endpoint, SessionToken, Username
from flashpay.flash.socket import FlashSocket, socket_key
from flashpay.flash.socket_events import Event, SocketHealth

# Flash's gateway allows 10 connections at once from one address: one is the anonymous socket, one is for tests.
MAX_TOKEN_SOCKETS = 8
_ANONYMOUS = Username("anonymous")


class SocketPool:
    """Opens sockets as they are asked for and keeps them up. Belongs to one event loop."""

    def __init__(self, *, ping_every_s: float = 15, gate: Callable[[], Gate] = Gate) -> None:
        self._ping_every_s = ping_every_s
        self._make_gate = gate
        self._gates: dict[str, Gate] = {}
        self._sockets: dict[str, FlashSocket] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._events: asyncio.Queue[Event] = asyncio.Queue()

    def socket_for(self, endpoint: Endpoint, credential: Credential) -> FlashSocket:
        """The socket that brings this credential's news, opened when there is none yet.

        Where Flash admits no more connections it is the anonymous one, on which invoices have their own subscriptions.
        """
        key = socket_key(endpoint, credential)
        if key not in self._sockets and isinstance(credential, SessionToken) and self._is_full(endpoint):
            credential, key = _ANONYMOUS, socket_key(endpoint, _ANONYMOUS)
        if key not in self._sockets:
            gate = self._gates.setdefault(endpoint.ws_url, self._make_gate())
            socket = FlashSocket(
                endpoint, credential, sink=self._events.put_nowait, gate=gate, ping_every_s=self._ping_every_s
            )
            self._sockets[key] = socket
            self._tasks[key] = asyncio.create_task(socket.run(), name=f"flash-socket-{key[:8]}")
        return self._sockets[key]

    def socket_named(self, key: str) -> FlashSocket | None:
        return self._sockets.get(key)

    async def events(self) -> AsyncIterator[Event]:
        while True:
            yield await self._events.get()

    def health(self) -> list[SocketHealth]:
        return [socket.health() for socket in self._sockets.values()]

    async def drop(self, endpoint: Endpoint, credential: Credential) -> None:
        """Close the socket of a credential that no connection uses any more."""
        key = socket_key(endpoint, credential)
        self._sockets.pop(key, None)
        task = self._tasks.pop(key, None)
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def close(self) -> None:
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._sockets.clear()
        self._tasks.clear()

    def _is_full(self, endpoint: Endpoint) -> bool:
        anonymous = socket_key(endpoint, _ANONYMOUS)
        ours = [key for key in self._sockets if key.endswith(f"@{endpoint.ws_url}") and key != anonymous]
        return len(ours) >= MAX_TOKEN_SOCKETS
