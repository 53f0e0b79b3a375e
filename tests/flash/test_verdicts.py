"""Each row of the verdict table against a captured answer, over real HTTP."""

from __future__ import annotations

import json
import socket
import threading
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from flashpay.flash import Endpoint, Flash, FlashError, Judgement, Outcome, SendReply, SessionToken, Username
from flashpay.flash.http_carrier import ANSWER_TIMEOUT_S
from flashpay.flash.operations import Kind
from flashpay.flash.troubles import Failure, Trouble, Where
from flashpay.flash.verdict_rows import ROWS
from flashpay.flash.verdicts import judge
from tests.flash.conftest import SESSION_TOKEN
from tests.flash.loopback import Loopback, Reply

FOLDER = Path(__file__).parent / "captured"
CAPTURED = {path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}
# Met inside FlashPay and not on the way to Flash; the tests of the relay, the socket and the budgets bring them about.
INSIDE = {
    "socket_down": Failure.NOT_OPEN,
    "listener_absent": Failure.NOT_TAKEN,
    "own_budget": Failure.WAIT,
    "reply_lost": Failure.REPLY_LOST,
}
OUTCOMES = {
    "not_sent": Outcome.NOT_SENT,
    "settings": Outcome.NOT_SENT,
    "wait": Outcome.NOT_SENT,
    "failed": Outcome.FAILED,
    "unknown": Outcome.UNKNOWN,
}
WALLET = "e0eee682-2631-4081-a51e-9ebcada3b24b"


def _call(flash: Flash, operation: str, *, repeated: bool = False) -> SendReply | Judgement:
    try:
        if operation == "invoice_send":
            return flash.invoice_send(wallet_id=WALLET, bolt11="lnbc1x", idempotency_key="key", repeated=repeated)
        if operation == "no_amount_invoice_send":
            return flash.no_amount_invoice_send(
                wallet_id=WALLET, bolt11="lnbc1x", amount_cents=Decimal(600), repeated=repeated
            )
        if operation == "invoice_create":
            flash.invoice_create(wallet_id=WALLET, amount_cents=Decimal(210))
        elif operation == "invoice_status":
            flash.invoice_status("lnbc1x")
        elif operation == "price":
            flash.price()
        elif operation == "public_wallet":
            Flash(flash.endpoint, Username("nobody")).account()
        else:
            flash.account()
    except FlashError as error:
        return error.judgement
    raise AssertionError("the captured answer passed for a good one")


def _prepare(case: dict[str, Any], service: Loopback, monkeypatch: pytest.MonkeyPatch) -> Endpoint:
    transport = case.get("transport")
    url = service.url
    if transport == "nobody_listens":
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{probe.getsockname()[1]}/graphql"
    elif transport == "no_answer":
        service.held = threading.Event()
        monkeypatch.setitem(ANSWER_TIMEOUT_S, Kind.SEND, 0.2)
        service.replies = [Reply({})]
    elif transport == "hang_up":
        service.replies = [Reply(hang_up=True)]
    else:
        service.replies = [Reply(**case["reply"])]
    return Endpoint(url, url.replace("http", "ws", 1))


@pytest.mark.parametrize("name", CAPTURED)
def test_the_captured_answer_gets_the_verdict_of_its_row(
    name: str, service: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = CAPTURED[name]
    flash = Flash(_prepare(case, service, monkeypatch), SessionToken(SESSION_TOKEN))
    found = _call(flash, case["operation"])
    judgement = found.judgement if isinstance(found, SendReply) else found
    assert judgement is not None
    assert (judgement.row, judgement.verdict) == (case["row"], case["verdict"])
    assert judgement.retry_after_s == case.get("retry_after_s")
    if isinstance(found, SendReply):
        assert found.outcome is OUTCOMES[case["verdict"]]
        assert "money" in judgement.sentence
    assert len(service.asked) <= 1, "nothing is ever sent twice"


@pytest.mark.parametrize("name", [name for name, case in CAPTURED.items() if "send" in case["operation"]])
def test_no_answer_to_a_repetition_settles_a_doubt_about_the_first_sending(
    name: str, service: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = CAPTURED[name]
    flash = Flash(_prepare(case, service, monkeypatch), SessionToken(SESSION_TOKEN))
    found = _call(flash, case["operation"], repeated=True)
    assert isinstance(found, SendReply)
    assert found.outcome is Outcome.UNKNOWN
    assert found.judgement is not None
    assert "no money moved" not in found.judgement.sentence.lower()


def test_every_row_of_the_table_has_a_captured_answer() -> None:
    assert len({row.name for row in ROWS}) == len(ROWS)
    assert {row.name for row in ROWS} == {case["row"] for case in CAPTURED.values()} - {"unmatched"} | set(INSIDE)


@pytest.mark.parametrize("name", INSIDE)
def test_what_happens_inside_flashpay_has_its_row_too(name: str) -> None:
    judgement = judge(Kind.SEND, Trouble(Where.TRANSPORT, INSIDE[name], retry_after_s=7))
    assert judgement.row == name


def test_ibex_errors_name_the_three_usual_causes() -> None:
    trouble = Trouble(Where.PAYLOAD, code="IBEX_ERROR", message="An error occurred.", status="FAILURE")
    sentence = judge(Kind.SEND, trouble).sentence
    for cause in ("below its minimum", "no route", "connecting"):
        assert cause in sentence


def test_words_of_flash_with_braces_in_them_are_shown_as_they_are() -> None:
    trouble = Trouble(Where.ANSWER, message="API key missing required scope: {0} {oops}")
    assert "{0} {oops}" in judge(Kind.READ, trouble).sentence


def test_a_trouble_survives_the_way_to_another_process() -> None:
    for trouble in (
        Trouble(Where.TRANSPORT, Failure.TIMEOUT),
        Trouble(Where.PAYLOAD, code="IBEX_ERROR", message="m", status="FAILURE", retry_after_s=3),
    ):
        assert Trouble.from_dict(json.loads(json.dumps(trouble.to_dict()))) == trouble
