"""The till in a real browser: keyed in, tipped, paid by a phone, heard, and found in the day's sales."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.utils import timezone
from playwright.sync_api import Page, expect

from flashpay.invoices.models import Evidence, Invoice, LightningInvoice
from flashpay.invoices.selectors import link_address
from flashpay.invoices.services import lightning_invoices_poll, payment_record
from flashpay.stores.models import Store, User
from flashpay.till.models import Till
from flashpay.till.services import till_share
from tests.cast import PASSWORD
from tests.look.login import cookies_of
from tests.sandbox_server import SandboxServer

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

LISTEN = """
    window.sounds = [];
    document.addEventListener("sound:played", (event) => window.sounds.push(event.detail.heard));
"""


@pytest.fixture
def complaints(page: Page) -> list[str]:
    said: list[str] = []
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("console", lambda line: said.append(line.text) if line.type == "error" else None)
    return said


def log_in(page: Page, web_server: str, person: User) -> None:
    for name, value in cookies_of(person).items():
        page.context.add_cookies([{"name": name, "value": value, "url": web_server}])


def press(page: Page, keys: str) -> None:
    for key in keys:
        page.locator(f"[data-key='{'point' if key == '.' else key}']").click()


def test_a_cashier_charges_with_a_tip_and_the_customer_pays(
    page: Page,
    web_server: str,
    sandbox: SandboxServer,
    connected_store: Store,
    till: Till,
    bob: User,
    complaints: list[str],
) -> None:
    # The web process knows real password hashes alone.
    User.objects.filter(pk=bob.pk).update(password=PBKDF2PasswordHasher().encode(PASSWORD, "salt"))
    page.add_init_script(LISTEN)
    page.goto(f"{web_server}/")
    page.get_by_label("Email").fill(bob.email)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(f"{web_server}/till/{till.pk}")

    page.evaluate("window.sameDocument = true")
    press(page, "12.50")
    expect(page.get_by_label("Amount", exact=True)).to_have_value("12.50")
    expect(page.locator("[data-beside]")).to_contain_text("sat")
    page.get_by_role("button", name="Charge").click()
    page.get_by_text("10 %").click()
    expect(page.locator("[data-total]")).to_have_text("$13.75")
    page.get_by_role("button", name="Charge").click()

    code = page.locator(".till-code .fp-qr")
    expect(code).to_be_visible()
    sale = Invoice.objects.get()
    assert page.url == f"{web_server}/till/{till.pk}/sales/{sale.pk}"
    sandbox.phone_pay(str(code.get_attribute("data-copy")))
    lightning_invoices_poll(api_url="", now=timezone.now() + timedelta(seconds=6))
    expect(page.get_by_role("heading", name="Paid")).to_be_visible()
    expect(page.locator(".till-done .sum")).to_contain_text("$13.75")
    # Still the page that was touched: its sound may be heard.
    assert page.evaluate("window.sameDocument") is True
    page.wait_for_function("window.sounds.length === 1")

    page.get_by_role("link", name="Today's sales").click()
    row = page.locator(".till-list li")
    expect(row).to_contain_text("$13.75")
    expect(row).to_contain_text("with $1.25 tip")
    expect(row).to_contain_text(bob.email)
    expect(row).to_contain_text("Settled")
    page.get_by_role("link", name="New sale").click()
    expect(page.get_by_label("Amount", exact=True)).to_have_value("")
    assert not complaints


def test_a_sale_that_opened_without_leaving_the_page_reads_cards(
    page: Page, web_server: str, connected_store: Store, till: Till, bob: User, complaints: list[str]
) -> None:
    page.add_init_script("window.NDEFReader = class extends EventTarget { async scan() {} };")
    log_in(page, web_server, bob)
    page.goto(f"{web_server}/till/{till.pk}")
    press(page, "5")
    page.get_by_role("button", name="Charge").click()
    page.get_by_role("button", name="Charge").click()
    page.get_by_text("Pay with a card").click()
    page.get_by_role("button", name="Tap a card").click()
    expect(page.get_by_text("Hold the card to the back of this device.")).to_be_visible()
    assert not complaints


def test_the_keyboard_works_as_well_as_the_keys(
    page: Page, web_server: str, connected_store: Store, till: Till, bob: User
) -> None:
    log_in(page, web_server, bob)
    page.goto(f"{web_server}/till/{till.pk}")
    amount = page.get_by_label("Amount", exact=True)
    page.keyboard.type("99")
    page.keyboard.press("Backspace")
    page.keyboard.type(",555")
    expect(amount).to_have_value("9.55")
    page.keyboard.press("c")
    expect(amount).to_have_value("")
    page.keyboard.type("007")
    expect(amount).to_have_value("7")
    # Sats have no decimals: the point becomes two zeros.
    page.get_by_text("sats").first.click()
    press(page, ".")
    expect(amount).to_have_value("700")
    page.get_by_label("Note or order number").fill("Table 12")
    page.get_by_label("Note or order number").press("Enter")
    page.get_by_text("Other").click()
    page.get_by_label("Your tip").fill("2x1.5")
    expect(page.get_by_label("Your tip")).to_have_value("21")
    expect(page.locator("[data-total]")).to_contain_text("721")
    page.keyboard.press("Enter")
    expect(page.locator(".till-code .fp-qr")).to_be_visible()
    sale = Invoice.objects.get()
    assert (sale.amount, sale.currency, sale.order_id) == (721, "SAT", "Table 12")


def test_a_refusal_leaves_the_keypad_as_it_was(
    page: Page, web_server: str, store: Store, till: Till, bob: User, sandbox: SandboxServer
) -> None:
    log_in(page, web_server, bob)
    page.goto(f"{web_server}/till/{till.pk}")
    press(page, "5")
    page.get_by_role("button", name="Charge").click()
    page.get_by_role("button", name="Charge").click()
    expect(page.get_by_role("alert").filter(has_text="wallet is not connected")).to_be_visible()
    press(page, "0")
    expect(page.get_by_label("Amount", exact=True)).to_have_value("50")
    assert not Invoice.objects.exists()


def test_without_the_server_it_says_so_and_may_be_tried_again(
    page: Page, web_server: str, connected_store: Store, till: Till, bob: User
) -> None:
    log_in(page, web_server, bob)
    page.goto(f"{web_server}/till/{till.pk}")
    press(page, "5")
    page.get_by_role("button", name="Charge").click()
    page.route("**/till/*", lambda route: route.abort())
    page.get_by_role("button", name="Charge").click()
    expect(page.get_by_role("alert").filter(has_text="The server did not answer")).to_be_visible()
    page.unroute("**/till/*")
    page.get_by_role("button", name="Charge").click()
    expect(page.locator(".till-code .fp-qr")).to_be_visible()
    assert Invoice.objects.count() == 1


@pytest.mark.parametrize("size", [(320, 568), (390, 780), (1024, 768)])
def test_it_fits_the_screen(
    page: Page, web_server: str, connected_store: Store, till: Till, bob: User, size: tuple[int, int]
) -> None:
    log_in(page, web_server, bob)
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.goto(f"{web_server}/till/{till.pk}")
    go = page.get_by_role("button", name="Charge")
    box = go.bounding_box()
    assert box is not None
    assert box["y"] + box["height"] <= size[1]
    press(page, "5")
    go.click()
    page.get_by_role("button", name="Charge").click()
    expect(page.locator(".till-code .fp-qr")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]


def test_the_back_button_leads_from_a_sale_to_the_keypad(
    page: Page, web_server: str, connected_store: Store, till: Till, bob: User
) -> None:
    log_in(page, web_server, bob)
    page.goto(f"{web_server}/till/{till.pk}")
    press(page, "5")
    page.get_by_role("button", name="Charge").click()
    page.get_by_role("button", name="Charge").click()
    expect(page.locator(".till-code .fp-qr")).to_be_visible()
    page.go_back()
    expect(page.locator("[data-key='5']")).to_be_visible()


def test_without_javascript_a_sale_is_made_and_seen_to_be_paid(
    browser: Browser, web_server: str, connected_store: Store, till: Till, bob: User
) -> None:
    context = browser.new_context(java_script_enabled=False)
    try:
        page = context.new_page()
        log_in(page, web_server, bob)
        page.goto(f"{web_server}/till/{till.pk}")
        page.get_by_label("Amount", exact=True).fill("12.50")
        page.get_by_text("15 %").click()
        page.get_by_role("button", name="Charge").click()
        expect(page.locator(".till-code .fp-qr")).to_be_visible()
        payment_record(lightning_invoice=LightningInvoice.objects.get(), evidence=Evidence.PUSH)
        expect(page.get_by_role("heading", name="Paid")).to_be_visible(timeout=10_000)
    finally:
        context.close()
    assert Invoice.objects.get().amount == 14_38


def test_a_customer_keys_in_at_the_share_link(
    page: Page, web_server: str, connected_store: Store, till: Till, complaints: list[str]
) -> None:
    till_share(till=till, shared=True, actor="alice")
    page.set_viewport_size({"width": 320, "height": 640})
    page.goto(link_address(till.link))
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    press(page, "7.5")
    page.get_by_role("button", name="Pay here").click()
    page.get_by_text("10 %").click()
    page.get_by_role("button", name="Pay here").click()
    page.wait_for_url(re.compile(r"/i/\w{22}$"))
    expect(page.locator("#open-wallet")).to_be_visible()
    assert Invoice.objects.get().amount == 8_25
    assert not complaints


def test_it_can_be_installed_and_says_when_there_is_no_network(
    page: Page, web_server: str, connected_store: Store, till: Till, bob: User
) -> None:
    log_in(page, web_server, bob)
    page.goto(f"{web_server}/till/{till.pk}")
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    session: Any = page.context.new_cdp_session(page)
    manifest = session.send("Page.getAppManifest")
    assert not manifest["errors"]
    assert "standalone" in manifest["data"]
    page.wait_for_function("caches.keys().then((names) => names.length > 0)")
    page.reload()
    page.context.set_offline(True)
    try:
        page.reload()
        expect(page.get_by_role("heading", name="No connection")).to_be_visible()
    finally:
        page.context.set_offline(False)
