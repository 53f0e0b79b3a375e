"""LUD-23: a recipient registers an address by scanning, once; the store pays there again and again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from flashpay.money.currencies import SAT
from flashpay.refusals import Refusal
from flashpay.stores.models import Event, Store, User
from lnurl.wire.codec import lnurl_decode
from payouts.models import Payout, PayoutState
from payouts.recipients.models import Recipient
from payouts.recipients.services import (
    invitation_lnurl,
    recipient_archive,
    recipient_create,
    recipient_invite,
    recipient_pay,
)
from payouts.services import payout_send
from tests.cast import member_add, user_make
from tests.payouts.recipients import wallet_make
from tests.sandbox_server import SandboxServer

pytestmark = pytest.mark.django_db
ANA = "ana@wallet.example"


@pytest.fixture
def ana(store: Store) -> Recipient:
    wallet_make(store)
    return recipient_create(store=store, name="Ana", actor="alice")


def scan(recipient: Recipient) -> dict[str, Any]:
    """What a wallet gets that scans the code."""
    url = urlsplit(lnurl_decode(invitation_lnurl(recipient)))
    return dict(Client().get(f"{url.path}?{url.query}").json())


def bring(told: dict[str, Any], address: str, **changes: str) -> dict[str, Any]:
    answer = Client().get(urlsplit(told["callback"]).path, {"k1": told["k1"], "address": address, **changes})
    assert answer.status_code == 200
    assert answer["Access-Control-Allow-Origin"] == "*"
    return dict(answer.json())


def address_of(recipient: Recipient) -> str:
    recipient.refresh_from_db()
    return recipient.address


def test_the_code_says_what_it_is_before_it_is_asked(ana: Recipient) -> None:
    query = parse_qs(urlsplit(lnurl_decode(invitation_lnurl(ana))).query)
    assert query["tag"] == ["addressRequest"]
    assert len(bytes.fromhex(query["k1"][0])) == 32


def test_it_asks_with_the_fields_of_lud_23_and_no_other_and_asking_changes_nothing(ana: Recipient) -> None:
    events = Event.objects.count()
    first, second = scan(ana), scan(ana)
    assert first == second
    assert set(first) == {"tag", "callback", "k1", "description"}
    assert first["tag"] == "addressRequest"
    assert "?" not in first["callback"]
    assert "Ana" in first["description"]
    assert (address_of(ana), Event.objects.count()) == ("", events)


def test_a_wallet_registers_its_address_once(ana: Recipient) -> None:
    told = scan(ana)
    assert bring(told, "Ana@Wallet.example") == {"status": "OK"}
    assert address_of(ana) == ANA
    assert Event.objects.get(type="RecipientRegistered").evidence == {"address": ANA, "before": ""}
    # The same again, as wallets do it, gets the same answer; another address does not.
    assert bring(told, ANA) == {"status": "OK"}
    assert bring(told, "mallory@wallet.example")["status"] == "ERROR"
    assert address_of(ana) == ANA
    assert Event.objects.filter(type="RecipientRegistered").count() == 1


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ana",
        "ana@127.0.0.1",
        "ana@localhost",
        "a@b@wallet.example",
        "ana@wallet.example:8080",
        "lnbc1",
        "LNURL1DP68GURN8GHJ7",
        "ana@wallet.example?x=1",
        "\x00",
        "x" * 5_000,
    ],
)
def test_what_is_no_lightning_address_is_refused_and_the_code_stays_good(ana: Recipient, address: str) -> None:
    told = scan(ana)
    assert bring(told, address)["status"] == "ERROR"
    assert address_of(ana) == ""
    assert bring(told, ANA) == {"status": "OK"}


def test_a_wrong_k1_or_one_of_another_invitation_is_refused(store: Store, ana: Recipient) -> None:
    told = scan(ana)
    other = scan(recipient_create(store=store, name="Ben", actor="alice"))
    assert bring(told, ANA, k1="0" * 64)["status"] == "ERROR"
    assert bring(told, ANA, k1=other["k1"])["status"] == "ERROR"
    mixed = {"callback": told["callback"].replace(told["k1"], other["k1"]), "k1": other["k1"]}
    assert bring(mixed, ANA)["status"] == "ERROR"
    assert address_of(ana) == ""


def test_a_new_code_ends_the_one_before_and_changes_the_address(ana: Recipient) -> None:
    first = scan(ana)
    recipient_invite(recipient=ana, actor="alice")
    assert bring(first, "mallory@wallet.example")["status"] == "ERROR"
    assert bring(scan(ana), ANA) == {"status": "OK"}
    recipient_invite(recipient=Recipient.objects.get(), actor="alice")
    assert bring(scan(Recipient.objects.get()), "ana@new.example") == {"status": "OK"}
    assert address_of(ana) == "ana@new.example"


def test_a_code_is_over_after_a_week_and_when_the_recipient_is_archived(store: Store, ana: Recipient) -> None:
    told = scan(ana)
    with time_machine.travel(timezone.now() + timedelta(days=7, minutes=1)):
        assert "over" in scan(ana)["reason"]
        assert bring(told, ANA)["status"] == "ERROR"
    recipient_archive(recipient=ana, actor="alice")
    assert bring(told, ANA)["status"] == "ERROR"
    assert address_of(ana) == ""


def test_the_store_pays_there_again_and_again(ana: Recipient) -> None:
    with pytest.raises(Refusal, match="not registered"):
        recipient_pay(recipient=ana, amount=20_000, currency=SAT, actor="alice")
    assert not Payout.objects.exists()
    bring(scan(ana), ANA)
    first = recipient_pay(recipient=ana, amount=20_000, currency=SAT, actor="alice", request_key="a")
    again = recipient_pay(recipient=ana, amount=20_000, currency=SAT, actor="alice", request_key="a")
    second = recipient_pay(recipient=ana, amount=20_000, currency=SAT, actor="alice", request_key="b")
    assert (first.pk, first.destination, first.state) == (again.pk, ANA, PayoutState.AWAITING_PAYMENT)
    assert {row.payout_id for row in ana.paid.all()} == {first.pk, second.pk}


def test_a_payout_under_the_minimum_is_refused_and_nothing_is_written(ana: Recipient) -> None:
    bring(scan(ana), ANA)
    with pytest.raises(Refusal, match="smallest amount"):
        recipient_pay(recipient=ana, amount=9_999, currency=SAT, actor="alice")
    assert not Payout.objects.exists()
    assert not ana.paid.exists()


def test_a_registered_address_at_the_sandbox_is_really_paid(connected_store: Store, sandbox: SandboxServer) -> None:
    ana = recipient_create(store=connected_store, name="Ana", actor="alice")
    account = sandbox.account()
    address = f"{account['username']}@{urlsplit(sandbox.graphql_url).netloc}"
    assert bring(scan(ana), address) == {"status": "OK"}
    payout = recipient_pay(recipient=ana, amount=20_000, currency=SAT, actor="alice")
    payout_send(payout_id=payout.pk, now=timezone.now())
    payout.refresh_from_db()
    assert payout.state == PayoutState.COMPLETED


# --- The merchant's pages --------------------------------------------------------------------------------------------


def test_a_merchant_adds_shows_the_code_and_pays(client: Client, alice: User, store: Store) -> None:
    wallet_make(store)
    client.force_login(alice)
    page = f"/stores/{store.pk}/recipients"
    answer = client.post(page, {"name": "Ana"})
    ana = Recipient.objects.get()
    assert answer["Location"] == f"{page}/{ana.pk}"
    assert invitation_lnurl(ana) in client.get(answer["Location"]).content.decode()
    bring(scan(ana), ANA)
    shown = client.get(answer["Location"])
    assert ANA in shown.content.decode()
    form = {"amount": "20,000", "currency": "SAT", "request_key": shown.context["form"].initial["request_key"]}
    paid = [client.post(f"{page}/{ana.pk}/pay", form)["Location"] for _ in range(2)]
    assert paid == [f"/stores/{store.pk}/payouts/{Payout.objects.get().pk}"] * 2
    assert client.post(f"{page}/{ana.pk}/pay", {**form, "amount": "5", "request_key": "x"}).status_code == 422
    assert Payout.objects.count() == 1
    assert client.get(page).status_code == 200
    client.post(f"{page}/{ana.pk}/act", {"action": "archive"})
    assert client.get(page).context["page"].paginator.count == 0


@pytest.mark.parametrize("role", ["Employee", "Guest"])
def test_who_may_only_look_sees_no_code_and_changes_nothing(client: Client, ana: Recipient, role: str) -> None:
    person = user_make("dora")
    member_add(ana.store, person, role)
    client.force_login(person)
    page = f"/stores/{ana.store_id}/recipients"
    assert invitation_lnurl(ana) not in client.get(f"{page}/{ana.pk}").content.decode()
    assert client.post(f"{page}/{ana.pk}/act", {"action": "invite"}).status_code == 403
    assert client.post(f"{page}/{ana.pk}/pay", {"amount": "20000", "currency": "SAT"}).status_code == 403
    client.post(page, {"name": "Mallory"})
    assert Recipient.objects.count() == 1


def test_strangers_find_no_such_recipient(client: Client, charlie: User, ana: Recipient) -> None:
    client.force_login(charlie)
    assert client.get(f"/stores/{ana.store_id}/recipients/{ana.pk}").status_code == 404
    assert client.post(f"/stores/{ana.store_id}/recipients/{ana.pk}/act", {"action": "archive"}).status_code == 404
    assert Recipient.objects.get().archived_at is None
