from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flashpay.money.currencies import BTC, CURRENCIES, FIAT_CURRENCIES, SAT, USD, Currency, currency_get
from flashpay.money.errors import BadAmount
from flashpay.money.rates import (
    DOWN,
    UP,
    Rate,
    minor_from_msat,
    msat_from_minor,
    price_rounded,
    rate_from_amounts,
    rate_from_dict,
    rate_par,
)

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
JMD = currency_get("JMD")
USD_RATE = Rate(USD, Decimal("63500"), "flash", NOON)
JMD_RATE = Rate(JMD, Decimal("10160000"), "flash", NOON)

prices = st.decimals(Decimal("0.01"), Decimal("1e12"), places=8, allow_nan=False, allow_infinity=False)
rates = st.builds(Rate, st.sampled_from(FIAT_CURRENCIES), prices, st.just("test"), st.just(NOON))
realistic = st.builds(
    Rate, st.sampled_from(FIAT_CURRENCIES), st.decimals(1_000, 10**9, places=8), st.just("test"), st.just(NOON)
)
amounts = st.integers(0, 10**10)
msats = st.integers(0, 10**15)


@pytest.mark.parametrize(
    ("minor", "rate", "up", "down"),
    [
        (100, USD_RATE, 1_575_000, 1_574_000),  # 1574.803… sat
        (6_350_000, USD_RATE, 100_000_000_000, 100_000_000_000),
        (10_160_000, JMD_RATE, 1_000_000_000, 1_000_000_000),
        (1, Rate(USD, Decimal(2_000_000), "flash", NOON), 1_000, 0),
        (0, USD_RATE, 0, 0),
    ],
)
def test_it_converts_fiat_to_whole_sats_in_the_direction_asked(minor: int, rate: Rate, up: int, down: int) -> None:
    assert msat_from_minor(minor, rate, UP) == up
    assert msat_from_minor(minor, rate, DOWN) == down


def test_it_converts_millisatoshi_to_cents_in_the_direction_asked() -> None:
    assert minor_from_msat(1_575_000, USD_RATE, DOWN) == 100
    assert minor_from_msat(1_575_000, USD_RATE, UP) == 101
    assert minor_from_msat(100_000_000_000, USD_RATE, UP) == 6_350_000
    assert minor_from_msat(1, USD_RATE, DOWN) == 0
    assert minor_from_msat(1, USD_RATE, UP) == 1


@given(amounts, rates)
def test_paying_out_never_pays_more_than_was_claimed(minor: int, rate: Rate) -> None:
    try:
        msat = msat_from_minor(minor, rate, DOWN)
    except BadAmount:
        return
    assert msat % 1_000 == 0
    assert msat * rate.minor_per_msat <= minor
    assert minor_from_msat(msat, rate, DOWN) <= minor
    assert (msat + 1_000) * rate.minor_per_msat > minor  # and not a sat less than fits


@given(amounts, rates)
def test_asking_never_asks_for_less_than_the_price(minor: int, rate: Rate) -> None:
    try:
        msat = msat_from_minor(minor, rate, UP)
    except BadAmount:
        return
    assert msat % 1_000 == 0
    assert msat * rate.minor_per_msat >= minor
    assert msat == 0 or (msat - 1_000) * rate.minor_per_msat < minor


@given(msats, realistic)
def test_the_way_back_never_gains(msat: int, rate: Rate) -> None:
    try:
        down, up = minor_from_msat(msat, rate, DOWN), minor_from_msat(msat, rate, UP)
    except BadAmount:
        return
    assert up - down in (0, 1)
    assert msat_from_minor(down, rate, DOWN) <= msat
    assert msat_from_minor(up, rate, UP) >= msat


@given(st.integers(0, 10**7), realistic)
def test_a_cent_asked_and_counted_again_is_the_same_cent(minor: int, rate: Rate) -> None:
    """True wherever a minor unit is worth a sat or more; then a paid invoice is worth exactly its price."""
    if rate.minor_per_msat * 1_000 <= 1:
        assert minor_from_msat(msat_from_minor(minor, rate, UP), rate, DOWN) == minor


