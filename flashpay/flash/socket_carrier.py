"""The live connection for processes that hold none: one handshake, one operation. For the connect page and for tests;
web and worker processes go through the listener's connection instead (`relay`)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from gql.transport.exceptions import TransportError

from flashpay.flash.answers import Answer, payload_troubles
from flashpay.flash.carriers import TransportFacts
from flashpay.flash.credentials import Credential, Endpoint, SessionToken, Username
from flashpay.flash.errors import Judgement
from flashpay.flash.http_carrier import HttpCarrier
from flashpay.flash.operations import ACCOUNT, MY_UPDATES, PUBLIC_WALLET, Operation
from flashpay.flash.socket import execute_on
from flashpay.flash.socket_transport import SocketTransport
from flashpay.flash.troubles import CarrierTrouble, Failure, Trouble, Where
from flashpay.flash.verdicts import judge, judge_all

PROBE_TIMEOUT_S = 8
T = TypeVar("T")


def _run(work: Coroutine[Any, Any, T]) -> T:
    """Run `work` to its end from synchronous code, also from a thread in which some loop is running already."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


@asynccontextmanager
async def _open(endpoint: Endpoint, credential: Credential) -> AsyncIterator[SocketTransport]:
    """An open transport. Raises CarrierTrouble (nothing was written) when none came about."""
    transport = SocketTransport(endpoint, credential)
    try:
        try:
            await transport.connect()
        except (TransportError, OSError, TimeoutError) as error:
            raise CarrierTrouble(Trouble(Where.TRANSPORT, Failure.CONNECT)) from error
        yield transport
    finally:
        await transport.close()


class SocketCarrier:
    """A carrier over a socket of its own for every operation. Mind Flash's 10 new sockets a minute."""

    name = "socket"

    def __init__(self, endpoint: Endpoint, credential: Credential) -> None:
        self._endpoint = endpoint
        self._credential = credential

    def execute(self, operation: Operation, variables: Mapping[str, Any], timeout_s: float | None = None) -> Answer:
        return _run(self._execute(operation, variables, timeout_s))

    async def _execute(self, operation: Operation, variables: Mapping[str, Any], timeout_s: float | None) -> Answer:
        async with _open(self._endpoint, self._credential) as transport:
            return await execute_on(transport, operation, variables, timeout_s)


@dataclass(frozen=True)
class TransportProbe:
    """What a credential can do over which way: None where it works, else the judgement that says why not.

    `http`: questions and, as nothing else is known, mutations. `push`: news over the socket; for a session token this
    proves the token. `mutations_on_socket`: only ever works in world (a). `facts` is None for other credentials, and
    where neither way took the token.
    """

    http: Judgement | None
    push: Judgement | None
    mutations_on_socket: Judgement | None
    facts: TransportFacts | None


def transports_probe(
    endpoint: Endpoint, credential: Credential, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> TransportProbe:
    """Try both ways with harmless questions; nothing is changed at Flash. Takes one new socket and one request."""
    question = PUBLIC_WALLET if isinstance(credential, Username) else ACCOUNT
    variables = {"username": credential.name} if isinstance(credential, Username) else {}
    try:
        http = _judged(question, HttpCarrier(endpoint, credential).execute(question, variables, PROBE_TIMEOUT_S))
    except CarrierTrouble as trouble:
        http = judge(question.kind, trouble.trouble)
    push, asked = _run(_socket_probe(endpoint, credential))
    facts = None
    if isinstance(credential, SessionToken):
        if asked is None:
            facts = TransportFacts("socket", now(), "Flash answered a question over the live connection.")
        elif http is None:
            facts = TransportFacts("http", now(), "Flash answered over HTTP, and not over the live connection.")
    return TransportProbe(http, push, asked, facts)


async def _socket_probe(endpoint: Endpoint, credential: Credential) -> tuple[Judgement | None, Judgement | None]:
    try:
        async with _open(endpoint, credential) as transport:
            if not isinstance(credential, SessionToken):
                return None, judge(ACCOUNT.kind, Trouble(Where.ANSWER, message="Not authorized"))
            found = []
            for operation in (MY_UPDATES, ACCOUNT):
                try:
                    found.append(_judged(operation, await execute_on(transport, operation, {}, PROBE_TIMEOUT_S)))
                except CarrierTrouble as trouble:
                    found.append(judge(operation.kind, trouble.trouble))
            return found[0], found[1]
    except CarrierTrouble as trouble:
        judgement = judge(ACCOUNT.kind, trouble.trouble)
        return judgement, judgement


def _judged(operation: Operation, answer: Answer) -> Judgement | None:
    payload = answer.field(operation.root)
    troubles = payload_troubles(payload) if payload is not None else answer.troubles or [Trouble(Where.ANSWER)]
    return judge_all(operation.kind, troubles) if troubles else None
