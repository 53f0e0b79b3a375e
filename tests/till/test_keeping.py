"""A store's tills in its dashboard: made, changed, shared, closed; and what makes one an app."""

from __future__ import annotations

import json
import struct
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client

from flashpay.invoices.models import Invoice, PayLink
from flashpay.invoices.selectors import link_address
from flashpay.stores.models import Event, Store, User
from flashpay.till.models import Till
from flashpay.till.services import till_archive, till_share
from tests.api.conftest import script_of

pytestmark = pytest.mark.django_db

FORM = {"name": "Counter", "title": "", "currency": "USD", "more_currencies": ["JMD", "SAT"], "tips": "10 15, 20 %"}


def share_page(till: Till) -> str:
    return link_address(till.link).removeprefix(settings.PUBLIC_URL)


def test_the_first_till_is_made_with_its_tips_and_currencies(owner: Client, store: Store) -> None:
    pages = f"/stores/{store.pk}/tills"
    assert "No till yet" in owner.get(pages).content.decode()
    assert owner.post(f"{pages}/new", FORM).status_code == 302
    till = Till.objects.get()
    link = till.link
    assert (till.name, link.title, link.currency) == ("Counter", store.name, "USD")
    assert (set(link.more_currencies), link.tip_percents, link.custom_tip) == ({"JMD", "SAT"}, [10, 15, 20], False)
    assert link.archived
    assert Event.objects.get(type="TillCreated").actor == "alice@example.com"
    assert "Counter" in owner.get(pages).content.decode()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"name": " "}, "This field is required"),
        ({"tips": "10 15 20 25"}, "up to 3 different tips"),
        ({"tips": "0"}, "from 1 to 100 percent"),
        ({"tips": "101"}, "from 1 to 100 percent"),
        ({"tips": "ten"}, "Write whole numbers"),
        ({"tips": "12.5"}, "Write whole numbers"),
        ({"currency": "XYZ"}, "not one of the available choices"),
        ({"more_currencies": ["EUR", "JMD", "SAT", "GBP"]}, "up to 3 further currencies"),
    ],
)
def test_terms_that_no_till_can_have_are_said_and_make_nothing(
    owner: Client, store: Store, change: dict[str, object], sentence: str
) -> None:
    answer = owner.post(f"/stores/{store.pk}/tills/new", FORM | change)
    assert answer.status_code == 422
    assert sentence in answer.content.decode()
    assert not Till.objects.exists()
    assert not PayLink.objects.exists()


def test_a_name_is_taken_once_in_a_store(owner: Client, store: Store, till: Till) -> None:
    answer = owner.post(f"/stores/{store.pk}/tills/new", FORM)
    assert "a till of this name already" in answer.content.decode()
    assert Till.objects.count() == 1


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_a_name_is_taken_once_at_the_same_moment_too(alice: User, store: Store) -> None:
    def make(client: Client) -> int:
        try:
            return client.post(f"/stores/{store.pk}/tills/new", FORM).status_code
        finally:
            connection.close()

    owners = [Client() for _ in range(6)]
    for client in owners:
        client.force_login(alice)
    with ThreadPoolExecutor(6) as pool:
        answers = sorted(pool.map(make, owners))
    assert answers == [302] + [422] * 5
    assert (Till.objects.count(), PayLink.objects.count()) == (1, 1)


def test_a_till_is_changed_on_record(owner: Client, store: Store, till: Till) -> None:
    form = FORM | {"name": "Bar", "title": "The blue bar", "tips": "", "currency": "JMD"}
    assert owner.post(f"/stores/{store.pk}/tills/{till.pk}", form).status_code == 302
    till = Till.objects.select_related("link").get()
    assert (till.name, till.link.title, till.link.currency, till.link.tip_percents) == (
        "Bar",
        "The blue bar",
        "JMD",
        [],
    )
    assert Event.objects.get(type="TillRenamed").evidence == {"name": ["Counter", "Bar"]}
    assert Event.objects.get(type="PayLinkUpdated").evidence["currency"] == ["USD", "JMD"]


def test_it_is_archived_with_its_share_link_and_opened_again_without(owner: Client, store: Store, till: Till) -> None:
    till_share(till=till, shared=True, actor="alice")
    owner.post(f"/stores/{store.pk}/tills/{till.pk}/archive", {"archived": "1"})
    till = Till.objects.select_related("link", "store").get()
    assert (till.archived, till.link.archived) == (True, True)
    owner.post(f"/stores/{store.pk}/tills/{till.pk}/share", {"shared": "1"})
    assert PayLink.objects.get().archived
    owner.post(f"/stores/{store.pk}/tills/{till.pk}/archive", {"archived": "0"})
    till.refresh_from_db()
    assert (till.archived, till.link.archived) == (False, True)


def test_another_stores_till_is_not_found(client: Client, charlie: object, till: Till) -> None:
    own = Store.objects.get(name="Charlie's kiosk")
    client.force_login(charlie)  # type: ignore[arg-type]
    for part in ("", "/archive", "/share", "/poster"):
        way = client.get if part == "/poster" else client.post
        assert way(f"/stores/{own.pk}/tills/{till.pk}{part}", {"archived": "1"}).status_code == 404
    till.refresh_from_db()
    assert not till.archived


