"""Exchange rates for this deployment: the rate book over Flash and the public sources, cached in Redis."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType

import httpx
import redis
from django.conf import settings
from django.utils import timezone

from flashpay import flash, live
from flashpay.money.amounts import MSAT_PER_SAT
from flashpay.money.book import RateBook
from flashpay.money.currencies import USD, Currency, currency_get
from flashpay.money.rates import DOWN, Rate, minor_from_msat
from flashpay.money.sources import CoinbaseSource, CoinGeckoSource, FlashSource, RateSource
from flashpay.once import Once
from flashpay.stores.models import Store
from flashpay.stores.wallets import anybody_open, endpoint_at

_held: ContextVar[Mapping[str, Rate]] = ContextVar("rates held", default=MappingProxyType({}))


@Once
def rate_book() -> RateBook:
    """The process's rate book; what it learns is in Redis, for all processes."""
    chain: list[RateSource] = [FlashSource(anybody_open(endpoint_at(None)).price, failures=(flash.FlashError,))]
    if not settings.SANDBOX:
        # The sandbox has a price of its own; the real market would only contradict it.
        client = httpx.Client(trust_env=False)
        chain += [CoinGeckoSource(client), CoinbaseSource(client)]
    return RateBook(live.connection(), chain, timezone.now)


def rate_get(currency: Currency) -> Rate:
    """The price of a bitcoin in `currency`, at most a minute old. Raises NoFreshRate: then nothing is priced."""
    held = _held.get().get(currency.code)
    return rate_book().rate_get(currency) if held is None else held


def worth_now(msat: int, currency: Currency) -> int | None:
    """What sats are worth at the price heard last, in minor units: to be looked at, for nothing is sold or settled by it.

    None where no price is known. Asks nobody but the book.
    """
    if currency.is_bitcoin:
        return msat // MSAT_PER_SAT
    try:
        quotes = rate_book().quotes(currency)
    except redis.RedisError:
        return None
    return minor_from_msat(msat, quotes[0], DOWN) if quotes else None


@contextmanager
def rates_held(currencies: Iterable[Currency]) -> Iterator[None]:
    """Get these rates now; inside the block `rate_get` answers them again and asks nobody.

    For work that must be one database transaction around services which price: no network call belongs inside one.
    Raises NoFreshRate at the start. A block is a request's work and lasts far less than a rate is good for.
    """
    token = _held.set({**_held.get(), **{currency.code: rate_get(currency) for currency in currencies}})
    try:
        yield
    finally:
        _held.reset(token)


def rates_refresh() -> None:
    """Ask the sources for the dollar and for what the stores price in; each currency costs Flash a request."""
    codes = {USD.code, *Store.objects.filter(archived=False).values_list("default_currency", flat=True)}
    currencies = [currency_get(code) for code in sorted(codes)]
    rate_book().rates_refresh([currency for currency in currencies if not currency.is_bitcoin])
