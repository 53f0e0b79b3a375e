"""Logos as they are taken in: only pixels get through."""

from __future__ import annotations

from io import BytesIO

import pytest
from PIL import Image

from flashpay.brand.pictures import PAGE_BOX, PAGE_BYTES, PRINT_BOX, UPLOAD_BYTES, logo_read
from flashpay.refusals import Refusal
from tests.brand.pictures import bomb, noise, picture, sideways_photograph


def opened(png: bytes) -> Image.Image:
    image = Image.open(BytesIO(png))
    image.load()
    return image


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP"])
def test_it_draws_the_logo_anew_as_png_small_for_pages_and_larger_for_paper(format: str) -> None:
    logo = logo_read(picture(1500, 500, format=format))
    page, paper = opened(logo.page_png), opened(logo.print_png)
    assert (page.format, page.size) == ("PNG", (192, 64))
    assert (logo.width, logo.height) == page.size
    assert (paper.format, paper.size) == ("PNG", (512, 171))


def test_a_small_logo_is_not_blown_up() -> None:
    assert opened(logo_read(picture(60, 20)).print_png).size == (60, 20)


def test_a_photograph_stands_upright_and_tells_nothing_of_its_place() -> None:
    photograph = sideways_photograph()
    assert b"secret garden" in photograph
    logo = logo_read(photograph)
    assert (logo.width, logo.height) == (192, 64)
    for png in (logo.page_png, logo.print_png):
        assert b"secret garden" not in png
        image = opened(png)
        assert not image.getexif()
        assert set(image.info) <= {"transparency"}


def test_text_beside_the_pixels_does_not_get_through() -> None:
    from PIL.PngImagePlugin import PngInfo

    words = PngInfo()
    words.add_text("Comment", "<script>alert(1)</script>")
    out = BytesIO()
    Image.new("RGBA", (40, 40), "red").save(out, "PNG", pnginfo=words)
    logo = logo_read(out.getvalue() + b"<script>appended</script>")
    assert b"script" not in logo.page_png + logo.print_png


def test_the_invisible_border_is_cut_off() -> None:
    out = BytesIO()
    canvas = Image.new("RGBA", (400, 400), (0, 0, 0, 0))
    canvas.paste((10, 20, 30, 255), (100, 150, 300, 250))
    canvas.save(out, "PNG")
    logo = logo_read(out.getvalue())
    assert opened(logo.print_png).size == (200, 100)


def test_the_picture_for_pages_is_light_whatever_is_on_it() -> None:
    logo = logo_read(noise(960, 256))
    assert opened(logo.page_png).size == PAGE_BOX
    assert len(logo.page_png) <= PAGE_BYTES
    assert max(opened(logo.print_png).size) <= PRINT_BOX[0]


def test_the_same_picture_has_the_same_name() -> None:
    assert logo_read(picture()).hash == logo_read(picture()).hash != logo_read(picture(301)).hash


@pytest.mark.parametrize(
    ("data", "code", "words"),
    [
        (b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>', "logo-is-svg", "as PNG"),
        (b'\xef\xbb\xbf  <?xml version="1.0"?><svg/>', "logo-is-svg", "as PNG"),
        (b"%PDF-1.7", "logo-unreadable", "PNG, JPEG and WebP"),
        (b"", "logo-unreadable", "PNG, JPEG and WebP"),
        (picture()[:60], "logo-unreadable", "PNG, JPEG and WebP"),
        (picture(format="GIF"), "logo-unreadable", "PNG, JPEG and WebP"),
        (picture(4, 4), "logo-too-small", "16 pixels"),
        (picture(color=(0, 0, 0, 0)), "logo-empty", "transparent"),
        (bomb(60_000, 60_000), "logo-too-large", "too many pixels"),
        (bomb(6_000, 5_000), "logo-too-large", "too many pixels"),
        (bytes(UPLOAD_BYTES + 1), "logo-too-large", "4 MB"),
    ],
    ids=["svg", "svg-with-head", "pdf", "empty", "cut", "gif", "tiny", "invisible", "bomb", "huge", "heavy"],
)
def test_it_refuses_what_is_no_logo_and_says_why(data: bytes, code: str, words: str) -> None:
    with pytest.raises(Refusal, match=words) as refused:
        logo_read(data)
    assert (refused.value.code, refused.value.field) == (code, "logo")
    assert "Nothing was changed" in refused.value.sentence


def test_grey_palette_and_cmyk_pictures_are_taken() -> None:
    for mode in ("L", "LA", "P", "1"):
        out = BytesIO()
        Image.new("RGB", (64, 64), "white").convert(mode).save(out, "PNG")
        assert opened(logo_read(out.getvalue()).page_png).size == (64, 64)
    out = BytesIO()
    Image.new("CMYK", (64, 64), (0, 200, 200, 0)).save(out, "JPEG")
    red, green, *_ = opened(logo_read(out.getvalue()).print_png).getpixel((30, 30))  # type: ignore[misc]
    assert red > 200 > green
