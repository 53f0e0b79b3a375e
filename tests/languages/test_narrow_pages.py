"""Each page for payers and recipients, in each language, in a window of 320 pixels: nothing hangs over, and little is loaded."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, BrowserContext, Page

from flashpay.invoices.models import Evidence, Invoice
from flashpay.invoices.services import (
    invoice_create,
    lightning_invoice_issue,
    pay_link_create,
    payment_record,
    payment_request_save,
)
from flashpay.money.currencies import SAT, USD
from flashpay.stores.models import Store
from payouts.services import payout_claim, pull_payment_create
from tests.sandbox_server import SandboxServer

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

LANGUAGES = ("en", "es", "ht", "nl", "fr")
WIDTH = 320
# With style sheets, scripts, pictures and headers, as they come over the line.
LARGEST_PAGE_BYTES = 60_000
LOADED_MS = 30_000


@pytest.fixture
def paths(connected_store: Store, sandbox: SandboxServer) -> dict[str, str]:
    """One address of every kind of page, with long numbers where there are any."""
    store, alice = connected_store, "alice"

    def invoice(amount: int | None = 12_345_67, **more: Any) -> Invoice:
        return invoice_create(store=store, amount=amount, currency=USD, actor=alice, order_id="A-1", **more)

    paid, expired = invoice(20_00), invoice()
    payment_record(lightning_invoice=lightning_invoice_issue(invoice=paid), evidence=Evidence.PUSH)
    past = timezone.now() - timedelta(hours=1)
    Invoice.objects.filter(pk=expired.pk).update(created_at=past - timedelta(minutes=15), expires_at=past)
    prize = pull_payment_create(
        store=store,
        amount=9_000_000,
        currency=SAT,
        name="Prize of the great summer raffle",
        description="Thank you!",
        actor=alice,
        expires_at=timezone.now() + timedelta(days=9),
    )
    used_up = pull_payment_create(store=store, amount=20_000, currency=SAT, actor=alice)
    bolt11 = sandbox.phone_invoice(20_000)["bolt11"]
    claimed = payout_claim(pull_payment=used_up, destination=bolt11)
    bill = payment_request_save(
        store=store,
        title="New roof",
        amount=12_345_67,
        currency=USD,
        actor=alice,
        allow_parts=True,
        expires_at=timezone.now() + timedelta(days=30),
    )
    link = pay_link_create(store=store, title="Coffee and cake", amount=None, currency=USD, actor=alice)
    return {
        "checkout": f"/i/{invoice().pk}",
        "LNURL": f"/i/{invoice().pk}?tab=lnurl",
        "top-up": f"/i/{invoice(None).pk}",
        "frame": f"/i/{invoice().pk}/embed?modal=1",
        "paid": f"/i/{paid.pk}",
        "receipt": f"/i/{paid.pk}/receipt",
        "expired": f"/i/{expired.pk}",
        "bill": f"/r/{bill.pk}",
        "pay link": f"/l/{link.pk}",
        "claim": f"/p/{prize.pk}",
        "used up": f"/p/{used_up.pk}",
        "own claim": f"/p/{used_up.pk}/{claimed.pk}",
        "payout's receipt": f"/p/receipt/{claimed.pk}",
        "voucher": "/v",
        "nothing": "/i/nothing",
    }


@pytest.fixture
def narrow(browser: Browser) -> Iterator[Any]:
    """A fresh phone that speaks a language: nothing kept, nothing loaded yet."""
    contexts: list[BrowserContext] = []

    def phone(language: str) -> Page:
        contexts.append(browser.new_context(locale=language, viewport={"width": WIDTH, "height": 640}))
        return contexts[-1].new_page()

    yield phone
    for context in contexts:
        context.close()


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_page_hangs_over_the_edge_of_a_small_phone(
    narrow: Any, web_server: str, paths: dict[str, str], language: str
) -> None:
    page, wrong = narrow(language), []
    for name, path in paths.items():
        page.goto(f"{web_server}{path}", timeout=LOADED_MS)
        found = page.evaluate("[document.documentElement.lang, document.documentElement.scrollWidth]")
        if found[0] != language or found[1] > WIDTH:
            wrong.append((name, *found))
        # Nothing that is read is cut off within the page either.
        wrong += [(name, cut) for cut in page.evaluate(CUT_OFF)]
    assert wrong == []


# Buttons, headings and sentences that are wider than the room they have.
CUT_OFF = """
    [...document.querySelectorAll("h1, h2, p, dt, dd, .btn, label, summary, nav.languages")]
        .filter((each) => each.offsetParent && !each.closest(".fp-hidden, .fp-copy") && each.scrollWidth > each.clientWidth + 1
            && getComputedStyle(each).display !== "inline")
        .map((each) => each.textContent.trim().slice(0, 60))
"""


@pytest.mark.parametrize("name", ["checkout", "frame", "receipt", "bill", "pay link", "claim", "own claim", "voucher"])
def test_every_page_is_light(narrow: Any, web_server: str, paths: dict[str, str], name: str) -> None:
    page, sizes = narrow("nl"), []

    def weigh(request: Any) -> None:
        size = request.sizes()
        sizes.append(size["responseBodySize"] + size["responseHeadersSize"])

    page.on("requestfinished", weigh)
    page.goto(f"{web_server}{paths[name]}", timeout=LOADED_MS)
    page.wait_for_load_state("load")
    assert sum(sizes) < LARGEST_PAGE_BYTES
