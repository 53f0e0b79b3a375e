"""The book of rates: what each source said last, kept in Redis for all processes, and which of it may be used.

`rates_refresh` (every 15 s, by one process at a time) asks the sources and writes; `rate_get` reads, and asks the
sources itself only where the book has nothing fresh. The first source of the chain that is fresh enough counts; prices
are never averaged, aged or estimated. A book holds no state of its own: any number of them may share one Redis.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import redis
from redis.exceptions import LockError

from flashpay.money.currencies import FIAT_CURRENCIES, Currency
from flashpay.money.errors import NoFreshRate
from flashpay.money.rates import Rate, rate_from_dict, rate_par
from flashpay.money.sources import CLOCK_SKEW_S, LONGEST_WAIT_S, RateSource, SourceFailed

# How old a rate may be when a price is quoted, and when it may be used for anything at all.
QUOTE_MAX_AGE_S: Final = 60
MAX_AGE_S: Final = 300
SPREAD_LIMIT_PERCENT: Final = Decimal(2)

# After all sources failed for a currency, requests are refused at once for this long instead of asking again.
RETRY_S: Final = 5
# Longer than all sources together take at their slowest; a crash while asking is forgotten after it.
LOCK_S: Final = 60
# How long a request waits for the answer that another one is already asking for, and how often it looks.
WAIT_S: Final = 12
LOOK_S: Final = 0.05
# What is known of a source is shown on the health page; a source that left the chain is forgotten after a day.
STATE_KEPT_S: Final = 86_400

_MOMENTS: Final = ("asked_at", "answered_at", "retry_at")


@dataclass(frozen=True, slots=True)
class SourceState:
    """How asking one source went last. Never asked: `asked_at` is None. Working: `reason` is empty."""

    name: str
    asked_at: datetime | None = None
    answered_at: datetime | None = None
    reason: str = ""
    retry_at: datetime | None = None
    asked: frozenset[str] = frozenset()

    @property
    def working(self) -> bool:
        return self.asked_at is not None and not self.reason

    # A clock that was wrong and is set right must not keep a source unasked: moments that cannot be are ignored.
    def is_resting(self, now: datetime) -> bool:
        """Whether the source asked to be left alone until later."""
        return self.retry_at is not None and now < self.retry_at <= now + timedelta(seconds=LONGEST_WAIT_S)

    def was_asked(self, now: datetime, within_s: int) -> bool:
        return self.asked_at is not None and 0 <= (now - self.asked_at).total_seconds() < within_s


@dataclass(frozen=True, slots=True)
class SpreadWarning:
    """Two sources that are both fresh and disagree by more than SPREAD_LIMIT_PERCENT."""

    currency: Currency
    low: Rate
    high: Rate

    @property
    def percent(self) -> Decimal:
        return ((self.high.btc_price / self.low.btc_price - 1) * 100).quantize(Decimal("0.1"))

    def __str__(self) -> str:
        return (
            f"The sources differ by {self.percent} % in {self.currency}: {self.low.source} says "
            f"{self.low.btc_price:,.2f}, {self.high.source} says {self.high.btc_price:,.2f} for a bitcoin."
        )


class RateBook:
    """Rates of `sources`, in the order in which they are preferred, kept in `store`.

    `clock` says what time it is (with a zone); `prefix` keeps books apart that share a Redis but not their sources.
    """

    def __init__(
        self,
        store: redis.Redis,
        sources: Sequence[RateSource],
        clock: Callable[[], datetime],
        *,
        prefix: str = "flashpay:rates",
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        # Redis commands are typed for both of its clients at once; this one is the synchronous.
        self._store: Any = store
        self._sources = tuple(sources)
        self._clock = clock
        self._prefix = prefix
        self._sleep = sleep
        self._monotonic = monotonic

    def rate_get(self, currency: Currency, *, max_age_s: int = QUOTE_MAX_AGE_S) -> Rate:
        """The rate of `currency`, at most `max_age_s` (up to MAX_AGE_S) old; par for SAT and BTC.

        May ask the sources, so it does not belong inside a database transaction; of many that ask at once, one asks.
        Raises NoFreshRate where nothing young enough can be had, or Redis cannot be reached.
        """
        if not 0 < max_age_s <= MAX_AGE_S:
            raise ValueError(f"a rate may be at most {MAX_AGE_S} s old")
        if currency.is_bitcoin:
            return rate_par(currency, self._clock())
        try:
            rate = self._fresh(currency, max_age_s) or self._fresh_after_asking(currency, max_age_s)
        except redis.RedisError as error:
            raise NoFreshRate(
                f"The exchange rate of {currency} cannot be looked up right now. "
                "No money has moved. Please try again in a moment, or use sats.",
                "rates_unreachable",
            ) from error
        if rate is None:
            raise NoFreshRate(
                f"There is no exchange rate of {currency} from the last {_duration(max_age_s)}, and FlashPay "
                "does not guess one. No money has moved. Please try again in a moment, or use sats."
            )
        return rate

    def rates_refresh(self, currencies: Iterable[Currency]) -> None:
        """Ask every source for these currencies and store what each says. Does nothing while another process does.

        A source that fails, or asked to be left alone, is skipped with its reason remembered. Raises redis.RedisError.
        """
        wanted = [currency for currency in currencies if not currency.is_bitcoin]
        lock = self._store.lock(f"{self._prefix}:lock:refresh", timeout=LOCK_S, thread_local=False)
        if not wanted or not lock.acquire(blocking=False):
            return
        try:
            for source in self._sources:
                self._ask(source, wanted)
        finally:
            _release(lock)

    def quotes(self, currency: Currency) -> tuple[Rate, ...]:
        """What each source said last, in the order of the chain, as far as it is at most MAX_AGE_S old."""
        now = self._clock()
        stored = {rate.source: rate for rate in self._stored(currency)}
        chain = (stored.get(source.name) for source in self._sources)
        return tuple(rate for rate in chain if rate is not None and _is_fresh(rate, now, MAX_AGE_S))

    def spread_warnings(self, currencies: Iterable[Currency] = FIAT_CURRENCIES) -> tuple[SpreadWarning, ...]:
        """The currencies in which fresh sources disagree by more than SPREAD_LIMIT_PERCENT, with both extremes."""
        warnings = []
        for currency in currencies:
            quotes = sorted(self.quotes(currency), key=lambda rate: rate.btc_price)
            if quotes and quotes[-1].btc_price * 100 > quotes[0].btc_price * (100 + SPREAD_LIMIT_PERCENT):
                warnings.append(SpreadWarning(currency, quotes[0], quotes[-1]))
        return tuple(warnings)

    def source_states(self) -> tuple[SourceState, ...]:
        """How each source of the chain is doing, for a health page."""
        return tuple(self._state(source.name) for source in self._sources)

    def _fresh(self, currency: Currency, max_age_s: int) -> Rate | None:
        now = self._clock()
        return next((rate for rate in self.quotes(currency) if _is_fresh(rate, now, max_age_s)), None)

    def _fresh_after_asking(self, currency: Currency, max_age_s: int) -> Rate | None:
        """Ask the sources, or wait for the process that is asking them already."""
        lock = self._store.lock(f"{self._prefix}:lock:{currency}", timeout=LOCK_S, thread_local=False)
        end = self._monotonic() + WAIT_S
        while not self._tried_just_now(currency):
            if lock.acquire(blocking=False):
                try:
                    return self._fresh(currency, max_age_s) or self._asked(currency, max_age_s)
                finally:
                    _release(lock)
            if self._monotonic() >= end:
                return None
            self._sleep(LOOK_S)
            if rate := self._fresh(currency, max_age_s):
                return rate
        return None

    def _asked(self, currency: Currency, max_age_s: int) -> Rate | None:
        """Ask one source after the other until one gives a fresh price; remember if none does."""
        # Another process may have asked, in vain, between our look and our lock.
        if self._tried_just_now(currency):
            return None
        for source in self._sources:
            self._ask(source, [currency])
            if rate := self._fresh(currency, max_age_s):
                return rate
        self._store.set(f"{self._prefix}:tried:{currency}", self._clock().isoformat(), ex=RETRY_S)
        return None

    def _tried_just_now(self, currency: Currency) -> bool:
        tried = self._store.get(f"{self._prefix}:tried:{currency}")
        if tried is None:
            return False
        at = datetime.fromisoformat(tried.decode() if isinstance(tried, bytes) else tried)
        return abs((self._clock() - at).total_seconds()) < RETRY_S

    def _ask(self, source: RateSource, currencies: Sequence[Currency]) -> None:
        before, now = self._state(source.name), self._clock()
        codes = frozenset(currency.code for currency in currencies)
        if before.is_resting(now) or (codes <= before.asked and before.was_asked(now, source.interval_s)):
            return
        reason, retry_at = "", None
        try:
            rates = source.quotes(currencies, now)
        except SourceFailed as failure:
            rates, reason = failure.rates, failure.reason
            retry_at = now + timedelta(seconds=failure.retry_after_s) if failure.retry_after_s else None
        self._rates_store(rates)
        if not reason and rates and not any(_is_fresh(rate, now, MAX_AGE_S) for rate in rates):
            reason = f"Its newest price is from {max(rate.at for rate in rates):%H:%M:%S} UTC, which is too long ago."
        answered_at = before.answered_at if reason else now
        self._state_store(SourceState(source.name, now, answered_at, reason, retry_at, codes))

    def _rates_store(self, rates: Iterable[Rate]) -> None:
        pipeline = self._store.pipeline(transaction=False)
        for rate in rates:
            pipeline.hset(self._quotes_key(rate.currency), rate.source, json.dumps(rate.as_dict()))
            pipeline.expire(self._quotes_key(rate.currency), MAX_AGE_S)
        pipeline.execute()

    def _stored(self, currency: Currency) -> list[Rate]:
        rates = []
        for text in self._store.hgetall(self._quotes_key(currency)).values():
            try:
                rate = rate_from_dict(json.loads(text))
            # Written by a version that wrote them differently: as good as absent.
            except (ValueError, KeyError, TypeError):
                continue
            if rate.currency == currency:
                rates.append(rate)
        return rates

    def _quotes_key(self, currency: Currency) -> str:
        return f"{self._prefix}:quotes:{currency}"

    def _state(self, name: str) -> SourceState:
        text = self._store.get(f"{self._prefix}:source:{name}")
        if text is None:
            return SourceState(name)
        try:
            known = json.loads(text)
            moments = {key: known[key] and datetime.fromisoformat(known[key]) for key in _MOMENTS}
            return SourceState(name, reason=known["reason"], asked=frozenset(known["asked"]), **moments)
        # Written by a version that wrote it differently: as good as never asked.
        except (ValueError, KeyError, TypeError):
            return SourceState(name)

    def _state_store(self, state: SourceState) -> None:
        moments = {key: getattr(state, key) for key in _MOMENTS}
        known: dict[str, Any] = {key: moment and moment.isoformat() for key, moment in moments.items()}
        known |= {"reason": state.reason, "asked": sorted(state.asked)}
        self._store.set(f"{self._prefix}:source:{state.name}", json.dumps(known), ex=STATE_KEPT_S)


def _is_fresh(rate: Rate, now: datetime, max_age_s: int) -> bool:
    return -CLOCK_SKEW_S <= rate.age_s(now) <= max_age_s


def _release(lock: Any) -> None:
    # It may have expired while the sources were slow: somebody else holds it now, or nobody.
    with suppress(LockError):
        lock.release()


def _duration(seconds: int) -> str:
    return f"{seconds} seconds" if seconds < 120 or seconds % 60 else f"{seconds // 60} minutes"
