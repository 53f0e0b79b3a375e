"""Tables for spreadsheet programs as CSV, in which no cell is taken for a formula (OWASP, CSV injection)."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence

from django.http import StreamingHttpResponse

# Programs run a cell that begins with one of these. An apostrophe in front makes it text, and is not shown.
_BEGINS_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
BYTE_ORDER_MARK = "\ufeff"
_BLOCK = 32_768  # characters
_NUMBER = frozenset("0123456789.")


class _Echo:
    def write(self, line: str) -> str:
        return line


def csv_lines(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """RFC 4180 lines, the first behind a byte order mark, without which Excel reads UTF-8 as something else."""
    writer = csv.writer(_Echo())
    mark = BYTE_ORDER_MARK
    for row in rows:
        yield mark + writer.writerow([cell_safe(cell) for cell in row])
        mark = ""


def blocks(lines: Iterable[str]) -> Iterator[str]:
    """The same text in fewer pieces: each piece that a server sends costs as much as a hundred lines."""
    waiting: list[str] = []
    size = 0
    for line in lines:
        waiting.append(line)
        size += len(line)
        if size >= _BLOCK:
            yield "".join(waiting)
            waiting, size = [], 0
    yield "".join(waiting)


def csv_response(lines: Iterable[str], name: str, *, headers: Mapping[str, str] | None = None) -> StreamingHttpResponse:
    """The lines as a download with this name (without its ending), which is sent while it is written."""
    as_file = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
    return StreamingHttpResponse(
        blocks(lines), content_type="text/csv; charset=utf-8", headers={**as_file, **(headers or {})}
    )


def cell_safe(text: str) -> str:
    """The cell as it may stand in a spreadsheet. Negative numbers stay numbers."""
    if not text.startswith(_BEGINS_FORMULA):
        return text
    if text[0] == "-" and len(text) > 1 and set(text[1:]) <= _NUMBER:
        return text
    return f"'{text}"
