"""The REST API as one: its routers, who may call, and the one shape in which anything that goes wrong is answered."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any
from urllib.parse import unquote

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.urls import URLPattern, re_path
from django.views.decorators.csrf import csrf_exempt
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError
from ninja.openapi.schema import OpenAPISchema
from ninja.operation import Operation

from flashpay.api import (
    account,
    invoices,
    lightning_addresses,
    pay_links,
    payment_methods,
    payment_requests,
    payout_policies,
    payouts,
    pull_payment_actions,
    pull_payments,
    rates,
    recipients,
    refunds,
    stores,
    vouchers,
)
from flashpay.api.authentication import TokenAuth
from flashpay.api.examples import examples_add
from flashpay.api.problems import (
    UNAUTHENTICATED,
    ApiProblem,
    Problem,
    money_problem,
    problem,
    refusal_problem,
    validation_problem,
)
from flashpay.api.wire import StrictParser
from flashpay.money.errors import MoneyError
from flashpay.refusals import Refusal
from flashpay.version import VERSION

DESCRIPTION = """
Paths, names and states are those of BTCPay Server's Greenfield API, as far as FlashPay does the same thing.
Send an API key as `Authorization: token KEY`. Amounts are decimal strings, times are Unix time in seconds.
"""


class _Api(NinjaAPI):
    def get_openapi_operation_id(self, operation: Operation) -> str:
        return operation.view_func.__name__

    def get_openapi_schema(self, **kwargs: Any) -> OpenAPISchema:
        """As django-ninja makes it, but for three things: no path parameters that are not in the path (records named with
        or without their store share one function), the first sentence about an endpoint instead of its name, and
        examples."""
        schema = super().get_openapi_schema(**kwargs)
        for path, operations in schema["paths"].items():
            for operation in operations.values():
                operation["parameters"] = list(_parameters(operation["parameters"], path))
                first, _, rest = operation.pop("description", operation["summary"]).partition(". ")
                operation["summary"] = first.removesuffix(".")
                if rest:
                    operation["description"] = rest
        examples_add(schema)
        return schema


def _parameters(parameters: list[dict[str, Any]], path: str) -> Iterator[dict[str, Any]]:
    for parameter in parameters:
        if parameter["in"] != "path":
            yield parameter
        elif f"{{{parameter['name']}}}" in path:
            yield {**parameter, "required": True}


api = _Api(
    title="FlashPay",
    version=VERSION,
    description=DESCRIPTION.strip(),
    urls_namespace="api",
    auth=TokenAuth(),
    parser=StrictParser(),
    servers=[{"url": settings.PUBLIC_URL}],
)
for module in (
    account,
    stores,
    rates,
    payment_methods,
    lightning_addresses,
    invoices,
    payment_requests,
    pay_links,
    pull_payments,
    pull_payment_actions,
    vouchers,
    refunds,
    payouts,
    payout_policies,
    recipients,
):
    api.add_router("/v1", module.router)


def _answer(refused: ApiProblem) -> HttpResponse:
    headers = {} if refused.retry_after_s is None else {"Retry-After": str(refused.retry_after_s)}
    if refused.status == 401:
        headers["WWW-Authenticate"] = "token"
    return JsonResponse(refused.json, status=refused.status, safe=False, headers=headers)


@api.exception_handler(ApiProblem)
def _on_problem(request: HttpRequest, error: ApiProblem) -> HttpResponse:
    return _answer(error)


@api.exception_handler(Refusal)
def _on_refusal(request: HttpRequest, error: Refusal) -> HttpResponse:
    return _answer(refusal_problem(error))


@api.exception_handler(MoneyError)
def _on_money_error(request: HttpRequest, error: MoneyError) -> HttpResponse:
    return _answer(money_problem(error))


@api.exception_handler(ValidationError)
def _on_validation_error(request: HttpRequest, error: ValidationError) -> HttpResponse:
    return _answer(validation_problem(error))


@api.exception_handler(AuthenticationError)
def _on_authentication_error(request: HttpRequest, error: AuthenticationError) -> HttpResponse:
    return _answer(UNAUTHENTICATED)


@api.exception_handler(HttpError)
def _on_http_error(request: HttpRequest, error: HttpError) -> HttpResponse:
    # django-ninja's own: the body could not be parsed, and its cause says why.
    return _answer(problem(error.status_code, "invalid-request", str(error.__cause__ or error)))


@api.exception_handler(RequestDataTooBig)
def _on_too_much(request: HttpRequest, error: RequestDataTooBig) -> HttpResponse:
    sentence = "The body is larger than any request needs to be. Send a reference, not the data."
    return _answer(problem(400, "invalid-request", sentence))


def _no_such_path(request: HttpRequest, **kwargs: Any) -> HttpResponse:
    return _answer(problem(404, "endpoint-not-found", "There is nothing at this address. See /api/docs."))


def _faced(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """A view as the world meets it: no session and no CSRF token needed, JSON also for a wrong method, nothing cached."""

    @csrf_exempt
    @wraps(view)
    def faced(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if "\0" in unquote(request.get_full_path()):
            return _no_such_path(request)
        response = view(request, *args, **kwargs)
        if response.status_code == 405:
            allowed = response.headers["Allow"]
            response = JsonResponse(
                Problem(code="method-not-allowed", message=f"This address takes {allowed}.").model_dump(),
                status=405,
                headers={"Allow": allowed},
            )
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    faced.login_required = False  # type: ignore[attr-defined]
    return faced


def _opened(pattern: URLPattern) -> URLPattern:
    # The root is there for its name only, from which the addresses in the documentation are made.
    pattern.callback = _faced(_no_such_path if pattern.name == "api-root" else pattern.callback)
    return pattern


_patterns, _app_name, _namespace = api.urls
urlpatterns = [
    *(_opened(pattern) for pattern in _patterns if isinstance(pattern, URLPattern)),
    re_path(r"^.*$", _faced(_no_such_path)),
]
urls = (urlpatterns, _app_name, _namespace)
