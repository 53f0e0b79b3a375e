"""Reading a GraphQL document once, weighing it, and running it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import lru_cache
from inspect import isawaitable
from pathlib import Path
from typing import Any

from ariadne import load_schema_from_path, make_executable_schema
from graphql import (
    DocumentNode,
    ExecutionResult,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    execute,
    parse,
    subscribe,
    validate,
)

from flashpay.sandbox.graph import account_fields, feed, news, price_fields, receiving, sending
from flashpay.sandbox.graph.call import Call
from flashpay.sandbox.graph.scalars import SCALARS

COMPLEXITY_MAX = 200
COSTLY = 120  # a mutation, and the one query that is as dear
COSTLY_QUERIES = {"transactionDetails"}

SCHEMA: GraphQLSchema = make_executable_schema(
    load_schema_from_path(str(Path(__file__).with_name("schema.graphql"))),
    *SCALARS,
    *account_fields.BINDABLES,
    price_fields.query,
    receiving.query,
    receiving.mutation,
    sending.mutation,
    feed.query,
    news.subscription,
    convert_names_case=False,
)


@dataclass(frozen=True)
class Prepared:
    """A document found good, or the reasons why it is not (`code` is what the router calls them)."""

    document: DocumentNode | None
    kind: str
    operations: frozenset[str]
    errors: tuple[GraphQLError, ...] = ()
    code: str = ""


@lru_cache(maxsize=512)
def prepare(text: str, operation_name: str | None) -> Prepared:
    """Parse, validate and weigh a document."""
    try:
        document = parse(text)
    except GraphQLError as error:
        return Prepared(None, "", frozenset(), (error,), "PARSING_ERROR")
    fragments = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}
    chosen = [
        d
        for d in document.definitions
        if isinstance(d, OperationDefinitionNode)
        and (operation_name is None or (d.name is not None and d.name.value == operation_name))
    ]
    if len(chosen) != 1:
        unnamed = GraphQLError("Must provide an operation name that is in the document.")
        return Prepared(None, "", frozenset(), (unnamed,), "GRAPHQL_UNKNOWN_OPERATION_NAME")
    kind = chosen[0].operation.value
    problems = validate(SCHEMA, document)
    if problems:
        return Prepared(None, kind, frozenset(), tuple(problems), "GRAPHQL_VALIDATION_FAILED")
    names = frozenset(s.name.value for s in chosen[0].selection_set.selections if isinstance(s, FieldNode))
    weight = complexity(chosen[0].selection_set, fragments, kind=kind)
    if weight > COMPLEXITY_MAX:
        message = f"The query exceeds the maximum complexity of {COMPLEXITY_MAX}. Actual complexity is {weight}"
        return Prepared(None, kind, names, (GraphQLError(message),), "TOO_COMPLEX")
    return Prepared(document, kind, names)


def complexity(selections: SelectionSetNode, fragments: dict[str, FragmentDefinitionNode], *, kind: str = "") -> int:
    """Flash's weight of a selection: one for each field, 120 more or less for what is costly (`kind` is given at the root)."""
    weight = 0
    for selection in selections.selections:
        if isinstance(selection, FieldNode):
            name = selection.name.value
            if name in ("__schema", "__type"):
                continue  # answered by the router itself
            costly = kind == "mutation" or (kind == "query" and name in COSTLY_QUERIES)
            weight += COSTLY if costly else 1
            if selection.selection_set:
                weight += complexity(selection.selection_set, fragments)
        elif isinstance(selection, InlineFragmentNode):
            weight += complexity(selection.selection_set, fragments, kind=kind)
        elif isinstance(selection, FragmentSpreadNode):
            weight += complexity(fragments[selection.name.value].selection_set, fragments, kind=kind)
    return weight


async def run(
    prepared: Prepared, call: Call, variables: dict[str, Any] | None, operation_name: str | None
) -> ExecutionResult:
    """Execute a query or a mutation."""
    assert prepared.document is not None
    result = execute(
        SCHEMA, prepared.document, context_value=call, variable_values=variables, operation_name=operation_name
    )
    if isawaitable(result):
        result = await result
    assert isinstance(result, ExecutionResult)
    return result


async def follow(
    prepared: Prepared, call: Call, variables: dict[str, Any] | None, operation_name: str | None
) -> ExecutionResult | AsyncIterator[ExecutionResult]:
    """Start a subscription: a stream of results, or one result that says why there is none."""
    assert prepared.document is not None
    stream = subscribe(
        SCHEMA, prepared.document, context_value=call, variable_values=variables, operation_name=operation_name
    )
    return await stream if isawaitable(stream) else stream
