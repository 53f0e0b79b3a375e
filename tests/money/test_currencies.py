from __future__ import annotations

import pytest

from flashpay.money.currencies import CURRENCIES, FIAT_CURRENCIES, currency_get
from flashpay.money.errors import UnknownCurrency


def test_it_knows_bitcoin_and_every_currency_that_flash_prices() -> None:
    fiat = ["USD", "JMD", "EUR", "GBP", "HTG", "XCD", "ANG", "BSD", "BBD", "BZD", "KYD", "CUP", "DOP", "TTD"]
    assert list(CURRENCIES) == ["SAT", "BTC", *fiat]
    assert [currency.code for currency in FIAT_CURRENCIES] == fiat
    assert all(currency.decimals == 2 and not currency.is_bitcoin for currency in FIAT_CURRENCIES)


def test_the_minor_unit_of_both_bitcoin_units_is_the_satoshi() -> None:
    sat, btc = currency_get("SAT"), currency_get("BTC")
    assert (sat.decimals, btc.decimals) == (0, 8)
    assert sat.is_bitcoin
    assert btc.is_bitcoin
    assert sat.limit_minor == btc.limit_minor == 2_100_000_000_000_000


@pytest.mark.parametrize("code", ["usd", "USD", " Usd "])
def test_it_finds_a_currency_in_any_case(code: str) -> None:
    assert currency_get(code).code == "USD"


def test_sats_are_sat() -> None:
    assert currency_get("sats").code == "SAT"


def test_each_symbol_belongs_to_one_currency() -> None:
    symbols = [currency.symbol for currency in CURRENCIES.values()]
    assert len(set(symbols)) == len(symbols)


@pytest.mark.parametrize("code", ["", "  ", "XXX", "ÜSD", "x" * 1_000_000, "U\nSD", "US"])
def test_it_refuses_an_unknown_currency_with_a_sentence(code: str) -> None:
    with pytest.raises(UnknownCurrency) as refusal:
        currency_get(code)
    assert refusal.value.code == "unknown_currency"
    assert "not a currency that FlashPay knows" in str(refusal.value)
    assert len(str(refusal.value)) < 200
    assert str(refusal.value).isprintable()
