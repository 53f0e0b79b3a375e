"""Pull payments: made by the store, claimed by whoever has the id."""

from __future__ import annotations

from typing import Annotated, Any

from django.http import HttpResponse
from ninja import Query, Router

from flashpay.api.amounts import amount_read, currency_read
from flashpay.api.authentication import ApiRequest, Caller, TokenAuth
from flashpay.api.paging import LONGEST_PAGE, Skip, Take, page_of
from flashpay.api.payment_methods import lightning_check
from flashpay.api.payout_shapes import (
    ClaimData,
    ClaimInput,
    LnurlData,
    PayoutData,
    PullPaymentData,
    PullPaymentInput,
    PullPaymentToAnybody,
    claim_shown_to_anybody,
    payout_shown,
    pull_payment_shown,
)
from flashpay.api.problems import answers, invalid, missing_permission, not_found
from flashpay.api.repeats import HEADER, LONGEST_KEY, REPEATABLE, mismatch, once
from flashpay.api.wire import moment_read
from flashpay.money.currencies import Currency, currency_get
from flashpay.stores import permissions
from flashpay.throttles import CLAIM, throttle_check
from lnurl.wire.codec import lightning_link_encode
from payouts.models import PullPayment, Renewal
from payouts.selectors import (
    claim_find,
    claim_link,
    payouts_of,
    pull_payment_find,
    pull_payment_lnurl,
    pull_payments_of,
)
from payouts.services import Terms, payout_claim, pull_payment_archive, pull_payment_create
from payouts.services.targets import target_read

router = Router(tags=["Pull payments"])

_ALL = "/stores/{storeId}/pull-payments"
_ONE = "/pull-payments/{pullPaymentId}"


@router.get(_ALL, response=answers(list[PullPaymentData]))
def pull_payments_list(
    request: ApiRequest,
    storeId: str,
    includeArchived: Annotated[bool, Query()] = False,
    skip: Skip = 0,
    take: Take = LONGEST_PAGE,
) -> list[PullPaymentData]:
    """The store's pull payments, newest first."""
    store = request.auth.store_get(storeId, permissions.VIEW_PULL_PAYMENTS)
    found = pull_payments_of(store=store, archived_too=includeArchived)
    return [pull_payment_shown(pull_payment) for pull_payment in page_of(found, skip, take)]


@router.post(_ALL, response=answers(PullPaymentData), openapi_extra=REPEATABLE)
def pull_payment_new(request: ApiRequest, storeId: str, payload: PullPaymentInput) -> PullPaymentData | HttpResponse:
    """Make a pull payment. Approving claims automatically needs a permission of its own."""
    caller = request.auth
    store = caller.store_get(storeId, permissions.CREATE_UNAPPROVED_PULL_PAYMENTS)
    if payload.autoApproveClaims and not caller.may(store, permissions.CREATE_PULL_PAYMENTS):
        raise missing_permission(permissions.CREATE_PULL_PAYMENTS)
    lightning_check(payload.payoutMethods, "payoutMethods")
    if payload.BOLT11Expiration not in (None, "0"):
        raise invalid(
            "BOLT11Expiration", "FlashPay takes every invoice that lives long enough to be paid. Leave it out."
        )
    currency = currency_read(payload.currency or store.default_currency)
    wanted: dict[str, Any] = {
        "amount": amount_read(payload.amount, currency),
        "name": payload.name,
        "description": payload.description,
        "auto_approve": payload.autoApproveClaims,
        "terms": _terms(payload, currency),
        "claim_code": payload.claimCode,
        "starts_at": moment_read(payload.startsAt),
        "expires_at": moment_read(payload.expiresAt),
    }

    def make() -> PullPaymentData:
        return pull_payment_shown(pull_payment_create(store=store, currency=currency, actor=caller.actor, **wanted))

    return once(request, make, priced_in=[currency])


@router.get(_ONE, auth=None, response=answers(PullPaymentToAnybody, anonymous=True))
def pull_payment_get(request: ApiRequest, pullPaymentId: str) -> PullPaymentData:
    """One pull payment. Open to whoever has the id; its `terms` are for its store, at the address with the store."""
    return pull_payment_shown(_pull_payment(pullPaymentId), to_store=False)


