from __future__ import annotations

import pytest

from flashpay.money.currencies import USD
from flashpay.stores.models import Store
from flashpay.stores.rates import rate_get
from tests.api.conftest import Script


@pytest.fixture
def path(paying_store: Store) -> str:
    return f"/stores/{paying_store.pk}/rates"


def test_it_tells_the_price_that_an_invoice_would_be_made_at(api: Script, path: str) -> None:
    (shown,) = api.get(path)
    assert shown == {"currencyPair": "BTC_USD", "errors": [], "rate": format(rate_get(USD).btc_price.normalize(), "f")}


def test_it_tells_several_in_the_order_they_were_asked_for(api: Script, path: str) -> None:
    shown = api.get(f"{path}?currencyPair=btc_jmd&currencyPair=BTC_USD&currencyPair=BTC_SATS&currencyPair=BTC_BTC")
    assert [one["currencyPair"] for one in shown] == ["BTC_JMD", "BTC_USD", "BTC_SATS", "BTC_BTC"]
    assert not any(one["errors"] for one in shown)
    assert float(shown[0]["rate"]) > float(shown[1]["rate"]) > 0
    assert [one["rate"] for one in shown[2:]] == ["100000000", "1"]


@pytest.mark.parametrize("pair", ["BTC_DOGE", "EUR_USD", "BTC", "BTC_", "_", "BTCUSD", "%00"])
def test_it_says_why_a_pair_has_no_rate_and_tells_the_others(api: Script, path: str, pair: str) -> None:
    answer = api.ask("GET", f"{path}?currencyPair={pair}&currencyPair=BTC_USD")
    if pair == "%00":
        assert answer.status_code == 404
        return
    without, with_rate = answer.json()
    assert (without["rate"], len(without["errors"])) == (None, 1)
    assert without["errors"][0].endswith(".")
    assert with_rate["errors"] == []


def test_it_is_asked_for_ten_at_most(api: Script, path: str) -> None:
    (refused,) = api.get(f"{path}?" + "&".join(["currencyPair=BTC_USD"] * 11), 422)
    assert refused["path"] == "currencyPair"


def test_who_may_not_look_at_the_store_sees_none(stranger: Script, anybody: Script, guest: Script, path: str) -> None:
    stranger.get(path, 404)
    anybody.get(path, 401)
    guest.get(path)
