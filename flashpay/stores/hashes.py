"""The one register of payment hashes: whose a hash is, for ever (decision 2)."""

from __future__ import annotations

from datetime import datetime

from flashpay.stores.models import PaymentHash


def payment_hash_register(*, payment_hash: str, owner: str, owner_id: str, at: datetime) -> PaymentHash:
    """Enter whose a payment hash is, inside the caller's transaction, and return the entry that holds.

    That is an older one where the hash was taken: compare its `owner_id`. Of two who come at once the second waits for the
    first one's commit, and gets its entry.
    """
    mine = PaymentHash(payment_hash=payment_hash, owner=owner, owner_id=owner_id, at=at)
    PaymentHash.objects.bulk_create([mine], ignore_conflicts=True)
    return PaymentHash.objects.get(pk=payment_hash)
