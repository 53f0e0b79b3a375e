"""Model fields of this project."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models.query_utils import DeferredAttribute

from flashpay import crypto


class SecretText(str):
    """Text whose repr says nothing, so that no log line, traceback or error page shows it by accident."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "<secret>" if self else "''"


class _SecretAttribute(DeferredAttribute):
    """Turns whatever text is assigned to the model's attribute, from code or from the database, into SecretText."""

    def __set__(self, instance: models.Model, value: Any) -> None:
        instance.__dict__[self.field.attname] = SecretText(value) if isinstance(value, str) else value


class EncryptedTextField(models.TextField):
    """Text that is encrypted in the database and plain in memory. It cannot be searched or sorted by.

    Reading a row raises `flashpay.crypto.CannotDecrypt` where the key is missing.
    """

    descriptor_class = _SecretAttribute

    def get_prep_value(self, value: Any) -> Any:
        text = super().get_prep_value(value)
        return crypto.encrypt(text) if text else text

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> str | None:
        return SecretText(crypto.decrypt(value)) if value else value

    def get_lookup(self, lookup_name: str) -> Any:
        # A query by value would compare two different encryptions and silently find nothing.
        return super().get_lookup(lookup_name) if lookup_name == "isnull" else None
