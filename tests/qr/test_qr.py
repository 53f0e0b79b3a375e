"""QR codes, read back by zbar, which shares no code with the encoder (S-01.1, Q10)."""

import shutil
import struct
import subprocess
import xml.etree.ElementTree as ET
import zlib
from pathlib import Path

import pytest

from flashpay.qr import (
    QUIET_ZONE,
    PayloadTooLong,
    lightning_link,
    lightning_qr_payload,
    qr_png,
    qr_rows,
    qr_svg,
)
from tests.lightning.invoices import invoice_make

INVOICE = invoice_make(expiry_s=60, description="Order 1234 at the coffee shop")
LNURL = (
    "lnurl1dp68gurn8ghj7um9wfmxjcm99e3k7mf0v9cxj0m385ekvcenxc6r2c35xvukxefcv5mkvv34x5ekzd3ev56nyd3hxqurzepexejxxepnxscrvwfnv9n"
    "xzcn9xq6xyefhvgcxxcmyxymnserxfq5fns"
)

needs_zbar = pytest.mark.skipif(shutil.which("zbarimg") is None, reason="zbarimg (Debian: zbar-tools) is not installed")


def read_back(png: bytes, tmp_path: Path) -> str:
    path = tmp_path / "code.png"
    path.write_bytes(png)
    found = subprocess.run(
        ["zbarimg", "--quiet", "--raw", "-Sdisable", "-Sqrcode.enable", str(path)],
        capture_output=True,
        check=True,
        timeout=30,
    )
    return found.stdout.decode().removesuffix("\n")


