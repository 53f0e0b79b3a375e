"""What the API remembers of requests that came with an `Idempotency-Key`."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from flashpay.fields import EncryptedTextField
from flashpay.stores.models import ApiKey


class AnsweredRequest(models.Model):
    """A request that made something, and what was answered. Written in the transaction that made it, kept for a day.

    The answer may hold secrets (the id of a pull payment, a new API key), hence it is encrypted.
    """

    id = models.BigAutoField(primary_key=True)
    api_key = models.ForeignKey(ApiKey, on_delete=models.CASCADE, related_name="+")
    # SHA-256 of the Idempotency-Key, and of method, path and body.
    key_sha256 = models.CharField(max_length=64)
    request_sha256 = models.CharField(max_length=64)
    body = EncryptedTextField(blank=True)
    at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["api_key", "key_sha256"], name="one_answer_per_key")]

    def __str__(self) -> str:
        return f"Request {self.request_sha256[:12]}…"
