"""The wallet's own transactions as evidence: each row's details asked once and remembered, never taken for more than they say.

Flash's feed carries no payment hash, says SUCCESS always, shows debits of payments that are reimbursed later, and turns an
outage into an empty list. So a row may point at a payment, a preimage proves one, and a missing row proves nothing.

It shows the newest hundred rows alone, and a busy wallet pushes a payment out of them within minutes. So every send that
anybody's look shows is kept by its id, and is asked about by it later, for whichever attempt it may belong to.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import structlog
from django.db import transaction
from django.db.models import Q

from flashpay import flash, lightning
from flashpay.stores.events import event_record
from flashpay.stores.wallets import wallet_open
from payouts.models import OPEN_ATTEMPT_STATES, AttemptState, Payout, PayoutAttempt, WalletTransaction

log = structlog.get_logger(__name__)

# The feed's own clock, and the time a send may take before it shows, against ours.
FEED_SLACK = timedelta(minutes=5)
# transactionDetails is one request a row; the rest is asked at the next look.
DETAILS_A_LOOK = 10
# Details that lacked the payment hash (Flash's backend leaves it out at times) are asked for again, but not at every look,
# and not for ever.
ASK_BARE_AGAIN_AFTER = timedelta(minutes=2)
ASK_BARE_AGAIN_FOR = timedelta(days=1)
_HASH = re.compile(r"[0-9a-f]{64}")
# What the table's columns hold; a row beyond that is no payment of ours.
_LONGEST_ID = 64
_LARGEST_CENTS = Decimal(10) ** 15
# How far a row may lie from the debit that was expected: Flash fixes it by its own rate, and may count the fee in.
_AMOUNT_TOLERANCE = Decimal("0.03")
_AMOUNT_SLACK_CENTS = Decimal(2)


@dataclass(frozen=True)
class Feed:
    """The newest rows of the wallet, at most a hundred, and what is known of those that were asked about."""

    rows: tuple[flash.Transaction, ...]
    known: dict[str, WalletTransaction]


def feed_keep(*, attempt: PayoutAttempt) -> tuple[flash.Transaction, ...] | None:
    """Read the feed and keep which rows it shows, to be asked about later. None where it cannot be read."""
    try:
        rows = wallet_open(attempt.connection).transactions()
    except flash.FlashError as error:
        log.info("the transaction feed could not be read", attempt=attempt.pk, reason=error.judgement.row)
        return None
    _keep(attempt, rows)
    return rows


def feed_read(*, attempt: PayoutAttempt, now: datetime) -> Feed | None:
    """Read and keep the feed, and ask about the rows that may be this attempt's, the likeliest first, whether it still shows
    them or did once. None where it cannot be read."""
    rows = feed_keep(attempt=attempt)
    if rows is None:
        return None
    client = wallet_open(attempt.connection)
    for kept in _worth_asking(attempt, rows, now)[:DETAILS_A_LOOK]:
        try:
            _remember(kept, client.transaction_details(kept.transaction_id), now)
        except flash.FlashError as error:
            log.info("a transaction's details could not be read", attempt=attempt.pk, reason=error.judgement.row)
            if not isinstance(error, flash.NotSent):
                # The next look begins with the others, so that one that Flash never tells of does not stand before them.
                refused = {**kept.data, "refused": kept.data.get("refused", 0) + 1}
                WalletTransaction.objects.filter(pk=kept.pk, preimage="").update(data=refused)
            break
        _paid_after_all(kept, now)
    asked = WalletTransaction.objects.filter(
        connection=attempt.connection, transaction_id__in=[row.id for row in rows], asked_at__isnull=False
    )
    return Feed(rows, {row.transaction_id: row for row in asked})


def own_transaction(attempt: PayoutAttempt, direction: str = "SEND") -> WalletTransaction | None:
    """The remembered row that carries this attempt's payment hash, or a preimage of it."""
    found = WalletTransaction.objects.filter(
        connection=attempt.connection, direction=direction, payment_hash=attempt.payment_hash
    )
    return found.order_by("-preimage").first()


def fee_msat(row: WalletTransaction, attempt: PayoutAttempt) -> int | None:
    """The fee in msat, from its share of the amount, both in the wallet's currency."""
    try:
        amount, fee = abs(Decimal(row.data["amount"])), abs(Decimal(row.data["fee"]))
    except (KeyError, ArithmeticError):
        return None
    return int(attempt.amount_msat * fee / amount) if amount else None


