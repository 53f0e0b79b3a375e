"""Sending: paying invoices out of an account, fee probes, and the idempotency keys that guard them."""

import asyncio
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from ariadne import MutationType
from graphql import GraphQLResolveInfo

from flashpay.sandbox.accounts import UCENT_PER_CENT, Wallet
from flashpay.sandbox.graph.call import Call, call_of
from flashpay.sandbox.graph.receiving import inputs_check, undecodable_trouble
from flashpay.sandbox.graph.scalars import fee_shown
from flashpay.sandbox.graph.troubles import (
    KEY_REUSED,
    SEND_FAILED,
    WRONG_CURRENCY,
    Trouble,
    provider_trouble,
    unexpected,
)
from flashpay.sandbox.ledger import AlreadyPrepared, Ending, Invoice, NotEnough, NotPayable, Payment
from flashpay.sandbox.node import Undecodable, invoice_read

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY_LIFE_S = 24 * 3600
KEY_CHARS_MAX = 256
PPM = 1_000_000

mutation = MutationType()


@dataclass(frozen=True)
class Quote:
    """What a payment costs, in the payer's smallest unit and in msat."""

    amount_msat: int
    fee_msat: int
    debit: int
    fee_debit: int


def _invoice_find(call: Call, payment_request: str, *, refusal: Trouble) -> Invoice:
    """The invoice behind the text. Raises Trouble: undecodable, or `refusal` when no node here can be reached for it."""
    invoice = call.sandbox.ledger.invoice_by_bolt11(payment_request)
    if invoice is not None:
        return invoice
    try:
        invoice_read(payment_request)
    except Undecodable as error:
        raise undecodable_trouble(error) from error
    raise refusal


