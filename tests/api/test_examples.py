"""The examples in the documentation are true: each request is sent as it stands there, and each answer looks as it says."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from flashpay.api.api import api as flashpay_api
from flashpay.invoices.models import Evidence
from flashpay.invoices.services import (
    invoice_create,
    lightning_address_save,
    lightning_invoice_issue,
    pay_link_create,
    payment_record,
    payment_request_save,
)
from flashpay.money.currencies import SAT, USD
from flashpay.stores.models import Store, User
from flashpay.stores.services import api_key_create
from payouts.recipients.services import k1_of, recipient_create, recipient_register
from payouts.services import payout_claim, pull_payment_create
from payouts.vouchers.services import voucher_batch_create
from tests.api.conftest import Script
from tests.brand.pictures import picture
from tests.sandbox_server import SandboxServer

DOCUMENT: dict[str, Any] = json.loads(json.dumps(flashpay_api.get_openapi_schema()))
OPERATIONS = {
    operation["operationId"]: (method.upper(), path.removeprefix("/api/v1"), operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
}
JSON = "application/json"


def judge(schema: Any, value: Any) -> list[str]:
    """What is wrong with `value`, going by a schema of the document."""
    validator = Draft202012Validator({**schema, "components": DOCUMENT["components"]})
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(value)]


def json_of(part: Any) -> Any:
    """The JSON of a request or an answer as the document describes it; None where there is none."""
    return part.get("content", {}).get(JSON)


def described(operation: Any) -> Iterator[tuple[str, Any]]:
    """Each JSON that the operation takes or answers."""
    if content := json_of(operation.get("requestBody", {})):
        yield "request", content
    for status, answer in operation["responses"].items():
        if content := json_of(answer):
            yield status, content


def test_the_document_is_what_openapi_asks_for() -> None:
    assert not [error.message for error in OpenAPIV31SpecValidator(DOCUMENT).iter_errors()]


def test_every_example_fits_its_own_shape() -> None:
    for name, (_, _, operation) in OPERATIONS.items():
        for what, content in described(operation):
            assert not judge(content["schema"], content["example"]), (name, what)


def test_the_example_of_a_proof_is_one() -> None:
    proof = json_of(OPERATIONS["payout_get"][2]["responses"]["200"])["example"]["paymentProof"]
    assert hashlib.sha256(bytes.fromhex(proof["Preimage"])).hexdigest() == proof["PaymentHash"] == proof["id"]


@pytest.fixture
def names(paying_store: Store, sandbox: SandboxServer, alice: User) -> dict[str, str]:
    """A record of Alice's for every part of a path."""
    store = paying_store
    pull_payment = pull_payment_create(store=store, amount=50_000, currency=SAT, actor="alice", auto_approve=False)
    payout = payout_claim(pull_payment=pull_payment, bolt11=sandbox.phone_invoice(20_000)["bolt11"])
    request = payment_request_save(
        store=store, title="Rent", amount=120_00, currency=USD, actor="alice", allow_parts=True
    )
    batch = voucher_batch_create(store=store, count=7, amount=21_000, currency=SAT, actor="alice", name="X")
    recipient = recipient_create(store=store, name="Ada", actor="alice")
    recipient_register(token=recipient.token, k1=k1_of(recipient.token), address="ada@pay.example")
    return {
        "storeId": store.pk,
        "invoiceId": invoice_create(store=store, amount=21_000, currency=SAT, actor="alice").pk,
        "paymentMethodId": "BTC-LN",
        "paymentRequestId": request.pk,
        "payLinkId": pay_link_create(store=store, title="Tips", currency=USD, actor="alice").pk,
        "pullPaymentId": pull_payment.pk,
        "payoutId": payout.pk,
        "batchId": batch.pk,
        "number": "7",
        "recipientId": recipient.pk,
        "username": lightning_address_save(store=store, name="cafe", actor="alice").name,
        "apikey": api_key_create(user=alice)[0].pk,
    }


@pytest.fixture
def paid_invoice(paying_store: Store) -> str:
    """For refunds: there has to be something to give back."""
    invoice = invoice_create(store=paying_store, amount=50_000, currency=SAT, actor="alice")
    payment_record(lightning_invoice=lightning_invoice_issue(invoice=invoice), evidence=Evidence.PUSH)
    return invoice.pk


