"""Claiming from a pull payment: checked and reserved in one transaction, whatever destination it names."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Any, NoReturn

from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.utils import timezone

from flashpay import lightning
from flashpay.money.amounts import amount_format
from flashpay.money.currencies import Currency, currency_get
from flashpay.money.rates import Rate
from flashpay.refusals import Refusal
from flashpay.stores.events import event_record
from flashpay.stores.hashes import payment_hash_register
from flashpay.stores.models import PaymentHash, Store, WalletConnection
from flashpay.stores.rates import rate_get
from payouts.models import DestinationKind, Payout, PayoutPart, PayoutState, PullPayment
from payouts.selectors import paying_wallet_of, pull_payment_check_active
from payouts.services.codes import claim_code_check
from payouts.services.outcomes import watchers
from payouts.services.policies import policy_of
from payouts.services.queue import payout_enqueue_on_commit
from payouts.services.quotes import quote_read
from payouts.services.sizing import Claim, claim_fitted, claim_size
from payouts.services.targets import Target, invoice_target, target_read

# A recipient's invoice must live long enough to be sent after the queue: many wallets give a minute.
SHORTEST_LIFE = timedelta(seconds=20)
_USED = "This invoice was used for a claim before. Make a new one in your wallet."
_OURS = "This is an invoice of this shop itself. Use one from your own wallet."


def payout_claim(
    *,
    pull_payment: PullPayment,
    bolt11: str = "",
    destination: str = "",
    amount: int | None = None,
    allow_amountless: bool = True,
    claim_code: str = "",
    claim_key: str = "",
    quote: str = "",
    actor: str = "recipient",
    now: datetime | None = None,
) -> Payout:
    """Claim from a pull payment; the sending follows by itself where claims are approved automatically.

    `destination` is whatever a person typed, pasted or scanned: an invoice, an LNURL-pay text, a Lightning Address;
    `bolt11` takes an invoice alone (LUD-03, which has none without an amount, hence `allow_amountless`). `amount` (minor
    units) is for what names no amount itself and defaults to what is left; an invoice that exceeds it is refused.

    The same invoice again gets the same payout, at the same moment or later; so does the same `claim_key` (any text the
    caller makes up for one request), which is how a repeated claim to an address is known. `quote` holds the caller to the
    rate it was shown (`quotes.quote_make`). Raises Refusal or MoneyError, and then nothing was reserved; the codes are
    BTCPay Server's (`overdraft`, `amount-too-low`, `duplicate-destination`, `expired`, …).
    """
    now = now or timezone.now()
    target = target_read(destination) if destination else invoice_target(bolt11)
    key = _key_hash(pull_payment.pk, claim_key)
    # Before anything that time changes: a repeated callback gets the first one's answer, even after the invoice expired.
    known = _claimed_before(pull_payment, target, key)
    if known is not None:
        return known
    connection = paying_wallet_of(pull_payment.store)
    if target.invoice is not None:
        invoice_usable(target.invoice, connection, allow_amountless, now)
    pull_payment_check_active(pull_payment, now)
    claim_code_check(pull_payment=pull_payment, code=claim_code)
    currency = currency_get(pull_payment.currency)
    rate = _rate(pull_payment, currency, quote, now)
    claim = claim_size(target=target, currency=currency, rate=rate, amount=amount, remaining=_claimable(pull_payment))
    claim = claim_fitted(
        claim=claim,
        target=target,
        pull_payment=pull_payment,
        currency=currency,
        wallet=connection,
        policy=policy_of(pull_payment.store).minimum_policy,
    )
    try:
        return _create(pull_payment, target, claim, currency, key, actor, now)
    except (Refusal, IntegrityError) as refused:
        # The same claim may have come twice at once, and the first one took what was left: then this is its payout.
        known = _claimed_before(pull_payment, target, key)
        if known is None:
            if isinstance(refused, IntegrityError):
                raise Refusal("try-again", "Two claims came at the same moment. Please try again.") from refused
            raise
        return known


def payout_row(
    *, store: Store, target: Target, claim: Claim, currency: Currency, actor: str, now: datetime, **columns: Any
) -> Payout:
    """Write one payout with its payment hash, inside the caller's transaction. Raises Refusal (`duplicate-destination`)."""
    payout = payout_new(store=store, target=target, claim=claim, currency=currency, actor=actor, now=now, **columns)
    payout.save(force_insert=True)
    if target.invoice is not None:
        entry = payment_hash_register(
            payment_hash=target.invoice.payment_hash, owner="payout", owner_id=payout.pk, at=now
        )
        if (entry.owner, entry.owner_id) != ("payout", payout.pk):
            _refuse_hash(entry)
    event_record(row=payout, type="PayoutCreated", after=payout.state, actor=actor, at=now, also=watchers(payout))
    if payout.state == PayoutState.AWAITING_PAYMENT:
        payout_enqueue_on_commit(payout.pk)
    return payout


