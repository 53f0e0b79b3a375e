"""Creating invoices and asking whether they are paid."""

from decimal import Decimal
from typing import Any

from ariadne import MutationType, QueryType
from graphql import GraphQLResolveInfo

from flashpay.sandbox.accounts import Account, Wallet
from flashpay.sandbox.graph.call import Call, call_of
from flashpay.sandbox.graph.scalars import Invalid
from flashpay.sandbox.graph.troubles import (
    BAD_CHECKSUM,
    NO_BTC_WALLETS,
    PROVIDER,
    TOO_MANY_INVOICES,
    UNDECODABLE,
    TopLevel,
    Trouble,
    provider_trouble,
)
from flashpay.sandbox.ledger import Invoice, InvoiceState
from flashpay.sandbox.node import Undecodable, invoice_read

MEMO_DEFAULT = ""

query = QueryType()
mutation = MutationType()


def inputs_check(values: dict[str, Any]) -> None:
    """Raises Trouble for the first value that its scalar found invalid."""
    for value in values.values():
        if isinstance(value, Invalid):
            raise Trouble(value.message)


def undecodable_trouble(error: Undecodable) -> Trouble:
    return Trouble(BAD_CHECKSUM if error.bad_checksum else UNDECODABLE, "INVOICE_DECODE_ERROR")


def _limit_check(call: Call, bucket: str, account: Account) -> None:
    switches = call.sandbox.switches
    allowed = call.sandbox.limiters.invoices.allows(
        f"{bucket}:{account.id}",
        count=switches.peek("limit_invoices"),
        window_s=switches.peek("limit_invoices_window_s"),
        block_s=switches.peek("limit_invoices_block_s"),
    )
    if not allowed:
        raise Trouble(TOO_MANY_INVOICES, "TOO_MANY_REQUEST")


def _invoice_make(call: Call, wallet: Wallet, cents: Decimal | None, memo: str | None) -> Invoice:
    """An invoice over `cents`, as the provider would issue it: whole sats at its own rate. Raises Trouble."""
    sandbox = call.sandbox
    switches = sandbox.switches
    if switches.take("invoice_error", call.operations) or switches.take("ibex_outage", call.operations):
        raise provider_trouble()
    amount_msat = None
    if cents:
        amount_msat = sandbox.prices.msat_for_cents(cents, spread_ppm=switches.take("fx_spread_ppm", call.operations))
        if amount_msat < max(1000, switches.take("minimum_sat", call.operations) * 1000):
            raise provider_trouble()
    life_s = switches.take("invoice_life_s", call.operations)
    return sandbox.invoice_create(
        wallet_id=wallet.id, amount_msat=amount_msat, memo=memo or MEMO_DEFAULT, life_s=life_s
    )


def _invoice_payload(invoice: Invoice) -> dict[str, Any]:
    return {
        "errors": [],
        "invoice": {
            "paymentHash": invoice.payment_hash,
            "paymentRequest": invoice.bolt11,
            "paymentSecret": invoice.payment_secret,
            "satoshis": None,  # always, at Flash: the amount stands in the BOLT 11 alone
        },
    }


def _refused(trouble: Trouble) -> dict[str, Any]:
    return {"errors": [trouble.payload()], "invoice": None}


@mutation.field("lnUsdInvoiceCreate")
def resolve_usd_invoice(_: Any, info: GraphQLResolveInfo, input: dict[str, Any]) -> dict[str, Any]:
    call = call_of(info)
    account = call.require("write:wallet")
    try:
        inputs_check(input)
        wallet = call.own_wallet(account, input["walletId"])
        _limit_check(call, "own", account)
        return _invoice_payload(_invoice_make(call, wallet, _cents(input["amount"]), input.get("memo")))
    except Trouble as trouble:
        return _refused(trouble)


@mutation.field("lnUsdInvoiceCreateOnBehalfOfRecipient")
def resolve_invoice_on_behalf(_: Any, info: GraphQLResolveInfo, input: dict[str, Any]) -> dict[str, Any]:
    call = call_of(info)
    try:
        inputs_check(input)
        wallet = call.recipient_wallet(input["recipientWalletId"])
        account = call.sandbox.accounts.by_id(wallet.account_id or "")
        assert account is not None
        _limit_check(call, "on behalf", account)
        return _invoice_payload(_invoice_make(call, wallet, _cents(input["amount"]), input.get("memo")))
    except Trouble as trouble:
        return _refused(trouble)


@mutation.field("lnNoAmountInvoiceCreate")
def resolve_no_amount_invoice(_: Any, info: GraphQLResolveInfo, input: dict[str, Any]) -> dict[str, Any]:
    """Neither limited nor routed to the USDT wallet, as at Flash."""
    call = call_of(info)
    account = call.require("write:wallet")
    try:
        inputs_check(input)
        wallet = call.own_wallet(account, input["walletId"], routed=False)
        return _invoice_payload(_invoice_make(call, wallet, None, input.get("memo")))
    except Trouble as trouble:
        return _refused(trouble)


@mutation.field("lnInvoiceCreate")
def resolve_btc_invoice(_: Any, info: GraphQLResolveInfo, input: dict[str, Any]) -> dict[str, Any]:
    call_of(info).require("write:wallet")
    return _refused(Trouble(NO_BTC_WALLETS))


def _cents(amount: Decimal) -> Decimal | None:
    """None for an invoice without an amount. Raises Trouble for a negative one."""
    if amount < 0:
        raise provider_trouble()
    return amount or None


def invoice_state(call: Call, payment_request: str | Invalid) -> tuple[Invoice | None, InvoiceState]:
    """What the status operations tell of an invoice. Raises TopLevel."""
    if isinstance(payment_request, Invalid):
        raise TopLevel(payment_request.message)
    switches = call.sandbox.switches
    if switches.take("status_error", call.operations) or switches.take("ibex_outage", call.operations):
        raise TopLevel(PROVIDER, "IBEX_ERROR")
    invoice = call.sandbox.ledger.invoice_by_bolt11(payment_request)
    if invoice is not None:
        return invoice, invoice.state(call.sandbox.now())
    try:
        read = invoice_read(payment_request)
    except Undecodable as error:
        raise TopLevel(BAD_CHECKSUM if error.bad_checksum else UNDECODABLE, "INVOICE_DECODE_ERROR") from error
    if read.expires_at <= call.sandbox.now():
        return None, InvoiceState.EXPIRED  # unknown and expired counts as purged
    raise TopLevel(PROVIDER, "IBEX_ERROR")


@query.field("lnInvoicePaymentStatus")
def resolve_status(_: Any, info: GraphQLResolveInfo, input: dict[str, Any]) -> dict[str, Any]:
    _invoice, state = invoice_state(call_of(info), input["paymentRequest"])
    return {"errors": [], "status": state.value}
