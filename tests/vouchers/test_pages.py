"""What a merchant does with vouchers in the browser, and what a recipient does with a code."""

from __future__ import annotations

import csv
import io
import subprocess
from pathlib import Path

import pytest
from django.test import Client

from flashpay.stores.models import Store, User
from payouts.selectors import pull_payment_lnurl
from payouts.vouchers.models import VoucherBatch
from payouts.vouchers.services import voucher_revoke
from payouts.vouchers.sheets import COLUMNS, MARGIN_MM, Layout, layout_get
from tests.cast import member_add, user_make

pytestmark = pytest.mark.django_db


def card_read(pdf: Path, layout: Layout, place: int, folder: Path) -> str:
    """What zbar reads on one voucher, cut out as it will be, printed at 150 dots per inch."""
    page, place = divmod(place, layout.per_page)
    row, column = divmod(place, COLUMNS)
    dots_per_mm, (width, height) = 150 / 25.4, layout.card_mm
    box = [MARGIN_MM + column * width, MARGIN_MM + row * height, width, height]
    x, y, w, h = (str(round(side * dots_per_mm)) for side in box)
    crop = ["-x", x, "-y", y, "-W", w, "-H", h]
    which = ["-f", str(page + 1), "-l", str(page + 1), "-singlefile"]
    subprocess.run(
        ["pdftoppm", "-r", "150", "-gray", "-png", *which, *crop, str(pdf), str(folder / "card")], check=True
    )
    command = ["zbarimg", "--quiet", "--raw", str(folder / "card.png")]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def address(batch: VoucherBatch, rest: str = "") -> str:
    return f"/stores/{batch.store_id}/vouchers/{batch.pk}{rest}"


def test_it_makes_a_batch_in_the_browser(merchant: Client, paying_store: Store) -> None:
    paying_store.time_zone = "America/Jamaica"
    paying_store.save()
    answer = merchant.post(
        f"/stores/{paying_store.pk}/vouchers/new",
        {
            "name": "Christmas",
            "count": "12",
            "prefix": "xmas",
            "amount": "20,000",
            "currency": "SAT",
            "note": "Merry Christmas!",
            "auto_approve": "on",
            "expires_at": "2099-12-24T18:00",
        },
    )
    batch = VoucherBatch.objects.get()
    assert answer["Location"] == address(batch)
    assert (batch.count, batch.prefix, batch.auto_approve) == (12, "XMAS", True)
    assert batch.expires_at is not None
    assert batch.expires_at.isoformat() == "2099-12-24T23:00:00+00:00"  # the store's clock, not the server's
    page = merchant.get(address(batch)).content.decode()
    assert "XMAS-001" in page
    assert merchant.get(f"/stores/{paying_store.pk}/vouchers").status_code == 200


def test_it_shows_a_refusal_at_its_field(merchant: Client, paying_store: Store) -> None:
    answer = merchant.post(
        f"/stores/{paying_store.pk}/vouchers/new", {"name": "A", "count": "2", "amount": "5", "currency": "SAT"}
    )
    assert answer.status_code == 422
    assert "10,000" in str(answer.context["form"].errors["amount"])
    assert not VoucherBatch.objects.exists()


def test_vouchers_are_kept_out_of_the_list_of_pull_payments(merchant: Client, batch: VoucherBatch) -> None:
    assert "SUN-001" not in merchant.get(f"/stores/{batch.store_id}/pull-payments").content.decode()
    voucher = batch.vouchers.get(number=1)
    assert merchant.get(f"/stores/{batch.store_id}/pull-payments/{voucher.pk}").status_code == 200


def test_it_finds_by_number_code_and_state(merchant: Client, batch: VoucherBatch) -> None:
    second = batch.vouchers.select_related("pull_payment", "batch").get(number=2)
    for text in ("2", "SUN-002", second.code_shown, second.code.lower()):
        found = merchant.get(address(batch), {"q": text}).context["page"].object_list
        assert [voucher.number for voucher in found] == [2], text
    voucher_revoke(voucher=second, actor="alice")
    assert [v.number for v in merchant.get(address(batch), {"state": "Revoked"}).context["page"].object_list] == [2]


def test_it_revokes_one_and_the_rest(merchant: Client, batch: VoucherBatch) -> None:
    merchant.post(address(batch, "/2/revoke"))
    assert batch.vouchers.filter(pull_payment__archived_at=None).count() == 9
    merchant.post(address(batch, "/revoke"))
    assert not batch.vouchers.filter(pull_payment__archived_at=None).exists()


@pytest.mark.parametrize(("role", "status"), [("Guest", 403), ("Cashier", 403), ("Employee", 200), ("Manager", 200)])
def test_only_who_may_hand_out_money_sees_the_codes(
    client: Client, batch: VoucherBatch, role: str, status: int
) -> None:
    person = user_make("dora")
    member_add(batch.store, person, role)
    client.force_login(person)
    for rest in ("/sheets", "/sheets.pdf", "/vouchers.csv"):
        assert client.get(address(batch, rest)).status_code == status
    page = client.get(address(batch))
    assert (batch.vouchers.get(number=1).code_shown in page.content.decode()) == (status == 200)


def test_an_employee_may_not_make_vouchers_that_pay_at_once(client: Client, paying_store: Store) -> None:
    person = user_make("dora")
    member_add(paying_store, person, "Employee")
    client.force_login(person)
    form = {"name": "A", "count": "2", "amount": "20000", "currency": "SAT", "auto_approve": "on"}
    assert client.post(f"/stores/{paying_store.pk}/vouchers/new", form).status_code == 403
    assert not VoucherBatch.objects.exists()
    del form["auto_approve"]
    assert client.post(f"/stores/{paying_store.pk}/vouchers/new", form).status_code == 302
    assert not VoucherBatch.objects.get().auto_approve


