"""How a store pays out, and the switches that stop it: globally, per store, per pull payment."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from flashpay.money.amounts import MSAT_PER_SAT
from flashpay.money.currencies import Currency
from flashpay.money.rates import DOWN, minor_from_msat
from flashpay.refusals import Refusal
from flashpay.stores.events import event_record
from flashpay.stores.models import Store
from flashpay.stores.rates import rate_get
from payouts.models import MinimumPolicy, Payout, PayoutPolicy, PayoutState, SendingSwitch

LONGEST_FEE_CAP_BP = 10_000
REVIEW_AFTER_S = range(60, 30 * 24 * 3600 + 1)


def policy_of(store: Store) -> PayoutPolicy:
    """The store's policy; the defaults, unsaved, where it never changed any."""
    return PayoutPolicy.objects.filter(store=store).first() or PayoutPolicy(store=store)


def payout_policy_update(
    *,
    store: Store,
    actor: str,
    minimum_policy: str,
    fee_cap_bp: int | None = None,
    strong_evidence_ends: bool = False,
    review_after_s: int = 30 * 60,
    second_reviewer_above_sat: int | None = None,
    approve_by_hand_above_sat: int | None = None,
    two_people_above_sat: int | None = None,
    now: datetime | None = None,
) -> PayoutPolicy:
    """Set how the store pays out from now on. Raises Refusal for a value out of range; then nothing is changed."""
    now = now or timezone.now()
    if minimum_policy not in MinimumPolicy.values:
        raise Refusal("invalid-policy", "There is no such rule for small claims.", field="minimum_policy")
    if fee_cap_bp is not None and not 0 <= fee_cap_bp <= LONGEST_FEE_CAP_BP:
        raise Refusal("invalid-fee-cap", "The fee cap lies between 0 and 100 percent.", field="fee_cap_bp")
    if review_after_s not in REVIEW_AFTER_S:
        raise Refusal("invalid-time", "A review may be asked for after 1 minute to 30 days.", field="review_after_s")
    limits = {
        "second_reviewer_above_sat": second_reviewer_above_sat,
        "approve_by_hand_above_sat": approve_by_hand_above_sat,
        "two_people_above_sat": two_people_above_sat,
    }
    for name, limit in limits.items():
        if (limit or 0) < 0:
            raise Refusal("invalid-amount", "The amount cannot be negative.", field=name)
    values: dict[str, Any] = {
        "minimum_policy": minimum_policy,
        "fee_cap_bp": fee_cap_bp,
        "strong_evidence_ends": strong_evidence_ends,
        "review_after_s": review_after_s,
        **limits,
    }
    with transaction.atomic():
        before = policy_of(store)
        changed = {
            name: [getattr(before, name), value] for name, value in values.items() if getattr(before, name) != value
        }
        policy, _ = PayoutPolicy.objects.update_or_create(store=store, defaults=values)
        if changed:
            event_record(row=store, type="PayoutPolicyUpdated", actor=actor, at=now, evidence=changed)
    return policy


def approvals_by_rule(policy: PayoutPolicy, amount_msat: int) -> int:
    """How many different people must approve a payout of this size that the shop makes itself."""
    if _above(amount_msat, policy.two_people_above_sat):
        return 2
    return 1 if _above(amount_msat, policy.approve_by_hand_above_sat) else 0


def approval_limits(store: Store, currency: Currency) -> dict[str, int | None]:
    """The store's limits for approvals as columns of a pull payment, in minor units of its currency.

    Raises NoFreshRate where there are some and the currency has no price at the moment.
    """
    policy = policy_of(store)
    limits = {
        "approve_by_hand_above": policy.approve_by_hand_above_sat,
        "two_people_above": policy.two_people_above_sat,
    }
    if currency.is_bitcoin or not any(limits.values()):
        return limits
    rate = rate_get(currency)
    return {
        name: None if sat is None else minor_from_msat(sat * MSAT_PER_SAT, rate, DOWN) for name, sat in limits.items()
    }


def sending_pause(*, paused: bool, actor: str, reason: str = "", now: datetime | None = None) -> None:
    """Stop, or go on with, all sending of this installation: first requests and repetitions alike."""
    now = now or timezone.now()
    with transaction.atomic():
        SendingSwitch.objects.update_or_create(
            id=1, defaults={"paused": paused, "reason": reason[:200], "actor": actor, "at": now}
        )
        switch = SendingSwitch.objects.get(id=1)
        said = "SendingPaused" if paused else "SendingResumed"
        event_record(row=switch, type=said, actor=actor, at=now, evidence={"reason": switch.reason})
        if not paused:
            _look_at_once(Payout.objects.all(), now)


def store_payouts_pause(*, store: Store, paused: bool, actor: str, now: datetime | None = None) -> None:
    """Stop, or go on with, the sending of one store. Claims are still taken; they wait."""
    now = now or timezone.now()
    with transaction.atomic():
        if not Store.objects.filter(pk=store.pk, payouts_paused=not paused).update(payouts_paused=paused):
            return
        store.payouts_paused = paused
        event_record(row=store, type="PayoutsPaused" if paused else "PayoutsResumed", actor=actor, at=now)
        if not paused:
            _look_at_once(Payout.objects.filter(store=store), now)


def pause_reason(payout: Payout) -> str:
    """Why this payout may not be sent at this moment, read anew; empty when it may."""
    if SendingSwitch.objects.filter(paused=True).exists():
        return "All payouts are paused at the moment. This one follows as soon as they go on."
    fresh = Payout.objects.filter(pk=payout.pk).values_list("store__payouts_paused", "pull_payment__paused").get()
    if any(fresh):
        return "The shop has paused its payouts. This one follows as soon as they go on."
    return ""


def _above(amount_msat: int, limit_sat: int | None) -> bool:
    return limit_sat is not None and amount_msat > limit_sat * MSAT_PER_SAT


def _look_at_once(payouts: Any, now: datetime) -> None:
    waiting = [PayoutState.AWAITING_PAYMENT, PayoutState.IN_PROGRESS]
    payouts.filter(state__in=waiting, due_at__gt=now).update(due_at=now)
