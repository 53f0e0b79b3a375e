"""Model fields of this project."""

from __future__ import annotations

from typing import Any

from django.db import models

from flashpay import crypto


class EncryptedTextField(models.TextField):
    """Text that is encrypted in the database and plain in memory. It cannot be searched or sorted by."""

    def get_prep_value(self, value: Any) -> Any:
        text = super().get_prep_value(value)
        return crypto.encrypt(text) if text else text

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> str | None:
        return crypto.decrypt(value) if value else value

    def get_lookup(self, lookup_name: str) -> Any:
        # A query by value would compare two different encryptions and silently find nothing.
        if lookup_name in ("isnull",):
            return super().get_lookup(lookup_name)
        return None
