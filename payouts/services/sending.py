"""Sending a payout: intent committed first, one request, and whatever comes back taken for what it proves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.db import transaction
from django.utils import timezone

from flashpay import flash, lightning
from flashpay.money.amounts import MSAT_PER_SAT, msat_format
from flashpay.money.currencies import USD
from flashpay.money.errors import NoFreshRate
from flashpay.refusals import Refusal
from flashpay.stores.events import transition
from flashpay.stores.hashes import payment_hash_register
from flashpay.stores.models import WalletConnection
from flashpay.stores.rates import rate_get
from flashpay.stores.wallets import wallet_of, wallet_open
from lnurl.wire.errors import WireError
from lnurl.wire.resolver import ResolvedInvoice
from payouts.models import AttemptState, DestinationKind, Grade, Payout, PayoutAttempt, PayoutState
from payouts.services.approving import payout_drop
from payouts.services.covering import (
    ASK_AGAIN_AFTER,
    balance_refresh,
    cents_at_most,
    debit_expected,
    fee_reserve,
    float_covers,
)
from payouts.services.leases import payout_leased
from payouts.services.outcomes import attempt_mark_unknown, evidence_store, payout_fail, payout_settle, watchers
from payouts.services.policies import pause_reason, policy_of
from payouts.services.targets import success_action_stored, target_resolve
from payouts.services.transactions import feed_keep

# What only time or a person changes is looked at again this soon …
WAIT = timedelta(seconds=30)
# … and what costs somebody a request each time, with patience.
_PATIENT_WAITS = [timedelta(seconds=s) for s in (30, 60, 2 * 60, 5 * 60, 15 * 60, 60 * 60)]
# Less life than this and the invoice may die on the way.
SEND_MARGIN_S = 5
# A payment of it was found that had been taken for failed; sending once more could pay it twice.
_UNDER_REVIEW = "The shop has to look at this payout before anything more is sent. It may have been paid already."
_NOT_COVERED = (
    "There is not enough money in the shop's wallet for this payout at the moment. "
    "Nothing was sent; it waits and follows as soon as there is."
)


class _Wait(Exception):
    """Not now: the reason, for the recipient and the merchant. `patient`: each further look comes later."""

    def __init__(self, sentence: str, *, patient: bool = False) -> None:
        super().__init__(sentence)
        self.patient = patient


@dataclass(frozen=True)
class _Plan:
    """What will be sent: the invoice, what the recipient's service said with it, and what it takes from the wallet."""

    invoice: lightning.LightningInvoice
    resolved: ResolvedInvoice | None
    service: str
    amount_cents: Decimal | None
    debit_cents: Decimal | None
    fee_cents: Decimal | None

    @property
    def needed_cents(self) -> Decimal | None:
        return None if self.debit_cents is None else self.debit_cents + (self.fee_cents or 0)


def payout_send(*, payout_id: str, now: datetime | None = None) -> None:
    """Send one due payout. Safe to call any number of times at once: one caller gets the lease, the others do nothing.

    AwaitingPayment → InProgress with a committed attempt → Completed, AwaitingPayment again (proven failure), or
    InProgress with an attempt in doubt.
    """
    clock = _clock(now)
    with payout_leased(payout_id=payout_id, state=PayoutState.AWAITING_PAYMENT, now=clock()) as payout:
        if payout is None:
            return
        try:
            connection = _ready_wallet(payout)
            plan = _plan(payout, connection, clock)
            attempt = _prepare(payout, connection, plan, clock())
        except lightning.InvalidInvoice as error:
            payout_drop(payout=payout, reason=error.sentence, now=clock())
            return
        except _Wait as waiting:
            _wait(payout, str(waiting), clock(), patient=waiting.patient)
            return
        except (Refusal, NoFreshRate) as waiting:
            _wait(payout, str(waiting), clock(), patient=isinstance(waiting, WireError))
            return
        if attempt is not None:
            attempt_send(attempt=attempt, now=clock())


