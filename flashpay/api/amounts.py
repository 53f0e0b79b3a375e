"""Amounts and currencies as a request writes them. What cannot be used is refused under the name that the caller gave it."""

from __future__ import annotations

from typing import overload

from flashpay.api.problems import invalid
from flashpay.money.amounts import amount_from_decimal
from flashpay.money.currencies import Currency, currency_get
from flashpay.money.errors import MoneyError


def currency_read(code: str, path: str = "currency") -> Currency:
    """The currency with this code. Raises ApiProblem about `path` where there is none."""
    try:
        return currency_get(code)
    except MoneyError as error:
        raise invalid(path, error.sentence) from error


@overload
def amount_read(text: str, currency: Currency, path: str = "amount", *, allow_zero: bool = False) -> int: ...


@overload
def amount_read(
    text: str | None, currency: Currency, path: str = "amount", *, allow_zero: bool = False
) -> int | None: ...


def amount_read(text: str | None, currency: Currency, path: str = "amount", *, allow_zero: bool = False) -> int | None:
    """Minor units; None where nothing was sent. Raises ApiProblem about `path` for what is no amount of `currency`."""
    if text is None:
        return None
    try:
        return amount_from_decimal(text, currency, allow_zero=allow_zero)
    except MoneyError as error:
        raise invalid(path, error.sentence) from error
