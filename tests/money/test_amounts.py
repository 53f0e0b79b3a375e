from __future__ import annotations

import pickle
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flashpay.money.amounts import (
    amount_decimal,
    amount_format,
    amount_from_decimal,
    amount_parse,
    amount_plain,
    msat_format,
)
from flashpay.money.currencies import BTC, CURRENCIES, SAT, USD, Currency, currency_get
from flashpay.money.errors import BadAmount

JMD, HTG, EUR = currency_get("JMD"), currency_get("HTG"), currency_get("EUR")
currencies = st.sampled_from(list(CURRENCIES.values()))


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("10000", SAT, 10_000),
        ("10,000", SAT, 10_000),
        ("10 000", SAT, 10_000),
        ("10\N{NARROW NO-BREAK SPACE}000", SAT, 10_000),
        ("10'000", SAT, 10_000),
        ("10.000.000", SAT, 10_000_000),
        ("10,000 sat", SAT, 10_000),
        ("10,000 SATS", SAT, 10_000),
        ("1", SAT, 1),
        ("007", SAT, 7),
        ("0.5", USD, 50),
        (".5", USD, 50),
        ("0,5", USD, 50),
        ("5.", USD, 500),
        ("12.34", USD, 1_234),
        ("12,34", USD, 1_234),
        ("1234", USD, 123_400),
        ("1,234", USD, 123_400),
        ("1,234.5", USD, 123_450),
        ("1,234.50", USD, 123_450),
        ("1.234,50", EUR, 123_450),
        ("1 234,50", EUR, 123_450),
        ("1\N{NO-BREAK SPACE}234\N{NO-BREAK SPACE}567.89", USD, 123_456_789),
        ("1’234.50", USD, 123_450),
        ("1,234,567", USD, 123_456_700),
        ("$12.34", USD, 1_234),
        ("$ 12.34", USD, 1_234),
        ("12.34 usd", USD, 1_234),
        ("$12.34 USD", USD, 1_234),
        ("J$1,234.50", JMD, 123_450),
        ("G 1,234.50", HTG, 123_450),
        ("12,50 €", EUR, 1_250),
        ("0.00010000 BTC", BTC, 10_000),
        ("0.001", BTC, 100_000),
        ("0,001", BTC, 100_000),
        ("1.2340", BTC, 123_400_000),
        ("1,234.56780000", BTC, 123_456_780_000),
    ],
)
def test_it_reads_what_people_type(text: str, currency: Currency, minor: int) -> None:
    assert amount_parse(text, currency) == minor


