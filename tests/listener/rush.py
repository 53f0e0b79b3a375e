"""Many payers at once while the live connection is cut again and again and pushes are lost: what becomes of it."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db import connection

from tests.listener.conftest import code_make
from tests.sandbox_server import SandboxServer

PAYERS = 12
# How long a payer takes to scan and confirm.
SCANNING_S = (0.5, 3.0)


@dataclass(frozen=True)
class Figures:
    """Latencies in seconds, from the moment a payer confirms to the moment the payment is credited, sorted."""

    paid: int
    took_s: float
    latencies_s: Sequence[float]
    by_push: int
    credited_twice: int
    cuts: int

    def share_within(self, seconds: float) -> float:
        return sum(latency <= seconds for latency in self.latencies_s) / self.paid

    def quantile(self, share: float) -> float:
        return self.latencies_s[min(len(self.latencies_s) - 1, int(share * len(self.latencies_s)))]

    def table(self) -> str:
        settled = len(self.latencies_s)
        rows = [
            ("invoices paid", f"{self.paid:,} in {self.took_s:.0f} s"),
            ("connections cut", f"{self.cuts}"),
            ("settled", f"{settled:,} ({self.by_push:,} by push, {settled - self.by_push:,} by poll)"),
            ("credited twice", f"{self.credited_twice}"),
            *((f"within {limit} s", f"{self.share_within(limit):.1%}") for limit in (1, 5, 7, 10, 15)),
            ("median / 99 % / slowest", " / ".join(f"{self.quantile(share):.2f} s" for share in (0.5, 0.99, 1.0))),
        ]
        width = max(len(name) for name, _ in rows)
        return "\n".join(f"  {name:<{width}}  {value}" for name, value in rows)


def rush(*, stores: Sequence[Any], flash: SandboxServer, payments: int, settle_within_s: float, seed: int) -> Figures:
    """Let `payments` payers pay codes of `stores`, and wait until all are settled, or `settle_within_s` have passed."""
    dice = random.Random(seed)
    scans = [dice.uniform(*SCANNING_S) for _ in range(payments)]
    paid_at: dict[int, datetime] = {}
    lock = threading.Lock()

    def pay(number: int) -> None:
        try:
            code = code_make(stores[number % len(stores)], amount=100 + number % 100)
        finally:
            connection.close()
        time.sleep(scans[number])
        confirmed_at = datetime.now(UTC)
        flash.phone_pay(code.bolt11)
        with lock:
            paid_at[code.pk] = confirmed_at

    cuts_before = _sockets_opened()
    began = time.monotonic()
    with ThreadPoolExecutor(PAYERS) as payers:
        for outcome in [payers.submit(pay, number) for number in range(payments)]:
            outcome.result()
    took_s = time.monotonic() - began
    _settled(payments, settle_within_s)
    return _figures(paid_at, took_s, _sockets_opened() - cuts_before)


def _sockets_opened() -> int:
    from tests.listener.conftest import sockets_now

    return sum(health.reconnects for health in sockets_now().values())


def _settled(payments: int, within_s: float) -> None:
    from flashpay.invoices.models import Payment

    give_up_at = time.monotonic() + within_s
    while Payment.objects.count() < payments and time.monotonic() < give_up_at:
        time.sleep(0.2)


def _figures(paid_at: dict[int, datetime], took_s: float, cuts: int) -> Figures:
    from flashpay.invoices.models import Invoice, Payment

    credited = list(Payment.objects.values_list("lightning_invoice_id", "settled_at", "evidence"))
    latencies = sorted(max(0.0, (settled_at - paid_at[code]).total_seconds()) for code, settled_at, _ in credited)
    twice = sum(
        invoice.received_msat != sum(payment.amount_msat for payment in invoice.payments.all())
        or invoice.payments.count() > 1
        for invoice in Invoice.objects.prefetch_related("payments")
    )
    by_push = sum(evidence == "push" for _, _, evidence in credited)
    return Figures(len(paid_at), took_s, latencies, by_push, twice, cuts)
