"""What is sent: every document, and what it costs."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from graphql import (
    OperationDefinitionNode,
    build_schema,
    get_introspection_query,
    introspection_from_schema,
    parse,
    validate,
)

from flashpay.flash import BATCH_LIMIT, Endpoint, NotSent, Unknown, operations
from flashpay.flash.complexity import MOST_POINTS, points_of
from flashpay.flash.operations import ALL, FOLDER, INTROSPECTION, invoice_statuses, operation_named
from flashpay.flash.schema_check import schema_check, schema_compare
from tests.flash.loopback import Loopback, Reply
from tests.sandbox_server import SandboxServer

ROOM = Path(operations.__file__).parent
SDL = (ROOM.parent / "sandbox" / "graph" / "schema.graphql").read_text()
SCHEMA = build_schema(SDL)


def test_every_file_is_a_known_operation_and_no_document_hides_in_the_code() -> None:
    assert {path.stem for path in FOLDER.glob("*.graphql")} == set(ALL)
    for path in ROOM.rglob("*.py"):
        assert not re.search(r"\b(query|mutation|subscription)\s+\w*\s*[({]", path.read_text()), path


@pytest.mark.parametrize("name", [name for name in ALL if ALL[name] is not INTROSPECTION])
def test_the_emulated_flash_understands_each_document(name: str) -> None:
    assert validate(SCHEMA, ALL[name].document) == []


def test_the_introspection_is_the_usual_one() -> None:
    assert INTROSPECTION.document == parse(get_introspection_query(descriptions=False), no_location=True)


@pytest.mark.parametrize("name", [name for name in ALL if ALL[name] is not INTROSPECTION])
def test_no_document_costs_more_than_flash_allows(name: str) -> None:
    assert points_of(ALL[name].document) <= MOST_POINTS


def test_a_document_carries_one_mutation_at_most() -> None:
    for operation in ALL.values():
        definition = operation.document.definitions[0]
        assert isinstance(definition, OperationDefinitionNode)
        assert len(definition.selection_set.selections) == 1


@pytest.mark.parametrize("count", [1, 2, 11, BATCH_LIMIT])
def test_a_batch_repeats_the_one_field_of_its_file(count: int) -> None:
    batch = invoice_statuses(count)
    assert validate(SCHEMA, batch.document) == []
    assert points_of(batch.document) == 2 * count
    (definition,) = batch.document.definitions
    assert isinstance(definition, OperationDefinitionNode)
    aliases = [field.alias.value for field in definition.selection_set.selections]  # type: ignore[attr-defined]
    assert aliases == [f"s{number}" for number in range(count)]
    assert [variable.variable.name.value for variable in definition.variable_definitions] == aliases
    assert operation_named(batch.name) is batch


def test_names_that_are_no_operation_are_refused() -> None:
    for name in ("", "me", "invoice_statuses:0", "invoice_statuses:61", "invoice_statuses:x"):
        with pytest.raises(KeyError):
            operation_named(name)


def test_the_live_schema_check_finds_nothing_to_say_about_the_sandbox(sandbox: SandboxServer) -> None:
    report = schema_check(Endpoint(sandbox.graphql_url, sandbox.ws_url))
    assert report.differences == ()
    assert report.documents == len(ALL) - 1


def test_the_live_schema_check_names_what_has_changed() -> None:
    changed = SDL.replace("enum PaymentSendResult {", "enum PaymentSendResult {\n  REFUSED")
    assert changed != SDL
    changed = re.sub(r"\n\s*idempotencyKey: String\b", "", changed)
    changed = re.sub(r"(type LnInvoice\b[^}]*?)paymentHash", r"\1hashOfPayment", changed)
    report = schema_compare(introspection_from_schema(build_schema(changed)))
    text = "\n".join(report.differences)
    assert "PaymentSendResult: REFUSED is new" in text
    assert "invoice_create: Cannot query field 'paymentHash'" in text


def test_a_service_that_tells_nothing_of_itself_is_a_clear_error(service: Loopback, endpoint: Endpoint) -> None:
    service.replies = [Reply({"errors": [{"message": "introspection disabled"}]})]
    with pytest.raises(Unknown):
        schema_check(endpoint)
    service.replies = [Reply({"data": {"__schema": {"types": []}}})]
    with pytest.raises(Unknown):
        schema_check(endpoint)
    with pytest.raises(NotSent):
        schema_check(Endpoint("http://127.0.0.1:9/graphql", ""))


def test_the_captured_answers_hold_no_secret() -> None:
    for path in (Path(__file__).parent / "captured").glob("*.json"):
        text = json.dumps(json.loads(path.read_text()))
        assert "fk_" not in text
        assert "ory_st_" not in text


def test_the_room_knows_nothing_of_django() -> None:
    code = "import sys, flashpay.flash.relay, flashpay.flash.socket_pool; sys.exit('django' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
