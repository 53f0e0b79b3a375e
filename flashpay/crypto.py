"""Encryption of credentials at rest: Fernet, with `FIELD_ENCRYPTION_KEYS` (the first encrypts, every one decrypts)."""

from __future__ import annotations

import hashlib
import hmac
from functools import cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings


class CannotDecrypt(RuntimeError):
    """None of `FIELD_ENCRYPTION_KEYS` fits. The key that encrypted the value is missing from the setting."""


@cache
def _fernet(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])


def encrypt(text: str) -> str:
    return _fernet(tuple(settings.FIELD_ENCRYPTION_KEYS)).encrypt(text.encode()).decode()


def decrypt(token: str) -> str:
    """The text that `encrypt` was given. Raises CannotDecrypt."""
    try:
        return _fernet(tuple(settings.FIELD_ENCRYPTION_KEYS)).decrypt(token.encode()).decode()
    except InvalidToken:
        raise CannotDecrypt(
            "A stored credential cannot be decrypted: is a key missing from FIELD_ENCRYPTION_KEYS?"
        ) from None


def fingerprint(text: str) -> str:
    """A keyed hash by which equal secrets are recognised without being stored."""
    return hmac.new(settings.SECRET_KEY.encode(), text.encode(), hashlib.sha256).hexdigest()
