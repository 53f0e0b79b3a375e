"""How a wallet's connection is: what the listener, the poll, the budgets and the last check say of it, and what is wrong."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import redis
from django.utils import timezone

from flashpay import flash, heartbeat
from flashpay.flash.socket import socket_key
from flashpay.flash.socket_events import SocketHealth, SocketState
from flashpay.stores import listener_report
from flashpay.stores.clock import ClockReading, clock_last
from flashpay.stores.listener_report import ListenerReport
from flashpay.stores.models import Store, WalletConnection
from flashpay.stores.wallets import budgets, credential_of, endpoint_of, facts_of

# A code asked about this much after its time shows that the poll does not keep up.
POLL_LAG_TOLERATED = timedelta(seconds=15)
CHECK_TOLERATED = timedelta(minutes=15)
ANONYMOUS = flash.Username("anybody")


@dataclass(frozen=True)
class Trouble:
    """Something that a person should know. `bad`: payments are not noticed, or not made; else they are slower."""

    sentence: str
    bad: bool = False


@dataclass(frozen=True)
class ConnectionHealth:
    """Everything about one wallet's connection. None where it is not known (Redis away, no listener, never asked).

    `own_socket`: the connection has a live connection of its own; else its codes are watched without a credential.
    """

    connection: WalletConnection
    at: datetime
    redis_answers: bool
    listener: ListenerReport | None
    socket: SocketHealth | None
    own_socket: bool
    ages: dict[str, float | None]
    open_codes: int
    poll_lag: timedelta
    facts: flash.TransportFacts | None
    budgets: tuple[flash.Left, ...]
    clock: ClockReading | None

    @property
    def troubles(self) -> list[Trouble]:
        """What is wrong, the worst first; empty when all is well."""
        return _worst_first([*self._processes(), *self.wallet_troubles])

    @property
    def wallet_troubles(self) -> list[Trouble]:
        """What is wrong with this wallet, leaving out what concerns the whole deployment."""
        return _worst_first([*self._socket(), *self._wallet(), *self._limits()])

    def _processes(self) -> list[Trouble]:
        if not self.redis_answers:
            return [
                Trouble("Redis does not answer, so nothing is polled and no payout is sent at the moment.", bad=True)
            ]
        found = []
        if self.ages.get(heartbeat.WORKER) is None:
            found.append(Trouble("No worker is running: payouts wait, and nothing is polled.", bad=True))
        elif self.ages.get(heartbeat.BEAT) is None:
            found.append(Trouble("The scheduler (beat) is not running: nothing is polled, and payouts wait.", bad=True))
        if self.listener is None:
            found.append(Trouble("The listener is not running. Payments are noticed by the poll, some seconds later."))
        return found

    def _socket(self) -> list[Trouble]:
        if self.listener is None:
            return []
        if self.socket is None:
            return [Trouble("The live connection has not been opened yet.")]
        if self.socket.state is SocketState.REFUSED:
            return [Trouble(self.socket.last_error or "Flash does not accept the session token.", bad=True)]
        if self.socket.state in (SocketState.WAITING, SocketState.CONNECTING, SocketState.STOPPED):
            reason = self.socket.last_error or "The live connection is down; it is opened again."
            return [Trouble(f"{reason} Until then payments are noticed by the poll.")]
        return []

    def _wallet(self) -> list[Trouble]:
        found = []
        if self.connection.last_error:
            found.append(Trouble(self.connection.last_error, bad=True))
        checked_at = self.connection.checked_at
        if checked_at is None or self.at - checked_at > CHECK_TOLERATED:
            found.append(Trouble("Flash has given no answer about this wallet for a while."))
        if self.clock is not None and not self.clock.is_right:
            found.append(
                Trouble(
                    f"This server's clock is {self.clock.words}. Payment codes live one minute, so please set it right "
                    "(with NTP).",
                    bad=True,
                )
            )
        return found

    def _limits(self) -> list[Trouble]:
        found = []
        if self.poll_lag > POLL_LAG_TOLERATED:
            found.append(Trouble(f"The poll is {self.poll_lag.total_seconds():.0f} s behind its plan."))
        for left in self.budgets:
            if left.blocked_for_s:
                found.append(Trouble(f"Flash has asked us to wait {left.blocked_for_s} s."))
            elif left.name == "invoices" and left.left == 0:
                found.append(
                    Trouble(
                        f"{left.size} payment codes in {left.period_s} s is what Flash allows; new ones wait a moment."
                    )
                )
        return found


def _worst_first(troubles: list[Trouble]) -> list[Trouble]:
    return sorted(troubles, key=lambda trouble: not trouble.bad)


def connection_health(*, connection: WalletConnection, now: datetime | None = None) -> ConnectionHealth:
    """Read everything that is known about a connection; asks nothing of Flash. Raises CannotDecrypt."""
    now = now or timezone.now()
    endpoint, credential = endpoint_of(connection), credential_of(connection)
    listener, clock, answers = None, None, True
    left: tuple[flash.Left, ...] = ()
    ages: dict[str, float | None] = dict.fromkeys(heartbeat.NAMES)
    try:
        listener, clock, ages = listener_report.read(), clock_last(endpoint), heartbeat.ages()
        left = budgets().left(endpoint, credential, connection.wallet_id)
    except redis.RedisError:
        answers = False
    sockets = listener.sockets if listener else {}
    own = sockets.get(socket_key(endpoint, credential)) if isinstance(credential, flash.SessionToken) else None
    polled = connection.lightning_invoices.filter(next_poll_at__isnull=False).order_by("next_poll_at")
    first_due = polled.values_list("next_poll_at", flat=True).first()
    return ConnectionHealth(
        connection=connection,
        at=now,
        redis_answers=answers,
        listener=listener,
        socket=own or sockets.get(socket_key(endpoint, ANONYMOUS)),
        own_socket=own is not None,
        ages=ages,
        open_codes=connection.lightning_invoices.filter(state="open", expires_at__gt=now).count(),
        poll_lag=max(timedelta(), now - first_due) if first_due else timedelta(),
        facts=facts_of(connection),
        budgets=left,
        clock=clock,
    )


def store_health(*, store: Store, now: datetime | None = None) -> ConnectionHealth | None:
    """The health of the store's wallet; None when it has none."""
    connection = WalletConnection.objects.filter(store=store, is_active=True).first()
    return connection_health(connection=connection, now=now) if connection else None
