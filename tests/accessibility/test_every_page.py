"""axe-core finds nothing to complain about on any page, full, empty, with errors, in light and in dark.

The pages come from the table of addresses (`pages.addresses`) and are shown in a real browser under their own security
policy; behind the browser's requests stands no server but Django's test client, so a page is quick to look at.
"""

from __future__ import annotations

import hashlib
import mimetypes
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from django.contrib.staticfiles import finders
from django.http import HttpResponseBase
from django.test import Client, RequestFactory
from django.views import defaults

from flashpay.stores.models import Store, User
from tests.accessibility.pages import Address, addresses
from tests.accessibility.world import World, another_store, wallet_of, world_make

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

ORIGIN = "http://testserver"
AXE = Path(__file__).resolve().parent.parent / "vendor" / "axe-core" / "axe.min.js"
EVERYTHING = {"resultTypes": ["violations"]}
# The other colours change nothing else.
COLOURS = EVERYTHING | {"runOnly": ["color-contrast", "link-in-text-block"]}

# Colours on their way to others are not what anybody reads. A sheet made by a script is no matter of the security policy.
_STILL = """addEventListener("DOMContentLoaded", () => {
  const still = new CSSStyleSheet();
  still.replaceSync("*, *::before, *::after { transition: none !important; animation: none !important; }");
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, still];
})"""

# Two frames: by then the page has the colours that were asked for.
_LOOK = """async options => {
  for (let frame = 0; frame < 2; frame += 1) await new Promise(requestAnimationFrame);
  return axe.run(document, options);
}"""

# How many tests look at the pages of each group, so that the processes of a parallel run share them.
PARTS = {"accounts": 1, "public": 2, "dashboard": 5}

# Addresses that a browser may ask for and that show no page of their own. Everything else must show one, or refuse GET.
NO_PAGES = {
    "account_set_password": "leads on for whoever has a password",
    "account_confirm_login_code": "leads on: codes are not in use",
    "dashboard:home": "leads to the store that was looked at last",
    "dashboard:invoices_csv": "a table",
    "dashboard:payouts_csv": "a table",
    "dashboard:payout_batch_sample": "a table",
    "dashboard:payout_batch_results": "a table",
    "dashboard:voucher_csv": "a table",
    "dashboard:voucher_pdf": "a PDF",
    "invoices:card": "leads to the checkout, where the card is asked",
    "links:prices": "figures for a script",
    "payouts:qr_file": "a picture",
    "till:manifest": "a description for phones",
    "till:prices": "figures for a script",
    "till:worker": "a script",
}


class Window:
    """A browser's page whose requests are answered by a test client: the static files, and what views say."""

    def __init__(self, page: Page, client: Client) -> None:
        self.page, self.client = page, client
        self.prepared: dict[str, HttpResponseBase] = {}
        page.route("**/*", self._answer)
        page.add_init_script(path=AXE)
        page.add_init_script(_STILL)

    def _answer(self, route: Route) -> None:
        address = urlsplit(route.request.url)
        path = address.path + (f"?{address.query}" if address.query else "")
        if address.path.startswith("/static/"):
            file = finders.find(address.path.removeprefix("/static/"))
            kind = mimetypes.guess_type(address.path)[0]
            route.fulfill(path=str(file), content_type=kind) if file else route.abort()
        elif address.path.startswith("/events/") or route.request.method != "GET":
            route.abort()
        else:
            shown = self.prepared.get(path) or self.client.get(path)
            headers = {name: value for name, value in shown.items() if name.lower() != "content-length"}
            route.fulfill(status=shown.status_code, headers=headers, body=b"".join(shown))  # type: ignore[arg-type]

    def complaints(self, path: str, shown: HttpResponseBase) -> list[str]:
        """What axe-core finds on this page, in light and dark."""
        self.prepared = {path: shown}
        self.page.emulate_media(color_scheme="light", reduced_motion="reduce")
        self.page.goto(ORIGIN + path, wait_until="load")
        found = self._axe("light", EVERYTHING)
        self.page.emulate_media(color_scheme="dark", reduced_motion="reduce")
        return [f"{path} {complaint}" for complaint in found + self._axe("dark", COLOURS)]

    def _axe(self, scheme: str, options: dict[str, Any]) -> list[str]:
        result = self.page.evaluate(_LOOK, options)
        return [
            f"({scheme}): {violation['id']}: {node['target']} {node['html'][:120]} {node['failureSummary'][:240]}"
            for violation in result["violations"]
            for node in violation["nodes"]
        ]


@pytest.fixture
def window(page: Page, client: Client) -> Window:
    return Window(page, client)


