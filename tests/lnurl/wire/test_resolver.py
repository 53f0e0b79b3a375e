"""From a destination to an invoice that may be paid (LUD-06, 09, 11, 12, 16, 18, 20, 21; P6–P11): honest services and the rest."""

import hashlib
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from lnurl.wire.addresses import lightning_address_read
from lnurl.wire.destination import LnurlPay, LnurlUnknown
from lnurl.wire.errors import (
    AmountRefused,
    AnswerUnusable,
    DestinationRefused,
    InvoiceRefused,
    ServiceRefused,
    WireError,
)
from lnurl.wire.resolver import PayRequest, ResolvedInvoice, pay_invoice_fetch, pay_request_fetch, verify_fetch
from lnurl.wire.success import Link, Message, Sealed
from tests.lightning.invoices import CREATED, invoice_make
from tests.lnurl.wire.services import Names, Service, certificate_for, json_answer, loopback_policy

NOW = datetime.fromtimestamp(CREATED, UTC)
METADATA = json.dumps([["text/plain", "Ana's coffee"], ["text/long-desc", "Two\nlines"], ["image/png;base64", "AAAA"]])
AMOUNT_MSAT = 2_500_000  # 25 µBTC, what invoice_make makes
PREIMAGE = bytes(range(32))
PAYMENT_HASH = hashlib.sha256(PREIMAGE)
INVOICE = invoice_make(
    "25u", payment_hash=PAYMENT_HASH.digest(), description_hash=hashlib.sha256(METADATA.encode()).digest()
)


