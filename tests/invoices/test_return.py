"""`redirectAutomatically`: a checkout that goes back to the shop by itself once it is paid."""

from __future__ import annotations

import pytest
from django.test import Client
from playwright.sync_api import Page, expect

from flashpay.invoices.models import Evidence, Invoice, LightningInvoice
from flashpay.invoices.selectors import checkout_link
from flashpay.invoices.services import invoice_create, lightning_invoice_issue, payment_record
from flashpay.money.currencies import SAT
from flashpay.stores.models import Store


def invoice_of(store: Store, back_to: str, *, by_itself: bool = True) -> Invoice:
    return invoice_create(
        store=store,
        amount=21_000,
        currency=SAT,
        order_id="A 17",
        redirect_url=back_to,
        redirect_automatically=by_itself,
        actor="alice",
    )


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_whoever_sees_it_paid_is_taken_back_and_may_come_again(
    page: Page, web_server: str, connected_store: Store
) -> None:
    invoice = invoice_of(connected_store, f"{web_server}/healthz?order={{OrderId}}")
    page.goto(checkout_link(invoice))
    expect(page.locator("#open-wallet")).to_be_visible()
    payment_record(lightning_invoice=LightningInvoice.objects.get(), evidence=Evidence.PUSH)
    expect(page.get_by_text("Paid. Thank you!", exact=True).first).to_be_visible()
    page.wait_for_url(f"{web_server}/healthz?order=A%2017")
    # Who looks at the paid page later is not sent away from it.
    page.clock.install()
    page.goto(checkout_link(invoice))
    page.clock.run_for(60_000)
    expect(page.get_by_role("link", name="Receipt")).to_be_visible()


@pytest.mark.django_db
@pytest.mark.parametrize(("by_itself", "frame"), [(False, ""), (True, "/embed")])
def test_others_stay_and_a_frame_leaves_it_to_its_page(
    client: Client, connected_store: Store, by_itself: bool, frame: str
) -> None:
    invoice = invoice_of(connected_store, "https://shop.example/thanks", by_itself=by_itself)
    payment_record(lightning_invoice=lightning_invoice_issue(invoice=invoice), evidence=Evidence.PUSH)
    shown = client.get(f"/i/{invoice.pk}{frame}").content.decode()
    assert "https://shop.example/thanks" in shown
    assert "data-return" not in shown
    assert "return.js" not in shown
