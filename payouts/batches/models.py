"""Tables of payouts: first a draft that is looked at, then the payouts that were made from it."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone

from flashpay.ids import id_new
from flashpay.stores.models import ACTOR_LENGTH, Store
from payouts.models import Payout
from payouts.models.append_only import AppendOnlyModel

LONGEST_NAME = 100
LONGEST_REFERENCE = 64
LONGEST_NOTE = 200


class BatchState(models.TextChoices):
    DRAFT = "Draft"
    CONFIRMED = "Confirmed"
    DISCARDED = "Discarded"


class PayoutBatch(models.Model):
    """One table that a merchant brought. As a draft it has moved nothing; confirmed, each of its rows is a payout."""

    TRANSITIONS = {
        BatchState.DRAFT: {BatchState.CONFIRMED, BatchState.DISCARDED},
        BatchState.CONFIRMED: set(),
        BatchState.DISCARDED: set(),
    }

    id = models.CharField(primary_key=True, max_length=22, default=id_new, editable=False)
    store = models.ForeignKey(Store, on_delete=models.PROTECT, related_name="payout_batches")
    name = models.CharField(max_length=LONGEST_NAME)
    state = models.CharField(max_length=10, choices=BatchState, default=BatchState.DRAFT)
    # Of what was read when it was brought, however it was encoded: the same table brought again is known by it.
    content_sha256 = models.CharField(max_length=64)
    # As `reading.Row`, without those that were dropped since. Confirmed, they are never changed again.
    rows = models.JSONField(default=list)
    ignored_columns = models.JSONField(default=list)
    created_by = models.CharField(max_length=ACTOR_LENGTH, default="system")
    created_at = models.DateTimeField(default=timezone.now)
    confirmed_by = models.CharField(max_length=ACTOR_LENGTH, blank=True)
    confirmed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        verbose_name_plural = "payout batches"
        constraints = [
            models.CheckConstraint(condition=Q(state__in=BatchState.values), name="payout_batch_state_known"),
            models.CheckConstraint(
                condition=~Q(state="Confirmed") | Q(confirmed_at__isnull=False), name="payout_batch_confirmed_some_day"
            ),
        ]
        indexes = [
            models.Index(fields=["store", "-created_at"], name="payout_batch_by_store"),
            models.Index(fields=["store", "content_sha256"], name="payout_batch_by_content"),
        ]

    def __str__(self) -> str:
        return self.name


class BatchPayout(AppendOnlyModel):
    """Which row of which table a payout was made from, and what the merchant calls it."""

    payout = models.OneToOneField(Payout, primary_key=True, on_delete=models.PROTECT, related_name="in_batch")
    batch = models.ForeignKey(PayoutBatch, on_delete=models.PROTECT, related_name="made")
    line = models.PositiveIntegerField()
    reference = models.CharField(max_length=LONGEST_REFERENCE, blank=True)
    note = models.CharField(max_length=LONGEST_NOTE, blank=True)

    class Meta:
        ordering = ["batch", "line"]
        constraints = [models.UniqueConstraint(fields=["batch", "line"], name="batch_row_paid_once")]

    def __str__(self) -> str:
        return f"Row {self.line} of {self.batch_id}"
