"""A pull payment to take along: its codes as files for print, and a poster."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Final

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe
from PIL import Image, ImageDraw, ImageFont

from flashpay.papers import paper_choice
from flashpay.public_pages import public_page
from flashpay.qr import MM_PER_INCH, ErrorCorrection, lightning_qr_payload, qr_png, qr_svg
from lnurl.wire.codec import lightning_link_encode
from payouts.models import PullPayment
from payouts.selectors import claim_link, pull_payment_find, pull_payment_lnurl

# A sticker to a poster. Smaller than 25 mm a phone has trouble with a code of this many modules.
SMALLEST_MM, LARGEST_MM, USUAL_MM = 25, 300, 60
LONGEST_CAPTION: Final = 60
PRINT_DPI: Final = 300
CODES: Final = ("lnurl", "lnurlw", "link")
_CORRECTIONS: Final[dict[str, ErrorCorrection]] = {"L": "L", "M": "M", "Q": "Q", "H": "H"}
_FONT = Path(__file__).parent / "vouchers" / "fonts" / "DejaVuSansCondensed.ttf"


def code_text(pull_payment: PullPayment, kind: str) -> str:
    """What stands in the code of this kind: `lnurl` (capital bech32, which every wallet reads), `lnurlw` (LUD-17), or
    `link` (the claim page with `lightning=`, which a phone's camera opens too). Empty where it cannot be written."""
    lnurl = pull_payment_lnurl(pull_payment)
    if kind == "lnurlw":
        return lnurl.uri
    if kind == "link":
        return lightning_link_encode(claim_link(pull_payment), lnurl.bech32)
    return lightning_qr_payload(lnurl.bech32)


@require_safe
@public_page
def qr_file(request: HttpRequest, pull_payment_id: str, format: str) -> HttpResponse:
    """`?code=lnurl|lnurlw|link`, `size_mm=25…300`, `correction=L|M|Q|H`, `caption=…` (the name by default, none if empty).

    A value that makes no sense is taken for the usual one: whoever prints wants a code, not an argument.
    """
    shown = _find(pull_payment_id)
    kind = request.GET.get("code", "")
    text = code_text(shown, kind if kind in CODES else CODES[0])
    if not text:
        raise Http404("such a code cannot carry this address")
    size_mm = _size(request.GET.get("size_mm", ""))
    caption = " ".join(request.GET.get("caption", shown.name).split())[:LONGEST_CAPTION]
    correction = _CORRECTIONS.get(request.GET.get("correction", ""), "M")
    if format == "svg":
        drawing = qr_svg(
            text, error_correction=correction, width_mm=size_mm, title=caption or _("QR code"), caption=caption
        )
        body, content_type = drawing.encode(), "image/svg+xml"
    else:
        picture = qr_png(text, error_correction=correction, width_mm=size_mm, dpi=PRINT_DPI)
        body, content_type = _captioned(picture, caption, size_mm), "image/png"
    name = f"{slugify(shown.name) or 'claim'}-{size_mm}mm.{format}"
    return HttpResponse(body, content_type=content_type, headers={"Content-Disposition": f'inline; filename="{name}"'})


@require_safe
@public_page
def poster(request: HttpRequest, pull_payment_id: str) -> HttpResponse:
    """One page for the wall: the code, and how to claim in three steps."""
    shown = _find(pull_payment_id)
    return render(
        request,
        "payouts/poster.html",
        {
            "pull_payment": shown,
            "store": shown.store,
            "lnurl": code_text(shown, "lnurl"),
            "claim_address": claim_link(shown).partition("://")[2],
            **paper_choice(request.GET.get("paper", "")),
        },
    )


def _captioned(picture: bytes, caption: str, size_mm: int) -> bytes:
    """The picture with words below it, at the same resolution; unchanged without words."""
    if not caption:
        return picture
    code = Image.open(BytesIO(picture))
    strip = code.width // 9
    font_size = strip * 0.5
    font = ImageFont.truetype(str(_FONT), font_size)
    if font.getlength(caption) > code.width * 0.92:
        font = ImageFont.truetype(str(_FONT), font_size * code.width * 0.92 / font.getlength(caption))
    whole = Image.new("1", (code.width, code.height + strip), 1)
    whole.paste(code, (0, 0))
    draw = ImageDraw.Draw(whole)
    draw.text((code.width / 2, code.height + strip * 0.3), caption, fill=0, font=font, anchor="mm")
    out = BytesIO()
    dots_per_inch = code.width / size_mm * MM_PER_INCH
    whole.save(out, "PNG", dpi=(dots_per_inch, dots_per_inch), optimize=True)
    return out.getvalue()


def _size(text: str) -> int:
    wanted = int(text) if text.isdecimal() and len(text) <= 4 else USUAL_MM
    return min(max(wanted, SMALLEST_MM), LARGEST_MM)


def _find(pull_payment_id: str) -> PullPayment:
    found = pull_payment_find(pull_payment_id)
    if found is None:
        raise Http404("no such pull payment")
    return found