def payout_new(
    *,
    store: Store,
    target: Target,
    claim: Claim,
    currency: Currency,
    actor: str,
    now: datetime,
    approvals_needed: int = 0,
    **columns: Any,
) -> Payout:
    """A payout as it is written, not saved yet: AwaitingApproval where it needs one, else AwaitingPayment."""
    return Payout(
        store=store,
        approvals_needed=approvals_needed,
        state=PayoutState.AWAITING_APPROVAL if approvals_needed else PayoutState.AWAITING_PAYMENT,
        destination_kind=target.kind,
        destination=target.text,
        currency=currency.code,
        amount=claim.amount,
        amount_msat=claim.amount_msat,
        rate=claim.rate.btc_price if claim.rate else None,
        rate_source=claim.rate.source if claim.rate else "",
        rate_at=claim.rate.at if claim.rate else None,
        created_by=actor,
        created_at=now,
        expires_at=target.invoice.expires_at if target.invoice else None,
        due_at=now,
        **columns,
    )


def invoice_usable(
    invoice: lightning.LightningInvoice, connection: WalletConnection, allow_amountless: bool, now: datetime
) -> None:
    """Raises Refusal (`invalid-destination`) for an invoice that may not be paid, or not for long enough."""
    try:
        lightning.invoice_check(
            invoice,
            network=connection.network,
            now=now,
            allow_amountless=allow_amountless,
            margin_s=int(SHORTEST_LIFE.total_seconds()),
        )
    except lightning.InvalidInvoice as error:
        raise Refusal("invalid-destination", error.sentence, field="destination") from error


def approvals_needed(pull_payment: PullPayment, amount: int) -> int:
    """How many different people must approve a claim over `amount` minor units."""
    if pull_payment.two_people_above is not None and amount > pull_payment.two_people_above:
        return 2
    above = pull_payment.approve_by_hand_above
    return 0 if pull_payment.auto_approve and (above is None or amount <= above) else 1


def _create(
    pull_payment: PullPayment,
    target: Target,
    claim: Claim,
    currency: Currency,
    key: str | None,
    actor: str,
    now: datetime,
) -> Payout:
    """Reserve the amount and the payment hash and write the payout, all or nothing. Raises Refusal."""
    with transaction.atomic():
        _reserve(pull_payment, claim, currency, now)
        if claim.collected:
            return _collect(pull_payment, target, claim, currency, key, actor, now)
        needed = approvals_needed(pull_payment, claim.amount)
        return payout_row(
            store=pull_payment.store,
            target=target,
            claim=claim,
            currency=currency,
            actor=actor,
            now=now,
            pull_payment=pull_payment,
            approvals_needed=needed,
            claim_key=key,
        )


