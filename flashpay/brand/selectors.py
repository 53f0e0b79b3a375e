"""How a store looks: read once a page, and free of pictures."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.urls import reverse

from flashpay.brand.colors import PROJECT_COLOR, ink_on, paper_accent
from flashpay.brand.models import Brand, LogoPicture, PictureSize
from flashpay.stores.models import Store

# Addresses name what they show, so an answer is right for ever.
FOR_EVER: Final = timedelta(days=365)


@dataclass(frozen=True)
class Look:
    """A store's colour and logo; everything empty for a store that has chosen nothing."""

    color: str = ""
    logo_hash: str = ""
    logo_width: int = 0
    logo_height: int = 0

    @property
    def css_address(self) -> str:
        """The style sheet that gives a page this colour; empty without one."""
        return reverse("brand:style", args=[self.color[1:]]) if self.color else ""

    @property
    def logo_address(self) -> str:
        """The logo for pages, 240 × 64 px at most; empty without one."""
        return self._picture(PictureSize.PAGE)

    @property
    def print_address(self) -> str:
        """The logo for paper, 512 px at most; empty without one."""
        return self._picture(PictureSize.PRINT)

    @property
    def button_color(self) -> str:
        return self.color or PROJECT_COLOR

    @property
    def button_ink(self) -> str:
        return ink_on(self.button_color)

    @property
    def paper_color(self) -> str:
        """For words and lines on white."""
        return paper_accent(self.color)

    def _picture(self, size: PictureSize) -> str:
        return reverse("brand:logo", args=[self.logo_hash, size.value]) if self.logo_hash else ""


PLAIN: Final = Look()


def look_of(store: Store) -> Look:
    """The store's look. One query, none where `store.brand` was selected with the store."""
    try:
        brand = store.brand
    except Brand.DoesNotExist:
        return PLAIN
    return Look(brand.color, brand.logo_hash, brand.logo_width, brand.logo_height)


def logo_png(logo_hash: str, size: str) -> bytes | None:
    """The picture with this name, or None."""
    if not logo_hash:
        return None
    found = LogoPicture.objects.filter(hash=logo_hash, size=size).values_list("png", flat=True).first()
    return bytes(found) if found is not None else None
