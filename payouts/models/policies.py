"""How stores pay out, and the switch that stops all sending."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone

from flashpay.stores.models import ACTOR_LENGTH, Store


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
    # Who lets money go: for payouts that the shop makes itself, and for every new pull payment that says nothing else.
    approve_by_hand_above_sat = models.PositiveBigIntegerField(null=True, blank=True)
    two_people_above_sat = models.PositiveBigIntegerField(null=True, blank=True)

    def __str__(self) -> str:
        return f"Payout policy of {self.store_id}"


class SendingSwitch(models.Model):
    """The switch that stops all sending of this installation at once. One row at most; without it, sending is on."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    paused = models.BooleanField(default=False)
    reason = models.CharField(max_length=200, blank=True)
    actor = models.CharField(max_length=ACTOR_LENGTH, default="system")
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="one_sending_switch")]

    def __str__(self) -> str:
        return "Sending paused" if self.paused else "Sending on"
