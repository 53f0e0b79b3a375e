"""What the tests of our LNURL addresses share: a phone, and something to be paid or claimed."""

from __future__ import annotations

import pytest
from django.test import Client

from flashpay.invoices.models import Invoice, LightningAddress
from flashpay.invoices.services import invoice_create, lightning_address_save
from flashpay.money.currencies import SAT
from flashpay.stores.models import Store
from payouts.models import PullPayment
from tests.payouts.recipients import pull_payment_make, wallet_make


@pytest.fixture
def wallet() -> Client:
    """The phone of a payer or a recipient: no session, no cookies, no CSRF token; exceptions of the server stay in the server."""
    return Client(enforce_csrf_checks=True, raise_request_exception=False, HTTP_ACCEPT="*/*")


@pytest.fixture
def invoice(connected_store: Store) -> Invoice:
    return invoice_create(
        store=connected_store, amount=21_000, currency=SAT, description="Coffee & cake", order_id="A-7", actor="alice"
    )


@pytest.fixture
def cafe(connected_store: Store) -> LightningAddress:
    return lightning_address_save(
        store=connected_store, name="Cafe", actor="alice", minimum_sat=100, maximum_sat=50_000, comment_length=20
    )


@pytest.fixture
def pull_payment(store: Store) -> PullPayment:
    wallet_make(store)
    return pull_payment_make(store)
