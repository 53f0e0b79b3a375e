"""Asking a card's service to pay our invoice (LUD-03, the reader's side; K-03.1 to K-03.3): honest services and the zoo."""

import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lnurl.wire.destination import LnurlUnknown, LnurlWithdraw, destination_read
from lnurl.wire.errors import AmountRefused, AnswerUnusable, DestinationRefused, ServiceRefused, WireError
from lnurl.wire.withdraw import (
    Answer,
    Handover,
    WithdrawOffer,
    withdraw_check,
    withdraw_hand_over,
    withdraw_offer_fetch,
)
from tests.lightning.invoices import invoice_make
from tests.lnurl.wire.services import Names, RawService, Service, certificate_for, json_answer, loopback_policy

INVOICE = invoice_make("25u")
K1 = "ab" * 32


class Card:
    """An honest card's service on loopback; a test changes the fields it wants to see go wrong."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.offer: dict[str, Any] = {
            "tag": "withdrawRequest",
            "callback": f"{service.url}/callback",
            "k1": K1,
            "defaultDescription": "Ana's card",
            "minWithdrawable": 1000,
            "maxWithdrawable": 10_000_000,
        }
        self.answer: Any = {"status": "OK"}
        self.asked: list[dict[str, str]] = []
        service.routes["/boltcard"] = lambda query: json_answer(self.offer)
        service.routes["/callback"] = self._callback

    def _callback(self, query: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        self.asked.append(query)
        return json_answer(self.answer)

    @property
    def tap(self) -> LnurlWithdraw:
        read = destination_read(
            f"lnurlw://127.0.0.1:{self.service.port}/boltcard?p=4E2E28&c=E19CCB", allow_loopback=True
        )
        assert isinstance(read, LnurlWithdraw)
        return read

    def fetch(self) -> WithdrawOffer:
        return withdraw_offer_fetch(self.tap, policy=loopback_policy())

    def hand_over(self) -> Handover:
        return withdraw_hand_over(self.fetch(), bolt11=INVOICE, policy=loopback_policy())


@pytest.fixture
def card() -> Iterator[Card]:
    with Service() as service:
        yield Card(service)


def refused(kind: type[WireError], act: Callable[[], object]) -> str:
    with pytest.raises(kind) as caught:
        act()
    assert "Nothing was" in caught.value.sentence
    return caught.value.code


# --- The offer ------------------------------------------------------------------------------------------------------


def test_it_reads_what_a_card_offers_and_asks_for_it_once(card: Card) -> None:
    """A tap may be used up by one look (Q16 of others), so there is one."""
    card.offer |= {
        "payLink": "lnurlp://x.example/y",
        "balanceCheck": "https://x.example",
        "currentBalance": 7,
        "new": {},
    }
    offer = card.fetch()
    assert (offer.min_msat, offer.max_msat, offer.k1, offer.domain) == (1000, 10_000_000, K1, "127.0.0.1")
    assert (offer.description, offer.pin_from_msat, offer.warnings) == ("Ana's card", None, ())
    assert [path for _, path in card.service.requests] == ["/boltcard?p=4E2E28&c=E19CCB"]


def test_a_bech32_link_that_pays_out_is_read_as_well(card: Card) -> None:
    offer = withdraw_offer_fetch(LnurlUnknown(f"{card.service.url}/boltcard?p=1&c=2"), policy=loopback_policy())
    assert offer.max_msat == 10_000_000


@pytest.mark.parametrize(
    ("least", "most", "read"),
    [
        (1_001, 9_999_999, (2_000, 9_999_000)),
        (0, 1_000, (1_000, 1_000)),
        (1, 10**30, (1_000, 9_223_372_036_854_775_000)),
    ],
)
def test_limits_are_whole_sats_rounded_inwards(card: Card, least: int, most: int, read: tuple[int, int]) -> None:
    """K-03.1."""
    card.offer |= {"minWithdrawable": least, "maxWithdrawable": most}
    offer = card.fetch()
    assert (offer.min_msat, offer.max_msat) == read


@pytest.mark.parametrize(("least", "most"), [(0, 0), (0, 999), (1_001, 1_999)])
def test_a_card_without_a_whole_sat_offers_nothing(card: Card, least: int, most: int) -> None:
    card.offer |= {"minWithdrawable": least, "maxWithdrawable": most}
    assert refused(AnswerUnusable, card.fetch) == "nothing_offered"


@pytest.mark.parametrize("field", ["minWithdrawable", "maxWithdrawable"])
@pytest.mark.parametrize("value", [1000.0, 1e6, True, "1000", None, [1000], {}, -1, 0.5])
def test_numbers_are_integers_and_nothing_like_them(card: Card, field: str, value: object) -> None:
    """P6."""
    card.offer[field] = value
    assert refused(AnswerUnusable, card.fetch) == "not_lnurl"


@pytest.mark.parametrize(
    "change", [{"k1": None}, {"k1": 7}, {"callback": None}, {"minWithdrawable": 2000, "maxWithdrawable": 1000}]
)
def test_an_offer_that_cannot_be_taken_up_is_refused(card: Card, change: dict[str, Any]) -> None:
    card.offer |= change
    assert refused(AnswerUnusable, card.fetch) == "not_lnurl"
    assert card.asked == []


@pytest.mark.parametrize("tag", ["payRequest", "login", "withdrawrequest", None, 7])
def test_what_does_not_pay_out_is_no_card(card: Card, tag: object) -> None:
    card.offer["tag"] = tag
    assert refused(AnswerUnusable, card.fetch) in {"not_a_card", "not_lnurl"}


@pytest.mark.parametrize("status", ["ERROR", "error", "Error"])
def test_a_card_that_says_no_is_heard_in_any_case(card: Card, status: str) -> None:
    """K-01.5, P12."""
    card.offer = {**card.offer, "status": status, "reason": "<b>frozen</b>\x00"}
    with pytest.raises(ServiceRefused) as caught:
        card.fetch()
    assert caught.value.reason == "<b>frozen</b>"
    assert "frozen" not in caught.value.sentence


@pytest.mark.parametrize(
    "callback",
    [
        "https://10.0.0.1/callback",
        "https://[64:ff9b::7f00:1]/callback",
        "https://user:secret@pay.example/callback",
        "https://attacker.example\\@victim.example/",
        "http://pay.example/callback",
        "file:///etc/passwd",
        "",
    ],
)
def test_a_callback_gets_the_same_rules_as_the_card(card: Card, callback: str) -> None:
    """P2, P3."""
    card.offer["callback"] = callback
    refused(DestinationRefused, card.fetch)


# --- The amount -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("amount_msat", "code"),
    [
        (1_999_000, "amount_too_small"),
        (10_001_000, "amount_too_large"),
        (5_000_000, "pin_needed"),
        (9_000_000, "pin_needed"),
    ],
)
def test_an_amount_the_card_does_not_pay_is_refused_before_it_is_asked(card: Card, amount_msat: int, code: str) -> None:
    """K-03.1, and the draft pinLimit."""
    card.offer |= {"minWithdrawable": 2_000_000, "pinLimit": 5_000_000}
    offer = card.fetch()
    assert refused(AmountRefused, lambda: withdraw_check(offer, amount_msat=amount_msat)) == code
    assert card.asked == []


def test_amounts_between_the_limits_pass(card: Card) -> None:
    offer = card.fetch()
    for amount_msat in (1_000, 2_500_000, 10_000_000):
        withdraw_check(offer, amount_msat=amount_msat)


# --- Handing over the invoice ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["OK", "ok", "Ok"])
def test_a_card_that_takes_the_invoice_is_accepted_which_is_not_paid(card: Card, status: str) -> None:
    """K-03.3: the answer is one of three, and none of them is "paid"."""
    card.answer = {"status": status, "extra": [1]}
    assert card.hand_over() == Handover(Answer.ACCEPTED)
    assert card.asked == [{"k1": K1, "pr": INVOICE}]
    assert "paid" not in set(Answer)


def test_the_query_of_a_cards_callback_is_kept_and_k1_is_escaped(card: Card) -> None:
    """K-03.2: a Bolt Card's callback is often the tap's own address."""
    card.offer |= {"callback": f"{card.service.url}/callback?p=4E&c=E1", "k1": "4E-E1&pr=x y"}
    assert card.hand_over().answer == Answer.ACCEPTED
    assert card.asked == [{"p": "4E", "c": "E1", "k1": "4E-E1&pr=x y", "pr": INVOICE}]


def test_a_refusal_keeps_the_cards_own_words(card: Card) -> None:
    card.answer = {"status": "ERROR", "reason": "Daily limit reached"}
    assert card.hand_over() == Handover(Answer.DECLINED, "service_refused", "Daily limit reached")


@pytest.mark.parametrize("answer", [{}, {"status": "PENDING"}, {"status": True}, {"ok": 1}, [], "OK", None])
def test_neither_yes_nor_no_is_a_doubt(card: Card, answer: object) -> None:
    card.answer = answer
    assert card.hand_over() == Handover(Answer.UNKNOWN, "not_lnurl")


def test_a_service_that_hangs_up_with_our_invoice_in_hand_leaves_a_doubt(card: Card) -> None:
    def hang_up(connection: socket.socket, ended: threading.Event) -> None:
        connection.recv(65_536)

    with RawService(hang_up) as service:
        card.offer["callback"] = f"{service.url}/callback"
        handed = card.hand_over()
    assert (handed.answer, handed.code) == (Answer.UNKNOWN, "connection_lost")
    assert service.connections == 1  # not asked again


def test_silence_until_the_deadline_is_a_doubt_and_is_not_repeated(card: Card) -> None:
    def say_nothing(connection: socket.socket, ended: threading.Event) -> None:
        connection.recv(65_536)
        ended.wait(10)

    with RawService(say_nothing) as service:
        card.offer["callback"] = f"{service.url}/callback"
        offer = card.fetch()
        handed = withdraw_hand_over(offer, bolt11=INVOICE, policy=loopback_policy(deadline_s=0.3))
    assert (handed.answer, handed.code) == (Answer.UNKNOWN, "too_slow")
    assert service.connections == 1


def test_a_service_that_nobody_finds_was_not_asked(card: Card) -> None:
    """The request never left, so this is a no and not a doubt."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    card.offer["callback"] = f"http://127.0.0.1:{port}/callback"
    assert card.hand_over() == Handover(Answer.DECLINED, "no_connection")


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_followed_neither_at_the_tap_nor_with_the_invoice(card: Card, status: int) -> None:
    """P4, CVE-2025-32013: not even to loopback."""
    with Service({"/": lambda _: json_answer({"status": "OK"})}) as victim:
        card.service.routes["/callback"] = lambda _: (status, {"Location": f"{victim.url}/"}, b'{"status": "OK"}')
        assert card.hand_over() == Handover(Answer.UNKNOWN, "redirect")
        card.service.routes["/boltcard"] = lambda _: (status, {"Location": f"{victim.url}/"}, b"{}")
        assert refused(AnswerUnusable, card.fetch) == "redirect"
        assert victim.connections == 0