@pytest.mark.parametrize(
    ("text", "currency", "code"),
    [
        ("", USD, "empty"),
        ("   ", USD, "empty"),
        ("0", SAT, "zero"),
        ("0.00", USD, "zero"),
        ("-5", USD, "negative"),
        ("\N{MINUS SIGN}5", USD, "negative"),
        ("(5)", USD, "negative"),
        ("-$5", USD, "not_a_number"),
        ("$-5", USD, "negative"),
        ("12.345", USD, "ambiguous"),
        ("1.234", SAT, "ambiguous"),
        ("10.000", SAT, "ambiguous"),
        ("1.234", BTC, "ambiguous"),
        ("1,234", BTC, "ambiguous"),
        ("0.005", USD, "too_many_decimals"),
        ("0,005", USD, "too_many_decimals"),
        ("1.2345", USD, "too_many_decimals"),
        ("1,234.567", USD, "too_many_decimals"),
        ("1 234,567", USD, "too_many_decimals"),
        ("1.5", SAT, "too_many_decimals"),
        ("10.00", SAT, "too_many_decimals"),
        ("0.000000001", BTC, "too_many_decimals"),
        ("21,000,000", BTC, "too_large"),
        ("21 000 000,00000000", BTC, "too_large"),
        ("2100000000000000", SAT, "too_large"),
        ("100,000,000,000", USD, "too_large"),
        ("9" * 40, USD, "too_large"),
        ("9" * 5_000, USD, "not_a_number"),
        ("NaN", USD, "not_a_number"),
        ("inf", USD, "not_a_number"),
        ("1e5", USD, "not_a_number"),
        ("1E-5", BTC, "not_a_number"),
        ("+5", USD, "not_a_number"),
        ("0x10", SAT, "not_a_number"),
        ("1_000", SAT, "not_a_number"),
        ("٣", SAT, "not_a_number"),
        ("５", SAT, "not_a_number"),
        ("²", SAT, "not_a_number"),
        (".", USD, "not_a_number"),
        ("ten", USD, "not_a_number"),
        ("$5", JMD, "not_a_number"),
        ("5 EUR", USD, "not_a_number"),
        ("1,23,456", USD, "not_a_number"),
        ("1234,567.00", USD, "not_a_number"),
        ("12 34", SAT, "not_a_number"),
        ("1,234 567", SAT, "not_a_number"),
        ("1.2.3", USD, "not_a_number"),
        ("1,234.567.89", USD, "not_a_number"),
        ("1  234", SAT, "not_a_number"),
        ("5\x00", USD, "not_a_number"),
    ],
)
def test_it_refuses_what_is_not_one_clear_amount(text: str, currency: Currency, code: str) -> None:
    with pytest.raises(BadAmount) as refusal:
        amount_parse(text, currency)
    assert refusal.value.code == code
    assert refusal.value.sentence.endswith(".")
    assert len(refusal.value.sentence) < 200
    assert refusal.value.sentence.isprintable() or "\N{NO-BREAK SPACE}" in refusal.value.sentence


def test_zero_is_an_amount_where_it_is_allowed() -> None:
    assert amount_parse("0", SAT, allow_zero=True) == 0
    assert amount_from_decimal("0.00", USD, allow_zero=True) == 0


def test_the_refusal_of_an_ambiguous_amount_says_how_to_write_it() -> None:
    with pytest.raises(BadAmount) as refusal:
        amount_parse("10.000", SAT)
    assert "two ways" in str(refusal.value)
    assert "10000" in str(refusal.value)


@given(currencies, st.data(), st.booleans())
def test_what_is_shown_can_be_typed_back(currency: Currency, data: st.DataObject, with_code: bool) -> None:
    minor = data.draw(st.integers(1, currency.limit_minor - 1))
    assert amount_parse(amount_format(minor, currency, with_code=with_code), currency) == minor
    assert amount_from_decimal(amount_decimal(minor, currency), currency) == minor
    assert amount_from_decimal(amount_plain(minor, currency), currency) == minor


@given(currencies, st.data())
def test_what_is_shown_in_the_european_way_can_be_typed_back(currency: Currency, data: st.DataObject) -> None:
    minor = data.draw(st.integers(1, currency.limit_minor - 1))
    shown = amount_format(minor, currency, group="\N{NARROW NO-BREAK SPACE}", point=",")
    assert amount_parse(shown, currency) == minor


@given(st.text(max_size=60), currencies)
def test_any_text_is_an_amount_within_limits_or_a_refusal(text: str, currency: Currency) -> None:
    try:
        minor = amount_parse(text, currency)
    except BadAmount:
        return
    assert 0 < minor < currency.limit_minor


@given(st.text(alphabet="0123456789., '$-", max_size=14), currencies)
def test_any_number_like_text_is_an_amount_within_limits_or_a_refusal(text: str, currency: Currency) -> None:
    try:
        minor = amount_parse(text, currency)
    except BadAmount:
        return
    assert 0 < minor < currency.limit_minor
    digits = "".join(character for character in text if character.isdigit()).lstrip("0")
    assert str(minor).rstrip("0") == digits.rstrip("0")


