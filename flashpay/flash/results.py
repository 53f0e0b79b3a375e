"""What Flash answers, in types. Money is Decimal cents of the wallet's currency, times are aware UTC datetimes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum


@dataclass(frozen=True)
class Wallet:
    """`currency` is USD or USDT (BTC only for a wallet that Flash does not hold); the balance is None when unreadable."""

    id: str
    currency: str
    balance_cents: Decimal | None


@dataclass(frozen=True)
class Account:
    """`wallets` is empty, and `display_currency` None, where the credential may not read them."""

    username: str | None
    display_currency: str | None
    default_wallet_id: str
    wallets: tuple[Wallet, ...]

    @property
    def cash_wallet(self) -> Wallet | None:
        """The wallet to receive into and pay from: USDT when there is one, else the default, else USD; never BTC.

        A USDT wallet's id works everywhere at Flash, while a legacy USD id may debit a drained wallet.
        """
        held = [wallet for wallet in self.wallets if wallet.currency in ("USD", "USDT")]
        held.sort(key=lambda wallet: (wallet.currency != "USDT", wallet.id != self.default_wallet_id))
        return held[0] if held else None


@dataclass(frozen=True)
class NewInvoice:
    """Its sats, network and expiry are read from the BOLT 11: Flash's own `satoshis` is always null."""

    bolt11: str
    payment_hash: str


class InvoiceStatus(StrEnum):
    PENDING = "PENDING"
    PAID = "PAID"
    EXPIRED = "EXPIRED"


@dataclass(frozen=True)
class Price:
    """Indicative: the rate of an invoice is what its BOLT 11 says. `at` is Flash's clock, not the market feed's."""

    currency: str
    minor_per_sat: Decimal
    minor_per_usd_cent: Decimal
    at: datetime


@dataclass(frozen=True)
class Cutover:
    """Flash's move from USD to USDT wallets: PRE, IN_PROGRESS, COMPLETE or ROLLED_BACK."""

    state: str
    version: int


@dataclass(frozen=True)
class Transaction:
    """One row of the newest hundred. `amount` is in major units of `currency`, negative for money that left.

    Flash's feed carries no payment hash (it is "" or absent, here None), says SUCCESS always, and turns an outage
    into an empty list: it may point at a payment, it never proves the absence of one.
    """

    id: str
    direction: str
    status: str
    created_at: datetime
    amount: Decimal
    fee: Decimal
    currency: str
    wallet_currency: str
    payment_hash: str | None
    preimage: str | None


@dataclass(frozen=True)
class TransactionDetails:
    """All that Flash tells of one transaction; any field but `id` may be missing. Amounts in major units of `currency`.

    Of a receive, hash and preimage are there; of a send they may be.
    """

    id: str
    amount: Decimal | None
    fee: Decimal | None
    currency: str | None
    status: str | None
    type: str | None
    created_at: datetime | None
    bolt11: str | None
    payment_hash: str | None
    preimage: str | None
    memo: str | None
