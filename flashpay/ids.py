"""Identifiers: unguessable, short, safe in a URL."""

from __future__ import annotations

import secrets

import base58

ID_BYTES = 16  # 128 bit: an id of a claim page or checkout is also the secret that opens it


def id_new() -> str:
    """A 22-character base58 id of 16 random bytes."""
    while True:
        text = base58.b58encode(secrets.token_bytes(ID_BYTES)).decode()
        # A leading small byte gives 21 characters; one fixed length keeps columns and patterns strict.
        if len(text) == 22:
            return text


def token_new() -> str:
    """32 lower-case hex characters, for LNURL paths and k1: some wallets lower-case the whole address."""
    return secrets.token_hex(ID_BYTES)
