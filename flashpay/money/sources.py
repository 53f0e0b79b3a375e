"""Where exchange rates come from: Flash first, then two public sources, each read strictly by its own parser.

    RateSource (protocol)      name, interval_s, quotes(currencies, now)
    ├── FlashSource            Flash's `realtimePrice`, one question per currency
    ├── CoinGeckoSource        /api/v3/simple/price, with the time of the price
    └── CoinbaseSource         /v2/exchange-rates, which covers Flash's Caribbean currencies

A source answers with Rates, or raises SourceFailed with a reason in words. What it cannot vouch for it leaves out:
a number that is not one, a price outside all reason, a time in the future. Nothing here decides what is fresh enough.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, Protocol

import httpx

from flashpay.money.currencies import SAT_PER_BTC, Currency
from flashpay.money.rates import Rate, price_rounded

COINGECKO_URL: Final = "https://api.coingecko.com"
COINBASE_URL: Final = "https://api.coinbase.com"

ANSWER_TIMEOUT_S: Final = 5.0
# Both answers are far smaller; whatever sends more is not the service we know.
ANSWER_LIMIT_BYTES: Final = 256 * 1024
# Clocks of well-kept machines differ by less; a price from further ahead tells that one of the two is wrong.
CLOCK_SKEW_S: Final = 60
# Longer waits than this are asked for by mistake; the source is tried again after it.
LONGEST_WAIT_S: Final = 600

# A bitcoin between a thousand and five million dollars. Wide enough for years, narrow enough to catch a price in
# the wrong unit (cents, or a sat instead of a bitcoin).
_LOWEST_USD: Final = 1_000
_HIGHEST_USD: Final = 5_000_000
# Roughly how many of each make a dollar, for that check alone: never used to convert anything.
_ABOUT_PER_USD: Final = {
    "USD": Decimal(1),
    "JMD": Decimal(160),
    "EUR": Decimal("0.9"),
    "GBP": Decimal("0.8"),
    "HTG": Decimal(130),
    "XCD": Decimal("2.7"),
    "ANG": Decimal("1.8"),
    "BSD": Decimal(1),
    "BBD": Decimal(2),
    "BZD": Decimal(2),
    "KYD": Decimal("0.83"),
    "CUP": Decimal(60),  # between the official rates and the one of the street
    "DOP": Decimal(60),
    "TTD": Decimal("6.8"),
}
_PLAIN_NUMBER: Final = re.compile(r"[0-9]{1,20}(?:\.[0-9]{1,40})?")
_WHOLE_SECONDS: Final = re.compile(r"[0-9]{1,9}")


class SourceFailed(Exception):
    """A source gave no answer, or not all of it. `str()` is the reason, for a health page.

    `rates` holds what it did answer; `retry_after_s` is set where the source asked to be left alone for a while.
    """

    def __init__(self, reason: str, *, rates: Iterable[Rate] = (), retry_after_s: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.rates = tuple(rates)
        self.retry_after_s = None if retry_after_s is None else max(1, min(retry_after_s, LONGEST_WAIT_S))


class RateSource(Protocol):
    """`name` is stored with every rate; the same currencies are not asked for more than once per `interval_s`."""

    @property
    def name(self) -> str: ...

    @property
    def interval_s(self) -> int: ...

    def quotes(self, currencies: Sequence[Currency], now: datetime) -> tuple[Rate, ...]:
        """The prices it has among those asked for. Raises SourceFailed where one is missing that it should have."""
        ...


class FlashPrice(Protocol):
    """The part of `flashpay.flash`'s Price that is used: minor units of the currency for one sat, and Flash's clock."""

    @property
    def minor_per_sat(self) -> Decimal: ...

    @property
    def at(self) -> datetime: ...


class FlashSource:
    """Flash's own indicative price (`realtimePrice`).

    `price` asks Flash for one currency code and `failures` are what it may raise. Flash stamps a price with its clock,
    not with the time of its feed, and may repeat a price for ten minutes while its feed is down: only the comparison
    with other sources shows that. One currency's failure does not keep the others back, unless Flash asks to wait or
    the time for all of them, `timeout_s`, is over.
    """

    name = "flash"
    interval_s = 5

    def __init__(
        self,
        price: Callable[[str], FlashPrice],
        *,
        failures: tuple[type[Exception], ...],
        timeout_s: float = 10.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._price = price
        self._failures = failures
        self._timeout_s = timeout_s
        self._monotonic = monotonic

    def quotes(self, currencies: Sequence[Currency], now: datetime) -> tuple[Rate, ...]:
        rates: list[Rate] = []
        reasons: list[str] = []
        end = self._monotonic() + self._timeout_s
        for currency in currencies:
            if self._monotonic() >= end:
                reasons.append("There was no time to ask Flash for every currency.")
                break
            try:
                rates.append(self._quote(currency, now))
            except self._failures as error:
                reasons.append(str(error))
                wait_s = getattr(getattr(error, "judgement", None), "retry_after_s", None)
                if wait_s is not None:
                    raise SourceFailed(str(error), rates=rates, retry_after_s=wait_s) from error
            except SourceFailed as error:
                reasons.append(error.reason)
        if reasons:
            raise SourceFailed(reasons[0], rates=rates)
        return tuple(rates)

    def _quote(self, currency: Currency, now: datetime) -> Rate:
        price = self._price(currency.code)
        if not isinstance(price.minor_per_sat, Decimal) or not price.minor_per_sat.is_finite():
            raise SourceFailed(f"Flash's price in {currency} is not a number.")
        btc_price = price.minor_per_sat * SAT_PER_BTC / currency.minor_per_major
        return _rate(self.name, "Flash", currency, btc_price, price.at, now)


class CoinGeckoSource:
    """CoinGecko's average over markets, of the time that it states (`last_updated_at`), renewed about once a minute.

    It prices dollars, euros, pounds and few of the other currencies; those it lacks are absent from its answer. The
    public address takes only a few requests per minute. `headers` may carry a key where the operator has one.
    """

    name = "coingecko"
    interval_s = 25

    def __init__(
        self, client: httpx.Client, *, base_url: str = COINGECKO_URL, headers: dict[str, str] | None = None
    ) -> None:
        self._ask = _JsonQuestion("CoinGecko", client, f"{base_url.rstrip('/')}/api/v3/simple/price", headers or {})

    def quotes(self, currencies: Sequence[Currency], now: datetime) -> tuple[Rate, ...]:
        answer, _ = self._ask(
            ids="bitcoin",
            vs_currencies=",".join(currency.code.lower() for currency in currencies),
            include_last_updated_at="true",
            precision="4",
        )
        prices = answer.get("bitcoin") if isinstance(answer, dict) else None
        if not isinstance(prices, dict):
            raise SourceFailed("CoinGecko's answer has no price of bitcoin.")
        seconds = prices.get("last_updated_at")
        if not isinstance(seconds, int) or not 0 < seconds < 10**11:
            raise SourceFailed("CoinGecko does not say from when its price is.")
        at = datetime.fromtimestamp(seconds, UTC)
        found = [
            (currency, prices[currency.code.lower()]) for currency in currencies if currency.code.lower() in prices
        ]
        return _rates(self.name, "CoinGecko", found, at, now)


class CoinbaseSource:
    """Coinbase's exchange rates for one bitcoin, renewed about once a minute, in every currency that Flash prices.

    The answer carries no time. It counts as young as the request, less the `Age` with which a cache on the way may
    have kept it.
    """

    name = "coinbase"
    interval_s = 10

    def __init__(self, client: httpx.Client, *, base_url: str = COINBASE_URL) -> None:
        self._ask = _JsonQuestion("Coinbase", client, f"{base_url.rstrip('/')}/v2/exchange-rates", {})

    def quotes(self, currencies: Sequence[Currency], now: datetime) -> tuple[Rate, ...]:
        answer, headers = self._ask(currency="BTC")
        data = answer.get("data") if isinstance(answer, dict) else None
        if not isinstance(data, dict) or data.get("currency") != "BTC" or not isinstance(data.get("rates"), dict):
            raise SourceFailed("Coinbase's answer has no rates of bitcoin.")
        age = headers.get("age", "0")
        if not _WHOLE_SECONDS.fullmatch(age):
            raise SourceFailed("Coinbase's answer does not say how old it is.")
        found = [
            (currency, _plain_number(data["rates"][currency.code]))
            for currency in currencies
            if currency.code in data["rates"]
        ]
        return _rates(self.name, "Coinbase", found, now - timedelta(seconds=int(age)), now)


class _JsonQuestion:
    """One GET for a small JSON document, bounded in time and size. Raises SourceFailed for everything else."""

    def __init__(self, service: str, client: httpx.Client, url: str, headers: dict[str, str]) -> None:
        self._service = service
        self._client = client
        self._url = url
        # No compression: a few kilobytes do not need it, and what arrives is then what is counted.
        self._headers = {"Accept": "application/json", "Accept-Encoding": "identity", **headers}

    def __call__(self, **params: str) -> tuple[Any, httpx.Headers]:
        try:
            with self._client.stream(
                "GET",
                self._url,
                params=params,
                headers=self._headers,
                timeout=ANSWER_TIMEOUT_S,
                follow_redirects=False,
            ) as response:
                if response.status_code != httpx.codes.OK:
                    raise self._refused(response)
                return _json(self._body(response)), response.headers
        except httpx.TimeoutException as error:
            raise SourceFailed(f"{self._service} did not answer in time.") from error
        except httpx.HTTPError as error:
            raise SourceFailed(f"{self._service} could not be reached ({type(error).__name__}).") from error
        # Every way of not being the JSON we expect: bad syntax or encoding, absurd numbers, absurd depth.
        except (ValueError, ArithmeticError, RecursionError) as error:
            raise SourceFailed(f"{self._service}'s answer is not readable JSON.") from error

    def _body(self, response: httpx.Response) -> bytes:
        # httpx limits the time between two pieces; this limits all of them.
        end = time.monotonic() + ANSWER_TIMEOUT_S
        body = bytearray()
        for piece in response.iter_raw():
            body += piece
            if len(body) > ANSWER_LIMIT_BYTES:
                raise SourceFailed(f"{self._service}'s answer is far too long.")
            if time.monotonic() > end:
                raise SourceFailed(f"{self._service} did not answer in time.")
        return bytes(body)

    def _refused(self, response: httpx.Response) -> SourceFailed:
        wait = response.headers.get("retry-after", "")
        wait_s = int(wait) if _WHOLE_SECONDS.fullmatch(wait) else None
        if response.status_code == httpx.codes.TOO_MANY_REQUESTS:
            return SourceFailed(f"{self._service} asks for fewer requests (HTTP 429).", retry_after_s=wait_s or 60)
        return SourceFailed(f"{self._service} answered HTTP {response.status_code}.", retry_after_s=wait_s)


def _json(body: bytes) -> Any:
    return json.loads(body, parse_float=Decimal, parse_constant=_no_constant)


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _plain_number(value: object) -> Decimal | None:
    return Decimal(value) if isinstance(value, str) and _PLAIN_NUMBER.fullmatch(value) else None


def _rates(
    name: str, service: str, found: Iterable[tuple[Currency, Any]], at: datetime, now: datetime
) -> tuple[Rate, ...]:
    """Rates for the prices that pass. Raises SourceFailed, with those, where one does not."""
    rates: list[Rate] = []
    reasons: list[str] = []
    for currency, price in found:
        try:
            rates.append(_rate(name, service, currency, price, at, now))
        except SourceFailed as error:
            reasons.append(error.reason)
    if reasons:
        raise SourceFailed(reasons[0], rates=rates)
    return tuple(rates)


def _rate(name: str, service: str, currency: Currency, price: object, at: datetime, now: datetime) -> Rate:
    """One checked Rate; its time is the source's, and never later than `now`."""
    # A bool is an int to Python, and true is no price.
    if isinstance(price, bool) or not isinstance(price, int | Decimal):
        raise SourceFailed(f"{service}'s price in {currency} is not a number.")
    about = _ABOUT_PER_USD.get(currency.code)
    if about is None or not _LOWEST_USD * about <= price <= _HIGHEST_USD * about:
        raise SourceFailed(f"{service}'s price in {currency} is outside all reason.")
    if (at - now).total_seconds() > CLOCK_SKEW_S:
        raise SourceFailed(f"{service}'s price is from the future: one of the two clocks is wrong.")
    return Rate(currency, price_rounded(Decimal(price)), name, min(at, now))
