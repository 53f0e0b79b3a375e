"""Whom a store writes mail to and about what; and every mail that was to be sent, with what became of it."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone

from flashpay.ids import id_new
from flashpay.stores.models import ACTOR_LENGTH, Event, Store


class Kind(models.TextChoices):
    """What mail is written about. The words for people are in `kinds.py`."""

    PAID = "paid"
    PAID_LATE = "paid_late"
    PAID_OVER = "paid_over"
    PAID_PARTLY = "paid_partly"
    PAYOUT_APPROVAL = "payout_approval"
    PAYOUT_FAILED = "payout_failed"
    PAYOUT_REVIEW = "payout_review"
    LOW_BALANCE = "low_balance"
    WALLET_BROKEN = "wallet_broken"
    RECEIPT = "receipt", "receipt for the buyer"


class MailSettings(models.Model):
    """What holds for all mail of a store. A store without a row has the defaults."""

    store = models.OneToOneField(Store, primary_key=True, on_delete=models.CASCADE, related_name="mail_settings")
    receipts_to_buyers = models.BooleanField(default=True)
    # Mail is written when the wallet holds less; empty: never.
    low_balance_cents = models.PositiveBigIntegerField(null=True, blank=True)
    # Whether it was less at the last look, so that it is said once.
    balance_is_low = models.BooleanField(default=False)

    class Meta:
        verbose_name_plural = "mail settings"

    def __str__(self) -> str:
        return f"Mail of {self.store_id}"


class MailRule(models.Model):
    """One address and what it hears of. `minimum`, in minor units, is for `paid` alone: smaller payments are not worth mail."""

    id = models.CharField(primary_key=True, max_length=22, default=id_new, editable=False)
    store = models.ForeignKey(Store, on_delete=models.CASCADE, related_name="mail_rules")
    address = models.EmailField()
    kinds = models.JSONField(default=list)
    minimum = models.PositiveBigIntegerField(null=True, blank=True)
    minimum_currency = models.CharField(max_length=4, blank=True)
    # What can wait is gathered in one mail a day.
    daily = models.BooleanField(default=False)
    active = models.BooleanField(default=True)
    # Set when whoever reads the address stopped it by the link in a mail.
    stopped_at = models.DateTimeField(null=True, blank=True)
    created_by = models.CharField(max_length=ACTOR_LENGTH)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["created_at"]
        constraints = [models.UniqueConstraint(fields=["store", "address"], name="one_mail_rule_per_address")]

    def __str__(self) -> str:
        return self.address


class MailState(models.TextChoices):
    WAITING = "waiting"
    SENT = "sent"
    SKIPPED = "skipped"
    FAILED = "failed"


class Mail(models.Model):
    """One mail about one thing to one address: written in the transaction of the event, sent later by a worker.

    (store, address, key) is unique: however often something is reported, it is written about once.
    """

    id = models.BigAutoField(primary_key=True)
    store = models.ForeignKey(Store, on_delete=models.CASCADE, related_name="mails")
    rule = models.ForeignKey(MailRule, on_delete=models.SET_NULL, null=True, blank=True, related_name="mails")
    kind = models.CharField(max_length=16, choices=Kind)
    key = models.CharField(max_length=64)
    address = models.EmailField()
    event = models.ForeignKey(Event, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    entity_id = models.CharField(max_length=32)
    language = models.CharField(max_length=8, blank=True)
    state = models.CharField(max_length=8, choices=MailState, default=MailState.WAITING)
    tries = models.PositiveIntegerField(default=0)
    # Why it is not sent yet, failed, or was not worth sending: a sentence for people.
    reason = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    # When it is tried next, and after which it is given up.
    due_at = models.DateTimeField(default=timezone.now)
    give_up_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)
    # As it was sent; of a day's mail in the first of its rows, which the others name.
    subject = models.CharField(max_length=200, blank=True)
    text = models.TextField(blank=True)
    sent_with = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    # Somebody has looked at the failure.
    seen = models.BooleanField(default=False)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=MailState.values), name="mail_state_known"),
            models.UniqueConstraint(fields=["store", "address", "key"], name="one_mail_per_address_and_thing"),
            # One receipt an invoice, whatever addresses are given.
            models.UniqueConstraint(fields=["entity_id"], condition=Q(kind="receipt"), name="one_receipt_mail"),
        ]
        indexes = [
            models.Index(fields=["due_at"], condition=Q(state="waiting"), name="mail_due"),
            models.Index(fields=["store", "-id"], name="mail_by_store"),
            models.Index(fields=["store"], condition=Q(state="failed", seen=False), name="mail_failed"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} to {self.address}"
