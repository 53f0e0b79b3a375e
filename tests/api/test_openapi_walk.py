"""Every endpoint that the document names, walked: nothing is answered without a key, and nothing of a stranger's store."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from flashpay.invoices.services import invoice_create, lightning_address_save, pay_link_create, payment_request_save
from flashpay.money.currencies import SAT, USD
from flashpay.stores.models import Event, Store
from payouts.recipients.services import recipient_create
from payouts.services import payout_claim, pull_payment_create
from payouts.vouchers.services import voucher_batch_create
from tests.api.conftest import Script
from tests.brand.pictures import picture
from tests.sandbox_server import SandboxServer

Operations = list[tuple[str, str, dict[str, Any]]]
# About the caller and the server, not about anything that could be somebody else's.
ABOUT_ONESELF = re.compile(r"/(api-keys|users/me|server/info|health)")


@pytest.fixture
def schema(client: Client, db: None) -> Any:
    return client.get("/api/openapi.json").json()


@pytest.fixture
def operations(schema: Any) -> Operations:
    return [
        (method.upper(), path.removeprefix("/api/v1"), operation)
        for path, methods in schema["paths"].items()
        for method, operation in methods.items()
    ]


@pytest.fixture
def names(paying_store: Store, sandbox: SandboxServer) -> dict[str, str]:
    """A record of Alice's for every part of a path."""
    store = paying_store
    pull_payment = pull_payment_create(store=store, amount=50_000, currency=SAT, actor="alice", auto_approve=False)
    payout = payout_claim(pull_payment=pull_payment, bolt11=sandbox.phone_invoice(20_000)["bolt11"])
    bill = payment_request_save(store=store, title="Rent", amount=500, currency=USD, actor="alice")
    batch = voucher_batch_create(store=store, count=1, amount=21_000, currency=SAT, actor="alice", name="X")
    return {
        "storeId": store.pk,
        "invoiceId": invoice_create(store=store, amount=21_000, currency=SAT, actor="alice").pk,
        "paymentMethodId": "BTC-LN",
        "paymentRequestId": bill.pk,
        "payLinkId": pay_link_create(store=store, title="Tips", currency=USD, actor="alice").pk,
        "pullPaymentId": pull_payment.pk,
        "payoutId": payout.pk,
        "batchId": batch.pk,
        "number": "1",
        "recipientId": recipient_create(store=store, name="Ada", actor="alice").pk,
        "username": lightning_address_save(store=store, name="cafe", actor="alice").name,
        "apikey": "nobody's",
    }


def _body(operation: dict[str, Any], schema: Any) -> Any:
    """Something that passes as the request's body, so that the question of whose it is comes up at all."""
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    shape = content.get("schema", {})
    if "$ref" in shape:
        shape = schema["components"]["schemas"][shape["$ref"].rpartition("/")[2]]
    return {name: _value(name, shape["properties"][name], schema) for name in shape.get("required", [])}


def _sent(script: Script, method: str, address: str, operation: dict[str, Any], schema: Any) -> Any:
    if "multipart/form-data" in operation.get("requestBody", {}).get("content", {}):
        return script.upload(address, picture())
    return script.ask(method, address, _body(operation, schema))


def _value(name: str, shape: dict[str, Any], schema: Any) -> Any:
    if "$ref" in shape:
        shape = schema["components"]["schemas"][shape["$ref"].rpartition("/")[2]]
    if "enum" in shape:
        return shape["enum"][-1]
    known = {"amount": "30000", "add": "30000", "destination": "ada@pay.example"}
    plain: dict[str, Any] = {"string": "text", "integer": 5, "number": 5, "boolean": True, "object": {}, "array": []}
    return known.get(name, plain[shape.get("type", "string")])


def test_nothing_is_answered_without_a_key(
    anybody: Script, operations: Operations, names: dict[str, str], schema: Any
) -> None:
    before = Event.objects.count()
    for method, path, operation in operations:
        if "security" in operation:
            answer = anybody.ask(method, path.format(**names), _body(operation, schema))
            assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated"), (method, path)
    assert Event.objects.count() == before


def test_a_stranger_finds_nothing_of_it_and_changes_nothing(
    stranger: Script, operations: Operations, names: dict[str, str], schema: Any
) -> None:
    before = Event.objects.count()
    walked = 0
    for method, path, operation in operations:
        if "security" in operation and "{" in path and not ABOUT_ONESELF.match(path):
            answer = _sent(stranger, method, path.format(**names), operation, schema)
            assert answer.status_code == 404, (method, path, answer.status_code, answer.content)
            assert answer.json()["code"].endswith("-not-found"), (method, path)
            walked += 1
    assert walked > 60
    assert Event.objects.count() == before


def test_a_member_who_may_only_look_changes_nothing(
    guest: Script, operations: Operations, names: dict[str, str], schema: Any
) -> None:
    before = Event.objects.count()
    for method, path, operation in operations:
        if "security" in operation and "{" in path and method != "GET" and not ABOUT_ONESELF.match(path):
            answer = _sent(guest, method, path.format(**names), operation, schema)
            # An invoice over what is due of a bill changes nothing that is not asked of its payers too.
            if path.endswith("/payment-requests/{paymentRequestId}/pay"):
                continue
            assert answer.status_code == 403, (method, path, answer.status_code, answer.content)
            assert answer.json()["missingPermission"], (method, path)
    assert Event.objects.exclude(type="InvoiceCreated").count() == before - 1


def test_every_endpoint_says_what_it_does_and_how_it_says_no(operations: Operations, schema: Any) -> None:
    for method, path, operation in operations:
        name = (method, path)
        assert operation["summary"][0].isupper(), name
        assert not re.search(r"_|\bnew\b$", operation["summary"]), name
        assert operation["tags"], name
        for status, answer in operation["responses"].items():
            assert answer["description"], (name, status)
            if status != "200":
                assert "schema" in answer["content"]["application/json"], (name, status)


def test_every_field_that_is_sent_has_a_shape(schema: Any) -> None:
    for name, shape in schema["components"]["schemas"].items():
        for field, described in shape.get("properties", {}).items():
            assert described.keys() & {"type", "$ref", "anyOf", "enum", "const", "allOf"}, (name, field)
            json_types = {"string", "integer", "number", "boolean", "array", "object", "null"}
            assert described.get("type", "string") in json_types, (name, field)
