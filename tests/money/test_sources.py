from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest

from flashpay.money import sources
from flashpay.money.currencies import FIAT_CURRENCIES, USD, currency_get
from flashpay.money.sources import CoinbaseSource, CoinGeckoSource, FlashSource, RateSource, SourceFailed
from tests.money.price_server import PriceServer, price_server_running

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
JMD, EUR, HTG = currency_get("JMD"), currency_get("EUR"), currency_get("HTG")

COINGECKO = {"bitcoin": {"usd": 63500.1234, "eur": 58420, "last_updated_at": int(NOW.timestamp()) - 40}}
COINBASE = {
    "data": {
        "currency": "BTC",
        "rates": {
            "AED": "233214.37",
            "ETH": "18.21",
            "EUR": "58420.5",
            "JMD": "10160123.4567890123",
            "USD": "63500.125",
        },
    }
}
SourceMake = Callable[[httpx.Client, str], RateSource]


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with httpx.Client() as client:
        yield client


@pytest.fixture
def server() -> Iterator[PriceServer]:
    with price_server_running() as server:
        yield server


def coingecko(client: httpx.Client, url: str) -> RateSource:
    return CoinGeckoSource(client, base_url=url)


def coinbase(client: httpx.Client, url: str) -> RateSource:
    return CoinbaseSource(client, base_url=url)


public_sources = pytest.mark.parametrize(
    ("make", "good"), [(coingecko, COINGECKO), (coinbase, COINBASE)], ids=["coingecko", "coinbase"]
)