def sends_unclaimed(*, attempt: PayoutAttempt, feed: Feed) -> list[flash.Transaction]:
    """Sends of this attempt's amount, in its time, that are not known to be another payment's."""
    return [
        row
        for row in feed.rows
        if row.direction == "SEND"
        and row.created_at >= _since(attempt)
        and _fits(attempt, row)
        and _may_be(attempt, feed.known.get(row.id))
    ]


def rivals(*, attempt: PayoutAttempt) -> int:
    """Other attempts on the same wallet that such a send could belong to: like amount, like time, none found for them yet."""
    if attempt.debit_cents is None or attempt.sent_at is None:
        return 0
    margin = attempt.debit_cents * _AMOUNT_TOLERANCE * 2 + _AMOUNT_SLACK_CENTS
    others = PayoutAttempt.objects.filter(
        wallet_id=attempt.wallet_id,
        state__in=[*OPEN_ATTEMPT_STATES, AttemptState.SUCCEEDED],
        debit_cents__range=(attempt.debit_cents - margin, attempt.debit_cents + margin),
        sent_at__gte=attempt.sent_at - FEED_SLACK,
    ).exclude(pk=attempt.pk)
    return sum(1 for other in others.select_related("connection") if own_transaction(other) is None)


def covers(*, attempt: PayoutAttempt, feed: Feed, until: datetime) -> bool:
    """Whether the feed demonstrably shows the time from before this attempt was sent to after `until`, with every send in
    between asked about."""
    own = [row for row in feed.rows if row.wallet_currency == attempt.connection.wallet_currency]
    if not any(row.created_at < _since(attempt) for row in own) or not any(row.created_at > until for row in own):
        return False
    between = [row for row in own if row.direction == "SEND" and row.created_at >= _since(attempt)]
    return all(row.id in feed.known for row in between)


def _since(attempt: PayoutAttempt) -> datetime:
    return (attempt.sent_at or attempt.prepared_at) - FEED_SLACK


def _keep(attempt: PayoutAttempt, rows: tuple[flash.Transaction, ...]) -> None:
    """Keep every send that the feed shows, whosever it is, and the receives that may be this attempt's money come back."""
    wanted = {
        row.id: row
        for row in rows
        if len(row.id) <= _LONGEST_ID
        and (row.direction == "SEND" or (row.direction == "RECEIVE" and _fits(attempt, row)))
    }
    kept = WalletTransaction.objects.filter(connection=attempt.connection, transaction_id__in=wanted)
    for known in kept.values_list("transaction_id", flat=True):
        del wanted[known]
    # Somebody else may be keeping the same ones at this moment.
    WalletTransaction.objects.bulk_create(
        [
            WalletTransaction(
                connection=attempt.connection,
                transaction_id=row.id,
                direction=row.direction,
                at=row.created_at,
                cents=_cents(row),
            )
            for row in wanted.values()
        ],
        ignore_conflicts=True,
    )


def _worth_asking(
    attempt: PayoutAttempt, rows: tuple[flash.Transaction, ...], now: datetime
) -> list[WalletTransaction]:
    """Rows since the attempt that were not asked about: of its amount, and every send that the feed still shows.

    The attempt's own row is asked about again while it has no preimage: that comes when the payment arrives. So is, after a
    while, a row of its amount whose details named no payment.
    """
    may_be = _of_the_amount(attempt)
    shown = Q(direction="SEND", transaction_id__in=[row.id for row in rows])
    unasked = Q(asked_at=None) & (may_be | shown)
    own = Q(payment_hash=attempt.payment_hash, preimage="")
    again = Q(asked_at__lte=now - ASK_BARE_AGAIN_AFTER, at__gte=now - ASK_BARE_AGAIN_FOR, payment_hash="")
    found = WalletTransaction.objects.filter(
        unasked | own | (again & may_be), connection=attempt.connection, at__gte=_since(attempt)
    )
    sent_at = attempt.sent_at or attempt.prepared_at

    def unlikely(kept: WalletTransaction) -> tuple[bool, bool, int, float, timedelta]:
        ours, fits = kept.payment_hash == attempt.payment_hash, _cents_fit(attempt, kept.cents)
        # Of several that stay bare the one that waited longest, so that none is asked for ever instead of the others.
        asked = kept.asked_at.timestamp() if kept.asked_at else 0.0
        return not ours, not fits, kept.data.get("refused", 0), asked, abs(kept.at - sent_at)

    return sorted(found, key=unlikely)


