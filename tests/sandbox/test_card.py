"""The pretend Flashcard: each tap is read once, each offer taken up once, and it misbehaves as the switches say."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from flashpay.sandbox.cards import CardRefused, Keys, tap_read, tap_write
from tests.sandbox.client import GraphQL
from tests.sandbox_server import SandboxServer

# The chip of facts that everybody can check: the keys of the Bolt Card's own test vectors.
KEYS = Keys(
    uid=bytes.fromhex("04996c6a926980"),
    read=bytes.fromhex("0c3b25d92b38ae443229dd59ad34b85d"),
    sign=bytes.fromhex("b45775776cb224c75bcde7ca3704e933"),
)


@pytest.fixture
def card(sandbox: SandboxServer) -> SandboxServer:
    sandbox.api("PUT", "/api/card", {"balance_sat": 200_000, "limit_sat": 100_000})
    return sandbox


def get(url: str, **query: str) -> dict[str, Any]:
    answer = httpx.get(url, params=query or None, trust_env=False)
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    body: dict[str, Any] = answer.json()
    return body


def tap(card: SandboxServer) -> dict[str, Any]:
    return get(card.card_link().replace("lnurlw://", "http://"))


def pay(offer: dict[str, Any], bolt11: str) -> dict[str, Any]:
    return get(offer["callback"], k1=offer["k1"], pr=bolt11)


def balance(card: SandboxServer) -> int:
    return int(card.api("GET", "/api/card")["balance_sat"])


def invoice(alice: GraphQL, sat: int = 5_000) -> tuple[str, str]:
    made = alice.sandbox.phone_invoice(sat)
    return made["bolt11"], made["payment_hash"]


@pytest.mark.parametrize(
    ("p", "c", "counter"),
    [
        ("4E2E289D945A66BB13377A728884E867", "E19CCB1FED8892CE", 3),
        ("00F48C4F8E386DED06BCDC78FA92E2FE", "66B4826EA4C155B4", 5),
        ("0DBF3C59B59B0638D60B5842A997D4D1", "CC61660C020B4D96", 7),
    ],
)
def test_it_reads_taps_of_real_chips(p: str, c: str, counter: int) -> None:
    assert tap_read(KEYS, p, c) == counter


def test_it_reads_what_it_writes_and_nothing_that_was_changed() -> None:
    p, c = tap_write(KEYS, 258)
    assert tap_read(KEYS, p, c) == 258
    for wrong in ((p, "00" * 8), ("00" * 16, c), (p[:-2], c), ("xyz", c), (p, "")):
        with pytest.raises(CardRefused):
            tap_read(KEYS, *wrong)


def test_a_tap_is_read_once_and_the_next_one_stands_ready(card: SandboxServer) -> None:
    link = card.card_link()
    assert card.card_link() == link
    offer = get(link.replace("lnurlw://", "http://"))
    assert (offer["tag"], offer["minWithdrawable"], offer["maxWithdrawable"]) == ("withdrawRequest", 1000, 100_000_000)
    assert get(link.replace("lnurlw://", "http://"))["status"] == "ERROR"
    assert card.card_link() != link
    assert "tag" in tap(card)


def test_an_offer_pays_one_invoice_and_no_other(card: SandboxServer, alice: GraphQL) -> None:
    offer = tap(card)
    bolt11, payment_hash = invoice(alice)
    other, other_hash = invoice(alice)
    before = balance(card)
    assert pay(offer, bolt11) == {"status": "OK"}
    assert pay(offer, bolt11) == {"status": "OK"}  # asked again about the same
    assert pay(offer, other)["status"] == "ERROR"
    assert len(card.payments(payment_hash)) == 1
    assert card.payments(other_hash) == []
    assert balance(card) == before - 5_000


@pytest.mark.parametrize(("change", "sat"), [({"balance_sat": 4_000}, 5_000), ({"limit_sat": 4_000}, 5_000)])
def test_it_pays_neither_more_than_it_has_nor_above_its_limit(
    card: SandboxServer, alice: GraphQL, change: dict[str, int], sat: int
) -> None:
    offer = tap(card)
    card.api("PUT", "/api/card", change)
    bolt11, payment_hash = invoice(alice, sat)
    assert pay(offer, bolt11)["status"] == "ERROR"
    assert card.payments(payment_hash) == []


@pytest.mark.parametrize(
    ("how", "answer", "paid"),
    [
        ("never_pays", "OK", False),
        ("declines", "ERROR", False),
        ("declines_but_pays", "ERROR", True),
        ("cut_before", None, False),
        ("cut_after", None, True),
    ],
)
def test_it_misbehaves_as_switched(
    card: SandboxServer, alice: GraphQL, how: str, answer: str | None, paid: bool
) -> None:
    offer = tap(card)
    card.switch(card_pay={"value": how, "next": 1})
    bolt11, payment_hash = invoice(alice)
    if answer is None:
        with pytest.raises(httpx.RemoteProtocolError):
            pay(offer, bolt11)
    else:
        assert pay(offer, bolt11)["status"] == answer
    assert bool(card.payments(payment_hash)) is paid


def test_it_pays_late_when_switched_so(card: SandboxServer, alice: GraphQL) -> None:
    card.switch(card_pay="pays_late", later_s=0.3)
    bolt11, payment_hash = invoice(alice)
    assert pay(tap(card), bolt11) == {"status": "OK"}
    assert card.wait_for_payment(payment_hash)["amount_sat"] == 5_000


def test_its_offers_can_be_small_elsewhere_or_ask_for_a_pin(card: SandboxServer) -> None:
    card.switch(card_offer={"value": "small", "next": 1})
    assert tap(card)["maxWithdrawable"] == 1000
    card.switch(card_offer={"value": "other_host", "next": 1})
    assert tap(card)["callback"].startswith("http://localhost:")
    card.switch(card_offer={"value": "pin", "next": 1})
    assert tap(card)["pinLimit"] == 1000


def test_the_phones_page_shows_the_link_of_the_next_tap(card: SandboxServer) -> None:
    page = httpx.get(f"{card.url}/phone", trust_env=False).text
    assert card.card_link().replace("&", "&amp;") in page
    assert "Copy the card" in page
