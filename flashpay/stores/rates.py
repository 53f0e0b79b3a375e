"""Exchange rates for this deployment: the rate book over Flash and the public sources, cached in Redis."""

from __future__ import annotations

from functools import cache

from django.conf import settings
from django.utils import timezone

from flashpay import flash, live
from flashpay.money import book, sources
from flashpay.money.currencies import Currency
from flashpay.money.rates import Rate


@cache
def rate_book() -> book.RateBook:
    """The process's rate book; what it learns is in Redis, for all processes."""
    anonymous = flash.Flash(flash.Endpoint(settings.FLASH_API_URL, settings.FLASH_WS_URL), flash.Anonymous())
    chain = [sources.FlashSource(anonymous.price)]
    if not settings.SANDBOX:
        chain += [sources.CoinGecko(settings.COINGECKO_URL), sources.Kraken(settings.KRAKEN_URL)]
    return book.RateBook(live.connection(), chain, timezone.now)


def rate_get(currency: Currency) -> Rate:
    """The price of a bitcoin in `currency`, at most a minute old. Raises NoFreshRate: then nothing is priced."""
    return rate_book().rate_get(currency)
