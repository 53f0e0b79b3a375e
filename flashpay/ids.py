"""Identifiers and secrets: unguessable, of one fixed length, safe in a URL."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import NoReturn

ID_BYTES = 16  # 128 bit: an id of a claim page or checkout is also the secret that opens it
ID_LENGTH = 22  # what 128 bit need in base58
ID_CHARACTER = r"[1-9A-HJ-NP-Za-km-z]"
ID_PATTERN = rf"{ID_CHARACTER}{{22}}"  # for addresses: anything else is no id, and the database need not be asked
SECRET_BYTES = 32

# Base58 leaves out 0, O, I and l, which people confuse when they read an id to each other.
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def id_new(random_bytes: Callable[[int], bytes] = secrets.token_bytes) -> str:
    """A 22-character base58 id of 16 random bytes."""
    number = int.from_bytes(random_bytes(ID_BYTES), "big")
    characters = []
    # Always as many digits, leading zeros too: one fixed length keeps columns and patterns strict.
    for _ in range(ID_LENGTH):
        number, digit = divmod(number, len(_BASE58))
        characters.append(_BASE58[digit])
    return "".join(reversed(characters))


def token_new(random_bytes: Callable[[int], bytes] = secrets.token_bytes) -> str:
    """32 lower-case hex characters, for LNURL paths and k1: some wallets lower-case the whole address."""
    return random_bytes(ID_BYTES).hex()


def secret_new() -> str:
    """43 characters of URL-safe base64 from 32 random bytes, for API keys and the signing of webhooks."""
    return secrets.token_urlsafe(SECRET_BYTES)


def id_to_token(id: str) -> str:
    """The same 128 bits as `token_new` writes them: for LNURL addresses, which some wallets lower-case.

    Raises ValueError for what is no id of `id_new`.
    """
    number = 0
    for character in id:
        number = number * len(_BASE58) + _BASE58.index(character)
    return number.to_bytes(ID_BYTES, "big").hex() if number < 1 << 8 * ID_BYTES else _no_id(id)


def id_from_token(token: str) -> str:
    """The id whose 128 bits these 32 hex digits are, in any case. Raises ValueError."""
    octets = bytes.fromhex(token)
    if len(octets) != ID_BYTES:
        _no_id(token)
    return id_new(lambda _: octets)


def _no_id(text: str) -> NoReturn:
    raise ValueError(f"{text!r} is no id of 128 bits")
