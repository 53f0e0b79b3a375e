from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from flashpay.money.book import RateBook
from flashpay.money.currencies import BTC, SAT, USD, Currency, currency_get
from flashpay.money.errors import NoFreshRate
from flashpay.money.rates import Rate
from flashpay.money.sources import CoinbaseSource, CoinGeckoSource, FlashSource, RateSource
from tests.money.price_server import PriceServer, price_server_running

NOON = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
JMD = currency_get("JMD")


@dataclass
class Clock:
    """A clock that only moves when a test moves it."""

    now: datetime = NOON

    def __call__(self) -> datetime:
        return self.now

    def pass_s(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class FlashTrouble(Exception):
    pass


@dataclass
class Flash:
    """Flash's price as the book gets it: a callable per currency, which can be made to fail."""

    clock: Clock
    dollars: Decimal = Decimal(63_500)
    trouble: str = ""
    asked: list[str] = field(default_factory=list)

    def __call__(self, code: str) -> Any:
        self.asked.append(code)
        if self.trouble:
            raise FlashTrouble(self.trouble)
        per_usd = {"USD": 1, "JMD": 160}[code]
        return FlashAnswer(self.dollars * per_usd * 100 / 100_000_000, self.clock())


@dataclass(frozen=True)
class FlashAnswer:
    minor_per_sat: Decimal
    at: datetime


@dataclass
class World:
    """Three sources, a clock, and as many books on one Redis as there are processes."""

    clock: Clock
    flash: Flash
    coingecko: PriceServer
    coinbase: PriceServer
    client: httpx.Client

    def sources(self) -> Sequence[RateSource]:
        return (
            FlashSource(self.flash, failures=(FlashTrouble,)),
            CoinGeckoSource(self.client, base_url=self.coingecko.url),
            CoinbaseSource(self.client, base_url=self.coinbase.url),
        )

    def book(self, **options: Any) -> RateBook:
        """A book as another process would have it: with a Redis connection of its own."""
        return RateBook(redis.Redis.from_url(os.environ["REDIS_URL"]), self.sources(), self.clock, **options)

    def public_prices(self, coingecko: float, coinbase: str) -> None:
        self.coingecko.status = self.coinbase.status = 200
        seconds = int(self.clock().timestamp())
        self.coingecko.answer = {"bitcoin": {"usd": coingecko, "last_updated_at": seconds}}
        self.coinbase.answer = {"data": {"currency": "BTC", "rates": {"USD": coinbase, "JMD": "10160000"}}}

    def everything_fails(self) -> None:
        self.flash.trouble = "Flash could not be reached."
        self.coingecko.status = self.coinbase.status = 503

    def requests(self) -> int:
        return len(self.flash.asked) + len(self.coingecko.paths) + len(self.coinbase.paths)


@pytest.fixture
def world() -> Iterator[World]:
    clock = Clock()
    with price_server_running() as coingecko, price_server_running() as coinbase, httpx.Client() as client:
        world = World(clock, Flash(clock), coingecko, coinbase, client)
        world.public_prices(63_400, "63600")
        yield world


def refusal(book: RateBook, currency: Currency = USD, **options: Any) -> NoFreshRate:
    with pytest.raises(NoFreshRate) as refused:
        book.rate_get(currency, **options)
    return refused.value


def fifty_at_once(world: World, ask: Callable[[], Any]) -> list[Any]:
    """The answers to fifty requests that are all under way before CoinGecko answers the first of them."""
    all_started = threading.Event()
    start = threading.Barrier(50, action=all_started.set)
    world.coingecko.before = lambda: all_started.wait(5)

    def started() -> Any:
        start.wait(5)
        return ask()

    with ThreadPoolExecutor(50) as pool:
        answers = [pool.submit(started) for _ in range(50)]
        return [answer.result(timeout=10) for answer in answers]


def unreachable_store(port: int) -> redis.Redis:
    """A client whose server is not there, and which does not try again."""
    return redis.Redis(port=port, retry=Retry(NoBackoff(), 0))


# --- Which rate counts ----------------------------------------------------------------------------------------------


def test_flash_comes_first_and_what_one_process_learned_all_of_them_know(world: World) -> None:
    world.book().rates_refresh([USD, JMD])
    asked = world.requests()
    rate = world.book().rate_get(USD)
    assert rate == Rate(USD, Decimal(63_500), "flash", NOON)
    assert world.book().rate_get(JMD) == Rate(JMD, Decimal(10_160_000), "flash", NOON)
    assert world.requests() == asked  # nobody was asked again


def test_every_source_is_asked_and_what_each_said_is_kept(world: World) -> None:
    book = world.book()
    book.rates_refresh([USD])
    assert [(rate.source, rate.btc_price) for rate in book.quotes(USD)] == [
        ("flash", Decimal(63_500)),
        ("coingecko", Decimal(63_400)),
        ("coinbase", Decimal(63_600)),
    ]


def test_the_next_source_steps_in_when_flash_does_not_answer(world: World) -> None:
    world.flash.trouble = "Flash could not be reached."
    book = world.book()
    book.rates_refresh([USD, JMD])
    assert book.rate_get(USD).source == "coingecko"
    assert book.rate_get(JMD).source == "coinbase"  # CoinGecko has no price in it


def test_a_price_whose_own_time_is_old_is_passed_over_however_new_the_answer(world: World) -> None:
    world.flash.trouble = "Flash could not be reached."
    world.coingecko.answer["bitcoin"]["last_updated_at"] -= 61
    book = world.book()
    book.rates_refresh([USD])
    assert book.rate_get(USD).source == "coinbase"
    assert book.rate_get(USD, max_age_s=300).source == "coingecko"


def test_bitcoin_needs_no_source_and_not_even_a_store(world: World) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        nowhere = unreachable_store(unused.getsockname()[1])
        book = RateBook(nowhere, world.sources(), world.clock)
        assert book.rate_get(SAT) == Rate(SAT, Decimal(100_000_000), "par", NOON)
        assert book.rate_get(BTC) == Rate(BTC, Decimal(1), "par", NOON)
    assert world.requests() == 0


def test_books_with_another_prefix_do_not_see_each_others_prices(world: World) -> None:
    world.book().rates_refresh([USD])
    assert world.book(prefix="flashpay:sandbox").quotes(USD) == ()


def test_a_price_of_a_source_that_is_no_longer_in_the_chain_is_not_used(world: World) -> None:
    world.flash.trouble = "Flash could not be reached."
    world.book().rates_refresh([USD])
    store = redis.Redis.from_url(os.environ["REDIS_URL"])
    flash_only = RateBook(store, world.sources()[:1], world.clock)
    assert flash_only.quotes(USD) == ()
    assert refusal(flash_only).code == "no_fresh_rate"


# --- No fresh rate --------------------------------------------------------------------------------------------------


def test_it_refuses_without_a_fresh_rate_and_never_estimates(world: World) -> None:
    book = world.book()
    book.rates_refresh([USD])
    world.everything_fails()
    world.clock.pass_s(60)
    assert book.rate_get(USD).btc_price == Decimal(63_500)
    world.clock.pass_s(1)
    refused = refusal(book)
    assert refused.code == "no_fresh_rate"
    assert "from the last 60 seconds" in str(refused)
    assert "No money has moved" in str(refused)


def test_a_rate_may_be_older_where_the_caller_says_so_but_never_older_than_five_minutes(world: World) -> None:
    book = world.book()
    book.rates_refresh([USD])
    world.everything_fails()
    world.clock.pass_s(300)
    assert book.rate_get(USD, max_age_s=300).at == NOON
    world.clock.pass_s(1)
    assert "from the last 5 minutes" in str(refusal(book, max_age_s=300))
    for age in (301, 0, -1):
        with pytest.raises(ValueError, match="at most 300 s"):
            book.rate_get(USD, max_age_s=age)


def test_it_asks_by_itself_where_nothing_fresh_is_known_and_stops_at_the_first_answer(world: World) -> None:
    assert world.book().rate_get(USD).source == "flash"
    assert world.flash.asked == ["USD"]
    assert world.coingecko.paths == world.coinbase.paths == []


def test_after_a_refusal_it_does_not_ask_again_for_some_seconds(world: World) -> None:
    world.everything_fails()
    refusal(world.book())
    asked = world.requests()
    assert asked == 3
    for _ in range(20):
        refusal(world.book())
    assert world.requests() == asked


def test_it_recovers_by_itself_some_seconds_later(world: World) -> None:
    world.everything_fails()
    refusal(world.book())
    world.flash.trouble = ""
    world.clock.pass_s(6)
    assert world.book().rate_get(USD).source == "flash"


def test_it_refuses_kindly_when_the_store_is_out_of_reach(world: World) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        book = RateBook(unreachable_store(unused.getsockname()[1]), world.sources(), world.clock)
        refused = refusal(book)
    assert refused.code == "rates_unreachable"
    assert "No money has moved" in str(refused)
    assert world.requests() == 0


@pytest.mark.parametrize(
    "stored",
    [
        b"",
        b"{",
        b"[]",
        b"5",
        b'{"currency": "USD"}',
        b'{"currency":"USD","btc_price":"NaN","source":"flash","at":"2026-03-01T12:00:00+00:00"}',
        b'{"currency":"JMD","btc_price":"10160000","source":"flash","at":"2026-03-01T12:00:00+00:00"}',
        b'{"currency":"USD","btc_price":"1","source":"flash","at":"2026-03-01T12:02:00+00:00"}',
        b"\xff",
    ],
)
def test_it_passes_over_what_it_cannot_have_written(world: World, stored: bytes) -> None:
    store = redis.Redis.from_url(os.environ["REDIS_URL"])
    store.hset("flashpay:rates:quotes:USD", "flash", stored)
    store.set("flashpay:rates:source:flash", stored)
    assert world.book().rate_get(USD) == Rate(USD, Decimal(63_500), "flash", NOON)


# --- How often the sources are asked --------------------------------------------------------------------------------


def test_fifty_requests_at_once_ask_once(world: World) -> None:
    world.flash.trouble = "Flash could not be reached."
    rates = fifty_at_once(world, lambda: world.book().rate_get(USD))
    assert {rate.source for rate in rates} == {"coingecko"}
    assert (len(world.flash.asked), len(world.coingecko.paths), len(world.coinbase.paths)) == (1, 1, 0)


def test_fifty_requests_at_once_in_an_outage_ask_once_and_are_all_refused(world: World) -> None:
    world.everything_fails()
    codes = fifty_at_once(world, lambda: refusal(world.book()).code)
    assert set(codes) == {"no_fresh_rate"}
    assert (len(world.flash.asked), len(world.coingecko.paths), len(world.coinbase.paths)) == (1, 1, 1)


def test_only_one_process_refreshes_at_a_time(world: World) -> None:
    inside, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        inside.set()
        go_on.wait(5)

    world.coingecko.before = hold
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(world.book().rates_refresh, [USD])
        assert inside.wait(5)
        world.book().rates_refresh([USD])  # returns at once
        go_on.set()
        first.result(timeout=5)
    assert world.requests() == 3


def test_a_request_is_answered_while_a_refresh_hangs_on_a_later_source(world: World) -> None:
    inside, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        inside.set()
        go_on.wait(5)

    world.coingecko.before = hold
    with ThreadPoolExecutor(1) as pool:
        refresh = pool.submit(world.book().rates_refresh, [USD])
        assert inside.wait(5)
        assert world.book().rate_get(USD).source == "flash"
        go_on.set()
        refresh.result(timeout=5)


def test_a_process_that_died_while_asking_blocks_the_others_only_for_a_while(world: World) -> None:
    store = redis.Redis.from_url(os.environ["REDIS_URL"])
    assert store.lock("flashpay:rates:lock:USD", timeout=60).acquire(blocking=False)
    waited: list[float] = []
    book = world.book(sleep=waited.append, monotonic=lambda: sum(waited))
    refusal(book)
    assert 11 < sum(waited) < 13
    assert world.requests() == 0
    store.delete("flashpay:rates:lock:USD")  # as its expiry does
    assert book.rate_get(USD).source == "flash"


def test_every_fifteen_seconds_for_an_hour_keeps_to_what_the_public_sources_allow(world: World) -> None:
    book = world.book()
    for _ in range(240):
        world.public_prices(63_400, "63600")
        book.rates_refresh([USD])
        assert book.rate_get(USD).age_s(world.clock()) == 0
        world.clock.pass_s(15)
    assert len(world.flash.asked) == 240
    assert len(world.coingecko.paths) == 120
    assert len(world.coinbase.paths) == 240


def test_a_currency_that_was_not_asked_for_just_now_is_asked_for_at_once(world: World) -> None:
    book = world.book()
    book.rates_refresh([USD])
    world.flash.trouble = "Flash could not be reached."
    assert book.rate_get(JMD).source == "coinbase"


def test_a_source_that_asks_to_be_left_alone_is_left_alone(world: World) -> None:
    world.coingecko.status, world.coingecko.headers = 429, {"Retry-After": "120"}
    book = world.book()
    for _ in range(8):
        book.rates_refresh([USD])
        world.clock.pass_s(15)
    assert len(world.coingecko.paths) == 1
    book.rates_refresh([USD])
    assert len(world.coingecko.paths) == 2


def test_a_clock_set_back_does_not_keep_the_sources_unasked(world: World) -> None:
    world.clock.pass_s(86_400)
    world.coingecko.status, world.coingecko.headers = 429, {"Retry-After": "600"}
    world.book().rates_refresh([USD])
    world.clock.pass_s(-86_400)
    world.public_prices(63_400, "63600")
    world.book().rates_refresh([USD])
    assert world.book().rate_get(USD).at == NOON
    assert (len(world.flash.asked), len(world.coingecko.paths), len(world.coinbase.paths)) == (2, 2, 2)


def test_nothing_is_asked_for_bitcoin_or_for_no_currency(world: World) -> None:
    world.book().rates_refresh([SAT, BTC])
    world.book().rates_refresh([])
    assert world.requests() == 0


# --- For the health page --------------------------------------------------------------------------------------------


def test_it_warns_where_sources_differ_by_more_than_two_percent(world: World) -> None:
    book = world.book()
    world.public_prices(62_000, "63600")
    book.rates_refresh([USD, JMD])
    (warning,) = book.spread_warnings()
    assert (warning.currency, warning.low.source, warning.high.source) == (USD, "coingecko", "coinbase")
    assert warning.percent == Decimal("2.6")
    assert str(warning) == (
        "The sources differ by 2.6 % in USD: coingecko says 62,000.00, coinbase says 63,600.00 for a bitcoin."
    )
    assert book.rate_get(USD).source == "flash"  # a warning, not a refusal


def test_exactly_two_percent_is_no_reason_to_warn(world: World) -> None:
    world.public_prices(63_500, "64770")
    world.book().rates_refresh([USD])
    assert world.book().spread_warnings() == ()
    world.clock.pass_s(30)
    world.public_prices(63_500, "64770.00000001")
    world.book().rates_refresh([USD])
    assert len(world.book().spread_warnings()) == 1


def test_an_old_price_is_no_reason_to_warn(world: World) -> None:
    world.public_prices(50_000, "63600")
    world.book().rates_refresh([USD])
    world.coingecko.status = 503
    world.clock.pass_s(301)
    world.book().rates_refresh([USD])
    assert world.book().spread_warnings() == ()


def test_it_tells_how_each_source_is_doing(world: World) -> None:
    book = world.book()
    assert [(state.name, state.asked_at, state.working) for state in book.source_states()] == [
        ("flash", None, False),
        ("coingecko", None, False),
        ("coinbase", None, False),
    ]
    book.rates_refresh([USD])
    world.clock.pass_s(30)
    world.flash.trouble = "Flash could not be reached."
    world.coingecko.status, world.coingecko.headers = 429, {"Retry-After": "120"}
    book.rates_refresh([USD])
    flash, coingecko, coinbase = world.book().source_states()
    later = NOON + timedelta(seconds=30)
    assert (flash.working, flash.reason) == (False, "Flash could not be reached.")
    assert (flash.asked_at, flash.answered_at, flash.retry_at) == (later, NOON, None)
    assert "429" in coingecko.reason
    assert coingecko.retry_at == later + timedelta(seconds=120)
    assert (coinbase.working, coinbase.reason, coinbase.answered_at) == (True, "", later)


def test_a_source_whose_prices_are_stale_is_not_working(world: World) -> None:
    world.coingecko.answer["bitcoin"]["last_updated_at"] -= 400
    world.book().rates_refresh([USD])
    coingecko = world.book().source_states()[1]
    assert not coingecko.working
    assert "11:53:20 UTC" in coingecko.reason


def test_it_works_with_a_store_that_answers_in_text(world: World) -> None:
    store = redis.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)
    book = RateBook(store, world.sources(), world.clock)
    book.rates_refresh([USD])
    assert book.rate_get(USD).source == "flash"
    world.everything_fails()
    world.clock.pass_s(61)
    refusal(book)
    refusal(book)
    assert book.source_states()[0].reason == "Flash could not be reached."


def test_what_is_kept_in_the_store_goes_away_by_itself(world: World) -> None:
    world.book().rates_refresh([USD])
    world.everything_fails()
    world.clock.pass_s(61)
    refusal(world.book())
    store: Any = redis.Redis.from_url(os.environ["REDIS_URL"])
    lifetimes = {key.decode(): store.ttl(key) for key in store.scan_iter("flashpay:rates:*")}
    assert set(lifetimes) == {
        "flashpay:rates:quotes:USD",
        "flashpay:rates:tried:USD",
        *(f"flashpay:rates:source:{name}" for name in ("flash", "coingecko", "coinbase")),
    }
    assert all(0 < seconds <= 86_400 for seconds in lifetimes.values())
