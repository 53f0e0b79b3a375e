"""A store's own look: a colour, and a logo in the sizes in which it is shown."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from flashpay.stores.models import Store


class Brand(models.Model):
    """`color` is `#rrggbb` or empty; `logo_hash` names the pictures of the logo, empty without one."""

    store = models.OneToOneField(Store, primary_key=True, on_delete=models.CASCADE, related_name="brand")
    color = models.CharField(max_length=7, blank=True)
    logo_hash = models.CharField(max_length=32, blank=True)
    # Of the picture for pages, in pixels.
    logo_width = models.PositiveSmallIntegerField(default=0)
    logo_height = models.PositiveSmallIntegerField(default=0)
    changed_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"Brand of {self.store_id}"


class PictureSize(models.TextChoices):
    PAGE = "page", "for pages and mail"
    PRINT = "print", "for paper"


class LogoPicture(models.Model):
    """A PNG of some kilobytes, in the database: every web process has it, with no disk to share.

    Found by the hash of what it shows, so an address always gives the same picture.
    """

    brand = models.ForeignKey(Brand, on_delete=models.CASCADE, related_name="pictures")
    hash = models.CharField(max_length=32)
    size = models.CharField(max_length=5, choices=PictureSize)
    png = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["brand", "size"], name="one_logo_picture_per_size")]
        indexes = [models.Index(fields=["hash", "size"], name="logo_picture_by_hash")]

    def __str__(self) -> str:
        return f"{self.hash} {self.size}"
