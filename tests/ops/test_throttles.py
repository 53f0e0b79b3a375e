"""How often one link and one visitor may ask: counted, said kindly in the shape of each address, open when Redis is away."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
import redis
from django.test import Client, RequestFactory, override_settings

from flashpay import live, throttles
from flashpay.invoices.models import Invoice
from flashpay.refusals import Refusal
from flashpay.stores.models import Store
from flashpay.throttles import Throttle, throttle_check, visitor_of
from lnurl.endpoints.withdraw import k1_of
from payouts.models import Payout, PullPayment
from tests.payouts.recipients import invoice_over, pull_payment_make, wallet_make

HERE = "198.51.100.7"
THERE = "198.51.100.8"


@pytest.fixture(autouse=True)
def _asked_again() -> Iterator[None]:
    throttles.redis_ask_again()
    yield
    throttles.redis_ask_again()


def ask(throttle: Throttle, visitor: str = HERE, link: str = "") -> bool:
    """Whether the call goes through."""
    try:
        throttle_check(throttle, RequestFactory().get("/", REMOTE_ADDR=visitor), link)
    except Refusal as refusal:
        told = refusal
    else:
        return True
    assert told.code == "too-many"
    assert told.retry_after_s is not None
    assert 1 <= told.retry_after_s <= throttle.per_s
    return False


def test_one_visitor_is_held_up_and_others_are_not() -> None:
    throttle = Throttle("t", per_s=60, visitor=2)
    assert [ask(throttle) for _ in range(3)] == [True, True, False]
    assert ask(throttle, THERE)


def test_one_link_is_held_up_for_everybody_and_other_links_are_not() -> None:
    throttle = Throttle("t", per_s=60, link=2)
    assert [ask(throttle, visitor, "a") for visitor in (HERE, THERE, HERE)] == [True, True, False]
    assert ask(throttle, HERE, "b")


def test_one_visitor_at_one_link_is_held_up_there_alone() -> None:
    throttle = Throttle("t", per_s=60, both=1)
    assert [ask(throttle, HERE, "a"), ask(throttle, HERE, "a")] == [True, False]
    assert ask(throttle, HERE, "b")
    assert ask(throttle, THERE, "a")


def test_a_window_ends_by_itself() -> None:
    throttle = Throttle("t", per_s=60, visitor=1)
    assert ask(throttle)
    assert not ask(throttle)
    (key,) = live.connection().keys("flashpay:throttle:*")
    assert 0 < live.connection().ttl(key) <= 60
    live.connection().delete(key)  # as Redis does it at the end
    assert ask(throttle)


def test_a_household_with_ipv6_counts_as_one() -> None:
    seen = [visitor_of(RequestFactory().get("/", REMOTE_ADDR=a)) for a in ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9")]
    assert seen == ["2001:db8:1:2::", "2001:db8:1:2::"]
    assert visitor_of(RequestFactory().get("/", REMOTE_ADDR="2001:db8:1:3::1")) != seen[0]


def test_links_do_not_stand_in_redis_as_they_are() -> None:
    ask(Throttle("t", per_s=60, link=5), link="abcdef" * 5)
    assert not any("abcdef" in key for key in live.connection().keys("*"))


def test_without_redis_the_door_stands_open_and_the_log_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    gone = redis.Redis(host="127.0.0.1", port=1, socket_connect_timeout=0.2)
    monkeypatch.setattr(live, "connection", lambda: gone)
    throttle = Throttle("t", per_s=60, visitor=1)
    assert all(ask(throttle) for _ in range(5))
    assert caplog.text.count("Redis is away") == 1  # and it was left alone after the first try


# --- On the addresses -----------------------------------------------------------------------------------------------


@pytest.fixture
def pull_payment(store: Store) -> PullPayment:
    wallet_make(store)
    return pull_payment_make(store)


def tighten(monkeypatch: pytest.MonkeyPatch, module: str, name: str, **limits: int) -> None:
    monkeypatch.setattr(f"{module}.{name}", Throttle(f"tight-{name}", per_s=60, **limits))


@pytest.mark.django_db
def test_lnurl_is_throttled_in_its_own_shape(monkeypatch: pytest.MonkeyPatch, pull_payment: PullPayment) -> None:
    tighten(monkeypatch, "lnurl.endpoints.answers", "LNURL_OFFER", both=2)
    path = f"/lnurl/withdraw/{pull_payment.lnurl_token}"
    assert [Client().get(path).json().get("tag") for _ in range(2)] == ["withdrawRequest"] * 2
    answer = Client().get(path)
    assert answer.status_code == 200
    assert answer["Access-Control-Allow-Origin"] == "*"
    assert answer.json()["status"] == "ERROR"
    assert "wait" in answer.json()["reason"]
    assert Client().get(path, REMOTE_ADDR=THERE).json()["tag"] == "withdrawRequest"


@pytest.mark.django_db
def test_a_throttled_callback_claims_nothing(monkeypatch: pytest.MonkeyPatch, pull_payment: PullPayment) -> None:
    tighten(monkeypatch, "lnurl.endpoints.withdraw", "LNURL_CALL", link=1)
    k1 = k1_of(pull_payment)
    path = f"/lnurl/withdraw/{pull_payment.lnurl_token}/{k1}"
    assert Client().get(path, {"k1": k1, "pr": "no invoice"}).json()["status"] == "ERROR"
    answer = Client().get(path, {"k1": k1, "pr": invoice_over(20_000)}, REMOTE_ADDR=THERE)
    assert (answer.status_code, answer.json()["status"]) == (200, "ERROR")
    assert "wait" in answer.json()["reason"]
    assert not Payout.objects.exists()


@pytest.mark.django_db
def test_a_throttled_claim_page_is_kind_and_claims_nothing(
    monkeypatch: pytest.MonkeyPatch, pull_payment: PullPayment
) -> None:
    path = f"/p/{pull_payment.pk}"
    for _ in range(20):
        assert Client().post(path, {"destination": "no invoice"}).status_code == 422
    answer = Client().post(path, {"destination": invoice_over(20_000)})
    assert answer.status_code == 429
    assert int(answer["Retry-After"]) >= 1
    assert "Nothing was changed" in answer.content.decode()
    assert not Payout.objects.exists()
    assert Client().get(path).status_code == 200  # looking is counted apart


@pytest.mark.django_db
def test_voucher_codes_cannot_be_tried_out(pull_payment: PullPayment) -> None:
    statuses = [Client().post("/v", {"code": "K7QM-2XFP-9TRA"}).status_code for _ in range(31)]
    assert statuses == [422] * 30 + [429]


@pytest.mark.django_db
def test_a_checkout_that_is_hammered_issues_nothing(monkeypatch: pytest.MonkeyPatch, store: Store) -> None:
    throttle = Throttle("checkout-page", per_s=60, visitor=600)
    for _ in range(600):
        ask(throttle, "127.0.0.1")
    answer = Client().get(f"/i/{'1' * 22}")
    assert answer.status_code == 429
    assert not Invoice.objects.exists()


@pytest.mark.django_db
def test_the_word_of_a_visitor_about_his_address_counts_only_through_a_trusted_proxy(
    monkeypatch: pytest.MonkeyPatch, pull_payment: PullPayment
) -> None:
    tighten(monkeypatch, "lnurl.endpoints.answers", "LNURL_OFFER", visitor=1)
    path = f"/lnurl/withdraw/{pull_payment.lnurl_token}"

    def asked_as(address: str) -> bool:
        return "tag" in Client(headers={"X-Forwarded-For": address}).get(path).json()

    assert [asked_as("203.0.113.1"), asked_as("203.0.113.2")] == [True, False]
    with override_settings(TRUSTED_PROXIES=["127.0.0.0/8"]):
        assert [asked_as("203.0.113.1"), asked_as("203.0.113.2"), asked_as("203.0.113.2")] == [True, True, False]


@pytest.mark.django_db
def test_they_can_be_switched_off_to_measure(settings: object) -> None:
    settings.THROTTLES = False  # type: ignore[attr-defined]
    assert all(ask(Throttle("t", per_s=60, visitor=1)) for _ in range(3))
    assert os.environ.get("THROTTLES") is None
