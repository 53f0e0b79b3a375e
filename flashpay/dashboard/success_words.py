"""What a recipient's service said after it was paid (LUD-09, LUD-10), as a merchant reads it."""

from __future__ import annotations

from dataclasses import dataclass

from lnurl.wire.success import Sealed, sealed_open
from payouts.models import AttemptState, PayoutAttempt

_LINK_HINT = "An address of the recipient's service. Open it only if you trust them."
_SEALED_HINT = "It came sealed; the payment's preimage opened it."
_STILL_SEALED_HINT = "It came sealed, and opens as soon as the payment's preimage is known."


@dataclass(frozen=True)
class Said:
    """Strangers' words: shown escaped, and `url` as text, never as something to click on by mistake."""

    text: str
    url: str = ""
    hint: str = "In the words of the recipient's service."


def said_after(attempt: PayoutAttempt) -> Said | None:
    """What the service said with its invoice for the time after the payment; None before it succeeded (LUD-09)."""
    action = attempt.success_action
    if not action or attempt.state != AttemptState.SUCCEEDED:
        return None
    match action.get("tag"):
        case "message":
            return Said(action["message"])
        case "url":
            return Said(action["description"], action["url"], _LINK_HINT)
        case "aes":
            sealed = Sealed(action["description"], action["ciphertext"], action["iv"])
            opened = sealed_open(sealed, preimage_hex=attempt.preimage, payment_hash=attempt.payment_hash)
            if opened is None:
                return Said(sealed.description, hint=_STILL_SEALED_HINT)
            return Said(f"{sealed.description}\n{opened}".strip(), hint=_SEALED_HINT)
    return None
