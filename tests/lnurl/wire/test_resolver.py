"""Asking a service what it takes (LUD-06, 12, 16, 18, 20; P2, P3, P6, P10): honest services and the rest."""

import json
from pathlib import Path

import pytest

from lnurl.wire.addresses import lightning_address_read
from lnurl.wire.destination import LnurlUnknown
from lnurl.wire.errors import AnswerUnusable, DestinationRefused
from lnurl.wire.resolver import pay_invoice_fetch, pay_request_fetch
from tests.lnurl.wire.pay_service import AMOUNT_MSAT, INVOICE, METADATA, NOW, PayService, refused
from tests.lnurl.wire.services import Names, Service, certificate_for, json_answer, loopback_policy

# --- The request ----------------------------------------------------------------------------------------------------


def test_it_reads_what_a_service_takes(honest: PayService) -> None:
    """LUD-06, LUD-12, LUD-20: domain and texts are there for the person (K-06.2, K-20.1)."""
    honest.request |= {"commentAllowed": 50, "currencies": [{"code": "USD"}], "allowsNostr": True}
    request = honest.fetch_request()
    assert (request.min_msat, request.max_msat, request.comment_allowed) == (1000, 10_000_000, 50)
    assert (request.domain, request.description, request.long_description) == ("127.0.0.1", "Ana's coffee", "Two lines")
    assert request.metadata == METADATA
    assert request.warnings == ()


@pytest.mark.parametrize("field", ["minSendable", "maxSendable"])
@pytest.mark.parametrize("value", [1000.0, 1e6, True, "1000", None, [1000], {}, -1, 0.5])
def test_numbers_are_integers_and_nothing_like_them(honest: PayService, field: str, value: object) -> None:
    """P6."""
    honest.request[field] = value
    assert refused(AnswerUnusable, honest.fetch_request) == "not_lnurl"


@pytest.mark.parametrize(("least", "most"), [(2000, 1000), (0, 0), (2**70, 2**69), (-5, -1)])
def test_a_range_that_is_none_is_refused(honest: PayService, least: int, most: int) -> None:
    honest.request |= {"minSendable": least, "maxSendable": most}
    assert refused(AnswerUnusable, honest.fetch_request) == "not_lnurl"


def test_a_limit_beyond_all_money_is_brought_down(honest: PayService) -> None:
    honest.request |= {"minSendable": 0, "maxSendable": 10**30}
    request = honest.fetch_request()
    assert (request.min_msat, request.max_msat) == (1, 2**63 - 1)


@pytest.mark.parametrize(
    "tag", ["withdrawRequest", "login", "channelRequest", "addressRequest", "payrequest", None, 7, ["payRequest"]]
)
def test_another_tag_receives_no_money(honest: PayService, tag: object) -> None:
    honest.request["tag"] = tag
    assert refused(AnswerUnusable, honest.fetch_request) in {"not_a_pay_request", "not_lnurl"}
    assert honest.asked == []


@pytest.mark.parametrize(
    "callback",
    [
        "https://10.0.0.1/callback",
        "https://[64:ff9b::7f00:1]/callback",
        "https://[2002:7f00:1::]/callback",
        "https://user:secret@pay.example/callback",
        "https://attacker.example\\@victim.example/",
        "http://pay.example/callback",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "gopher://127.0.0.1:6379/_FLUSHALL",
        "",
    ],
)
def test_a_callback_gets_the_same_rules_as_the_address(honest: PayService, callback: str) -> None:
    """P2, P3."""
    honest.request["callback"] = callback
    refused(DestinationRefused, honest.fetch_request)


def test_a_callback_whose_name_turns_private_later_is_not_visited(honest: PayService, tmp_path: Path) -> None:
    """DNS answers that change: judged again at each connection (P3)."""
    server, trusting = certificate_for("pay.example", folder=tmp_path)
    with Service(tls=server) as service, Service() as victim:
        service.routes["/.well-known/lnurlp/ana"] = lambda _: json_answer(
            honest.request | {"callback": "https://pay.example/callback"}
        )
        names = Names(pay_example=[[("127.0.0.1", service.port)], [("10.0.0.1", 443), ("127.0.0.1", victim.port)]])
        policy = loopback_policy(lookup=names, ssl_context=trusting)
        request = pay_request_fetch(lightning_address_read("ana@pay.example"), policy=policy)
        code = refused(
            DestinationRefused,
            lambda: pay_invoice_fetch(
                request, amount_msat=AMOUNT_MSAT, policy=policy, now=lambda: NOW, network="mainnet"
            ),
        )
        assert code == "private_address"
        assert names.asked == ["pay.example", "pay.example"]
        assert victim.connections == 0


