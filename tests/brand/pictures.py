"""Pictures as people upload them, and as only an attacker would."""

from __future__ import annotations

import os
import struct
import zlib
from io import BytesIO

from PIL import Image


def picture(
    width: int = 300, height: int = 100, *, format: str = "PNG", color: object = (200, 30, 60, 255), **saved: object
) -> bytes:
    mode = "RGB" if format == "JPEG" else "RGBA"
    out = BytesIO()
    Image.new("RGBA", (width, height), color).convert(mode).save(out, format, **saved)  # type: ignore[arg-type]
    return out.getvalue()


def noise(width: int, height: int) -> bytes:
    """A picture that no compression makes smaller."""
    out = BytesIO()
    Image.frombytes("RGBA", (width, height), os.urandom(4 * width * height)).save(out, "PNG")
    return out.getvalue()


def sideways_photograph() -> bytes:
    """100 × 300 as it is stored, to be turned by a quarter (EXIF), with the place where it was taken."""
    out = BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = "secret garden"
    exif.get_ifd(0x8825)[2] = (52.0, 22.0, 1.0)
    Image.new("RGB", (100, 300), (10, 120, 90)).save(out, "JPEG", exif=exif)
    return out.getvalue()


def bomb(width: int, height: int) -> bytes:
    """The head of a PNG of this size, and a few bytes that would unpack to nothing but zeros."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    packed = zlib.compress(bytes(1_000_000), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")
