"""What is recorded once and stays as it was."""

from __future__ import annotations

from typing import Any

from django.db import models

from flashpay.stores.models import AppendOnlyError


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