def _quote(call: Call, invoice: Invoice, cents: Decimal | None, *, refusal: Trouble) -> Quote:
    prices = call.sandbox.prices
    if (invoice.amount_msat is None) == (cents is None):
        raise refusal
    if cents is not None:
        if cents <= 0:
            raise refusal
        amount_msat = prices.msat_for_cents(cents)
        debit = int(cents * UCENT_PER_CENT)
    else:
        assert invoice.amount_msat is not None
        amount_msat = invoice.amount_msat
        debit = prices.ucent_for_msat(amount_msat, round_up=True)
    if amount_msat < max(1, call.sandbox.switches.take("minimum_sat", call.operations) * 1000):
        raise provider_trouble()
    payee = call.sandbox.accounts.wallet(invoice.wallet_id)
    assert payee is not None
    # A payment between two accounts of Flash stays inside and costs nothing.
    fee_msat = -(-amount_msat * call.sandbox.switches.peek("fee_ppm") // PPM) if payee.is_phone else 0
    return Quote(amount_msat, fee_msat, debit, prices.ucent_for_msat(fee_msat, round_up=True))


def _dollars(ucent: int) -> str:
    return f"{Decimal(ucent) / UCENT_PER_CENT / 100:.6f}"


def _payment_begin(
    call: Call, payer: Wallet, invoice: Invoice, quote: Quote, *, refusal: Trouble, paid: Trouble
) -> Payment:
    try:
        return call.sandbox.ledger.payment_begin(
            payer=payer,
            invoice=invoice,
            amount_msat=quote.amount_msat,
            fee_msat=quote.fee_msat,
            debit=quote.debit,
            fee_debit=quote.fee_debit,
        )
    except NotEnough as short:
        raise Trouble(
            f"insufficient balance. Current Balance: {_dollars(short.balance)}. Estimated Fee: {_dollars(short.fee)}. "
            f"invoice amount: {_dollars(short.amount)}",
            "INSUFFICIENT_BALANCE",
        ) from short
    except AlreadyPrepared as error:
        raise paid from error
    except NotPayable as error:
        raise refusal from error


def _payment_end(call: Call, payment: Payment) -> str | None:
    """Let the payment end as the `send` switch says; returns the status answered, None for a FAILURE with words."""
    sandbox = call.sandbox
    ledger, switches = sandbox.ledger, sandbox.switches
    how = switches.take("send", call.operations)
    delay_s = switches.take("visibility_delay_s", call.operations)
    later = sandbox.now() + switches.peek("later_s")
    if how in ("normal", "pending_paid", "failure_paid", "failure_empty_paid"):
        ledger.payment_settle(payment.id, visibility_delay_s=delay_s)
    elif how in ("failure", "failure_empty"):
        ledger.payment_fail(payment.id)
    elif how == "pending_then_paid":
        ledger.payment_schedule(payment.id, ending=Ending.SETTLE, at=later, visibility_delay_s=delay_s)
    elif how == "pending_then_failed":
        ledger.payment_schedule(payment.id, ending=Ending.FAIL, at=later)
    elif how == "failure_reimbursed":
        ledger.payment_show_debit(payment.id, visibility_delay_s=delay_s)
        ledger.payment_schedule(payment.id, ending=Ending.REIMBURSE, at=later, visibility_delay_s=delay_s)
    if how == "normal":
        return "SUCCESS"
    if how.startswith("pending"):
        return "PENDING"
    return "FAILURE" if "empty" in how else None


async def _pay(
    call: Call, payer: Wallet, payment_request: str, *, cents: Decimal | None, refusal: Trouble, paid: Trouble
) -> str:
    """Pay an invoice and return the status. Raises Trouble for a FAILURE with words."""
    switches = call.sandbox.switches
    takes_s = switches.take("send_takes_s", call.operations)
    if takes_s:
        await asyncio.sleep(takes_s)
    if switches.take("ibex_outage", call.operations):
        raise refusal
    invoice = _invoice_find(call, payment_request, refusal=refusal)
    quote = _quote(call, invoice, cents, refusal=refusal)
    payer = call.sandbox.accounts.wallet(payer.id) or payer
    with call.sandbox.store.transaction():  # a kill in between must not leave a payment hanging that nobody switched so
        payment = _payment_begin(call, payer, invoice, quote, refusal=refusal, paid=paid)
        status = _payment_end(call, payment)
    if status is None:
        raise refusal
    return status


@contextmanager
def _key_held(call: Call, wallet_id: str, key: str) -> "Iterator[None]":
    held = (wallet_id, key)
    if held in call.sandbox.sends_busy:
        raise Trouble(unexpected("ResourceAttemptsLockServiceError"), "UNEXPECTED_CLIENT_ERROR")
    call.sandbox.sends_busy.add(held)
    try:
        yield
    finally:
        call.sandbox.sends_busy.discard(held)


def _key_answer(call: Call, wallet_id: str, key: str, fingerprint: str) -> str | None:
    """The stored status of an earlier send under this key. Raises Trouble when that was another payment."""
    store = call.sandbox.store
    store.run("DELETE FROM idempotency WHERE at < ?", call.sandbox.now() - KEY_LIFE_S)
    row = store.one("SELECT * FROM idempotency WHERE wallet_id = ? AND key = ?", wallet_id, key)
    if row is None:
        return None
    if row["fingerprint"] != fingerprint:
        raise Trouble(KEY_REUSED, "INVALID_INPUT")
    return str(row["status"])


def _sent(status: str) -> dict[str, Any]:
    return {"status": status, "errors": []}


def _failed(trouble: Trouble) -> dict[str, Any]:
    return {"status": "FAILURE", "errors": [trouble.payload()]}


@mutation.field("lnInvoicePaymentSend")
async def resolve_send(_: Any, info: GraphQLResolveInfo, input: dict[str, Any]) -> dict[str, Any]:
    """The wallet id is not routed: a legacy USD id is debited as it is, and is usually empty."""
    call = call_of(info)
    account = call.require("write:wallet")
    try:
        inputs_check(input)
        key = (input.get("idempotencyKey") or "").strip()
        if len(key) > KEY_CHARS_MAX:
            raise Trouble("Invalid value for idempotencyKey", "INVALID_INPUT")
        payer = call.own_wallet(account, input["walletId"], routed=False)
    except Trouble as trouble:
        return {"status": None, "errors": [trouble.payload()]}
    try:
        if not key:
            return _sent(await _send(call, payer, input))
        with _key_held(call, payer.id, key):
            fingerprint = input["paymentRequest"].lower()
            if call.sandbox.switches.take("keys_forgotten", call.operations):
                call.sandbox.store.run("DELETE FROM idempotency WHERE wallet_id = ? AND key = ?", payer.id, key)
            status = _key_answer(call, payer.id, key, fingerprint)
            if status is None:
                status = await _send(call, payer, input)
                call.sandbox.store.insert(
                    "idempotency",
                    wallet_id=payer.id,
                    key=key,
                    fingerprint=fingerprint,
                    status=status,
                    at=call.sandbox.now(),
                )
            return _sent(status)
    except Trouble as trouble:
        return _failed(trouble)


async def _send(call: Call, payer: Wallet, input: dict[str, Any]) -> str:
    # Every provider error but a short balance reads the same here, a second payment of one invoice included.
    return await _pay(
        call, payer, input["paymentRequest"], cents=None, refusal=Trouble(SEND_FAILED), paid=Trouble(SEND_FAILED)
    )


@mutation.field("lnNoAmountUsdInvoicePaymentSend")
async def resolve_no_amount_send(_: Any, info: GraphQLResolveInfo, input: dict[str, Any]) -> dict[str, Any]:
    call = call_of(info)
    account = call.require("write:wallet")
    try:
        inputs_check(input)
        payer = call.own_wallet(account, input["walletId"])
    except Trouble as trouble:
        return {"status": None, "errors": [trouble.payload()]}
    paid = Trouble("Invoice is already paid", "LIGHTNING_PAYMENT_ERROR")
    try:
        return _sent(
            await _pay(
                call, payer, input["paymentRequest"], cents=input["amount"], refusal=provider_trouble(), paid=paid
            )
        )
    except Trouble as trouble:
        return _failed(trouble)


@mutation.field("lnNoAmountInvoicePaymentSend")
def resolve_sat_send(_: Any, info: GraphQLResolveInfo, input: dict[str, Any]) -> dict[str, Any]:
    call_of(info).require("write:wallet")
    return _failed(Trouble(WRONG_CURRENCY, "INVALID_INPUT"))


@mutation.field("intraLedgerUsdPaymentSend")
async def resolve_intra_ledger(_: Any, info: GraphQLResolveInfo, input: dict[str, Any]) -> dict[str, Any]:
    """No ledger move at Flash either: an invoice is made for the recipient and paid."""
    call = call_of(info)
    account = call.require("write:wallet")
    try:
        inputs_check(input)
        payer = call.own_wallet(account, input["walletId"])
        payee = call.recipient_wallet(input["recipientWalletId"])
    except Trouble as trouble:
        return {"status": None, "errors": [trouble.payload()]}
    if payer.currency != payee.currency:
        return _failed(Trouble(WRONG_CURRENCY, "INVALID_INPUT"))
    if payer.id == payee.id:
        return _failed(Trouble("User tried to pay themselves", "CANT_PAY_SELF"))
    amount_msat = call.sandbox.prices.msat_for_cents(max(Decimal(0), input["amount"]))
    if not amount_msat:
        return _failed(provider_trouble())
    invoice = call.sandbox.invoice_create(
        wallet_id=payee.id, amount_msat=amount_msat, memo=input.get("memo") or "", life_s=60
    )
    try:
        return _sent(
            await _pay(call, payer, invoice.bolt11, cents=None, refusal=provider_trouble(), paid=provider_trouble())
        )
    except Trouble as trouble:
        return _failed(trouble)


def _fee_probe(call: Call, input: dict[str, Any], cents: Decimal | None) -> dict[str, Any]:
    account = call.require("read:wallet")
    try:
        inputs_check(input)
        payer = call.own_wallet(account, input["walletId"])
        if call.sandbox.switches.take("ibex_outage", call.operations):
            raise provider_trouble()
        invoice = _invoice_find(call, input["paymentRequest"], refusal=provider_trouble())
        quote = _quote(call, invoice, cents, refusal=provider_trouble())
    except Trouble as trouble:
        return {"amount": None, "invoiceAmount": None, "errors": [trouble.payload()]}
    return {
        "amount": fee_shown(quote.fee_debit, payer.currency),
        "invoiceAmount": fee_shown(quote.debit, payer.currency),
        "errors": [],
    }


@mutation.field("lnUsdInvoiceFeeProbe")
def resolve_fee_probe(_: Any, info: GraphQLResolveInfo, input: dict[str, Any]) -> dict[str, Any]:
    return _fee_probe(call_of(info), input, None)


@mutation.field("lnNoAmountUsdInvoiceFeeProbe")
def resolve_no_amount_fee_probe(_: Any, info: GraphQLResolveInfo, input: dict[str, Any]) -> dict[str, Any]:
    amount = input["amount"]
    return _fee_probe(call_of(info), input, amount if isinstance(amount, Decimal) else None)
