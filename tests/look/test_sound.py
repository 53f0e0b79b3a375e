"""The sound of an arrived payment: heard where the browser lets it out, silent without harm where not, off when turned off."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone

from flashpay.invoices.models import Invoice, InvoiceState
from flashpay.stores.events import transition
from flashpay.stores.models import Store

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Browser, Page

# The answer of the browser, kept where the test finds it.
LISTEN = """
    window.sounds = [];
    document.addEventListener("sound:played", (event) => {
        window.sounds.push(event.detail.heard);
        console.log(event.detail.heard ? "heard" : "silent");
    });
"""


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
    said: list[str] = []
    page.on("pageerror", lambda error: said.append(str(error)))
    return said


def settle(invoice: Invoice) -> None:
    assert transition(invoice, InvoiceState.SETTLED, at=timezone.now(), type="InvoiceSettled", credited_msat=21_000_000)


def open_checkout(page: Page, web_server: str, invoice: Invoice) -> None:
    page.add_init_script(LISTEN)
    page.goto(f"{web_server}/i/{invoice.pk}")
    page.get_by_text("Your payment was seen").wait_for()


def test_it_sounds_once_when_the_payment_arrives_at_a_page_somebody_touched(
    page: Page, web_server: str, invoice: Invoice, complaints: list[str]
) -> None:
    open_checkout(page, web_server, invoice)
    page.mouse.click(160, 300)
    settle(invoice)
    page.get_by_role("heading", name="Paid. Thank you!").wait_for()
    page.wait_for_function("window.sounds.length > 0")
    assert page.evaluate("window.sounds") == [True]
    page.reload()
    page.get_by_role("heading", name="Paid. Thank you!").wait_for()
    assert page.evaluate("window.sounds") == []
    assert complaints == []


def test_it_stays_silent_and_whole_at_a_page_nobody_touched(
    launch_browser: Callable[..., Browser],
    browser_type_launch_args: dict[str, Any],
    web_server: str,
    invoice: Invoice,
) -> None:
    # As people's browsers are set; the one of the other tests lets every page be heard.
    strict = "--autoplay-policy=document-user-activation-required"
    browser = launch_browser(args=[*browser_type_launch_args["args"], strict])
    page = browser.new_page()
    said: list[str] = []
    page.on("pageerror", lambda error: said.append(str(error)))
    page.add_init_script(LISTEN)
    # Whatever Playwright asks inside the page counts as a touch, so nothing is asked before the sound was tried.
    with page.expect_response(re.compile("/events/invoice:")):
        page.goto(f"{web_server}/i/{invoice.pk}")
    with page.expect_console_message(lambda message: message.text in ("heard", "silent")) as message:
        settle(invoice)
    assert message.value.text == "silent"
    page.get_by_role("heading", name="Paid. Thank you!").wait_for()
    # Touched now, it stays silent: a sound that comes late says something else.
    page.mouse.click(160, 300)
    page.evaluate("fetch('/healthz')")
    assert page.evaluate("window.sounds") == [False]
    assert said == []
    browser.close()


def test_it_breaks_nothing_where_the_browser_makes_no_sound(
    page: Page, web_server: str, invoice: Invoice, complaints: list[str]
) -> None:
    page.add_init_script("window.AudioContext = function () { throw new Error('no loudspeaker'); };")
    open_checkout(page, web_server, invoice)
    page.mouse.click(160, 300)
    settle(invoice)
    page.get_by_role("heading", name="Paid. Thank you!").wait_for()
    assert complaints == []


def test_the_switch_turns_it_off_and_is_remembered(
    page: Page, web_server: str, invoice: Invoice, complaints: list[str]
) -> None:
    open_checkout(page, web_server, invoice)
    switch = page.get_by_role("button", name="Sound when paid")
    assert switch.get_attribute("aria-pressed") == "true"
    switch.click()
    assert switch.get_attribute("aria-pressed") == "false"
    page.reload()
    assert switch.get_attribute("aria-pressed") == "false"
    settle(invoice)
    page.get_by_role("heading", name="Paid. Thank you!").wait_for()
    assert page.evaluate("window.sounds") == []
    switch.click()
    page.wait_for_function("window.sounds.length > 0")
    assert page.evaluate("window.sounds") == [True]
    assert complaints == []
