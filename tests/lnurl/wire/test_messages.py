"""What we say to wallets: the fields of the LUD and no other (Q2), read back by the public package."""

import hashlib
import json
from typing import Any

import pytest

from lnurl.wire.messages import (
    address_request,
    error_answer,
    message_action,
    ok_answer,
    pay_answer,
    pay_metadata,
    pay_request,
    url_action,
    verify_answer,
    withdraw_request,
)
from tests.lightning.invoices import invoice_make
from tests.lnurl.wire.public_lnurl import ask

K1 = "0123456789abcdef" * 4
CALLBACK = "https://shop.example/lnurl/withdraw/abc/def"


def withdraw(**changes: Any) -> Any:
    return withdraw_request(
        **{"callback": CALLBACK, "k1": K1, "description": "Refund", "min_msat": 1000, "max_msat": 5000, **changes}
    )


def pay(**changes: Any) -> Any:
    metadata = pay_metadata("Coffee")
    return pay_request(**{"callback": CALLBACK, "metadata": metadata, "min_msat": 1000, "max_msat": 5000, **changes})


def test_a_withdraw_request_has_the_fields_of_lud_03() -> None:
    """S-03.1."""
    assert withdraw() == {
        "tag": "withdrawRequest",
        "callback": CALLBACK,
        "k1": K1,
        "defaultDescription": "Refund",
        "minWithdrawable": 1000,
        "maxWithdrawable": 5000,
    }


def test_a_pay_request_has_the_fields_of_lud_06_and_lud_12() -> None:
    """S-06.1, S-12.1."""
    assert pay(comment_allowed=200) == {
        "tag": "payRequest",
        "callback": CALLBACK,
        "minSendable": 1000,
        "maxSendable": 5000,
        "metadata": '[["text/plain","Coffee"]]',
        "commentAllowed": 200,
    }
    assert "commentAllowed" not in pay()


def test_a_pay_answer_has_empty_routes_and_only_what_is_used() -> None:
    """S-06.3, S-09.2, S-11.1."""
    assert pay_answer(bolt11="lnbc1") == {"pr": "lnbc1", "routes": []}
    assert pay_answer(bolt11="lnbc1", disposable=False) == {"pr": "lnbc1", "routes": [], "disposable": False}


def test_metadata_keeps_its_bytes_and_holds_one_plain_text() -> None:
    """S-06.2, S-06.5, S-16.3, S-20.1: what is hashed is the string after JSON was read."""
    metadata = pay_metadata('Café "Ana" ⚡', long_text="Two\nlines", identifier="ana@shop.example", tag="tips")
    assert json.loads(metadata) == [
        ["text/plain", 'Café "Ana" ⚡'],
        ["text/long-desc", "Two\nlines"],
        ["text/identifier", "ana@shop.example"],
        ["text/tag", "tips"],
    ]
    assert json.loads(json.dumps(pay(metadata=metadata)))["metadata"] == metadata
    [theirs] = ask({"do": "metadata_hash", "text": metadata})
    assert theirs["ok"] == hashlib.sha256(metadata.encode()).hexdigest()


def test_the_public_lnurl_package_reads_every_message() -> None:
    """Q2: it refuses unknown fields."""
    invoice = invoice_make()
    page = url_action(description="Receipt", url="https://shop.example/i/1", callback=CALLBACK)
    messages = {
        "LnurlErrorResponse": error_answer("No."),
        "LnurlSuccessResponse": ok_answer(),
        "LnurlWithdrawResponse": withdraw(
            balance_check="https://shop.example/w/1", current_balance_msat=9000, pay_link="lnurlp://shop.example/p/1"
        ),
        "LnurlPayResponse": pay(comment_allowed=100),
        "LnurlAddressRequestResponse": address_request(callback=CALLBACK, k1=K1, description="Your payout address"),
    }
    results = ask(*[{"do": "message", "json": message} for message in messages.values()])
    assert [result.get("ok", result) for result in results] == list(messages)
    answers = [
        (
            "LnurlPayActionResponse",
            pay_answer(bolt11=invoice, success_action=message_action("Thanks"), disposable=False),
        ),
        ("LnurlPayActionResponse", pay_answer(bolt11=invoice, success_action=page, verify="https://shop.example/v/1")),
        ("LnurlPayVerifyResponse", verify_answer(bolt11=invoice, settled=True, preimage=K1)),
        ("LnurlPayVerifyResponse", verify_answer(bolt11=invoice, settled=False, preimage=None)),
    ]
    for result in ask(*[{"do": "answer", "model": model, "json": message} for model, message in answers]):
        assert "ok" in result, result


@pytest.mark.parametrize(
    "changes",
    [
        {"callback": "https://shop.example/w?id=1"},
        {"callback": "https://shop.example/w#x"},
        {"callback": "http://shop.example/w"},
        {"callback": "/w"},
        {"k1": K1.upper()},
        {"k1": "abc"},
        {"min_msat": 6000},
        {"min_msat": 1500},
        {"max_msat": 5500},
        {"min_msat": -1000},
        {"balance_check": "lnurlw://shop.example/w"},
        {"pay_link": "https://shop.example/p"},
    ],
)
def test_it_refuses_to_build_a_withdraw_request_that_wallets_misread(changes: dict[str, Any]) -> None:
    """Q1, Q5, Q6, Q12, S-01.2."""
    with pytest.raises(ValueError):
        withdraw(**changes)


@pytest.mark.parametrize(
    "changes", [{"min_msat": 0}, {"comment_allowed": 501}, {"comment_allowed": -1}, {"max_msat": 1001}]
)
def test_it_refuses_to_build_a_pay_request_that_wallets_misread(changes: dict[str, Any]) -> None:
    """S-06.1, S-12.3, Q12."""
    with pytest.raises(ValueError):
        pay(**changes)


def test_callbacks_on_onion_names_and_loopback_are_fine() -> None:
    for callback in ("http://abc.onion/w/1", "http://127.0.0.1:8000/w/1"):
        assert withdraw(callback=callback)["callback"] == callback


def test_success_actions_stay_within_lud_09() -> None:
    """S-09.1."""
    assert message_action("x" * 200) == {"tag": "message", "message": "x" * 144}
    with pytest.raises(ValueError, match="one host"):
        url_action(description="", url="https://other.example/", callback=CALLBACK)
    with pytest.raises(ValueError):
        url_action(description="", url="javascript:alert(1)", callback=CALLBACK)


def test_a_preimage_is_never_told_before_settlement() -> None:
    """S-21.3."""
    with pytest.raises(ValueError, match="settled"):
        verify_answer(bolt11="lnbc1", settled=False, preimage=K1)
    with pytest.raises(ValueError):
        verify_answer(bolt11="lnbc1", settled=True, preimage="xyz")


def test_an_error_is_a_short_sentence_of_one_line() -> None:
    """S-01.3, Q23."""
    assert error_answer("No\nsuch\x00 link.") == {"status": "ERROR", "reason": "No such  link."}
    assert len(error_answer("x" * 5000)["reason"]) == 300
    assert error_answer("")["reason"]


def test_an_address_request_needs_32_bytes_of_k1() -> None:
    """S-23.1."""
    with pytest.raises(ValueError, match="32 bytes"):
        address_request(callback=CALLBACK, k1="00" * 16, description="")
