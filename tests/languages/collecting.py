"""Everything that payers and recipients may read, collected from the source without GNU gettext.

Three kinds: what templates mark, what modules mark with `gettext`, and the plain English sentences that services raise or
keep, which `flashpay.languages.translated` puts into the page's language, one by one. In those `{1}`, `{2}` stand for the
parts of an f-string, in their order.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from django.utils.translation.template import templatize

ROOT: Final = Path(__file__).resolve().parents[2]

# Templates of merchants, administrators and people who log in stay English.
ENGLISH_TEMPLATES: Final = ("templates/account/", "templates/allauth/", "templates/dashboard/", "templates/base.html")

# Modules whose sentences reach public pages: all of them, or those that begin like this.
SPEAKING: Final[dict[str, tuple[str, ...]]] = {
    "flashpay/throttles.py": (),
    "flashpay/money/amounts.py": (),
    "flashpay/money/book.py": ("There is no exchange rate", "The exchange rate"),
    "flashpay/money/rates.py": (),
    "flashpay/lightning.py": (),
    "flashpay/invoices/requests.py": (),
    "flashpay/invoices/offers.py": ("This invoice takes", "The shop has closed"),
    "flashpay/invoices/services/asking.py": (),
    "flashpay/invoices/services/codes.py": (),
    "flashpay/invoices/services/bills.py": (
        "The shop has closed",
        "Please choose",
        "This bill is paid in one go",
        "{1} is still to be paid",
    ),
    "flashpay/flash/verdicts.py": (
        "Flash answered in a way",
        "Nothing was sent and",
        "No money moved",
        "Whether money moved",
        "The fee could not",
    ),
    "flashpay/flash/verdict_rows.py": (
        "Flash could not be reached",
        "Flash did not answer",
        "The connection to Flash broke",
        "Flash allows only so many",
        "Flash is getting too many",
        "Flash is busy",
        "Flash has a problem",
        "Flash's Lightning service (IBEX)",
        "There is not enough money",
        "Flash cannot read this invoice",
        "Flash is still working",
        "Flash says that this invoice",
    ),
    "lnurl/wire/codec.py": ("This code", "A character"),
    "lnurl/wire/destination.py": (),
    "lnurl/wire/errors.py": (),
    "lnurl/wire/guard.py": (),
    "lnurl/wire/resolver.py": (),
    "payouts/selectors.py": (),
    "payouts/services/claims.py": (),
    "payouts/services/codes.py": (),
    "payouts/services/expiring.py": (),
    "payouts/services/policies.py": ("All payouts are paused", "The shop has paused"),
    "payouts/services/pull_payments.py": ("The pull payment was archived",),
    "payouts/services/quotes.py": (),
    "payouts/services/reconciling.py": (
        "The payment was handed",
        "Nobody can tell yet",
        "The payment came back",
        "The payment was not made",
        "The recipient's invoice ran out",
    ),
    "payouts/services/reviewing.py": ("The shop found out",),
    "payouts/services/sending.py": (
        "There is not enough money",
        "The shop's wallet can only receive",
        "Small claims are collected",
        "The wallet's smallest payout",
        "There is no fresh price",
        "The network fee",
        "The recipient's service gave",
        "More was added",
    ),
    "payouts/services/sizing.py": (),
    "payouts/services/targets.py": (),
}
# What stands at a place of such a sentence, or is put together with one.
PARTS: Final = (
    "{1} seconds",
    "{1} minutes",
    "at most {1} decimals",
    "no decimals",
    "it pays out",
    "it is for logging in",
    "it opens a channel",
    "it asks for a Lightning Address",
)
# What Django itself says on these pages, for the languages that Django does not speak.
MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
DJANGO_MESSAGES: Final = {
    **dict.fromkeys(MONTHS, ""),
    **dict.fromkeys((month[:3].lower() for month in MONTHS), ""),
    "This field is required.": "",
    "Ensure this value has at most %(limit_value)d character (it has %(show_value)d).": (
        "Ensure this value has at most %(limit_value)d characters (it has %(show_value)d)."
    ),
}
_SENTENCE: Final = re.compile(r"[A-Z“].* .*[.!?}]|\{.* .*[.!?]", re.DOTALL)
_BETWEEN: Final = re.compile(r"(?<=[.!?]) (?=[A-Z“])")
_QUOTED: Final = r"""(u?'(?:[^'\\]|\\.)*'|u?"(?:[^"\\]|\\.)*")"""
_MARKED: Final = re.compile(rf"\b(n?gettext|_)\({_QUOTED}(?:,\s*{_QUOTED})?")
_MARKS: Final = {"_", "gettext", "gettext_lazy", "gettext_noop", "ngettext", "ngettext_lazy"}


