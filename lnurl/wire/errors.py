"""What can go wrong when a destination is read or a foreign LNURL service is asked.

    WireError (Refusal)          whatever it is: nothing was sent, no money moved
    ├── Unreadable               the text is no LNURL, link or address we understand; nothing left this machine
    ├── DestinationRefused       a URL we do not go to: scheme, user-info, IP address, a name that leads to a private network
    ├── ServiceUnreachable       name not found, no connection, bad certificate, too slow; asking again later may help
    ├── AnswerUnusable           an answer that is no usable LNURL: redirect, too large, not JSON, numbers that are no integers
    ├── ServiceRefused           the service answered with the LNURL error object; its words are in ``reason``, untrusted
    ├── AmountRefused            the service does not take this amount
    └── InvoiceRefused           the service's invoice is wrong: amount, network, expiry, seen before, malformed

Only reading happens in this room, so each of these means *not sent*: a caller may refuse, wait or ask again without a doubt
about money. ``code`` is for programs, ``sentence`` for people. No sentence holds words of the service.
"""

from flashpay.refusals import Refusal

MAX_REASON = 300  # characters of a stranger's text that are worth keeping


class WireError(Refusal):
    """A destination or a service that is refused. Nothing was sent, no money moved."""


class Unreadable(WireError):
    """The text itself is not understood. Nothing left this machine."""


class DestinationRefused(WireError):
    """The address is understood, and we do not go there (section 4.2 of the LNURL facts: P1, P2, P3)."""


class ServiceUnreachable(WireError):
    """The service could not be asked, or did not answer in time. Asking again later may help."""


class AnswerUnusable(WireError):
    """The service answered something that is not usable LNURL (P4, P5, P6, P9)."""


class ServiceRefused(WireError):
    """The service answered ``status: ERROR``. ``reason`` is its text: untrusted, cut, to be escaped (P12)."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(
            "service_refused",
            "The recipient's Lightning service refused. Nothing was sent. Please try again later or use another destination.",
        )


class AmountRefused(WireError):
    """The amount lies outside what the service takes or pays (P6, K-03.1, K-06.3), on the far side of ``limit_msat``."""

    def __init__(self, code: str, sentence: str, *, limit_msat: int) -> None:
        self.limit_msat = limit_msat
        super().__init__(code, sentence)


class InvoiceRefused(WireError):
    """The service's invoice may not be paid (P7, P8)."""


def untrusted_text(value: object, limit: int = MAX_REASON) -> str:
    """Return a stranger's text fit for storing: control characters and halves of characters out, cut to ``limit`` (P10).

    Markup is left as it is; whoever shows it escapes it. Anything but text becomes the empty string.
    """
    if not isinstance(value, str):
        return ""
    return "".join(char if char.isprintable() else " " for char in value[: limit + 1]).strip()[:limit]
