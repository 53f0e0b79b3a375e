"""How the API reads JSON: numbers keep every digit they were written with, and nothing that we would misread is accepted."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated, Any

from django.http import HttpRequest
from ninja.parser import Parser
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema, model_validator

DEEPEST = 32
_TOO_DEEP = f"The body is nested more than {DEEPEST} levels deep."
LATEST_UNIX_TIME = 253_402_300_799  # the end of the year 9999, where datetime ends


class UnreadableBody(ValueError):
    """The request's body is not the JSON it should be; str() says why."""


class WrittenNumber(float):
    """A JSON number with a point or an exponent. As a float it is only good for metadata; money is read from `text`."""

    text: str

    def __new__(cls, text: str) -> WrittenNumber:
        number = super().__new__(cls, text)
        number.text = text
        return number


class StrictParser(Parser):
    """JSON without the things that different readers understand differently, and without what a database cannot hold."""

    def parse_body(self, request: HttpRequest) -> Any:
        try:
            value = json.loads(
                request.body,
                parse_float=WrittenNumber,
                parse_constant=_refuse_constant,
                object_pairs_hook=_object_without_doubles,
            )
        except UnicodeDecodeError as error:
            raise UnreadableBody("The body is not UTF-8.") from error
        except json.JSONDecodeError as error:
            raise UnreadableBody(f"The body is not JSON: {error.msg} (line {error.lineno}).") from error
        except RecursionError as error:
            raise UnreadableBody(_TOO_DEEP) from error
        except UnreadableBody:
            raise
        except ValueError as error:  # Python reads no whole number of thousands of digits
            raise UnreadableBody("The body has a number in it that is too long.") from error
        _check(value, 0)
        return value


def _refuse_constant(name: str) -> None:
    raise UnreadableBody(f"{name} is not JSON.")


def _object_without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise UnreadableBody("A field is given twice.")
    return found


def _check(value: Any, depth: int) -> None:
    if depth > DEEPEST:
        raise UnreadableBody(_TOO_DEEP)
    match value:
        case str():
            if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
                raise UnreadableBody("A text has a character in it that cannot be stored.")
        case dict():
            for name, inner in value.items():
                _check(name, depth + 1)
                _check(inner, depth + 1)
        case list():
            for inner in value:
                _check(inner, depth + 1)


def _as_written(value: Any) -> Any:
    """An amount as text, however it was sent: "12.50", 12.50 and 12 are all exact here."""
    if isinstance(value, WrittenNumber):
        return value.text
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value


AmountText = Annotated[
    str,
    BeforeValidator(_as_written),
    WithJsonSchema({"type": "string", "format": "decimal"}),
    Field(description="An amount in major units, as a decimal string"),
]
PercentText = Annotated[
    str,
    BeforeValidator(_as_written),
    WithJsonSchema({"type": "number", "minimum": 0, "maximum": 100}),
    Field(pattern=r"^[0-9]{1,3}(\.[0-9]{1,8})?$", description="Percent, from 0 to 100, with at most two decimals"),
]
UnixTime = Annotated[int, Field(ge=0, le=LATEST_UNIX_TIME, description="Unix time in seconds")]
Moment = Annotated[
    datetime,
    PlainSerializer(lambda moment: int(moment.timestamp()), return_type=int),
    Field(description="Unix time in seconds", examples=[1_779_278_400]),
]
# Named, so that each shows the same example wherever it stands.
StoreId = Annotated[str, Field(examples=["Vb7sQk2mWcTn4RzXyHe9Lp"])]
InvoiceId = Annotated[str, Field(examples=["Qd3rTn8vYpKc5WmZxBh6Es"])]
PullPaymentId = Annotated[str, Field(examples=["Nf9wGt4jRkUa7XbVzDm2Cq"])]
CurrencyCode = Annotated[str, Field(examples=["USD"])]


def moment_read(unix_time: int | None) -> datetime | None:
    return None if unix_time is None else datetime.fromtimestamp(unix_time, UTC)


class Input(BaseModel):
    """What a caller sends. A field that we do not know is refused, unless it is null, which means it was left out."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _null_is_left_out(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        return {name: value for name, value in values.items() if value is not None}