@pytest.fixture
def approved_payout(paying_store: Store, sandbox: SandboxServer) -> str:
    """To be marked as paid: it awaits its payment."""
    pull_payment = pull_payment_create(store=paying_store, amount=50_000, currency=SAT, actor="alice")
    return payout_claim(pull_payment=pull_payment, bolt11=sandbox.phone_invoice(20_000)["bolt11"]).pk


def test_every_request_is_taken_and_answered_as_its_example_says(
    api: Script, names: dict[str, str], paid_invoice: str, approved_payout: str, connection_string: str
) -> None:
    for name, (method, path, operation) in OPERATIONS.items():
        address = path.format(
            **names
            | ({"invoiceId": paid_invoice} if "/refund" in path else {})
            | ({"payoutId": approved_payout} if "/mark" in path else {})
        )
        body = (json_of(operation.get("requestBody", {})) or {}).get("example")
        if name == "payment_method_put":
            # The one thing that cannot be sent as it stands there: a credential, which Flash is asked about.
            body = body | {"config": {"connectionString": connection_string}}
        with transaction.atomic():
            answer = api.upload(address, picture()) if name == "store_logo_post" else api.ask(method, address, body)
            transaction.set_rollback(True)
        assert answer.status_code == 200, (name, body, answer.content)
        promised = json_of(operation["responses"]["200"])
        if promised is not None:
            assert not judge(promised["schema"], answer.json()), name
            assert_alike(promised["example"], answer.json(), name)
        elif table := operation["responses"]["200"].get("content", {}).get("text/csv"):
            lines = b"".join(answer.streaming_content).decode().splitlines()
            assert table["example"].splitlines()[0] == lines[0]


def test_the_examples_of_what_anybody_may_see_hold_nothing_else() -> None:
    seen = json_of(OPERATIONS["pull_payment_get"][2]["responses"]["200"])["example"]
    assert seen["terms"] is None
    assert json_of(OPERATIONS["claim_get"][2]["responses"]["200"])["example"]["metadata"] == {}


def assert_alike(example: Any, real: Any, where: str) -> None:
    """The same fields with the same kinds of values; where either has nothing at a place, the other may."""
    if isinstance(example, dict) and isinstance(real, dict):
        if not where.endswith(("metadata", "Metadata")):
            assert example.keys() == real.keys(), where
        for field in example.keys() & real.keys():
            assert_alike(example[field], real[field], f"{where}.{field}")
    elif isinstance(example, list) and isinstance(real, list):
        for one in real[:1]:
            for shown in example[:1]:
                assert_alike(shown, one, f"{where}[0]")
    elif example is not None and real is not None:
        assert type(example) is type(real), (where, example, real)
        if isinstance(example, str) and example.startswith("https://pay.example/"):
            assert _shape_of(example) == _shape_of(real), where


def _shape_of(link: str) -> str:
    """An address without its server, its ids and what follows the question mark."""
    address = re.sub(r"^https?://[^/]+", "", link).partition("?")[0]
    return re.sub(r"[1-9A-HJ-NP-Za-km-z]{22}", "ID", address)


def test_whoever_has_no_key_is_answered_as_the_examples_say(anybody: Script, names: dict[str, str]) -> None:
    for name, (method, path, operation) in OPERATIONS.items():
        if "security" in operation:
            answer = anybody.ask(method, path.format(**names))
            assert answer.json() == json_of(operation["responses"]["401"])["example"], name


def test_whoever_asks_for_what_is_not_there_is_answered_as_the_examples_say(api: Script, store: Store) -> None:
    for name, (method, path, operation) in OPERATIONS.items():
        if method != "GET" or "{" not in path or path.endswith("paymentMethodId}"):
            continue
        names = dict.fromkeys(re.findall(r"\{(\w+)\}", path), "Zz9wGt4jRkUa7XbVzDm2Cq") | {"storeId": store.pk}
        if names.keys() == {"storeId"}:
            names["storeId"] = "Zz9wGt4jRkUa7XbVzDm2Cq"
        answer = api.ask(method, path.format(**names))
        assert answer.status_code == 404, name
        assert answer.json() == json_of(operation["responses"]["404"])["example"], name
