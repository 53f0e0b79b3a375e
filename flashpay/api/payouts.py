"""Payouts of a store: listed, made, approved, cancelled, marked."""

from __future__ import annotations

from typing import Annotated

from django.db import transaction
from django.http import HttpResponse
from ninja import Path, Query, Router
from pydantic import BaseModel

from flashpay.api.amounts import amount_read, currency_read
from flashpay.api.authentication import ApiRequest, Caller
from flashpay.api.paging import LONGEST_PAGE, Skip, Take, page_of
from flashpay.api.payment_methods import lightning_check
from flashpay.api.payout_shapes import (
    REVISION,
    ApproveInput,
    MarkInput,
    MarkPaidInput,
    PayoutData,
    PayoutInput,
    payout_shown,
)
from flashpay.api.problems import answers, invalid, missing_permission, problem
from flashpay.api.repeats import REPEATABLE, once
from flashpay.money.currencies import BTC, Currency
from flashpay.stores import permissions
from flashpay.stores.models import Store
from flashpay.stores.rates import rates_held
from payouts.models import Payout, PayoutState, PullPayment
from payouts.selectors import payout_find, payouts_of, pull_payment_find
from payouts.services import (
    payout_approve,
    payout_cancel,
    payout_claim,
    payout_create,
    payout_mark_paid,
    payout_note,
)
from payouts.services.codes import claim_code_check

router = Router(tags=["Payouts"])

_ALL = "/stores/{storeId}/payouts"
_ONE = "/stores/{storeId}/payouts/{payoutId}"
_BY_ID = "/payouts/{payoutId}"
_CANCELLED = "Cancelled by the shop."


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


@router.post(_ALL, response=answers(PayoutData), openapi_extra=REPEATABLE)
def payout_new(request: ApiRequest, storeId: str, payload: PayoutInput) -> PayoutData | HttpResponse:
    """Pay an invoice, a Lightning Address or an LNURL, out of a pull payment or straight from the store's wallet.

    It waits for approval unless `approved` says otherwise, which needs a permission of its own. The same invoice again
    answers the same payout.
    """
    caller = request.auth
    store = caller.store_get(storeId, permissions.CREATE_UNAPPROVED_PULL_PAYMENTS)
    if payload.approved and not caller.may(store, permissions.CREATE_PULL_PAYMENTS):
        raise missing_permission(permissions.CREATE_PULL_PAYMENTS)
    lightning_check([payload.payoutMethodId], "payoutMethodId")
    source = _source(request, store, payload.pullPaymentId)
    if source:
        # Here, not in the transaction below alone: a wrong try must stay counted.
        claim_code_check(pull_payment=source, code=payload.claimCode)
    currency = currency_read(source.currency if source else payload.currency or BTC.code)
    if source and payload.currency not in (None, source.currency):
        raise invalid("currency", f"This pull payment counts in {source.currency}.")
    amount = amount_read(payload.amount, currency)

    def make() -> PayoutData:
        # The payout and its notes, or neither of them.
        with rates_held([currency]), transaction.atomic():
            made = _make(caller, store, source, payload, currency, amount)
            if payload.metadata and made.metadata != payload.metadata:
                payout_note(payout=made, metadata=payload.metadata, actor=caller.actor)
        return payout_shown(made)

    return once(request, make, priced_in=[currency])


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


@router.post(f"{_ONE}/mark", response=answers(PayoutData))
@router.post(f"{_BY_ID}/mark", response=answers(PayoutData), operation_id="payout_mark_by_id")
def payout_mark(request: ApiRequest, path: Path[PayoutPath], payload: MarkInput) -> PayoutData:
    """Approve a payout, cancel it, or say that it was paid in another way. Never while its money may be in flight."""
    payout, actor = _payout(request, path, permissions.MANAGE_PAYOUTS), request.auth.actor
    with transaction.atomic():
        match payload.state:
            case PayoutState.AWAITING_PAYMENT:
                payout_approve(payout=payout, actor=actor, user=request.auth.user)
            case PayoutState.CANCELLED:
                payout_cancel(payout=payout, reason=payload.reason or _CANCELLED, actor=actor)
            case PayoutState.COMPLETED:
                payout_mark_paid(payout=payout, reason=payload.reason, actor=actor)
            case _:
                raise problem(400, "invalid-state", f"Nothing is marked {payload.state}: that comes by itself.")
        if payload.paymentProof:
            payout_note(payout=payout, metadata={**payout.metadata, "paymentProof": payload.paymentProof}, actor=actor)
    return payout_shown(payout)


@router.post(f"{_ONE}/mark-paid", response=answers(PayoutData))
@router.post(f"{_BY_ID}/mark-paid", response=answers(PayoutData), operation_id="payout_mark_paid_by_id")
def payout_marked_paid(request: ApiRequest, path: Path[PayoutPath], payload: MarkPaidInput) -> PayoutData:
    """Say that a payout was paid in another way, and how. Nothing is sent for it any more."""
    payout = _payout(request, path, permissions.MANAGE_PAYOUTS)
    payout_mark_paid(payout=payout, reason=payload.reason, actor=request.auth.actor)
    return payout_shown(payout)


@router.delete(_ONE, response=answers(None))
@router.delete(_BY_ID, response=answers(None), operation_id="payout_cancel_by_id")
def payout_delete(request: ApiRequest, path: Path[PayoutPath]) -> None:
    """Cancel a payout of which nothing was sent; its amount can be claimed again."""
    payout = _payout(request, path, permissions.MANAGE_PAYOUTS)
    payout_cancel(payout=payout, reason=_CANCELLED, actor=request.auth.actor)


def _source(request: ApiRequest, store: Store, pull_payment_id: str | None) -> PullPayment | None:
    if pull_payment_id is None:
        return None
    permission = permissions.CREATE_UNAPPROVED_PULL_PAYMENTS
    return request.auth.record_get(pull_payment_find(pull_payment_id), store.pk, permission, "pullpayment")


def _make(
    caller: Caller,
    store: Store,
    source: PullPayment | None,
    payload: PayoutInput,
    currency: Currency,
    amount: int | None,
) -> Payout:
    if source is None:
        return payout_create(
            store=store,
            destination=payload.destination,
            currency=currency,
            amount=amount,
            approved=payload.approved,
            actor=caller.actor,
        )
    made = payout_claim(
        pull_payment=source,
        destination=payload.destination,
        amount=amount,
        claim_code=payload.claimCode,
        actor=caller.actor,
    )
    # A repetition finds the payout that the first one approved, or that another person has to.
    if payload.approved and made.state == PayoutState.AWAITING_APPROVAL and not made.approvals:
        payout_approve(payout=made, actor=caller.actor, user=caller.user)
    return made


def _payout(request: ApiRequest, path: PayoutPath, permission: str) -> Payout:
    return request.auth.record_get(payout_find(path.payoutId), path.storeId, permission, "payout")
