"""An attempt without a clear answer: evidence is gathered, stored and graded, and only proof ends it by itself."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from django.db import transaction
from django.utils import timezone

from flashpay import flash, lightning
from flashpay.stores.events import event_record
from flashpay.stores.wallets import anybody_open, endpoint_of
from lnurl.wire.errors import WireError
from lnurl.wire.resolver import verify_fetch
from payouts.models import (
    OPEN_ATTEMPT_STATES,
    AttemptEvidence,
    AttemptState,
    Grade,
    Payout,
    PayoutAttempt,
    PayoutState,
    WalletTransaction,
)
from payouts.services.leases import payout_leased
from payouts.services.outcomes import (
    attempt_mark_unknown,
    doubt_fail,
    evidence_store,
    look_again,
    payout_fail,
    payout_settle,
    watchers,
)
from payouts.services.policies import pause_reason, policy_of
from payouts.services.sending import SEND_MARGIN_S, ask_flash, attempt_send, reply_apply
from payouts.services.targets import fetch_policy
from payouts.services.transactions import Feed, covers, fee_msat, feed_read, own_transaction, rivals, sends_unclaimed

log = structlog.get_logger(__name__)

# Flash remembers an idempotency key for 24 hours. Near the end of that a repetition could be taken for a new request.
KEY_LIFE = timedelta(hours=23)
# A payment may still be held on its way when its invoice expires; the absence of a send counts this long afterwards.
ABSENCE_COUNTS_AFTER = timedelta(hours=24)
IN_DOUBT = "The payment was handed to Flash, and its answer did not come through. FlashPay is finding out."
IN_REVIEW = "Nobody can tell yet whether this was paid. The shop is looking into it; nothing is paid twice."


def payout_reconcile(*, payout_id: str, now: datetime | None = None) -> None:
    """Look once at a payout in flight: let a request that never left leave, and gather evidence on one in doubt."""
    started = timezone.now()

    def clock() -> datetime:
        return timezone.now() if now is None else now + (timezone.now() - started)

    with payout_leased(payout_id=payout_id, state=PayoutState.IN_PROGRESS, now=clock()) as payout:
        if payout is None:
            return
        attempt = (
            payout.attempts.select_related("connection", "payout__store", "payout__pull_payment")
            .filter(state__in=OPEN_ATTEMPT_STATES)
            .first()
        )
        if attempt is None:
            log.error("a payout in flight has no open attempt", payout=payout.pk)
        elif attempt.state == AttemptState.PREPARED:
            _finish_prepared(attempt, clock())
        else:
            _look(attempt, clock)


def receipt_complete(*, attempt: PayoutAttempt, now: datetime) -> bool:
    """Find the preimage and fee of a succeeded attempt: in the wallet's transactions, else at the recipient's service.

    False while neither shows it.
    """
    row = own_transaction(attempt)
    if row is None or not row.preimage:
        feed_read(attempt=attempt, now=now)
        row = own_transaction(attempt)
    preimage = row.preimage if row else ""
    fee = fee_msat(row, attempt) if row else None
    if not preimage:
        preimage = _verified_preimage(attempt)
    if not lightning.preimage_matches(preimage, attempt.payment_hash):
        return False
    PayoutAttempt.objects.filter(pk=attempt.pk, preimage="").update(preimage=preimage, fee_msat=fee)
    return True


def _finish_prepared(attempt: PayoutAttempt, now: datetime) -> None:
    """Its worker ended between the commit and the request: nothing has left yet, so it may leave now or be dropped."""
    paused = pause_reason(attempt.payout)
    dead = attempt.expires_at is not None and attempt.expires_at <= now + timedelta(seconds=SEND_MARGIN_S)
    if paused or dead:
        sentence = paused or "The recipient's invoice ran out before it was sent. No money moved."
        payout_fail(attempt=attempt, source="prepared", sentence=sentence, now=now)
        return
    attempt_send(attempt=attempt, now=now)


def _look(attempt: PayoutAttempt, clock: Callable[[], datetime]) -> None:
    """One round of questions, the one that can settle it first: same key, the wallet's transactions, the recipient."""
    if attempt.state == AttemptState.SENT:
        attempt_mark_unknown(attempt=attempt, sentence=IN_DOUBT, now=clock())
    if _may_repeat(attempt, clock()):
        reply_apply(attempt=attempt, reply=ask_flash(attempt, repeated=True), source="same_key", now=clock())
        if attempt.state not in OPEN_ATTEMPT_STATES:
            return
    feed = feed_read(attempt=attempt, now=clock())
    if _proved_by_transactions(attempt, clock()):
        return
    settled = _recipient_says_settled(attempt, clock())
    if _ended_on_strong(attempt, feed, settled, clock()):
        return
    now = clock()
    reviewed = _review_due(attempt, now)
    look_again(payout=attempt.payout, attempt=attempt, sentence=IN_REVIEW if reviewed else _sentence(attempt), now=now)


def _may_repeat(attempt: PayoutAttempt, now: datetime) -> bool:
    """Only the mutation with an idempotency key, inside the key's life, and while nobody has paused sending."""
    young = attempt.sent_at is not None and now - attempt.sent_at < KEY_LIFE
    return attempt.amount_cents is None and young and not pause_reason(attempt.payout)


def _proved_by_transactions(attempt: PayoutAttempt, now: datetime) -> bool:
    row = own_transaction(attempt)
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
        attempt=attempt, evidence=found, preimage=row.preimage, fee_msat=fee_msat(row, attempt), now=now
    )


