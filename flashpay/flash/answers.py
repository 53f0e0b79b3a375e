"""A GraphQL answer as it came: data, errors beside it, and the errors inside an operation's payload."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flashpay.flash.troubles import CarrierTrouble, Failure, Trouble, Where
from flashpay.flash.wire import decimal_read


@dataclass(frozen=True)
class Answer:
    """`errors` are the top-level ones, as Flash wrote them (a list of objects, most often without a code)."""

    data: Mapping[str, Any] | None
    errors: tuple[Mapping[str, Any], ...] = ()

    @property
    def troubles(self) -> list[Trouble]:
        return [top_level_trouble(error) for error in self.errors]

    def field(self, name: str) -> Mapping[str, Any] | None:
        value = (self.data or {}).get(name)
        return value if isinstance(value, Mapping) else None


def answer_read(body: Any) -> Answer:
    """Read a GraphQL answer. Raises CarrierTrouble (unreadable) for what is none."""
    if not isinstance(body, Mapping) or not ("data" in body or "errors" in body):
        raise unreadable()
    data, errors = body.get("data"), body.get("errors") or []
    if not (data is None or isinstance(data, Mapping)) or not isinstance(errors, list):
        raise unreadable()
    return Answer(data, tuple(error if isinstance(error, Mapping) else {"message": str(error)} for error in errors))


def unreadable() -> CarrierTrouble:
    return CarrierTrouble(Trouble(Where.TRANSPORT, Failure.UNREADABLE))


def _extensions(error: Mapping[str, Any]) -> Mapping[str, Any]:
    extensions = error.get("extensions")
    return extensions if isinstance(extensions, Mapping) else {}


def _code(error: Mapping[str, Any]) -> str | None:
    # Beside the message as the program writes it, in the extensions where a router or a limiter does.
    code = error.get("code") or _extensions(error).get("code")
    return str(code) if code else None


def _seconds(value: Any) -> int | None:
    seconds = decimal_read(value)
    # A day is longer than any limit of Flash lasts; a larger figure is not believed.
    return min(int(seconds) + (seconds != int(seconds)), 86_400) if seconds is not None and seconds > 0 else None


def top_level_trouble(error: Mapping[str, Any]) -> Trouble:
    return Trouble(
        Where.ANSWER,
        code=_code(error),
        message=str(error.get("message") or ""),
        retry_after_s=_seconds(_extensions(error).get("retryAfterSeconds")),
    )


def payload_troubles(payload: Mapping[str, Any]) -> list[Trouble]:
    """The errors inside a payload, each with the status that stands beside them."""
    errors: Sequence[Any] = payload.get("errors") or []
    status = payload.get("status")
    return [
        Trouble(
            Where.PAYLOAD,
            code=_code(error) if isinstance(error, Mapping) else None,
            message=str(error.get("message") or "") if isinstance(error, Mapping) else str(error),
            status=str(status) if status is not None else None,
        )
        for error in errors
    ]


def http_trouble(status: int, headers: Mapping[str, str], body: Any) -> Trouble:
    """An HTTP status that is no success. `body` is the parsed JSON, or None: HTML is not looked into."""
    error: Mapping[str, Any] = {}
    if isinstance(body, Mapping):
        errors = body.get("errors")
        if isinstance(errors, list) and errors and isinstance(errors[0], Mapping):
            error = errors[0]
        elif isinstance(body.get("error"), Mapping):
            error = {"message": body["error"].get("message")}
    retry_after = headers.get("retry-after", "")
    return Trouble(
        Where.HTTP,
        http_status=status,
        code=_code(error),
        message=str(error.get("message") or ""),
        retry_after_s=_seconds(retry_after) if re.fullmatch(r"\d{1,6}", retry_after) else None,
    )
