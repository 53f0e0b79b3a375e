"""What the documentation shows of each request and answer, put together from the examples that stand beside the fields.

A field without an example of its own shows what its type says: its default, its inner shape, the first of its choices, or null
where it may be null. A request shows what it needs and what has an example. tests/api/test_examples.py sends every request to
the API and holds every answer against the real one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from flashpay.api.problems import UNAUTHENTICATED, invalid, missing_permission, not_found, problem
from flashpay.api.repeats import in_flight
from flashpay.stores.permissions import MODIFY_STORE
from flashpay.stores.selectors import STORE_ARCHIVED
from flashpay.throttles import TOO_MANY

Schema = dict[str, Any]

_JSON = "application/json"
_IN_PATH = re.compile(r"\{(\w+)\}")
# What stands in a path, as an example and as `not_found` calls it.
_PATH_PARTS = {
    "storeId": ("Vb7sQk2mWcTn4RzXyHe9Lp", "store"),
    "invoiceId": ("Qd3rTn8vYpKc5WmZxBh6Es", "invoice"),
    "paymentMethodId": ("BTC-LN", "paymentmethod"),
    "username": ("cafe", "lightning-address"),
    "paymentRequestId": ("Jm5cXz8bRqTw2VfHyKn7Gd", "payment-request"),
    "payLinkId": ("Tk8hPw3nMvFs6JxRbZd9Ya", "pay-link"),
    "pullPaymentId": ("Nf9wGt4jRkUa7XbVzDm2Cq", "pullpayment"),
    "payoutId": ("Hs6yMe3pLvJx8TnKrFw5Bg", "payout"),
    "batchId": ("Wr4zKc9tGbNx5QpLmSv7Hj", "voucher-batch"),
    "number": (7, "voucher"),
    "recipientId": ("Dy7vFb2sXnKp4HtRwMc8Zg", "recipient"),
    "apikey": ("Lx3mTq9wRbVz6NkHyPc5Fs", "apikey"),
}
_REFUSED = {
    400: problem(400, "store-archived", STORE_ARCHIVED),
    401: UNAUTHENTICATED,
    403: missing_permission(MODIFY_STORE),
    409: in_flight(),
    422: invalid("amount", "An amount cannot be negative."),
    429: problem(429, "too-many", TOO_MANY.format(wait="20 seconds")),
    503: problem(503, "code-coming", "The payment code is being made. One moment."),
}


def examples_add(document: Schema) -> None:
    """Give each operation of an OpenAPI document examples of its request, of its answer, and of each way to say no."""
    shapes = document["components"]["schemas"]
    for path, operations in document["paths"].items():
        for operation in operations.values():
            for parameter in operation["parameters"]:
                if parameter["in"] == "path":
                    parameter["example"] = _PATH_PARTS[parameter["name"]][0]
            for content in _json_contents(operation.get("requestBody", {})):
                content["example"] = example_of(content["schema"], shapes, whole=False)
            for status, answer in operation["responses"].items():
                for content in _json_contents(answer):
                    content["example"] = (
                        example_of(content["schema"], shapes) if status == 200 else _refusal(status, path)
                    )


def example_of(schema: Schema, shapes: Mapping[str, Schema], *, whole: bool = True) -> Any:
    """An example of what fits `schema`; unless it is to be `whole`, of an object only what it needs and what has an example.

    Raises LookupError where nothing says what it may look like: the field then wants `examples`.
    """
    if "examples" in schema:
        return schema["examples"][0]
    if "$ref" in schema:
        return example_of(shapes[schema["$ref"].rpartition("/")[2]], shapes, whole=whole)
    if "enum" in schema:
        return schema["enum"][0]
    if "anyOf" in schema:
        shown = next((one for one in schema["anyOf"] if one.keys() & {"$ref", "examples", "enum"}), {"type": "null"})
        return example_of(shown, shapes, whole=whole)
    if "default" in schema:
        return schema["default"]
    match schema.get("type"):
        case "object" if "properties" in schema:
            return {name: example_of(field, shapes, whole=whole) for name, field in _shown(schema, whole)}
        case "array":
            return [example_of(schema["items"], shapes, whole=whole)]
        case "boolean":
            return False
        case "null":
            return None
    raise LookupError(f"There is no example for {schema}.")


def _shown(schema: Schema, whole: bool) -> Iterator[tuple[str, Schema]]:
    needed = schema.get("required", [])
    for name, field in schema["properties"].items():
        if whole or name in needed or "examples" in field:
            yield name, field


def _json_contents(part: Schema) -> list[Schema]:
    content = part.get("content", {}).get(_JSON)
    return [] if content is None else [content]


def _refusal(status: int, path: str) -> Any:
    parts = _IN_PATH.findall(path)
    refused = not_found(_PATH_PARTS[parts[-1]][1] if parts else "store") if status == 404 else _REFUSED[status]
    return refused.json
