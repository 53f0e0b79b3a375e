"""Reading a table that a spreadsheet wrote, or that was pasted out of one: which cell is the destination, which the amount.

Nothing here knows what an amount or a destination is worth; a row is text. Pure: no clock, no network, no settings.
"""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass

from flashpay.refusals import Refusal

MOST_ROWS = 2_000
MOST_BYTES = 1_000_000
COLUMNS = ("destination", "amount", "currency", "reference", "note")
# What people call the columns; the first one of each is ours, and wins where a table has several.
_NAMES = {
    "destination": (
        "destination", "to", "address", "lightning_address", "ln_address", "lightning", "invoice", "bolt11", "lnurl",
        "recipient", "payee", "pay_to", "lightning_invoice", "destino", "destinataire",
    ),
    "amount": ("amount", "value", "sum", "importe", "monto", "montant", "bedrag", "betrag"),
    "currency": ("currency", "unit", "ccy", "moneda", "devise", "valuta", "waehrung"),
    "reference": ("reference", "ref", "order", "order_id", "external_id", "id", "referencia", "referentie"),
    "note": ("note", "memo", "comment", "description", "message", "name", "nota"),
}  # fmt: skip
_LOOKS_PAYABLE = re.compile(
    r"(lightning:|ln(bc|tb|url)|https?://|lnurlp?://|keyauth://)|[^@\s]+@[^@\s]+$", re.IGNORECASE
)
# What a spreadsheet must not take for a formula is written with an apostrophe in front, by us too.
_GUARDED = re.compile(r"'(?=[=+\-@])")
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_HEADER_WANTED = "Its first row must name the columns; “destination” and “amount” at least. The sample file shows how."


@dataclass(frozen=True, slots=True)
class Row:
    """One row as it stands in the file; `line` counts as spreadsheets do. `extra`: it has more cells than the header."""

    line: int
    destination: str
    amount: str = ""
    currency: str = ""
    reference: str = ""
    note: str = ""
    extra: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    rows: list[Row]
    ignored_columns: list[str]

    @property
    def content_sha256(self) -> str:
        """The same for the same payments, whatever program wrote them."""
        return rows_sha256(self.rows)


def rows_sha256(rows: Iterable[Row]) -> str:
    return hashlib.sha256(json.dumps([astuple(row) for row in rows]).encode()).hexdigest()


def table_read(content: bytes) -> Table:
    """The rows of a CSV file or of cells pasted from a spreadsheet. Raises Refusal (`invalid-file`) with what to do."""
    if len(content) > MOST_BYTES:
        raise _unreadable(f"The file is larger than {MOST_BYTES // 1_000_000} MB. Divide it into smaller ones.")
    lines, delimiter = _delimited(_decoded(content))
    # What stands in a cell may have line breaks of its own, so the reader gets the text as it is.
    reader = csv.reader(io.StringIO(lines, newline=""), delimiter=delimiter)
    try:
        cells = [(number, [_cell(cell) for cell in row]) for number, row in enumerate(reader, 1)]
    except csv.Error as error:
        raise _unreadable("This is not a table that can be read. Save it as CSV (comma-separated values).") from error
    cells = [(number, row) for number, row in cells if any(row)]
    if not cells:
        raise _unreadable("There is nothing in it.")
    places, ignored, body = _columns(cells)
    if len(body) > MOST_ROWS:
        raise _unreadable(f"It has {len(body):,} rows; {MOST_ROWS:,} are taken at once. Divide it into smaller files.")
    if not body:
        raise _unreadable("There are no rows below the names of the columns.")
    width = max(len(cells[0][1]), max(places.values()) + 1)
    return Table([_row(number, row, places, width) for number, row in body], ignored)


def _decoded(content: bytes) -> str:
    if content.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise _unreadable("This is a workbook, not a CSV file. In your spreadsheet program choose “Save as” and “CSV”.")
    encoding = next((name for bom, name in _BOMS if content.startswith(bom)), "")
    try:
        text = content.decode(encoding or "utf-8")
    except UnicodeDecodeError:
        # What Excel writes on Windows unless it is told otherwise; only names and notes can have such letters.
        text = "\0" if encoding else content.decode("cp1252", errors="replace")
    if "\0" in text:
        raise _unreadable("This is not a text file. Save the table as CSV (comma-separated values).")
    return text


def _delimited(text: str) -> tuple[str, str]:
    """The text without Excel's own first line (`sep=;`), and what separates its cells."""
    declared = re.match(r"sep=(.)\r?\n", text, re.IGNORECASE)
    if declared:
        return text[declared.end() :], declared[1]
    first = next((line for line in text.splitlines() if line.strip()), "")
    bare = re.sub(r'"[^"]*"', "", first)
    return text, next((mark for mark in "\t;" if mark in bare), ",")


def _columns(cells: list[tuple[int, list[str]]]) -> tuple[dict[str, int], list[str], list[tuple[int, list[str]]]]:
    """Where each column stands, what the table has beside them, and the rows below the header."""
    first = cells[0][1]
    named = [re.sub(r"[\W_]+", "_", name.casefold()).strip("_") for name in first]
    places = {column: place for column in COLUMNS if (place := _place(column, named)) is not None}
    if "destination" in places:
        ignored = [name for place, name in enumerate(first) if name and place not in places.values()]
        return places, [name[:40] for name in ignored[:20]], cells[1:]
    if _LOOKS_PAYABLE.match(first[0]):
        return {column: place for place, column in enumerate(COLUMNS)}, [], cells
    raise _unreadable(_HEADER_WANTED)


def _place(column: str, named: Sequence[str]) -> int | None:
    names = _NAMES[column]
    wanted = names[:1] if names[0] in named else names
    found = [place for place, name in enumerate(named) if name in wanted]
    if len(found) > 1:
        raise _unreadable(f"Two of its columns could be the {column}. Name one of them “{column}”.")
    return found[0] if found else None


def _row(line: int, cells: list[str], places: dict[str, int], width: int) -> Row:
    found = {column: cells[place] if place < len(cells) else "" for column, place in places.items()}
    return Row(line=line, **{"destination": "", **found}, extra=any(cells[width:]))


def _cell(text: str) -> str:
    return _GUARDED.sub("", text.strip(), count=1)


def _unreadable(sentence: str) -> Refusal:
    return Refusal("invalid-file", sentence, field="file")