@given(st.integers(0, 10**15))
def test_bitcoin_units_convert_without_loss_and_without_a_source(sat: int) -> None:
    for currency in (SAT, BTC):
        rate = rate_par(currency, NOON)
        assert rate.source == "par"
        assert msat_from_minor(sat, rate, UP) == msat_from_minor(sat, rate, DOWN) == sat * 1_000
        assert minor_from_msat(sat * 1_000, rate, UP) == minor_from_msat(sat * 1_000, rate, DOWN) == sat


def test_fiat_is_never_at_par() -> None:
    with pytest.raises(ValueError, match="no fixed price"):
        rate_par(USD, NOON)


@pytest.mark.parametrize(("convert", "amount"), [(msat_from_minor, -1), (minor_from_msat, -1)])
def test_it_refuses_to_convert_a_negative_amount(convert: Any, amount: int) -> None:
    with pytest.raises(BadAmount) as refusal:
        convert(amount, USD_RATE, DOWN)
    assert refusal.value.code == "negative"


def test_it_refuses_amounts_worth_more_than_there_is() -> None:
    with pytest.raises(BadAmount) as refusal:
        msat_from_minor(10**13 - 1, Rate(USD, Decimal(1), "test", NOON), UP)
    assert refusal.value.code == "too_large"
    with pytest.raises(BadAmount) as refusal:
        minor_from_msat(21 * 10**17, JMD_RATE, DOWN)
    assert refusal.value.code == "too_large"


@given(rates)
def test_a_rate_can_be_stored_and_read_back(rate: Rate) -> None:
    assert rate_from_dict(json.loads(json.dumps(rate.as_dict()))) == rate


@pytest.mark.parametrize(
    "change",
    [
        {"btc_price": "x"},
        {"btc_price": "NaN"},
        {"btc_price": "-1"},
        {"btc_price": "0"},
        {"btc_price": "1E+999999"},
        {"currency": "XXX"},
        {"at": "yesterday"},
        {"at": "2026-03-01T12:00:00"},
    ],
)
def test_it_does_not_read_back_what_no_rate_can_be(change: dict[str, str]) -> None:
    with pytest.raises(ValueError):
        rate_from_dict({**USD_RATE.as_dict(), **change})


@pytest.mark.parametrize(
    ("price", "error"),
    [
        (63_500.0, TypeError),
        (Decimal("NaN"), ValueError),
        (Decimal("Infinity"), ValueError),
        (Decimal(0), ValueError),
        (Decimal(-1), ValueError),
        (Decimal("0.000000001"), ValueError),
        (Decimal("1e30"), ValueError),
    ],
)
def test_no_rate_exists_with_a_price_that_cannot_be_relied_upon(price: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        Rate(USD, price, "test", NOON)


def test_a_rate_without_a_time_zone_cannot_exist() -> None:
    with pytest.raises(ValueError, match="time zone"):
        Rate(USD, Decimal(1), "test", datetime(2026, 3, 1))  # noqa: DTZ001 (the refusal is what is tested)


def test_it_tells_its_age() -> None:
    assert USD_RATE.age_s(NOON + timedelta(seconds=61)) == 61


@pytest.mark.parametrize("currency", CURRENCIES.values(), ids=str)
def test_it_derives_the_rate_that_a_service_applied(currency: Currency) -> None:
    rate = rate_from_amounts(minor=6_350, msat=100_000_000, currency=currency, source="bolt11", at=NOON)
    assert minor_from_msat(100_000_000, rate, DOWN) == 6_350
    assert (rate.source, rate.at) == ("bolt11", NOON)


def test_it_derives_no_rate_from_nothing() -> None:
    with pytest.raises(ValueError):
        rate_from_amounts(minor=0, msat=1_000, currency=USD, source="bolt11", at=NOON)


def test_a_price_is_rounded_to_the_nearest_that_can_be_stored() -> None:
    assert price_rounded(Fraction(1, 3)) == Decimal("0.33333333")
    assert price_rounded(Decimal("63500.123456789")) == Decimal("63500.12345679")