def _recipient_says_settled(attempt: PayoutAttempt, now: datetime) -> bool:
    """Ask the recipient's service (LUD-21), and Flash where it issued the invoice. It says that somebody paid, not that we
    did, so that alone it is a hint."""
    settled = False
    if attempt.verify_url:
        try:
            answer = verify_fetch(
                attempt.verify_url, payment_hash=attempt.payment_hash, policy=fetch_policy(attempt.payout)
            )
        except WireError as error:
            log.info("the recipient's service could not be asked", attempt=attempt.pk, reason=error.code)
        else:
            settled = answer.settled
            evidence_store(
                attempt=attempt,
                source="verify",
                says="succeeded" if settled else "nothing",
                grade=Grade.HINT,
                summary="The recipient's service says that this invoice is settled."
                if settled
                else "The recipient's service says that this invoice is not settled yet.",
                at=now,
                data={"preimage": answer.preimage, "warnings": list(answer.warnings)},
            )
    if not settled and _flash_says_paid(attempt):
        settled = True
        evidence_store(
            attempt=attempt,
            source="flash_status",
            says="succeeded",
            grade=Grade.HINT,
            summary="Flash issued this invoice itself and says that it is paid.",
            at=now,
        )
    return settled


def _flash_says_paid(attempt: PayoutAttempt) -> bool:
    # Of an invoice that is not its own Flash says EXPIRED or nothing at all; PAID it says only of what it received.
    try:
        return anybody_open(endpoint_of(attempt.connection)).invoice_status(attempt.bolt11) is flash.InvoiceStatus.PAID
    except flash.FlashError:
        return False


def _ended_on_strong(attempt: PayoutAttempt, feed: Feed | None, settled: bool, now: datetime) -> bool:
    """Grade what the sources say together; end the attempt on it where the store's owner wants that."""
    may_end = policy_of(attempt.payout.store).strong_evidence_ends
    row, back = own_transaction(attempt), own_transaction(attempt, "RECEIVE")
    if back is not None:
        found = _strong(attempt, "failed", "reimbursement", "The wallet got the money of this payment back.", now, back)
        sentence = "The payment came back to the shop's wallet. It is tried again."
        return may_end and doubt_fail(attempt=attempt, evidence=found, sentence=sentence, now=now)
    if settled and (row is not None or _send_left_over(attempt, feed)):
        summary = "The recipient has the money, and the wallet shows a send of this amount that no other payout claims."
        found = _strong(attempt, "succeeded", "combined", summary, now, row)
        return may_end and payout_settle(attempt=attempt, evidence=found, now=now)
    if not settled and row is None and _absence_counts(attempt, feed, now):
        summary = "Long after the invoice expired, the wallet's transactions of that time show no send of this amount."
        found = _strong(attempt, "failed", "absence", summary, now, None)
        sentence = "The payment was not made. No money moved."
        return may_end and doubt_fail(attempt=attempt, evidence=found, sentence=sentence, now=now)
    return False


def _strong(
    attempt: PayoutAttempt, says: str, source: str, summary: str, now: datetime, row: WalletTransaction | None
) -> AttemptEvidence:
    data = {"transaction_id": row.transaction_id} if row else {}
    return evidence_store(
        attempt=attempt, source=source, says=says, grade=Grade.STRONG, summary=summary, at=now, data=data
    )


def _send_left_over(attempt: PayoutAttempt, feed: Feed | None) -> bool:
    return feed is not None and len(sends_unclaimed(attempt=attempt, feed=feed)) > rivals(attempt=attempt)


def _absence_counts(attempt: PayoutAttempt, feed: Feed | None, now: datetime) -> bool:
    if feed is None or attempt.expires_at is None or now < attempt.expires_at + ABSENCE_COUNTS_AFTER:
        return False
    return covers(attempt=attempt, feed=feed, until=attempt.expires_at) and not sends_unclaimed(
        attempt=attempt, feed=feed
    )


def _verified_preimage(attempt: PayoutAttempt) -> str:
    if not attempt.verify_url:
        return ""
    try:
        answer = verify_fetch(
            attempt.verify_url, payment_hash=attempt.payment_hash, policy=fetch_policy(attempt.payout)
        )
    except WireError:
        return ""
    return answer.preimage or ""


def _review_due(attempt: PayoutAttempt, now: datetime) -> bool:
    """Flag the payout for a person once it has been in doubt for long; it stays in flight. Says whether it is flagged."""
    payout = attempt.payout
    since = attempt.sent_at or attempt.prepared_at
    if (now - since).total_seconds() < policy_of(payout.store).review_after_s:
        return payout.needs_review
    with transaction.atomic():
        flagged = Payout.objects.filter(pk=payout.pk, state=PayoutState.IN_PROGRESS, needs_review=False)
        if flagged.update(needs_review=True):
            event_record(
                row=payout,
                type="PayoutNeedsReview",
                before=payout.state,
                after=payout.state,
                at=now,
                evidence={"attempt": attempt.number, "since": since.isoformat()},
                also=watchers(payout),
            )
    payout.needs_review = True
    return True


def _sentence(attempt: PayoutAttempt) -> str:
    """What the last answer to a repetition said, for people who wait; the general sentence where there was none."""
    last = attempt.evidence.filter(source__in=["send", "same_key"]).last()
    return last.summary if last and last.summary else IN_DOUBT
