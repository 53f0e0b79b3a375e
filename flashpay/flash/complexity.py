"""What a document costs at Flash, which refuses more than 200 points: one per field, 120 for what is dear."""

from __future__ import annotations

from graphql import (
    DocumentNode,
    FieldNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
)

MOST_POINTS = 200
DEAR_POINTS = 120
# Questions that cost as much as a mutation.
DEAR_FIELDS = frozenset({"transactionDetails"})


def points_of(document: DocumentNode) -> int:
    """An upper bound: where types alternate all of them are counted, of which Flash counts the dearest only."""
    total = 0
    for definition in document.definitions:
        if isinstance(definition, OperationDefinitionNode):
            dear = definition.operation is OperationType.MUTATION
            for selection in definition.selection_set.selections:
                assert isinstance(selection, FieldNode)
                total += DEAR_POINTS if dear or selection.name.value in DEAR_FIELDS else 1
                total += _points_inside(selection.selection_set)
    return total


def _points_inside(selected: SelectionSetNode | None) -> int:
    total = 0
    for selection in selected.selections if selected else ():
        if isinstance(selection, FieldNode):
            total += 1 + _points_inside(selection.selection_set)
        elif isinstance(selection, InlineFragmentNode):
            total += _points_inside(selection.selection_set)
    return total
