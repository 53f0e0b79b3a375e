"""From what a service takes to an invoice that may be paid, and what came of it (LUD-06, 09–12, 21; P7–P9, P12)."""

from datetime import timedelta
from typing import Any

import pytest

from lnurl.wire.errors import AmountRefused, AnswerUnusable, InvoiceRefused, ServiceRefused
from lnurl.wire.resolver import ResolvedInvoice, verify_fetch
from lnurl.wire.success import Link, Message, Sealed
from tests.lightning.invoices import invoice_make
from tests.lnurl.wire.pay_service import AMOUNT_MSAT, INVOICE, NOW, PAYMENT_HASH, PREIMAGE, PayService, refused
from tests.lnurl.wire.services import Service, json_answer, loopback_policy

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
