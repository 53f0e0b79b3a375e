"""Sheets of vouchers for paper: one layout in millimetres, drawn as a PDF here and by the browser from the print page."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Final, cast
from zoneinfo import ZoneInfo

from django.utils import translation
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from fpdf import FPDF, Align, XPos, YPos
from PIL import Image

from flashpay.brand.colors import PROJECT_COLOR
from flashpay.brand.models import PictureSize
from flashpay.brand.selectors import logo_png, look_of
from flashpay.languages import ENGLISH, amount_in_language, language_known
from flashpay.money.amounts import amount_format
from flashpay.money.currencies import currency_get
from flashpay.papers import PAPERS, paper_known
from flashpay.qr import lightning_qr_payload, qr_png
from payouts.selectors import pull_payment_lnurl
from payouts.vouchers.models import Voucher, VoucherBatch
from payouts.vouchers.selectors import redeem_address

PER_PAGE: Final = (8, 10)
COLUMNS: Final = 2
# Home printers leave this much white at every edge.
MARGIN_MM: Final = 10.0
CUT_MARK_MM: Final = 5.0
PADDING_MM: Final = 5.0
DOTS_PER_INCH: Final = 600

LOGO_BOX_MM: Final = (16.0, 7.0)
_FONTS = Path(__file__).with_name("fonts")
_FONT = "DejaVu"

# It writes fifty lines for every font it cuts down to the letters in use.
logging.getLogger("fontTools").setLevel(logging.WARNING)


@dataclass(frozen=True)
class Layout:
    """A sheet of `paper` with two columns of vouchers."""

    paper: str
    per_page: int

    @property
    def rows(self) -> int:
        return self.per_page // COLUMNS

    @property
    def page_mm(self) -> tuple[float, float]:
        return PAPERS[self.paper]

    @property
    def card_mm(self) -> tuple[float, float]:
        width, height = self.page_mm
        return (width - 2 * MARGIN_MM) / COLUMNS, (height - 2 * MARGIN_MM) / self.rows

    @property
    def qr_mm(self) -> float:
        """The code's width with its quiet zone; a phone reads it from a hand's breadth at either size."""
        return 42.0 if self.per_page == 8 else 36.0

    @property
    def cut_marks_mm(self) -> list[tuple[float, float, float, float]]:
        """Short lines in the margin where a ruler is laid (x, y to x, y), none across the paper."""
        (page_width, page_height), (width, height) = self.page_mm, self.card_mm
        near, far = MARGIN_MM - 1.5 - CUT_MARK_MM, MARGIN_MM - 1.5
        columns = [MARGIN_MM + column * width for column in range(COLUMNS + 1)]
        rows = [MARGIN_MM + row * height for row in range(self.rows + 1)]
        return (
            [(x, near, x, far) for x in columns]
            + [(x, page_height - far, x, page_height - near) for x in columns]
            + [(near, y, far, y) for y in rows]
            + [(page_width - far, y, page_width - near, y) for y in rows]
        )

    @property
    def cut_marks_path(self) -> str:
        """The same as an SVG path in millimetres."""
        return "".join(f"M{x1:.2f} {y1:.2f}L{x2:.2f} {y2:.2f}" for x1, y1, x2, y2 in self.cut_marks_mm)

    @property
    def css(self) -> str:
        """The classes of the print page: `sheet-a4 sheet-by-8`."""
        return f"sheet-{self.paper.lower()} sheet-by-{self.per_page}"


@dataclass(frozen=True)
class Card:
    """What stands on one voucher."""

    store: str
    batch: str
    note: str
    amount: str
    label: str
    code: str
    lnurl: str
    valid_until: str
    steps: tuple[str, str, str]
    by_hand: str

    @property
    def foot(self) -> str:
        return f"{self.label} · {self.valid_until}" if self.valid_until else self.label


def layout_get(paper: str, per_page: str) -> Layout:
    """The layout with these names, as they come in an address; A4 with 8 for anything unknown."""
    count = int(per_page) if per_page in {str(number) for number in PER_PAGE} else PER_PAGE[0]
    return Layout(paper_known(paper), count)


def cards(batch: VoucherBatch, vouchers: Iterable[Voucher], *, language: str = "") -> list[Card]:
    """The words of each voucher, in the language of those who will hold them: one of ours or one like it, else English."""
    with translation.override(language_known(language) or ENGLISH):
        return list(_cards(batch, vouchers))


def _cards(batch: VoucherBatch, vouchers: Iterable[Voucher]) -> Iterator[Card]:
    steps = (
        _("Open a Lightning wallet."),
        _("Scan this code with it."),
        _("Confirm: it arrives in seconds."),
    )
    by_hand = _("Or type the code at %(address)s") % {"address": redeem_address()}
    amount = amount_in_language(amount_format(batch.amount, currency_get(batch.currency)))
    for voucher in vouchers:
        yield Card(
            store=batch.store.name,
            batch=batch.name,
            note=batch.note,
            amount=amount,
            label=voucher.label,
            code=voucher.code_shown,
            lnurl=lightning_qr_payload(pull_payment_lnurl(voucher.pull_payment).bech32),
            valid_until=_valid_until(batch.expires_at, batch.store.time_zone),
            steps=steps,
            by_hand=by_hand,
        )


def pages(drawn: Iterable[Card], layout: Layout) -> list[list[Card]]:
    """The cards, page by page."""
    all_cards = list(drawn)
    return [all_cards[start : start + layout.per_page] for start in range(0, len(all_cards), layout.per_page)]


def vouchers_pdf(
    batch: VoucherBatch, vouchers: Iterable[Voucher], layout: Layout, *, language: str, made_at: datetime
) -> bytes:
    """Sheets of these vouchers of the batch, in the colour and with the logo of its store."""
    look = look_of(batch.store)
    return sheets_pdf(
        cards(batch, vouchers, language=language),
        layout,
        title=batch.name,
        made_at=made_at,
        color=look.paper_color,
        logo=logo_png(look.logo_hash, PictureSize.PRINT),
    )


def sheets_pdf(
    drawn: Iterable[Card],
    layout: Layout,
    *,
    title: str,
    made_at: datetime,
    color: str = PROJECT_COLOR,
    logo: bytes | None = None,
) -> bytes:
    """The sheets as a PDF with the fonts in it, cut marks at the edges; empty places stay white.

    `color` of the shop's name (readable on white, `flashpay.brand.colors.paper_accent`), `logo` a PNG.
    """
    pdf = FPDF(unit="mm", format=layout.page_mm)
    pdf.set_auto_page_break(False)
    pdf.set_margin(0)
    pdf.c_margin = 0
    pdf.set_title(title)
    pdf.set_creator("FlashPay")
    pdf.set_creation_date(made_at)
    pdf.add_font(_FONT, "", _FONTS / "DejaVuSansCondensed.ttf")
    pdf.add_font(_FONT, "B", _FONTS / "DejaVuSansCondensed-Bold.ttf")
    width, height = layout.card_mm
    for page in pages(drawn, layout):
        pdf.add_page()
        _draw_cut_marks(pdf, layout)
        for place, card in enumerate(page):
            row, column = divmod(place, COLUMNS)
            _draw_card(pdf, card, layout, MARGIN_MM + column * width, MARGIN_MM + row * height, color, logo)
    return bytes(pdf.output())


def _valid_until(expires_at: datetime | None, time_zone: str) -> str:
    if expires_at is None:
        return ""
    day = date_format(expires_at.astimezone(ZoneInfo(time_zone)), "j F Y, H:i")
    return _("Valid until %(day)s") % {"day": day}


def _draw_cut_marks(pdf: FPDF, layout: Layout) -> None:
    pdf.set_draw_color(120)
    pdf.set_line_width(0.15)
    for x1, y1, x2, y2 in layout.cut_marks_mm:
        pdf.line(x1, y1, x2, y2)


def _draw_card(pdf: FPDF, card: Card, layout: Layout, left: float, top: float, color: str, logo: bytes | None) -> None:
    width, height = layout.card_mm
    code_width = layout.qr_mm
    x, y = left + PADDING_MM, top + PADDING_MM
    text_width = width - 2 * PADDING_MM - code_width - 3

    pdf.set_fill_color(color)
    pdf.rect(x, y, text_width, 0.9, style="F")
    # Beside the logo, so that it takes no height from the steps.
    name_width = text_width - _draw_logo(pdf, logo, x + text_width, y + 1.7)
    pdf.set_xy(x, y + 2)
    _write(pdf, card.store, name_width, size=9, bold=True, color=color, lines=1)
    _write(pdf, card.batch, name_width, size=8, lines=1)
    pdf.set_y(pdf.get_y() + 0.8)
    pdf.set_x(x)
    _write(pdf, card.amount, text_width, size=17, bold=True, lines=1)
    if card.note:
        _write(pdf, card.note, text_width, size=6.5, color="#444444", lines=3 if layout.per_page == 8 else 2)
    pdf.set_y(pdf.get_y() + 0.8)
    pdf.set_x(x)
    for number, step in enumerate(card.steps, start=1):
        _write(pdf, f"{number}. {step}", text_width, size=7.5, lines=2)
    pdf.set_xy(x, top + height - PADDING_MM - 2.6)
    _write(pdf, card.foot, text_width, size=6, color="#444444", lines=1)

    image = qr_png(card.lnurl, width_mm=code_width, dpi=DOTS_PER_INCH)
    code_left = left + width - PADDING_MM - code_width
    pdf.image(BytesIO(image), x=code_left, y=top + 2, w=code_width, h=code_width)
    pdf.set_xy(code_left, top + 2 + code_width)
    _write(pdf, card.code, code_width, size=9, bold=True, lines=1, centre=True)
    _write(pdf, card.by_hand, code_width, size=5, color="#444444", lines=2, centre=True)


def _draw_logo(pdf: FPDF, logo: bytes | None, right: float, top: float) -> float:
    """Draw the logo at the right end of a line, and return the width that it takes; the picture is in the file once."""
    if logo is None:
        return 0.0
    with Image.open(BytesIO(logo)) as picture:
        scale = min(LOGO_BOX_MM[0] / picture.width, LOGO_BOX_MM[1] / picture.height)
        width, height = picture.width * scale, picture.height * scale
    pdf.image(BytesIO(logo), x=right - width, y=top, w=width, h=height)
    return width + 2.0


def _write(
    pdf: FPDF,
    text: str,
    width: float,
    *,
    size: float,
    lines: int,
    bold: bool = False,
    color: str = "#000000",
    centre: bool = False,
) -> None:
    """Write `text` into `width`, in at most `lines` lines; smaller where it would need more, and cut as the last resort."""
    pdf.set_text_color(color)
    left = pdf.get_x()
    for smaller in (1.0, 0.85, 0.7):
        pdf.set_font(_FONT, "B" if bold else "", size * smaller)
        wrapped = cast(list[str], pdf.multi_cell(width, None, text, dry_run=True, output="LINES"))
        if len(wrapped) <= lines:
            break
    height = pdf.font_size * 1.22
    for line in wrapped[:lines]:
        pdf.cell(width, height, str(line), align=Align.C if centre else Align.L, new_x=XPos.LEFT, new_y=YPos.NEXT)
    pdf.set_x(left)
