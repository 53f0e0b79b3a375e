"""The `Idempotency-Key` header: a request that is sent again, because its answer was lost, makes nothing twice.

The answer is kept in the same transaction as what the request made: after a crash there are both or neither. What was
refused made nothing and is not kept; sent again it is judged anew. Keys belong to the API key that they came with.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any, TypeVar

from django.db import OperationalError, connection, transaction
from django.http import HttpResponse
from django.utils import timezone
from pydantic import BaseModel

from flashpay.api.authentication import ApiRequest
from flashpay.api.models import AnsweredRequest
from flashpay.api.problems import ApiProblem, invalid, problem
from flashpay.money.currencies import Currency
from flashpay.stores.rates import rates_held

HEADER = "Idempotency-Key"
REPLAYED_HEADER = "Idempotent-Replayed"
LONGEST_KEY = 255
KEPT = timedelta(hours=24)
# How long a repetition waits for the first one's answer before it is told to come again.
_WAIT_MS = 2_000
_FORGET_BATCH = 1_000

# For the documentation of the endpoints that heed it.
REPEATABLE: dict[str, Any] = {
    "parameters": [
        {
            "in": "header",
            "name": HEADER,
            "required": False,
            "schema": {"type": "string", "minLength": 1, "maxLength": LONGEST_KEY},
            # No `example`: the page that lets people try an endpoint would fill it in, the same for every request.
            "description": "Any text of your own for this one request, such as the UUID "
            "`0b9a3f0e-6b0c-4f0e-9a55-0c7a9d6c2f11`. Sent again with the same key and body, it makes nothing again and gets "
            "the same answer, for 24 hours.",
        }
    ]
}

Answer = TypeVar("Answer", bound=BaseModel)


def once(
    request: ApiRequest, make: Callable[[], Answer], *, priced_in: Iterable[Currency] = ()
) -> Answer | HttpResponse:
    """What `make` answers; with an Idempotency-Key that was answered already, that answer again without making anything.

    Called when the caller's permission and input were checked: a repetition is allowed no more than the first one was.
    `priced_in`: the currencies whose rate `make` may need, for inside the transaction nobody can be asked. Raises
    ApiProblem: 422 for the same key with another request, 409 where the first one is still being worked on.
    """
    key = _key_read(request)
    if not key:
        return make()
    now = timezone.now()
    asked = _fingerprint(request)
    mine = AnsweredRequest.objects.filter(api_key=request.auth.key, key_sha256=key)
    known = mine.filter(at__gt=now - KEPT).first()
    if known is not None:
        return _again(known, asked)
    with rates_held(priced_in), transaction.atomic():
        mine.filter(at__lte=now - KEPT).delete()
        row, is_first = _row(request, key, asked, now)
        if not is_first:
            return _again(row, asked)
        body = json.dumps(make().model_dump(mode="json", by_alias=True))
        row.body = body
        row.save(update_fields=["body"])
    return _json(body, replayed=False)


def in_flight() -> ApiProblem:
    sentence = "The first request with this key is still being worked on. Ask again in a moment."
    return problem(409, "idempotency-in-flight", sentence, retry_after_s=1)


def mismatch() -> ApiProblem:
    sentence = f"This {HEADER} came with another request before. Use a new one. Nothing was changed."
    return problem(422, "idempotency-mismatch", sentence)


def answers_forget(*, now: datetime | None = None) -> int:
    """Delete the answers that are kept no longer, a batch at a time. Returns how many."""
    old = AnsweredRequest.objects.filter(at__lte=(now or timezone.now()) - KEPT)
    forgotten = 0
    while batch := list(old.values_list("pk", flat=True)[:_FORGET_BATCH]):
        forgotten += AnsweredRequest.objects.filter(pk__in=batch).delete()[0]
    return forgotten


def _again(known: AnsweredRequest, asked: str) -> HttpResponse:
    if known.request_sha256 != asked:
        raise mismatch()
    return _json(known.body, replayed=True)


def _row(request: ApiRequest, key: str, asked: str, now: datetime) -> tuple[AnsweredRequest, bool]:
    """The request's row, and whether it is new. While the same key is at work elsewhere the database makes this one wait."""
    try:
        with transaction.atomic():
            _wait_at_most(_WAIT_MS)
            row, is_first = AnsweredRequest.objects.get_or_create(
                api_key=request.auth.key, key_sha256=key, defaults={"request_sha256": asked, "at": now}
            )
            _wait_at_most(0)
    except OperationalError as error:
        raise in_flight() from error
    return row, is_first


def _wait_at_most(milliseconds: int) -> None:
    """For a row that another transaction is writing; 0 is no limit. SQLite has a limit of its own, in the settings."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('lock_timeout', %s, true)", [str(milliseconds)])


def _key_read(request: ApiRequest) -> str:
    """The hash of the key; empty where none was sent. Raises ApiProblem for one that cannot be a key."""
    text = request.headers.get(HEADER)
    if text is None:
        return ""
    if not 1 <= len(text) <= LONGEST_KEY or not text.isascii() or not text.isprintable():
        raise invalid(HEADER, f"A key has 1 to {LONGEST_KEY} printable ASCII characters.")
    return hashlib.sha256(text.encode()).hexdigest()


def _fingerprint(request: ApiRequest) -> str:
    """The same for the same request, however its JSON was spaced and ordered."""
    body = json.loads(request.body, parse_float=lambda text: ["number", text]) if request.body else None
    parts = [request.method, request.get_full_path(), body]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _json(body: str, *, replayed: bool) -> HttpResponse:
    headers = {REPLAYED_HEADER: "true"} if replayed else {}
    return HttpResponse(str(body), content_type="application/json; charset=utf-8", headers=headers)
