"""An attempt without a clear answer: evidence is gathered, stored and graded, and only proof ends it."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

import structlog
from django.utils import timezone

from flashpay import flash, lightning
from flashpay.stores.wallets import wallet_open
from payouts.models import (
    OPEN_ATTEMPT_STATES,
    AttemptState,
    Grade,
    PayoutAttempt,
    PayoutState,
    WalletTransaction,
)
from payouts.services.outcomes import attempt_mark_unknown, evidence_store, look_again, payout_settle
from payouts.services.sending import ask_flash, attempt_send, lease, reply_apply

log = structlog.get_logger(__name__)

# Flash remembers an idempotency key for 24 hours. Near the end of that a repetition could be taken for a new request.
KEY_LIFE = timedelta(hours=23)
# The feed's own clock, and the time a send may take before it shows, against ours.
FEED_SLACK = timedelta(minutes=5)
# transactionDetails is one request a row; the rest is asked at the next look.
DETAILS_A_LOOK = 10
IN_DOUBT = "The payment was handed to Flash, and its answer did not come through. FlashPay is finding out."


def payout_reconcile(*, payout_id: str, now: datetime | None = None) -> None:
    """Look once at a payout in flight: let a request that never left leave, and gather evidence on one in doubt."""
    now = now or timezone.now()
    payout = lease(payout_id=payout_id, state=PayoutState.IN_PROGRESS, now=now)
    if payout is None:
        return
    attempt = payout.attempts.select_related("connection", "payout").filter(state__in=OPEN_ATTEMPT_STATES).first()
    if attempt is None:
        log.error("a payout in flight has no open attempt", payout=payout.pk)
        return
    if attempt.state == AttemptState.PREPARED:
        # Its worker ended between the commit and the request: nothing has left yet.
        attempt_send(attempt=attempt, now=now)
        return
    if attempt.state == AttemptState.SENT:
        attempt_mark_unknown(attempt=attempt, sentence=IN_DOUBT, now=now)
    if _proved_by_transactions(attempt, now):
        return
    if _may_repeat(attempt, now):
        reply_apply(attempt=attempt, reply=ask_flash(attempt, repeated=True), source="same_key", now=timezone.now())
    else:
        look_again(payout=payout, attempt=attempt, sentence=IN_DOUBT, now=now)


def receipt_complete(*, attempt: PayoutAttempt, now: datetime) -> bool:
    """Find the preimage and fee of a succeeded attempt in the wallet's transactions. False while they are not there."""
    row = _own_transaction(attempt, now)
    if row is None or not row.preimage:
        return False
    fee_msat = _fee_msat(row, attempt)
    PayoutAttempt.objects.filter(pk=attempt.pk, preimage="").update(preimage=row.preimage, fee_msat=fee_msat)
    return True


def _may_repeat(attempt: PayoutAttempt, now: datetime) -> bool:
    """Only the mutation with an idempotency key, inside the key's life, and while nobody has paused sending."""
    payout = attempt.payout
    paused = payout.store.payouts_paused or (payout.pull_payment is not None and payout.pull_payment.paused)
    young = attempt.sent_at is not None and now - attempt.sent_at < KEY_LIFE
    return attempt.amount_cents is None and young and not paused


def _proved_by_transactions(attempt: PayoutAttempt, now: datetime) -> bool:
    row = _own_transaction(attempt, now)
    if row is None:
        return False
    # Flash shows the debit of a payment that may still fail and be reimbursed; only the recipient's preimage cannot lie.
    proved = lightning.preimage_matches(row.preimage, attempt.payment_hash)
    found = evidence_store(
        attempt=attempt,
        source="transactions",
        says="succeeded",
        grade=Grade.PROOF if proved else Grade.STRONG,
        summary="The wallet's transactions show the payment of this invoice with its preimage."
        if proved
        else "The wallet's transactions show a debit for this invoice, without the preimage that would prove its arrival.",
        at=now,
        data={"transaction_id": row.transaction_id},
    )
    return proved and payout_settle(
        attempt=attempt, evidence=found, preimage=row.preimage, fee_msat=_fee_msat(row, attempt), now=now
    )


def _own_transaction(attempt: PayoutAttempt, now: datetime) -> WalletTransaction | None:
    """The wallet's transaction that carries this attempt's payment hash, or a preimage of it."""
    try:
        _feed_read(attempt, now)
    except flash.FlashError as error:
        log.info("the transaction feed could not be read", attempt=attempt.pk, reason=error.judgement.verdict)
    return WalletTransaction.objects.filter(
        connection=attempt.connection, direction="SEND", payment_hash=attempt.payment_hash
    ).first()


def _feed_read(attempt: PayoutAttempt, now: datetime) -> None:
    """Ask about the sends since this attempt that were not asked about before, each once, newest first."""
    client = wallet_open(attempt.connection)
    since = (attempt.sent_at or attempt.prepared_at) - FEED_SLACK
    sends = [row for row in client.transactions() if row.direction == "SEND" and row.created_at >= since]
    known = set(
        WalletTransaction.objects.filter(
            connection=attempt.connection, transaction_id__in=[row.id for row in sends]
        ).values_list("transaction_id", flat=True)
    )
    for row in [row for row in sends if row.id not in known][:DETAILS_A_LOOK]:
        details = client.transaction_details(row.id)
        WalletTransaction.objects.get_or_create(
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


def _hash_of(details: flash.TransactionDetails) -> str:
    """The payment hash that a transaction's details prove: its own, or that of its preimage or BOLT 11."""
    if details.preimage:
        return lightning.payment_hash_of(details.preimage)
    return details.payment_hash or ""


def _fee_msat(row: WalletTransaction, attempt: PayoutAttempt) -> int | None:
    """The fee in msat, from its share of the amount, both in the wallet's currency."""
    try:
        amount, fee = abs(Decimal(row.data["amount"])), abs(Decimal(row.data["fee"]))
    except (KeyError, ArithmeticError):
        return None
    return int(attempt.amount_msat * fee / amount) if amount else None
