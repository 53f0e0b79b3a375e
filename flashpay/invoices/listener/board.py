"""Which code is watched on which live connection. Holds no truth: it is brought to what the database says, again and again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from flashpay import flash
from flashpay.flash.socket import FlashSocket
from flashpay.flash.socket_pool import SocketPool
from flashpay.invoices.listener.records import NOBODY, Line, OpenCode


class Board:
    """Belongs to one event loop, as its pool does."""

    def __init__(self, pool: SocketPool) -> None:
        self._pool = pool
        self.lines: dict[str, Line] = {}
        self._held: dict[str, tuple[flash.Endpoint, flash.Credential]] = {}  # socket -> what opened it
        self._socket_of: dict[str, str] = {}  # connection -> socket
        self._watched: dict[str, str] = {}  # payment hash -> socket

    async def follow(self, lines: Mapping[str, Line], codes: Iterable[OpenCode]) -> None:
        """Hold exactly the connections that `lines` need, and watch exactly `codes`."""
        self.lines = dict(lines)
        self._socket_of = {pk: self._socket(line).key for pk, line in lines.items()}
        wanted = {
            code.payment_hash: (self._socket_of[code.connection_id], code.bolt11)
            for code in codes
            if code.connection_id in self._socket_of
        }
        for payment_hash, key in list(self._watched.items()):
            if payment_hash not in wanted or wanted[payment_hash][0] != key:
                self._unwatch(payment_hash)
        # The oldest first: a socket takes the newest for the most urgent.
        for payment_hash, (key, bolt11) in reversed(wanted.items()):
            self._watch(key, payment_hash, bolt11)
        for key in self._held.keys() - set(self._socket_of.values()):
            endpoint, credential = self._held.pop(key)
            await self._pool.drop(endpoint, credential)

    def add(self, codes: Iterable[OpenCode]) -> bool:
        """Watch further codes at once; False when one of them is of a connection that is not known yet."""
        known = True
        for code in codes:
            key = self._socket_of.get(code.connection_id)
            if key is None:
                known = False
            else:
                self._watch(key, code.payment_hash, code.bolt11)
        return known

    def connections_on(self, socket: str) -> list[str]:
        """The connections whose news come over this socket."""
        return [pk for pk, key in self._socket_of.items() if key == socket]

    def addresses_on(self, socket: str) -> set[tuple[flash.Endpoint, str]]:
        """The endpoints behind this socket, each with the `api_url` under which its connections are stored."""
        lines = [self.lines[pk] for pk in self.connections_on(socket)]
        return {(line.endpoint, line.api_url) for line in lines}

    def _socket(self, line: Line) -> FlashSocket:
        socket = self._pool.socket_for(line.endpoint, line.credential)
        # With many tokens at one endpoint the pool answers with the anonymous socket.
        own = isinstance(line.credential, flash.SessionToken) and not socket.key.startswith("anonymous@")
        self._held[socket.key] = (line.endpoint, line.credential if own else NOBODY)
        return socket

    def _watch(self, key: str, payment_hash: str, bolt11: str) -> None:
        if self._watched.get(payment_hash) == key:
            return
        socket = self._pool.socket_named(key)
        if socket is not None:
            socket.watch(bolt11, payment_hash)
            self._watched[payment_hash] = key

    def _unwatch(self, payment_hash: str) -> None:
        socket = self._pool.socket_named(self._watched.pop(payment_hash))
        if socket is not None:
            socket.unwatch(payment_hash)
