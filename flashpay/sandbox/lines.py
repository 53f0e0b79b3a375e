"""Connections that can be cut or fall silent: the web server's own protocols, with a handle for the pretended faults.

The handle travels in the ASGI scope's `state`: `transport` for HTTP, `line` for a WebSocket.
"""

import asyncio
from http import HTTPStatus
from typing import Any, cast

from starlette.requests import Request
from starlette.responses import Response
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol


class HttpLine(H11Protocol):
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}


async def http_cut(request: Request) -> Response:
    """Drop the connection without a byte; the response that follows goes nowhere."""
    request.scope["state"]["transport"].abort()
    await asyncio.sleep(0.01)  # lets the server notice, so that it does not try to write
    return Response(status_code=HTTPStatus.BAD_GATEWAY)


class SocketLine(WebSocketsSansIOProtocol):
    silent = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.app_state = {**self.app_state, "line": self}

    def data_received(self, data: bytes) -> None:
        if not self.silent:
            super().data_received(data)

    def silence(self) -> None:
        """From now on nothing is read, answered or sent; the TCP connection stays open, as when a router forgot it."""
        self.silent = True
        self.stop_keepalive()

    def cut(self) -> None:
        """End the connection without a closing frame (the client sees 1006)."""
        self.transport.abort()

    def keepalive_timeout(self) -> None:
        self.cut()  # Flash terminates a client that does not answer its ping

    async def send(self, message: Any) -> None:
        if not self.silent:
            await super().send(cast(Any, message))