def changed(document: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy of a document with the value at `path` replaced."""
    head, _, rest = path.partition(".")
    return {**document, head: changed(document[head], rest, value) if rest else value}


def test_it_reads_coingecko_with_the_time_of_the_price(client: httpx.Client, server: PriceServer) -> None:
    server.answer = COINGECKO
    usd, eur = CoinGeckoSource(client, base_url=server.url + "/").quotes([USD, EUR, JMD], NOW)
    assert (usd.currency, usd.btc_price, usd.source) == (USD, Decimal("63500.1234"), "coingecko")
    assert (eur.currency, eur.btc_price) == (EUR, Decimal(58420))
    assert usd.at == eur.at == NOW - timedelta(seconds=40)
    assert server.path() == "/api/v3/simple/price"
    assert server.query()["ids"] == ["bitcoin"]
    assert server.query()["vs_currencies"] == ["usd,eur,jmd"]
    assert server.query()["include_last_updated_at"] == ["true"]


def test_it_sends_coingecko_the_operators_key(client: httpx.Client, server: PriceServer) -> None:
    server.answer = COINGECKO
    CoinGeckoSource(client, base_url=server.url, headers={"x-cg-demo-api-key": "CG-1"}).quotes([USD], NOW)
    assert server.request_headers[-1]["x-cg-demo-api-key"] == "CG-1"


def test_it_reads_coinbase_to_the_last_storable_decimal(client: httpx.Client, server: PriceServer) -> None:
    server.answer = COINBASE
    usd, jmd = CoinbaseSource(client, base_url=server.url).quotes([USD, JMD, HTG], NOW)
    assert (usd.btc_price, usd.source, usd.at) == (Decimal("63500.125"), "coinbase", NOW)
    assert (jmd.currency, jmd.btc_price) == (JMD, Decimal("10160123.45678901"))
    assert server.path() == "/v2/exchange-rates"
    assert server.query() == {"currency": ["BTC"]}


def test_an_answer_out_of_a_cache_is_as_old_as_the_cache_says(client: httpx.Client, server: PriceServer) -> None:
    server.answer, server.headers = COINBASE, {"Age": "90"}
    (usd,) = CoinbaseSource(client, base_url=server.url).quotes([USD], NOW)
    assert usd.at == NOW - timedelta(seconds=90)
    server.headers = {"Age": "-5"}
    with pytest.raises(SourceFailed, match="how old"):
        CoinbaseSource(client, base_url=server.url).quotes([USD], NOW)


@public_sources
@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"<!DOCTYPE html><html><body>Just a moment...</body></html>", "not readable JSON"),
        (b"", "not readable JSON"),
        (b"\xff\xfe", "not readable JSON"),
        (b'{"bitcoin": {"usd": NaN}}', "not readable JSON"),
        (b'{"bitcoin": {"usd": 1e99999999999999999999}}', "not readable JSON"),
        (b"9" * 10_000, "not readable JSON"),
        (b"[" * 100_000, "not readable JSON"),
        (b"[]", "no "),
        (b"{}", "no "),
        (b"null", "no "),
        (b'{"data": {"currency": "USD", "rates": {"USD": "63500"}}}', "no "),
        (b'{"bitcoin": [], "data": []}', "no "),
        (b" " * 300_000, "far too long"),
    ],
)
def test_it_refuses_an_answer_that_is_not_what_it_asked_for(
    client: httpx.Client, server: PriceServer, make: SourceMake, good: Any, body: bytes, reason: str
) -> None:
    server.answer = body
    with pytest.raises(SourceFailed) as failure:
        make(client, server.url).quotes([USD], NOW)
    assert reason in failure.value.reason
    assert failure.value.rates == ()


@pytest.mark.parametrize(
    ("make", "good", "path", "value"),
    [
        (coingecko, COINGECKO, "bitcoin.usd", value)
        for value in ("63500", None, True, [], 0, -63500, 6.35, 63_500_000_000, 1e300)
    ]
    + [
        (coinbase, COINBASE, "data.rates.USD", value)
        for value in (63500, 63500.5, None, "", "-63500", "NaN", "Infinity", "6.35e4", "63,500", "٦٣٥٠٠", "0", "635")
    ],
)
def test_it_leaves_out_a_price_that_is_none_and_keeps_the_others(
    client: httpx.Client, server: PriceServer, make: SourceMake, good: dict[str, Any], path: str, value: Any
) -> None:
    server.answer = changed(good, path, value)
    with pytest.raises(SourceFailed) as failure:
        make(client, server.url).quotes([USD, EUR], NOW)
    assert "USD" in failure.value.reason
    assert [rate.currency for rate in failure.value.rates] == [EUR]


@pytest.mark.parametrize("moment", [None, "1772366400", 0, -1, 1772366400.5, 10**30])
def test_it_refuses_coingecko_without_a_time(client: httpx.Client, server: PriceServer, moment: Any) -> None:
    server.answer = changed(COINGECKO, "bitcoin.last_updated_at", moment)
    with pytest.raises(SourceFailed, match="from when"):
        CoinGeckoSource(client, base_url=server.url).quotes([USD], NOW)


def test_a_time_slightly_ahead_counts_as_now_and_one_far_ahead_is_refused(
    client: httpx.Client, server: PriceServer
) -> None:
    source = CoinGeckoSource(client, base_url=server.url)
    server.answer = changed(COINGECKO, "bitcoin.last_updated_at", int(NOW.timestamp()) + 30)
    assert source.quotes([USD], NOW)[0].at == NOW
    server.answer = changed(COINGECKO, "bitcoin.last_updated_at", int(NOW.timestamp()) + 90)
    with pytest.raises(SourceFailed, match="clocks"):
        source.quotes([USD], NOW)


@public_sources
def test_it_understands_a_request_to_ask_less_often(
    client: httpx.Client, server: PriceServer, make: SourceMake, good: Any
) -> None:
    server.status, server.headers, server.answer = 429, {"Retry-After": "37"}, {"status": {"error_code": 429}}
    with pytest.raises(SourceFailed, match="429") as failure:
        make(client, server.url).quotes([USD], NOW)
    assert failure.value.retry_after_s == 37
    server.headers = {}
    with pytest.raises(SourceFailed) as failure:
        make(client, server.url).quotes([USD], NOW)
    assert failure.value.retry_after_s == 60
    server.headers = {"Retry-After": "999999"}
    with pytest.raises(SourceFailed) as failure:
        make(client, server.url).quotes([USD], NOW)
    assert failure.value.retry_after_s == 600


@public_sources
@pytest.mark.parametrize("status", [204, 301, 302, 401, 404, 500, 503])
def test_it_takes_nothing_but_a_plain_success(
    client: httpx.Client, server: PriceServer, make: SourceMake, good: Any, status: int
) -> None:
    server.status, server.answer, server.headers = status, good, {"Location": server.url + "/elsewhere"}
    if status == 204:
        server.answer = b""
    with pytest.raises(SourceFailed, match=str(status)):
        make(client, server.url).quotes([USD], NOW)
    assert len(server.paths) == 1  # it followed no redirect


@public_sources
def test_it_says_so_when_nobody_is_there(client: httpx.Client, make: SourceMake, good: Any) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(SourceFailed, match="could not be reached"):
            make(client, f"http://127.0.0.1:{unused.getsockname()[1]}").quotes([USD], NOW)


@public_sources
def test_it_waits_no_longer_than_it_may(
    client: httpx.Client, make: SourceMake, good: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "ANSWER_TIMEOUT_S", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(SourceFailed, match="in time"):
        make(client, f"http://127.0.0.1:{silent.getsockname()[1]}").quotes([USD], NOW)


# --- Flash ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Price:
    minor_per_sat: Decimal
    at: datetime = NOW


@dataclass
class Judgement:
    retry_after_s: int | None


class FlashTrouble(Exception):
    def __init__(self, sentence: str, retry_after_s: int | None = None) -> None:
        super().__init__(sentence)
        self.judgement = Judgement(retry_after_s)


# Flash's own examples: 63,500 dollars for a bitcoin, 160 Jamaican dollars for one of them.
FLASH_PRICES = {"USD": Price(Decimal("0.0635")), "JMD": Price(Decimal("10.16"))}


def flash(price: Callable[[str], Any], **options: Any) -> FlashSource:
    return FlashSource(price, failures=(FlashTrouble,), **options)


def test_it_turns_minor_units_per_sat_into_the_price_of_a_bitcoin() -> None:
    usd, jmd = flash(FLASH_PRICES.__getitem__).quotes([USD, JMD], NOW)
    assert (usd.btc_price, usd.source, usd.at) == (Decimal(63_500), "flash", NOW)
    assert (jmd.currency, jmd.btc_price) == (JMD, Decimal(10_160_000))


def test_one_currency_that_flash_cannot_price_does_not_hide_the_others() -> None:
    def price(code: str) -> Price:
        if code == "USD":
            raise FlashTrouble("Flash has no price in USD.")
        return FLASH_PRICES[code]

    with pytest.raises(SourceFailed, match="no price in USD") as failure:
        flash(price).quotes([USD, JMD], NOW)
    assert [rate.currency for rate in failure.value.rates] == [JMD]
    assert failure.value.retry_after_s is None


def test_it_stops_asking_flash_when_flash_asks_to_wait() -> None:
    asked = []

    def price(code: str) -> Price:
        asked.append(code)
        raise FlashTrouble("Please wait 40 seconds.", retry_after_s=40)

    with pytest.raises(SourceFailed, match="wait") as failure:
        flash(price).quotes([USD, JMD], NOW)
    assert failure.value.retry_after_s == 40
    assert asked == ["USD"]


def test_it_stops_asking_flash_when_its_time_is_over() -> None:
    moments = iter([0.0, 1.0, 11.0])
    with pytest.raises(SourceFailed, match="no time") as failure:
        flash(FLASH_PRICES.__getitem__, monotonic=lambda: next(moments)).quotes([USD, JMD], NOW)
    assert [rate.currency for rate in failure.value.rates] == [USD]


@pytest.mark.parametrize(
    "minor_per_sat",
    [
        Decimal("NaN"),
        Decimal("sNaN"),
        Decimal("Infinity"),
        Decimal(0),
        Decimal("-0.0635"),
        Decimal("0.000635"),
        Decimal("6.35"),
        0.0635,
        None,
    ],
)
def test_it_refuses_a_price_of_flash_outside_all_reason(minor_per_sat: Any) -> None:
    with pytest.raises(SourceFailed) as failure:
        flash(lambda code: Price(minor_per_sat)).quotes([USD], NOW)
    assert failure.value.rates == ()


def test_a_fault_of_the_program_is_not_taken_for_a_fault_of_flash() -> None:
    def price(code: str) -> Price:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        flash(price).quotes([USD], NOW)


@pytest.mark.parametrize("currency", FIAT_CURRENCIES, ids=str)
def test_it_knows_a_reasonable_price_in_every_currency(currency: Any) -> None:
    about = sources._ABOUT_PER_USD[currency.code]
    (rate,) = flash(lambda code: Price(about * Decimal("0.0635"))).quotes([currency], NOW)
    assert rate.btc_price == about * 63_500
    for factor in (100, Decimal("0.01")):
        with pytest.raises(SourceFailed, match="reason"):
            flash(lambda code, factor=factor: Price(about * factor * Decimal("0.0635"))).quotes([currency], NOW)
