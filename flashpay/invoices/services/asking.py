"""Asking Flash for a BOLT 11. It is asked in US cents and fixes the sats by its own rate, which nothing but its codes tells."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal

from flashpay import flash, lightning
from flashpay.invoices.models import LightningInvoice
from flashpay.money.amounts import MSAT_PER_SAT
from flashpay.money.currencies import SAT_PER_BTC, USD
from flashpay.refusals import Refusal
from flashpay.stores.models import WalletConnection
from flashpay.stores.rates import rate_get
from flashpay.stores.wallets import wallet_open

# How far the sats of a BOLT 11 may lie from what was asked. Flash's rate moves; beyond this something else is wrong, and
# the code is not shown.
DEVIATION = Decimal("0.05")
# A payer who is asked for sats accepts a rounding, but no more: within this a code on a page is right.
CLOSE_ENOUGH = Decimal("0.001")
# What Flash's last code says of its rate is worth more than a quote for as long.
RATE_MEMORY = timedelta(minutes=5)
# A code over fewer sats tells the rate too coarsely for larger ones: Flash cuts to whole sats.
FINE_MSAT = 1_000 * MSAT_PER_SAT
# Each costs one of the 20 invoices that Flash allows an account in two minutes.
EXACT_TRIES = 3
CLOSE_TRIES = 2
CENT_DECIMALS = Decimal("0.00000001")
_HALF = Decimal("0.5")


@dataclass(frozen=True)
class AskedCode:
    """A code that Flash made and nobody has seen yet, checked as if a stranger had sent it, and what it was asked in cents."""

    code: lightning.LightningInvoice
    cents: Decimal

    @property
    def amount_msat(self) -> int:
        assert self.code.amount_msat is not None  # checked when it was read
        return self.code.amount_msat


def code_for_cents(
    *, connection: WalletConnection, cents: Decimal, about_msat: int, memo: str, now: datetime
) -> AskedCode:
    """A code over this many US cents, which is about `about_msat`. Raises Refusal, and then nobody will ever see one."""
    asked = _ask(connection, cents, memo, now)
    _check_size(asked, about_msat)
    return asked


def code_for_msat(
    *, connection: WalletConnection, amount_msat: int, exact: bool, memo: str, now: datetime
) -> AskedCode:
    """A code over whole sats: over exactly these (LUD-06), or as close as two tries come.

    Raises Refusal (`amount-not-exact` where Flash's rate moved with every try), and NoFreshRate where nothing tells it.
    """
    cents_per_sat = _cents_per_sat(connection, amount_msat, now)
    asked: AskedCode | None = None
    for _ in range(EXACT_TRIES if exact else CLOSE_TRIES):
        # Aimed at the middle of the sat, because Flash cuts off what is beyond a whole one.
        asked = _ask(connection, cents_per_sat * (Decimal(amount_msat) / MSAT_PER_SAT + _HALF), memo, now)
        _check_size(asked, amount_msat)
        off_msat = abs(asked.amount_msat - amount_msat)
        if off_msat == 0 or (not exact and off_msat <= max(MSAT_PER_SAT, int(amount_msat * CLOSE_ENOUGH))):
            return asked
        cents_per_sat = _rate_of(asked.cents, asked.amount_msat)
    if exact or asked is None:
        raise Refusal(
            "amount-not-exact",
            "The shop's wallet could not make an invoice over exactly this amount just now. "
            "Nothing was paid. Please try again.",
            retry_after_s=5,
        )
    return asked


def _cents_per_sat(connection: WalletConnection, amount_msat: int, now: datetime) -> Decimal:
    """Flash's own rate as its newest code had it; without one the quoted rate, which lacks Flash's spread."""
    newest = (
        LightningInvoice.objects.filter(
            connection=connection, created_at__gt=now - RATE_MEMORY, amount_msat__gte=min(amount_msat, FINE_MSAT)
        )
        .order_by("-id")
        .values_list("asked_cents", "amount_msat")
        .first()
    )
    if newest is not None and newest[1]:
        return _rate_of(newest[0], newest[1])
    return rate_get(USD).btc_price * USD.minor_per_major / SAT_PER_BTC


def _rate_of(cents: Decimal, amount_msat: int) -> Decimal:
    # Between this many sats and one more the cents would have given the same: the middle is the best guess.
    return cents / (Decimal(amount_msat) / MSAT_PER_SAT + _HALF)


def _ask(connection: WalletConnection, cents: Decimal, memo: str, now: datetime) -> AskedCode:
    cents = cents.quantize(CENT_DECIMALS, ROUND_HALF_EVEN)
    try:
        made = wallet_open(connection).invoice_create(wallet_id=connection.wallet_id, amount_cents=cents, memo=memo)
    except flash.MustWait as error:
        raise Refusal("must-wait", str(error), retry_after_s=error.retry_after_s) from error
    except flash.FlashError as error:
        raise Refusal("wallet-unavailable", str(error), retry_after_s=error.judgement.retry_after_s) from error
    return AskedCode(_read(made, connection, now), cents)


def _read(made: flash.NewInvoice, connection: WalletConnection, now: datetime) -> lightning.LightningInvoice:
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
    return code


def _check_size(asked: AskedCode, about_msat: int) -> None:
    allowed_msat = max(int(about_msat * DEVIATION), 2 * MSAT_PER_SAT)
    if abs(asked.amount_msat - about_msat) > allowed_msat:
        raise Refusal("wallet-unavailable", "Flash priced this payment far from the known rate. Please try again.")
