"""Exchange rates as values, and exact conversion between millisatoshi and minor units.

A Rate is a snapshot that is stored beside every result it made: price, source and time. Arithmetic is on integers
and fractions; the only rounding is the last step, in the direction that the caller names.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from typing import Final

from flashpay.money.amounts import LIMIT_MSAT, MSAT_PER_BTC, MSAT_PER_SAT, amount_format, msat_format
from flashpay.money.currencies import SAT_PER_BTC, Currency, currency_get
from flashpay.money.errors import BadAmount

# Eight decimals and 24 digits hold the price of a bitcoin in any currency, and fit a database column exactly.
PRICE_DECIMALS: Final = 8
PRICE_DIGITS: Final = 24
# The source of the rate between bitcoin and its own units: nobody had to be asked.
PAR: Final = "par"

_PRICE_STEP: Final = Decimal(1).scaleb(-PRICE_DECIMALS)
_PRICE_CONTEXT: Final = Context(prec=PRICE_DIGITS, rounding=ROUND_HALF_EVEN)


class Rounding(enum.Enum):
    """Where to go when the exact result lies between two units.

    UP when asking for money (never too little for the merchant), DOWN when paying it (never more than the claim).
    """

    UP = "up"
    DOWN = "down"


UP: Final = Rounding.UP
DOWN: Final = Rounding.DOWN


@dataclass(frozen=True, slots=True)
class Rate:
    """The price of 1 BTC in major units of `currency`, who said so, and when it was true.

    `btc_price` is positive with at most eight decimals (`price_rounded`); `at` has a time zone. Raises ValueError
    (TypeError for a float) for anything else, so that a Rate that exists can be relied upon and stored.
    """

    currency: Currency
    btc_price: Decimal
    source: str
    at: datetime

    def __post_init__(self) -> None:
        if not isinstance(self.btc_price, Decimal):
            raise TypeError("the price of a bitcoin is a Decimal")
        if not self.btc_price.is_finite() or self.btc_price <= 0:
            raise ValueError("the price of a bitcoin is a positive number")
        if self.btc_price != price_rounded(self.btc_price):
            raise ValueError(f"the price of a bitcoin has at most {PRICE_DECIMALS} decimals and {PRICE_DIGITS} digits")
        if self.at.tzinfo is None:
            raise ValueError("the time of a rate has a time zone")

    @property
    def minor_per_msat(self) -> Fraction:
        return Fraction(self.btc_price) * self.currency.minor_per_major / MSAT_PER_BTC

    def age_s(self, now: datetime) -> float:
        """Seconds since the price was true; negative where the source's clock is ahead."""
        return (now - self.at).total_seconds()

    def as_dict(self) -> dict[str, str]:
        """For JSON: strings only, read back by `rate_from_dict`."""
        return {
            "currency": self.currency.code,
            "btc_price": format(self.btc_price, "f"),
            "source": self.source,
            "at": self.at.isoformat(),
        }


def price_rounded(price: Decimal | Fraction) -> Decimal:
    """The nearest price that a Rate can hold. Raises ValueError for what is not a number or has too many digits."""
    try:
        if isinstance(price, Fraction):
            price = _PRICE_CONTEXT.divide(Decimal(price.numerator), Decimal(price.denominator))
        return price.quantize(_PRICE_STEP, context=_PRICE_CONTEXT)
    except ArithmeticError as error:
        raise ValueError("that is not a price") from error


def rate_from_dict(stored: dict[str, str]) -> Rate:
    """Read what `Rate.as_dict` wrote. Raises ValueError or KeyError for anything else."""
    try:
        price = Decimal(stored["btc_price"])
    except ArithmeticError as error:
        raise ValueError("the stored price is not a number") from error
    return Rate(currency_get(stored["currency"]), price, stored["source"], datetime.fromisoformat(stored["at"]))


def rate_par(currency: Currency, at: datetime) -> Rate:
    """The rate of SAT or BTC, which is true by definition and needs no source. Raises ValueError for fiat."""
    if not currency.is_bitcoin:
        raise ValueError(f"{currency.code} has no fixed price in bitcoin")
    return Rate(currency, Decimal(SAT_PER_BTC // currency.minor_per_major), PAR, at)


def rate_from_amounts(*, minor: int, msat: int, currency: Currency, source: str, at: datetime) -> Rate:
    """The rate that was applied where `minor` units were exchanged for `msat`, to the nearest price a Rate can hold.

    For a BOLT 11 that a service issued against a fiat amount: its own rate, not an indicative one. Raises ValueError
    where either amount is not positive.
    """
    if minor <= 0 or msat <= 0:
        raise ValueError("a rate needs two positive amounts")
    return Rate(currency, price_rounded(Fraction(minor * MSAT_PER_BTC, msat * currency.minor_per_major)), source, at)


def msat_from_minor(minor: int, rate: Rate, rounding: Rounding) -> int:
    """Convert an amount into millisatoshi: whole sats, so always a multiple of 1000.

    DOWN may give 0 for an amount worth less than one sat. Raises BadAmount for a negative amount, or one that is worth
    more bitcoin than there will ever be.
    """
    if minor < 0:
        raise BadAmount("An amount cannot be negative.", "negative")
    msat = _rounded(Fraction(minor) / (rate.minor_per_msat * MSAT_PER_SAT), rounding) * MSAT_PER_SAT
    if msat >= LIMIT_MSAT:
        raise BadAmount(f"The amount must be worth less than {msat_format(LIMIT_MSAT)}.", "too_large")
    return msat


def minor_from_msat(msat: int, rate: Rate, rounding: Rounding) -> int:
    """Convert millisatoshi into minor units of the rate's currency.

    Raises BadAmount for a negative amount, or one beyond what the currency's amounts can hold.
    """
    if msat < 0:
        raise BadAmount("An amount cannot be negative.", "negative")
    minor = _rounded(msat * rate.minor_per_msat, rounding)
    if minor >= rate.currency.limit_minor:
        limit = amount_format(rate.currency.limit_minor, rate.currency)
        raise BadAmount(f"The amount must be worth less than {limit}.", "too_large")
    return minor


def _rounded(exact: Fraction, rounding: Rounding) -> int:
    down = exact.numerator // exact.denominator
    return down if rounding is Rounding.DOWN or exact == down else down + 1
