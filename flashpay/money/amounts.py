"""Amounts: integers of minor units, read from what people and programs write, and shown to people.

How a typed amount is read (`amount_parse`):

1. Spaces of any width and apostrophes separate thousands.
2. Where both a comma and a dot occur, the last one is the decimal separator and the other separates thousands.
3. One of them, more than once, separates thousands: `1,234,567`, `1.234.567`.
4. One of them, once, is the decimal separator (`0.5`, `12,50`, `1 234,50`), except in front of exactly three digits
   and behind one to three that do not start with 0. There a comma separates thousands (`10,000`) where the currency
   has fewer than three decimals, for as a decimal comma it would make no sense. A dot (`1.234`) is refused: half of
   FlashPay's markets would read one and a bit, the other half twelve hundred. So are both in a currency with more
   decimals, such as BTC.
5. Thousands stand in groups of three, the first of one to three; anything else is refused.
6. The currency's own symbol or code may stand before or after. No sign, no exponent, no digits but 0 to 9.

Programs write `1234.50` and use `amount_from_decimal`, which knows no thousands and nothing ambiguous.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

from flashpay.money.currencies import SAT_PER_BTC, SUPPLY_SAT, Currency
from flashpay.money.errors import BadAmount

MSAT_PER_SAT: Final = 1_000
MSAT_PER_BTC: Final = SAT_PER_BTC * MSAT_PER_SAT
LIMIT_MSAT: Final = SUPPLY_SAT * MSAT_PER_SAT

# Longer than any amount below the limits with its thousands, symbol and code.
_LONGEST_TEXT: Final = 48
_NO_BREAK_SPACE: Final = "\N{NO-BREAK SPACE}"
# People copy amounts out of pages and spreadsheets: no-break, figure, thin, narrow and ordinary spaces, apostrophes.
_SPACE_LIKE: Final = re.compile("[\\s'\u2019\u02bc]")
_DIGITS_AND_SEPARATORS: Final = re.compile(r"[0-9.,\s'\u2019\u02bc]*[0-9][0-9.,\s'\u2019\u02bc]*")
_NEGATIVE: Final = re.compile(r"[-\u2212\u2013]\s*[0-9.,]|\(\s*[0-9.,]")
_PLAIN_DECIMAL: Final = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")


def amount_parse(text: str, currency: Currency, *, allow_zero: bool = False) -> int:
    """Read an amount as a person types it, in major units; the answer is in minor units (sats for SAT and BTC).

    The rules stand at the top of this module. Raises BadAmount, with its code, for anything that is not one clear
    amount from one minor unit (or zero, if allowed) to below the currency's limit.
    """
    if len(text) > _LONGEST_TEXT:
        raise BadAmount("That is too long to be an amount.", "not_a_number")
    if not text.strip():
        raise BadAmount("Please enter an amount.", "empty")
    bare = _currency_stripped(text.strip(), currency)
    if _NEGATIVE.match(bare):
        raise BadAmount("An amount cannot be negative.", "negative")
    if not _DIGITS_AND_SEPARATORS.fullmatch(bare):
        raise _unreadable(text)
    whole, fraction = _split(bare, text, currency)
    return _minor_from_digits(whole, fraction, currency, allow_zero=allow_zero)


def amount_from_decimal(value: Decimal | int | str, currency: Currency, *, allow_zero: bool = False) -> int:
    """Read an amount as programs write it, in major units: `1234.50`, no thousands. The answer is in minor units.

    Trailing zeros beyond the currency's decimals change nothing and are accepted. Raises BadAmount as `amount_parse`
    does, and TypeError for a float, which cannot hold money.
    """
    number = _decimal_of(value)
    if number < 0:
        raise BadAmount("An amount cannot be negative.", "negative")
    if number >= amount_decimal(currency.limit_minor, currency):
        raise _too_large(currency)
    _, digits, exponent = number.as_tuple()
    if len(digits) > _LONGEST_TEXT or not isinstance(exponent, int):
        raise _too_many_decimals(currency)
    coefficient, shift = int("".join(map(str, digits))), exponent + currency.decimals
    # A coefficient has at most _LONGEST_TEXT digits: any further zero behind the point changes no answer.
    minor, rest = divmod(coefficient * 10 ** max(shift, 0), 10 ** min(max(-shift, 0), _LONGEST_TEXT + 1))
    if rest:
        raise _too_many_decimals(currency)
    return _checked(minor, currency, allow_zero=allow_zero)


def amount_decimal(minor: int, currency: Currency) -> Decimal:
    """The amount in major units, exactly, with all the currency's decimals: 1234 US cents are Decimal("12.34")."""
    sign, digits = (1, -minor) if minor < 0 else (0, minor)
    return Decimal((sign, tuple(int(digit) for digit in str(digits)), -currency.decimals))


def amount_plain(minor: int, currency: Currency) -> str:
    """The amount as programs write it, in major units, without thousands or exponent: `1234.50`, `0.00000001`."""
    return format(amount_decimal(minor, currency), "f")


