"""What a service wants shown after a payment: LUD-09 messages and links, LUD-10 sealed messages. All of it untrusted text."""

import base64
import binascii
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

from flashpay.lightning import preimage_matches
from lnurl.wire.errors import AnswerUnusable, DestinationRefused, untrusted_text
from lnurl.wire.fetch import FetchPolicy
from lnurl.wire.messages import MAX_ACTION_TEXT
from lnurl.wire.urls import ServiceUrl

MAX_CIPHERTEXT = 4096  # characters of base64; LUD-10
IV_BASE64 = 24  # characters, exactly; LUD-10

_UNKNOWN = (
    "success_action",
    "The recipient's Lightning service asks for something to be done after the payment that is not known here. "
    "Nothing was sent. Please use another destination.",
)


@dataclass(frozen=True, slots=True)
class Message:
    message: str


@dataclass(frozen=True, slots=True)
class Link:
    description: str
    url: str


@dataclass(frozen=True, slots=True)
class Sealed:
    """A message that the preimage opens (LUD-10): see ``sealed_open``. ``ciphertext`` and ``iv`` are base64."""

    description: str
    ciphertext: str
    iv: str


SuccessAction = Message | Link | Sealed


def success_action_read(value: Any, *, callback: ServiceUrl, policy: FetchPolicy) -> SuccessAction | None:
    """Read ``successAction`` of a callback's answer; absent or ``null`` is ``None``. Texts are cut to 144 characters.

    Raises ``AnswerUnusable`` for a tag we do not know (P9, K-09.1), a link to another host than the callback's or of another
    scheme (K-09.3), and sealed messages out of bounds: then nothing may be paid.
    """
    if value is None:
        return None
    if not isinstance(value, dict):
        raise AnswerUnusable(*_UNKNOWN)
    match value.get("tag"):
        case "message":
            return Message(untrusted_text(value.get("message"), MAX_ACTION_TEXT))
        case "url":
            return _link_read(value, callback, policy)
        case "aes":
            return _sealed_read(value)
    raise AnswerUnusable(*_UNKNOWN)


def sealed_open(action: Sealed, *, preimage_hex: str, payment_hash: str) -> str | None:
    """Open a sealed message with the payment's preimage (AES-256-CBC, PKCS #5). ``None`` where it does not open."""
    if not preimage_matches(preimage_hex, payment_hash):
        return None
    try:
        iv, ciphertext = base64.b64decode(action.iv, validate=True), base64.b64decode(action.ciphertext, validate=True)
        decryptor = Cipher(algorithms.AES(bytes.fromhex(preimage_hex)), modes.CBC(iv)).decryptor()
        padded = decryptor.update(ciphertext) + decryptor.finalize()
        unpadder = PKCS7(128).unpadder()
        return untrusted_text((unpadder.update(padded) + unpadder.finalize()).decode(), MAX_CIPHERTEXT)
    except ValueError:  # base64, block length, padding and UTF-8 all say it this way
        return None


def _link_read(value: dict[str, Any], callback: ServiceUrl, policy: FetchPolicy) -> Link:
    text = value.get("url")
    try:
        url = policy.read_url(text if isinstance(text, str) else "")
    except DestinationRefused as error:
        raise AnswerUnusable(*_UNKNOWN) from error
    if url.host != callback.host:
        raise AnswerUnusable(*_UNKNOWN)
    return Link(description=untrusted_text(value.get("description"), MAX_ACTION_TEXT), url=str(url))


def _sealed_read(value: dict[str, Any]) -> Sealed:
    ciphertext, iv = value.get("ciphertext"), value.get("iv")
    if not isinstance(ciphertext, str) or not isinstance(iv, str):
        raise AnswerUnusable(*_UNKNOWN)
    if len(ciphertext) > MAX_CIPHERTEXT or len(iv) != IV_BASE64 or not _is_base64(ciphertext) or not _is_base64(iv):
        raise AnswerUnusable(*_UNKNOWN)
    return Sealed(untrusted_text(value.get("description"), MAX_ACTION_TEXT), ciphertext, iv)


def _is_base64(text: str) -> bool:
    try:
        return bool(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError):
        return False
