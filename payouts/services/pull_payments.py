"""Making, changing and ending pull payments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from flashpay.money.amounts import MSAT_PER_SAT, msat_format
from flashpay.money.currencies import Currency, currency_get
from flashpay.money.rates import DOWN, msat_from_minor
from flashpay.refusals import Refusal
from flashpay.stores.events import event_record
from flashpay.stores.models import Store
from flashpay.stores.rates import rate_get
from payouts.models import UNSENT_PAYOUT_STATES, MinimumPolicy, Payout, PayoutState, PullPayment, Renewal
from payouts.selectors import sending_wallet_of
from payouts.services.approving import payout_cancel
from payouts.services.codes import claim_code_hash
from payouts.services.periods import period_end
from payouts.services.policies import approval_limits, policy_of

_OVER = "This pull payment was archived; it cannot be changed any more."
SHORTEST_CODE, LONGEST_CODE = 4, 64


@dataclass(frozen=True)
class Terms:
    """The limits of a pull payment beyond its amount, in its own minor units; None and 0 are no limit.

    `approve_by_hand_above`: claims up to here go out by themselves where claims are approved automatically.
    `two_people_above`: claims above here need the approval of two different people. Where one of the two is not said, the
    store's own rule counts (`policies.approval_limits`).
    """

    minimum_claim: int = 0
    maximum_claim: int | None = None
    maximum_claims: int | None = None
    approve_by_hand_above: int | None = None
    two_people_above: int | None = None
    renews_every: str = Renewal.NEVER

    def check(self, amount: int) -> None:
        """Raises Refusal for limits that contradict each other."""
        if not 0 <= self.minimum_claim <= amount:
            raise Refusal(
                "invalid-minimum", "The smallest claim cannot be larger than the amount.", field="minimumClaim"
            )
        if self.maximum_claim is not None and self.maximum_claim < max(1, self.minimum_claim):
            raise Refusal(
                "invalid-maximum", "The largest claim cannot be smaller than the smallest.", field="maximumClaim"
            )
        if self.maximum_claims is not None and self.maximum_claims < 1:
            raise Refusal("invalid-maximum", "It must be claimable once at least.", field="maximumClaims")
        for name in ("approve_by_hand_above", "two_people_above"):
            if (getattr(self, name) or 0) < 0:
                raise Refusal("invalid-amount", "The amount cannot be negative.", field=name)
        if self.renews_every not in Renewal.values:
            raise Refusal("invalid-renewal", "It can renew itself every day, week or month.", field="renewsEvery")


def pull_payment_create(
    *,
    store: Store,
    amount: int,
    currency: Currency,
    actor: str,
    name: str = "",
    description: str = "",
    auto_approve: bool = True,
    minimum_claim: int = 0,
    starts_at: datetime | None = None,
    expires_at: datetime | None = None,
    terms: Terms | None = None,
    claim_code: str = "",
    now: datetime | None = None,
) -> PullPayment:
    """Make a pull payment over `amount` minor units of `currency`; each period's amount where its terms renew it.

    Raises Refusal when nobody could ever claim it (below the wallet's minimum, dates in the wrong order), and
    NoFreshRate where a fiat amount cannot be held against the minimum.
    """
    now = now or timezone.now()
    starts_at = starts_at or now
    terms = terms or Terms(minimum_claim=minimum_claim)
    if amount <= 0:
        raise Refusal("invalid-amount", "A pull payment needs an amount above zero.", field="amount")
    if len(name) > 50:
        raise Refusal("invalid-name", "The name may have 50 characters.", field="name")
    terms.check(amount)
    _check_dates(starts_at, expires_at, now)
    _check_wallet(store, amount, terms.maximum_claim, currency)
    renews = bool(terms.renews_every)
    said = {field.name: getattr(terms, field.name) for field in fields(terms)}
    said |= {name: rule for name, rule in approval_limits(store, currency).items() if said[name] is None}
    with transaction.atomic():
        pull_payment = PullPayment.objects.create(
            store=store,
            name=name.strip(),
            description=description,
            currency=currency.code,
            amount=amount,
            auto_approve=auto_approve,
            starts_at=starts_at,
            expires_at=expires_at,
            renew_amount=amount if renews else None,
            renews_at=period_end(starts_at, terms.renews_every) if renews else None,
            created_by=actor,
            created_at=now,
            **said,
        )
        if claim_code:
            _set_code(pull_payment, claim_code)
        event_record(row=pull_payment, type="PullPaymentCreated", actor=actor, at=now)
    return pull_payment


def pull_payment_archive(*, pull_payment: PullPayment, actor: str, now: datetime | None = None) -> None:
    """End a pull payment: no new claims; claims not yet sent are cancelled, those in flight are left to their end."""
    now = now or timezone.now()
    with transaction.atomic():
        archived = PullPayment.objects.filter(pk=pull_payment.pk, archived_at=None).update(archived_at=now)
        if not archived:
            return
        pull_payment.archived_at = now
        event_record(row=pull_payment, type="PullPaymentArchived", actor=actor, at=now)
    waiting = pull_payment.payouts.filter(state__in=UNSENT_PAYOUT_STATES)
    for payout in waiting:
        try:
            payout_cancel(payout=payout, reason="The pull payment was archived.", actor=actor, now=now)
        except Refusal:
            continue  # its sending began in this moment: it goes to its end


def pull_payment_pause(*, pull_payment: PullPayment, paused: bool, actor: str, now: datetime | None = None) -> None:
    """Stop claims and sending, repetitions included, or let both go on. What is in flight is still looked into."""
    now = now or timezone.now()
    with transaction.atomic():
        changed = PullPayment.objects.filter(pk=pull_payment.pk, paused=not paused).update(paused=paused)
        if not changed:
            return
        pull_payment.paused = paused
        event_record(
            row=pull_payment, type="PullPaymentPaused" if paused else "PullPaymentResumed", actor=actor, at=now
        )
        if not paused:
            waiting = [PayoutState.AWAITING_PAYMENT, PayoutState.IN_PROGRESS]
            Payout.objects.filter(pull_payment=pull_payment, state__in=waiting, due_at__gt=now).update(due_at=now)


def pull_payment_extend(
    *, pull_payment: PullPayment, expires_at: datetime | None, actor: str, now: datetime | None = None
) -> None:
    """Move the end, or take it away. An expired one can be claimed again. Raises Refusal for an end in the past."""
    now = now or timezone.now()
    _check_dates(pull_payment.starts_at, expires_at, now)
    _change(
        pull_payment, "PullPaymentExtended", actor, now, {"expires_at": expires_at}, {"from": pull_payment.expires_at}
    )


def pull_payment_raise(*, pull_payment: PullPayment, add: int, actor: str, now: datetime | None = None) -> None:
    """Let `add` more minor units be claimed. Raises Refusal unless it is above zero and the sum can be counted."""
    now = now or timezone.now()
    limit = currency_get(pull_payment.currency).limit_minor
    if not 0 < add < limit - pull_payment.amount:
        raise Refusal("invalid-amount", "The amount to add must be above zero and not too large.", field="amount")
    _change(pull_payment, "PullPaymentRaised", actor, now, {"amount": F("amount") + add}, {"added": add})


def pull_payment_code_set(*, pull_payment: PullPayment, code: str, actor: str, now: datetime | None = None) -> None:
    """Ask for this code with every claim from now on, and forget the wrong tries; an empty one takes it away."""
    now = now or timezone.now()
    with transaction.atomic():
        _set_code(pull_payment, code)
        type = "PullPaymentCodeSet" if code else "PullPaymentCodeRemoved"
        event_record(row=pull_payment, type=type, actor=actor, at=now)


def _set_code(pull_payment: PullPayment, code: str) -> None:
    if code and not SHORTEST_CODE <= len(code.strip()) <= LONGEST_CODE:
        raise Refusal("invalid-code", f"A code has {SHORTEST_CODE} to {LONGEST_CODE} characters.", field="claim_code")
    pull_payment.claim_code_hash = claim_code_hash(pull_payment_id=pull_payment.pk, code=code) if code else ""
    pull_payment.claim_code_failures = 0
    PullPayment.objects.filter(pk=pull_payment.pk).update(
        claim_code_hash=pull_payment.claim_code_hash, claim_code_failures=0
    )


def _change(
    pull_payment: PullPayment, type: str, actor: str, now: datetime, changes: dict[str, Any], told: Mapping[str, Any]
) -> None:
    with transaction.atomic():
        if not PullPayment.objects.filter(pk=pull_payment.pk, archived_at=None).update(**changes):
            raise Refusal("archived", _OVER)
        pull_payment.refresh_from_db(fields=list(changes))
        evidence = {**told, **{name: getattr(pull_payment, name) for name in changes}}
        event_record(
            row=pull_payment,
            type=type,
            actor=actor,
            at=now,
            evidence={name: str(value) if isinstance(value, datetime) else value for name, value in evidence.items()},
        )


def _check_dates(starts_at: datetime, expires_at: datetime | None, now: datetime) -> None:
    if expires_at is not None and expires_at <= max(starts_at, now):
        raise Refusal("invalid-dates", "It would expire before anybody could claim it.", field="expiresAt")


def _check_wallet(store: Store, amount: int, maximum_claim: int | None, currency: Currency) -> None:
    connection = sending_wallet_of(store)
    if policy_of(store).minimum_policy == MinimumPolicy.COLLECT:
        maximum_claim = None  # small claims are sent together, so that the whole amount counts
    rate = None if currency.is_bitcoin else rate_get(currency)
    most = amount if maximum_claim is None else min(amount, maximum_claim)
    most_msat = most * MSAT_PER_SAT if rate is None else msat_from_minor(most, rate, DOWN)
    minimum_msat = connection.minimum_sat * MSAT_PER_SAT
    if most_msat < minimum_msat:
        raise Refusal(
            "amount-too-low",
            f"Nobody could claim this: Flash's Lightning network takes {msat_format(minimum_msat)} at least.",
            field="amount",
        )
