"""Encryption of credentials at rest: Fernet, with `FIELD_ENCRYPTION_KEYS` (the first encrypts, every one decrypts).

Each function takes other keys in place of the setting's, for rotation and for tools.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings


class CannotDecrypt(RuntimeError):
    """None of the keys fits, or the value was changed. The key that encrypted it is missing from the setting."""

    def __init__(self) -> None:
        super().__init__("A stored credential cannot be decrypted: is a key missing from FIELD_ENCRYPTION_KEYS?")


# A process sees one set of keys, and a second one while it rotates them.
@lru_cache(maxsize=4)
def _fernet(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])


def _fernet_of(keys: Sequence[str] | None) -> MultiFernet:
    return _fernet(tuple(settings.FIELD_ENCRYPTION_KEYS if keys is None else keys))


def encrypt(text: str, keys: Sequence[str] | None = None) -> str:
    """The text as an ASCII token that is different each time. Raises ValueError for an unusable key."""
    return _fernet_of(keys).encrypt(text.encode()).decode()


def decrypt(token: str, keys: Sequence[str] | None = None) -> str:
    """The text that `encrypt` was given. Raises CannotDecrypt, whose message holds neither token nor key."""
    try:
        return _fernet_of(keys).decrypt(token.encode()).decode()
    except InvalidToken:
        raise CannotDecrypt from None


def reencrypt(token: str, keys: Sequence[str] | None = None) -> str:
    """The same text under the first key, for rotation. Raises CannotDecrypt."""
    try:
        return _fernet_of(keys).rotate(token.encode()).decode()
    except InvalidToken:
        raise CannotDecrypt from None


def fingerprint(text: str) -> str:
    """A keyed hash by which equal secrets are recognised without being stored."""
    return hmac.new(settings.SECRET_KEY.encode(), text.encode(), hashlib.sha256).hexdigest()
