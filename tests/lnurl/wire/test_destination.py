"""Whatever a person pastes or scans (K-01.1–3, K-16.1, K-17.1–3, Q8, Q10)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lnurl.wire.addresses import LightningAddress, lightning_address_read
from lnurl.wire.codec import lnurl_encode
from lnurl.wire.destination import (
    Bolt11,
    ClaimLink,
    Destination,
    LnurlPay,
    LnurlUnknown,
    LnurlWithdraw,
    NotUnderstood,
    OnChain,
    destination_read,
)
from lnurl.wire.errors import Unreadable
from tests.lightning.invoices import invoice_make
from tests.lnurl.wire.public_lnurl import ask

INVOICE = invoice_make()
PAY_URL = "https://pay.example/lnurl/pay/0123456789abcdef"
LNURL = lnurl_encode(PAY_URL)
ON_CHAIN = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"
OWN = ["shop.example"]


def read(text: str, **settings: bool) -> Destination:
    return destination_read(text, own_hosts=OWN, **settings)


def not_understood(text: str, **settings: bool) -> str:
    found = read(text, **settings)
    assert isinstance(found, NotUnderstood), found
    assert found.sentence.endswith(".")
    return found.code


@pytest.mark.parametrize(
    "text",
    [
        INVOICE,
        INVOICE.upper(),
        f"lightning:{INVOICE}",
        f"LIGHTNING:{INVOICE.upper()}",
        f"lightning://{INVOICE}",
        f"Lightning: {INVOICE}",
        f"web+lightning:{INVOICE}",
        f"walletofsatoshi:lightning:{INVOICE}",
        f"phoenix:lightning:{INVOICE}",
        f"  {INVOICE}\n",
        f"{INVOICE[:70]}\r\n{INVOICE[70:140]}\n {INVOICE[140:]}",
        f"\ufeff{INVOICE}\u200b",
        f"<{INVOICE}>",
        f'"{INVOICE}"',
        f"bitcoin:{ON_CHAIN}?amount=0.000025&lightning={INVOICE}",
        f"BITCOIN:{ON_CHAIN.upper()}?AMOUNT=0.000025&LIGHTNING={INVOICE.upper()}",
        f"bitcoin:?lightning={INVOICE}",
        f"bitcoin://{ON_CHAIN}?label=a%20b&lightning={INVOICE}",
    ],
)
def test_it_finds_the_invoice(text: str) -> None:
    found = read(text)
    assert isinstance(found, Bolt11)
    assert found.invoice.bolt11 == INVOICE


@pytest.mark.parametrize(
    "text",
    [
        LNURL,
        LNURL.lower(),
        f"lightning:{LNURL}",
        f"LIGHTNING:{LNURL}",
        f"lightning://{LNURL.lower()}",
        f"lnurl:{LNURL}",
        f"lnurl://{LNURL.lower()}",
        f"{LNURL[:50]} {LNURL[50:]}",
        f"bitcoin:{ON_CHAIN}?lightning={LNURL}",
        PAY_URL,
        f"lightning:{PAY_URL}",
    ],
)
def test_it_finds_the_lnurl(text: str) -> None:
    assert read(text) == LnurlUnknown(PAY_URL)


def test_it_tells_pay_and_withdraw_links_without_asking() -> None:
    assert read("lnurlp://pay.example/p/1") == LnurlPay("https://pay.example/p/1")
    assert read("LNURLP://PAY.EXAMPLE/p/1") == LnurlPay("https://pay.example/p/1")
    assert read("lightning:lnurlp://pay.example/p/1") == LnurlPay("https://pay.example/p/1")
    assert read("lnurlw://card.example/?p=1&c=2") == LnurlWithdraw("https://card.example/?p=1&c=2")
    fast = "https://pay.example/w?tag=withdrawRequest&k1=1"
    assert read(lnurl_encode(fast)) == LnurlWithdraw(fast)


def test_it_tells_what_is_no_place_for_money() -> None:
    assert not_understood(lnurl_encode("https://site.example/l?tag=login&k1=00")) == "login"
    assert not_understood("keyauth://site.example/login") == "login"
    assert not_understood("lnurlc://site.example/c") == "channel"
    assert not_understood("lno1qgsqvgnwgcg35z6ee2h3yczraddm72xrfua9uve2rlrm9deu7xyfzrc") == "bolt12"
    assert not_understood("02" + "ab" * 32 + "@1.2.3.4:9735") == "node"


@pytest.mark.parametrize(
    "text",
    [
        "alice@pay.example",
        "Alice@Pay.Example",
        " alice@pay.example ",
        "lightning:alice@pay.example",
        "LIGHTNING:ALICE@PAY.EXAMPLE",
        "⚡alice@pay.example",
        "⚡️ alice@pay.example",
        "mailto:alice@pay.example",
        "bitcoin:?lightning=alice@pay.example",
    ],
)
def test_it_finds_the_lightning_address(text: str) -> None:
    assert read(text) == LightningAddress("alice", None, "pay.example")


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("alice@pay.example", "https://pay.example/.well-known/lnurlp/alice"),
        ("alice+tips@pay.example", "https://pay.example/.well-known/lnurlp/alice%2Btips"),
        ("a.b-c_1@sub.pay.example", "https://sub.pay.example/.well-known/lnurlp/a.b-c_1"),
        ("@pay.example", "https://pay.example/.well-known/lnurlp/_"),
        ("alice@abc.onion", "http://abc.onion/.well-known/lnurlp/alice"),
    ],
)
def test_an_address_has_one_url(text: str, url: str) -> None:
    """S-16.2, S-16.5."""
    assert lightning_address_read(text).url == url


def test_the_public_lnurl_package_agrees_on_addresses() -> None:
    texts = ["alice@pay.example", "a.b-c_1@sub.pay.example", "@pay.example"]
    assert [result["ok"] for result in ask(*[{"do": "address", "text": text} for text in texts])] == [
        lightning_address_read(text).url for text in texts
    ]


@pytest.mark.parametrize(
    "text",
    [
        "alice@pay",
        "alice@localhost",
        "alice@127.0.0.1",
        "alice@169.254.169.254",
        "a@127.0.0.1:9200/_x#",
        "alice@pay.example:8080",
        "alice@pay.example/path",
        "alice@evil@pay.example",
        "alice@[::1]",
        "..@pay.example",
        ".@pay.example",
        "al/ice@pay.example",
        "al%2fice@pay.example",
        "älice@pay.example",
        "alice@bücher.example",
        "alice+@pay.example",
        "alice@2130706433.",
        "alice@-pay.example",
        "a" * 400 + "@pay.example",
    ],
)
def test_it_refuses_addresses_that_are_tricks(text: str) -> None:
    """P1, K-16.1."""
    with pytest.raises(Unreadable):
        lightning_address_read(text)
    assert not_understood(text) in {"lightning_address", "unknown"}


def test_a_web_link_with_lightning_shows_what_it_holds() -> None:
    for key in ("lightning", "LIGHTNING"):
        url = f"https://other.example/claim?{key}={LNURL}"
        assert read(url) == ClaimLink(url=url, ours=False, inner=LnurlUnknown(PAY_URL))


def test_a_web_link_of_ours_is_known_as_such() -> None:
    assert read("https://shop.example/p/1") == ClaimLink(url="https://shop.example/p/1", ours=True, inner=None)
    held = read(f"https://SHOP.example/p/1?lightning={INVOICE}")
    assert isinstance(held, ClaimLink)
    assert held.ours
    assert isinstance(held.inner, Bolt11)


def test_links_inside_links_end_somewhere() -> None:
    link = "https://a.example/"
    for _ in range(8):
        link = f"https://a.example/?lightning={link.replace('?', '%3F').replace('=', '%3D').replace('&', '%26')}"
    assert read(link) is not None


@pytest.mark.parametrize(
    "text",
    [
        ON_CHAIN,
        ON_CHAIN.upper(),
        "1RustyRX2oai4EYYDpQGWvEL62BBGqN9T",
        "3EktnHQD7RiAE6uzMj2ZifT9YgRrkSgzQX",
        "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx",
        f"bitcoin:{ON_CHAIN}",
        f"bitcoin:{ON_CHAIN}?amount=0.1",
        f"bitcoin:{ON_CHAIN}?lightning=",
    ],
)
def test_a_bitcoin_address_is_refused_kindly(text: str) -> None:
    found = read(text)
    assert isinstance(found, OnChain)
    assert "Please use a Lightning invoice" in found.sentence


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "empty"),
        ("   \n", "empty"),
        ("lightning:", "empty"),
        ("hello", "unknown"),
        ("bitcoin:", "unknown"),
        ("x" * 10_001, "too_long"),
        (INVOICE[:-1] + ("q" if INVOICE[-1] != "q" else "p"), "checksum"),
        (INVOICE[:30] + INVOICE[30:].upper(), "mixed_case"),
        (f"bitcoin:{ON_CHAIN}?lightning={INVOICE[:-3]}", "checksum"),
        (LNURL[:-1] + "Q", "lnurl"),
        (lnurl_encode("http://pay.example/x"), "not_https"),
        (lnurl_encode("https://user@pay.example/x"), "user_info"),
        (lnurl_encode("https://169.254.169.254/x"), "ip_literal"),
        (lnurl_encode("file:///etc/passwd"), "url"),
        ("lnurlp://127.0.0.1:8000/x", "local_name"),
        ("lnurlp://abc.onion/x", "onion"),
        ("https://pay.example\\@victim.example/", "url"),
    ],
)
def test_it_says_why_it_does_not_understand(text: str, code: str) -> None:
    assert not_understood(text) == code


def test_loopback_and_onion_need_the_callers_word() -> None:
    assert read("lnurlp://127.0.0.1:8000/x", allow_loopback=True) == LnurlPay("http://127.0.0.1:8000/x")
    assert read("lnurlp://abc.onion/x", allow_onion=True) == LnurlPay("http://abc.onion/x")


PIECES = st.sampled_from(
    [
        "lightning:", "LIGHTNING=", "bitcoin:", "lnurlp://", "lnurlw:", "https://", "shop.example", "@", "/", "?", "&", "%", "#", "\\",
        "lnbc1", "LNURL1", "lno1", INVOICE, LNURL, ON_CHAIN, "alice", ".onion", "[::1]", ":99999", "\u0130", "\ud800", "\x00", "⚡", " ", "=",
    ]
)  # fmt: skip


@settings(max_examples=500, deadline=None)
@given(st.one_of(st.text(max_size=200), st.lists(PIECES, max_size=8).map("".join)))
def test_any_text_gets_an_answer(text: str) -> None:
    for allowed in (False, True):
        found = destination_read(text, own_hosts=OWN, allow_loopback=allowed, allow_onion=allowed)
        assert isinstance(found, Destination)
