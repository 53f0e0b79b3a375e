"""What is remembered of the wallets that payouts are sent from: their transactions and what they hold."""

from __future__ import annotations

from django.db import models

from flashpay.stores.models import WalletConnection


class WalletTransaction(models.Model):
    """A row that a wallet's transaction feed has shown, and what Flash said when it was asked about it by its id.

    Kept as soon as anybody sees it: Flash shows the newest hundred alone, and has no other way to a transaction than its id.
    """

    id = models.BigAutoField(primary_key=True)
    connection = models.ForeignKey(WalletConnection, on_delete=models.PROTECT, related_name="transactions")
    transaction_id = models.CharField(max_length=64)
    direction = models.CharField(max_length=8)
    payment_hash = models.CharField(max_length=64, blank=True, db_index=True)
    preimage = models.CharField(max_length=64, blank=True)
    data = models.JSONField(default=dict)
    at = models.DateTimeField(help_text="The time the feed gives it")
    # What the feed says moved, in cents of the wallet's currency and without its sign: it tells which rows are worth asking
    # about for a payment, and never whose they are.
    cents = models.DecimalField(max_digits=24, decimal_places=8, null=True, blank=True)
    asked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["connection", "at"], name="wallet_transaction_by_time")]
        constraints = [
            models.UniqueConstraint(fields=["connection", "transaction_id"], name="wallet_transaction_once"),
        ]

    def __str__(self) -> str:
        return self.transaction_id


class WalletFloat(models.Model):
    """What Flash last said a wallet holds. Updating the row is also the lock under which money in flight is counted."""

    fingerprint = models.CharField(primary_key=True, max_length=200)
    balance_cents = models.DecimalField(max_digits=24, decimal_places=8, null=True, blank=True)
    asked_at = models.DateTimeField(null=True, blank=True)
    reservations = models.PositiveBigIntegerField(default=0)

    def __str__(self) -> str:
        return self.fingerprint[:12]
