"""Pull payments, the payouts claimed from them, and every attempt to send one."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from flashpay.ids import id_new, token_new
from flashpay.stores.models import AppendOnlyError, Store, WalletConnection


class Renewal(models.TextChoices):
    NEVER = "", "Never"
    DAILY = "day", "Every day"
    WEEKLY = "week", "Every week"
    MONTHLY = "month", "Every month"


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
    maximum_claim = models.PositiveBigIntegerField(null=True, blank=True)
    # How often it may be claimed, and how often it was (in this period, where it renews itself); moves like `claimed`.
    maximum_claims = models.PositiveIntegerField(null=True, blank=True)
    claims = models.PositiveIntegerField(default=0)
    # Automatic, unless an amount says otherwise: above the first a person approves, above the second two different ones.
    auto_approve = models.BooleanField(default=True)
    approve_by_hand_above = models.PositiveBigIntegerField(null=True, blank=True)
    two_people_above = models.PositiveBigIntegerField(null=True, blank=True)
    # A keyed hash; empty where the link alone is enough. Wrong tries are counted, and the last of them locks the code.
    claim_code_hash = models.CharField(max_length=64, blank=True)
    claim_code_failures = models.PositiveIntegerField(default=0)
    # At `renews_at` what can be claimed becomes `renew_amount` again; what was left of the period before lapses.
    renews_every = models.CharField(max_length=5, choices=Renewal, default=Renewal.NEVER, blank=True)
    renew_amount = models.PositiveBigIntegerField(null=True, blank=True)
    renews_at = models.DateTimeField(null=True, blank=True)
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
                condition=Q(maximum_claims__isnull=True) | Q(claims__lte=F("maximum_claims")),
                name="pull_payment_not_claimed_too_often",
            ),
            models.CheckConstraint(
                condition=Q(maximum_claim__isnull=True) | Q(maximum_claim__gte=F("minimum_claim"), maximum_claim__gt=0),
                name="pull_payment_claim_range",
            ),
            models.CheckConstraint(
                condition=Q(renews_every="", renews_at__isnull=True)
                | Q(renew_amount__gt=0, renews_at__isnull=False) & ~Q(renews_every=""),
                name="pull_payment_renewal_complete",
            ),
            models.CheckConstraint(
                condition=Q(expires_at__isnull=True) | Q(expires_at__gt=F("starts_at")),
                name="pull_payment_dates_ordered",
            ),
        ]
        indexes = [
            models.Index(fields=["store", "-created_at"], name="pull_payment_by_store"),
            models.Index(fields=["renews_at"], condition=Q(renews_at__isnull=False), name="pull_payment_to_renew"),
        ]

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
    created_by = models.CharField(max_length=120, default="recipient")
    created_at = models.DateTimeField(default=timezone.now)
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


class AppendOnlyModel(models.Model):
    """Rows that are added and never changed or deleted: what they record stays as it was."""

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise AppendOnlyError("This record is never changed; add a new one.")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        raise AppendOnlyError("This record is never deleted.")


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
    created_by = models.CharField(max_length=120, default="recipient")
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
    actor = models.CharField(max_length=120)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["payout", "person"], name="payout_approved_once_a_person")]

    def __str__(self) -> str:
        return f"{self.actor} approved {self.payout_id}"


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


class MinimumPolicy(models.TextChoices):
    """What happens to a claim below the smallest amount that Flash's network takes."""

    REFUSE = "refuse", "Refuse it"
    RAISE = "raise", "Offer the smallest amount instead"
    COLLECT = "collect", "Collect small claims of a recipient until they reach it"


class PayoutPolicy(models.Model):
    """How a store pays out. A store without a row has these defaults."""

    store = models.OneToOneField(Store, primary_key=True, on_delete=models.PROTECT, related_name="payout_policy")
    minimum_policy = models.CharField(max_length=8, choices=MinimumPolicy, default=MinimumPolicy.REFUSE)
    # The most a payment may cost in network fees; without one the fee is not asked about before sending.
    fee_cap_bp = models.PositiveIntegerField(null=True, blank=True, help_text="In 1/100 of a percent of the amount")
    # Strong evidence may be wrong once in a while; whether that risk is worth fewer reviews is the owner's to say.
    strong_evidence_ends = models.BooleanField(default=False)
    review_after_s = models.PositiveIntegerField(default=30 * 60)
    second_reviewer_above_sat = models.PositiveBigIntegerField(null=True, blank=True)

    def __str__(self) -> str:
        return f"Payout policy of {self.store_id}"


class SendingSwitch(models.Model):
    """The switch that stops all sending of this installation at once. One row at most; without it, sending is on."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    paused = models.BooleanField(default=False)
    reason = models.CharField(max_length=200, blank=True)
    actor = models.CharField(max_length=120, default="system")
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="one_sending_switch")]

    def __str__(self) -> str:
        return "Sending paused" if self.paused else "Sending on"


class WalletFloat(models.Model):
    """What Flash last said a wallet holds. Updating the row is also the lock under which money in flight is counted."""

    fingerprint = models.CharField(primary_key=True, max_length=200)
    balance_cents = models.DecimalField(max_digits=24, decimal_places=8, null=True, blank=True)
    asked_at = models.DateTimeField(null=True, blank=True)
    reservations = models.PositiveBigIntegerField(default=0)

    def __str__(self) -> str:
        return self.fingerprint[:12]
