"""The currencies that FlashPay counts in: bitcoin's two units and those that Flash prices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from flashpay.money.errors import UnknownCurrency

SAT_PER_BTC: Final = 100_000_000
# There will never be 21 million bitcoin; no single amount can reach that.
SUPPLY_SAT: Final = 21_000_000 * SAT_PER_BTC
# A hundred billion dollars, euros or gourdes: beyond any invoice, and far inside a 64-bit column.
FIAT_LIMIT_MINOR: Final = 10**13


@dataclass(frozen=True, slots=True)
class Currency:
    """A unit of account.

    `decimals`: digits after the point, by ISO 4217; the minor unit is 10^-decimals of the major one. SAT has none,
    and BTC has eight, so the minor unit of both is the satoshi.
    """

    code: str
    name: str
    decimals: int
    symbol: str

    @property
    def is_bitcoin(self) -> bool:
        """Whether it converts to Lightning amounts without an exchange rate."""
        return self.code in ("SAT", "BTC")

    @property
    def minor_per_major(self) -> int:
        return 10**self.decimals

    @property
    def limit_minor(self) -> int:
        """Amounts must stay below this many minor units."""
        return SUPPLY_SAT if self.is_bitcoin else FIAT_LIMIT_MINOR

    def __str__(self) -> str:
        return self.code


SAT: Final = Currency("SAT", "Satoshi", 0, "sat")
BTC: Final = Currency("BTC", "Bitcoin", 8, "₿")
USD: Final = Currency("USD", "US dollar", 2, "$")

# Flash's `currencyList`. Each symbol belongs to one currency alone, so that an amount can be shown without its code.
_PRICED: Final = (
    USD,
    Currency("JMD", "Jamaican dollar", 2, "J$"),
    Currency("EUR", "Euro", 2, "€"),
    Currency("GBP", "Pound sterling", 2, "£"),
    Currency("HTG", "Haitian gourde", 2, "G"),
    Currency("XCD", "East Caribbean dollar", 2, "EC$"),
    Currency("ANG", "Netherlands Antillean guilder", 2, "ƒ"),
    Currency("BSD", "Bahamian dollar", 2, "B$"),
    Currency("BBD", "Barbadian dollar", 2, "Bds$"),
    Currency("BZD", "Belize dollar", 2, "BZ$"),
    Currency("KYD", "Cayman Islands dollar", 2, "CI$"),
    Currency("CUP", "Cuban peso", 2, "CU$"),
    Currency("DOP", "Dominican peso", 2, "RD$"),
    Currency("TTD", "Trinidad and Tobago dollar", 2, "TT$"),
)

CURRENCIES: Final[dict[str, Currency]] = {currency.code: currency for currency in (SAT, BTC, *_PRICED)}
FIAT_CURRENCIES: Final[tuple[Currency, ...]] = _PRICED

_LONGEST_CODE_SHOWN: Final = 12


def currency_get(code: str) -> Currency:
    """The currency with this code, in any case; `SATS` is understood as SAT.

    Raises UnknownCurrency with a sentence that names the ones there are.
    """
    wanted = code.strip().upper()
    currency = CURRENCIES.get("SAT" if wanted == "SATS" else wanted)
    if currency is None:
        raise UnknownCurrency(
            f"{_shown(code)} is not a currency that FlashPay knows. It knows {', '.join(CURRENCIES)}."
        )
    return currency


def _shown(code: str) -> str:
    """What was typed, short enough and printable enough to repeat to a person."""
    stripped = code.strip()
    if not stripped:
        return "An empty code"
    if len(stripped) > _LONGEST_CODE_SHOWN or not stripped.isprintable():
        return "That"
    return f"“{stripped}”"
