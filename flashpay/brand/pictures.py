"""A logo as somebody uploads it, decoded and drawn anew: only pixels get through, never the file that came.

What a picture may carry beside its pixels (place and time of a photograph, scripts, other files) ends here.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from io import BytesIO
from typing import Final

from PIL import Image, ImageOps

from flashpay.refusals import Refusal

FORMATS: Final = ("PNG", "JPEG", "WEBP")
UPLOAD_BYTES: Final = 4 * 1024 * 1024
# Four bytes each while it is decoded; twelve million is a phone's photograph.
MOST_PIXELS: Final = 25_000_000
SMALLEST_PX: Final = 16
# For print, and for screens: at 120 × 32 px it stays sharp on a phone, and light.
PRINT_BOX: Final = (512, 512)
PAGE_BOX: Final = (240, 64)
PAGE_BYTES: Final = 12_000
_PAGE_COLORS: Final = (256, 64, 16)
_HASH_DIGITS: Final = 32

_BROKEN = (OSError, SyntaxError, ValueError, EOFError, struct.error, Image.DecompressionBombError)


@dataclass(frozen=True)
class Logo:
    """`hash` names it in addresses; `width` and `height` are those of the picture for pages."""

    hash: str
    width: int
    height: int
    page_png: bytes
    print_png: bytes


def logo_read(data: bytes) -> Logo:
    """The logo in `data` (PNG, JPEG or WebP). Raises Refusal where it is none, is too large or shows nothing."""
    if len(data) > UPLOAD_BYTES:
        raise _refusal("logo-too-large", "The picture is larger than 4 MB. Please save it smaller and try again.")
    if _is_svg(data):
        raise _refusal(
            "logo-is-svg",
            "SVG drawings can carry programs and are not taken. Please save the logo as PNG and try again.",
        )
    picture = _trimmed(_decoded(data))
    drawn = picture.copy()
    drawn.thumbnail(PRINT_BOX, Image.Resampling.LANCZOS)
    small = picture.copy()
    small.thumbnail(PAGE_BOX, Image.Resampling.LANCZOS)
    print_png = _png(drawn)
    return Logo(
        hash=hashlib.sha256(print_png).hexdigest()[:_HASH_DIGITS],
        width=small.width,
        height=small.height,
        page_png=_light_png(small),
        print_png=print_png,
    )


def _decoded(data: bytes) -> Image.Image:
    try:
        with Image.open(BytesIO(data), formats=FORMATS) as opened:
            # Only the head is read so far: refused before a single pixel is unpacked.
            if opened.width * opened.height > MOST_PIXELS:
                raise _refusal(
                    "logo-too-large", "The picture has too many pixels. 1,000 by 1,000 are plenty for a logo."
                )
            if max(opened.size) < SMALLEST_PX:
                raise _refusal(
                    "logo-too-small", f"The picture is too small: a logo needs {SMALLEST_PX} pixels at least."
                )
            opened.draft("RGB", (2 * PRINT_BOX[0], 2 * PRINT_BOX[1]))
            upright = ImageOps.exif_transpose(opened)
            return upright.convert("RGB" if upright.mode == "CMYK" else "RGBA").convert("RGBA")
    except Image.DecompressionBombError as error:
        raise _refusal(
            "logo-too-large", "The picture has too many pixels. 1,000 by 1,000 are plenty for a logo."
        ) from error
    except _BROKEN as error:
        raise _refusal(
            "logo-unreadable", "This file is not a picture that can be read. PNG, JPEG and WebP pictures are taken."
        ) from error


def _trimmed(picture: Image.Image) -> Image.Image:
    """Without the invisible border that many logos have, on a canvas that holds nothing but pixels."""
    seen = picture.getchannel("A").getbbox()
    if seen is None:
        raise _refusal("logo-empty", "Everything in this picture is transparent: there is nothing to see.")
    cut = picture.crop(seen)
    clean = Image.new("RGBA", cut.size)
    clean.paste(cut)
    return clean


def _png(picture: Image.Image) -> bytes:
    out = BytesIO()
    picture.save(out, "PNG", optimize=True)
    return out.getvalue()


def _light_png(picture: Image.Image) -> bytes:
    """At most PAGE_BYTES: with fewer colours where a photograph would weigh too much."""
    data = _png(picture)
    for colors in _PAGE_COLORS:
        if len(data) <= PAGE_BYTES:
            break
        data = _png(picture.quantize(colors, method=Image.Quantize.FASTOCTREE))
    return data


def _is_svg(data: bytes) -> bool:
    head = data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return head.startswith((b"<svg", b"<?xml", b"<!doctype svg", b"<!--"))


def _refusal(code: str, sentence: str) -> Refusal:
    return Refusal(code, f"{sentence} Nothing was changed.", field="logo")