def test_a_callback_whose_name_turns_private_later_is_not_visited(card: Card, tmp_path: Path) -> None:
    """DNS answers that change: judged again at each connection (P3), before the invoice is told to anybody."""
    server, trusting = certificate_for("card.example", folder=tmp_path)
    with Service(tls=server) as service, Service() as victim:
        card.offer["callback"] = "https://card.example/callback"
        service.routes["/boltcard"] = lambda _: json_answer(card.offer)
        names = Names(card_example=[[("127.0.0.1", service.port)], [("10.0.0.1", 443), ("127.0.0.1", victim.port)]])
        policy = loopback_policy(lookup=names, ssl_context=trusting)
        offer = withdraw_offer_fetch(LnurlWithdraw("https://card.example/boltcard?p=1&c=2"), policy=policy)
        handed = withdraw_hand_over(offer, bolt11=INVOICE, policy=policy)
        assert handed == Handover(Answer.DECLINED, "private_address")
        assert victim.connections == 0


def test_a_callback_on_another_host_is_allowed_and_noted(card: Card, tmp_path: Path) -> None:
    server, trusting = certificate_for("card.example", "pay.example", folder=tmp_path)
    with Service(tls=server) as service:
        card.offer["callback"] = "https://pay.example/callback"
        service.routes["/boltcard"] = lambda _: json_answer(card.offer)
        service.routes["/callback"] = lambda _: json_answer({"status": "OK"})
        where = [[("127.0.0.1", service.port)]]
        policy = loopback_policy(lookup=Names(card_example=where, pay_example=where), ssl_context=trusting)
        offer = withdraw_offer_fetch(LnurlWithdraw("https://card.example/boltcard?p=1&c=2"), policy=policy)
        assert offer.warnings == ("callback_on_another_host",)
        assert withdraw_hand_over(offer, bolt11=INVOICE, policy=policy).answer == Answer.ACCEPTED
        assert [host for host, _ in service.requests] == ["card.example", "pay.example"]


def test_a_production_policy_reaches_no_card_on_this_machine(card: Card) -> None:
    for text in (card.tap.url, "https://localhost/boltcard?p=1", "https://169.254.169.254/latest"):
        refused(
            DestinationRefused,
            lambda url=text: withdraw_offer_fetch(LnurlWithdraw(url), policy=loopback_policy(allow_loopback=False)),
        )
    assert card.service.connections == 0
