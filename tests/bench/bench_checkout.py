"""How soon an open checkout page says "paid": by push, and by polling alone. In a real browser, through real processes.

python -m tests.bench checkout
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from flashpay.invoices.models import Invoice
from flashpay.invoices.selectors import checkout_link
from flashpay.invoices.services import invoice_create
from flashpay.money.currencies import SAT
from flashpay.stores.models import Store
from tests.listener.conftest import healthy, until
from tests.programs import Program
from tests.sandbox_server import SandboxServer

SALES = 8
GIVE_UP_MS = 30_000


def _sale(store: Store, sandbox: SandboxServer, page: Page) -> float:
    """Seconds from the payment on the phone to the word on the page."""
    invoice = invoice_create(store=store, amount=2_100, currency=SAT, actor="bench")
    page.goto(checkout_link(invoice))
    expect(page.get_by_role("link", name="Open in wallet")).to_be_visible()
    code = Invoice.objects.get(pk=invoice.pk).lightning_invoices.get()
    sandbox.phone_pay(code.bolt11)
    paid_at = time.monotonic()
    expect(page.get_by_role("heading", name="Paid. Thank you!")).to_be_visible(timeout=GIVE_UP_MS)
    return time.monotonic() - paid_at


@pytest.mark.parametrize("way", ["push and poll", "poll alone"])
@pytest.mark.django_db(transaction=True)
def test_the_page_says_paid(
    way: str,
    connected_store: Store,
    sandbox: SandboxServer,
    web_server: str,
    start_program: Callable[..., Program],
    tmp_path: Path,
    page: Page,
) -> None:
    start_program(
        *("-m", "celery", "-A", "flashpay", "worker", "--beat", "--schedule", str(tmp_path / "beat")),
        *("--concurrency=2", "--without-gossip", "--without-mingle", "--loglevel=INFO"),
        ready=" ready.",
    )
    if way == "push and poll":
        start_program("manage.py", "listen", ready="listening to Flash")
        invoice_create(store=connected_store, amount=2_100, currency=SAT, actor="bench")
        until(lambda: healthy("anonymous"))
    took = sorted(_sale(connected_store, sandbox, page) for _ in range(SALES))
    print(  # noqa: T201 - a bench prints
        f"\n{way:<16} {SALES} sales: median {statistics.median(took):.2f} s, slowest {took[-1]:.2f} s"
    )
