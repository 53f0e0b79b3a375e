"""Whoever has the longest e-mail address that there is can do everything, and is named in full."""

from __future__ import annotations

import pytest

from flashpay.stores.models import Event, Store, User
from payouts.models import PayoutApproval, PullPayment
from tests.api.conftest import Script, script_of
from tests.cast import member_add
from tests.sandbox_server import SandboxServer

LONGEST = f"{'a' * 64}@{'.'.join(['b' * 61] * 3)}.abc"


@pytest.fixture
def script(paying_store: Store) -> Script:
    person = User.objects.create_user(LONGEST, "a long pass phrase of hers")
    member_add(paying_store, person, "Owner")
    return script_of(person)


def test_every_record_names_them_in_full(script: Script, paying_store: Store, sandbox: SandboxServer) -> None:
    assert len(LONGEST) == 254
    base = f"/stores/{paying_store.pk}"
    script.post(f"{base}/invoices", {"amount": "5", "currency": "USD"})
    script.post(f"{base}/payment-requests", {"title": "Rent", "amount": "5"})
    script.post(f"{base}/pull-payments", {"amount": "50000", "currency": "SAT"})
    payout = script.post(f"{base}/payouts", {"destination": sandbox.phone_invoice(20_000)["bolt11"]})
    script.post(f"/payouts/{payout['id']}", {})
    made = ["InvoiceCreated", "PaymentRequestCreated", "PullPaymentCreated", "PayoutCreated", "PayoutApproved"]
    actors = Event.objects.filter(store=paying_store, type__in=made).values_list("actor", flat=True)
    assert len(actors) == len(made)
    assert all(LONGEST in actor for actor in actors)
    assert LONGEST in PullPayment.objects.get().created_by
    assert LONGEST in PayoutApproval.objects.get().actor