@pytest.mark.parametrize(
    ("value", "currency", "minor"),
    [
        ("1234.50", USD, 123_450),
        ("1.234", BTC, 123_400_000),
        ("10000", SAT, 10_000),
        ("10000.000", SAT, 10_000),
        (Decimal("1E+4"), SAT, 10_000),
        (Decimal("1E+1"), USD, 1_000),
        (Decimal("0.5000"), USD, 50),
        (5, USD, 500),
        ("0.01", USD, 1),
    ],
)
def test_it_reads_what_programs_write(value: Decimal | int | str, currency: Currency, minor: int) -> None:
    assert amount_from_decimal(value, currency) == minor


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("1,234", "not_a_number"),
        ("1 234", "not_a_number"),
        (" 5", "not_a_number"),
        ("1e5", "not_a_number"),
        ("$5", "not_a_number"),
        (".5", "not_a_number"),
        ("", "not_a_number"),
        ("9" * 100_000, "not_a_number"),
        (Decimal("NaN"), "not_a_number"),
        (Decimal("sNaN"), "not_a_number"),
        (Decimal("Infinity"), "not_a_number"),
        ("-1", "negative"),
        ("-0.01", "negative"),
        (Decimal("-1E+999999"), "negative"),
        ("0", "zero"),
        ("-0.00", "zero"),
        (Decimal("0E-999999"), "zero"),
        ("0.001", "too_many_decimals"),
        (Decimal("1E-999999"), "too_many_decimals"),
        (Decimal("1." + "0" * 5_000 + "1"), "too_many_decimals"),
        ("100000000000", "too_large"),
        (10**50, "too_large"),
        (Decimal("1E+999999"), "too_large"),
    ],
)
def test_it_refuses_what_no_program_should_write(value: Decimal | int | str, code: str) -> None:
    with pytest.raises(BadAmount) as refusal:
        amount_from_decimal(value, USD)
    assert refusal.value.code == code


@pytest.mark.parametrize("value", [1.5, True, None, b"1"])
def test_it_takes_no_float_and_nothing_else_that_cannot_hold_money(value: Any) -> None:
    with pytest.raises(TypeError):
        amount_from_decimal(value, USD)


@pytest.mark.parametrize(
    ("minor", "currency", "shown"),
    [
        (10_000, SAT, "10,000 sat"),
        (1_234, USD, "$12.34"),
        (123_450, JMD, "J$1,234.50"),
        (123_450, HTG, "G 1,234.50"),
        (10_000, BTC, "0.00010000 BTC"),
        (5, USD, "$0.05"),
        (0, USD, "$0.00"),
        (-500, USD, "-$5.00"),
        (-1, SAT, "-1 sat"),
    ],
)
def test_it_shows_an_amount_as_people_read_it(minor: int, currency: Currency, shown: str) -> None:
    assert amount_format(minor, currency).replace("\N{NO-BREAK SPACE}", " ") == shown


def test_it_shows_the_code_and_other_separators_on_request() -> None:
    assert amount_format(123_450, USD, with_code=True) == "$1,234.50\N{NO-BREAK SPACE}USD"
    assert amount_format(123_450, EUR, group=".", point=",") == "€1.234,50"
    assert amount_format(123_450, SAT, with_code=True) == "123,450\N{NO-BREAK SPACE}sat"


@pytest.mark.parametrize(
    ("msat", "shown"),
    [(10_000_000, "10,000 sat"), (1_500, "1.5 sat"), (1, "0.001 sat"), (0, "0 sat"), (-1_001, "-1.001 sat")],
)
def test_it_shows_millisatoshi_as_sats(msat: int, shown: str) -> None:
    assert msat_format(msat).replace("\N{NO-BREAK SPACE}", " ") == shown


def test_the_decimal_of_an_amount_keeps_all_its_places() -> None:
    assert str(amount_decimal(1_200, USD)) == "12.00"
    assert str(amount_decimal(-5, USD)) == "-0.05"
    assert str(amount_decimal(7, SAT)) == "7"
    assert amount_plain(1, BTC) == "0.00000001"
    assert amount_plain(123_450, JMD) == "1234.50"


def test_a_refusal_survives_the_way_to_another_process() -> None:
    refusal = pickle.loads(pickle.dumps(BadAmount("Too much.", "too_large")))
    assert (refusal.sentence, refusal.code, str(refusal)) == ("Too much.", "too_large", "Too much.")
