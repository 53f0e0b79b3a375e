"""What a bitcoin is worth in the sandbox: one settable price, and fixed fiat rates beside the dollar.

All arithmetic is on integers and decimals; rounding is named where it happens.
"""

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal

from flashpay.sandbox.accounts import UCENT_PER_CENT
from flashpay.sandbox.store import Store

SAT_PER_BTC = 100_000_000
SAT_OFFSET = 12  # Flash: minor units per sat = base / 10^12
CENT_OFFSET = 6  # Flash: minor units per US cent = base / 10^6
DEFAULT_BTC_USD = Decimal(63_500)


@dataclass(frozen=True)
class Currency:
    id: str
    name: str
    symbol: str
    flag: str
    per_usd: Decimal
    fraction_digits: int = 2


CURRENCIES = {
    c.id: c
    for c in (
        Currency("USD", "US Dollar", "$", "🇺🇸", Decimal(1)),
        Currency("JMD", "Jamaican Dollar", "J$", "🇯🇲", Decimal(160)),
        Currency("EUR", "Euro", "€", "🇪🇺", Decimal("0.86")),
        Currency("GBP", "Pound Sterling", "£", "🇬🇧", Decimal("0.75")),
        Currency("HTG", "Haitian Gourde", "G", "🇭🇹", Decimal("131")),
        Currency("XCD", "East Caribbean Dollar", "EC$", "🇦🇬", Decimal("2.70")),
        Currency("ANG", "Netherlands Antillean Guilder", "ƒ", "🇨🇼", Decimal("1.79")),
        Currency("BSD", "Bahamian Dollar", "B$", "🇧🇸", Decimal(1)),
        Currency("BBD", "Barbadian Dollar", "Bds$", "🇧🇧", Decimal(2)),
        Currency("BZD", "Belize Dollar", "BZ$", "🇧🇿", Decimal("2.01")),
        Currency("KYD", "Cayman Islands Dollar", "CI$", "🇰🇾", Decimal("0.83")),
        Currency("CUP", "Cuban Peso", "₱", "🇨🇺", Decimal(24)),
        Currency("DOP", "Dominican Peso", "RD$", "🇩🇴", Decimal("62.5")),
        Currency("TTD", "Trinidad and Tobago Dollar", "TT$", "🇹🇹", Decimal("6.78")),
    )
}


class Prices:
    def __init__(self, store: Store) -> None:
        self._store = store

    @property
    def btc_usd(self) -> Decimal:
        return Decimal(self._store.recall("btc_usd", str(DEFAULT_BTC_USD)))

    def set(self, *, btc_usd: Decimal) -> None:
        self._store.remember("btc_usd", str(btc_usd))

    def rate(self, currency: str) -> Decimal | None:
        """Units of `currency` per US dollar; None when Flash does not know the currency."""
        if currency not in CURRENCIES:
            return None
        return Decimal(self._store.recall(f"rate:{currency}", str(CURRENCIES[currency].per_usd)))

    def rate_set(self, *, currency: str, per_usd: Decimal) -> None:
        self._store.remember(f"rate:{currency}", str(per_usd))

    @property
    def cents_per_sat(self) -> Decimal:
        return self.btc_usd * 100 / SAT_PER_BTC

    def sat_base(self, per_usd: Decimal) -> int:
        """`btcSatPrice.base` of Flash's `realtimePrice`."""
        return int((self.cents_per_sat * per_usd * 10**SAT_OFFSET).to_integral_value(ROUND_HALF_EVEN))

    def cent_base(self, per_usd: Decimal) -> int:
        """`usdCentPrice.base` of Flash's `realtimePrice`."""
        return int((per_usd * 10**CENT_OFFSET).to_integral_value(ROUND_HALF_EVEN))

    def msat_for_cents(self, cents: Decimal, *, spread_ppm: int = 0) -> int:
        """What an invoice over `cents` asks for: whole sats, rounded down, with the spread the exchange takes on top."""
        sat = cents / self.cents_per_sat * (1_000_000 + spread_ppm) / 1_000_000
        return int(sat.to_integral_value(ROUND_FLOOR)) * 1000

    def ucent_for_msat(self, msat: int, *, round_up: bool = False) -> int:
        """The market value of an amount, in millionths of a cent."""
        value = Decimal(msat) / 1000 * self.cents_per_sat * UCENT_PER_CENT
        return int(value.to_integral_value(ROUND_CEILING if round_up else ROUND_FLOOR))

    @property
    def sat_per_usd(self) -> int:
        return int(SAT_PER_BTC / self.btc_usd)
