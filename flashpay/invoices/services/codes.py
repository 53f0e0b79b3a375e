"""Issuing the BOLT 11 that a payer sees. Flash lets one live for 60 seconds at most, so an invoice shows several."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

import redis
import structlog
from django.db import transaction
from django.utils import timezone

from flashpay import live
from flashpay.invoices.models import (
    Invoice,
    InvoiceState,
    InvoiceType,
    LightningInvoice,
    LightningInvoiceState,
    Purpose,
)
from flashpay.invoices.services.asking import AskedCode, code_for_cents, code_for_msat
from flashpay.invoices.services.schedule import first_poll_at
from flashpay.money.amounts import MSAT_PER_SAT
from flashpay.money.currencies import USD
from flashpay.refusals import Refusal
from flashpay.stores.models import PaymentHash, WalletConnection
from flashpay.stores.wallets import budgets, credential_of, endpoint_of, wallet_of

log = structlog.get_logger(__name__)

# A code with less life than this is not worth showing: the payer could not scan, confirm and pay in time.
SHORTEST_LIFE = timedelta(seconds=10)
# A wallet that asked shows the code first and pays when its owner has confirmed.
SHORTEST_LIFE_FOR_WALLETS = timedelta(seconds=30)
# While the next one is late, the one before stays on the page until so little of it is left.
LAST_MOMENTS = timedelta(seconds=3)
# One Flash call at a time per invoice; long enough for three slow answers.
ISSUE_LOCK_S = 45
# Of Flash's 20 codes in two minutes these are left alone by pages that only renew theirs: a new payer, and a wallet that
# scanned the LNURL, come first.
KEPT_FOR_NEW_PAYERS = 8
# ... and these by every page: the LNURL that it offers instead has to work.
KEPT_FOR_WALLETS = 4
# When a page that had to leave its code to others asks again.
RENEW_LATER_S = 15
NEW_CODE_CHANNEL = "lightninginvoice:new"


class LeftForWallets(Refusal):
    """No code for a page now, but for a wallet that scans the LNURL there still is one."""


@dataclass(frozen=True)
class Wanted:
    """What a code is to be like.

    `amount_msat`: what it covers of the invoice. `exact`: the payer's wallet named the amount (LUD-06) and takes no other.
    `for_card`: a card's service is about to pay it, so it must live for a while, and somebody is there to pay.
    `comment` and `lnurl_metadata` are kept with it.
    """

    purpose: Purpose
    amount_msat: int
    exact: bool = False
    for_card: bool = False
    comment: str = ""
    lnurl_metadata: str = ""


def lightning_invoice_issue(
    *,
    invoice: Invoice,
    purpose: Purpose = Purpose.CHECKOUT,
    amount_msat: int | None = None,
    exact: bool = False,
    for_card: bool = False,
    comment: str = "",
    lnurl_metadata: str = "",
    now: datetime | None = None,
) -> LightningInvoice:
    """The code to show for what is still due: the one that lives, or a new one from Flash, committed before it is shown.

    `amount_msat` is for a top-up invoice, whose payer chooses, and (`exact`) for a wallet that named an amount by
    LNURL-pay; `for_card` asks for one that lives long enough for a card's service. Raises Refusal when the invoice takes
    no money any more, has no wallet, or Flash gave no usable code.
    """
    now = now or timezone.now()
    if invoice.state != InvoiceState.NEW or now >= invoice.expires_at:
        raise Refusal("invoice-not-payable", "This invoice does not take payments any more.")
    if invoice.store.archived:
        raise Refusal("store-archived", "This shop is closed at the moment. Nothing was paid.")
    wanted = Wanted(purpose, _size(invoice, amount_msat), exact, for_card, comment, lnurl_metadata)
    alive = _alive(invoice, wanted, now)
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
        return _alive(invoice, wanted, now) or _issue(invoice, wanted, now)
    finally:
        live.lock_release(lock)


def lightning_invoice_before(
    *, invoice: Invoice, amount_msat: int | None = None, now: datetime | None = None
) -> LightningInvoice | None:
    """The checkout's last code over what is due, while it can still be paid: for a page whose next one is late."""
    wanted = Wanted(Purpose.CHECKOUT, _size(invoice, amount_msat))
    return _alive(invoice, wanted, now or timezone.now(), life=LAST_MOMENTS)


