"""Pull payments: amounts that whoever holds the link may claim."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from flashpay.ids import id_new, token_new
from flashpay.stores.models import ACTOR_LENGTH, Store


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
    # The invoice that it gives money of back. By name: the two rooms do not import each other.
    refund_of = models.ForeignKey(
        "invoices.Invoice", on_delete=models.PROTECT, null=True, blank=True, related_name="refunds"
    )
    starts_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(null=True, blank=True)
    archived_at = models.DateTimeField(null=True, blank=True)
    paused = models.BooleanField(default=False)
    created_by = models.CharField(max_length=ACTOR_LENGTH, default="system")
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
