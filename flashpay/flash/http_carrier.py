"""Flash over HTTP: gql's httpx transport, with connections kept, every status looked at, and no float for money."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from functools import lru_cache
from ssl import SSLContext
from typing import Any

import httpx
from gql.transport.exceptions import TransportConnectionFailed
from gql.transport.httpx import HTTPXTransport
from graphql import ExecutionResult

from flashpay.flash.answers import Answer, answer_read, http_trouble, unreadable
from flashpay.flash.credentials import CAPABILITIES, CAPABILITIES_HEADER, Credential, Endpoint
from flashpay.flash.operations import Kind, Operation
from flashpay.flash.troubles import CarrierTrouble, Failure, Trouble, Where
from flashpay.flash.wire import json_read

CONNECT_TIMEOUT_S = 5
# How long an answer is waited for. A sending walks through the Lightning network before Flash answers; a wait that
# ends too early makes a doubt of what was about to become clear.
ANSWER_TIMEOUT_S: dict[Kind, float] = {
    Kind.READ: 10,
    Kind.CREATE: 10,
    Kind.PROBE: 20,
    Kind.SEND: 45,
    Kind.SUBSCRIBE: 10,
}
KEPT_CONNECTIONS = 10
KEPT_FOR_S = 30

# Raised before a byte of the request is written: the address is none, the TCP or TLS connection did not come about, or
# no connection was free.
_NEVER_WRITTEN = (
    httpx.InvalidURL,
    httpx.UnsupportedProtocol,
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
)


class _Transport(HTTPXTransport):
    """Reads the HTTP status before the body: gql would take a 401 that carries JSON errors for an answer."""

    def _prepare_result(self, response: httpx.Response) -> ExecutionResult:
        try:
            body = json_read(response.content)
        except (ValueError, RecursionError):
            body = None
        if not response.is_success:
            raise CarrierTrouble(http_trouble(response.status_code, response.headers, body))
        if body is None:
            raise unreadable()
        answer = answer_read(body)
        return ExecutionResult(data=answer.data, errors=answer.errors)  # type: ignore[arg-type]


class HttpCarrier:
    """Carries operations to one endpoint with one credential. Thread-safe; connections are kept between calls."""

    name = "http"

    def __init__(self, endpoint: Endpoint, credential: Credential) -> None:
        self._endpoint = endpoint
        self._headers = {CAPABILITIES_HEADER: CAPABILITIES, "Content-Type": "application/json"}
        self._credential_headers = credential.headers
        self._lock = threading.Lock()
        self._kept: _Transport | None = None
        self._fresh: _Transport | None = None

    def execute(self, operation: Operation, variables: Mapping[str, Any], timeout_s: float | None = None) -> Answer:
        """Send one operation, once. Raises CarrierTrouble when no GraphQL answer came."""
        timeout = httpx.Timeout(timeout_s or ANSWER_TIMEOUT_S[operation.kind], connect=CONNECT_TIMEOUT_S)
        headers = {} if operation.public else self._credential_headers
        try:
            result = self._transport(operation).execute(
                operation.request(variables), extra_args={"timeout": timeout, "headers": headers}
            )
        except TransportConnectionFailed as error:
            raise CarrierTrouble(Trouble(Where.TRANSPORT, _failure(error.__cause__))) from error
        return Answer(result.data, tuple(result.errors or ()))  # type: ignore[arg-type]

    def close(self) -> None:
        with self._lock:
            for transport in filter(None, (self._kept, self._fresh)):
                transport.close()
            self._kept = self._fresh = None

    def _transport(self, operation: Operation) -> _Transport:
        with self._lock:
            if operation.kind is Kind.SEND:
                # A kept connection may just have been closed at the other end; a sending that meets this is in
                # doubt without need. A handshake more is the cheaper price.
                self._fresh = self._fresh or self._open(kept=0)
                return self._fresh
            self._kept = self._kept or self._open(kept=KEPT_CONNECTIONS)
            return self._kept

    def _open(self, *, kept: int) -> _Transport:
        transport = _Transport(
            url=self._endpoint.api_url,
            headers=self._headers,
            follow_redirects=False,
            verify=_certificates(),
            limits=httpx.Limits(
                max_connections=50, max_keepalive_connections=kept, keepalive_expiry=KEPT_FOR_S if kept else 0
            ),
        )
        transport.connect()
        return transport


@lru_cache(maxsize=1)
def _certificates() -> SSLContext:
    # Reading them takes tens of milliseconds, and every wallet has clients of its own.
    return httpx.create_ssl_context()


def _failure(cause: BaseException | None) -> Failure:
    if isinstance(cause, _NEVER_WRITTEN):
        return Failure.CONNECT
    if isinstance(cause, httpx.TimeoutException):
        return Failure.TIMEOUT
    if isinstance(cause, httpx.DecodingError):
        return Failure.UNREADABLE
    if isinstance(cause, httpx.TransportError | OSError):
        return Failure.DROPPED
    # Not the network's doing: a fault of ours, which must not pass for one of Flash's.
    assert cause is not None
    raise cause