def attempt_send(*, attempt: PayoutAttempt, now: datetime) -> None:
    """Let a prepared attempt's request leave, once, and record what came back."""
    if not transition(attempt, AttemptState.SENT, at=now, type="AttemptSent", sent_at=now):
        return
    reply_apply(attempt=attempt, reply=ask_flash(attempt), source="send", now=timezone.now())
    if attempt.state == AttemptState.UNKNOWN:
        # If it was paid, it is among the newest rows now; where workers are busy, the first look may come too late for that.
        feed_keep(attempt=attempt)


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
    data = {"row": reply.judgement.row, "code": reply.judgement.code} if reply.judgement else {}
    if reply.outcome is flash.Outcome.SUCCEEDED:
        found = evidence_store(
            attempt=attempt,
            source=source,
            says="succeeded",
            grade=Grade.PROOF,
            summary="Flash confirmed the payment of this invoice.",
            at=now,
        )
        payout_settle(attempt=attempt, evidence=found, now=now)
        return
    refused = reply.outcome in (flash.Outcome.FAILED, flash.Outcome.NOT_SENT)
    if (
        refused
        and source == "send"
        and payout_fail(attempt=attempt, source=source, sentence=sentence, data=data, now=now)
    ):
        return
    # A refusal of one request says nothing of another one that left for the same invoice.
    evidence_store(
        attempt=attempt, source=source, says="nothing", grade=Grade.HINT, summary=sentence, at=now, data=data
    )
    attempt_mark_unknown(attempt=attempt, sentence=sentence, now=now)


def _clock(now: datetime | None) -> Callable[[], datetime]:
    """The time, from `now` on where one is given: resolving an address takes seconds that an invoice's life must cover."""
    started = timezone.now()
    return lambda: timezone.now() if now is None else now + (timezone.now() - started)


def _ready_wallet(payout: Payout) -> WalletConnection:
    """The wallet to send from. Raises _Wait or Refusal while it must not be sent."""
    paused = pause_reason(payout)
    if paused:
        raise _Wait(paused)
    if payout.needs_review:
        raise _Wait(_UNDER_REVIEW)
    connection = wallet_of(payout.store)
    if not connection.can_send:
        raise _Wait("The shop's wallet can only receive at the moment.")
    if payout.amount_msat < connection.minimum_sat * MSAT_PER_SAT:
        least = msat_format(connection.minimum_sat * MSAT_PER_SAT)
        if payout.collecting:
            sentence = f"Small claims are collected here until they reach {least}. Then they are sent together."
            raise _Wait(sentence, patient=True)
        raise _Wait(f"The wallet's smallest payout is {least} now, more than this one.", patient=True)
    return connection


def _plan(payout: Payout, connection: WalletConnection, clock: Callable[[], datetime]) -> _Plan:
    debit = debit_expected(payout.amount_msat)
    _must_be_covered(connection, None if debit is None else debit + fee_reserve(debit), clock())
    resolved, service = None, ""
    if payout.destination_kind == DestinationKind.BOLT11:
        invoice = lightning.invoice_read(payout.destination)
        lightning.invoice_check(
            invoice, network=connection.network, now=clock(), allow_amountless=True, margin_s=SEND_MARGIN_S
        )
    else:
        invoice, resolved, service = target_resolve(payout, network=connection.network, now=clock)
    amount_cents = None
    if invoice.amount_msat is None:
        amount_cents = cents_at_most(payout.amount_msat, rate_get(USD))
    fee = _fee(payout, connection, invoice, amount_cents, debit)
    return _Plan(invoice, resolved, service, amount_cents, debit, fee)


def _must_be_covered(connection: WalletConnection, needed_cents: Decimal | None, now: datetime) -> None:
    balance_refresh(connection=connection, now=now)
    if float_covers(connection=connection, needed_cents=needed_cents):
        return
    balance_refresh(connection=connection, now=now, older_than=ASK_AGAIN_AFTER)
    if not float_covers(connection=connection, needed_cents=needed_cents):
        raise _Wait(_NOT_COVERED)