@dataclass
class Message:
    """One entry of the catalogues and the files it stands in."""

    msgid: str
    plural: str = ""
    files: set[str] = field(default_factory=set)


def collected(*, with_djangos: bool = False) -> dict[str, Message]:
    """Every message by its English words."""
    found: dict[str, Message] = {}
    djangos = [(msgid, plural, "django") for msgid, plural in DJANGO_MESSAGES.items()] if with_djangos else []
    for msgid, plural, file in (*_from_templates(), *_from_marks(), *_from_sentences(), *djangos):
        message = found.setdefault(msgid, Message(msgid))
        message.plural = message.plural or plural
        message.files.add(file)
    return found


def sources() -> Iterator[Path]:
    """The program's own modules."""
    for room in ("flashpay", "payouts", "lnurl"):
        for path in sorted((ROOT / room).rglob("*.py")):
            if "migrations" not in path.parts and "sandbox" not in path.parts:
                yield path


def _from_templates() -> Iterator[tuple[str, str, str]]:
    for path in sorted((ROOT / "templates").rglob("*")):
        file = path.relative_to(ROOT).as_posix()
        if path.suffix not in {".html", ".txt"} or file.startswith(ENGLISH_TEMPLATES):
            continue
        for mark in _MARKED.finditer(templatize(path.read_text(), origin=file)):
            yield ast.literal_eval(mark[2]), ast.literal_eval(mark[3]) if mark[3] else "", file


def _from_marks() -> Iterator[tuple[str, str, str]]:
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or node.func.id not in _MARKS:
                continue
            words = [each.value for each in node.args if isinstance(each, ast.Constant) and isinstance(each.value, str)]
            if words:
                yield words[0], words[1] if len(words) > 1 else "", path.relative_to(ROOT).as_posix()


def _from_sentences() -> Iterator[tuple[str, str, str]]:
    for file, beginnings in SPEAKING.items():
        for text in literals(ROOT / file):
            chosen = text.startswith(beginnings) if beginnings else _SENTENCE.fullmatch(text) is not None
            if chosen or text in PARTS:
                for sentence in _BETWEEN.split(text):
                    yield sentence, "", file


def literals(path: Path) -> Iterator[str]:
    """The strings of a module without its docstrings; an f-string with `{1}`, `{2}` for its parts."""
    tree = ast.parse(path.read_text())
    passed_over: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr):
            passed_over.add(id(node.value))
        if isinstance(node, ast.JoinedStr):
            passed_over.update(
                id(part) for part in ast.walk(node) if part is not node and isinstance(part, ast.JoinedStr)
            )
            passed_over.update(id(part) for part in node.values)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _MARKS:
            passed_over.update(id(part) for part in node.args)
    for node in ast.walk(tree):
        if id(node) in passed_over:
            continue
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif isinstance(node, ast.JoinedStr):
            yield _with_places(node)


def _with_places(node: ast.JoinedStr) -> str:
    parts, number = [], 0
    for part in node.values:
        if isinstance(part, ast.Constant):
            parts.append(str(part.value))
        else:
            number += 1
            parts.append(f"{{{number}}}")
    return "".join(parts)
