"""The receipt's check in a real browser: computed there, and by the server, each said in words."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, expect

from flashpay.money.currencies import SAT
from flashpay.stores.models import Store
from payouts.models import Payout, PayoutAttempt
from payouts.services import payout_claim, payout_send, pull_payment_create
from tests.payouts.conftest import ALICE
from tests.sandbox_server import SandboxServer

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
BROWSER_PROVED = "Your browser has computed it: the SHA-256"
SERVER_PROVED = "The server has computed it from its own records"


@pytest.fixture
def paid(connected_store: Store, plain_sandbox: SandboxServer) -> Payout:
    prize = pull_payment_create(store=connected_store, amount=50_000, currency=SAT, actor=ALICE)
    payout = payout_claim(pull_payment=prize, bolt11=plain_sandbox.phone_invoice(20_000)["bolt11"])
    payout_send(payout_id=payout.pk)
    attempt = payout.attempts.get()
    preimage = plain_sandbox.payments(attempt.payment_hash)[0]["preimage"]
    PayoutAttempt.objects.filter(pk=attempt.pk).update(preimage=preimage)
    return payout


def test_browser_and_server_both_say_that_it_was_paid(page: Page, web_server: str, paid: Payout) -> None:
    page.goto(f"{web_server}/p/receipt/{paid.pk}")
    expect(page.locator("[data-results]")).to_be_hidden()
    for _ in range(2):  # the button may be pressed again
        page.get_by_role("button", name="Verify").click()
        expect(page.get_by_text(BROWSER_PROVED)).to_be_visible()
        expect(page.get_by_text(SERVER_PROVED)).to_be_visible()
    expect(page.locator("[data-computed]")).to_have_text(paid.attempts.get().payment_hash)
    expect(page.get_by_text("proves nothing").first).to_be_hidden()
    expect(page.get_by_text("on secure pages")).to_be_hidden()


def test_the_browser_believes_the_invoice_and_not_the_page(page: Page, web_server: str, paid: Payout) -> None:
    PayoutAttempt.objects.update(preimage="11" * 32)
    page.goto(f"{web_server}/p/receipt/{paid.pk}")
    page.get_by_role("button", name="Verify").click()
    expect(page.locator("[data-browser='not-proved']")).to_be_visible()
    expect(page.locator("[data-server='not-proved']")).to_be_visible()
    expect(page.get_by_text(BROWSER_PROVED)).to_be_hidden()


def test_without_javascript_the_server_answers(browser: Browser, web_server: str, paid: Payout) -> None:
    context = browser.new_context(java_script_enabled=False, locale="en")
    page = context.new_page()
    page.goto(f"{web_server}/p/receipt/{paid.pk}")
    page.get_by_role("button", name="Verify").click()
    expect(page.get_by_text(SERVER_PROVED)).to_be_visible()
    expect(page.get_by_text(BROWSER_PROVED)).to_be_hidden()
    context.close()
