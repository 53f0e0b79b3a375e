"""The checkout inside a merchant's page on another origin, and no other page of ours in any frame."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Page, expect

from flashpay.invoices.models import Invoice, InvoiceState
from flashpay.invoices.services import invoice_create
from flashpay.invoices.services.polling import lightning_invoices_poll
from flashpay.money.currencies import SAT
from flashpay.stores.models import Store, User
from payouts.services import pull_payment_create
from tests.sandbox_server import SandboxServer

pytestmark = pytest.mark.django_db(transaction=True)

# The first page of a web process that has just started, on a busy machine.
LOADED_MS = 20_000
SAMPLE = Path(settings.BASE_DIR) / "docs" / "examples" / "embedding.html"


@pytest.fixture
def invoice(connected_store: Store) -> Invoice:
    return invoice_create(store=connected_store, amount=21_000, currency=SAT, description="Coffee", actor="alice")


@pytest.fixture
def shop(web_server: str, invoice: Invoice) -> Iterator[str]:
    """The sample page of the documentation on a server of its own, under another name: another site, not only another origin."""
    page = SAMPLE.read_text().replace("https://pay.example.com", web_server).replace("INVOICE_ID", invoice.pk)
    framed = f'<!DOCTYPE html><title>Shop</title><iframe id="frame" src="{web_server}%s"></iframe>'

    class Shop(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = framed % self.path.removeprefix("/frame") if self.path.startswith("/frame/") else page
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Shop) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{server.server_port}"
        server.shutdown()


def pay_by_phone(page: Page, sandbox: SandboxServer) -> None:
    link = page.frame_locator("iframe").locator("#open-wallet").get_attribute("href")
    assert link is not None
    sandbox.phone_pay(link)
    # Asked at once what a worker would ask some seconds later.
    assert lightning_invoices_poll(api_url="", now=timezone.now() + timedelta(seconds=15)) == 1


def test_every_way_through_the_frame_keeps_its_language_and_its_button(client: Client, connected_store: Store) -> None:
    invoice = invoice_create(store=connected_store, amount=None, currency=SAT, actor="alice")
    frame = f"/i/{invoice.pk}/embed?lang=es&modal=1"
    choosing = client.get(frame).content.decode()
    assert '<input type="hidden" name="lang" value="es">' in choosing
    assert '<input type="hidden" name="modal" value="1">' in choosing
    chosen = client.get(f"{frame}&amount=2000&unit=SAT").content.decode()
    assert 'href="?lang=es&amp;modal=1&amp;amount=2000&amp;unit=SAT&amp;tab=lnurl"' in chosen
    assert connected_store.name.replace("'", "&#x27;") in chosen
    assert "data-embed-close" in chosen


@pytest.mark.slow
def test_a_page_of_the_merchants_shows_it_and_hears_of_the_payment(
    page: Page, shop: str, sandbox: SandboxServer, invoice: Invoice
) -> None:
    heard: list[object] = []
    page.expose_function("heard", lambda data: heard.append(data))
    page.add_init_script("if (window === top) addEventListener('message', ({ data }) => window.heard(data))")
    page.goto(shop)
    page.get_by_role("button", name="Pay with Lightning").click()
    modal = page.get_by_role("dialog", name="Payment")
    expect(modal).to_be_visible()
    expect(page.locator("#news")).to_have_text("The payment is new.", timeout=LOADED_MS)
    pay_by_phone(page, sandbox)
    expect(page.locator("#news")).to_contain_text("Paid. Thank you!", timeout=10_000)
    # The page closes it by itself a moment later.
    expect(modal).not_to_be_attached(timeout=10_000)
    assert Invoice.objects.get(pk=invoice.pk).state == InvoiceState.SETTLED
    told = [each for each in heard if not isinstance(each, dict) or "height" not in each]
    assert told[0] == "loaded"
    assert told[1] == {"invoiceId": invoice.pk, "status": "new"}
    assert told[-1] == {"invoiceId": invoice.pk, "status": "settled"}
    assert page.context.cookies() == []


@pytest.mark.slow
def test_it_stands_inside_the_page_as_high_as_it_needs_to_be_in_the_language_asked_for(
    page: Page, shop: str, sandbox: SandboxServer, invoice: Invoice
) -> None:
    page.set_viewport_size({"width": 320, "height": 640})
    page.goto(f"{shop}/#inline")
    inside = page.frame_locator("iframe")
    expect(inside.locator("html")).to_have_attribute("lang", "es", timeout=LOADED_MS)
    expect(inside.get_by_role("link", name="Abrir en la billetera")).to_be_visible()
    page.wait_for_function("document.querySelector('iframe').style.height !== '640px'")
    frame = page.frames[1]
    assert frame.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.wait_for_function("document.querySelector('iframe').clientHeight > 600")
    assert frame.evaluate("document.documentElement.scrollHeight <= innerHeight")
    pay_by_phone(page, sandbox)
    expect(page.locator("#news")).to_have_text("Paid inline.", timeout=10_000)
    receipt = inside.get_by_role("link", name="Recibo")
    with page.context.expect_page() as opened:
        receipt.click()
    expect(opened.value.get_by_role("heading", name="Recibo", exact=True)).to_be_visible()
    assert len(page.frames) == 2


@pytest.mark.slow
@pytest.mark.parametrize("way", ["escape-inside", "escape-outside", "button"])
def test_it_closes(page: Page, shop: str, way: str) -> None:
    page.goto(shop)
    page.get_by_role("button", name="Pay with Lightning").click()
    inside = page.frame_locator("iframe")
    expect(inside.locator("#open-wallet")).to_be_visible(timeout=LOADED_MS)
    # Told once the frame's script runs, which a key pressed earlier would not reach.
    expect(page.locator("#news")).to_have_text("The payment is new.", timeout=LOADED_MS)
    if way == "button":
        inside.get_by_role("button", name="Close").click()
    elif way == "escape-inside":
        inside.locator("#open-wallet").focus()
        page.keyboard.press("Escape")
    else:
        page.evaluate("document.activeElement.blur()")
        page.keyboard.press("Escape")
    expect(page.locator("dialog")).not_to_be_attached()
    expect(page.locator("iframe")).not_to_be_attached()


def test_messages_of_other_pages_change_nothing(page: Page, shop: str, invoice: Invoice) -> None:
    page.goto(shop)
    page.get_by_role("button", name="Pay with Lightning").click()
    expect(page.locator("#news")).to_have_text("The payment is new.", timeout=LOADED_MS)
    page.evaluate(
        f"""() => {{
            postMessage({{ invoiceId: "{invoice.pk}", status: "settled" }}, "*");
            document.querySelector("iframe").contentWindow.postMessage({{ status: "settled" }}, "*");
        }}"""
    )
    page.evaluate("new Promise((done) => setTimeout(done))")
    expect(page.locator("#news")).to_have_text("The payment is new.")
    assert Invoice.objects.get(pk=invoice.pk).state == InvoiceState.NEW


def test_no_other_page_can_be_framed(page: Page, shop: str, invoice: Invoice, alice: User) -> None:
    prize = pull_payment_create(store=invoice.store, amount=50_000, currency=SAT, name="Prize", actor="alice")
    for path in (f"/i/{invoice.pk}", f"/p/{prize.pk}", "/v", "/accounts/login/", f"/stores/{invoice.store_id}"):
        refused: list[str] = []
        page.on("console", lambda message, refused=refused: refused.append(message.text))  # type: ignore[misc]
        page.goto(f"{shop}/frame{path}")
        assert any("frame-ancestors" in text or "X-Frame-Options" in text for text in refused), path
        assert page.frames[1].locator("main").count() == 0


@pytest.mark.parametrize("allowed", [True, False])
def test_the_headers_say_so_for_that_path_alone(client: Client, invoice: Invoice, allowed: bool) -> None:
    answer = client.get(f"/i/{invoice.pk}" + ("/embed" if allowed else ""))
    assert answer.status_code == 200
    policy = {rule.split()[0]: rule.split()[1:] for rule in answer["Content-Security-Policy"].split("; ")}
    assert policy["frame-ancestors"] == (["*"] if allowed else ["'none'"])
    assert policy["default-src"] == ["'self'"]
    assert answer.has_header("X-Frame-Options") is not allowed
    assert answer["Cache-Control"] == "no-store"
    assert not answer.cookies
    # Chosen in a frame, a language is kept by the address alone.
    assert bool(client.get(f"{answer.request['PATH_INFO']}?lang=fr").cookies) is not allowed


def test_a_frame_of_an_unknown_invoice_is_refused_like_any_other_page(client: Client, store: Store) -> None:
    answer = client.get("/i/AAAAAAAAAAAAAAAAAAAAAA/embed")
    assert answer.status_code == 404
    assert answer["X-Frame-Options"] == "DENY"
