"""Claiming in a real browser, paid by a real worker through the sandbox: live to the end, on both pages."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from flashpay.money.currencies import SAT
from flashpay.stores.models import Store
from payouts.models import Payout, PullPayment
from payouts.selectors import claim_link, pull_payment_lnurl
from payouts.services import pull_payment_create
from payouts.tasks import complete_receipts
from tests.programs import Program
from tests.sandbox_server import SandboxServer

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

PAID_WITHIN_MS = 8_000


@pytest.fixture
def pull_payment(connected_store: Store) -> PullPayment:
    return pull_payment_create(store=connected_store, amount=30_000, currency=SAT, name="Prize", actor="alice")


def test_a_pasted_invoice_is_refused_kept_corrected_and_paid(
    page: Page, web_server: str, worker: Program, sandbox: SandboxServer, pull_payment: PullPayment
) -> None:
    asked = sandbox.phone_invoice(20_000)
    page.goto(claim_link(pull_payment))
    box = page.get_by_label("Lightning invoice or address")
    box.fill(asked["bolt11"][:-1])
    page.get_by_role("button", name="Claim").click()
    expect(page.get_by_text("A character of this invoice is wrong or missing.")).to_be_visible()
    expect(box).to_have_value(asked["bolt11"][:-1])
    assert not Payout.objects.exists()

    box.fill(asked["bolt11"])
    page.get_by_role("button", name="Claim").click()
    expect(page.get_by_role("heading", name="Paid", exact=True)).to_be_visible(timeout=PAID_WITHIN_MS)
    payout = Payout.objects.get()
    assert page.url.partition("#")[0] == f"{claim_link(pull_payment)}/{payout.pk}"
    paid = sandbox.payments(asked["payment_hash"])
    assert len(paid) == 1
    complete_receipts()  # as beat has it done every few seconds
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.get_by_text(paid[0]["preimage"]).first).to_be_visible()


def test_a_wallet_that_scans_the_code_shows_on_the_open_page(
    page: Page, web_server: str, worker: Program, sandbox: SandboxServer, pull_payment: PullPayment
) -> None:
    page.goto(claim_link(pull_payment))
    expect(page.get_by_text("Claims so far")).to_have_count(0)
    withdrawn: dict[str, Any] = sandbox.phone_pay(pull_payment_lnurl(pull_payment).bech32, amount_sat=20_000)
    assert withdrawn
    expect(page.get_by_text("Completed")).to_be_visible(timeout=PAID_WITHIN_MS)
    expect(page.get_by_text("10,000 sat").first).to_be_visible()


def test_it_fits_a_phone_of_320_pixels(page: Page, web_server: str, pull_payment: PullPayment) -> None:
    page.set_viewport_size({"width": 320, "height": 640})
    page.goto(claim_link(pull_payment))
    expect(page.get_by_role("link", name="Open in wallet")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
