"""How a store pays out, and the switch that stops it. FlashPay's own paths: BTCPay Server has payout processors instead."""

from __future__ import annotations

from ninja import Router
from pydantic import BaseModel, Field

from flashpay.api.authentication import ApiRequest
from flashpay.api.problems import answers
from flashpay.api.wire import Input
from flashpay.stores import permissions
from flashpay.stores.models import Store
from payouts.models import MinimumPolicy
from payouts.services import payout_policy_update, policy_of, store_payouts_pause

router = Router(tags=["Payouts"])

_PATH = "/stores/{storeId}/payout-policy"


class PayoutPolicyInput(Input):
    """What is left out goes back to its default."""

    minimumPolicy: MinimumPolicy = Field(
        default=MinimumPolicy.REFUSE,
        description="What happens to a claim below what Flash's network takes",
        examples=["refuse"],
    )
    feeCapBasisPoints: int | None = Field(
        default=None,
        description="The most that a payment may cost in network fees, in 1/100 of a percent",
        examples=[100],
    )
    strongEvidenceEnds: bool = Field(
        default=False, description="Strong evidence ends a payout in doubt, not proof alone. Rarely, it is wrong"
    )
    reviewAfterSeconds: int = Field(
        default=30 * 60, description="After this long in doubt a person is asked", examples=[1800]
    )
    secondReviewerAboveSat: int | None = Field(default=None, description="Larger ones are decided by two people")
    approveByHandAboveSat: int | None = Field(
        default=None, description="Larger payouts of the store's own wait for a person; new pull payments take it over"
    )
    twoPeopleAboveSat: int | None = Field(
        default=None, description="Larger ones wait for two different people", examples=[1_000_000]
    )


class PayoutPolicyData(BaseModel):
    minimumPolicy: MinimumPolicy
    feeCapBasisPoints: int | None = Field(examples=[100])
    strongEvidenceEnds: bool
    reviewAfterSeconds: int = Field(examples=[1800])
    secondReviewerAboveSat: int | None
    approveByHandAboveSat: int | None
    twoPeopleAboveSat: int | None = Field(examples=[1_000_000])
    paused: bool = Field(description="Whether all sending of the store is stopped; claims are still taken, and wait")


@router.get(_PATH, response=answers(PayoutPolicyData))
def payout_policy_get(request: ApiRequest, storeId: str) -> PayoutPolicyData:
    """How the store pays out."""
    return _shown(request.auth.store_get(storeId, permissions.VIEW_STORE))


@router.put(_PATH, response=answers(PayoutPolicyData))
def payout_policy_put(request: ApiRequest, storeId: str, payload: PayoutPolicyInput) -> PayoutPolicyData:
    """Set how the store pays out. It holds for every payment from now on."""
    store = request.auth.store_get(storeId, permissions.MODIFY_STORE)
    payout_policy_update(
        store=store,
        actor=request.auth.actor,
        minimum_policy=payload.minimumPolicy,
        fee_cap_bp=payload.feeCapBasisPoints,
        strong_evidence_ends=payload.strongEvidenceEnds,
        review_after_s=payload.reviewAfterSeconds,
        second_reviewer_above_sat=payload.secondReviewerAboveSat,
        approve_by_hand_above_sat=payload.approveByHandAboveSat,
        two_people_above_sat=payload.twoPeopleAboveSat,
    )
    return _shown(store)


@router.post(f"{_PATH}/pause", response=answers(PayoutPolicyData))
def payouts_pausing(request: ApiRequest, storeId: str) -> PayoutPolicyData:
    """Stop all sending of the store at once, repetitions included. Claims are still taken; they wait."""
    return _pause(request, storeId, paused=True)


@router.post(f"{_PATH}/resume", response=answers(PayoutPolicyData))
def payouts_resuming(request: ApiRequest, storeId: str) -> PayoutPolicyData:
    """Let the store's payouts go on. What waited is sent."""
    return _pause(request, storeId, paused=False)


def _pause(request: ApiRequest, store_id: str, *, paused: bool) -> PayoutPolicyData:
    store = request.auth.store_get(store_id, permissions.MODIFY_STORE)
    store_payouts_pause(store=store, paused=paused, actor=request.auth.actor)
    return _shown(store)


def _shown(store: Store) -> PayoutPolicyData:
    policy = policy_of(store)
    return PayoutPolicyData(
        minimumPolicy=MinimumPolicy(policy.minimum_policy),
        feeCapBasisPoints=policy.fee_cap_bp,
        strongEvidenceEnds=policy.strong_evidence_ends,
        reviewAfterSeconds=policy.review_after_s,
        secondReviewerAboveSat=policy.second_reviewer_above_sat,
        approveByHandAboveSat=policy.approve_by_hand_above_sat,
        twoPeopleAboveSat=policy.two_people_above_sat,
        paused=store.payouts_paused,
    )
