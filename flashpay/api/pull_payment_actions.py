"""What a store may change about a pull payment that is handed out already. FlashPay's own paths, but for archiving one,
which older versions of BTCPay Server have here."""

from __future__ import annotations

from django.http import HttpResponse
from ninja import Router
from pydantic import Field

from flashpay.api.amounts import amount_read
from flashpay.api.authentication import ApiRequest
from flashpay.api.payout_shapes import PullPaymentData, pull_payment_shown
from flashpay.api.problems import answers
from flashpay.api.repeats import REPEATABLE, once
from flashpay.api.wire import AmountText, Input, UnixTime, moment_read
from flashpay.money.currencies import currency_get
from flashpay.stores import permissions
from payouts.models import PullPayment
from payouts.selectors import pull_payment_find
from payouts.services import (
    pull_payment_archive,
    pull_payment_code_set,
    pull_payment_extend,
    pull_payment_pause,
    pull_payment_raise,
)

router = Router(tags=["Pull payments"])

_ONE = "/stores/{storeId}/pull-payments/{pullPaymentId}"


class ExtendInput(Input):
    expiresAt: UnixTime | None = Field(
        default=None, description="The new end. Left out: it has no end any more", examples=[4_102_444_800]
    )


class RaiseInput(Input):
    add: AmountText = Field(
        description="How much more can be claimed, in the pull payment's currency", examples=["10000"]
    )


class ClaimCodeInput(Input):
    claimCode: str = Field(
        max_length=64,
        description="What every claim must bring from now on. Empty: the link is enough",
        examples=["4711"],
    )


@router.get(_ONE, response=answers(PullPaymentData))
def store_pull_payment_get(request: ApiRequest, storeId: str, pullPaymentId: str) -> PullPaymentData:
    """One pull payment with its terms, as its store may see it."""
    return pull_payment_shown(_find(request, storeId, pullPaymentId, permissions.VIEW_PULL_PAYMENTS))


@router.delete(_ONE, response=answers(None))
def store_pull_payment_delete(request: ApiRequest, storeId: str, pullPaymentId: str) -> None:
    """Archive a pull payment: no new claims, and claims that were not sent yet are cancelled."""
    found = _find(request, storeId, pullPaymentId, permissions.ARCHIVE_PULL_PAYMENTS)
    pull_payment_archive(pull_payment=found, actor=request.auth.actor)


@router.post(f"{_ONE}/pause", response=answers(PullPaymentData))
def pull_payment_pausing(request: ApiRequest, storeId: str, pullPaymentId: str) -> PullPaymentData:
    """Pause a pull payment. Nobody can claim and nothing new is sent; what is in flight goes to its end."""
    return _pause(request, storeId, pullPaymentId, paused=True)


@router.post(f"{_ONE}/resume", response=answers(PullPaymentData))
def pull_payment_resuming(request: ApiRequest, storeId: str, pullPaymentId: str) -> PullPaymentData:
    """Let a paused pull payment go on. Claims that waited are sent."""
    return _pause(request, storeId, pullPaymentId, paused=False)


@router.post(f"{_ONE}/extend", response=answers(PullPaymentData))
def pull_payment_extending(
    request: ApiRequest, storeId: str, pullPaymentId: str, payload: ExtendInput
) -> PullPaymentData:
    """Move the end of a pull payment, or take it away. One that has expired can be claimed again."""
    found = _find(request, storeId, pullPaymentId, permissions.MANAGE_PULL_PAYMENTS)
    pull_payment_extend(pull_payment=found, expires_at=moment_read(payload.expiresAt), actor=request.auth.actor)
    return _again(found)


@router.post(f"{_ONE}/raise", response=answers(PullPaymentData), openapi_extra=REPEATABLE)
def pull_payment_raising(
    request: ApiRequest, storeId: str, pullPaymentId: str, payload: RaiseInput
) -> PullPaymentData | HttpResponse:
    """Let more be claimed. It adds each time it is called: send an Idempotency-Key."""
    found = _find(request, storeId, pullPaymentId, permissions.MANAGE_PULL_PAYMENTS)
    add = amount_read(payload.add, currency_get(found.currency), "add")

    def make() -> PullPaymentData:
        pull_payment_raise(pull_payment=found, add=add, actor=request.auth.actor)
        return _again(found)

    return once(request, make)


@router.post(f"{_ONE}/claim-code", response=answers(PullPaymentData))
def pull_payment_claim_code(
    request: ApiRequest, storeId: str, pullPaymentId: str, payload: ClaimCodeInput
) -> PullPaymentData:
    """Change the code that claims must bring, and forget the wrong tries."""
    found = _find(request, storeId, pullPaymentId, permissions.MANAGE_PULL_PAYMENTS)
    pull_payment_code_set(pull_payment=found, code=payload.claimCode, actor=request.auth.actor)
    return _again(found)


def _pause(request: ApiRequest, store_id: str, pull_payment_id: str, *, paused: bool) -> PullPaymentData:
    found = _find(request, store_id, pull_payment_id, permissions.MANAGE_PULL_PAYMENTS)
    pull_payment_pause(pull_payment=found, paused=paused, actor=request.auth.actor)
    return _again(found)


def _find(request: ApiRequest, store_id: str, pull_payment_id: str, permission: str) -> PullPayment:
    return request.auth.record_get(pull_payment_find(pull_payment_id), store_id, permission, "pullpayment")


def _again(found: PullPayment) -> PullPaymentData:
    found.refresh_from_db()
    return pull_payment_shown(found)
