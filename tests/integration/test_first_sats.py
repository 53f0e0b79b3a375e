"""The whole way as its user walks it: one command, a browser, a phone. Nothing set, nothing prepared."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.home import READY, READY_S, Home
from tests.programs import Program

pytestmark = pytest.mark.slow

# The promise is 2 s; a busy machine gets more before the test gives up.
PAID_WITHIN_MS = 15_000


@pytest.fixture
def running(tmp_path: Path) -> Iterator[tuple[Home, Program]]:
    home = Home(tmp_path / "data")
    with Program.python("manage.py", "up", env=home.settings()) as program:
        program.wait_for(READY, READY_S)
        program.wait_for("Demo password:")
        yield home, program


def log_in(page: Page, home: Home, program: Program) -> str:
    """Log in with what `up` printed; the address of the demo store."""
    email = program.wait_for("Demo login:").rpartition(" ")[2]
    password = program.wait_for("Demo password:").rpartition(" ")[2]
    page.goto(home.address)
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(re.compile(r"/stores/\w+$"))
    return page.url


def scan(phone: Page, home: Home, page: Page) -> None:
    """Hold the phone before the code of a page."""
    code = page.get_by_role("link", name="Open in wallet").get_attribute("href")
    phone.goto(f"http://127.0.0.1:{home.sandbox_port}/phone?text={code}")


def test_a_merchant_is_paid_and_a_recipient_is_paid_out(
    running: tuple[Home, Program], context: BrowserContext, page: Page
) -> None:
    home, program = running
    store = log_in(page, home, program)
    phone, customer = context.new_page(), context.new_page()

    # A sale.
    page.goto(f"{store}/invoices/new")
    page.get_by_label("Amount").fill("12.50")
    page.locator("main form button").first.click()
    page.wait_for_url(re.compile(r"/invoices/\w{22}$"))
    invoice = page.url.rpartition("/")[2]
    customer.goto(f"{home.address}/i/{invoice}")
    scan(phone, home, customer)
    phone.get_by_role("button", name="Pay").click()
    expect(customer.get_by_role("heading", name="Paid. Thank you!")).to_be_visible(timeout=PAID_WITHIN_MS)
    expect(phone.get_by_text("To demo (Flash)").first).to_be_visible()

    # A payout.
    page.goto(f"{store}/pull-payments/new")
    page.get_by_label("Amount").fill("25000")
    page.get_by_label("Currency").select_option("SAT")
    page.get_by_label("Name").fill("Prize")
    page.locator("main form button").first.click()
    page.wait_for_url(re.compile(r"/pull-payments/\w{22}$"))
    pull_payment = page.url.rpartition("/")[2]
    customer.goto(f"{home.address}/p/{pull_payment}")
    scan(phone, home, customer)
    phone.get_by_role("button", name="Take it").click()
    expect(customer.locator("main").get_by_text("Completed").first).to_be_visible(timeout=PAID_WITHIN_MS)

    # Both in the dashboard, and in the admin.
    page.goto(f"{store}/invoices")
    expect(page.locator("main").get_by_text("Settled").last).to_be_visible()
    page.goto(f"{store}/payouts")
    expect(page.locator("main").get_by_text("Completed").last).to_be_visible()
    page.goto(f"{home.address}/admin/invoices/invoice/?q={invoice}")
    expect(page.get_by_text("1 invoice", exact=True)).to_be_visible()
    page.goto(f"{home.address}/admin/payouts/payout/?q={pull_payment}")
    expect(page.get_by_text("1 payout", exact=True)).to_be_visible()

    paid = httpx.get(f"http://127.0.0.1:{home.sandbox_port}/api/payments").json()["payments"]
    assert len(paid) == 2
    assert paid[1]["amount_msat"] == 25_000_000
