"""Flash's scalars on the wire.

An invalid value is not refused by GraphQL: the parser returns an `Invalid` and the resolver answers its message inside the payload.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import Any

from ariadne import ScalarType
from graphql import FloatValueNode, IntValueNode, StringValueNode, ValueNode

from flashpay.sandbox.accounts import UCENT_PER_CENT, username_normal

MEMO_BYTES_MAX = 639
CENTS_MAX = 10**16
SATS_MAX = 10**13
_INVOICE = re.compile(r"ln[a-z0-9]+", re.IGNORECASE)
_WALLET_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[1-5][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.IGNORECASE)


@dataclass(frozen=True)
class Invalid:
    message: str


def _invalid(name: str) -> Invalid:
    return Invalid(f"Invalid value for {name}")


def _number(value: Any) -> Decimal | None:
    """A finite number from a JSON number or a numeric string; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _fractional_cents(value: Any) -> Decimal | Invalid:
    number = _number(value)
    return _invalid("FractionalCentAmount") if number is None or abs(number) > CENTS_MAX else number


def _sats(value: Any) -> int | Invalid:
    number = _number(value)
    return _invalid("SatAmount") if number is None or not 0 <= number <= SATS_MAX else math.trunc(number)


def _minutes(value: Any) -> int | Invalid:
    number = _number(value)
    return _invalid("Minutes") if number is None or number < 0 or number != int(number) else int(number)


def _memo(value: Any) -> str | Invalid:
    if not isinstance(value, str):
        return _invalid("Memo")
    return value if len(value.encode()) <= MEMO_BYTES_MAX else Invalid("Memo is too long")


def _matching(name: str, pattern: re.Pattern[str]) -> Callable[[Any], str | Invalid]:
    def parse(value: Any) -> str | Invalid:
        return value if isinstance(value, str) and pattern.fullmatch(value) else _invalid(name)

    return parse


def _username(value: Any) -> str | Invalid:
    return (username_normal(value) if isinstance(value, str) else None) or _invalid("Username")


def _display_currency(value: Any) -> str | Invalid:
    return value.upper() if isinstance(value, str) and 3 <= len(value) <= 4 else _invalid("DisplayCurrency")


def _timestamp_out(value: float | datetime) -> int:
    return int(value.timestamp() if isinstance(value, datetime) else value)


def json_number(value: Decimal) -> int | float:
    """A decimal as JSON carries it; only for the wire."""
    return int(value) if value == value.to_integral_value() else float(value)


def cents_shown(ucent: int, currency: str) -> Decimal:
    """A balance in cents with the places Flash gives: four for USDT, all of ours for USD."""
    cents = Decimal(ucent) / UCENT_PER_CENT
    return cents.quantize(Decimal("0.0001"), ROUND_HALF_EVEN) if currency == "USDT" else cents


def fee_shown(ucent: int, currency: str) -> Decimal:
    """`USDCents`: whole cents for USDT (half-even), two places for USD."""
    return (Decimal(ucent) / UCENT_PER_CENT).quantize(
        Decimal(1) if currency == "USDT" else Decimal("0.01"), ROUND_HALF_EVEN
    )


def _scalar(name: str, parse: Callable[[Any], Any], serialize: Callable[[Any], Any] | None = None) -> ScalarType:
    def parse_literal(node: ValueNode, _variables: dict[str, Any] | None = None) -> Any:
        if isinstance(node, IntValueNode | FloatValueNode | StringValueNode):
            return parse(node.value)
        return _invalid(name)

    return ScalarType(
        name, serializer=serialize or (lambda value: value), value_parser=parse, literal_parser=parse_literal
    )


SCALARS = [
    _scalar("FractionalCentAmount", _fractional_cents, json_number),
    _scalar("USDCents", _fractional_cents, json_number),
    _scalar("SignedAmount", _fractional_cents, json_number),
    _scalar("SatAmount", _sats),
    _scalar("Minutes", _minutes),
    _scalar("Memo", _memo),
    _scalar("LnPaymentRequest", _matching("LnPaymentRequest", _INVOICE)),
    _scalar("WalletId", _matching("WalletId", _WALLET_ID)),
    _scalar("PaymentHash", _matching("PaymentHash", re.compile(r"[0-9a-f]{64}"))),
    _scalar("Hex32Bytes", _matching("Hex32Bytes", re.compile(r"[0-9a-f]{64}"))),
    _scalar("Username", _username),
    _scalar("DisplayCurrency", _display_currency),
    _scalar("Timestamp", lambda value: value, _timestamp_out),
]
