"""The brand page of the settings, and what payers and recipients see of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from flashpay.brand.models import Brand, LogoPicture
from flashpay.brand.selectors import look_of
from flashpay.brand.services import brand_logo_remove, brand_save
from flashpay.invoices.services import invoice_create, pay_link_create, payment_request_save
from flashpay.money.currencies import SAT
from flashpay.refusals import Refusal
from flashpay.stores.models import Event, Store, User
from payouts.services import pull_payment_create
from payouts.vouchers.sheets import Card, layout_get, sheets_pdf
from tests import cast
from tests.brand.pictures import noise, picture
from tests.sandbox_server import SandboxServer

ALICE = "alice@example.com"
PURPLE = "#5b21b6"


@pytest.fixture
def branded(store: Store) -> Store:
    brand_save(store=store, color=PURPLE, logo_data=picture(600, 200), actor=ALICE)
    return Store.objects.get(pk=store.pk)


@pytest.fixture
def owner(client: Client, alice: User) -> Client:
    client.force_login(alice)
    return client


def page_of(store: Store) -> str:
    return reverse("dashboard:brand", args=[store.pk])


def upload(data: bytes, name: str = "logo.png") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, data)


def kinds(store: Store) -> list[str]:
    return list(Event.objects.filter(store=store, entity="store").values_list("type", flat=True))[1:]


def test_an_owner_gives_the_store_a_colour_and_a_logo(owner: Client, store: Store) -> None:
    answer = owner.post(page_of(store), {"color": "5B21B6", "logo": upload(picture(600, 200))})
    assert answer.status_code == 302
    look = look_of(Store.objects.get(pk=store.pk))
    assert (look.color, look.logo_width, look.logo_height) == (PURPLE, 192, 64)
    assert kinds(store) == ["StoreColorChanged", "StoreLogoChanged"]
    page = owner.get(page_of(store)).content.decode()
    assert f'src="{look.logo_address}"' in page
    assert f'href="/brand/{PURPLE[1:]}-preview.css"' in page


def test_saving_the_same_again_changes_nothing(branded: Store) -> None:
    before = kinds(branded)
    brand_save(store=branded, color="5B21B6", logo_data=picture(600, 200), actor=ALICE)
    assert kinds(branded) == before


def test_a_refused_logo_changes_nothing_not_even_the_colour(owner: Client, branded: Store) -> None:
    before = look_of(branded)
    answer = owner.post(page_of(branded), {"color": "#ffffff", "logo": upload(b"<svg/>", "logo.svg")})
    assert answer.status_code == 422
    assert "SVG drawings can carry programs" in answer.content.decode()
    assert look_of(Store.objects.get(pk=branded.pk)) == before


def test_a_wrong_colour_is_said_at_its_field(owner: Client, store: Store) -> None:
    answer = owner.post(page_of(store), {"color": "greenish"})
    assert answer.status_code == 422
    assert "six digits" in answer.content.decode()
    assert not Brand.objects.exclude(color="").exists()


def test_the_logo_is_removed_and_its_address_gives_nothing_more(owner: Client, branded: Store) -> None:
    address = look_of(branded).logo_address
    assert owner.get(address).status_code == 200
    owner.post(page_of(branded), {"action": "remove-logo"})
    assert not LogoPicture.objects.exists()
    assert owner.get(address).status_code == 404
    look = look_of(Store.objects.get(pk=branded.pk))
    assert (look.color, look.logo_address) == (PURPLE, "")
    brand_logo_remove(store=branded, actor=ALICE)
    assert kinds(branded).count("StoreLogoRemoved") == 1


def test_only_who_may_change_the_store_gets_there(client: Client, store: Store, bob: User, charlie: User) -> None:
    client.force_login(bob)
    assert client.post(page_of(store), {"color": "#ffffff"}).status_code == 403
    client.force_login(charlie)
    assert client.post(page_of(store), {"color": "#ffffff"}).status_code == 404
    assert not Brand.objects.exists()


def test_a_logo_is_served_as_a_picture_for_ever(client: Client, branded: Store) -> None:
    for address in (look_of(branded).logo_address, look_of(branded).print_address):
        answer = client.get(address)
        assert (answer.status_code, answer["Content-Type"]) == (200, "image/png")
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert "immutable" in answer["Cache-Control"]
        assert answer.content.startswith(b"\x89PNG")
    assert client.get("/brand/" + "0" * 32 + "-page.png").status_code == 404


def test_a_colour_is_served_as_a_style_sheet_without_asking_the_database(
    client: Client, db: None, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(0):
        answer = client.get("/brand/5b21b6.css")
    assert answer["Content-Type"] == "text/css"
    assert "--fp-brand-bg:#5b21b6" in answer.content.decode()
    assert client.get("/brand/5b21b6%7D.css").status_code == 404


@pytest.fixture
def shown(branded: Store, sandbox: SandboxServer) -> list[str]:
    """Every page of the store that somebody outside sees."""
    cast.wallet_give(branded, sandbox)
    invoice = invoice_create(store=branded, amount=1000, currency=SAT, actor=ALICE)
    link = pay_link_create(store=branded, title="Coffee", currency=SAT, actor=ALICE, amount=100)
    bill = payment_request_save(store=branded, title="Rent", amount=1000, currency=SAT, actor=ALICE)
    prize = pull_payment_create(store=branded, amount=20_000, currency=SAT, actor=ALICE)
    return [
        reverse("invoices:checkout", args=[invoice.pk]),
        reverse("links:link", args=[link.pk]),
        reverse("requests:request", args=[bill.pk]),
        reverse("payouts:claim", args=[prize.pk]),
        reverse("payouts:poster", args=[prize.pk]),
    ]


def test_every_page_for_payers_and_recipients_wears_the_brand(client: Client, branded: Store, shown: list[str]) -> None:
    look = look_of(branded)
    for address in shown:
        page = client.get(address).content.decode()
        assert f'<link rel="stylesheet" href="{look.css_address}">' in page, address
        assert look.logo_hash in page, address
        assert "style=" not in page, "the content security policy allows none"


def test_a_store_without_a_brand_looks_as_ever(client: Client, store: Store) -> None:
    invoice = invoice_create(store=store, amount=1000, currency=SAT, actor=ALICE)
    page = client.get(reverse("invoices:checkout", args=[invoice.pk])).content.decode()
    assert "/brand/" not in page


def test_the_page_with_any_logo_stays_light(client: Client, store: Store) -> None:
    brand_save(store=store, color="#f7931a", logo_data=noise(960, 256), actor=ALICE)
    look = look_of(Store.objects.get(pk=store.pk))
    extra = [client.get(address).content for address in (look.css_address, look.logo_address)]
    assert sum(map(len, extra)) < 13_500


def test_a_pdf_of_many_vouchers_holds_the_logo_once() -> None:
    card = Card("Café", "Batch", "", "1,000 sat", "V-1", "K7QM", "LNURL1" + "0" * 60, "", ("a", "b", "c"), "by hand")
    at = datetime(2026, 1, 1, tzinfo=UTC)

    def weight(cards: int, logo: bytes | None) -> int:
        layout = layout_get("A4", "8")
        return len(sheets_pdf([card] * cards, layout, title="t", made_at=at, color="#5b21b6", logo=logo))

    logo = noise(256, 128)
    assert len(logo) > 100_000
    assert weight(24, logo) - weight(24, None) < 1.3 * len(logo)


def test_a_store_with_a_wrong_name_of_a_colour_is_told_before_anything_is_decoded(store: Store) -> None:
    with pytest.raises(Refusal, match="six digits"):
        brand_save(store=store, color="no", logo_data=b"x", actor=ALICE)
    assert not Brand.objects.exists()
