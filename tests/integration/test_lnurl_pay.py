"""Being paid by LNURL from end to end: a foreign wallet and the sandbox's phone, a real web server, the sandbox Flash."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from flashpay.invoices.models import Invoice, LightningAddress, LightningInvoice
from flashpay.invoices.offers import Target, pay_lnurl
from flashpay.invoices.services import invoice_create, lightning_address_save, lightning_invoices_poll
from flashpay.money.currencies import SAT
from flashpay.stores.models import Store
from tests.sandbox_server import SandboxServer

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

PAYER = Path(__file__).with_name("public_payer.py")


@pytest.fixture
def cafe(connected_store: Store) -> LightningAddress:
    return lightning_address_save(store=connected_store, name="cafe", actor="alice", comment_length=50)


def public_payer(code: str, msat: int, *comment: str) -> dict[str, Any]:
    """What the public package makes of it."""
    done = subprocess.run(
        [sys.executable, "-P", str(PAYER), code, str(msat), *comment],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def code_of(target: Target) -> str:
    lnurl = pay_lnurl(target)
    assert lnurl is not None
    return lnurl.bech32


def poll() -> int:
    return lightning_invoices_poll(api_url="", now=timezone.now() + timedelta(seconds=6))


def test_the_public_package_pays_an_address_and_sees_it_settle(
    web_server: str, sandbox: SandboxServer, cafe: LightningAddress
) -> None:
    first = public_payer(code_of(cafe), 2_100_000, "Two coffees & cake")
    assert first["offer"]["text"] == "Payment to Alice's café"
    assert first["answer"]["disposable"] is False
    assert first["settled"] is False
    sandbox.phone_pay(first["answer"]["pr"])
    assert poll() == 1
    invoice = Invoice.objects.get()
    assert (invoice.state, invoice.received_msat) == ("Settled", 2_100_000)
    assert LightningInvoice.objects.get().comment == "Two coffees & cake"
    assert first["answer"]["successAction"]["url"].endswith(f"/i/{invoice.pk}/receipt")


def test_the_public_package_pays_an_invoice_over_a_link(
    web_server: str, sandbox: SandboxServer, connected_store: Store
) -> None:
    invoice = invoice_create(store=connected_store, amount=21_000, currency=SAT, actor="alice")
    lnurl = pay_lnurl(invoice)
    assert lnurl is not None
    for code in (lnurl.bech32, lnurl.uri):
        answer = public_payer(code, 21_000_000)
        assert answer["offer"]["max"] == 21_000_000
    sandbox.phone_pay(answer["answer"]["pr"])
    assert poll() == 1
    invoice.refresh_from_db()
    assert invoice.state == "Settled"


def test_the_public_package_shows_the_reason_of_a_refusal(
    web_server: str, sandbox: SandboxServer, cafe: LightningAddress
) -> None:
    sandbox.switch(invoice_error={"value": True, "next": 1})
    assert public_payer(code_of(cafe), 2_100_000)["refused"]
    assert not Invoice.objects.exists()


def test_the_phone_wallet_pays_an_address_and_an_open_invoice(
    web_server: str, sandbox: SandboxServer, connected_store: Store, cafe: LightningAddress
) -> None:
    top_up = invoice_create(store=connected_store, amount=None, currency=SAT, actor="alice")
    for target, sat in ((cafe, 1_500), (top_up, 2_500)):
        sandbox.phone_pay(code_of(target), amount_sat=sat)
    assert poll() == 2
    top_up.refresh_from_db()
    assert (top_up.state, top_up.received_msat) == ("Settled", 2_500_000)
    assert Invoice.objects.get(source_id=cafe.pk).received_msat == 1_500_000