def _of_the_amount(attempt: PayoutAttempt) -> Q:
    """Rows of this attempt's amount, in either direction, or of one that is not known; any send where the attempt's is not."""
    if attempt.debit_cents is None:
        return Q(direction="SEND")
    slack = _slack(attempt.debit_cents)
    return Q(cents=None) | Q(cents__range=(attempt.debit_cents - slack, attempt.debit_cents + slack))


def _slack(debit_cents: Decimal) -> Decimal:
    return debit_cents * _AMOUNT_TOLERANCE + _AMOUNT_SLACK_CENTS


def _cents_fit(attempt: PayoutAttempt, cents: Decimal | None) -> bool:
    if attempt.debit_cents is None or cents is None:
        return False
    return abs(cents - attempt.debit_cents) <= _slack(attempt.debit_cents)


def _fits(attempt: PayoutAttempt, row: flash.Transaction) -> bool:
    return _cents_fit(attempt, _cents(row))


def _cents(row: flash.Transaction) -> Decimal | None:
    cents = abs(row.amount) * 100
    return cents if cents < _LARGEST_CENTS else None


def _may_be(attempt: PayoutAttempt, known: WalletTransaction | None) -> bool:
    return known is None or known.payment_hash in ("", attempt.payment_hash)


def _remember(kept: WalletTransaction, details: flash.TransactionDetails, now: datetime) -> None:
    """Add to a kept row what its details say. A preimage that is known stays; nothing that comes later can undo it."""
    facts: dict[str, Any] = {
        "asked_at": now,
        "data": {"amount": str(details.amount), "fee": str(details.fee), "currency": details.currency},
    }
    payment_hash = _hash_of(details)
    if payment_hash:
        facts["payment_hash"] = payment_hash
        if lightning.preimage_matches(details.preimage or "", payment_hash):
            facts["preimage"] = details.preimage
    WalletTransaction.objects.filter(pk=kept.pk, preimage="").update(**facts)
    kept.refresh_from_db()


def _paid_after_all(row: WalletTransaction, now: datetime) -> None:
    """Sound the alarm where a payment turns out to have arrived whose attempt a person, or strong evidence, ended as failed.

    Not where a later attempt with the same invoice is open or has succeeded: then it is that one's payment.
    """
    if row.direction != "SEND" or not row.preimage:
        return
    same = PayoutAttempt.objects.select_related("payout").filter(
        payment_hash=row.payment_hash, connection=row.connection
    )
    if same.exclude(state=AttemptState.FAILED).exists():
        return
    wrong = same.filter(state=AttemptState.FAILED)
    for attempt in wrong:
        log.error("a payment arrived that was taken for failed", payout=attempt.payout_id, attempt=attempt.pk)
        with transaction.atomic():
            Payout.objects.filter(pk=attempt.payout_id).update(needs_review=True)
            evidence = {"attempt": attempt.number, "transaction_id": row.transaction_id}
            state = attempt.payout.state
            event_record(
                row=attempt.payout, type="AttemptPaidAfterAll", before=state, after=state, at=now, evidence=evidence
            )


def _hash_of(details: flash.TransactionDetails) -> str:
    """The payment hash that a transaction's details name: by itself, by its preimage, by its BOLT 11. Empty where none of
    them does, and where they contradict each other: such a row could be anybody's."""
    named = {lightning.payment_hash_of(details.preimage or ""), _hash_in(details.bolt11 or "")}
    if details.payment_hash and _HASH.fullmatch(details.payment_hash):
        named.add(details.payment_hash)
    named.discard("")
    if len(named) > 1:
        log.warning("a transaction's details contradict themselves", transaction=details.id)
    return named.pop() if len(named) == 1 else ""


def _hash_in(bolt11: str) -> str:
    try:
        return lightning.invoice_read(bolt11).payment_hash if bolt11 else ""
    except lightning.InvalidInvoice:
        return ""
