"""What the tests of paying out share: a pull payment at a connected store, a recipient's service, a sandbox left as found."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from flashpay.stores.models import Store
from payouts.models import PullPayment
from tests.payouts.lnurl_service import LnurlRecipient
from tests.sandbox_server import SandboxServer

ALICE = "alice@example.com"


def soon(seconds: float = 0) -> datetime:
    return timezone.now() + timedelta(seconds=seconds)


@pytest.fixture
def plain_sandbox(sandbox: SandboxServer) -> Iterator[SandboxServer]:
    """The sandbox with its switches back at their start afterwards."""
    yield sandbox
    sandbox.api("POST", "/api/reset")


@pytest.fixture
def prize(connected_store: Store) -> PullPayment:
    """50,000 sat, for whoever has the link."""
    from flashpay.money.currencies import SAT
    from payouts.services import pull_payment_create

    return pull_payment_create(store=connected_store, amount=50_000, currency=SAT, name="Prize", actor=ALICE)


@pytest.fixture
def recipient(plain_sandbox: SandboxServer) -> Iterator[LnurlRecipient]:
    with LnurlRecipient(plain_sandbox) as service:
        yield service
