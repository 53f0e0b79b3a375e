"""Subscriptions: the state of one invoice, the news of an account, the price."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

from ariadne import SubscriptionType
from graphql import GraphQLResolveInfo

from flashpay.sandbox.graph.call import Call, call_of
from flashpay.sandbox.graph.price_fields import realtime_price
from flashpay.sandbox.graph.receiving import invoice_state
from flashpay.sandbox.graph.scalars import Invalid
from flashpay.sandbox.graph.troubles import NOT_AUTHENTICATED_SOCKET, TopLevel, Trouble
from flashpay.sandbox.ledger import Invoice, InvoiceState

FIRST_WORD_S = 0.01  # Flash's first message comes about 10 ms after the subscription
EXPIRED_AFTER_S = 1  # its expiry timer fires a second after the invoice's end

subscription = SubscriptionType()


def _status(status: str | None, *troubles: Trouble) -> dict[str, Any]:
    return {"status": status, "errors": [trouble.payload() for trouble in troubles]}


@subscription.source("lnInvoicePaymentStatus")
async def invoice_news(_: Any, info: GraphQLResolveInfo, input: dict[str, Any]) -> AsyncGenerator[dict[str, Any], None]:
    """The present state, PAID on a push, EXPIRED when the timer fires (even after PAID); it never completes by itself."""
    call = call_of(info)
    await asyncio.sleep(FIRST_WORD_S)
    try:
        invoice, _state = invoice_state(call, input["paymentRequest"])
    except TopLevel as error:
        code = (error.extensions or {}).get("code")
        yield _status(None, Trouble(error.message, code if code == "IBEX_ERROR" else None))
        return
    if invoice is None:
        yield _status("EXPIRED")
        return
    with call.sandbox.hub.listening(("invoice", invoice.payment_hash)) as queue:
        state = invoice.state(call.sandbox.now())
        yield _status(state.value)
        fires_at = invoice.expires_at + EXPIRED_AFTER_S if state is InvoiceState.PENDING else None
        while True:
            wait_s = None if fires_at is None else max(0.0, fires_at - call.sandbox.now())
            try:
                yield _status(await asyncio.wait_for(queue.get(), wait_s))
            except TimeoutError:
                fires_at = None
                fresh = call.sandbox.ledger.invoice_by_hash(invoice.payment_hash)
                if call.sandbox.switches.peek("expired_after_paid") or (fresh and fresh.settled_at is None):
                    yield _status("EXPIRED")


subscription.set_field("lnInvoicePaymentStatus", lambda news, _info, **_: news)


def account_news_source(_: Any, info: GraphQLResolveInfo) -> AsyncGenerator[dict[str, Any], None]:
    """Refuses at once (a plain function, so that the refusal is the answer to the subscription itself)."""
    call = call_of(info)
    if call.account is None or call.credential == "key":
        raise TopLevel(NOT_AUTHENTICATED_SOCKET, "NOT_AUTHENTICATED")
    return _account_news(call, call.account.id, call.account.display_currency)


async def _account_news(call: Call, account_id: str, currency: str) -> AsyncGenerator[dict[str, Any], None]:
    with call.sandbox.hub.listening(("account", account_id)) as queue:
        await asyncio.sleep(FIRST_WORD_S)
        for update in _prices(call, currency):
            yield update
        price_at = call.sandbox.now() + call.sandbox.switches.peek("price_push_s")
        while True:
            try:
                invoice: Invoice = await asyncio.wait_for(queue.get(), max(0.0, price_at - call.sandbox.now()))
            except TimeoutError:
                price_at = call.sandbox.now() + call.sandbox.switches.peek("price_push_s")
                for update in _prices(call, currency):
                    yield update
            else:
                yield _update(
                    {
                        "__typename": "LnUpdate",
                        "paymentHash": invoice.payment_hash,
                        "status": "PAID",
                        "walletId": invoice.wallet_id,
                    }
                )


def _update(update: dict[str, Any]) -> dict[str, Any]:
    return {"errors": [], "update": update}


def _prices(call: Call, currency: str) -> list[dict[str, Any]]:
    """A `Price` (in dollars only) and a `RealtimePrice`; nothing in an outage."""
    try:
        price = realtime_price(call, currency)
    except TopLevel:
        return []
    updates = [_update(price)]
    if currency == "USD":
        sat = price["btcSatPrice"]
        # `Price` counts whole cents per sat, scaled like the realtime price.
        plain = {"__typename": "Price", "base": sat["base"], "offset": sat["offset"], "currencyUnit": "USDCENT"}
        updates.insert(0, _update({**plain, "formattedAmount": str(sat["base"] / 10 ** sat["offset"])}))
    return updates


subscription.set_source("myUpdates", account_news_source)


@subscription.field("myUpdates")
def resolve_account_news(news: dict[str, Any], info: GraphQLResolveInfo) -> dict[str, Any]:
    call = call_of(info)
    fresh = call.sandbox.accounts.by_id(call.account.id) if call.account else None
    return {**news, "me": fresh}


@subscription.source("realtimePrice")
async def price_news(_: Any, info: GraphQLResolveInfo, input: dict[str, Any]) -> AsyncGenerator[dict[str, Any], None]:
    call = call_of(info)
    currency: str | Invalid = input.get("currency") or "USD"
    await asyncio.sleep(FIRST_WORD_S)
    while True:
        try:
            yield {"errors": [], "realtimePrice": realtime_price(call, currency)}
        except TopLevel as error:
            yield {"errors": [Trouble(error.message).payload()], "realtimePrice": None}
        await asyncio.sleep(call.sandbox.switches.peek("price_push_s"))


subscription.set_field("realtimePrice", lambda news, _info, **_: news)