class PayService:
    """An honest LNURL-pay service on loopback; a test changes the fields it wants to see go wrong."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.request: dict[str, Any] = {
            "tag": "payRequest",
            "callback": f"{service.url}/callback",
            "minSendable": 1000,
            "maxSendable": 10_000_000,
            "metadata": METADATA,
        }
        self.answer: dict[str, Any] = {"pr": INVOICE, "routes": []}
        self.asked: list[dict[str, str]] = []
        service.routes["/pay"] = lambda query: json_answer(self.request)
        service.routes["/callback"] = self._callback

    def _callback(self, query: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        self.asked.append(query)
        return json_answer(self.answer)

    def fetch_request(self) -> PayRequest:
        return pay_request_fetch(LnurlPay(f"{self.service.url}/pay"), policy=loopback_policy())

    def fetch_invoice(self, **changes: Any) -> ResolvedInvoice:
        options = {"amount_msat": AMOUNT_MSAT, "policy": loopback_policy(), "now": lambda: NOW, "network": "mainnet"}
        return pay_invoice_fetch(self.fetch_request(), **{**options, **changes})


@pytest.fixture
def honest() -> Iterator[PayService]:
    with Service() as service:
        yield PayService(service)


def refused(kind: type[WireError], act: Callable[[], object]) -> str:
    with pytest.raises(kind) as caught:
        act()
    assert "Nothing was sent" in caught.value.sentence
    return caught.value.code


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


# --- The invoice ----------------------------------------------------------------------------------------------------


def test_it_brings_an_invoice_that_may_be_paid(honest: PayService) -> None:
    assert honest.fetch_invoice() == ResolvedInvoice(
        bolt11=INVOICE,
        payment_hash=PAYMENT_HASH.hexdigest(),
        amount_msat=AMOUNT_MSAT,
        expires_at=NOW + timedelta(hours=1),
        success_action=None,
        verify_url=None,
        disposable=True,
        warnings=(),
    )
    assert honest.asked == [{"amount": "2500000"}]


def test_the_query_of_a_callback_is_kept(honest: PayService) -> None:
    """K-03.2."""
    honest.request["callback"] += "?id=7"
    honest.fetch_invoice()
    assert honest.asked == [{"id": "7", "amount": "2500000"}]


@pytest.mark.parametrize(
    ("amount_msat", "code"), [(999, "amount_too_small"), (0, "amount_too_small"), (10_000_001, "amount_too_large")]
)
def test_an_amount_the_service_does_not_take_is_not_asked_for(honest: PayService, amount_msat: int, code: str) -> None:
    assert refused(AmountRefused, lambda: honest.fetch_invoice(amount_msat=amount_msat)) == code
    assert honest.asked == []


@pytest.mark.parametrize("amount", ["24u", "26u", "25000010p", "24999990p", "25m", "25n"])
def test_an_invoice_over_another_amount_is_refused_to_the_millisatoshi(honest: PayService, amount: str) -> None:
    """P7, K-06.1."""
    honest.answer["pr"] = invoice_make(amount)
    assert refused(InvoiceRefused, honest.fetch_invoice) == "invoice_amount"


def test_an_invoice_without_amount_is_refused(honest: PayService) -> None:
    honest.answer["pr"] = invoice_make("")
    assert refused(InvoiceRefused, honest.fetch_invoice) == "invoice_amountless"


def test_an_invoice_of_another_network_is_refused(honest: PayService) -> None:
    honest.answer["pr"] = invoice_make("25u", network="tb")
    assert refused(InvoiceRefused, honest.fetch_invoice) == "invoice_network"


def test_an_expired_invoice_is_refused_with_the_time_after_the_answer(honest: PayService) -> None:
    honest.answer["pr"] = invoice_make("25u", expiry_s=60)
    assert (
        refused(InvoiceRefused, lambda: honest.fetch_invoice(now=lambda: NOW + timedelta(seconds=61)))
        == "invoice_expired"
    )
    assert (
        refused(InvoiceRefused, lambda: honest.fetch_invoice(now=lambda: NOW + timedelta(seconds=50)))
        == "invoice_expires_too_soon"
    )


def test_a_replayed_invoice_is_refused(honest: PayService) -> None:
    """P8."""
    assert (
        refused(InvoiceRefused, lambda: honest.fetch_invoice(seen={PAYMENT_HASH.hexdigest()}.__contains__))
        == "invoice_seen"
    )


@pytest.mark.parametrize("pr", ["", "lnbc1", "hello", INVOICE[:-1], INVOICE + "q"])
def test_an_invoice_that_is_none_is_refused(honest: PayService, pr: str) -> None:
    honest.answer["pr"] = pr
    refused(InvoiceRefused, honest.fetch_invoice)


@pytest.mark.parametrize("pr", [None, 7, ["lnbc"], {"pr": INVOICE}])
def test_an_answer_without_invoice_is_refused(honest: PayService, pr: object) -> None:
    honest.answer["pr"] = pr
    refused(AnswerUnusable, honest.fetch_invoice)


def test_the_services_refusal_is_kept_apart_from_our_words(honest: PayService) -> None:
    """P12."""
    honest.answer = {"status": "error", "reason": "Send me <b>all</b>", "pr": INVOICE}
    with pytest.raises(ServiceRefused) as caught:
        honest.fetch_invoice()
    assert caught.value.reason == "Send me <b>all</b>"
    assert "<b>" not in caught.value.sentence


def test_a_description_hash_that_differs_or_is_missing_is_a_note(honest: PayService) -> None:
    """S-06.5: the LUD has dropped the rule, and many services do not keep it."""
    honest.answer["pr"] = invoice_make("25u", description_hash=bytes(32))
    assert honest.fetch_invoice().warnings == ("description_hash_differs",)
    honest.answer["pr"] = invoice_make("25u")
    assert honest.fetch_invoice().warnings == ("description_hash_missing",)


def test_a_comment_is_sent_when_it_fits_and_left_out_otherwise(honest: PayService) -> None:
    """K-12.1."""
    assert honest.fetch_invoice(comment="Hi").warnings == ("comment_left_out",)
    assert "comment" not in honest.asked[-1]
    honest.request["commentAllowed"] = 10
    assert honest.fetch_invoice(comment="Café & ⚡?#").warnings == ()
    assert honest.asked[-1] == {"amount": "2500000", "comment": "Café & ⚡?#"}
    assert honest.fetch_invoice(comment="eleven char").warnings == ("comment_left_out",)
    honest.request["commentAllowed"] = 10_000
    assert honest.fetch_invoice(comment="⚡" * 1000).warnings == ("comment_left_out",)
    assert "comment" not in honest.asked[-1]


def test_disposable_and_verify_are_read(honest: PayService) -> None:
    """LUD-11, LUD-21."""
    verify = f"{honest.service.url}/verify/1"
    honest.answer |= {"disposable": False, "verify": verify}
    invoice = honest.fetch_invoice()
    assert (invoice.disposable, invoice.verify_url, invoice.warnings) == (False, verify, ())


@pytest.mark.parametrize("verify", ["https://10.0.0.1/v", "http://pay.example/v", "/v", 7, [], ""])
def test_a_verify_url_we_would_not_visit_is_dropped_with_a_note(honest: PayService, verify: object) -> None:
    honest.answer["verify"] = verify
    invoice = honest.fetch_invoice()
    assert (invoice.verify_url, invoice.warnings) == (None, ("verify_url_refused",))


# --- The success action ---------------------------------------------------------------------------------------------


def test_known_success_actions_are_kept_and_cut(honest: PayService) -> None:
    """LUD-09, LUD-10, P10."""
    honest.answer["successAction"] = {"tag": "message", "message": "<b>Thanks</b>\n" + "x" * 500, "extra": 1}
    action = honest.fetch_invoice().success_action
    assert isinstance(action, Message)
    assert action.message == ("<b>Thanks</b> " + "x" * 500)[:144]
    url = f"{honest.service.url}/thanks"
    honest.answer["successAction"] = {"tag": "url", "description": "Your order", "url": url}
    assert honest.fetch_invoice().success_action == Link("Your order", url)
    honest.answer["successAction"] = {"tag": "aes", "description": "Code", "ciphertext": "AAAA", "iv": "A" * 22 + "=="}
    assert honest.fetch_invoice().success_action == Sealed("Code", "AAAA", "A" * 22 + "==")
    honest.answer["successAction"] = None
    assert honest.fetch_invoice().success_action is None


@pytest.mark.parametrize(
    "action",
    [
        {"tag": "magic"},
        {"tag": "Message", "message": "x"},
        {"tag": None},
        {"tag": ["message"]},
        {},
        [],
        "message",
        7,
        False,
        {"tag": "url", "description": "x"},
        {"tag": "url", "description": "x", "url": "https://phishing.example/"},
        {"tag": "url", "description": "x", "url": "javascript:alert(1)"},
        {"tag": "url", "description": "x", "url": "http://127.0.0.1@phishing.example/"},
        {"tag": "aes", "description": "x", "ciphertext": "A" * 4100, "iv": "A" * 22 + "=="},
        {"tag": "aes", "description": "x", "ciphertext": "AAAA", "iv": "AAAA"},
        {"tag": "aes", "description": "x", "ciphertext": "<script>", "iv": "A" * 22 + "=="},
        {"tag": "aes", "description": "x", "ciphertext": None, "iv": None},
    ],
)
def test_an_unknown_or_tricky_success_action_ends_it(honest: PayService, action: object) -> None:
    """P9, K-09.1, K-09.3."""
    honest.answer["successAction"] = action
    assert refused(AnswerUnusable, honest.fetch_invoice) == "success_action"


# --- Verify ---------------------------------------------------------------------------------------------------------


def verify(answer: object, payment_hash: str = PAYMENT_HASH.hexdigest()) -> Any:
    with Service({"/v": lambda _: json_answer(answer)}) as service:
        return verify_fetch(f"{service.url}/v", payment_hash=payment_hash, policy=loopback_policy())


def test_a_preimage_that_fits_proves_that_someone_paid() -> None:
    """LUD-21, K-21.1."""
    result = verify({"status": "OK", "settled": True, "preimage": PREIMAGE.hex().upper(), "pr": INVOICE})
    assert (result.settled, result.preimage, result.warnings) == (True, PREIMAGE.hex(), ())


def test_not_settled_is_not_settled() -> None:
    result = verify({"status": "OK", "settled": False, "preimage": None, "pr": INVOICE})
    assert (result.settled, result.preimage, result.warnings) == (False, None, ())


@pytest.mark.parametrize("preimage", ["00" * 32, "", "xyz", 7, ["00" * 32], PAYMENT_HASH.hexdigest()])
def test_a_wrong_preimage_is_no_proof(preimage: object) -> None:
    result = verify({"settled": True, "preimage": preimage, "pr": INVOICE})
    assert (result.preimage, result.warnings) == (None, ("preimage_wrong",))


def test_settled_without_preimage_is_the_services_word_only() -> None:
    result = verify({"settled": True, "preimage": None})
    assert (result.settled, result.preimage, result.warnings) == (True, None, ("settled_without_preimage",))


@pytest.mark.parametrize("settled", [None, 1, "true", []])
def test_settled_is_true_or_false_and_nothing_else(settled: object) -> None:
    assert refused(AnswerUnusable, lambda: verify({"settled": settled, "preimage": PREIMAGE.hex()})) == "not_lnurl"


def test_an_answer_about_another_invoice_is_refused() -> None:
    assert (
        refused(AnswerUnusable, lambda: verify({"settled": True, "preimage": None, "pr": invoice_make()}))
        == "other_invoice"
    )


def test_not_found_is_the_services_refusal() -> None:
    refused(ServiceRefused, lambda: verify({"status": "ERROR", "reason": "Not found"}))


def test_an_unknown_lnurl_is_fetched_and_told_apart(honest: PayService) -> None:
    request = pay_request_fetch(LnurlUnknown(f"{honest.service.url}/pay"), policy=loopback_policy())
    assert request.max_msat == 10_000_000
