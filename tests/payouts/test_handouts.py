"""Codes as files for print, and the poster: read back by an independent decoder at the sizes they are printed at."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path

import pytest
from django.test import Client

from flashpay.stores.models import Store
from lnurl.wire.codec import lightning_link_decode, lnurl_decode
from payouts.models import PullPayment
from payouts.selectors import claim_link, pull_payment_lnurl
from tests.payouts.recipients import pull_payment_make, wallet_make

pytestmark = pytest.mark.django_db
DPI = 300


@pytest.fixture
def pull_payment(store: Store) -> PullPayment:
    wallet_make(store)
    return pull_payment_make(store)


def read_back(picture: Path) -> str:
    command = ["zbarimg", "--quiet", "--raw", str(picture)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


@pytest.mark.parametrize("size_mm", [25, 40, 120])
@pytest.mark.parametrize("code", ["lnurl", "link"])
def test_a_png_has_its_size_on_paper_a_caption_and_is_read_back(
    client: Client, pull_payment: PullPayment, tmp_path: Path, size_mm: int, code: str
) -> None:
    answer = client.get(f"/p/{pull_payment.pk}/qr.png", {"size_mm": size_mm, "code": code})
    assert (answer["Content-Type"], answer["Cache-Control"]) == ("image/png", "no-store")
    file = tmp_path / "code.png"
    file.write_bytes(answer.content)
    width, height = struct.unpack(">II", answer.content[16:24])
    resolution = answer.content.index(b"pHYs") + 4
    per_metre = struct.unpack(">I", answer.content[resolution : resolution + 4])[0]
    assert width * 1000 / per_metre == pytest.approx(size_mm, rel=0.01)
    assert height > width  # the caption
    text = read_back(file)
    bech32 = pull_payment_lnurl(pull_payment).bech32
    assert text == (bech32 if code == "lnurl" else f"{claim_link(pull_payment)}?lightning={bech32}")


@pytest.mark.parametrize("size_mm", [25, 60])
def test_an_svg_is_read_back_as_a_browser_draws_it_at_its_size(
    pull_payment: PullPayment, tmp_path: Path, size_mm: int, page: object
) -> None:
    drawing = Client().get(f"/p/{pull_payment.pk}/qr.svg", {"size_mm": size_mm}).content.decode()
    assert f'width="{size_mm}mm"' in drawing
    assert ">Prize</text>" in drawing
    page.set_content(f"<body>{drawing}</body>")  # type: ignore[attr-defined]
    shot = tmp_path / "svg.png"
    page.locator("svg").screenshot(path=str(shot), scale="device")  # type: ignore[attr-defined]
    assert read_back(shot) == pull_payment_lnurl(pull_payment).bech32


def test_the_default_code_is_capital_bech32_without_a_prefix(client: Client, pull_payment: PullPayment) -> None:
    bech32 = pull_payment_lnurl(pull_payment).bech32
    assert bech32 == bech32.upper()
    page = client.get(f"/p/{pull_payment.pk}").content.decode()
    assert f'href="lightning:{bech32.lower()}"' in page
    web_link = f"{claim_link(pull_payment)}?lightning={bech32}"
    assert web_link in page
    assert lnurl_decode(lightning_link_decode(web_link) or "").endswith(pull_payment.lnurl_token)
    assert "lnurlw://" in page


@pytest.mark.parametrize(("asked", "given"), [("1", 25), ("9999", 300), ("-5", 60), ("x", 60), ("", 60), ("77", 77)])
def test_a_size_that_makes_no_sense_becomes_one_that_does(
    client: Client, pull_payment: PullPayment, asked: str, given: int
) -> None:
    answer = client.get(f"/p/{pull_payment.pk}/qr.svg", {"size_mm": asked})
    assert f'width="{given}mm"' in answer.content.decode()


def test_a_caption_is_text_and_nothing_else(client: Client, pull_payment: PullPayment) -> None:
    answer = client.get(f"/p/{pull_payment.pk}/qr.svg", {"caption": "<script>alert(1)</script>" + "x" * 500})
    assert b"<script" not in answer.content
    assert len(answer.content) < 40_000
    assert b"<text" not in client.get(f"/p/{pull_payment.pk}/qr.svg", {"caption": ""}).content


@pytest.mark.parametrize("paper", ["A4", "Letter"])
def test_the_poster_prints_on_one_page_and_its_code_is_read_back(
    pull_payment: PullPayment, live_server: object, tmp_path: Path, page: object, paper: str
) -> None:
    page.goto(f"{live_server}/p/{pull_payment.pk}/poster?paper={paper}")  # type: ignore[attr-defined]
    file = tmp_path / "poster.pdf"
    file.write_bytes(page.pdf(prefer_css_page_size=True))  # type: ignore[attr-defined]
    facts = subprocess.run(["pdfinfo", str(file)], capture_output=True, text=True, check=True).stdout
    assert "Pages:           1" in facts
    assert ("A4" if paper == "A4" else "letter") in facts
    subprocess.run(["pdftoppm", "-r", "150", "-png", "-singlefile", str(file), str(tmp_path / "poster")], check=True)
    assert read_back(tmp_path / "poster.png") == pull_payment_lnurl(pull_payment).bech32


@pytest.mark.parametrize("page_name", ["qr.svg", "qr.png", "poster"])
def test_an_unknown_pull_payment_has_no_code(client: Client, db: None, page_name: str) -> None:
    assert client.get(f"/p/{'1' * 22}/{page_name}").status_code == 404
    assert client.post(f"/p/{'1' * 22}/{page_name}").status_code == 405
