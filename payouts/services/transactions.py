"""The wallet's own transactions as evidence: each row's details asked once and remembered, never taken for more than they say.

Flash's feed carries no payment hash, says SUCCESS always, shows debits of payments that are reimbursed later, and turns an
outage into an empty list. So a row may point at a payment, a preimage proves one, and a missing row proves nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

import structlog
from django.db import transaction

from flashpay import flash, lightning
from flashpay.stores.events import event_record
from flashpay.stores.wallets import wallet_open
from payouts.models import OPEN_ATTEMPT_STATES, AttemptState, Payout, PayoutAttempt, WalletTransaction

log = structlog.get_logger(__name__)

# The feed's own clock, and the time a send may take before it shows, against ours.
FEED_SLACK = timedelta(minutes=5)
# transactionDetails is one request a row; the rest is asked at the next look.
DETAILS_A_LOOK = 10
# Details that lacked the payment hash (Flash's backend leaves it out at times) are asked for again, but not at every look.
ASK_BARE_AGAIN_AFTER = timedelta(minutes=2)
# How far a row may lie from the debit that was expected: Flash fixes it by its own rate, and may count the fee in.
_AMOUNT_TOLERANCE = Decimal("0.03")
_AMOUNT_SLACK_CENTS = Decimal(2)


@dataclass(frozen=True)
class Feed:
    """The newest rows of the wallet, at most a hundred, and what is known of those that were asked about."""

    rows: tuple[flash.Transaction, ...]
    known: dict[str, WalletTransaction]


def feed_read(*, attempt: PayoutAttempt, now: datetime) -> Feed | None:
    """Read the feed and ask about the rows that may be this attempt's, the likeliest first. None where it cannot be read."""
    client = wallet_open(attempt.connection)
    try:
        rows = client.transactions()
    except flash.FlashError as error:
        log.info("the transaction feed could not be read", attempt=attempt.pk, reason=error.judgement.row)
        return None
    remembered = WalletTransaction.objects.filter(
        connection=attempt.connection, transaction_id__in=[row.id for row in rows]
    )
    known = {row.transaction_id: row for row in remembered}
    try:
        for row in _worth_asking(attempt, rows, known, now)[:DETAILS_A_LOOK]:
            known[row.id] = _remember(attempt, row, client.transaction_details(row.id), now)
            _paid_after_all(known[row.id], now)
    except flash.FlashError as error:
        log.info("a transaction's details could not be read", attempt=attempt.pk, reason=error.judgement.row)
    return Feed(rows, known)


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
        and _amount_fits(attempt, row)
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


def _worth_asking(
    attempt: PayoutAttempt, rows: tuple[flash.Transaction, ...], known: dict[str, WalletTransaction], now: datetime
) -> list[flash.Transaction]:
    """Sends since the attempt, and receives of its amount (money that came back), that were not asked about before.

    The attempt's own row is asked about again while it has no preimage: that comes when the payment arrives. So is, after a
    while, a row of its amount whose details named no payment.
    """
    found = []
    for row in rows:
        before = known.get(row.id)
        ours_unproved = before is not None and before.payment_hash == attempt.payment_hash and not before.preimage
        bare = before is not None and not before.payment_hash and before.asked_at <= now - ASK_BARE_AGAIN_AFTER
        again = ours_unproved or (bare and _amount_fits(attempt, row))
        if row.created_at < _since(attempt) or (before is not None and not again):
            continue
        if row.direction == "SEND" or _amount_fits(attempt, row):
            found.append(row)
    sent_at = attempt.sent_at or attempt.prepared_at
    return sorted(found, key=lambda row: (not _amount_fits(attempt, row), abs(row.created_at - sent_at)))


def _amount_fits(attempt: PayoutAttempt, row: flash.Transaction) -> bool:
    if attempt.debit_cents is None:
        return False
    distance = abs(abs(row.amount) * 100 - attempt.debit_cents)
    return distance <= attempt.debit_cents * _AMOUNT_TOLERANCE + _AMOUNT_SLACK_CENTS


def _may_be(attempt: PayoutAttempt, known: WalletTransaction | None) -> bool:
    return known is None or known.payment_hash in ("", attempt.payment_hash)


def _remember(
    attempt: PayoutAttempt, row: flash.Transaction, details: flash.TransactionDetails, now: datetime
) -> WalletTransaction:
    remembered, _ = WalletTransaction.objects.update_or_create(
        connection=attempt.connection,
        transaction_id=row.id,
        defaults={
            "direction": row.direction,
            "payment_hash": _hash_of(details),
            "preimage": details.preimage or "",
            "data": {"amount": str(details.amount), "fee": str(details.fee), "currency": details.currency},
            "at": row.created_at,
            "asked_at": now,
        },
    )
    return remembered


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
    """The payment hash that a transaction's details prove: its own, or that of its preimage or BOLT 11."""
    if details.preimage:
        return lightning.payment_hash_of(details.preimage)
    if details.payment_hash:
        return details.payment_hash
    try:
        return lightning.invoice_read(details.bolt11).payment_hash if details.bolt11 else ""
    except lightning.InvalidInvoice:
        return ""
