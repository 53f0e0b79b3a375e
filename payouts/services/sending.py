"""Sending a payout: intent committed first, one request, and whatever comes back taken for what it proves."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import ROUND_DOWN, Decimal

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from flashpay import flash, lightning
from flashpay.money.amounts import MSAT_PER_SAT, msat_format
from flashpay.money.currencies import USD
from flashpay.money.errors import NoFreshRate
from flashpay.money.rates import Rate
from flashpay.refusals import Refusal
from flashpay.stores.events import transition
from flashpay.stores.models import WalletConnection
from flashpay.stores.rates import rate_get
from flashpay.stores.wallets import wallet_of, wallet_open
from payouts.models import AttemptState, Grade, Payout, PayoutAttempt, PayoutState
from payouts.services.claims import payout_cancel
from payouts.services.outcomes import attempt_mark_unknown, evidence_store, payout_fail, payout_settle, watchers

# One worker has a payout for this long; far above a request's own time limit, so that nobody looks while it is asking.
LEASE = timedelta(seconds=90)
WAIT = timedelta(seconds=30)
# Less life than this and the invoice may die on the way.
SEND_MARGIN_S = 5


class _Wait(Exception):
    """Not now: the reason, for the recipient and the merchant."""


def payout_send(*, payout_id: str, now: datetime | None = None) -> None:
    """Send one due payout. Safe to call any number of times at once: one caller gets the lease, the others do nothing.

    AwaitingPayment → InProgress with a committed attempt → Completed, AwaitingPayment again (proven failure), or
    InProgress with an attempt in doubt.
    """
    now = now or timezone.now()
    payout = lease(payout_id=payout_id, state=PayoutState.AWAITING_PAYMENT, now=now)
    if payout is None:
        return
    try:
        connection = _ready_wallet(payout)
        invoice = lightning.invoice_read(payout.destination)
        lightning.invoice_check(
            invoice, network=connection.network, now=now, allow_amountless=True, margin_s=SEND_MARGIN_S
        )
        amount_cents = None if invoice.amount_msat is not None else _cents(payout.amount_msat, rate_get(USD))
    except lightning.InvalidInvoice as error:
        payout_cancel(payout=payout, reason=error.sentence, actor="system", now=now)
        return
    except (_Wait, Refusal, NoFreshRate) as waiting:
        _wait(payout, str(waiting), now)
        return
    attempt = _prepare(payout, connection, invoice, amount_cents, now)
    if attempt is not None:
        attempt_send(attempt=attempt, now=now)


def attempt_send(*, attempt: PayoutAttempt, now: datetime) -> None:
    """Let a prepared attempt's request leave, once, and record what came back."""
    if not transition(attempt, AttemptState.SENT, at=now, type="AttemptSent", sent_at=now):
        return
    reply_apply(attempt=attempt, reply=ask_flash(attempt), source="send", now=timezone.now())


def ask_flash(attempt: PayoutAttempt, *, repeated: bool = False) -> flash.SendReply:
    """The request of this attempt: always the same BOLT 11 and the same idempotency key, however often it is repeated."""
    client = wallet_open(attempt.connection)
    if attempt.amount_cents is None:
        return client.invoice_send(
            wallet_id=attempt.wallet_id,
            bolt11=attempt.bolt11,
            idempotency_key=attempt.idempotency_key,
            repeated=repeated,
        )
    return client.no_amount_invoice_send(
        wallet_id=attempt.wallet_id, bolt11=attempt.bolt11, amount_cents=attempt.amount_cents, repeated=repeated
    )


def reply_apply(*, attempt: PayoutAttempt, reply: flash.SendReply, source: str, now: datetime) -> None:
    """Take Flash's answer to an attempt's request for what it proves, and no more."""
    sentence = reply.judgement.sentence if reply.judgement else ""
    match reply.outcome:
        case flash.Outcome.SUCCEEDED:
            found = evidence_store(
                attempt=attempt,
                source=source,
                says="succeeded",
                grade=Grade.PROOF,
                summary="Flash confirmed the payment of this invoice.",
                at=now,
            )
            payout_settle(attempt=attempt, evidence=found, now=now)
        case flash.Outcome.FAILED | flash.Outcome.NOT_SENT if attempt.state == AttemptState.SENT:
            found = evidence_store(
                attempt=attempt, source=source, says="failed", grade=Grade.PROOF, summary=sentence, at=now
            )
            payout_fail(attempt=attempt, evidence=found, sentence=sentence, now=now)
        case _:
            # A repetition that Flash refuses says nothing of the first request.
            evidence_store(attempt=attempt, source=source, says="nothing", grade=Grade.HINT, summary=sentence, at=now)
            attempt_mark_unknown(attempt=attempt, sentence=sentence, now=now)


def lease(*, payout_id: str, state: str, now: datetime) -> Payout | None:
    """Take a due payout in `state` for this worker alone, or None."""
    free = Q(leased_until=None) | Q(leased_until__lte=now)
    taken = Payout.objects.filter(free, pk=payout_id, state=state, due_at__lte=now).update(leased_until=now + LEASE)
    if not taken:
        return None
    return Payout.objects.select_related("store", "pull_payment").get(pk=payout_id)


def _ready_wallet(payout: Payout) -> WalletConnection:
    """The wallet to send from. Raises _Wait or Refusal while it must not be sent."""
    if payout.store.payouts_paused or (payout.pull_payment and payout.pull_payment.paused):
        raise _Wait("The shop has paused its payouts. This one follows as soon as they go on.")
    connection = wallet_of(payout.store)
    if not connection.can_send:
        raise _Wait("The shop's wallet can only receive at the moment.")
    if payout.amount_msat < connection.minimum_sat * MSAT_PER_SAT:
        least = msat_format(connection.minimum_sat * MSAT_PER_SAT)
        raise _Wait(f"The wallet's smallest payout is {least} now, more than this one.")
    return connection


def _cents(amount_msat: int, rate: Rate) -> Decimal:
    """US cents that never buy more than `amount_msat` at `rate`."""
    cents = Decimal(amount_msat) * rate.btc_price * USD.minor_per_major / (MSAT_PER_SAT * 100_000_000)
    return cents.quantize(Decimal("0.0001"), ROUND_DOWN)


def _prepare(
    payout: Payout,
    connection: WalletConnection,
    invoice: lightning.LightningInvoice,
    amount_cents: Decimal | None,
    now: datetime,
) -> PayoutAttempt | None:
    """Commit the intent: the attempt with its hash and key, and the payout in flight. None if somebody else was first."""
    with transaction.atomic():
        number = payout.attempts.count() + 1
        if not transition(
            payout,
            PayoutState.IN_PROGRESS,
            at=now,
            type="PayoutSending",
            also=watchers(payout),
            reason="",
        ):
            return None
        return PayoutAttempt.objects.create(
            store_id=payout.store_id,
            payout=payout,
            number=number,
            connection=connection,
            wallet_id=connection.wallet_id,
            bolt11=invoice.bolt11,
            payment_hash=invoice.payment_hash,
            amount_msat=payout.amount_msat,
            amount_cents=amount_cents,
            idempotency_key=f"{payout.pk}-{number}",
            prepared_at=now,
        )


def _wait(payout: Payout, sentence: str, now: datetime) -> None:
    Payout.objects.filter(pk=payout.pk, state=PayoutState.AWAITING_PAYMENT).update(
        reason=sentence[:500], due_at=now + WAIT, leased_until=None
    )
