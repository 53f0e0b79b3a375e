"""A thousand invoices paid while the live connections are cut every few seconds and one push in five is lost.

    python -m tests.bench rush        (three to four minutes; not part of the suite)

Everything is real but Flash, which is the sandbox: a listener, a worker with beat, two stores (API key, session token).
"""

from __future__ import annotations

from pathlib import Path

import pytest

from flashpay.stores.models import Store
from tests.listener.conftest import StartProgram, flash, healthy, listener, until, wallet_by_token
from tests.listener.rush import rush
from tests.programs import Program
from tests.sandbox_server import SandboxServer

__all__ = ["flash", "listener"]

PAYMENTS = 1_000
CUT_EVERY_S = 4
LOST = 5


@pytest.mark.django_db(transaction=True)
def test_a_thousand_payments(
    connected_store: Store,
    charlie: object,
    listener: Program,
    flash: SandboxServer,
    start_program: StartProgram,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    by_token = Store.objects.exclude(pk=connected_store.pk).get()
    wallet_by_token(by_token, flash)
    start_program(
        *("-m", "celery", "-A", "flashpay", "worker", "--beat", "--schedule", str(tmp_path / "beat")),
        *("--concurrency=2", "--without-gossip", "--without-mingle", "--loglevel=INFO"),
        ready=" ready.",
    )
    until(lambda: healthy("anonymous") and healthy("token"))
    # Shops have an address each and Flash counts by address; a thousand codes from one are not what this is about.
    monkeypatch.setattr("flashpay.stores.wallets.budgets", lambda: None)
    flash.switch(socket_cut_every_s=CUT_EVERY_S, lose_push_every=LOST)
    figures = rush(
        stores=[connected_store, by_token], flash=flash, payments=PAYMENTS, settle_within_s=120, seed=20261122
    )
    print(f"\nConnections cut every {CUT_EVERY_S} s, one push in {LOST} lost:\n{figures.table()}")  # noqa: T201
    assert (len(figures.latencies_s), figures.credited_twice) == (PAYMENTS, 0)
    assert figures.share_within(10) >= 0.99
