"""Every GraphQL document that is ever sent to Flash: read from `documents/*.graphql`, each with what it does to money."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Any

from gql import GraphQLRequest
from graphql import DocumentNode, FieldNode, OperationDefinitionNode, parse, print_ast

FOLDER = Path(__file__).parent / "documents"
# 60 statuses cost 120 of the 200 points that Flash allows a document.
BATCH_LIMIT = 60


class Kind(StrEnum):
    READ = "read"
    CREATE = "create"  # an invoice: a lost answer costs nothing but an invoice nobody sees
    PROBE = "probe"
    SEND = "send"  # moves money
    SUBSCRIBE = "subscribe"


@dataclass(frozen=True)
class Operation:
    """One document, `root` the field it asks for.

    `idempotent` says whether Flash takes a key with it, under which a repetition is safe. `public` ones need no
    credential and are sent without: they work with a key that was revoked (money that came in is still seen), where
    HTTP refuses session tokens, and they cost nothing of the key's own budget.
    """

    name: str
    kind: Kind
    document: DocumentNode = field(repr=False, compare=False)
    text: str = field(repr=False, compare=False)
    root: str = ""
    idempotent: bool = False
    public: bool = False

    def request(self, variables: Mapping[str, Any]) -> GraphQLRequest:
        return _Request(self, variables)


class _Request(GraphQLRequest):
    """A request whose text is printed once per process instead of once per sending."""

    def __init__(self, operation: Operation, variables: Mapping[str, Any]) -> None:
        super().__init__(operation.document, variable_values=dict(variables))
        self._text = operation.text

    @property
    def payload(self) -> dict[str, Any]:
        return {"query": self._text, "variables": self.variable_values or {}}


def _root_name(document: DocumentNode) -> str:
    definition = document.definitions[0]
    assert isinstance(definition, OperationDefinitionNode)
    selected = definition.selection_set.selections[0]
    assert isinstance(selected, FieldNode)
    return selected.name.value


def _load(name: str, kind: Kind, *, idempotent: bool = False, public: bool = False) -> Operation:
    document = parse((FOLDER / f"{name}.graphql").read_text(), no_location=True)
    return Operation(name, kind, document, print_ast(document), _root_name(document), idempotent, public)


ACCOUNT = _load("account", Kind.READ)
ACCOUNT_WITHOUT_WALLETS = _load("account_without_wallets", Kind.READ)
PUBLIC_WALLET = _load("public_wallet", Kind.READ, public=True)
GLOBALS = _load("globals", Kind.READ, public=True)
CUTOVER = _load("cutover", Kind.READ, public=True)
PRICE = _load("price", Kind.READ, public=True)
INVOICE_CREATE = _load("invoice_create", Kind.CREATE)
INVOICE_CREATE_FOR_RECIPIENT = _load("invoice_create_for_recipient", Kind.CREATE, public=True)
INVOICE_STATUS = _load("invoice_status", Kind.READ, public=True)
INVOICE_SEND = _load("invoice_send", Kind.SEND, idempotent=True)
NO_AMOUNT_INVOICE_SEND = _load("no_amount_invoice_send", Kind.SEND)
FEE_PROBE = _load("fee_probe", Kind.PROBE)
NO_AMOUNT_FEE_PROBE = _load("no_amount_fee_probe", Kind.PROBE)
TRANSACTIONS = _load("transactions", Kind.READ)
TRANSACTION_DETAILS = _load("transaction_details", Kind.READ)
MY_UPDATES = _load("my_updates", Kind.SUBSCRIBE)
INVOICE_UPDATES = _load("invoice_updates", Kind.SUBSCRIBE, public=True)
INTROSPECTION = _load("introspection", Kind.READ, public=True)
_ONE_STATUS = _load("invoice_statuses", Kind.READ, public=True)


@lru_cache(maxsize=BATCH_LIMIT)
def invoice_statuses(count: int) -> Operation:
    """The batch document for `count` invoices: `documents/invoice_statuses.graphql` with its one field repeated."""
    if not 1 <= count <= BATCH_LIMIT:
        raise ValueError(f"a batch holds 1 to {BATCH_LIMIT} invoices, not {count}")
    # The name s0 occurs in the file as alias and as variable only, so that counting it up is all there is to do.
    variables, _, rest = _ONE_STATUS.text.partition(")")
    head, _, variable = variables.partition("(")
    body = rest.strip().removeprefix("{").removesuffix("}").strip()
    text = "{}({}) {{\n{}\n}}".format(
        head,
        ", ".join(_counted(variable, number) for number in range(count)),
        "\n".join(_counted(body, number) for number in range(count)),
    )
    document = parse(text, no_location=True)
    return Operation(
        f"invoice_statuses:{count}", Kind.READ, document, print_ast(document), _ONE_STATUS.root, public=True
    )


def _counted(text: str, number: int) -> str:
    return text.replace("$s0", f"$s{number}").replace("s0:", f"s{number}:")


def operation_named(name: str) -> Operation:
    """The operation that another process means; raises KeyError for a name that this process does not know."""
    stem, _, count = name.partition(":")
    if stem == _ONE_STATUS.name and count.isdigit() and 1 <= int(count) <= BATCH_LIMIT:
        return invoice_statuses(int(count))
    return ALL[name]


ALL: dict[str, Operation] = {value.name: value for value in list(vars().values()) if isinstance(value, Operation)}
