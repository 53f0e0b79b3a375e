"""Money and time between Python and JSON, without a float in between."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any


def json_read(text: str | bytes) -> Any:
    """Parse JSON with every fractional number as Decimal. Raises ValueError."""
    return json.loads(text, parse_float=Decimal)


def wire_number(amount: Decimal) -> int | float:
    """The JSON number that says exactly `amount`.

    JSON writing in Python knows no Decimal; a float is only used where the digits it prints are the amount's own.
    Raises ValueError where no such number exists (more than 15 digits or so, NaN, infinity).
    """
    if not amount.is_finite():
        raise ValueError("an amount must be a finite number")
    if amount == amount.to_integral_value():
        return int(amount)
    printed = float(amount)
    if Decimal(repr(printed)) != amount:
        raise ValueError("an amount with more digits than JSON can carry")
    return printed


def decimal_read(value: Any) -> Decimal | None:
    """A number from JSON, also when it was written as text; None for null, "" and what is no number."""
    if value is None or isinstance(value, bool):
        return None
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def time_read(value: Any) -> datetime | None:
    """A time as Flash writes it: Unix seconds (or milliseconds), digits in a string, or ISO 8601; None if none of them."""
    if isinstance(value, str) and not re.fullmatch(r"\s*-?\d+(\.\d+)?\s*", value):
        try:
            moment = datetime.fromisoformat(value.strip())
        except ValueError:
            return None
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    seconds = decimal_read(value)
    if seconds is None:
        return None
    # Unix seconds reach this figure only in the year 5138: what is larger counts milliseconds.
    if abs(seconds) >= 100_000_000_000:
        seconds /= 1000
    try:
        return datetime.fromtimestamp(int(seconds), UTC).replace(microsecond=int(seconds % 1 * 1_000_000))
    except (OverflowError, OSError, ValueError):
        return None
