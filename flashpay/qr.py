"""QR codes: the smallest symbol that holds the text, drawn dark on white with its quiet zone, as SVG or PNG.

    PayloadTooLong (ValueError)     the text fits no QR code at this error correction

Drawn by ``qrcode``'s encoder alone. Its own images would need Pillow for PNG and make an SVG five times as large; a PNG of
two colours is forty lines of header and zlib. Always dark on white, whatever the page's theme: many readers do not
recognise an inverted symbol.
"""

import struct
import zlib
from functools import lru_cache
from html import escape
from typing import Literal

import qrcode.constants
from qrcode.exceptions import DataOverflowError
from qrcode.main import QRCode
from qrcode.util import MODE_8BIT_BYTE, QRData

ErrorCorrection = Literal["L", "M", "Q", "H"]

QUIET_ZONE = 4  # modules on each side; ISO/IEC 18004 asks for four
MM_PER_INCH = 25.4
CAPTION_HEIGHT = 4  # modules below the symbol, inside the picture

# Trying all eight masks costs three quarters of the time (14 ms instead of 3 for an invoice). Any mask is valid, a reader
# learns it from the symbol, and what is shown here looks like chance to it: bech32 text has no patterns to break up.
_MASK = 0

_LEVELS = {
    "L": qrcode.constants.ERROR_CORRECT_L,
    "M": qrcode.constants.ERROR_CORRECT_M,
    "Q": qrcode.constants.ERROR_CORRECT_Q,
    "H": qrcode.constants.ERROR_CORRECT_H,
}

Rows = tuple[tuple[bool, ...], ...]


class PayloadTooLong(ValueError):
    """No QR code holds this text at this error correction. Nothing was drawn; a lower correction may do."""


def lightning_qr_payload(text: str) -> str:
    """Return a BOLT 11 invoice or bech32 LNURL as it should stand in a QR code: upper case, without a prefix.

    Upper case makes the smaller alphanumeric symbol (BOLT 11; LUD-01, S-01.1). No prefix, because ``LIGHTNING:`` in
    capitals fails in several wallets (Q10). Anything else, such as an ``lnurlw://`` or web link, is returned as it is.
    """
    bare = _without_scheme(text.strip())
    return bare.upper() if bare[:2].lower() == "ln" and bare.isalnum() else bare


def lightning_link(text: str) -> str:
    """Return the ``lightning:`` link of an invoice or bech32 LNURL for a button on a phone: the scheme in lower case (Q10)."""
    return f"lightning:{_without_scheme(text.strip()).lower()}"


def qr_rows(payload: str, *, error_correction: ErrorCorrection = "M") -> Rows:
    """Return the modules of the smallest symbol, row by row, dark as ``True``, without the quiet zone."""
    return _rows(payload, error_correction)


def qr_svg(
    payload: str,
    *,
    error_correction: ErrorCorrection = "M",
    module_px: int | None = None,
    width_mm: float | None = None,
    title: str = "QR code",
    caption: str = "",
) -> str:
    """Draw ``payload`` as an SVG element for a page or a file, with one path and ``title`` for screen readers.

    Without ``module_px`` (pixels per module) or ``width_mm`` (width on paper, quiet zone included) it fills its place.
    ``caption`` stands below the symbol in the picture. Raises ``PayloadTooLong``.
    """
    rows = _rows(payload, error_correction)
    width = len(rows) + 2 * QUIET_ZONE
    height = width + (CAPTION_HEIGHT if caption else 0)
    size = ""
    if width_mm is not None:
        size = f' width="{width_mm:g}mm" height="{width_mm * height / width:g}mm"'
    elif module_px is not None:
        size = f' width="{width * module_px}" height="{height * module_px}"'
    label = escape(title)
    text = (
        f'<text x="{width / 2:g}" y="{width + 1.5:g}" font-size="3" font-family="sans-serif" text-anchor="middle" '
        f'fill="#000">{escape(caption)}</text>'
        if caption
        else ""
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"{size} role="img" aria-label="{label}" '
        f'shape-rendering="crispEdges"><title>{label}</title><path fill="#fff" d="M0 0h{width}v{height}h-{width}z"/>'
        f'<path fill="#000" d="{_path(rows)}"/>{text}</svg>'
    )


def qr_png(
    payload: str,
    *,
    error_correction: ErrorCorrection = "M",
    module_px: int = 8,
    width_mm: float | None = None,
    dpi: int = 300,
) -> bytes:
    """Draw ``payload`` as a black and white PNG file.

    With ``width_mm`` the modules get as many whole pixels as fit that width on paper at ``dpi``, and the file says its
    resolution, so that a printer keeps the size. Raises ``PayloadTooLong``.
    """
    rows = _rows(payload, error_correction)
    side = len(rows) + 2 * QUIET_ZONE
    physical = b""
    if width_mm is not None:
        module_px = max(1, int(width_mm / MM_PER_INCH * dpi) // side)
        per_metre = round(side * module_px * 1000 / width_mm)
        physical = _chunk(b"pHYs", struct.pack(">IIB", per_metre, per_metre, 1))
    width = side * module_px
    white = b"\x00" + _row_bytes((False,) * len(rows), module_px)
    lines = [white * (QUIET_ZONE * module_px)]
    lines += [(b"\x00" + _row_bytes(row, module_px)) * module_px for row in rows]
    lines.append(lines[0])
    header = struct.pack(">IIBBBBB", width, width, 1, 0, 0, 0, 0)  # one bit per pixel, grey, not interlaced
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            _chunk(b"IHDR", header),
            physical,
            _chunk(b"IDAT", zlib.compress(b"".join(lines))),
            _chunk(b"IEND", b""),
        ]
    )


def _without_scheme(text: str) -> str:
    return text[10:].removeprefix("//") if text[:10].lower() == "lightning:" else text


@lru_cache(maxsize=128)
def _rows(payload: str, error_correction: ErrorCorrection) -> Rows:
    try:
        # The second try is for a fault of qrcode 8: a block of zero bytes (a long run of the digit 0, packed as a number)
        # ends in ValueError. Written as bytes the same text has no zeros. It raises ValueError beyond version 40, too.
        try:
            return _encode(QRCode(error_correction=_LEVELS[error_correction], mask_pattern=_MASK, border=0), payload)
        except ValueError:
            as_bytes = QRData(payload.encode(), mode=MODE_8BIT_BYTE)
            return _encode(QRCode(error_correction=_LEVELS[error_correction], mask_pattern=_MASK, border=0), as_bytes)
    except (DataOverflowError, ValueError) as error:
        raise PayloadTooLong("This text is too long for a QR code.") from error


def _encode(code: QRCode, data: str | QRData) -> Rows:
    code.add_data(data)
    code.make()
    return tuple(tuple(map(bool, row)) for row in code.modules)


def _path(rows: Rows) -> str:
    # One horizontal run of dark modules after the other, each written relative to the end of the one before.
    parts: list[str] = []
    for y, row in enumerate(rows, start=QUIET_ZONE):
        x = 0
        while x < len(row):
            if not row[x]:
                x += 1
                continue
            run = 1
            while x + run < len(row) and row[x + run]:
                run += 1
            parts.append(f"M{x + QUIET_ZONE} {y}h{run}v1h-{run}z")
            x += run
    return "".join(parts)


def _row_bytes(row: tuple[bool, ...], module_px: int) -> bytes:
    light = "1" * (QUIET_ZONE * module_px)
    bits = light + "".join(("0" if dark else "1") * module_px for dark in row) + light
    bits += "1" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big")


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
