"""What the doctor asks about stores: their wallets, the clock, the rates. Changes nothing, and asks Flash only for the time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import redis

from flashpay import flash
from flashpay.crypto import CannotDecrypt
from flashpay.money.currencies import USD
from flashpay.money.errors import NoFreshRate
from flashpay.stores.clock import clock_compare
from flashpay.stores.health import connection_health
from flashpay.stores.models import WalletConnection
from flashpay.stores.rates import rate_book, rate_get
from flashpay.stores.wallets import anybody_open, endpoint_at


@dataclass(frozen=True)
class Finding:
    """`well` is False for what needs a person."""

    name: str
    well: bool
    words: str


def checkup() -> Iterator[Finding]:
    """Clock, rates and their sources, and every store's wallet, one finding each. Needs a database."""
    yield from _clock()
    yield from _rates()
    yield from _wallets()


def _clock() -> Iterator[Finding]:
    try:
        reading = clock_compare(anybody_open(endpoint_at(None)))
    except flash.FlashError as error:
        yield Finding("clock", False, f"could not be compared with Flash's: {error}")
    else:
        yield Finding("clock", reading.is_right, reading.words)


def _rates() -> Iterator[Finding]:
    try:
        rate = rate_get(USD)
        yield Finding("rate", True, f"{rate.btc_price:,.2f} USD for a bitcoin, from {rate.source}")
        for state in rate_book().source_states():
            words = "answers" if state.working else state.reason or "not asked yet"
            yield Finding(f"rates of {state.name}", not state.reason, words)
        for warning in rate_book().spread_warnings():
            yield Finding("rates", False, str(warning))
    except NoFreshRate as error:
        yield Finding("rate", False, str(error))
    except redis.RedisError:
        yield Finding("rate", False, "not known while Redis does not answer")


def _wallets() -> Iterator[Finding]:
    active = WalletConnection.objects.filter(is_active=True, store__archived=False)
    ids = list(active.order_by("store__created_at").values_list("pk", "store__name"))
    if not ids:
        yield Finding("wallets", True, "no store has connected one yet")
    for pk, store_name in ids:
        name = f"wallet of {store_name}"
        try:
            health = connection_health(connection=WalletConnection.objects.get(pk=pk))
        except CannotDecrypt as error:
            yield Finding(name, False, str(error))
            continue
        troubles = health.wallet_troubles
        words = (
            " ".join(trouble.sentence for trouble in troubles) or f"{health.connection.username or 'connected'}, well"
        )
        yield Finding(name, not troubles, words)