def test_strangers_find_no_such_batch(client: Client, charlie: User, batch: VoucherBatch) -> None:
    client.force_login(charlie)
    for rest in ("", "/sheets", "/sheets.pdf", "/vouchers.csv"):
        assert client.get(address(batch, rest)).status_code == 404
    assert client.post(address(batch, "/revoke")).status_code == 404
    assert batch.vouchers.filter(pull_payment__archived_at=None).count() == 10


def test_the_table_holds_every_voucher_and_no_formula(merchant: Client, batch: VoucherBatch) -> None:
    answer = merchant.get(address(batch, "/vouchers.csv"))
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Cache-Control"] == "no-store"
    text = b"".join(answer.streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
    rows = list(csv.DictReader(io.StringIO(text)))
    first = batch.vouchers.get(number=1)
    assert len(rows) == 10
    assert rows[0]["number"] == "SUN-001"
    assert rows[0]["code"] == first.code_shown
    assert (rows[0]["amount"], rows[0]["currency"], rows[0]["state"]) == ("20000", "SAT", "Unclaimed")
    assert rows[0]["lnurl"] == pull_payment_lnurl(first.pull_payment).bech32
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row.values())


def test_the_print_page_has_only_what_can_still_be_claimed(merchant: Client, batch: VoucherBatch) -> None:
    voucher_revoke(voucher=batch.vouchers.select_related("pull_payment", "batch").get(number=1), actor="alice")
    page = merchant.get(address(batch, "/sheets"), {"paper": "Letter", "per_page": "8"}).content.decode()
    assert page.count('<article class="voucher">') == 9
    assert page.count('class="sheet sheet-letter sheet-by-8"') == 2
    assert "SUN-001" not in page
    everything = merchant.get(address(batch, "/sheets"), {"all": "1", "per_page": "10"}).content.decode()
    assert everything.count('<article class="voucher">') == 10
    assert everything.count('class="sheet sheet-a4 sheet-by-10"') == 1


@pytest.mark.parametrize("paper", ["A4", "Letter"])
@pytest.mark.parametrize("per_page", ["8", "10"])
def test_the_pdf_has_its_paper_size_and_codes_that_an_independent_reader_reads(
    merchant: Client, batch: VoucherBatch, tmp_path: Path, paper: str, per_page: str
) -> None:
    answer = merchant.get(address(batch, "/sheets.pdf"), {"paper": paper, "per_page": per_page})
    assert (answer["Content-Type"], answer["Cache-Control"]) == ("application/pdf", "no-store")
    file = tmp_path / "sheets.pdf"
    file.write_bytes(answer.content)
    facts = subprocess.run(["pdfinfo", str(file)], capture_output=True, text=True, check=True).stdout
    assert ("595.28 x 841.89" if paper == "A4" else "612 x 792") in facts
    assert f"Pages:           {2 if per_page == '8' else 1}" in facts
    words = subprocess.run(["pdftotext", str(file), "-"], capture_output=True, text=True, check=True).stdout
    for voucher in batch.vouchers.all():
        assert voucher.code_shown in words
        assert voucher.label in words
    read = [
        card_read(file, layout_get(paper, per_page), voucher.number - 1, tmp_path) for voucher in batch.vouchers.all()
    ]
    assert read == [pull_payment_lnurl(voucher.pull_payment).bech32 for voucher in batch.vouchers.all()]


def test_a_typed_code_leads_to_the_claim_page(batch: VoucherBatch) -> None:
    voucher = batch.vouchers.get(number=1)
    outside = Client(enforce_csrf_checks=True)
    assert outside.get("/v").status_code == 200
    answer = outside.post("/v", {"code": voucher.code_shown.lower()})
    assert answer["Location"] == f"/p/{voucher.pk}"
    assert outside.get(answer["Location"]).status_code == 200


def test_a_wrong_code_is_answered_kindly(batch: VoucherBatch) -> None:
    answer = Client().post("/v", {"code": "K7QM-2XFP-9TRA"})
    assert answer.status_code == 422
    assert "no voucher with this code" in answer.content.decode()


def test_a_name_in_any_script_makes_a_pdf(merchant: Client, batch: VoucherBatch) -> None:
    VoucherBatch.objects.update(name="Καλοκαίρι · Лето · 夏 🌞", note="«Grasias» – ñ, ş, ộ; " + "x" * 120)
    answer = merchant.get(address(batch, "/sheets.pdf"))
    assert answer.content.startswith(b"%PDF-")


@pytest.mark.parametrize(
    ("language", "step", "amount"),
    [
        ("en", "Open a Lightning wallet.", "20,000 sat"),
        ("ht", "Louvri yon pòtfèy Lightning.", "20,000 sat"),
        ("nl", "Open een Lightning-wallet.", "20.000 sat"),
        ("xx", "Open a Lightning wallet.", "20,000 sat"),
    ],
)
def test_the_words_on_them_are_in_the_language_of_their_holders_and_the_page_around_in_english(
    merchant: Client, batch: VoucherBatch, language: str, step: str, amount: str
) -> None:
    page = merchant.get(address(batch, "/sheets"), {"language": language}).content.decode().replace("\xa0", " ")
    assert step in page
    assert f'<p class="amount">{amount}</p>' in page
    assert '<html lang="en">' in page
    assert "Vouchers a page" in page
    assert merchant.get(address(batch, "/sheets.pdf"), {"language": language}).content.startswith(b"%PDF")
