"""Many payments at once under trouble, in small; `make bench` does it with a thousand and prints how long it took."""

from __future__ import annotations

from pathlib import Path

import pytest

from flashpay.invoices.models import Invoice
from flashpay.stores.models import Store
from tests.listener.conftest import StartProgram, healthy, until, wallet_by_token
from tests.listener.rush import rush
from tests.programs import Program
from tests.sandbox_server import SandboxServer

PAYMENTS = 60


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_payments_survive_cut_connections_and_lost_pushes(
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
    # Real shops have an address each; here all of them share one, and its limit is not what this is about.
    monkeypatch.setattr("flashpay.stores.wallets.budgets", lambda: None)
    flash.switch(socket_cut_every_s=3, lose_push_every=5)
    figures = rush(
        stores=[connected_store, by_token], flash=flash, payments=PAYMENTS, settle_within_s=60, seed=20261122
    )
    print(f"\n{figures.table()}")  # noqa: T201 - shown with -s
    assert (len(figures.latencies_s), figures.credited_twice) == (PAYMENTS, 0)
    assert Invoice.objects.filter(state="Settled", additional_state="None").count() == PAYMENTS
