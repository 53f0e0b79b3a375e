"""The narrow way through everything, as a script goes it."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from flashpay.invoices.models import LightningInvoice
from flashpay.invoices.tasks import poll_open_lightning_invoices
from payouts.tasks import send_due_payouts
from tests.api.conftest import Script
from tests.sandbox_server import SandboxServer


@pytest.mark.django_db(transaction=True)
def test_it_takes_a_payment_and_pays_it_out_with_nothing_but_a_key(
    api: Script, anybody: Script, connection_string: str, sandbox: SandboxServer, eager_tasks: None
) -> None:
    store = api.post("/stores", {"name": "Corner shop", "defaultCurrency": "USD"})["id"]
    method = api.put(f"/stores/{store}/payment-methods/BTC-LN", {"enabled": True, "config": connection_string})
    assert method["enabled"] is True

    invoice = api.post(f"/stores/{store}/invoices", {"amount": "12.34", "metadata": {"orderId": "A-1"}})
    assert (invoice["status"], invoice["amount"], invoice["currency"]) == ("New", "12.34", "USD")
    (how,) = api.get(f"/stores/{store}/invoices/{invoice['id']}/payment-methods")
    assert how["destination"].startswith("lnbcrt")
    sandbox.phone_pay(how["destination"])
    _poll()
    paid = api.get(f"/stores/{store}/invoices/{invoice['id']}")
    assert (paid["status"], paid["additionalStatus"], paid["paidAmount"]) == ("Settled", "None", "12.34")

    pull_payment = api.post(
        f"/stores/{store}/pull-payments",
        {"name": "Wages", "amount": "50000", "currency": "SAT", "autoApproveClaims": True},
    )
    assert anybody.get(f"/pull-payments/{pull_payment['id']}/lnurl")["lnurlBech32"].startswith("lightning:lnurl1")
    theirs = sandbox.phone_invoice(20_000)
    claimed = anybody.post(f"/pull-payments/{pull_payment['id']}/payouts", {"destination": theirs["bolt11"]})
    assert claimed["originalAmount"] == "20000"

    assert claimed["state"] == "AwaitingPayment"

    send_due_payouts()
    (payout,) = api.get(f"/stores/{store}/payouts")
    assert (payout["id"], payout["state"], payout["payoutAmount"]) == (claimed["id"], "Completed", "0.00020000")
    assert payout["paymentProof"]["PaymentHash"] == theirs["payment_hash"]
    assert _delivered(sandbox, theirs["payment_hash"]) == 1


def _poll() -> None:
    """What beat has done every five seconds."""
    LightningInvoice.objects.update(next_poll_at=timezone.now())
    poll_open_lightning_invoices()


def _delivered(sandbox: SandboxServer, payment_hash: str) -> int:
    found: list[Any] = sandbox.payments(payment_hash)
    return len(found)
