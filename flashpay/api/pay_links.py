"""Pay links: a page and a code that everybody may pay, as often as they like. FlashPay's own paths."""

from __future__ import annotations

from typing import Annotated, Any

from django.http import HttpResponse
from ninja import Query, Router
from pydantic import BaseModel, Field

from flashpay.api.amounts import amount_read, currency_read
from flashpay.api.authentication import ApiRequest
from flashpay.api.paging import LONGEST_PAGE, Skip, Take, page_of
from flashpay.api.problems import answers
from flashpay.api.repeats import REPEATABLE, once
from flashpay.api.wire import AmountText, CurrencyCode, Input, Moment, StoreId
from flashpay.invoices.models import PayLink
from flashpay.invoices.offers import pay_lnurl
from flashpay.invoices.selectors import link_address
from flashpay.invoices.services import pay_link_archive, pay_link_change, pay_link_create
from flashpay.money.amounts import amount_plain
from flashpay.money.currencies import currency_get
from flashpay.stores import permissions
from flashpay.stores.models import Store

router = Router(tags=["Pay links"])

_ALL = "/stores/{storeId}/pay-links"
_ONE = "/stores/{storeId}/pay-links/{payLinkId}"


class PayLinkInput(Input):
    title: str = Field(examples=["Tour of the farm"])
    description: str = Field(default="", max_length=500)
    amount: AmountText | None = Field(default=None, description="The price. Left out: the payer chooses")
    currency: str | None = Field(default=None, description="Left out: the store's default currency", examples=["USD"])
    moreCurrencies: list[str] = Field(
        default=[], description="An open amount may be keyed in in these too", examples=[["JMD", "SAT"]]
    )
    tipPercents: list[int] = Field(
        default=[], description="Tips that are offered on an open amount", examples=[[5, 10]]
    )
    customTip: bool = Field(default=False, description="On an open amount, a tip of the payer's own is taken")


class PayLinkData(BaseModel):
    id: str = Field(examples=["Tk8hPw3nMvFs6JxRbZd9Ya"])
    storeId: StoreId
    title: str = Field(examples=["Tour of the farm"])
    description: str = Field(examples=[""])
    amount: str | None = Field(description="The price; null where the payer chooses")
    currency: CurrencyCode
    moreCurrencies: list[str] = Field(examples=[["JMD", "SAT"]])
    tipPercents: list[int] = Field(examples=[[5, 10]])
    customTip: bool
    archived: bool
    createdTime: Moment
    viewLink: str = Field(
        description="The page that the payer gets", examples=["https://pay.example/l/Tk8hPw3nMvFs6JxRbZd9Ya"]
    )
    lnurlBech32: str | None = Field(
        description="The same for a wallet (LUD-06); null where no wallet would accept this server's address",
        examples=["lightning:lnurl1…"],
    )


@router.get(_ALL, response=answers(list[PayLinkData]))
def pay_links_list(
    request: ApiRequest,
    storeId: str,
    includeArchived: Annotated[bool, Query()] = False,
    skip: Skip = 0,
    take: Take = LONGEST_PAGE,
) -> list[PayLinkData]:
    """The store's pay links, newest first."""
    store = request.auth.store_get(storeId, permissions.VIEW_PAYMENT_REQUESTS)
    # A till keeps its own link: its terms are changed where the till is.
    found = PayLink.objects.filter(store=store, till=None)
    if not includeArchived:
        found = found.filter(archived=False)
    return [_shown(link) for link in page_of(found, skip, take)]


@router.post(_ALL, response=answers(PayLinkData), openapi_extra=REPEATABLE)
def pay_link_new(request: ApiRequest, storeId: str, payload: PayLinkInput) -> PayLinkData | HttpResponse:
    """Make a pay link over a price, or over whatever the payer chooses."""
    store = request.auth.store_get(storeId, permissions.MODIFY_PAYMENT_REQUESTS)
    wanted = _wanted(store, payload)
    return once(request, lambda: _shown(pay_link_create(store=store, actor=request.auth.actor, **wanted)))


@router.get(_ONE, response=answers(PayLinkData))
def pay_link_get(request: ApiRequest, storeId: str, payLinkId: str) -> PayLinkData:
    """One pay link."""
    return _shown(_find(request, storeId, payLinkId, permissions.VIEW_PAYMENT_REQUESTS))


@router.put(_ONE, response=answers(PayLinkData))
def pay_link_put(request: ApiRequest, storeId: str, payLinkId: str, payload: PayLinkInput) -> PayLinkData:
    """Change a pay link. Invoices that payers have made already stay as they are."""
    link = _find(request, storeId, payLinkId, permissions.MODIFY_PAYMENT_REQUESTS)
    pay_link_change(link=link, actor=request.auth.actor, **_wanted(link.store, payload))
    return _shown(link)


@router.delete(_ONE, response=answers(None))
def pay_link_delete(request: ApiRequest, storeId: str, payLinkId: str) -> None:
    """Close a pay link: it takes no payments any more. What was paid stays on record."""
    link = _find(request, storeId, payLinkId, permissions.MODIFY_PAYMENT_REQUESTS)
    pay_link_archive(link=link, actor=request.auth.actor)


@router.post(f"{_ONE}/unarchive", response=answers(PayLinkData))
def pay_link_unarchive(request: ApiRequest, storeId: str, payLinkId: str) -> PayLinkData:
    """Open a closed pay link again."""
    link = _find(request, storeId, payLinkId, permissions.MODIFY_PAYMENT_REQUESTS)
    pay_link_archive(link=link, archived=False, actor=request.auth.actor)
    return _shown(link)


def _find(request: ApiRequest, store_id: str, link_id: str, permission: str) -> PayLink:
    found = PayLink.objects.select_related("store").filter(pk=link_id, till=None).first()
    return request.auth.record_get(found, store_id, permission, "pay-link")


def _wanted(store: Store, payload: PayLinkInput) -> dict[str, Any]:
    currency = currency_read(payload.currency or store.default_currency)
    return {
        "title": payload.title,
        "description": payload.description,
        "amount": amount_read(payload.amount, currency),
        "currency": currency,
        "more_currencies": payload.moreCurrencies,
        "tip_percents": payload.tipPercents,
        "custom_tip": payload.customTip,
    }


def _shown(link: PayLink) -> PayLinkData:
    lnurl = pay_lnurl(link)
    return PayLinkData(
        id=link.pk,
        storeId=link.store_id,
        title=link.title,
        description=link.description,
        amount=None if link.amount is None else amount_plain(link.amount, currency_get(link.currency)),
        currency=link.currency,
        moreCurrencies=link.more_currencies,
        tipPercents=link.tip_percents,
        customTip=link.custom_tip,
        archived=link.archived,
        createdTime=link.created_at,
        viewLink=link_address(link),
        lnurlBech32=f"lightning:{lnurl.bech32.lower()}" if lnurl else None,
    )
