"""What the wallet holds against what is on its way out of it: nothing is sent that the balance does not cover.

Flash itself refuses what a wallet cannot pay, before it pays; this spares the recipient failed attempts and tells both sides
why a payout waits. Where the balance or a price cannot be read, Flash's own check is the one that counts.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import ROUND_DOWN, ROUND_UP, Decimal

import structlog
from django.db.models import F, Q, Sum
from django.db.models.functions import Coalesce

from flashpay import flash
from flashpay.money.amounts import MSAT_PER_SAT
from flashpay.money.currencies import SAT_PER_BTC, USD
from flashpay.money.errors import NoFreshRate
from flashpay.money.rates import Rate
from flashpay.stores.models import WalletConnection
from flashpay.stores.rates import rate_get
from flashpay.stores.wallets import wallet_open
from payouts.models import OPEN_ATTEMPT_STATES, AttemptState, PayoutAttempt, WalletFloat

log = structlog.get_logger(__name__)

# A balance this old is good enough, for what was sent since is counted; one this young is not asked for again.
BALANCE_LIFE = timedelta(seconds=30)
ASK_AGAIN_AFTER = timedelta(seconds=5)
# A payment that ended just before the balance was read may not have been in it yet.
_READING_SLACK = timedelta(seconds=5)
# Kept back for fee and exchange where the fee was not asked about. Real fees of this network are about 0.13 %.
FEE_RESERVE_BP = 50
_CENT_STEP = Decimal("0.0001")


def cents_at_most(amount_msat: int, rate: Rate) -> Decimal:
    """US cents that never buy more than `amount_msat` at `rate`."""
    return _cents(amount_msat, rate).quantize(_CENT_STEP, ROUND_DOWN)


def debit_expected(amount_msat: int) -> Decimal | None:
    """US cents that a payment of `amount_msat` takes from the wallet, without the fee; None without a fresh price."""
    try:
        return _cents(amount_msat, rate_get(USD)).quantize(_CENT_STEP, ROUND_UP)
    except NoFreshRate:
        return None


def fee_reserve(debit_cents: Decimal) -> Decimal:
    return (debit_cents * FEE_RESERVE_BP / 10_000).quantize(_CENT_STEP, ROUND_UP)


def balance_refresh(*, connection: WalletConnection, now: datetime, older_than: timedelta = BALANCE_LIFE) -> None:
    """Ask Flash what the wallet holds, unless that was done lately. One request; an outage leaves the old answer."""
    row, _ = WalletFloat.objects.get_or_create(fingerprint=_key(connection))
    if row.asked_at is not None and now - row.asked_at < older_than:
        return
    try:
        account = wallet_open(connection).account()
    except flash.FlashError as error:
        log.info("the balance could not be read", connection=connection.pk, reason=error.judgement.row)
        return
    held = next((wallet for wallet in account.wallets if wallet.id == connection.wallet_id), None)
    WalletFloat.objects.filter(pk=row.pk).update(balance_cents=held.balance_cents if held else None, asked_at=now)


def float_covers(*, connection: WalletConnection, needed_cents: Decimal | None) -> bool:
    """Whether the wallet covers `needed_cents` beside what is in flight.

    Inside a transaction it is also the reservation: until the commit nobody else counts this wallet.
    """
    WalletFloat.objects.filter(pk=_key(connection)).update(reservations=F("reservations") + 1)
    row = WalletFloat.objects.filter(pk=_key(connection)).first()
    if needed_cents is None or row is None or row.balance_cents is None or row.asked_at is None:
        return True
    not_in_balance = Q(state__in=OPEN_ATTEMPT_STATES) | Q(
        state=AttemptState.SUCCEEDED, ended_at__gte=row.asked_at - _READING_SLACK
    )
    leaving = (
        PayoutAttempt.objects.filter(not_in_balance, wallet_id=connection.wallet_id)
        .aggregate(cents=Sum(F("debit_cents") + Coalesce(F("fee_estimate_cents"), Decimal(0))))
        .get("cents")
    )
    return row.balance_cents - (leaving or 0) >= needed_cents


def _cents(amount_msat: int, rate: Rate) -> Decimal:
    return Decimal(amount_msat) * rate.btc_price * USD.minor_per_major / (MSAT_PER_SAT * SAT_PER_BTC)


def _key(connection: WalletConnection) -> str:
    return f"{connection.wallet_id}@{connection.api_url}"[:200]
