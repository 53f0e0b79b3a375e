"""What the listener tells the other processes about its live connections: one JSON text in Redis that runs out by itself."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from flashpay import live
from flashpay.flash.socket_events import SocketHealth

_KEY = "flashpay:listener:report"
# Written every two seconds; without news for this long nobody is listening.
LIFE_S = 10


@dataclass(frozen=True)
class ListenerReport:
    """`sockets` by their names (`flashpay.flash.socket.socket_key`)."""

    listener: str
    at: datetime
    sockets: dict[str, SocketHealth]


def write(*, listener: str, sockets: Iterable[SocketHealth], now: datetime | None = None) -> None:
    """Raises redis.RedisError."""
    at = now or datetime.now(UTC)
    body = {"listener": listener, "at": at.isoformat(), "sockets": [health.to_dict() for health in sockets]}
    live.connection().set(_KEY, json.dumps(body), ex=LIFE_S)


def read() -> ListenerReport | None:
    """None when no listener is active. Raises redis.RedisError."""
    text = live.connection().get(_KEY)
    if text is None:
        return None
    body = json.loads(str(text))
    sockets = {each["socket"]: SocketHealth.from_dict(each) for each in body["sockets"]}
    return ListenerReport(body["listener"], datetime.fromisoformat(body["at"]), sockets)