def amount_format(
    minor: int, currency: Currency, *, with_code: bool = False, group: str = ",", point: str = "."
) -> str:
    """The amount as people read it: `10,000 sat`, `$12.34`, `J$1,234.50`, `0.00010000 BTC`.

    `with_code` adds the code of a currency with a symbol (`$12.34 USD`). `group` and `point` are the separators of the
    reader's language. Spaces inside do not break a line. What it writes, `amount_parse` reads back.
    """
    sign = "-" if minor < 0 else ""
    whole, fraction = divmod(abs(minor), currency.minor_per_major)
    number = f"{whole:,}".replace(",", group)
    if currency.decimals:
        number += f"{point}{fraction:0{currency.decimals}d}"
    if currency.is_bitcoin:
        unit = currency.symbol if currency.decimals == 0 else currency.code
        return f"{sign}{number}{_NO_BREAK_SPACE}{unit}"
    gap = _NO_BREAK_SPACE if currency.symbol[-1].isalpha() else ""
    code = f"{_NO_BREAK_SPACE}{currency.code}" if with_code else ""
    return f"{sign}{currency.symbol}{gap}{number}{code}"


def msat_format(msat: int, *, group: str = ",", point: str = ".") -> str:
    """Millisatoshi as sats, with the thousandths only where there are any: `10,000 sat`, `1.5 sat`."""
    sign = "-" if msat < 0 else ""
    sats, rest = divmod(abs(msat), MSAT_PER_SAT)
    fraction = f"{point}{rest:03d}".rstrip("0") if rest else ""
    return f"{sign}{sats:,}".replace(",", group) + f"{fraction}{_NO_BREAK_SPACE}sat"


def _currency_stripped(text: str, currency: Currency) -> str:
    """The text without the currency's own symbol and code, before or after it."""
    names = [currency.code, currency.symbol]
    if currency.code == "SAT":
        names.insert(0, "sats")
    for name in (name.casefold() for name in names):
        if text[: len(name)].casefold() == name:
            text = text[len(name) :].strip()
        if text[-len(name) :].casefold() == name:
            text = text[: -len(name)].strip()
    return text


def _split(bare: str, text: str, currency: Currency) -> tuple[str, str]:
    """The digits before and after the decimal separator, by the rules of this module."""
    decimal = _decimal_separator(bare, text, currency)
    whole, _, fraction = bare.rpartition(decimal) if decimal else (bare, "", "")
    if fraction and not re.fullmatch("[0-9]+", fraction):
        raise _unreadable(text)
    separators = set(_SPACE_LIKE.sub(" ", whole)) & {" ", ",", "."}
    if len(separators) > 1:
        raise _unreadable(text)
    groups = re.split(r"[.,]|[\s'\u2019\u02bc]", whole)
    if len(groups) > 1 and not (1 <= len(groups[0]) <= 3 and all(len(group) == 3 for group in groups[1:])):
        raise _unreadable(text)
    return "".join(groups), fraction


def _decimal_separator(bare: str, text: str, currency: Currency) -> str:
    """Which of comma and dot is the decimal separator, or "" where there is none. Raises BadAmount if unclear."""
    commas, dots = bare.count(","), bare.count(".")
    if commas and dots:
        return max(",.", key=bare.rfind)
    if commas + dots != 1:
        return ""
    separator = "," if commas else "."
    whole, fraction = bare.split(separator)
    could_be_thousands = len(fraction) == 3 and re.fullmatch(r"[1-9][0-9]{0,2}", whole) is not None
    if not could_be_thousands:
        return separator
    if separator == "," and currency.decimals < 3:
        return ""
    raise BadAmount(
        f"“{text.strip()}” can be read in two ways. Write {whole}{fraction} if you mean thousands, "
        f"or another number of decimals if you do not.",
        "ambiguous",
    )


def _decimal_of(value: Decimal | int | str) -> Decimal:
    """The finite number that a program wrote. Raises BadAmount, or TypeError for what cannot hold money."""
    if isinstance(value, bool) or not isinstance(value, Decimal | int | str):
        raise TypeError("an amount is a Decimal, an int or a decimal string")
    if isinstance(value, str):
        if len(value) > _LONGEST_TEXT or not _PLAIN_DECIMAL.fullmatch(value):
            raise BadAmount("Write the amount as a plain decimal number, such as 1234.50.", "not_a_number")
        return Decimal(value)
    if isinstance(value, Decimal) and not value.is_finite():
        raise BadAmount("That is not a number.", "not_a_number")
    return Decimal(value)


def _minor_from_digits(whole: str, fraction: str, currency: Currency, *, allow_zero: bool) -> int:
    if len(fraction) > currency.decimals:
        raise _too_many_decimals(currency)
    minor = int(whole or "0") * currency.minor_per_major + int(fraction.ljust(currency.decimals, "0") or "0")
    return _checked(minor, currency, allow_zero=allow_zero)


def _checked(minor: int, currency: Currency, *, allow_zero: bool) -> int:
    if minor >= currency.limit_minor:
        raise _too_large(currency)
    if minor == 0 and not allow_zero:
        raise BadAmount("The amount must be more than zero.", "zero")
    return minor


def _too_large(currency: Currency) -> BadAmount:
    return BadAmount(f"The amount must be less than {amount_format(currency.limit_minor, currency)}.", "too_large")


def _too_many_decimals(currency: Currency) -> BadAmount:
    allowed = f"at most {currency.decimals} decimals" if currency.decimals else "no decimals"
    return BadAmount(f"An amount in {currency.code} has {allowed}.", "too_many_decimals")


def _unreadable(text: str) -> BadAmount:
    shown = f"“{text.strip()}”" if text.strip().isprintable() else "That"
    return BadAmount(f"{shown} cannot be read as an amount. Write it with digits, like 1234.", "not_a_number")
