"""The small scripts in a real browser, under the real content security policy and with collected static files."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.utils import timezone

from flashpay.invoices.models import Invoice, InvoiceState
from flashpay.stores.events import transition
from flashpay.stores.models import Store, User
from tests.look.login import cookies_of

if TYPE_CHECKING:
    from playwright.sync_api import Page

# The promise is 2 s; a busy machine gets more before the test gives up. With live events there, nothing else looks.
PAID_WITHIN_MS = 15_000


@pytest.fixture
def invoice(store: Store) -> Invoice:
    """An invoice whose payment was seen: its page shows that and needs no wallet."""
    now = timezone.now()
    return Invoice.objects.create(
        store=store,
        currency="SAT",
        amount=21_000,
        amount_msat=21_000_000,
        state=InvoiceState.PROCESSING,
        created_at=now,
        expires_at=now + timedelta(minutes=15),
        monitoring_ends_at=now + timedelta(days=1),
    )


@pytest.fixture
def complaints(page: Page) -> list[str]:
    """What the browser's console says against the page: refused scripts and styles, missing files, exceptions."""
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    return said


def settle(invoice: Invoice) -> None:
    assert transition(
        invoice,
        InvoiceState.SETTLED,
        at=timezone.now(),
        type="InvoiceSettled",
        received_msat=21_000_000,
        credited_msat=21_000_000,
        settled_at=timezone.now(),
    )


def test_a_checkout_turns_to_paid_without_a_reload_and_says_so(
    page: Page, web_server: str, invoice: Invoice, complaints: list[str]
) -> None:
    with page.expect_response(re.compile("/events/invoice:")):
        page.goto(f"{web_server}/i/{invoice.pk}")
    page.evaluate("window.sameDocument = true")
    page.get_by_text("Your payment was seen").wait_for()
    settle(invoice)
    page.get_by_role("heading", name="Paid. Thank you!").wait_for(timeout=PAID_WITHIN_MS)
    assert page.evaluate("window.sameDocument")
    assert page.locator("#fp-says").inner_text() == "Paid. Thank you!"
    assert complaints == []


def test_a_checkout_turns_to_paid_by_polling_where_events_do_not_come(
    page: Page, web_server: str, invoice: Invoice
) -> None:
    page.route("**/events/**", lambda route: route.abort())
    page.goto(f"{web_server}/i/{invoice.pk}")
    settle(invoice)
    page.get_by_role("heading", name="Paid. Thank you!").wait_for(timeout=PAID_WITHIN_MS)


def test_a_checkout_works_without_javascript(browser: object, web_server: str, invoice: Invoice) -> None:
    context = browser.new_context(java_script_enabled=False)  # type: ignore[attr-defined]
    page = context.new_page()
    page.goto(f"{web_server}/i/{invoice.pk}")
    page.get_by_text("Your payment was seen").wait_for()
    settle(invoice)
    page.get_by_role("heading", name="Paid. Thank you!").wait_for(timeout=PAID_WITHIN_MS)
    context.close()


def test_the_switch_between_light_and_dark_is_remembered(page: Page, web_server: str, invoice: Invoice) -> None:
    page.emulate_media(color_scheme="light")
    page.goto(f"{web_server}/i/{invoice.pk}")
    assert page.locator("html").get_attribute("data-bs-theme") == "light"
    page.get_by_role("button", name="Switch between light and dark").click()
    page.reload()
    assert page.locator("html").get_attribute("data-bs-theme") == "dark"


def test_a_dangerous_button_asks_first_and_does_nothing_on_not_now(
    page: Page, web_server: str, invoice: Invoice, alice: User, store: Store, complaints: list[str]
) -> None:
    address = f"{web_server}/stores/{store.pk}/invoices/{invoice.pk}"
    page.context.add_cookies(
        [{"name": name, "value": value, "url": web_server} for name, value in cookies_of(alice).items()]
    )
    page.goto(address)
    page.get_by_role("button", name="Mark as invalid").click()
    asked = page.get_by_role("dialog", name="Mark this invoice as invalid?")
    asked.get_by_role("button", name="Not now").click()
    assert not asked.is_visible()
    assert Invoice.objects.get(pk=invoice.pk).state == InvoiceState.PROCESSING
    page.get_by_role("button", name="Mark as invalid").click()
    asked.get_by_label("Reason").fill("A test")
    asked.get_by_role("button", name="Mark as invalid").click()
    page.get_by_text("The invoice is marked Invalid.").wait_for()
    assert Invoice.objects.get(pk=invoice.pk).state == InvoiceState.INVALID
    assert complaints == []
