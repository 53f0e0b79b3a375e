"""What the health of a connection says, from what is known and from what is missing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from flashpay import heartbeat
from flashpay.flash.socket_events import SocketHealth, SocketState
from flashpay.invoices.models import LightningInvoice
from flashpay.stores import listener_report
from flashpay.stores.health import ConnectionHealth, store_health
from flashpay.stores.models import Store
from tests.listener.conftest import code_make
from tests.sandbox_server import SandboxServer

pytestmark = pytest.mark.django_db


def everything_runs(flash: SandboxServer, **changes: Any) -> None:
    now = timezone.now()
    for name in heartbeat.NAMES:
        heartbeat.beat(name)
    fields: dict[str, Any] = {
        "socket": f"anonymous@{flash.ws_url}",
        "state": SocketState.HEALTHY,
        "since": now,
        "last_event_at": now,
        "last_error": None,
        "reconnects": 0,
        "watched": 1,
        "subscribed": 1,
    }
    listener_report.write(listener="here:1", sockets=[SocketHealth(**fields | changes)])


def health_of(store: Store) -> ConnectionHealth:
    health = store_health(store=store)
    assert health is not None
    return health


def sentences(health: ConnectionHealth) -> str:
    return " ".join(trouble.sentence for trouble in health.troubles)


def test_when_all_is_well_there_is_nothing_to_say(connected_store: Store, flash: SandboxServer) -> None:
    everything_runs(flash)
    health = health_of(connected_store)
    assert health.troubles == []
    assert health.socket is not None
    assert not health.own_socket
    assert {left.name for left in health.budgets} == {"address", "key", "invoices"}


def test_a_store_without_a_wallet_has_no_health(store: Store) -> None:
    assert store_health(store=store) is None


def test_without_processes_it_says_what_does_not_happen(connected_store: Store, flash: SandboxServer) -> None:
    health = health_of(connected_store)
    assert [trouble.bad for trouble in health.troubles] == [True, False]
    assert "No worker" in sentences(health)
    assert "listener" in sentences(health)


def test_a_connection_that_is_down_says_why_in_words(connected_store: Store, flash: SandboxServer) -> None:
    everything_runs(flash, state=SocketState.WAITING, last_error="Flash's live connection could not be reached.")
    health = health_of(connected_store)
    assert "could not be reached. Until then payments are noticed by the poll." in sentences(health)
    assert not any(trouble.bad for trouble in health.troubles)


def test_a_poll_that_lags_is_told_in_seconds(connected_store: Store, flash: SandboxServer) -> None:
    everything_runs(flash)
    code = code_make(connected_store)
    assert health_of(connected_store).open_codes == 1
    LightningInvoice.objects.filter(pk=code.pk).update(next_poll_at=timezone.now() - timedelta(seconds=90))
    assert "90 s behind" in sentences(health_of(connected_store))


def test_a_failed_check_is_the_first_thing_told(connected_store: Store, flash: SandboxServer) -> None:
    everything_runs(flash, state=SocketState.WAITING)
    connected_store.wallet_connections.update(last_error="Flash does not accept this API key any more.")
    assert health_of(connected_store).troubles[0].sentence == "Flash does not accept this API key any more."


def test_without_redis_it_says_so_and_still_answers(
    connected_store: Store, flash: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    import redis

    from flashpay import live

    gone = redis.Redis(host="127.0.0.1", port=9, socket_connect_timeout=0.5)
    monkeypatch.setattr(live, "connection", lambda: gone)
    health = health_of(connected_store)
    assert not health.redis_answers
    assert "Redis does not answer" in sentences(health)
