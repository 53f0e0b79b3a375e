"""What the live connection tells its owner, and what a health page shows of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from flashpay.flash.results import InvoiceStatus


@dataclass(frozen=True)
class Reconnected:
    """The connection stands and everything is subscribed again: now every open invoice has to be polled once.

    What was pushed in the `gap_s` seconds without a connection is lost; the protocol repeats nothing. `first` says
    that there was no connection before.
    """

    socket: str
    first: bool
    gap_s: float


@dataclass(frozen=True)
class InvoiceUpdate:
    """An invoice was paid. `bolt11` is None for one that nobody watches here (yet): find it by its payment hash."""

    socket: str
    bolt11: str | None
    payment_hash: str
    status: InvoiceStatus


@dataclass(frozen=True)
class CheckOverHttp:
    """Flash says that this invoice expired, which it also says of invoices paid late: ask once over HTTP."""

    socket: str
    bolt11: str
    payment_hash: str


Event = Reconnected | InvoiceUpdate | CheckOverHttp


class SocketState(StrEnum):
    CONNECTING = "connecting"
    OPEN = "open"  # acknowledged, which proves nothing about the token
    HEALTHY = "healthy"  # the token is proved (myUpdates answered), or none is needed
    REFUSED = "refused"  # connected, but Flash does not know the token
    WAITING = "waiting"  # down; the next try has a time
    STOPPED = "stopped"


@dataclass(frozen=True)
class SocketHealth:
    """`last_error` is a sentence for people. `watched` invoices, of which `subscribed` have a subscription of their own."""

    socket: str
    state: SocketState
    since: datetime
    last_event_at: datetime | None
    last_error: str | None
    reconnects: int
    watched: int
    subscribed: int

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values, for the process that shows it."""
        return {
            **asdict(self),
            "since": self.since.isoformat(),
            "last_event_at": self.last_event_at.isoformat() if self.last_event_at else None,
        }

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> SocketHealth:
        last = fields["last_event_at"]
        return cls(
            **{
                **fields,
                "state": SocketState(fields["state"]),
                "since": datetime.fromisoformat(fields["since"]),
                "last_event_at": datetime.fromisoformat(last) if last else None,
            }
        )
