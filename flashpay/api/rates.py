"""The prices that a store sells at, on BTCPay Server's path for them."""

from __future__ import annotations

from ninja import Query, Router
from pydantic import BaseModel, Field

from flashpay.api.authentication import ApiRequest
from flashpay.api.problems import answers
from flashpay.money.currencies import BTC, currency_get
from flashpay.money.errors import MoneyError
from flashpay.stores import permissions
from flashpay.stores.rates import rate_get

router = Router(tags=["Stores"])

# Each currency that nobody has asked for within the minute costs Flash a request.
MOST_PAIRS = 10


class RateData(BaseModel):
    currencyPair: str = Field(examples=["BTC_USD"])
    errors: list[str] = Field(description="Why there is no rate; empty where there is one", examples=[[]])
    rate: str | None = Field(description="What one bitcoin costs", examples=["80000.12"])


class RatePairs(BaseModel):
    currencyPair: list[str] = Field(
        default=[],
        max_length=MOST_PAIRS,
        description="Such as `BTC_JMD`, several times for several. Left out: the store's own",
    )


@router.get("/stores/{storeId}/rates", response=answers(list[RateData]))
def store_rates(request: ApiRequest, storeId: str, asked: Query[RatePairs]) -> list[RateData]:
    """What a bitcoin costs now, at most a minute old. Invoices keep the rate that they were made at."""
    store = request.auth.store_get(storeId, permissions.VIEW_STORE)
    return [_rate(pair.upper()) for pair in asked.currencyPair or [f"{BTC.code}_{store.default_currency}"]]


def _rate(pair: str) -> RateData:
    base, _, code = pair.partition("_")
    if base != BTC.code:
        return RateData(currencyPair=pair, errors=["FlashPay prices bitcoin: write BTC_USD."], rate=None)
    try:
        price = rate_get(currency_get(code)).btc_price
    except MoneyError as error:
        return RateData(currencyPair=pair, errors=[error.sentence], rate=None)
    return RateData(currencyPair=pair, errors=[], rate=format(price.normalize(), "f"))
