"""Prices and currencies as queries see them."""

from typing import Any

from ariadne import QueryType
from graphql import GraphQLResolveInfo

from flashpay.sandbox.graph.call import Call, call_of
from flashpay.sandbox.graph.scalars import Invalid
from flashpay.sandbox.graph.troubles import TopLevel, unexpected
from flashpay.sandbox.prices import CENT_OFFSET, CURRENCIES, SAT_OFFSET

query = QueryType()


def realtime_price(call: Call, currency: str | Invalid) -> dict[str, Any]:
    """One sat and one US cent in minor units of the currency. Raises TopLevel."""
    if isinstance(currency, Invalid):
        raise TopLevel(currency.message)
    prices = call.sandbox.prices
    per_usd = prices.rate(currency)
    if per_usd is None or call.sandbox.switches.take("price_outage", call.operations):
        raise TopLevel(unexpected("PriceNotAvailableError"))
    now = int(call.sandbox.now())  # the server's own clock, not the age of the price: Flash does the same
    return {
        "__typename": "RealtimePrice",
        "id": f"{currency}-{now}",
        "timestamp": now,
        "denominatorCurrency": currency,
        "btcSatPrice": {"base": prices.sat_base(per_usd), "offset": SAT_OFFSET, "currencyUnit": "MINOR"},
        "usdCentPrice": {"base": prices.cent_base(per_usd), "offset": CENT_OFFSET, "currencyUnit": "MINOR"},
    }


@query.field("realtimePrice")
def resolve_price(_: Any, info: GraphQLResolveInfo, currency: str | Invalid | None = "USD") -> dict[str, Any]:
    return realtime_price(call_of(info), currency or "USD")


@query.field("currencyList")
def resolve_currencies(_: Any, _info: GraphQLResolveInfo) -> list[dict[str, Any]]:
    return [
        {"id": c.id, "name": c.name, "symbol": c.symbol, "flag": c.flag, "fractionDigits": c.fraction_digits}
        for c in CURRENCIES.values()
    ]