def test_a_lightning_address_is_fetched_over_tls_at_its_well_known_place(honest: PayService, tmp_path: Path) -> None:
    """LUD-16, S-16.2; a callback on another host is allowed, checked like any other, and noted."""
    server, trusting = certificate_for("pay.example", "api.example", folder=tmp_path)
    with Service(tls=server) as service:
        metadata = json.dumps([["text/plain", "Ana"], ["text/identifier", "Ana@pay.example"]])
        honest.request |= {"callback": "https://api.example/callback", "metadata": metadata}
        service.routes["/.well-known/lnurlp/ana%2Btips"] = lambda _: json_answer(honest.request)
        service.routes["/callback"] = lambda _: json_answer(honest.answer)
        where = [[("127.0.0.1", service.port)]]
        policy = loopback_policy(lookup=Names(pay_example=where, api_example=where), ssl_context=trusting)
        request = pay_request_fetch(lightning_address_read("ana+tips@pay.example"), policy=policy)
        assert (request.domain, request.identifier) == ("pay.example", "Ana@pay.example")
        assert request.warnings == ("callback_on_another_host",)
        invoice = pay_invoice_fetch(request, amount_msat=AMOUNT_MSAT, policy=policy, now=lambda: NOW, network="mainnet")
        assert invoice.bolt11 == INVOICE
        assert service.requests[-1] == ("api.example", "/callback?amount=2500000")


def test_a_service_that_names_another_person_is_noted(honest: PayService, tmp_path: Path) -> None:
    """LUD-16: the identifier is the service's word only; the difference is for a person to see."""
    server, trusting = certificate_for("pay.example", folder=tmp_path)
    honest.request["metadata"] = json.dumps([["text/plain", "x"], ["text/identifier", "mallory@pay.example"]])
    honest.request["callback"] = "https://pay.example/callback"
    with Service({"/.well-known/lnurlp/ana": lambda _: json_answer(honest.request)}, tls=server) as service:
        policy = loopback_policy(lookup=Names(pay_example=[[("127.0.0.1", service.port)]]), ssl_context=trusting)
        request = pay_request_fetch(lightning_address_read("ana@pay.example"), policy=policy)
    assert request.warnings == ("identifier_differs",)


@pytest.mark.parametrize(
    "metadata",
    [None, 7, "", "not json", "{}", "[]", '[["text/plain"]]', "[[1,2]]", "[" * 5000, [["text/plain", "x"]], '"x"'],
)
def test_metadata_nobody_can_read_is_noted_and_no_more(honest: PayService, metadata: object) -> None:
    """K-06.4: it is for showing; no money hangs on it."""
    honest.request["metadata"] = metadata
    assert "metadata_unreadable" in honest.fetch_request().warnings
    assert honest.fetch_invoice().bolt11 == INVOICE


def test_script_and_control_characters_in_metadata_stay_text(honest: PayService) -> None:
    """P10."""
    honest.request["metadata"] = json.dumps(
        [
            ["text/plain", "<script>alert(1)</script>\x00\u202e\ud800" + "x" * 5000],
            ["text/identifier", {"a": 1}],
            ["text/plain", "2"],
        ]
    )
    request = honest.fetch_request()
    assert request.description.startswith("<script>alert(1)</script>")
    assert request.description.isprintable()
    assert len(request.description) == 640
    assert request.identifier == ""


@pytest.mark.parametrize("value", [True, "50", 50.0, None, -1, []])
def test_a_comment_length_that_is_no_number_is_none(honest: PayService, value: object) -> None:
    honest.request["commentAllowed"] = value
    assert honest.fetch_request().comment_allowed == 0


def test_it_does_not_tell_who_pays(honest: PayService) -> None:
    """LUD-18, K-18.1: optional questions are left unanswered, mandatory ones end it."""
    honest.request["payerData"] = {"name": {"mandatory": False}, "email": {"mandatory": None}}
    assert honest.fetch_invoice().bolt11 == INVOICE
    assert "payerdata" not in honest.asked[0]
    honest.request["payerData"] = {"name": {"mandatory": True}, "<b>": {"mandatory": True}}
    with pytest.raises(AnswerUnusable) as caught:
        honest.fetch_request()
    assert caught.value.code == "payer_data"
    assert "(name)" in caught.value.sentence


def test_an_unknown_lnurl_is_fetched_and_told_apart(honest: PayService) -> None:
    request = pay_request_fetch(LnurlUnknown(f"{honest.service.url}/pay"), policy=loopback_policy())
    assert request.max_msat == 10_000_000
