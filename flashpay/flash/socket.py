"""The live connection to Flash: one socket per endpoint and credential, kept up for ever, in the listener process.

With a session token `myUpdates` tells of every payment of the account; otherwise each open invoice has a subscription
of its own, which needs no credential. Pushes are news, never the truth: whoever owns this polls as well.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, cast

from gql.transport.exceptions import TransportConnectionFailed, TransportError

from flashpay.flash.answers import Answer
from flashpay.flash.backoff import Backoff, Gate, Sleep
from flashpay.flash.credentials import Credential, Endpoint, SessionToken
from flashpay.flash.errors import Verdict
from flashpay.flash.http_carrier import ANSWER_TIMEOUT_S
from flashpay.flash.operations import INVOICE_UPDATES, MY_UPDATES, Kind, Operation
from flashpay.flash.results import InvoiceStatus
from flashpay.flash.socket_errors import sentence_of
from flashpay.flash.socket_events import CheckOverHttp, Event, InvoiceUpdate, Reconnected, SocketHealth, SocketState
from flashpay.flash.socket_transport import NotOpen, SocketTransport
from flashpay.flash.troubles import CarrierTrouble, Failure, Trouble, Where
from flashpay.flash.verdicts import judge

# Invoices live a minute and an account makes at most 20 in two: this is room for some twenty busy accounts on one
# anonymous socket. Each subscription makes Flash ask IBEX once; the oldest invoices are left to polling.
MAX_SUBSCRIPTIONS = 200
# How long `myUpdates` may take to prove the token before invoices get subscriptions of their own.
PROOF_WITHIN_S = 2.0
# Flash looks at a token only when a connection is opened: so a refused one is tried again on a new connection.
REFUSED_RETRY_S = 300.0
REMEMBERED = 10_000


def socket_key(endpoint: Endpoint, credential: Credential) -> str:
    """Names the socket that serves this credential; everything but a session token shares the anonymous one."""
    secret = credential.fingerprint if isinstance(credential, SessionToken) else "anonymous"
    return f"{secret}@{endpoint.ws_url}"


class FlashSocket:
    """`run()` keeps the connection up until it is cancelled; `sink` gets the events. Not thread-safe: one loop."""

    def __init__(
        self,
        endpoint: Endpoint,
        credential: Credential,
        *,
        sink: Callable[[Event], None],
        gate: Gate,
        backoff: Backoff | None = None,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Sleep = asyncio.sleep,
        ping_every_s: float = 15,
    ) -> None:
        self.key = socket_key(endpoint, credential)
        self._endpoint = endpoint
        self._credential = credential if isinstance(credential, SessionToken) else None
        self._sink = sink
        self._gate = gate
        self._backoff = backoff or Backoff()
        self._clock, self._now, self._sleep = clock, now, sleep
        self._ping_every_s = ping_every_s
        self._transport: SocketTransport | None = None
        self._watched: OrderedDict[str, str] = OrderedDict()  # payment hash -> bolt11, oldest first
        self._subscribed: dict[str, int] = {}  # payment hash -> number on the present connection
        self._settled: OrderedDict[str, InvoiceStatus] = OrderedDict()  # what was told already
        self._wake = asyncio.Event()
        self._state, self._since = SocketState.STOPPED, now()
        self._opened_at = self._lost_at = clock()
        self._retry_token_at: float | None = None
        self._last_event_at: datetime | None = None
        self._last_error: str | None = None
        self._connections = 0

    # --- For the owner ------------------------------------------------------------------------------------------

    def watch(self, bolt11: str, payment_hash: str) -> None:
        payment_hash = payment_hash.lower()
        if payment_hash not in self._watched and payment_hash not in self._settled:
            self._watched[payment_hash] = bolt11
            self._wake.set()

    def unwatch(self, payment_hash: str) -> None:
        if self._watched.pop(payment_hash.lower(), None) is not None:
            self._wake.set()

    def health(self) -> SocketHealth:
        return SocketHealth(
            socket=self.key,
            state=self._state,
            since=self._since,
            last_event_at=self._last_event_at,
            last_error=self._last_error,
            reconnects=max(0, self._connections - 1),
            watched=len(self._watched),
            subscribed=len(self._subscribed),
        )

    async def run(self) -> None:
        """Connect, and connect again, until cancelled."""
        try:
            while True:
                self._enter(SocketState.CONNECTING)
                await self._gate.passed()
                try:
                    reason = await self._live()
                except (TransportError, OSError, TimeoutError, NotOpen) as error:
                    reason = error
                self._last_error = sentence_of(reason) or self._last_error
                self._enter(SocketState.WAITING)
                await self._sleep(self._backoff.next_s())
        finally:
            self._enter(SocketState.STOPPED)

    async def execute(
        self, operation: Operation, variables: Mapping[str, Any], timeout_s: float | None = None
    ) -> Answer:
        """Send a query or mutation as a `subscribe` message, once. Raises CarrierTrouble."""
        transport = self._transport
        if transport is None:
            raise CarrierTrouble(Trouble(Where.TRANSPORT, Failure.NOT_OPEN))
        return await execute_on(transport, operation, variables, timeout_s)

    # --- One connection -----------------------------------------------------------------------------------------

    async def _live(self) -> Exception | None:
        """One connection from its opening to its end; returns why it ended. Raises what kept it from opening."""
        transport = SocketTransport(self._endpoint, self._credential, ping_every_s=self._ping_every_s)
        try:
            await transport.connect()
            self._opened(transport)
            closed = asyncio.ensure_future(transport.until_closed())
            try:
                if self._credential:
                    await transport.begin(MY_UPDATES, {}, self._news)
                await self._subscriptions_match(transport)
                self._told_reconnected()
                while not closed.done() and not self._token_is_due():
                    await self._wait(closed)
                    await self._subscriptions_match(transport)
                return closed.result() if closed.done() else None
            finally:
                closed.cancel()
        finally:
            if self._transport is not None:
                self._lost_at = self._clock()
            self._transport = None
            self._subscribed.clear()
            await transport.close()

    def _opened(self, transport: SocketTransport) -> None:
        self._transport = transport
        self._opened_at = self._clock()
        self._retry_token_at = None
        self._connections += 1
        if self._credential:
            self._enter(SocketState.OPEN)
        else:
            self._healthy()

    def _told_reconnected(self) -> None:
        gap_s = self._opened_at - self._lost_at if self._connections > 1 else 0.0
        self._sink(Reconnected(self.key, first=self._connections == 1, gap_s=gap_s))

    async def _wait(self, closed: asyncio.Future[Any]) -> None:
        """Until something has to be done: the connection fell, the watched ones changed, or a time has come."""
        deadlines = [self._retry_token_at] if self._retry_token_at else []
        if self._state is SocketState.OPEN and self._clock() < self._opened_at + PROOF_WITHIN_S:
            deadlines.append(self._opened_at + PROOF_WITHIN_S)
        timeout_s = max(0.01, min(deadlines) - self._clock()) if deadlines else None
        woken = asyncio.ensure_future(self._wake.wait())
        try:
            await asyncio.wait({closed, woken}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            woken.cancel()

    def _token_is_due(self) -> bool:
        return self._retry_token_at is not None and self._clock() >= self._retry_token_at

    async def _subscriptions_match(self, transport: SocketTransport) -> None:
        """Bring the subscriptions on the wire to what is watched."""
        self._wake.clear()
        newest = list(self._watched)[-MAX_SUBSCRIPTIONS:] if self._invoices_need_subscriptions() else []
        for payment_hash in self._subscribed.keys() - set(newest):
            await transport.end(self._subscribed.pop(payment_hash))
        for payment_hash in reversed(newest):
            bolt11 = self._watched.get(payment_hash)
            if payment_hash in self._subscribed or bolt11 is None:
                continue
            inbox = self._invoice_inbox(payment_hash)
            self._subscribed[payment_hash] = await transport.begin(
                INVOICE_UPDATES, {"input": {"paymentRequest": bolt11}}, inbox
            )

    def _invoices_need_subscriptions(self) -> bool:
        if self._credential is None or self._state is SocketState.REFUSED:
            return True
        return self._state is SocketState.OPEN and self._clock() >= self._opened_at + PROOF_WITHIN_S

    # --- What Flash says ----------------------------------------------------------------------------------------

    def _news(self, answer: Answer | None) -> None:
        """An answer of `myUpdates`; None when Flash ended it."""
        payload = answer.field(MY_UPDATES.root) if answer else None
        if answer is None or payload is None or answer.errors or payload.get("errors"):
            self._no_news(answer)
            return
        self._heard()
        if self._state is not SocketState.HEALTHY:
            self._healthy()
        update = payload.get("update")
        if isinstance(update, Mapping) and update.get("__typename") == "LnUpdate":
            payment_hash = str(update.get("paymentHash") or "").lower()
            self._status(payment_hash, self._watched.get(payment_hash), update.get("status"))

    def _no_news(self, answer: Answer | None) -> None:
        if self._retry_token_at is not None:
            return  # said already; the `complete` that follows an error
        self._retry_token_at = self._clock() + REFUSED_RETRY_S
        payload = answer.field(MY_UPDATES.root) if answer else None
        errors = [*(answer.errors if answer else ()), *((payload or {}).get("errors") or ())]
        trouble = Trouble(Where.ANSWER, code=_code(errors), message=str(errors[0].get("message")) if errors else "")
        judgement = judge(Kind.SUBSCRIBE, trouble)
        refused = judgement.verdict is Verdict.SETTINGS
        self._last_error = judgement.sentence if refused else "Flash ended its news of this account; it is asked again."
        self._enter(SocketState.REFUSED if refused else SocketState.OPEN)
        self._wake.set()

    def _invoice_inbox(self, payment_hash: str) -> Callable[[Answer | None], None]:
        def inbox(answer: Answer | None) -> None:
            payload = answer.field(INVOICE_UPDATES.root) if answer else None
            if payload is None or payload.get("status") is None:
                return  # an error or the end: this invoice is left to polling on this connection
            self._heard()
            self._status(payment_hash, self._watched.get(payment_hash), payload.get("status"))

        return inbox

    def _status(self, payment_hash: str, bolt11: str | None, status: Any) -> None:
        if not payment_hash or self._settled.get(payment_hash) in (InvoiceStatus.PAID, status):
            return  # said before; and nothing that follows PAID changes it
        if status == InvoiceStatus.PAID:
            self._settle(payment_hash, InvoiceStatus.PAID)
            self._sink(InvoiceUpdate(self.key, bolt11, payment_hash, InvoiceStatus.PAID))
        elif status == InvoiceStatus.EXPIRED and bolt11 is not None:
            self._settle(payment_hash, InvoiceStatus.EXPIRED)
            self._sink(CheckOverHttp(self.key, bolt11, payment_hash))

    def _settle(self, payment_hash: str, status: InvoiceStatus) -> None:
        self._settled[payment_hash] = status
        while len(self._settled) > REMEMBERED:
            self._settled.popitem(last=False)
        self.unwatch(payment_hash)

    def _heard(self) -> None:
        self._last_event_at = self._now()

    def _healthy(self) -> None:
        self._backoff.reset()
        self._enter(SocketState.HEALTHY)
        self._wake.set()

    def _enter(self, state: SocketState) -> None:
        if state is not self._state:
            self._state, self._since = state, self._now()


def _code(errors: list[Any]) -> str | None:
    error = errors[0] if errors and isinstance(errors[0], Mapping) else {}
    extensions = error.get("extensions")
    code = error.get("code") or (extensions.get("code") if isinstance(extensions, Mapping) else None)
    return str(code) if code else None


async def execute_on(
    transport: SocketTransport, operation: Operation, variables: Mapping[str, Any], timeout_s: float | None = None
) -> Answer:
    """Send one operation over an open transport and wait for its answer. Raises CarrierTrouble."""
    first: asyncio.Future[Answer | None] = asyncio.get_running_loop().create_future()

    def inbox(answer: Answer | None) -> None:
        if not first.done():
            first.set_result(answer)

    closed: asyncio.Future[Any] = asyncio.ensure_future(transport.until_closed())
    number = None
    try:
        async with asyncio.timeout(timeout_s or ANSWER_TIMEOUT_S[operation.kind]):
            number = await transport.begin(operation, variables, inbox)
            await asyncio.wait([cast(asyncio.Future[Any], first), closed], return_when=asyncio.FIRST_COMPLETED)
    except NotOpen as error:
        raise CarrierTrouble(Trouble(Where.TRANSPORT, Failure.NOT_OPEN)) from error
    except TransportConnectionFailed as error:
        raise CarrierTrouble(Trouble(Where.TRANSPORT, Failure.DROPPED)) from error
    except TimeoutError as error:
        raise CarrierTrouble(Trouble(Where.TRANSPORT, Failure.TIMEOUT)) from error
    finally:
        closed.cancel()
        if number is not None:
            transport.forget(number)
    if not first.done():
        raise CarrierTrouble(Trouble(Where.TRANSPORT, Failure.DROPPED))
    answer = first.result()
    if answer is None:
        raise CarrierTrouble(Trouble(Where.TRANSPORT, Failure.UNREADABLE))
    return answer
