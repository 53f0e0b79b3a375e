"""What a claim needs: a wallet to pay from, a pull payment, and a recipient's invoices."""

from __future__ import annotations

import secrets
import time
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tests.lightning.invoices import invoice_make

if TYPE_CHECKING:
    from flashpay.stores.models import Store, WalletConnection
    from payouts.models import PullPayment

NETWORK = "regtest"
MINIMUM_SAT = 10_000


def wallet_make(store: Store, **columns: Any) -> WalletConnection:
    """An active wallet as `wallet_connect` leaves it; nobody is asked."""
    from flashpay.stores.models import CredentialKind, WalletConnection

    return WalletConnection.objects.create(
        store=store,
        **{
            "kind": CredentialKind.API_KEY,
            "secret": "not-a-real-key",
            "fingerprint": secrets.token_hex(32),
            "network": NETWORK,
            "wallet_id": "wallet-of-alice",
            "wallet_currency": "USD",
            "minimum_sat": MINIMUM_SAT,
            **columns,
        },
    )


def pull_payment_make(store: Store, sat: int = 50_000, **columns: Any) -> PullPayment:
    """A pull payment over `sat`, as `pull_payment_create` leaves it; `columns` may say otherwise."""
    from payouts.models import PullPayment

    return PullPayment.objects.create(store=store, **{"currency": "SAT", "amount": sat, "name": "Prize", **columns})


def invoice_over(sat: int | None, *, payment_hash: bytes | None = None, created: datetime | None = None) -> str:
    """A fresh BOLT 11 of a recipient's wallet over `sat`, or without an amount; it lives an hour."""
    return invoice_make(
        "" if sat is None else f"{sat * 10}n",
        network="bcrt",
        payment_hash=payment_hash or secrets.token_bytes(32),
        created=int(created.timestamp() if created else time.time()),
    )