def _fee(
    payout: Payout,
    connection: WalletConnection,
    invoice: lightning.LightningInvoice,
    amount_cents: Decimal | None,
    debit: Decimal | None,
) -> Decimal | None:
    """The expected fee in cents: asked for and held against the store's cap where it has one. Raises _Wait above it."""
    cap_bp = policy_of(payout.store).fee_cap_bp
    if cap_bp is None:
        return None if debit is None else fee_reserve(debit)
    if debit is None:
        raise _Wait("There is no fresh price to hold the network fee against the shop's limit.", patient=True)
    client = wallet_open(connection)
    try:
        if amount_cents is None:
            fee = client.fee_probe(wallet_id=connection.wallet_id, bolt11=invoice.bolt11)
        else:
            fee = client.no_amount_fee_probe(
                wallet_id=connection.wallet_id, bolt11=invoice.bolt11, amount_cents=amount_cents
            )
    except flash.FlashError as error:
        raise _Wait(f"The network fee could not be found out, so nothing was sent. {error}", patient=True) from error
    if fee * 10_000 > debit * cap_bp:
        raise _Wait("The network fee is above the shop's limit at the moment. Nothing was sent.", patient=True)
    return fee


def _prepare(payout: Payout, connection: WalletConnection, plan: _Plan, now: datetime) -> PayoutAttempt | None:
    """Commit the intent: the attempt with its hash and key, and the payout in flight. None if somebody else was first.

    Raises _Wait when what came to be in flight meanwhile leaves too little, when sending was paused at this moment, or when
    the invoice's payment hash turns out to be another's.
    """
    with transaction.atomic():
        if not float_covers(connection=connection, needed_cents=plan.needed_cents):
            raise _Wait(_NOT_COVERED)
        number = payout.attempts.count() + 1
        if not transition(
            payout, PayoutState.IN_PROGRESS, at=now, type="PayoutSending", also=watchers(payout), reason="", waits=0
        ):
            return None
        entry = payment_hash_register(
            payment_hash=plan.invoice.payment_hash, owner="payout", owner_id=payout.pk, at=now
        )
        if (entry.owner, entry.owner_id) != ("payout", payout.pk):
            raise _Wait("The recipient's service gave an invoice that was used before. Nothing was sent.", patient=True)
        # From here on the row is ours until the commit: what was added to a collecting payout meanwhile shows now.
        fresh = Payout.objects.only("amount_msat", "needs_review").get(pk=payout.pk)
        if fresh.needs_review:
            raise _Wait(_UNDER_REVIEW)
        if fresh.amount_msat != payout.amount_msat:
            raise _Wait("More was added to this payout just now. It is sent in a moment.")
        paused = pause_reason(payout)
        if paused:
            raise _Wait(paused)
        return _attempt_create(payout, connection, plan, number, now)


def _attempt_create(
    payout: Payout, connection: WalletConnection, plan: _Plan, number: int, now: datetime
) -> PayoutAttempt:
    resolved = plan.resolved
    return PayoutAttempt.objects.create(
        store_id=payout.store_id,
        payout=payout,
        number=number,
        connection=connection,
        wallet_id=connection.wallet_id,
        bolt11=plan.invoice.bolt11,
        payment_hash=plan.invoice.payment_hash,
        expires_at=plan.invoice.expires_at,
        amount_msat=payout.amount_msat,
        amount_cents=plan.amount_cents,
        debit_cents=plan.debit_cents,
        fee_estimate_cents=plan.fee_cents,
        service=plan.service,
        success_action=success_action_stored(resolved.success_action) if resolved else None,
        verify_url=(resolved.verify_url or "") if resolved else "",
        warnings=list(resolved.warnings) if resolved else [],
        idempotency_key=f"{payout.pk}-{number}",
        prepared_at=now,
    )


def _wait(payout: Payout, sentence: str, now: datetime, *, patient: bool) -> None:
    waiting = Payout.objects.filter(pk=payout.pk, state=PayoutState.AWAITING_PAYMENT)
    waits = waiting.values_list("waits", flat=True).first() or 0
    wait = _PATIENT_WAITS[min(waits, len(_PATIENT_WAITS) - 1)] if patient else WAIT
    waiting.update(reason=sentence[:500], due_at=now + wait, waits=waits + 1 if patient else waits)