@pytest.fixture
def world(alice: User, store: Store, bob: User) -> World:
    # She looks after the server as well: there are pages for nobody else.
    alice.is_staff = alice.is_superuser = True
    alice.save()
    wallet_of(store)
    return world_make(alice, bob, store, another_store(alice))


def is_page(shown: HttpResponseBase) -> bool:
    return shown.status_code in (200, 422) and shown.headers.get("Content-Type", "").startswith("text/html")


def looked_at(world: World, address: Address, alice: User) -> tuple[str, HttpResponseBase] | None:
    """The page at an address as Alice sees it, or where it leads her elsewhere, as nobody in particular; None for no page."""
    path = address.path(world.arguments(address.name, set(address.parts)))
    clients = [Client(), Client()]
    clients[0].force_login(alice)
    for client in clients:
        shown = client.get(path)
        if is_page(shown):
            return path, shown
        assert shown.status_code in (200, 302, 405), f"{path}: {shown.status_code}"
    return None


def refused(client: Client, path: str, shown: HttpResponseBase) -> HttpResponseBase | None:
    """The page again after its form was sent empty, where it has one of its own."""
    if not re.search(rb'<form[^>]*method="post"(?![^>]*action=)', b"".join(shown)):  # type: ignore[arg-type]
        return None
    again = client.post(path, {})
    return again if again.status_code == 422 else None


def test_every_address_shows_a_page_or_is_known_to_show_none(world: World, alice: User) -> None:
    """A new page is looked at below by itself; what shows none must be named, with the reason, or answer POST alone."""
    without = {address.name for address in addresses() if looked_at(world, address, alice) is None}
    client = Client()
    client.force_login(alice)
    post_only = {
        address.name
        for address in addresses()
        if client.get(address.path(world.arguments(address.name, set(address.parts)))).status_code == 405
    }
    unnamed, pages_after_all = without - post_only - set(NO_PAGES), set(NO_PAGES) - without
    assert (unnamed, pages_after_all) == (set(), set())


@pytest.mark.parametrize(
    ("group", "part", "parts"),
    [(group, part, parts) for group, parts in PARTS.items() for part in range(parts)],
)
def test_axe_finds_nothing_on_the_pages_of_a_busy_shop(
    window: Window, world: World, alice: User, group: str, part: int, parts: int
) -> None:
    window.client.force_login(alice)
    found = []
    for address in [each for each in addresses() if each.group == group][part::parts]:
        seen = looked_at(world, address, alice)
        if seen is None:
            continue
        found += window.complaints(*seen)
        errors = refused(window.client, *seen)
        if errors is not None:
            found += window.complaints(seen[0], errors)
    for path in world.more.get(group, [])[part::parts]:
        window.client.force_login(alice)
        shown = window.client.get(path)
        assert shown.status_code in (200, 404), f"{path}: {shown.status_code}"
        found += window.complaints(path, shown)
    assert not found, "\n".join(found)


def test_axe_finds_nothing_on_the_pages_of_an_empty_shop(window: Window, world: World, alice: User) -> None:
    window.client.force_login(alice)
    found = []
    for address in addresses():
        if address.of_a_whole_store and address.name not in NO_PAGES:
            path = address.path({"store_id": world.empty_store.pk})
            shown = window.client.get(path)
            if is_page(shown):
                found += window.complaints(path, shown)
    assert not found, "\n".join(found)


def test_axe_finds_nothing_on_the_ways_in_and_the_pages_of_errors(window: Window, rf: RequestFactory, db: None) -> None:
    pages = {
        "/accounts/login/": window.client.get("/accounts/login/"),
        "/accounts/signup/": window.client.get("/accounts/signup/"),
    }
    for number, view in enumerate((defaults.bad_request, defaults.permission_denied, defaults.page_not_found)):
        pages[f"/error/{number}"] = view(rf.get("/x"), Exception())
    pages["/error/500"] = defaults.server_error(rf.get("/x"))
    found = []
    for path, shown in pages.items():
        found += window.complaints(path, shown)
    assert not found, "\n".join(found)


def test_axe_does_find_what_is_wrong(window: Window) -> None:
    from django.http import HttpResponse

    broken = HttpResponse(
        '<html><head></head><body><p style="color:#ccc;background:#fff">Pale</p><img src="x"></body></html>'
    )
    found = " ".join(window.complaints("/broken", broken))
    assert "image-alt" in found
    assert "html-has-lang" in found


def test_axe_is_the_published_one() -> None:
    written = (AXE.parent.parent / "README.md").read_text()
    assert hashlib.sha256(AXE.read_bytes()).hexdigest() in written
