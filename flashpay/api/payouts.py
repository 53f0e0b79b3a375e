"""Payouts of a store: listed, approved, cancelled."""

from __future__ import annotations

from typing import Annotated

from ninja import Path, Query, Router
from pydantic import BaseModel

from flashpay.api.authentication import ApiRequest
from flashpay.api.paging import LONGEST_PAGE, Skip, Take, page_of
from flashpay.api.payout_shapes import REVISION, ApproveInput, PayoutData, payout_shown
from flashpay.api.problems import answers, problem
from flashpay.stores import permissions
from payouts.models import Payout
from payouts.selectors import payout_find, payouts_of
from payouts.services import payout_approve, payout_cancel

router = Router(tags=["Payouts"])

_ALL = "/stores/{storeId}/payouts"
_ONE = "/stores/{storeId}/payouts/{payoutId}"
_BY_ID = "/payouts/{payoutId}"


class PayoutPath(BaseModel):
    payoutId: str
    storeId: str | None = None


@router.get(_ALL, response=answers(list[PayoutData]))
def payouts_list(
    request: ApiRequest,
    storeId: str,
    includeCancelled: Annotated[bool, Query()] = False,
    skip: Skip = 0,
    take: Take = LONGEST_PAGE,
) -> list[PayoutData]:
    """The store's payouts, newest first."""
    store = request.auth.store_get(storeId, permissions.VIEW_PAYOUTS)
    found = payouts_of(store=store, cancelled_too=includeCancelled)
    return [payout_shown(payout) for payout in page_of(found, skip, take)]


@router.get(_ONE, response=answers(PayoutData))
@router.get(_BY_ID, response=answers(PayoutData), operation_id="payout_get_by_id")
def payout_get(request: ApiRequest, path: Path[PayoutPath]) -> PayoutData:
    """One payout."""
    return payout_shown(_payout(request, path, permissions.VIEW_PAYOUTS))


@router.post(_ONE, response=answers(PayoutData))
@router.post(_BY_ID, response=answers(PayoutData), operation_id="payout_approve_by_id")
def payout_approval(request: ApiRequest, path: Path[PayoutPath], payload: ApproveInput) -> PayoutData:
    """Approve a payout: it is sent as soon as possible."""
    payout = _payout(request, path, permissions.MANAGE_PAYOUTS)
    if payload.revision != REVISION:
        raise problem(400, "old-revision", f"The revision of this payout is {REVISION}. Read it again, then decide.")
    payout_approve(payout=payout, actor=request.auth.actor, user=request.auth.user)
    return payout_shown(payout)


@router.delete(_ONE, response=answers(None))
@router.delete(_BY_ID, response=answers(None), operation_id="payout_cancel_by_id")
def payout_delete(request: ApiRequest, path: Path[PayoutPath]) -> None:
    """Cancel a payout of which nothing was sent; its amount can be claimed again."""
    payout = _payout(request, path, permissions.MANAGE_PAYOUTS)
    payout_cancel(payout=payout, reason="Cancelled by the shop.", actor=request.auth.actor)


def _payout(request: ApiRequest, path: PayoutPath, permission: str) -> Payout:
    return request.auth.record_get(payout_find(path.payoutId), path.storeId, permission, "payout")
