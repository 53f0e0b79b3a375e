"""How the API says no: BTCPay Server's two shapes, and which of them, with which status, each refusal becomes."""

from __future__ import annotations

from typing import Any

from ninja.errors import ValidationError
from pydantic import BaseModel, Field

from flashpay.money.errors import BadAmount, MoneyError, NoFreshRate
from flashpay.refusals import Refusal


class Problem(BaseModel):
    code: str = Field(description="Stable, for programs")
    message: str = Field(description="For people: what is wrong and what to do")


class MissingPermission(Problem):
    missingPermission: str


class InvalidField(BaseModel):
    path: str = Field(description="The field, with dots for fields inside it: `checkout.expirationMinutes`")
    message: str


class ApiProblem(Exception):
    """Ends a request with `status` and `body`. Nothing was changed when it is raised."""

    def __init__(self, status: int, body: Problem | list[InvalidField], *, retry_after_s: int | None = None) -> None:
        super().__init__(status, body)
        self.status = status
        self.body = body
        self.retry_after_s = retry_after_s

    @property
    def json(self) -> Any:
        return [field.model_dump() for field in self.body] if isinstance(self.body, list) else self.body.model_dump()


def problem(status: int, code: str, message: str, *, retry_after_s: int | None = None) -> ApiProblem:
    return ApiProblem(status, Problem(code=code, message=message), retry_after_s=retry_after_s)


def invalid(path: str, message: str) -> ApiProblem:
    return ApiProblem(422, [InvalidField(path=path, message=message)])


def not_found(what: str) -> ApiProblem:
    """`what` as in BTCPay Server's codes: store, invoice, pullpayment, payout, paymentmethod, apikey."""
    names = {"pullpayment": "pull payment", "paymentmethod": "payment method", "apikey": "API key"}
    names |= {"lightning-address": "Lightning Address", "payment-request": "payment request", "pay-link": "pay link"}
    names |= {"voucher-batch": "batch of vouchers"}
    name = names.get(what, what)
    return problem(404, f"{what}-not-found", f"There is no such {name}, or it is not yours to see.")


def missing_permission(permission: str) -> ApiProblem:
    message = f"This needs the permission {permission}, which the API key or your role in the store does not include."
    return ApiProblem(403, MissingPermission(code="missing-permission", message=message, missingPermission=permission))


UNAUTHENTICATED = problem(
    401, "unauthenticated", "Send a valid API key: Authorization: token KEY. This one is missing, mistyped or revoked."
)

# Not the caller's fault and over by itself: the same request may be sent again.
_STATUS = {
    "wallet-unavailable": 503,
    "must-wait": 503,
    "amount-not-exact": 503,
    "wallet-unreachable": 503,
    "code-coming": 503,
    "too-many": 429,
    "idempotency-in-flight": 409,
    "idempotency-mismatch": 422,
}
# Refusals about one field of the request, which BTCPay Server answers in its validation shape.
_ABOUT_A_FIELD = ("invalid-", "logo-", "metadata-too-large")
# … and one that BTCPay Server answers as a refusal, though it names a field.
_ABOUT_STATE = frozenset({"invalid-state"})
# What BTCPay Server calls by another name.
_CODES = {
    "address-taken": "username-already-used",
    "request-archived": "archived",
    "request-expired": "expired",
    "request-paid": "already-paid",
}
# Services name a field as it is called; these are where the API has it.
_PATHS = {
    "expirationMinutes": "checkout.expirationMinutes",
    "monitoringMinutes": "checkout.monitoringMinutes",
    "redirectURL": "checkout.redirectURL",
    "connectionString": "config.connectionString",
    "time_zone": "timeZone",
    "color": "brandColor",
    "logo": "file",
    "claim_code": "claimCode",
    "expires_at": "expiresAt",
    "approve_by_hand_above": "approveByHandAbove",
    "two_people_above": "twoPeopleAbove",
    "minimum_policy": "minimumPolicy",
    "more_currencies": "moreCurrencies",
    "tip_percents": "tipPercents",
    "fee_cap_bp": "feeCapBasisPoints",
    "review_after_s": "reviewAfterSeconds",
    "second_reviewer_above_sat": "secondReviewerAboveSat",
    "approve_by_hand_above_sat": "approveByHandAboveSat",
    "two_people_above_sat": "twoPeopleAboveSat",
}


def refusal_problem(refusal: Refusal) -> ApiProblem:
    """422 with the field for unusable input, BTCPay Server's code with 400 (or 503) for everything else."""
    is_input = refusal.code.startswith(_ABOUT_A_FIELD) and refusal.code not in _ABOUT_STATE
    if refusal.field and is_input:
        return invalid(_PATHS.get(refusal.field, refusal.field), refusal.sentence)
    status = _STATUS.get(refusal.code, 400)
    code = _CODES.get(refusal.code, refusal.code)
    return problem(status, code, refusal.sentence, retry_after_s=refusal.retry_after_s)


def money_problem(error: MoneyError) -> ApiProblem:
    if isinstance(error, NoFreshRate):
        return problem(400, "rate-unavailable", error.sentence)
    return invalid("amount" if isinstance(error, BadAmount) else "currency", error.sentence)


_SENTENCES = {
    "missing": "This field is required.",
    "extra_forbidden": "FlashPay does not know this field. Leave it out.",
    "model_type": "This must be a JSON object.",
    "dict_type": "This must be a JSON object.",
    "string_type": "This must be a text.",
    "bool_type": "This must be true or false.",
    "bool_parsing": "This must be true or false.",
    "int_type": "This must be a whole number.",
    "int_parsing": "This must be a whole number.",
    "int_from_float": "This must be a whole number.",
}


def validation_problem(error: ValidationError) -> ApiProblem:
    """Every unusable field of the request, each with its path and a sentence."""
    return ApiProblem(422, [_invalid_field(found) for found in error.errors])


def _invalid_field(found: dict[str, Any]) -> InvalidField:
    # ("body", "payload", "checkout", "expirationMinutes"): the first two are ours, not the caller's.
    where, *path = found["loc"]
    if where in ("body", "query", "path") and len(path) > 1:
        path = path[1:]
    elif where == "body":
        path = []
    message = _SENTENCES.get(found["type"], str(found["msg"]).removeprefix("Value error, "))
    return InvalidField(path=".".join(str(part) for part in path), message=message)


def answers(shape: Any, *, anonymous: bool = False) -> dict[int, Any]:
    """The answers of an endpoint, for its documentation: `shape` when it went well, and every way to say no."""
    declared = {
        200: shape,
        400: Problem,
        404: Problem,
        409: Problem,
        422: list[InvalidField],
        429: Problem,
        503: Problem,
    }
    return declared if anonymous else declared | {401: Problem, 403: MissingPermission}
