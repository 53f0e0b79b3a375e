"""What a merchant can be written about: the words, and how soon it has to be known."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from flashpay.notices.models import Kind

# A wallet that stumbles and a send that fails mostly get well by themselves, and then nobody need be woken.
_PATIENCE = timedelta(minutes=10)


@dataclass(frozen=True)
class KindWords:
    """`serious`: said at once, never gathered, and chosen where a rule is new. `after`: how long it waits to come right."""

    label: str
    sentence: str
    serious: bool = False
    after: timedelta = timedelta()


KINDS: dict[str, KindWords] = {
    Kind.PAID: KindWords("An invoice is paid", "Each sale. For a busy shop once a day is kinder."),
    Kind.PAID_LATE: KindWords("A payment came late", "After the invoice had expired, or was marked invalid."),
    Kind.PAID_OVER: KindWords("More was paid than asked", "The difference can be refunded."),
    Kind.PAID_PARTLY: KindWords("Paid in part, and expired", "Somebody has paid and has no goods yet.", serious=True),
    Kind.PAYOUT_APPROVAL: KindWords("A payout waits for approval", "Nothing is sent before somebody approves it."),
    Kind.PAYOUT_FAILED: KindWords(
        "A payout does not get through",
        "Once a payout, when it has failed for ten minutes or was called off.",
        serious=True,
        after=_PATIENCE,
    ),
    Kind.PAYOUT_REVIEW: KindWords(
        "A payout needs review", "Nobody knows whether it was paid: look at it.", serious=True
    ),
    Kind.LOW_BALANCE: KindWords(
        "The wallet runs low", "When it falls below the amount in the mail settings.", serious=True
    ),
    Kind.WALLET_BROKEN: KindWords(
        "The wallet's connection is broken",
        "When it has not come back after ten minutes.",
        serious=True,
        after=_PATIENCE,
    ),
}
SERIOUS = tuple(kind for kind, words in KINDS.items() if words.serious)
