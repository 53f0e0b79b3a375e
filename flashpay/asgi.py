"""The ASGI applications.

`application`: everything on one port, for one machine. Live events (`/events/`) are asynchronous, one cheap task for each
open page; all other addresses go to the WSGI application in threads, because ordinary Django views are several times faster
there than in an ASGI handler.

`live`: live events alone (and the health addresses), for a process beside WSGI web processes.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, cast
from urllib.parse import quote

from a2wsgi import WSGIMiddleware
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "flashpay.settings")

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

EVENTS_PREFIX = "/events/"
HEALTH_PATHS = frozenset({"/healthz", "/readyz"})
# Most of a request's time is waiting for the database's disk or for Flash, hence more threads than cores.
WSGI_THREADS = 16
_ASCII = "".join(map(chr, range(128)))

# Their own types name every message there is; ours pass them on.
_django_asgi: Any = get_asgi_application()
_django_wsgi: Any = WSGIMiddleware(cast(Any, get_wsgi_application()), workers=WSGI_THREADS)


async def _stream(scope: Scope, receive: Receive, send: Send) -> None:
    """Serve one request asynchronously. `flashpay.events` ends its streams by itself when the server goes down."""
    await _django_asgi({**scope, "headers": _honest_headers(scope)}, receive, send)


async def _page(scope: Scope, receive: Receive, send: Send) -> None:
    """Serve one request through WSGI, which trusts its caller where ASGI does not promise anything."""

    async def receive_whole() -> Message:
        message = await receive()
        if message["type"] == "http.disconnect":
            # Otherwise half a body would be taken for a whole one: `amount=1` of `amount=100`.
            raise ConnectionResetError("The client left before its request was complete.")
        return message

    query = quote(scope["query_string"], safe=_ASCII).encode()
    await _django_wsgi({**scope, "headers": _honest_headers(scope), "query_string": query}, receive_whole, send)


def _honest_headers(scope: Scope) -> list[tuple[bytes, bytes]]:
    """Without `X_Forwarded_For`, which Django cannot tell from the `X-Forwarded-For` that a proxy sets."""
    return [(name, value) for name, value in scope["headers"] if b"_" not in name]


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        else:
            await send({"type": "lifespan.shutdown.complete"})
            return


async def _refuse(send: Send, scope: Scope) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1000})
        return
    headers = [(b"content-type", b"text/plain")]
    await send({"type": "http.response.start", "status": 404, "headers": headers})
    await send({"type": "http.response.body", "body": b"Only live events are served here.\n"})


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Everything on one port."""
    if scope["type"] == "lifespan":
        await _lifespan(receive, send)
    elif scope["type"] != "http":
        await _refuse(send, scope)
    elif scope["path"].startswith(EVENTS_PREFIX):
        await _stream(scope, receive, send)
    else:
        await _page(scope, receive, send)


async def live(scope: Scope, receive: Receive, send: Send) -> None:
    """Live events alone."""
    if scope["type"] == "lifespan":
        await _lifespan(receive, send)
    elif scope["type"] == "http" and (scope["path"].startswith(EVENTS_PREFIX) or scope["path"] in HEALTH_PATHS):
        await _stream(scope, receive, send)
    else:
        await _refuse(send, scope)
