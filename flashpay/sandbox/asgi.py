"""The sandbox's web application: every address it answers, in one list."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles

from flashpay.sandbox import cards, control, control_pages, lnurl_pay
from flashpay.sandbox.graph import http, socket
from flashpay.sandbox.graph.answers import refused
from flashpay.sandbox.phone import api as phone_api
from flashpay.sandbox.phone import pages as phone_pages
from flashpay.sandbox.phone.wallet import Phone
from flashpay.sandbox.service import Sandbox


async def healthz(_request: Request) -> Response:
    return PlainTextResponse("ok\n")


async def graphql_get(_request: Request) -> Response:
    """A bare GET is how Flash's own app asks whether the service is there; it gets a 400."""
    return refused(400, "There was no GraphQL operation to execute.", "INVALID_GRAPHQL_REQUEST")


def app_create(sandbox: Sandbox) -> Starlette:
    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with sandbox.running():
            yield

    app = Starlette(
        routes=[
            Route("/healthz", healthz),
            Route("/graphql", http.serve, methods=["POST"]),
            Route("/graphql", graphql_get, methods=["GET"]),
            WebSocketRoute("/graphql", socket.serve),
            Route("/.well-known/lnurlp/{username}", lnurl_pay.info),
            Route("/pay/lnurl/verify/{payment_hash}", lnurl_pay.verify),
            Route("/pay/lnurl/{username}", lnurl_pay.callback),
            *cards.ROUTES,
            *control.ROUTES,
            *phone_api.ROUTES,
            *control_pages.ROUTES,
            *phone_pages.ROUTES,
            Mount("/static", StaticFiles(directory=Path(__file__).with_name("static"))),
        ],
        lifespan=lifespan,
    )
    app.state.sandbox = sandbox
    app.state.phone = Phone(sandbox)
    app.state.card = cards.Card(sandbox)
    return app
