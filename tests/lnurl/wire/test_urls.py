"""The URLs a Lightning service may have (P1, P2, S-01.2), and those that are tricks."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lnurl.wire.errors import DestinationRefused
from lnurl.wire.urls import service_url, with_query


def refusal(text: str, **allowed: bool) -> str:
    with pytest.raises(DestinationRefused) as caught:
        service_url(text, **allowed)
    assert "Nothing was sent" in caught.value.sentence
    return caught.value.code


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("https://shop.example", "https://shop.example/"),
        ("HTTPS://Shop.Example./Path", "https://shop.example/Path"),
        ("https://shop.example:443/a?b=c#d", "https://shop.example/a?b=c"),
        ("https://shop.example:8443?b", "https://shop.example:8443/?b"),
        ("https://shop.example/käse?ü=1", "https://shop.example/k%C3%A4se?%C3%BC=1"),
        ('https://shop.example/a"<b>', "https://shop.example/a%22%3Cb%3E"),
        ("https://shop.example/%41%2F?a=%20", "https://shop.example/%41%2F?a=%20"),
        ("https://xn--bcher-kva.example/@name", "https://xn--bcher-kva.example/@name"),
    ],
)
def test_it_reads_https_urls_with_a_name(text: str, read: str) -> None:
    assert str(service_url(text)) == read


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("http://shop.example/", "not_https"),
        ("ftp://shop.example/", "url"),
        ("javascript:alert(1)", "url"),
        ("//shop.example/", "url"),
        ("shop.example", "url"),
        ("", "url"),
        ("https://user@shop.example/", "user_info"),
        ("https://shop.example:443@127.0.0.1/", "user_info"),
        ("https://attacker.example\\@victim.example/", "url"),
        ("https://attacker.example\t.victim.example/", "url"),
        ("https://shop.example/a b", "url"),
        ("https://shop.example/\r\nHost: other.example", "url"),
        ("https://shop.example:/", "url"),
        ("https://shop.example:65536/", "port"),
        ("https://shop.example:25/", "port"),
        ("https://shop.example:22/", "port"),
        ("https://-shop.example/", "url"),
        ("https://shop..example/", "url"),
        ("https://shop_1.example/", "url"),
        ("https://bücher.example/", "url"),
        ("https://shop%2eexample/", "url"),
        ("https://" + "a" * 64 + ".example/", "url"),
        ("https://10.0.0.1/", "ip_literal"),
        ("https://8.8.8.8/", "ip_literal"),
        ("https://169.254.169.254/latest/meta-data", "ip_literal"),
        ("https://127.1/", "ip_literal"),
        ("https://0x7f.0x1/", "ip_literal"),
        ("https://2130706433/", "ip_literal"),
        ("https://0177.0.0.1/", "ip_literal"),
        ("https://[64:ff9b::7f00:1]/", "ip_literal"),
        ("https://[2002:7f00:1::]/", "ip_literal"),
        ("https://[::ffff:127.0.0.1]/", "ip_literal"),
        ("https://[::]/", "ip_literal"),
        ("https://[fe80::1%25eth0]/", "url"),
        ("https://router/", "local_name"),
        ("https://localhost/", "local_name"),
        ("http://127.0.0.1:8000/", "local_name"),
        ("https://[::1]/", "local_name"),
        ("http://abcdef.onion/", "onion"),
        ("https://shop.example/" + "a" * 2000, "url_too_long"),
    ],
)
def test_it_refuses_everything_else_with_the_reason(text: str, code: str) -> None:
    assert refusal(text) == code


def test_loopback_and_onion_are_read_only_where_the_caller_says_so() -> None:
    assert str(service_url("http://127.0.0.1:8000/x", allow_loopback=True)) == "http://127.0.0.1:8000/x"
    assert str(service_url("http://[::1]:8000/x", allow_loopback=True)) == "http://[::1]:8000/x"
    assert service_url("http://localhost/x", allow_loopback=True).kind == "loopback"
    assert str(service_url("http://abc.onion/x", allow_onion=True)) == "http://abc.onion/x"
    assert refusal("http://shop.example/", allow_loopback=True, allow_onion=True) == "not_https"
    assert refusal("http://10.0.0.1/", allow_loopback=True, allow_onion=True) == "ip_literal"
    assert refusal("http://0.0.0.0/", allow_loopback=True) == "ip_literal"


@pytest.mark.parametrize(
    ("url", "read"),
    [
        ("https://shop.example/cb", "https://shop.example/cb?amount=1000&comment=a%26b%3Dc%20%C3%BC%2F"),
        ("https://shop.example/cb?id=7", "https://shop.example/cb?id=7&amount=1000&comment=a%26b%3Dc%20%C3%BC%2F"),
        ("https://shop.example/cb?", "https://shop.example/cb?amount=1000&comment=a%26b%3Dc%20%C3%BC%2F"),
        ("https://shop.example/cb?x&", "https://shop.example/cb?x&amount=1000&comment=a%26b%3Dc%20%C3%BC%2F"),
    ],
)
def test_parameters_are_added_to_the_query_that_is_there(url: str, read: str) -> None:
    """K-03.2, K-12.1."""
    assert str(with_query(service_url(url), {"amount": "1000", "comment": "a&b=c ü/"})) == read


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=100), st.sampled_from(["", "https://", "https://a.example", "http://127.0.0.1"]))
def test_any_text_is_read_into_a_url_that_reads_the_same_again_or_refused(text: str, start: str) -> None:
    try:
        url = service_url(start + text, allow_loopback=True, allow_onion=True)
    except DestinationRefused:
        return
    assert service_url(str(url), allow_loopback=True, allow_onion=True) == url
    assert str(url).isascii()