def grid_of_png(png: bytes) -> tuple[int, list[str]]:
    """Decode our own kind of PNG (one bit, grey) and return its width and its rows as text."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    at, body = 8, b""
    width = 0
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        kind, data = png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        assert struct.unpack(">I", png[at + 8 + length : at + 12 + length])[0] == zlib.crc32(kind + data)
        if kind == b"IHDR":
            width = struct.unpack(">I", data[:4])[0]
        if kind == b"IDAT":
            body = zlib.decompress(data)
        at += 12 + length
    stride = (width + 7) // 8 + 1
    lines = [body[start + 1 : start + stride] for start in range(0, len(body), stride)]
    return width, [f"{int.from_bytes(line, 'big'):0{len(line) * 8}b}"[:width] for line in lines]


def test_lightning_text_stands_in_capitals_without_a_prefix() -> None:
    assert lightning_qr_payload(f"lightning:{INVOICE}") == INVOICE.upper()
    assert lightning_qr_payload(f"LIGHTNING:{LNURL.upper()}") == LNURL.upper()
    assert lightning_qr_payload(f" lightning://{LNURL} ") == LNURL.upper()


@pytest.mark.parametrize("text", ["lnurlw://shop.example/w/abc", "https://shop.example/p/Abc?lightning=lnurl1abc"])
def test_links_keep_their_case(text: str) -> None:
    assert lightning_qr_payload(text) == text


def test_a_link_for_a_button_has_the_scheme_in_small_letters() -> None:
    assert lightning_link(LNURL.upper()) == f"lightning:{LNURL}"
    assert lightning_link(f"LIGHTNING:{INVOICE.upper()}") == f"lightning:{INVOICE}"


def test_capitals_make_a_smaller_symbol() -> None:
    assert len(qr_rows(INVOICE.upper())) < len(qr_rows(INVOICE))


def test_less_error_correction_makes_a_smaller_symbol() -> None:
    sizes = [len(qr_rows(INVOICE.upper(), error_correction=level)) for level in ("L", "M", "Q", "H")]
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[3]


def test_the_svg_is_one_dark_path_on_white_with_a_quiet_zone_and_a_name() -> None:
    rows = qr_rows(INVOICE.upper())
    side = len(rows) + 2 * QUIET_ZONE
    root = ET.fromstring(qr_svg(INVOICE.upper(), title='Invoice of "Ana & Co" <3'))
    space = "{http://www.w3.org/2000/svg}"
    assert root.get("viewBox") == f"0 0 {side} {side}"
    assert root.get("width") is None
    assert root.get("role") == "img"
    assert root.get("aria-label") == 'Invoice of "Ana & Co" <3'
    assert root.findtext(f"{space}title") == 'Invoice of "Ana & Co" <3'
    light, dark = root.findall(f"{space}path")
    assert (light.get("fill"), dark.get("fill")) == ("#fff", "#000")
    assert light.get("d") == f"M0 0h{side}v{side}h-{side}z"
    painted = set()
    for run in (dark.get("d") or "").rstrip("z").split("z"):
        x, rest = run[1:].split(" ")
        y, width, _ = rest.replace("v1", "").split("h")
        painted |= {(int(x) + step, int(y)) for step in range(int(width))}
    assert painted == {
        (x + QUIET_ZONE, y + QUIET_ZONE)
        for y, row in enumerate(rows)
        for x, dark_module in enumerate(row)
        if dark_module
    }


def test_the_svg_takes_a_size_in_pixels_or_on_paper_and_a_caption() -> None:
    side = len(qr_rows("HELLO")) + 2 * QUIET_ZONE
    assert f'width="{side * 4}" height="{side * 4}"' in qr_svg("HELLO", module_px=4)
    printed = qr_svg("HELLO", width_mm=40, caption="<b>Scan</b> me")
    root = ET.fromstring(printed)
    assert root.get("width") == "40mm"
    assert root.findtext("{http://www.w3.org/2000/svg}text") == "<b>Scan</b> me"
    assert "<b>" not in printed


def test_the_png_holds_the_same_modules_as_the_svg() -> None:
    rows = qr_rows(LNURL.upper())
    width, lines = grid_of_png(qr_png(LNURL.upper(), module_px=3))
    side = len(rows) + 2 * QUIET_ZONE
    assert width == len(lines) == side * 3
    for y in range(side):
        for x in range(side):
            inside = QUIET_ZONE <= x < side - QUIET_ZONE and QUIET_ZONE <= y < side - QUIET_ZONE
            dark = inside and rows[y - QUIET_ZONE][x - QUIET_ZONE]
            assert {lines[3 * y + dy][3 * x + dx] for dx in range(3) for dy in range(3)} == {"0" if dark else "1"}


@needs_zbar
@pytest.mark.parametrize("level", ["L", "M", "Q", "H"])
@pytest.mark.parametrize(
    "payload",
    [
        INVOICE.upper(),
        LNURL.upper(),
        f"lightning:{LNURL.upper()}",
        "lnurlw://shop.example/lnurl/withdraw/3fc3645b439ce8e7f2553a69e5267081",
        f"https://shop.example/p/pp_0123456789?lightning={LNURL}",
        "0" * 200,
        "A" * 200,
        "https://shop.example/p/" + "0" * 300,
    ],
)
def test_zbar_reads_back_what_was_drawn(payload: str, level: str, tmp_path: Path) -> None:
    assert read_back(qr_png(payload, error_correction=level, module_px=4), tmp_path) == payload


@needs_zbar
@pytest.mark.parametrize("width_mm", [25, 35, 50, 120])
def test_zbar_reads_back_printed_sizes(width_mm: int, tmp_path: Path) -> None:
    png = qr_png(LNURL.upper(), width_mm=width_mm, dpi=300)
    assert b"pHYs" in png
    assert read_back(png, tmp_path) == LNURL.upper()


@needs_zbar
def test_zbar_reads_back_invoices_of_every_length(tmp_path: Path) -> None:
    for length in range(0, 600, 40):
        payload = invoice_make(description="x" * length).upper()
        assert read_back(qr_png(payload, error_correction="L", module_px=3), tmp_path) == payload


def test_it_refuses_what_fits_no_symbol() -> None:
    with pytest.raises(PayloadTooLong):
        qr_svg("A" * 4297, error_correction="L")
    with pytest.raises(PayloadTooLong):
        qr_png("a" * 3000, error_correction="M")
