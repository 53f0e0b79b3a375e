"""Payouts, the parts they gather, and who approved them."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone

from flashpay.ids import id_new
from flashpay.stores.models import ACTOR_LENGTH, Store
from payouts.models.append_only import AppendOnlyModel
from payouts.models.pull_payments import PullPayment


class PayoutState(models.TextChoices):
    AWAITING_APPROVAL = "AwaitingApproval", "Awaiting approval"
    AWAITING_PAYMENT = "AwaitingPayment", "Awaiting payment"
    IN_PROGRESS = "InProgress", "In flight"
    COMPLETED = "Completed"
    CANCELLED = "Cancelled"


# Nothing was sent: it may still be cancelled.
UNSENT_PAYOUT_STATES = [PayoutState.AWAITING_APPROVAL, PayoutState.AWAITING_PAYMENT]
ENDED_PAYOUT_STATES = [PayoutState.COMPLETED, PayoutState.CANCELLED]


class DestinationKind(models.TextChoices):
    BOLT11 = "bolt11", "Lightning invoice"
    LNURL_PAY = "lnurl_pay", "LNURL"
    ADDRESS = "address", "Lightning Address"


class Payout(models.Model):
    """One claim: what is owed to one recipient, until it is proved to be paid or cancelled before anything was sent."""

    TRANSITIONS = {
        PayoutState.AWAITING_APPROVAL: {PayoutState.AWAITING_PAYMENT, PayoutState.CANCELLED},
        # Completed without an attempt only where a person says that it was paid in another way.
        PayoutState.AWAITING_PAYMENT: {PayoutState.IN_PROGRESS, PayoutState.CANCELLED, PayoutState.COMPLETED},
        # Back to waiting only on proof that the attempt failed.
        PayoutState.IN_PROGRESS: {PayoutState.COMPLETED, PayoutState.AWAITING_PAYMENT},
        PayoutState.COMPLETED: set(),
        PayoutState.CANCELLED: set(),
    }

    id = models.CharField(primary_key=True, max_length=22, default=id_new, editable=False)
    store = models.ForeignKey(Store, on_delete=models.PROTECT, related_name="payouts")
    pull_payment = models.ForeignKey(
        PullPayment, on_delete=models.PROTECT, null=True, blank=True, related_name="payouts"
    )
    destination_kind = models.CharField(max_length=10, choices=DestinationKind)
    destination = models.TextField()
    # What was claimed, in minor units of `currency`, and what is sent for it at the recorded rate.
    currency = models.CharField(max_length=4)
    amount = models.PositiveBigIntegerField()
    amount_msat = models.PositiveBigIntegerField()
    rate = models.DecimalField(max_digits=28, decimal_places=10, null=True, blank=True)
    rate_source = models.CharField(max_length=32, blank=True)
    rate_at = models.DateTimeField(null=True, blank=True)
    state = models.CharField(max_length=16, choices=PayoutState, default=PayoutState.AWAITING_APPROVAL)
    # Small claims of one recipient gather in one payout until it reaches the wallet's minimum; see PayoutPart.
    collecting = models.BooleanField(default=False)
    # How many different people must approve it, settled when it was claimed, and how many have.
    approvals_needed = models.PositiveSmallIntegerField(default=0)
    approvals = models.PositiveSmallIntegerField(default=0)
    # A repetition of the same request (a double click, a lost answer) gets this payout: a hash of the key it came with.
    claim_key = models.CharField(max_length=64, null=True, blank=True, unique=True)
    # Why it waits, failed last time, or was cancelled: a sentence for people.
    reason = models.CharField(max_length=500, blank=True)
    # How often in a row it could not be sent, for the patience of the next look.
    waits = models.PositiveIntegerField(default=0)
    needs_review = models.BooleanField(default=False)
    # A program's own notes, as it sent them.
    metadata = models.JSONField(default=dict, blank=True)
    created_by = models.CharField(max_length=ACTOR_LENGTH, default="recipient")
    created_at = models.DateTimeField(default=timezone.now)
    # Set where the recipient brought an invoice: after this it cannot be paid any more.
    expires_at = models.DateTimeField(null=True, blank=True)
    # When the sender or the reconciler looks next, and until when one worker has it for itself.
    due_at = models.DateTimeField(default=timezone.now)
    leased_until = models.DateTimeField(null=True, blank=True)
    leased_by = models.CharField(max_length=32, blank=True)
    completed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=PayoutState.values), name="payout_state_known"),
            models.CheckConstraint(condition=Q(amount__gt=0, amount_msat__gt=0), name="payout_amount_positive"),
        ]
        indexes = [
            models.Index(fields=["store", "-created_at"], name="payout_by_store"),
            models.Index(fields=["store", "state", "-created_at"], name="payout_by_store_state"),
            models.Index(fields=["store", "-created_at"], condition=Q(needs_review=True), name="payout_to_review"),
            # The figures of a day or a month.
            models.Index(fields=["store", "completed_at"], condition=Q(state="Completed"), name="payout_by_completion"),
            models.Index(fields=["pull_payment", "-created_at"], name="payout_by_pull_payment"),
            models.Index(
                fields=["state", "due_at"], condition=Q(state__in=["AwaitingPayment", "InProgress"]), name="payout_due"
            ),
            models.Index(
                fields=["expires_at"],
                condition=Q(state__in=["AwaitingApproval", "AwaitingPayment"], expires_at__isnull=False),
                name="payout_to_expire",
            ),
        ]

    def __str__(self) -> str:
        return f"Payout {self.id}"


class PayoutPart(AppendOnlyModel):
    """One small claim of a payout that collects them: the payout's amounts are the sums of its parts."""

    id = models.BigAutoField(primary_key=True)
    payout = models.ForeignKey(Payout, on_delete=models.PROTECT, related_name="parts")
    amount = models.PositiveBigIntegerField()
    amount_msat = models.PositiveBigIntegerField()
    rate = models.DecimalField(max_digits=28, decimal_places=10, null=True, blank=True)
    rate_source = models.CharField(max_length=32, blank=True)
    rate_at = models.DateTimeField(null=True, blank=True)
    claim_key = models.CharField(max_length=64, null=True, blank=True, unique=True)
    created_by = models.CharField(max_length=ACTOR_LENGTH, default="recipient")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"Part of {self.payout_id}"


class PayoutApproval(AppendOnlyModel):
    """That one person approved a payout. `person` tells people apart, whichever way they come in."""

    id = models.BigAutoField(primary_key=True)
    payout = models.ForeignKey(Payout, on_delete=models.PROTECT, related_name="approved_by")
    person = models.CharField(max_length=150)
    actor = models.CharField(max_length=ACTOR_LENGTH)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["payout", "person"], name="payout_approved_once_a_person")]

    def __str__(self) -> str:
        return f"{self.actor} approved {self.payout_id}"
