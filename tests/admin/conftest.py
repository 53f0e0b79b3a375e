"""Records of Alice's store, and Ada, who looks after the server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from flashpay.invoices.models import Invoice
from flashpay.invoices.services import invoice_create
from flashpay.money.currencies import SAT
from flashpay.stores.models import CredentialKind, Store, User, WalletConnection
from payouts.models import Payout, PullPayment
from payouts.services import payout_claim, pull_payment_create
from tests.cast import PASSWORD
from tests.lightning.invoices import invoice_make

SECRET = "fk_0123abcd_" + "s3cret" * 5
ADA = "ada@example.com"


@dataclass
class Records:
    connection: WalletConnection
    invoice: Invoice
    pull_payment: PullPayment
    payout: Payout


@pytest.fixture
def ada(db: None) -> User:
    return User.objects.create_superuser(ADA, PASSWORD)


@pytest.fixture
def desk(ada: User, client: Client) -> Client:
    """Ada's browser, logged in."""
    client.force_login(ada, backend="allauth.account.auth_backends.AuthenticationBackend")
    return client


@pytest.fixture
def records(store: Store) -> Records:
    connection = WalletConnection.objects.create(
        store=store,
        kind=CredentialKind.API_KEY,
        secret=SECRET,
        fingerprint="f" * 64,
        username="alice",
        network="regtest",
        wallet_id="wallet-1",
        wallet_currency="USD",
        minimum_sat=10_000,
    )
    invoice = invoice_create(store=store, amount=21_000, currency=SAT, actor="alice", order_id="A-1")
    pull_payment = pull_payment_create(
        store=store, amount=50_000, currency=SAT, actor="alice", name="Wages", auto_approve=False
    )
    bolt11 = invoice_make("200u", network="bcrt", created=int(timezone.now().timestamp()))
    return Records(connection, invoice, pull_payment, payout_claim(pull_payment=pull_payment, bolt11=bolt11))


def act(desk: Client, model: str, action: str, pk: Any, reason: str = "") -> str:
    """Run an action of the list on one row; the page that it leads to."""
    body = {"action": action, "_selected_action": str(pk), "reason": reason}
    answer = desk.post(f"/admin/{model}/", body, follow=True)
    assert answer.status_code == 200
    return answer.content.decode()