@router.delete(_ONE, response=answers(None))
def pull_payment_delete(request: ApiRequest, pullPaymentId: str) -> None:
    """Archive a pull payment: no new claims, and claims that were not sent yet are cancelled."""
    found = request.auth.record_get(
        pull_payment_find(pullPaymentId), None, permissions.ARCHIVE_PULL_PAYMENTS, "pullpayment"
    )
    pull_payment_archive(pull_payment=found, actor=request.auth.actor)


@router.get(f"{_ONE}/lnurl", auth=None, response=answers(LnurlData, anonymous=True))
def pull_payment_lnurl_get(request: ApiRequest, pullPaymentId: str) -> LnurlData:
    """Its LNURL-withdraw (LUD-03), for a wallet to scan. Open to whoever has the id."""
    pull_payment = _pull_payment(pullPaymentId)
    lnurl, page = pull_payment_lnurl(pull_payment), claim_link(pull_payment)
    return LnurlData(
        lnurlBech32=f"lightning:{lnurl.bech32.lower()}",
        lnurlUri=lnurl.uri or None,
        webLink=lightning_link_encode(page, lnurl.bech32),
        qrSvg=f"{page}/qr.svg",
        qrPng=f"{page}/qr.png",
    )


@router.get(f"{_ONE}/payouts", auth=None, response=answers(list[PayoutData], anonymous=True))
def claims_list(
    request: ApiRequest,
    pullPaymentId: str,
    includeCancelled: Annotated[bool, Query()] = False,
    skip: Skip = 0,
    take: Take = LONGEST_PAGE,
) -> list[PayoutData]:
    """The claims so far, newest first. Open to whoever has the id: they read amounts, times and states. Ids, destinations
    and proofs are other people's; a key that may view the store's payouts reads them too."""
    pull_payment = _pull_payment(pullPaymentId)
    found = page_of(payouts_of(pull_payment=pull_payment, cancelled_too=includeCancelled), skip, take)
    caller = TokenAuth()(request)
    if isinstance(caller, Caller) and caller.may(pull_payment.store, permissions.VIEW_PAYOUTS):
        return [payout_shown(payout) for payout in found]
    return [claim_shown_to_anybody(payout) for payout in found]


@router.post(f"{_ONE}/payouts", auth=None, response=answers(ClaimData, anonymous=True), openapi_extra=REPEATABLE)
def claim(request: ApiRequest, pullPaymentId: str, payload: ClaimInput) -> PayoutData:
    """Claim. Open to whoever has the id. The same invoice again answers the same payout, and nothing is paid twice."""
    throttle_check(CLAIM, request, pullPaymentId)
    pull_payment = _pull_payment(pullPaymentId)
    lightning_check([payload.payoutMethodId], "payoutMethodId")
    currency = currency_get(pull_payment.currency)
    amount = amount_read(payload.amount, currency)
    made = payout_claim(
        pull_payment=pull_payment,
        destination=payload.destination,
        amount=amount,
        claim_code=payload.claimCode,
        claim_key=request.headers.get(HEADER, "")[:LONGEST_KEY],
    )
    if made.destination != target_read(payload.destination).text:
        raise mismatch()
    return payout_shown(made, to_store=False)


@router.get(f"{_ONE}/payouts/{{payoutId}}", auth=None, response=answers(ClaimData, anonymous=True))
def claim_get(request: ApiRequest, pullPaymentId: str, payoutId: str) -> PayoutData:
    """How a claim goes. Open to whoever has both ids."""
    payout = claim_find(pull_payment_id=pullPaymentId, payout_id=payoutId)
    if payout is None:
        raise not_found("payout")
    return payout_shown(payout, to_store=False)


def _terms(payload: PullPaymentInput, currency: Currency) -> Terms:
    def minor(path: str) -> int | None:
        return amount_read(getattr(payload, path), currency, path, allow_zero=True)

    return Terms(
        minimum_claim=minor("minimumClaim") or 0,
        maximum_claim=minor("maximumClaim"),
        maximum_claims=payload.maximumClaims,
        approve_by_hand_above=minor("approveByHandAbove"),
        two_people_above=minor("twoPeopleAbove"),
        renews_every=payload.renewsEvery or Renewal.NEVER,
    )


def _pull_payment(pull_payment_id: str) -> PullPayment:
    found = pull_payment_find(pull_payment_id)
    if found is None:
        raise not_found("pullpayment")
    return found
