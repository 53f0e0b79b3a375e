"""Issuing the BOLT 11 that a payer sees. Flash lets one live for 60 seconds at most, so an invoice shows several."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal

import redis
from django.db import transaction
from django.utils import timezone

from flashpay import flash, lightning, live
from flashpay.invoices.models import Invoice, InvoiceState, LightningInvoice, LightningInvoiceState, Purpose
from flashpay.invoices.services.schedule import first_poll_at
from flashpay.money.amounts import MSAT_PER_SAT
from flashpay.money.currencies import USD
from flashpay.refusals import Refusal
from flashpay.stores.models import PaymentHash, WalletConnection
from flashpay.stores.rates import rate_get
from flashpay.stores.wallets import wallet_of, wallet_open

# A code with less life than this is not worth showing: the payer could not scan, confirm and pay in time.
SHORTEST_LIFE = timedelta(seconds=10)
# How far the sats of a BOLT 11 may lie from what was asked. Flash fixes them by its own rate, which moves; beyond this
# something else is wrong, and the code is not shown.
DEVIATION = Decimal("0.05")
# One Flash call at a time per invoice; long enough for a slow answer.
ISSUE_LOCK_S = 15
CENT_DECIMALS = Decimal("0.00000001")
NEW_CODE_CHANNEL = "lightninginvoice:new"


def lightning_invoice_issue(
    *, invoice: Invoice, purpose: Purpose = Purpose.CHECKOUT, now: datetime | None = None
) -> LightningInvoice:
    """The code to show for what is still due: the one that lives, or a new one from Flash, committed before it is shown.

    Raises Refusal when the invoice takes no money any more, has no wallet, or Flash gave no usable code.
    """
    now = now or timezone.now()
    if invoice.state != InvoiceState.NEW or now >= invoice.expires_at:
        raise Refusal("invoice-not-payable", "This invoice does not take payments any more.")
    alive = _alive(invoice, purpose, now)
    if alive is not None:
        return alive
    lock = live.connection().lock(f"flashpay:issue:{invoice.pk}:{purpose}", timeout=ISSUE_LOCK_S, blocking=False)
    try:
        locked = lock.acquire()
    except redis.RedisError as error:
        # Without the lock every look at the page could cost a request to Flash.
        raise Refusal("code-coming", "The payment code takes a moment longer than usual.", retry_after_s=5) from error
    if not locked:
        raise Refusal("code-coming", "The payment code is being made. One moment.", retry_after_s=1)
    try:
        # Somebody else's may have come between the look above and the lock.
        return _alive(invoice, purpose, now) or _issue(invoice, purpose, now)
    finally:
        live.lock_release(lock)


def _alive(invoice: Invoice, purpose: Purpose, now: datetime) -> LightningInvoice | None:
    return LightningInvoice.objects.filter(
        invoice=invoice,
        purpose=purpose,
        state=LightningInvoiceState.OPEN,
        expires_at__gt=now + SHORTEST_LIFE,
        credit_msat=_due_msat(invoice),
    ).last()


def _issue(invoice: Invoice, purpose: Purpose, now: datetime) -> LightningInvoice:
    connection = wallet_of(invoice.store)
    due_msat = _due_msat(invoice)
    cents = _cents_to_ask(invoice, connection, due_msat)
    try:
        made = wallet_open(connection).invoice_create(
            wallet_id=connection.wallet_id, amount_cents=cents, memo=_memo(invoice)
        )
    except flash.FlashError as error:
        raise Refusal("wallet-unavailable", str(error), retry_after_s=error.judgement.retry_after_s) from error
    code = _check(made, connection, due_msat, now)
    with transaction.atomic():
        PaymentHash.objects.create(payment_hash=code.payment_hash, owner="invoice", owner_id=invoice.pk, at=now)
        row = LightningInvoice.objects.create(
            invoice=invoice,
            store_id=invoice.store_id,
            connection=connection,
            purpose=purpose,
            bolt11=code.bolt11,
            payment_hash=code.payment_hash,
            amount_msat=code.amount_msat,
            credit_msat=due_msat,
            asked_cents=cents,
            created_at=now,
            expires_at=code.expires_at,
            next_poll_at=first_poll_at(now),
            poll_until=max(invoice.monitoring_ends_at, code.expires_at),
        )
        # The listener subscribes to it at once.
        transaction.on_commit(lambda: live.publish([NEW_CODE_CHANNEL], {"id": row.pk}))
    return row


def _due_msat(invoice: Invoice) -> int:
    assert invoice.amount_msat is not None
    return max(invoice.amount_msat - invoice.credited_msat, MSAT_PER_SAT)


def _cents_to_ask(invoice: Invoice, connection: WalletConnection, due_msat: int) -> Decimal:
    """US cents that make Flash issue a code over what is due.

    A dollar invoice asks for its dollars. For everything else the wallet's own last code tells Flash's rate better than
    any quote does: that is the rate the next code will have.
    """
    if invoice.currency == USD.code:
        assert invoice.amount is not None
        assert invoice.amount_msat is not None
        cents = Decimal(invoice.amount) * due_msat / invoice.amount_msat
    else:
        # Half a sat on top, because Flash cuts to whole sats and one too few would leave the invoice unpaid.
        cents = _cents_per_sat(connection) * (Decimal(due_msat) / MSAT_PER_SAT + Decimal("0.5"))
    return cents.quantize(CENT_DECIMALS, ROUND_HALF_EVEN)


def _cents_per_sat(connection: WalletConnection) -> Decimal:
    rate = rate_get(USD)
    return rate.btc_price * USD.minor_per_major / 100_000_000


def _check(
    made: flash.NewInvoice, connection: WalletConnection, due_msat: int, now: datetime
) -> lightning.LightningInvoice:
    """Read what Flash made as if a stranger had sent it. Raises Refusal, and then it is never shown."""
    try:
        code = lightning.invoice_read(made.bolt11)
        lightning.invoice_check(code, network=connection.network, now=now)
    except lightning.InvalidInvoice as error:
        raise Refusal(
            "wallet-unavailable", "Flash made a payment code that cannot be used. Please try again."
        ) from error
    if code.payment_hash != made.payment_hash or code.amount_msat is None:
        raise Refusal("wallet-unavailable", "Flash made a payment code that contradicts itself. Please try again.")
    allowed_msat = max(int(due_msat * DEVIATION), 2 * MSAT_PER_SAT)
    if abs(code.amount_msat - due_msat) > allowed_msat:
        raise Refusal("wallet-unavailable", "Flash priced this payment far from the known rate. Please try again.")
    return code


def _memo(invoice: Invoice) -> str:
    # IBEX takes 100 characters, Flash more.
    return (invoice.description or invoice.order_id or f"{invoice.store.name} · {invoice.pk}")[:100]
