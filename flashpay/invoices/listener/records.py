"""What the listener reads from and writes to the database. Synchronous; the listener calls these in threads."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.db.models import Q
from django.utils import timezone

from flashpay import flash
from flashpay.crypto import CannotDecrypt
from flashpay.flash.socket import socket_key
from flashpay.invoices.models import Evidence, LightningInvoice, LightningInvoiceState
from flashpay.invoices.services import lightning_invoices_poll, payment_record
from flashpay.invoices.services.polling import endpoints_due
from flashpay.stores.models import WalletConnection
from flashpay.stores.wallets import budgets, credential_of, endpoint_of

log = structlog.get_logger(__name__)

# Flash's own timer says EXPIRED a second after the end; a little longer is watched for payments under way.
WATCHED_AFTER_END = timedelta(seconds=15)
MOST_WATCHED = 5_000
# What may have been paid while the connection was down: codes that lived then.
LIFE_OF_A_CODE = timedelta(seconds=60)
NOBODY = flash.Username("anybody")


@dataclass(frozen=True)
class Line:
    """Where the news about a connection's codes come from. `token`: a socket of its own, with its session token."""

    api_url: str
    endpoint: flash.Endpoint
    credential: flash.Credential
    is_active: bool


@dataclass(frozen=True)
class OpenCode:
    payment_hash: str
    bolt11: str
    connection_id: str


def open_codes(*, now: datetime, ids: Collection[int] | None = None) -> list[OpenCode]:
    """The codes that are to be watched, the newest first; with `ids` only those among them."""
    wanted = Q(state=LightningInvoiceState.OPEN, next_poll_at__isnull=False, expires_at__gt=now - WATCHED_AFTER_END)
    if ids is not None:
        wanted &= Q(pk__in=ids)
    rows = LightningInvoice.objects.filter(wanted).order_by("-id")
    return [OpenCode(*row) for row in rows.values_list("payment_hash", "bolt11", "connection_id")[:MOST_WATCHED]]


def lines_known(*, before: Mapping[str, Line], codes: Iterable[OpenCode]) -> dict[str, Line]:
    """A line for every active connection and for those of `codes`. What is in `before` is not read again: a connection
    is never changed, only replaced by another one, and decrypting costs."""
    active = set(WalletConnection.objects.filter(is_active=True, store__archived=False).values_list("pk", flat=True))
    wanted = active | {code.connection_id for code in codes}
    lines = {pk: line for pk, line in before.items() if pk in wanted and line.is_active == (pk in active)}
    for pk in wanted - lines.keys():
        try:
            connection = WalletConnection.objects.get(pk=pk)
            credential = credential_of(connection)
        except (CannotDecrypt, WalletConnection.DoesNotExist) as error:
            log.error("a wallet cannot be listened to", connection=pk, error=type(error).__name__)
            continue
        # The codes of a wallet that was replaced are watched to their end, without its credential.
        spoken = credential if pk in active and isinstance(credential, flash.SessionToken) else NOBODY
        lines[pk] = Line(connection.api_url, endpoint_of(connection), spoken, pk in active)
    return lines


def push_settle(*, payment_hash: str, socket: str, now: datetime | None = None) -> bool:
    """Credit the code with this hash; False when there is none, or when it was credited before.

    `socket` is where the news came from: what one Flash service says about the codes of another is not believed.
    """
    row = LightningInvoice.objects.select_related("connection").filter(payment_hash=payment_hash).first()
    if row is None:
        return False  # the account receives by other ways as well
    endpoint = endpoint_of(row.connection)
    if socket not in (socket_key(endpoint, NOBODY), socket_key(endpoint, credential_of(row.connection))):
        log.error("news about another service's code is not believed", lightning_invoice=row.pk)
        return False
    return payment_record(lightning_invoice=row, evidence=Evidence.PUSH, now=now) is not None


def check_soon(*, payment_hash: str, now: datetime | None = None) -> None:
    """Have this code asked about at the next poll, unless it is over or was to be asked already."""
    now = now or timezone.now()
    LightningInvoice.objects.filter(payment_hash=payment_hash, next_poll_at__gt=now).update(next_poll_at=now)


def check_all_soon(*, connections: Collection[str], gap_s: float, now: datetime | None = None) -> int:
    """Have every code of these connections asked about that may have been paid in the last `gap_s` seconds."""
    now = now or timezone.now()
    lived = now - timedelta(seconds=gap_s) - LIFE_OF_A_CODE
    rows = LightningInvoice.objects.filter(
        connection_id__in=connections, next_poll_at__gt=now, expires_at__gt=lived, state=LightningInvoiceState.OPEN
    )
    return rows.update(next_poll_at=now)


def poll_once(*, endpoint: flash.Endpoint, api_url: str) -> bool:
    """Ask about one batch of due codes of an endpoint, if there is room for it; whether there may be more.

    Half of what Flash allows is left to the regular poll and to payments. Raises redis.RedisError.
    """
    address = budgets().left(endpoint, NOBODY)[0]
    if address.left <= address.size // 2 or api_url not in endpoints_due(now=timezone.now()):
        return False
    lightning_invoices_poll(api_url=api_url)
    return True
