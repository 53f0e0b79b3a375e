"""Does a live Flash service still understand what FlashPay sends, and FlashPay what it may answer?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from graphql import GraphQLEnumType, GraphQLError, GraphQLSchema, assert_valid_schema, build_client_schema, validate

from flashpay.flash import operations
from flashpay.flash.credentials import Endpoint, Username
from flashpay.flash.errors import error_for
from flashpay.flash.http_carrier import HttpCarrier
from flashpay.flash.operations import Kind
from flashpay.flash.readings import NETWORKS
from flashpay.flash.results import InvoiceStatus
from flashpay.flash.troubles import CarrierTrouble, Failure, Trouble, Where
from flashpay.flash.verdicts import judge, judge_all

INTROSPECTION_TIMEOUT_S = 30
# The values that FlashPay gives a meaning to. A new one is not understood, and a lost one never comes.
UNDERSTOOD: dict[str, frozenset[str]] = {
    "InvoicePaymentStatus": frozenset(InvoiceStatus),
    "PaymentSendResult": frozenset({"SUCCESS", "FAILURE", "PENDING", "ALREADY_PAID"}),
    "WalletCurrency": frozenset({"BTC", "USD", "USDT"}),
    "TxDirection": frozenset({"RECEIVE", "SEND"}),
    "Network": frozenset(NETWORKS),
}


@dataclass(frozen=True)
class SchemaReport:
    """`differences` are sentences for an administrator; none means that everything is understood."""

    documents: int
    differences: tuple[str, ...]


def schema_check(endpoint: Endpoint) -> SchemaReport:
    """Ask the service what it is and hold every document against it. Raises FlashError when it cannot be asked."""
    carrier = HttpCarrier(endpoint, Username("nobody"))
    try:
        answer = carrier.execute(operations.INTROSPECTION, {}, INTROSPECTION_TIMEOUT_S)
    except CarrierTrouble as trouble:
        raise error_for(judge(Kind.READ, trouble.trouble)) from trouble
    finally:
        carrier.close()
    if answer.field("__schema") is None or answer.data is None:
        raise error_for(judge_all(Kind.READ, answer.troubles or [Trouble(Where.TRANSPORT, Failure.UNREADABLE)]))
    return schema_compare(answer.data)


def schema_compare(introspection: Mapping[str, Any]) -> SchemaReport:
    """`introspection` is the data of an introspection answer. Raises FlashError when it describes no schema."""
    try:
        schema = build_client_schema(dict(introspection))  # type: ignore[arg-type]
        assert_valid_schema(schema)
    except (TypeError, GraphQLError) as error:
        trouble = Trouble(Where.TRANSPORT, Failure.UNREADABLE, message=str(error))
        raise error_for(judge(Kind.READ, trouble)) from error
    sent = [operation for operation in operations.ALL.values() if operation is not operations.INTROSPECTION]
    differences = [
        f"{operation.name}: {difference.message}"
        for operation in sent
        for difference in validate(schema, operation.document)
    ]
    return SchemaReport(len(sent), (*differences, *_enum_differences(schema)))


def _enum_differences(schema: GraphQLSchema) -> list[str]:
    found = []
    for name, understood in UNDERSTOOD.items():
        type_ = schema.get_type(name)
        if not isinstance(type_, GraphQLEnumType):
            found.append(f"{name}: there is no such list of values any more.")
            continue
        found += [
            f"{name}: {value} is new, and FlashPay does not know it." for value in type_.values.keys() - understood
        ]
        found += [f"{name}: {value} does not exist any more." for value in understood - type_.values.keys()]
    return sorted(found)