def test_customers_key_in_amount_and_tip_by_the_share_link(client: Client, connected_store: Store, till: Till) -> None:
    till_share(till=till, shared=True, actor="alice")
    page = client.get(share_page(till))
    assert "data-keypad" in page.content.decode()
    assert "/till/" not in page.content.decode()
    assert not page.cookies
    answer = client.post(share_page(till), {"amount": "12.50", "currency": "USD", "tip": "15"})
    sale = Invoice.objects.get()
    assert answer["Location"] == f"/i/{sale.pk}"
    assert (sale.amount, sale.source, sale.source_id) == (14_38, "pay_link", till.link_id)
    assert sale.metadata["posData"]["tip"] == "1.88"


@pytest.mark.parametrize(
    "typed", [{"amount": "0"}, {"amount": "5", "currency": "EUR"}, {"amount": "5", "tip": "50"}, {"amount": "1.2.3"}]
)
def test_a_bad_amount_at_the_share_link_makes_nothing(
    client: Client, connected_store: Store, till: Till, typed: dict[str, str]
) -> None:
    till_share(till=till, shared=True, actor="alice")
    assert client.post(share_page(till), typed).status_code == 422
    assert not Invoice.objects.exists()


def test_a_share_link_without_a_wallet_behind_it_takes_nothing(client: Client, till: Till) -> None:
    till_share(till=till, shared=True, actor="alice")
    answer = client.post(share_page(till), {"amount": "5000", "currency": "SAT"})
    assert answer.status_code == 422
    assert "its wallet is not connected" in answer.content.decode()
    assert not Invoice.objects.exists()


def test_a_share_link_that_is_switched_off_takes_nothing(
    client: Client, owner: Client, connected_store: Store, till: Till
) -> None:
    shares = f"/stores/{connected_store.pk}/tills/{till.pk}"
    owner.post(f"{shares}/share", {"shared": "1"})
    assert owner.get(f"{shares}/poster").status_code == 200
    owner.post(f"{shares}/share", {"shared": "0"})
    assert "This link is closed" in client.get(share_page(till)).content.decode()
    assert client.post(share_page(till), {"amount": "5"}).status_code == 422
    assert owner.get(f"{shares}/poster").status_code == 404
    assert not Invoice.objects.exists()


def test_the_share_link_asks_for_patience(client: Client, connected_store: Store, till: Till) -> None:
    till_share(till=till, shared=True, actor="alice")
    for _ in range(20):
        client.post(share_page(till), {"amount": "0"})
    answer = client.post(share_page(till), {"amount": "5"})
    assert answer.status_code == 429
    assert int(answer["Retry-After"]) > 0
    assert not Invoice.objects.exists()


def test_tills_links_are_not_listed_among_pay_links(owner: Client, store: Store, till: Till) -> None:
    till_share(till=till, shared=True, actor="alice")
    assert till.link_id not in owner.get(f"/stores/{store.pk}/links").content.decode()


# --- Installed as an app ----------------------------------------------------------------------------------------------


def test_a_till_describes_itself_as_an_app(cashier: Client, till: Till) -> None:
    answer = cashier.get(f"/till/{till.pk}/manifest")
    assert answer["Content-Type"] == "application/manifest+json"
    manifest = json.loads(answer.content)
    assert manifest["name"] == "Counter · Alice's café"
    assert manifest["display"] == "standalone"
    assert manifest["start_url"] == f"/till/{till.pk}"
    assert manifest["start_url"].startswith(manifest["scope"])
    assert {(icon["sizes"], icon["purpose"]) for icon in manifest["icons"]} == {
        ("192x192", "any"),
        ("512x512", "any"),
        ("512x512", "maskable"),
    }


@pytest.mark.parametrize(
    ("name", "side"),
    [("icon-192", 192), ("icon-512", 512), ("icon-maskable-512", 512), ("apple-touch-icon", 180)],
)
def test_an_icon_has_the_size_that_is_said(name: str, side: int) -> None:
    picture = Path(settings.BASE_DIR / "static" / "img" / f"{name}.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert struct.unpack(">II", picture[16:24]) == (side, side)


def test_the_service_worker_keeps_nothing_about_money(client: Client, db: None) -> None:
    answer = client.get("/till/worker.js")
    assert answer["Content-Type"].startswith("text/javascript")
    script = answer.content.decode()
    assert "/till/offline" in script
    assert "cache.put" not in script
    assert "no sale can be made now" in client.get("/till/offline").content.decode()


def test_a_closed_till_is_not_installed(cashier: Client, till: Till) -> None:
    till_archive(till=till, actor="alice")
    assert cashier.get(f"/till/{till.pk}/manifest").status_code == 410


def test_a_tills_link_is_changed_at_the_till_alone(owner: Client, alice: User, till: Till) -> None:
    api, links = script_of(alice), f"/stores/{till.store_id}/pay-links"
    priced = {"title": "Mine now", "amount": "15", "currency": "USD"}
    assert api.get(links) == []
    api.get(f"{links}/{till.link_id}", 404)
    api.put(f"{links}/{till.link_id}", priced, 404)
    api.post(f"{links}/{till.link_id}/unarchive", status=404)
    page = f"/stores/{till.store_id}/links/{till.link_id}"
    assert owner.get(page).status_code == 404
    assert owner.post(page, priced).status_code == 404
    assert owner.post(f"{page}/archive", {}).status_code == 404
    link = PayLink.objects.get(pk=till.link_id)
    assert (link.title, link.amount, link.archived) == (till.link.title, None, True)
