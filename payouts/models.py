"""Pull payments, the payouts claimed from them, and every attempt to send one."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from flashpay.ids import id_new, token_new
from flashpay.stores.models import Store, WalletConnection


class PullPayment(models.Model):
    """An amount that whoever holds the link may claim, in one go or in parts. Amounts in minor units of `currency`.

    Its id is the secret that opens the claim page; `lnurl_token` the one in its LNURL-withdraw address.
    """

    id = models.CharField(primary_key=True, max_length=22, default=id_new, editable=False)
    lnurl_token = models.CharField(max_length=32, unique=True, default=token_new, editable=False)
    store = models.ForeignKey(Store, on_delete=models.PROTECT, related_name="pull_payments")
    name = models.CharField(max_length=50, blank=True)
    description = models.TextField(max_length=2000, blank=True)
    currency = models.CharField(max_length=4)
    amount = models.PositiveBigIntegerField()
    # Reserved by payouts that are not cancelled. It moves only by conditional updates, in one transaction with the
    # payout, so the constraint below makes over-claiming impossible whatever runs at the same time.
    claimed = models.PositiveBigIntegerField(default=0)
    minimum_claim = models.PositiveBigIntegerField(default=0)
    auto_approve = models.BooleanField(default=True)
    starts_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(null=True, blank=True)
    archived_at = models.DateTimeField(null=True, blank=True)
    paused = models.BooleanField(default=False)
    created_by = models.CharField(max_length=120, default="system")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="pull_payment_amount_positive"),
            models.CheckConstraint(condition=Q(claimed__lte=F("amount")), name="pull_payment_not_overclaimed"),
            models.CheckConstraint(condition=Q(minimum_claim__lte=F("amount")), name="pull_payment_minimum_claimable"),
            models.CheckConstraint(
                condition=Q(expires_at__isnull=True) | Q(expires_at__gt=F("starts_at")),
                name="pull_payment_dates_ordered",
            ),
        ]
        indexes = [models.Index(fields=["store", "-created_at"], name="pull_payment_by_store")]

    def __str__(self) -> str:
        return self.name or f"Pull payment {self.id}"

    @property
    def remaining(self) -> int:
        return self.amount - self.claimed


class PayoutState(models.TextChoices):
    AWAITING_APPROVAL = "AwaitingApproval", "Awaiting approval"
    AWAITING_PAYMENT = "AwaitingPayment", "Awaiting payment"
    IN_PROGRESS = "InProgress", "In flight"
    COMPLETED = "Completed"
    CANCELLED = "Cancelled"


class DestinationKind(models.TextChoices):
    BOLT11 = "bolt11", "Lightning invoice"
    LNURL_PAY = "lnurl_pay", "LNURL"
    ADDRESS = "address", "Lightning Address"


class Payout(models.Model):
    """One claim: what is owed to one recipient, until it is proved to be paid or cancelled before anything was sent."""

    TRANSITIONS = {
        PayoutState.AWAITING_APPROVAL: {PayoutState.AWAITING_PAYMENT, PayoutState.CANCELLED},
        PayoutState.AWAITING_PAYMENT: {PayoutState.IN_PROGRESS, PayoutState.CANCELLED},
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
    # Why it waits, failed last time, or was cancelled: a sentence for people.
    reason = models.CharField(max_length=500, blank=True)
    needs_review = models.BooleanField(default=False)
    created_by = models.CharField(max_length=120, default="recipient")
    created_at = models.DateTimeField(default=timezone.now)
    # When the sender or the reconciler looks next, and until when one worker has it for itself.
    due_at = models.DateTimeField(default=timezone.now)
    leased_until = models.DateTimeField(null=True, blank=True)
    completed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=PayoutState.values), name="payout_state_known"),
            models.CheckConstraint(condition=Q(amount__gt=0, amount_msat__gt=0), name="payout_amount_positive"),
        ]
        indexes = [
            models.Index(fields=["store", "state", "-created_at"], name="payout_by_store_state"),
            models.Index(fields=["pull_payment", "-created_at"], name="payout_by_pull_payment"),
            models.Index(
                fields=["state", "due_at"], condition=Q(state__in=["AwaitingPayment", "InProgress"]), name="payout_due"
            ),
        ]

    def __str__(self) -> str:
        return f"Payout {self.id}"


class AttemptState(models.TextChoices):
    PREPARED = "prepared"
    SENT = "sent"
    UNKNOWN = "unknown"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


OPEN_ATTEMPT_STATES = [AttemptState.PREPARED, AttemptState.SENT, AttemptState.UNKNOWN]


class PayoutAttempt(models.Model):
    """One attempt to pay one BOLT 11: committed before the request leaves, ended by evidence only.

    `prepared`: nothing has left. `sent`: a request may have left. `unknown`: it left, and what became of it is not known.
    """

    TRANSITIONS = {
        AttemptState.PREPARED: {AttemptState.SENT, AttemptState.FAILED},
        AttemptState.SENT: {AttemptState.SUCCEEDED, AttemptState.FAILED, AttemptState.UNKNOWN},
        AttemptState.UNKNOWN: {AttemptState.SUCCEEDED, AttemptState.FAILED},
        AttemptState.SUCCEEDED: set(),
        AttemptState.FAILED: set(),
    }

    id = models.BigAutoField(primary_key=True)
    store = models.ForeignKey(Store, on_delete=models.PROTECT, related_name="+")
    payout = models.ForeignKey(Payout, on_delete=models.PROTECT, related_name="attempts")
    number = models.PositiveIntegerField()
    connection = models.ForeignKey(WalletConnection, on_delete=models.PROTECT, related_name="attempts")
    wallet_id = models.CharField(max_length=64)
    bolt11 = models.TextField()
    payment_hash = models.CharField(max_length=64, db_index=True)
    amount_msat = models.PositiveBigIntegerField()
    # Set only where the BOLT 11 has no amount and Flash is told it in US cents.
    amount_cents = models.DecimalField(max_digits=24, decimal_places=8, null=True, blank=True)
    idempotency_key = models.CharField(max_length=64, unique=True)
    state = models.CharField(max_length=10, choices=AttemptState, default=AttemptState.PREPARED)
    prepared_at = models.DateTimeField(default=timezone.now)
    sent_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    preimage = models.CharField(max_length=64, blank=True)
    fee_msat = models.BigIntegerField(null=True, blank=True)

    class Meta:
        ordering = ["payout", "number"]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=AttemptState.values), name="attempt_state_known"),
            models.UniqueConstraint(fields=["payout", "number"], name="attempt_number_once"),
            models.UniqueConstraint(
                fields=["payout"],
                condition=Q(state__in=["prepared", "sent", "unknown"]),
                name="one_open_attempt_per_payout",
            ),
        ]

    def __str__(self) -> str:
        return f"Attempt {self.number} of {self.payout_id}"


class Grade(models.TextChoices):
    PROOF = "proof"
    STRONG = "strong"
    HINT = "hint"


class AttemptEvidence(models.Model):
    """Something that was found out about an attempt: what, where, and how much it proves. Append-only."""

    id = models.BigAutoField(primary_key=True)
    attempt = models.ForeignKey(PayoutAttempt, on_delete=models.PROTECT, related_name="evidence")
    source = models.CharField(max_length=32)
    says = models.CharField(max_length=12, help_text="succeeded, failed or nothing")
    grade = models.CharField(max_length=8, choices=Grade)
    summary = models.CharField(max_length=500)
    data = models.JSONField(default=dict, blank=True)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return self.summary


class WalletTransaction(models.Model):
    """A row of a wallet's transaction feed that was asked about once, and what Flash said of it. Never asked again."""

    id = models.BigAutoField(primary_key=True)
    connection = models.ForeignKey(WalletConnection, on_delete=models.PROTECT, related_name="transactions")
    transaction_id = models.CharField(max_length=64)
    direction = models.CharField(max_length=8)
    payment_hash = models.CharField(max_length=64, blank=True, db_index=True)
    preimage = models.CharField(max_length=64, blank=True)
    data = models.JSONField(default=dict)
    at = models.DateTimeField(help_text="The time the feed gives it")
    asked_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["connection", "transaction_id"], name="wallet_transaction_once"),
        ]

    def __str__(self) -> str:
        return self.transaction_id
