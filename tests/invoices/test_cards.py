"""A card held to a checkout: its service is asked to pay one code, and nothing counts but the money (LUD-03, K-03)."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.utils import timezone

from flashpay.invoices.card_words import card_news
from flashpay.invoices.models import CardState, Evidence, Invoice, LightningInvoice, Payment
from flashpay.invoices.services import (
    card_collect,
    card_present,
    lightning_invoice_issue,
    payment_record,
)
from flashpay.money.currencies import USD
from flashpay.stores.models import Event, Store
from lnurl.wire.codec import lnurl_encode
from tests.invoices.cards import hold, make, news, poll, refused, soon, state_of, words
from tests.lnurl.wire.services import Service, json_answer
from tests.sandbox_server import SandboxServer

pytestmark = pytest.mark.django_db


@pytest.fixture
def invoice(connected_store: Store) -> Invoice:
    return make(connected_store)


# --- A card that pays -----------------------------------------------------------------------------------------------


def test_a_card_pays_and_the_money_settles_the_invoice(invoice: Invoice, cards: SandboxServer) -> None:
    row = hold(invoice, cards.card_link())
    code = LightningInvoice.objects.get()
    assert (row.state, row.lightning_invoice, row.host) == (CardState.ACCEPTED, code, "127.0.0.1")
    assert state_of(invoice) == "New"  # K-03.3: its OK is not money
    assert "waiting for the money" in words(invoice)
    poll()
    assert state_of(invoice) == "Settled"
    assert card_news(invoice, timezone.now()) is None
    assert len(cards.payments(code.payment_hash)) == 1


def test_it_pays_the_code_that_the_page_shows(invoice: Invoice, cards: SandboxServer) -> None:
    shown = lightning_invoice_issue(invoice=invoice)
    assert hold(invoice, cards.card_link()).lightning_invoice == shown
    assert LightningInvoice.objects.count() == 1


def test_a_code_with_little_life_left_is_not_given_to_a_card(invoice: Invoice, cards: SandboxServer) -> None:
    shown = lightning_invoice_issue(invoice=invoice)
    LightningInvoice.objects.filter(pk=shown.pk).update(expires_at=soon(20))
    given = hold(invoice, cards.card_link()).lightning_invoice
    assert given is not None
    assert given != shown
    assert given.expires_at > soon(30)


def test_a_dollar_invoice_is_paid_by_card(connected_store: Store, cards: SandboxServer) -> None:
    invoice = make(connected_store, 635, USD)
    hold(invoice, cards.card_link())
    poll()
    assert state_of(invoice) == "Settled"


def test_the_rest_of_an_invoice_paid_in_part_is_asked_for(invoice: Invoice, cards: SandboxServer) -> None:
    first = lightning_invoice_issue(invoice=invoice)
    LightningInvoice.objects.filter(pk=first.pk).update(credit_msat=15_000_000)
    payment_record(lightning_invoice=LightningInvoice.objects.get(), evidence=Evidence.PUSH)
    invoice.refresh_from_db()
    given = hold(invoice, cards.card_link()).lightning_invoice
    assert given is not None
    assert given.amount_msat == 6_000_000
    poll()
    assert state_of(invoice) == "Settled"


def test_a_top_up_asks_for_what_its_payer_chose(connected_store: Store, cards: SandboxServer) -> None:
    invoice = make(connected_store, None)
    refused("amount-needed", invoice, cards.card_link())
    hold(invoice, cards.card_link(), amount_msat=5_000_000)
    poll()
    assert state_of(invoice) == "Settled"
    assert Payment.objects.get().amount_msat == 5_000_000


def test_a_bech32_link_and_one_inside_a_web_link_are_cards_too(connected_store: Store, cards: SandboxServer) -> None:
    for form in ("{lnurl}", "lightning:{lnurl}", "https://card.example/?lightning={lnurl}", "  {link}\n"):
        link = cards.card_link()
        lnurl = lnurl_encode(link.replace("lnurlw://", "http://"))
        row = hold(make(connected_store), form.format(lnurl=lnurl, link=link))
        assert row.state == CardState.ACCEPTED, form


# --- Nothing but money counts ---------------------------------------------------------------------------------------


def test_an_ok_without_money_settles_nothing(invoice: Invoice, cards: SandboxServer) -> None:
    cards.switch(card_pay="never_pays")
    row = hold(invoice, cards.card_link())
    assert row.state == CardState.ACCEPTED
    poll()
    assert state_of(invoice) == "New"
    assert not Payment.objects.exists()


def test_money_that_comes_late_is_found(invoice: Invoice, cards: SandboxServer) -> None:
    cards.switch(card_pay="pays_late", later_s=0.2)
    row = hold(invoice, cards.card_link())
    code = row.lightning_invoice
    assert code is not None
    cards.wait_for_payment(code.payment_hash)
    poll()
    assert state_of(invoice) == "Settled"


@pytest.mark.parametrize(("how", "paid"), [("cut_before", False), ("cut_after", True)])
def test_a_lost_answer_is_a_doubt_that_the_money_ends(
    invoice: Invoice, cards: SandboxServer, how: str, paid: bool
) -> None:
    cards.switch(card_pay=how)
    row = hold(invoice, cards.card_link())
    assert (row.state, row.problem) == (CardState.UNKNOWN, "connection_lost")
    assert "do not tap again" in words(invoice)
    assert news(invoice).waits
    poll()
    assert state_of(invoice) == ("Settled" if paid else "New")


def test_a_card_that_says_no_and_pays_is_credited_all_the_same(invoice: Invoice, cards: SandboxServer) -> None:
    cards.switch(card_pay="declines_but_pays")
    row = hold(invoice, cards.card_link())
    assert (row.state, row.reason) == (CardState.DECLINED, "Something went wrong.")
    poll()
    assert state_of(invoice) == "Settled"


# --- Declined -------------------------------------------------------------------------------------------------------


def test_a_declined_card_is_told_in_its_own_words_and_may_be_tried_again_at_once(
    invoice: Invoice, cards: SandboxServer
) -> None:
    cards.switch(card_pay={"value": "declines", "next": 1})
    first = hold(invoice, cards.card_link())
    assert first.state == CardState.DECLINED
    assert words(invoice).startswith("The card was declined Its service refused. So nothing should have been taken;")
    assert words(invoice).endswith("This card is frozen.")
    assert not news(invoice).waits
    again = hold(invoice, cards.card_link())
    assert (again.state, again.lightning_invoice) == (CardState.ACCEPTED, first.lightning_invoice)


def test_a_card_with_too_little_says_how_much_it_could_pay_and_costs_no_code(
    invoice: Invoice, cards: SandboxServer
) -> None:
    cards.api("PUT", "/api/card", {"balance_sat": 5_000})
    row = hold(invoice, cards.card_link())
    assert (row.state, row.problem, row.limit_msat) == (CardState.DECLINED, "amount_too_large", 5_000_000)
    assert "It pays 5,000 sat at most" in words(invoice)
    assert not LightningInvoice.objects.exists()


def test_a_card_that_wants_a_pin_is_not_asked(invoice: Invoice, cards: SandboxServer) -> None:
    cards.switch(card_offer="pin")
    row = hold(invoice, cards.card_link())
    assert (row.state, row.problem) == (CardState.DECLINED, "pin_needed")
    assert "PIN" in words(invoice)


def test_the_same_tap_twice_is_refused_by_the_card(connected_store: Store, cards: SandboxServer) -> None:
    link = cards.card_link()
    hold(make(connected_store), link)
    row = hold(make(connected_store), link)
    assert (row.state, row.reason) == (CardState.DECLINED, "This tap was used before. Please tap again.")


def test_a_callback_on_another_host_is_asked_and_noted(invoice: Invoice, cards: SandboxServer) -> None:
    cards.switch(card_offer="other_host")
    assert hold(invoice, cards.card_link()).state == CardState.ACCEPTED
    asked = Event.objects.get(entity="cardcollection", type="CardAsked")
    assert asked.evidence["noted"] == ["callback_on_another_host"]
    poll()
    assert state_of(invoice) == "Settled"


def test_a_wallet_that_gives_no_code_takes_nothing_from_the_card(invoice: Invoice, cards: SandboxServer) -> None:
    cards.switch(invoice_error=True)
    row = hold(invoice, cards.card_link())
    assert (row.state, row.problem) == (CardState.DECLINED, "wallet-unavailable")
    assert words(invoice).endswith("Please try again. Nothing was taken. ")
    assert cards.api("GET", "/api/card")["balance_sat"] == 200_000


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "not-a-card"),
        ("hello", "not-a-card"),
        ("lnurlw://10.0.0.1/boltcard?p=1&c=2", "not-a-card"),
        ("lnurlw://attacker.example@victim.example/x", "not-a-card"),
        ("LNURL1DP68GURN8GHJ7MR", "not-a-card"),
        ("ana@card.example", "receives"),
        ("lnurlp://card.example/pay", "receives"),
        ("bitcoin:bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080", "receives"),
        ("https://card.example/?lightning=ana@card.example", "receives"),
        ("x" * 20_000, "not-a-card"),
    ],
)
def test_what_is_no_card_is_refused_and_asked_nothing(invoice: Invoice, text: str, code: str) -> None:
    refused(code, invoice, text)


def test_a_voucher_of_our_own_is_refused_kindly_and_we_do_not_ask_ourselves(
    invoice: Invoice, cards: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = settings.PUBLIC_URL.replace("http://", "lnurlw://")
    refused("own-link", invoice, f"{own}/lnurl/withdraw/{'ab' * 16}")
    refused("own-link", invoice, lnurl_encode(f"{settings.PUBLIC_URL}/lnurl/withdraw/{'ab' * 16}"))
    monkeypatch.setattr(settings, "PUBLIC_URL", "https://shop.example")
    refused("own-link", invoice, f"lnurlw://SHOP.example/lnurl/withdraw/{'ab' * 16}")
    refused("own-link", invoice, f"https://shop.example/p/{'a' * 22}?lightning=LNURL1XYZ")


def test_a_card_whose_callback_leads_back_to_us_is_refused(invoice: Invoice) -> None:
    offer = {"tag": "withdrawRequest", "k1": "1", "minWithdrawable": 1000, "maxWithdrawable": 10**9}
    with Service() as service:
        service.routes["/card"] = lambda _: json_answer({**offer, "callback": f"{settings.PUBLIC_URL}/lnurl/x"})
        row = hold(invoice, f"{service.url}/card")
    assert (row.state, row.problem) == (CardState.DECLINED, "own-link")
    assert not LightningInvoice.objects.exists()


def test_an_invoice_that_takes_no_money_takes_no_card(invoice: Invoice, cards: SandboxServer) -> None:
    payment_record(lightning_invoice=lightning_invoice_issue(invoice=invoice), evidence=Evidence.PUSH)
    invoice.refresh_from_db()
    refused("invoice-not-payable", invoice, cards.card_link())


def test_an_invoice_paid_while_the_card_is_read_is_not_paid_again(invoice: Invoice, cards: SandboxServer) -> None:
    row = card_present(invoice=invoice, text=cards.card_link())
    payment_record(lightning_invoice=lightning_invoice_issue(invoice=invoice), evidence=Evidence.PUSH)
    card_collect(collection_id=row.pk)
    row.refresh_from_db()
    assert (row.state, row.problem) == (CardState.DECLINED, "invoice-not-payable")
    assert cards.api("GET", "/api/card")["balance_sat"] == 200_000


HONEST = {"tag": "withdrawRequest", "k1": "1", "minWithdrawable": 1000, "maxWithdrawable": 10**9}


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ((302, {"Location": "{victim}"}, b"{}"), "redirect"),
        ((200, {}, b"<html>"), "not_lnurl"),
        ((200, {}, b" " * 300_000), "too_large"),
        (json_answer({**HONEST, "callback": "https://10.0.0.1/pay"}), "ip_literal"),
        (json_answer({**HONEST, "callback": "http://card.example/pay"}), "not_https"),
        (json_answer({**HONEST, "callback": "https://user:x@card.example/pay"}), "user_info"),
        (json_answer({**HONEST, "callback": "https://card.example/pay", "maxWithdrawable": 1e9}), "not_lnurl"),
        (json_answer({**HONEST, "callback": "https://card.example/pay", "minWithdrawable": True}), "not_lnurl"),
        (json_answer({**HONEST, "tag": "payRequest"}), "not_a_card"),
        (json_answer({"status": "error", "reason": "<script>alert(1)</script>"}), "service_refused"),
    ],
)
def test_hostile_services_get_nowhere_and_cost_no_code(
    invoice: Invoice, answer: tuple[int, dict[str, str], bytes], problem: str
) -> None:
    with Service() as victim, Service() as service:
        status, headers, body = answer
        headers = {name: value.replace("{victim}", f"{victim.url}/") for name, value in headers.items()}
        service.routes["/card"] = lambda _: (status, headers, body)
        row = hold(invoice, f"lnurlw://127.0.0.1:{service.port}/card?p=1&c=2")
        assert (row.state, row.problem) == (CardState.DECLINED, problem)
        assert victim.connections == 0
        assert service.connections == 1
    assert not LightningInvoice.objects.exists()


def test_production_reaches_no_card_inside_its_own_network(
    invoice: Invoice, cards: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = cards.card_link()
    monkeypatch.setattr(settings, "ALLOW_PRIVATE_DESTINATIONS", False)
    monkeypatch.setattr(settings, "SANDBOX", False)
    refused("not-a-card", invoice, link)
    refused("not-a-card", invoice, "lnurlw://localhost/card")
