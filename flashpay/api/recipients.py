"""Recipients who are paid again and again: invited, registered by scanning (LUD-23), paid. FlashPay's own paths."""

from __future__ import annotations

from typing import Annotated

from django.http import HttpResponse
from django.utils import timezone
from ninja import Query, Router
from pydantic import BaseModel, Field

from flashpay.api.amounts import amount_read, currency_read
from flashpay.api.authentication import ApiRequest
from flashpay.api.paging import LONGEST_PAGE, Skip, Take, page_of
from flashpay.api.payout_shapes import PayoutData, payout_shown
from flashpay.api.problems import answers, missing_permission
from flashpay.api.repeats import REPEATABLE, once
from flashpay.api.wire import AmountText, Input, Moment, StoreId
from flashpay.stores import permissions
from payouts.recipients.models import Recipient
from payouts.recipients.services import (
    LONGEST_NAME,
    invitation_lnurl,
    recipient_archive,
    recipient_create,
    recipient_invite,
    recipient_pay,
)

router = Router(tags=["Recipients"])

_ALL = "/stores/{storeId}/recipients"
_ONE = "/stores/{storeId}/recipients/{recipientId}"


class RecipientInput(Input):
    name: str = Field(description=f"1 to {LONGEST_NAME} characters", examples=["Ada"])


class RecipientData(BaseModel):
    id: str = Field(examples=["Dy7vFb2sXnKp4HtRwMc8Zg"])
    storeId: StoreId
    name: str = Field(examples=["Ada"])
    address: str | None = Field(description="The Lightning Address that they registered", examples=["ada@pay.example"])
    registeredAt: Moment | None
    invitation: str | None = Field(
        description="The open invitation as an LNURL (LUD-23), for the recipient's wallet to scan. Only for those who may "
        "pay; null where none is open"
    )
    invitedUntil: Moment | None = Field(examples=[None])
    archived: bool
    createdTime: Moment


class RecipientPayInput(Input):
    amount: AmountText = Field(examples=["25.00"])
    currency: str | None = Field(default=None, description="Left out: the store's default currency", examples=["USD"])
    approved: bool = Field(default=False, description="Send it without anybody else's approval")


@router.get(_ALL, response=answers(list[RecipientData]))
def recipients_list(
    request: ApiRequest,
    storeId: str,
    includeArchived: Annotated[bool, Query()] = False,
    skip: Skip = 0,
    take: Take = LONGEST_PAGE,
) -> list[RecipientData]:
    """The store's recipients, by name."""
    store = request.auth.store_get(storeId, permissions.VIEW_PAYOUTS)
    found = Recipient.objects.filter(store=store)
    if not includeArchived:
        found = found.filter(archived_at=None)
    may_pay = request.auth.may(store, permissions.MANAGE_PAYOUTS)
    return [_shown(recipient, may_pay) for recipient in page_of(found, skip, take)]


@router.post(_ALL, response=answers(RecipientData), openapi_extra=REPEATABLE)
def recipient_new(request: ApiRequest, storeId: str, payload: RecipientInput) -> RecipientData | HttpResponse:
    """Write a recipient down. The answer brings the invitation that their wallet scans to register an address."""
    store = request.auth.store_get(storeId, permissions.MANAGE_PAYOUTS)
    return once(
        request, lambda: _shown(recipient_create(store=store, name=payload.name, actor=request.auth.actor), True)
    )


@router.get(_ONE, response=answers(RecipientData))
def recipient_get(request: ApiRequest, storeId: str, recipientId: str) -> RecipientData:
    """One recipient."""
    found = _find(request, storeId, recipientId, permissions.VIEW_PAYOUTS)
    return _shown(found, request.auth.may(found.store, permissions.MANAGE_PAYOUTS))


@router.post(f"{_ONE}/invite", response=answers(RecipientData), openapi_extra=REPEATABLE)
def recipient_inviting(request: ApiRequest, storeId: str, recipientId: str) -> RecipientData | HttpResponse:
    """Open a new invitation, such as for a new address. The one before is worth nothing any more."""
    found = _find(request, storeId, recipientId, permissions.MANAGE_PAYOUTS)

    def make() -> RecipientData:
        recipient_invite(recipient=found, actor=request.auth.actor)
        return _shown(found, True)

    return once(request, make)


@router.delete(_ONE, response=answers(None))
def recipient_delete(request: ApiRequest, storeId: str, recipientId: str) -> None:
    """Archive a recipient: their invitation ends and they are paid no more. What was paid stays on record."""
    found = _find(request, storeId, recipientId, permissions.MANAGE_PAYOUTS)
    recipient_archive(recipient=found, actor=request.auth.actor)


@router.post(f"{_ONE}/payouts", response=answers(PayoutData), openapi_extra=REPEATABLE)
def recipient_payout(
    request: ApiRequest, storeId: str, recipientId: str, payload: RecipientPayInput
) -> PayoutData | HttpResponse:
    """Pay a recipient at the registered address. It pays each time it is called: send an Idempotency-Key."""
    caller = request.auth
    found = _find(request, storeId, recipientId, permissions.MANAGE_PAYOUTS)
    if payload.approved and not caller.may(found.store, permissions.CREATE_PULL_PAYMENTS):
        raise missing_permission(permissions.CREATE_PULL_PAYMENTS)
    currency = currency_read(payload.currency or found.store.default_currency)
    amount = amount_read(payload.amount, currency)

    def make() -> PayoutData:
        made = recipient_pay(
            recipient=found, amount=amount, currency=currency, approved=payload.approved, actor=caller.actor
        )
        return payout_shown(made)

    return once(request, make, priced_in=[currency])


def _find(request: ApiRequest, store_id: str, recipient_id: str, permission: str) -> Recipient:
    found = Recipient.objects.select_related("store").filter(pk=recipient_id).first()
    return request.auth.record_get(found, store_id, permission, "recipient")


def _shown(recipient: Recipient, may_pay: bool) -> RecipientData:
    is_open = recipient.is_invited(timezone.now())
    return RecipientData(
        id=recipient.pk,
        storeId=recipient.store_id,
        name=recipient.name,
        address=recipient.address or None,
        registeredAt=recipient.registered_at,
        invitation=f"lightning:{invitation_lnurl(recipient).lower()}" if may_pay and is_open else None,
        invitedUntil=recipient.invited_until if is_open else None,
        archived=recipient.archived_at is not None,
        createdTime=recipient.created_at,
    )
