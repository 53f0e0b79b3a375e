"""A card at the checkout in a real browser. Only the radio is pretended: the browser's NDEFReader, which needs a phone."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from flashpay.invoices.models import CardCollection, Invoice, LightningInvoice
from flashpay.invoices.selectors import checkout_link
from flashpay.invoices.services import invoice_create
from flashpay.money.currencies import SAT
from flashpay.stores.models import Store
from tests.programs import Program
from tests.sandbox_server import SandboxServer

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

# What a phone's radio does, at the word of the test: `window.cardHeld(text)` is a card held to it.
RADIO = """
window.NDEFReader = class extends EventTarget {
  async scan({ signal }) {
    if (window.radioOff) throw new DOMException("off", "NotAllowedError");
    window.radio = this;
    signal.addEventListener("abort", () => { if (window.radio === this) window.radio = null; });
  }
};
window.cardHeld = (text, recordType = "url") => {
  const event = new Event("reading");
  event.message = { records: [{ recordType, data: new DataView(new TextEncoder().encode(text).buffer) }] };
  window.radio.dispatchEvent(event);
};
"""


@pytest.fixture
def invoice(connected_store: Store) -> Invoice:
    return invoice_create(store=connected_store, amount=21_000, currency=SAT, description="Coffee", actor="alice")


def poll() -> None:
    """What beat does every five seconds."""
    from flashpay.invoices.tasks import poll_open_lightning_invoices

    LightningInvoice.objects.filter(next_poll_at__isnull=False).update(next_poll_at="2020-01-01T00:00:00Z")
    poll_open_lightning_invoices()


def open_card(page: Page, invoice: Invoice) -> None:
    page.goto(checkout_link(invoice))
    page.get_by_text("Pay with a card").click()


def test_a_tapped_card_pays_and_the_page_turns_to_paid(
    page: Page, web_server: str, worker: Program, cards: SandboxServer, invoice: Invoice
) -> None:
    page.add_init_script(RADIO)
    open_card(page, invoice)
    page.evaluate("window.sameDocument = true")
    page.get_by_role("button", name="Tap a card").click()
    expect(page.get_by_text("Hold the card to the back of this device.")).to_be_visible()
    page.evaluate("link => cardHeld(link)", cards.card_link())
    expect(page.get_by_role("heading", name="Card accepted, waiting for the money")).to_be_visible(timeout=15_000)
    expect(page.locator("#open-wallet")).to_have_count(0)
    assert page.evaluate("window.radio") is None  # a second tap is not read
    poll()
    expect(page.get_by_role("heading", name="Paid. Thank you!")).to_be_visible(timeout=15_000)
    expect(page.get_by_text("Pay with a card")).to_be_hidden()
    assert page.evaluate("window.sameDocument") is True
    assert len(cards.payments(LightningInvoice.objects.get().payment_hash)) == 1


def test_a_declined_card_says_why_and_the_next_tap_pays(
    page: Page, web_server: str, worker: Program, cards: SandboxServer, invoice: Invoice
) -> None:
    cards.switch(card_pay={"value": "declines", "next": 1})
    page.add_init_script(RADIO)
    open_card(page, invoice)
    page.get_by_role("button", name="Tap a card").click()
    page.evaluate("link => cardHeld(link)", cards.card_link())
    expect(page.get_by_text("This card is frozen.")).to_be_visible(timeout=15_000)
    expect(page.locator("#open-wallet")).to_be_visible()  # another way to pay is there at once
    page.get_by_text("Pay with a card").click()
    page.get_by_role("button", name="Tap a card").click()
    page.evaluate("link => cardHeld(link, 'text')", cards.card_link())
    expect(page.get_by_role("heading", name="Card accepted, waiting for the money")).to_be_visible(timeout=15_000)
    assert set(CardCollection.objects.values_list("lightning_invoice", flat=True)) == {
        LightningInvoice.objects.get().pk
    }


def test_a_pasted_link_pays_and_a_wrong_one_is_named_where_it_stands(
    page: Page, web_server: str, worker: Program, cards: SandboxServer, invoice: Invoice
) -> None:
    open_card(page, invoice)
    expect(page.get_by_role("button", name="Tap a card")).to_be_hidden()  # this browser has no radio
    box = page.get_by_label("Paste the card’s link")
    box.fill("ana@card.example")
    page.get_by_role("button", name="Pay", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("This code takes money")
    box.fill(cards.card_link())
    page.get_by_role("button", name="Pay", exact=True).click()
    expect(page.get_by_role("heading", name="Card accepted, waiting for the money")).to_be_visible(timeout=15_000)


def test_what_the_radio_cannot_read_is_said_and_sent_nowhere(
    page: Page, web_server: str, cards: SandboxServer, invoice: Invoice
) -> None:
    page.add_init_script(RADIO)
    open_card(page, invoice)
    page.get_by_role("button", name="Tap a card").click()
    page.evaluate("cardHeld('a door key')")
    expect(page.get_by_text("This is not a payment card.")).to_be_visible()
    page.evaluate("radio.dispatchEvent(new Event('readingerror'))")
    expect(page.get_by_text("The card could not be read.")).to_be_visible()
    page.evaluate("window.radioOff = true")
    page.get_by_role("button", name="Tap a card").click()
    expect(page.get_by_text("Please switch on NFC.")).to_be_visible()
    assert not CardCollection.objects.exists()


@pytest.mark.parametrize("dark", [False, True])
def test_it_fits_a_phone_of_320_pixels(
    page: Page, web_server: str, cards: SandboxServer, invoice: Invoice, dark: bool
) -> None:
    page.emulate_media(color_scheme="dark" if dark else "light")
    page.add_init_script(RADIO)
    page.set_viewport_size({"width": 320, "height": 640})
    open_card(page, invoice)
    expect(page.get_by_role("button", name="Tap a card")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
