"""LUD-01 and LUD-17 both ways (S-01.1, S-01.5, S-17.1, K-01.1, K-01.3, K-17.1–3)."""

import pytest
from bech32 import bech32_encode, convertbits
from hypothesis import given, settings
from hypothesis import strategies as st

from lnurl.wire.codec import (
    lightning_link_decode,
    lightning_link_encode,
    lnurl_decode,
    lnurl_encode,
    lud17_decode,
    lud17_encode,
)
from lnurl.wire.errors import Unreadable
from tests.lnurl.wire.public_lnurl import ask

# The example of LUD-01.
URL = "https://service.com/api?q=3fc3645b439ce8e7f2553a69e5267081d96dcd340693afabe04be7b0ccd178df"
LNURL = (
    "LNURL1DP68GURN8GHJ7UM9WFMXJCM99E3K7MF0V9CXJ0M385EKVCENXC6R2C35XVUKXEFCV5MKVV34X5EKZD3EV56NYD3HXQURZEPEXEJXXEPNXSCRVWFNV9N"
    "XZCN9XQ6XYEFHVGCXXCMYXYMNSERXFQ5FNS"
)


def refusal(text: str) -> str:
    with pytest.raises(Unreadable) as caught:
        lnurl_decode(text)
    assert "Nothing was sent" in caught.value.sentence
    return caught.value.code


def test_it_writes_and_reads_the_example_of_the_lud() -> None:
    assert lnurl_encode(URL) == LNURL
    assert lnurl_decode(LNURL) == lnurl_decode(LNURL.lower()) == URL


def test_it_has_no_limit_of_ninety_characters() -> None:
    url = "https://service.example/" + "a" * 1900
    assert lnurl_decode(lnurl_encode(url)) == url


def test_it_refuses_mixed_case_wrong_checksums_and_other_prefixes() -> None:
    assert refusal(LNURL[:20] + LNURL[20:].lower()) == "lnurl_mixed_case"
    assert refusal(LNURL[:-1] + "Q") == "lnurl"
    assert refusal(LNURL[:40] + LNURL[41:]) == "lnurl"
    assert refusal("") == "lnurl"
    assert refusal("lnurl1") == "lnurl"
    assert refusal(bech32_encode("lnurlx", convertbits(URL.encode(), 8, 5) or [])) == "lnurl"


def test_it_refuses_what_holds_no_text_or_too_much() -> None:
    assert refusal(bech32_encode("lnurl", convertbits(b"\xff\xfe\xfd", 8, 5) or [])) == "lnurl"
    assert refusal("lnurl1" + "q" * 1_000_000) == "lnurl_too_long"


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=300))
def test_whatever_is_written_is_read_back(text: str) -> None:
    if text.isascii() and text:
        assert lnurl_decode(lnurl_encode(text)) == text


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    for candidate in (text, "lnurl1" + text):
        try:
            lnurl_decode(candidate)
        except Unreadable:
            continue


def test_the_public_lnurl_package_agrees() -> None:
    urls = [URL, "https://pay.example/lnurl/withdraw/0123456789abcdef", "http://abcdefabcdef.onion/w/1?x=1&y=2"]
    written = ask(*[{"do": "encode", "url": url} for url in urls])
    assert [result["ok"].upper() for result in written] == [lnurl_encode(url) for url in urls]
    read = ask(*[{"do": "decode", "text": lnurl_encode(url)} for url in urls])
    assert [result["ok"] for result in read] == urls


@pytest.mark.parametrize(
    ("text", "kind", "url"),
    [
        ("lnurlw://shop.example/w/1?k=2", "lnurlw", "https://shop.example/w/1?k=2"),
        ("LNURLP://shop.example/Pay", "lnurlp", "https://shop.example/Pay"),
        ("lnurlp:shop.example/pay", "lnurlp", "https://shop.example/pay"),
        ("lnurlp://lnurlp.com/lnurlp", "lnurlp", "https://lnurlp.com/lnurlp"),
        ("lnurlw://abc.onion/w", "lnurlw", "http://abc.onion/w"),
        ("lnurlw://abc.ONION:81/w", "lnurlw", "http://abc.ONION:81/w"),
        ("lnurlw://attacker.com/w/.onion/x", "lnurlw", "https://attacker.com/w/.onion/x"),
        ("lnurlw://attacker.com?.onion", "lnurlw", "https://attacker.com?.onion"),
        ("lnurlw://abc.onion@attacker.com/", "lnurlw", "https://abc.onion@attacker.com/"),
        ("lnurlw://127.0.0.1:8000/w", "lnurlw", "http://127.0.0.1:8000/w"),
        ("keyauth://site.example/login", "keyauth", "https://site.example/login"),
        ("lnurlc://site.example/c", "lnurlc", "https://site.example/c"),
    ],
)
def test_it_reads_lud17_links_by_their_host_alone(text: str, kind: str, url: str) -> None:
    assert lud17_decode(text) == (kind, url)


@pytest.mark.parametrize(
    "text", ["https://lnurlp://x", "xlnurlp://shop.example", "lnurlp", "lnurlp:", "lnurlp://", " lnurlp://x"]
)
def test_it_does_not_take_other_links_for_lud17(text: str) -> None:
    assert lud17_decode(text) is None


@pytest.mark.parametrize("url", ["https://shop.example/w/1", "http://abc.onion/w", "http://127.0.0.1:8000/w/1"])
def test_lud17_links_are_written_and_read_back(url: str) -> None:
    assert lud17_decode(lud17_encode(url, "lnurlw")) == ("lnurlw", url)


@pytest.mark.parametrize("url", ["http://shop.example/w", "https://abc.onion/w", "ftp://shop.example", "shop.example"])
def test_lud17_refuses_urls_it_could_not_give_back(url: str) -> None:
    with pytest.raises(ValueError, match="LUD-17"):
        lud17_encode(url, "lnurlw")


@pytest.mark.parametrize(
    ("page", "link"),
    [
        ("https://shop.example/p/1", f"https://shop.example/p/1?lightning={LNURL}"),
        ("https://shop.example/p/1?lang=en", f"https://shop.example/p/1?lang=en&lightning={LNURL}"),
        ("https://shop.example/p/1#how", f"https://shop.example/p/1?lightning={LNURL}#how"),
    ],
)
def test_web_links_carry_the_lnurl_under_a_lower_case_key(page: str, link: str) -> None:
    assert lightning_link_encode(page, LNURL) == link
    assert lightning_link_decode(link) == LNURL


@pytest.mark.parametrize("key", ["lightning", "LIGHTNING", "Lightning"])
def test_the_key_is_read_in_any_case(key: str) -> None:
    assert lightning_link_decode(f"https://shop.example/?a=b&{key}={LNURL}") == LNURL


@pytest.mark.parametrize(
    "url", ["https://shop.example/", "https://shop.example/?lightning=", "https://[::1", "?" + "a&" * 500]
)
def test_links_without_it_hold_nothing(url: str) -> None:
    assert lightning_link_decode(url) is None
