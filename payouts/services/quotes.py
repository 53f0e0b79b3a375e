"""Locked quotes: the rate that a recipient was shown is the rate that counts, for five minutes.

A quote is a signed text that travels with the page or the wallet's callback, so that showing one stores nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.core import signing

from flashpay.money.rates import Rate, rate_from_dict
from flashpay.refusals import Refusal
from payouts.models import PullPayment

QUOTE_LIFE = timedelta(minutes=5)
_SALT = "payouts.quote"


@dataclass(frozen=True)
class Quote:
    """`token` is to be handed back with the claim; empty where the pull payment is in bitcoin and needs no rate."""

    token: str
    rate: Rate | None
    expires_at: datetime


def quote_make(*, pull_payment: PullPayment, rate: Rate | None, now: datetime) -> Quote:
    """Promise `rate` to whoever was shown it for this pull payment."""
    expires_at = now + QUOTE_LIFE
    if rate is None:
        return Quote("", None, expires_at)
    stored = [pull_payment.pk, rate.as_dict(), int(expires_at.timestamp())]
    return Quote(signing.dumps(stored, salt=_SALT, compress=True), rate, expires_at)


def quote_read(*, token: str, pull_payment: PullPayment, now: datetime) -> Rate:
    """The rate that was promised. Raises Refusal (`quote-expired`) when it is over, or was never given for this one."""
    try:
        of, rate, expires_at = signing.loads(token, salt=_SALT)
        if of == pull_payment.pk and now.timestamp() < expires_at:
            return rate_from_dict(rate)
    except (signing.BadSignature, ValueError, KeyError):
        pass
    raise Refusal(
        "quote-expired", "The rate that was shown is no longer valid. Nothing was claimed; please look at the new one."
    )
