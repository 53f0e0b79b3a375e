"""Batches of vouchers. A voucher is a pull payment whose smallest claim is its whole amount, with a code that people can type."""

from __future__ import annotations

import secrets
from collections.abc import Callable

from django.db import models
from django.db.models import Q
from django.utils import timezone

from flashpay.ids import id_new
from flashpay.stores.models import ACTOR_LENGTH, Store
from payouts.models import PullPayment

# Without what people mix up: 0 and O, 1, I and L. Twelve of them are 59 bits: nobody guesses one through the throttle.
CODE_ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
CODE_LENGTH = 12
CODE_GROUP = 4


def code_new(choice: Callable[[str], str] = secrets.choice) -> str:
    """A voucher's code: unguessable, and short enough to be typed from paper."""
    return "".join(choice(CODE_ALPHABET) for _ in range(CODE_LENGTH))


class VoucherBatch(models.Model):
    """Vouchers made together. `amount` is that of each, in minor units of `currency`."""

    id = models.CharField(primary_key=True, max_length=22, default=id_new, editable=False)
    store = models.ForeignKey(Store, on_delete=models.PROTECT, related_name="voucher_batches")
    name = models.CharField(max_length=36)
    prefix = models.CharField(max_length=8, blank=True)
    note = models.CharField(max_length=160, blank=True)
    currency = models.CharField(max_length=4)
    amount = models.PositiveBigIntegerField()
    count = models.PositiveIntegerField()
    auto_approve = models.BooleanField(default=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    created_by = models.CharField(max_length=ACTOR_LENGTH, default="system")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0, count__gt=0), name="voucher_batch_holds_something"),
        ]
        indexes = [models.Index(fields=["store", "-created_at"], name="voucher_batch_by_store")]

    def __str__(self) -> str:
        return self.name


class Voucher(models.Model):
    """One voucher: its money and links are the pull payment's, its number and code are on paper."""

    pull_payment = models.OneToOneField(PullPayment, primary_key=True, on_delete=models.PROTECT, related_name="voucher")
    batch = models.ForeignKey(VoucherBatch, on_delete=models.PROTECT, related_name="vouchers")
    number = models.PositiveIntegerField()
    code = models.CharField(max_length=CODE_LENGTH, unique=True, default=code_new)

    class Meta:
        ordering = ["batch", "number"]
        constraints = [models.UniqueConstraint(fields=["batch", "number"], name="voucher_number_once")]

    def __str__(self) -> str:
        return self.label

    @property
    def label(self) -> str:
        """What stands on paper to tell it from the others: `XMAS-007`, or `007` without a prefix."""
        number = f"{self.number:03d}"
        return f"{self.batch.prefix}-{number}" if self.batch.prefix else number

    @property
    def code_shown(self) -> str:
        """The code in groups, as it is printed: `K7QM-2XFP-9TRA`."""
        return "-".join(self.code[start : start + CODE_GROUP] for start in range(0, CODE_LENGTH, CODE_GROUP))
