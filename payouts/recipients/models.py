"""Who is paid again and again, and which payouts were theirs."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.utils import timezone

from flashpay.ids import id_new
from flashpay.stores.models import ACTOR_LENGTH, Store
from payouts.models import Payout


class Recipient(models.Model):
    """A person or company of one store. `address` is empty until it was registered.

    `token` is the secret in the open invitation's LNURL, empty when none is open: an invitation is used once, and only the
    store can open another. So an address never changes behind the store's back.
    """

    id = models.CharField(primary_key=True, max_length=22, default=id_new, editable=False)
    store = models.ForeignKey(Store, on_delete=models.PROTECT, related_name="recipients")
    name = models.CharField(max_length=60)
    address = models.CharField(max_length=255, blank=True)
    registered_at = models.DateTimeField(null=True, blank=True)
    token = models.CharField(max_length=32, blank=True, db_index=True)
    invited_until = models.DateTimeField(null=True, blank=True)
    # The invitation that the address came by, so that a wallet which repeats its callback gets the same answer.
    used_token = models.CharField(max_length=32, blank=True, db_index=True)
    archived_at = models.DateTimeField(null=True, blank=True)
    created_by = models.CharField(max_length=ACTOR_LENGTH, default="system")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["name", "created_at"]
        indexes = [models.Index(fields=["store", "name"], name="recipient_by_store")]

    def __str__(self) -> str:
        return self.name

    def is_invited(self, now: datetime) -> bool:
        """Whether there is an invitation that can still be used."""
        return bool(self.token and self.invited_until and now < self.invited_until)


class RecipientPayout(models.Model):
    """That a payout was made to a recipient, whatever their address is by now."""

    payout = models.OneToOneField(Payout, primary_key=True, on_delete=models.PROTECT, related_name="to_recipient")
    recipient = models.ForeignKey(Recipient, on_delete=models.PROTECT, related_name="paid")

    def __str__(self) -> str:
        return f"{self.payout_id} to {self.recipient_id}"