def _collect(
    pull_payment: PullPayment,
    target: Target,
    claim: Claim,
    currency: Currency,
    key: str | None,
    actor: str,
    now: datetime,
) -> Payout:
    """Add a small claim to the recipient's waiting payout, or begin one. Its parts are kept, its amounts are their sums."""
    waiting = Payout.objects.filter(
        pull_payment=pull_payment,
        destination_kind=target.kind,
        destination=target.text,
        collecting=True,
        state=PayoutState.AWAITING_PAYMENT,
    ).first()
    grown = waiting is not None and Payout.objects.filter(pk=waiting.pk, state=PayoutState.AWAITING_PAYMENT).update(
        amount=F("amount") + claim.amount,
        amount_msat=F("amount_msat") + claim.amount_msat,
        due_at=now,
        waits=0,
    )
    if waiting is None or not grown:
        waiting = payout_row(
            store=pull_payment.store,
            target=target,
            claim=claim,
            currency=currency,
            actor=actor,
            now=now,
            pull_payment=pull_payment,
            collecting=True,
        )
    waiting.refresh_from_db()
    if approvals_needed(pull_payment, waiting.amount):
        raise Refusal("amount-too-low", "Your small claims wait for the shop. Ask them before you claim more.")
    PayoutPart.objects.create(
        payout=waiting,
        amount=claim.amount,
        amount_msat=claim.amount_msat,
        rate=claim.rate.btc_price if claim.rate else None,
        rate_source=claim.rate.source if claim.rate else "",
        rate_at=claim.rate.at if claim.rate else None,
        claim_key=key,
        created_by=actor,
        created_at=now,
    )
    if grown:
        event_record(
            row=waiting,
            type="PayoutCollected",
            actor=actor,
            at=now,
            evidence={"added": claim.amount, "sum": waiting.amount},
            also=watchers(waiting),
        )
        payout_enqueue_on_commit(waiting.pk)
    return waiting


def _claimed_before(pull_payment: PullPayment, target: Target, key: str | None) -> Payout | None:
    """The payout that this invoice or this request made earlier: a repetition must get the same answer.

    Raises Refusal when the invoice belongs to anything else.
    """
    if key is not None:
        by_key = Payout.objects.filter(Q(claim_key=key) | Q(parts__claim_key=key)).first()
        if by_key is not None:
            return by_key
    if target.invoice is None:
        return None
    row = PaymentHash.objects.filter(payment_hash=target.invoice.payment_hash).first()
    if row is None:
        return None
    payout = Payout.objects.filter(pk=row.owner_id).first() if row.owner == "payout" else None
    if payout is None or payout.pull_payment_id != pull_payment.pk or payout.state == PayoutState.CANCELLED:
        _refuse_hash(row)
    if payout.destination_kind != DestinationKind.BOLT11:
        _refuse_hash(row)  # the invoice of somebody's address, which is not theirs to show
    return payout


def _refuse_hash(row: PaymentHash) -> NoReturn:
    raise Refusal("duplicate-destination", _OURS if row.owner == "invoice" else _USED, field="destination")


def _key_hash(pull_payment_id: str, claim_key: str) -> str | None:
    return hashlib.sha256(f"{pull_payment_id}:{claim_key}".encode()).hexdigest() if claim_key else None


def _rate(pull_payment: PullPayment, currency: Currency, quote: str, now: datetime) -> Rate | None:
    if currency.is_bitcoin:
        return None
    return quote_read(token=quote, pull_payment=pull_payment, now=now) if quote else rate_get(currency)


def _claimable(pull_payment: PullPayment) -> int:
    left = pull_payment.remaining
    return left if pull_payment.maximum_claim is None else min(left, pull_payment.maximum_claim)


def _reserve(pull_payment: PullPayment, claim: Claim, currency: Currency, now: datetime) -> None:
    """Take the claim out of what is left, whoever else claims at this moment. Raises Refusal (`overdraft`)."""
    left_after = F("amount") - claim.amount
    fits = Q(claimed=left_after) | Q(claimed__lte=left_after - claim.least_rest)
    reserved = PullPayment.objects.filter(
        fits,
        Q(expires_at=None) | Q(expires_at__gt=now),
        Q(maximum_claims=None) | Q(claims__lt=F("maximum_claims")),
        pk=pull_payment.pk,
        archived_at=None,
        paused=False,
    ).update(claimed=F("claimed") + claim.amount, claims=F("claims") + 1)
    if reserved:
        return
    pull_payment.refresh_from_db()
    pull_payment_check_active(pull_payment, now)
    left = amount_format(pull_payment.remaining, currency)
    if claim.amount <= pull_payment.remaining:
        most = pull_payment.remaining - claim.least_rest
        how = f"Claim everything, {left}."
        if most >= claim.least_rest:
            how = f"Claim everything, {left}, or at most {amount_format(most, currency)}."
        sentence = f"That would leave a rest here that is too small to be paid out. {how}"
        raise Refusal("leaves-dust", sentence, field="amount")
    raise Refusal("overdraft", f"That is more than what is left to claim here: {left}.", field="amount")