def code_keep(
    *, invoice: Invoice, connection: WalletConnection, asked: AskedCode, wanted: Wanted, now: datetime
) -> LightningInvoice:
    """Write down a code that Flash made for a saved invoice; from now on it may be shown, and is watched."""
    code = asked.code
    with transaction.atomic():
        PaymentHash.objects.create(payment_hash=code.payment_hash, owner="invoice", owner_id=invoice.pk, at=now)
        row = LightningInvoice.objects.create(
            invoice=invoice,
            store_id=invoice.store_id,
            connection=connection,
            purpose=wanted.purpose,
            bolt11=code.bolt11,
            payment_hash=code.payment_hash,
            amount_msat=code.amount_msat,
            credit_msat=wanted.amount_msat,
            asked_cents=asked.cents,
            lnurl_metadata=wanted.lnurl_metadata,
            comment=wanted.comment,
            created_at=now,
            expires_at=code.expires_at,
            next_poll_at=first_poll_at(now),
            poll_until=max(invoice.monitoring_ends_at, code.expires_at),
        )
        # The listener subscribes to it at once.
        transaction.on_commit(lambda: live.publish([NEW_CODE_CHANNEL], {"id": row.pk}))
    return row


def _size(invoice: Invoice, amount_msat: int | None) -> int:
    if invoice.type == InvoiceType.TOP_UP:
        if amount_msat is None:
            raise Refusal("amount-needed", "Please choose first how much you want to pay.", field="amount")
        return amount_msat
    due_msat = _due_msat(invoice)
    if amount_msat is not None and amount_msat != due_msat:
        raise Refusal(
            "amount-not-due", "That is not the amount that is due now. Please scan the code again.", field="amount"
        )
    return due_msat


def _alive(
    invoice: Invoice, wanted: Wanted, now: datetime, *, life: timedelta | None = None
) -> LightningInvoice | None:
    if life is None:
        life = SHORTEST_LIFE_FOR_WALLETS if wanted.exact or wanted.for_card else SHORTEST_LIFE
    found = LightningInvoice.objects.filter(
        invoice=invoice,
        purpose=wanted.purpose,
        state=LightningInvoiceState.OPEN,
        expires_at__gt=now + life,
        credit_msat=wanted.amount_msat,
        comment=wanted.comment,
    )
    return found.last()


def _issue(invoice: Invoice, wanted: Wanted, now: datetime) -> LightningInvoice:
    connection = wallet_of(invoice.store)
    if wanted.purpose == Purpose.CHECKOUT and not wanted.for_card:
        _leave_room(invoice, wanted, connection)
    memo = code_memo(invoice)
    if invoice.currency == USD.code and invoice.amount_msat and not wanted.exact:
        # A dollar invoice asks for its dollars, whatever they are in sats.
        assert invoice.amount is not None
        cents = Decimal(invoice.amount) * wanted.amount_msat / invoice.amount_msat
        asked = code_for_cents(connection=connection, cents=cents, about_msat=wanted.amount_msat, memo=memo, now=now)
    else:
        asked = code_for_msat(
            connection=connection, amount_msat=wanted.amount_msat, exact=wanted.exact, memo=memo, now=now
        )
    return code_keep(invoice=invoice, connection=connection, asked=asked, wanted=wanted, now=now)


def _leave_room(invoice: Invoice, wanted: Wanted, connection: WalletConnection) -> None:
    """Raises LeftForWallets for a page while few codes are left of what Flash allows, and Refusal while there are none."""
    renews = LightningInvoice.objects.filter(
        invoice=invoice, purpose=wanted.purpose, credit_msat=wanted.amount_msat
    ).exists()
    try:
        left = budgets().left(endpoint_of(connection), credential_of(connection), connection.wallet_id)
    except redis.RedisError:
        return  # not counted: Flash itself will say so
    codes = next((bucket for bucket in left if bucket.name == "invoices"), None)
    if codes is None or codes.left > (KEPT_FOR_NEW_PAYERS if renews else KEPT_FOR_WALLETS):
        return
    log.info("a page gets no code now", invoice=invoice.pk, left=codes.left, renews=renews)
    refusal = LeftForWallets if codes.left and not codes.blocked_for_s else Refusal
    wait_s = max(codes.blocked_for_s, RENEW_LATER_S)
    raise refusal("must-wait", "Many customers are paying at the moment.", retry_after_s=wait_s)


def _due_msat(invoice: Invoice) -> int:
    assert invoice.amount_msat is not None
    return max(invoice.amount_msat - invoice.credited_msat, MSAT_PER_SAT)


def code_memo(invoice: Invoice) -> str:
    # IBEX takes 100 characters, Flash more.
    return (invoice.description or invoice.order_id or f"{invoice.store.name} · {invoice.pk}")[:100]
