"""The checkout in a real browser: codes renew themselves while it is watched, and a payment shows without a reload."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from flashpay.invoices.models import Evidence, Invoice, LightningInvoice
from flashpay.invoices.selectors import checkout_link
from flashpay.invoices.services import invoice_create, payment_record
from flashpay.money.currencies import SAT
from flashpay.stores.models import Store
from tests.sandbox_server import SandboxServer

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

# A code must live 15 s to be shown and is replaced 8 s before its end: a renewal every eight seconds.
SHORT_LIFE_S = 16
# The promise is 2 s; a busy machine gets more before the test gives up.
PAID_WITHIN_MS = 15_000


@pytest.fixture
def invoice(connected_store: Store) -> Invoice:
    return invoice_create(store=connected_store, amount=21_000, currency=SAT, description="Coffee", actor="alice")


def code_shown(page: Page) -> str:
    link = page.locator("#open-wallet").get_attribute("href")
    assert link is not None
    return link.removeprefix("lightning:")


def test_it_renews_its_code_twice_and_the_first_one_still_pays(
    page: Page, web_server: str, sandbox: SandboxServer, invoice: Invoice
) -> None:
    sandbox.switch(invoice_life_s=SHORT_LIFE_S)
    try:
        page.goto(checkout_link(invoice))
        page.evaluate("window.sameDocument = true")
        first = code_shown(page)
        for _ in range(2):
            now_shown = code_shown(page)
            link = page.locator("#open-wallet")
            expect(link).not_to_have_attribute("href", f"lightning:{now_shown}", timeout=15_000)
    finally:
        sandbox.switch(invoice_life_s=60)
    assert LightningInvoice.objects.filter(invoice=invoice).count() >= 3
    assert code_shown(page) != first

    payment_record(lightning_invoice=LightningInvoice.objects.get(bolt11=first), evidence=Evidence.PUSH)
    expect(page.get_by_text("Paid. Thank you!", exact=True).first).to_be_visible(timeout=PAID_WITHIN_MS)
    expect(page.locator("#fp-says")).to_have_text("Paid. Thank you!")
    assert page.evaluate("window.sameDocument") is True
    page.get_by_role("link", name="Receipt").click()
    expect(page.get_by_text(LightningInvoice.objects.get(bolt11=first).payment_hash)).to_be_visible()


def test_a_page_that_nobody_sees_issues_no_more_codes(
    page: Page, web_server: str, sandbox: SandboxServer, invoice: Invoice
) -> None:
    page.add_init_script(
        """
        window.seen = false;
        Object.defineProperty(document, "hidden", { get: () => !window.seen });
        """
    )
    page.goto(checkout_link(invoice))
    first = LightningInvoice.objects.get()
    LightningInvoice.objects.filter(pk=first.pk).update(expires_at=first.created_at)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    # Its countdown is over, as if a minute had passed; then something that certainly comes after a look would have.
    page.evaluate(
        """async () => {
            const live = document.querySelector("[data-live-fragment] *");
            live.dispatchEvent(new CustomEvent("countdown:over", { bubbles: true }));
            await fetch("/healthz");
        }"""
    )
    assert f"{web_server}/healthz" in asked
    assert not [address for address in asked if "/i/" in address]
    assert LightningInvoice.objects.count() == 1

    page.evaluate("window.seen = true; document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.locator("#open-wallet")).not_to_have_attribute("href", f"lightning:{first.bolt11}")
    assert LightningInvoice.objects.count() == 2


def test_what_is_for_paying_goes_when_it_is_paid(page: Page, web_server: str, connected_store: Store) -> None:
    top_up = invoice_create(store=connected_store, amount=None, currency=SAT, actor="alice")
    page.goto(f"{checkout_link(top_up)}?amount=2000&unit=SAT")
    expect(page.get_by_label("Another amount")).to_be_visible()
    expect(page.get_by_text("Pay with a card")).to_be_visible()
    payment_record(lightning_invoice=LightningInvoice.objects.get(), evidence=Evidence.PUSH)
    expect(page.get_by_text("Paid. Thank you!", exact=True).first).to_be_visible()
    expect(page.get_by_label("Another amount")).to_be_hidden()
    expect(page.get_by_text("Pay with a card")).to_be_hidden()
    expect(page).to_have_title(re.compile("^Paid"))


def test_a_page_without_a_connection_says_so_and_goes_on_by_itself(
    page: Page, web_server: str, invoice: Invoice
) -> None:
    page.goto(checkout_link(invoice))
    note = page.get_by_text("No connection.")
    expect(note).to_be_hidden()
    page.route("**/i/*", lambda route: route.abort())
    # As at the end of its code's time.
    page.evaluate(
        "document.querySelector('[data-live-fragment] *').dispatchEvent(new CustomEvent('countdown:over', { bubbles: true }))"
    )
    expect(note).to_be_visible(timeout=15_000)
    expect(page.locator("#open-wallet")).to_be_visible()
    page.unroute("**/i/*")
    expect(note).to_be_hidden(timeout=15_000)


def test_it_fits_a_phone_of_320_pixels_and_loads_little(page: Page, web_server: str, invoice: Invoice) -> None:
    sizes: list[int] = []
    page.on("requestfinished", lambda request: sizes.append(sum_of(request.sizes())))
    page.set_viewport_size({"width": 320, "height": 640})
    # With its first look for news, which comes at once.
    with page.expect_request_finished(lambda request: request.headers.get("x-fragment") == "1"):
        page.goto(checkout_link(invoice))
    expect(page.locator("#open-wallet")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    page.wait_for_load_state("load")
    assert sum(sizes) < 40_000


def sum_of(sizes: dict[str, int]) -> int:
    return sizes["responseBodySize"] + sizes["responseHeadersSize"]


def test_without_javascript_it_shows_the_code_and_comes_again(
    browser: object, web_server: str, invoice: Invoice
) -> None:
    context = browser.new_context(java_script_enabled=False)  # type: ignore[attr-defined]
    try:
        page = context.new_page()
        page.goto(checkout_link(invoice))
        code = LightningInvoice.objects.get()
        assert code_shown(page) == code.bolt11
        payment_record(lightning_invoice=code, evidence=Evidence.PUSH)
        expect(page.get_by_text("Paid. Thank you!", exact=True).first).to_be_visible(timeout=PAID_WITHIN_MS)
    finally:
        context.close()
