"""Every attempt to send a payout, what was found out about it, and what people decided of it."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from flashpay.stores.models import Store, WalletConnection
from payouts.models.append_only import AppendOnlyModel
from payouts.models.payouts import Payout


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
    # The life of the BOLT 11: while it lives, somebody's request may still pay it.
    expires_at = models.DateTimeField(null=True, blank=True)
    # What the recipient's service said with its invoice (LUD-09, LUD-21); strangers' text, escaped where it is shown.
    service = models.CharField(max_length=255, blank=True)
    success_action = models.JSONField(null=True, blank=True)
    verify_url = models.CharField(max_length=2000, blank=True)
    warnings = models.JSONField(default=list, blank=True)
    # What the wallet is expected to be debited, in cents of its currency, and the part of it that is fee.
    debit_cents = models.DecimalField(max_digits=24, decimal_places=8, null=True, blank=True)
    fee_estimate_cents = models.DecimalField(max_digits=24, decimal_places=8, null=True, blank=True)
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
    """How much a finding proves. `decision` is a person's: it ends an attempt as proof does, and names who decided."""

    PROOF = "proof"
    DECISION = "decision"
    STRONG = "strong"
    HINT = "hint"


class AttemptEvidence(AppendOnlyModel):
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


class Verdict(models.TextChoices):
    PAID = "paid", "It was paid"
    NOT_PAID = "not_paid", "It was not paid"


class ReviewDecision(AppendOnlyModel):
    """What one person decided about an attempt in doubt, and why. The newest of each person counts."""

    id = models.BigAutoField(primary_key=True)
    attempt = models.ForeignKey(PayoutAttempt, on_delete=models.PROTECT, related_name="decisions")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    verdict = models.CharField(max_length=8, choices=Verdict)
    reason = models.CharField(max_length=500)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.user}: {self.verdict}"
