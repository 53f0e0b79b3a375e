"""Tills: where people of a store key in amounts and customers pay them on the spot."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from flashpay.ids import id_new
from flashpay.invoices.models import PayLink
from flashpay.stores.models import ACTOR_LENGTH, Store


class Till(models.Model):
    """A till of a store. What its keypad offers (title, currencies, tips) stands in its pay link.

    The pay link is closed unless the till is shared; then customers key in what they pay on their own phones.
    """

    id = models.CharField(primary_key=True, max_length=22, default=id_new, editable=False)
    store = models.ForeignKey(Store, on_delete=models.PROTECT, related_name="tills")
    name = models.CharField(max_length=50)
    link = models.OneToOneField(PayLink, on_delete=models.PROTECT, related_name="till")
    archived = models.BooleanField(default=False)
    created_by = models.CharField(max_length=ACTOR_LENGTH, default="system")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["store", "name"], name="one_till_per_store_and_name"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_open(self) -> bool:
        """Whether sales can be made. Needs `store`."""
        return not self.archived and not self.store.archived
