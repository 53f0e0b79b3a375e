from __future__ import annotations

import pytest

from flashpay.money.currencies import SAT
from flashpay.stores.models import Store
from payouts.vouchers.models import VoucherBatch
from payouts.vouchers.services import voucher_batch_create
from tests.payouts.recipients import wallet_make


@pytest.fixture
def paying_store(store: Store) -> Store:
    wallet_make(store)
    return store


@pytest.fixture
def batch(paying_store: Store) -> VoucherBatch:
    """Ten vouchers of 20,000 sat each."""
    return voucher_batch_create(
        store=paying_store,
        count=10,
        amount=20_000,
        currency=SAT,
        name="Summer party",
        prefix="SUN",
        note="Thank you for coming!",
        actor="alice",
    )
