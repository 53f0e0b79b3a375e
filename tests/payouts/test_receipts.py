"""The public receipt of a payout: the proof that it arrived, checked by the server."""

from __future__ import annotations

import hashlib
import html

import pytest
from django.test import Client

from flashpay.stores.models import Store
from payouts.models import Payout, PayoutAttempt, PullPayment
from payouts.receipts import receipt_of
from payouts.services import payout_claim, payout_send
from tests.sandbox_server import SandboxServer

pytestmark = pytest.mark.django_db


@pytest.fixture
def claimed(prize: PullPayment, plain_sandbox: SandboxServer) -> Payout:
    return payout_claim(pull_payment=prize, bolt11=plain_sandbox.phone_invoice(20_000, "Thanks, Anna")["bolt11"])


@pytest.fixture
def paid(claimed: Payout) -> Payout:
    payout_send(payout_id=claimed.pk)
    claimed.refresh_from_db()
    assert claimed.state == "Completed"
    return claimed


@pytest.fixture
def attempt(paid: Payout, plain_sandbox: SandboxServer) -> PayoutAttempt:
    """The attempt that paid, with its preimage as the wallet's records show it."""
    found = paid.attempts.get()
    preimage = plain_sandbox.payments(found.payment_hash)[0]["preimage"]
    PayoutAttempt.objects.filter(pk=found.pk).update(preimage=preimage)
    found.refresh_from_db()
    return found


def address(payout: Payout) -> str:
    return f"/p/receipt/{payout.pk}"


def test_it_shows_hash_preimage_and_the_invoice_s_own_fields(
    client: Client, paid: Payout, attempt: PayoutAttempt
) -> None:
    answer = client.get(address(paid))
    page = html.unescape(answer.content.decode())
    receipt = receipt_of(paid)
    assert receipt is not None
    assert receipt.invoice is not None
    for shown in (
        attempt.payment_hash, attempt.preimage, attempt.bolt11, receipt.invoice.payee, "20,000\N{NO-BREAK SPACE}sat",
        "Thanks, Anna", paid.store.name,
    ):  # fmt: skip
        assert shown in page
    assert (answer["Cache-Control"], answer["Referrer-Policy"]) == ("no-store", "same-origin")
    assert "data-preimage" in page


def test_the_server_computes_it_and_says_so_in_words_and_as_json(
    client: Client, paid: Payout, attempt: PayoutAttempt
) -> None:
    page = client.post(address(paid)).content.decode()
    assert 'data-server="proved">' in page
    assert 'data-server="not-proved" hidden' in page
    assert client.post(address(paid), headers={"Accept": "application/json"}).json() == {"says": "proved"}


@pytest.mark.parametrize("preimage", ["00" * 32, "ff", "no hex at all"])
def test_a_preimage_that_does_not_fit_proves_nothing(
    client: Client, paid: Payout, attempt: PayoutAttempt, preimage: str
) -> None:
    PayoutAttempt.objects.filter(pk=attempt.pk).update(preimage=preimage)
    assert client.post(address(paid), headers={"Accept": "application/json"}).json() == {"says": "not-proved"}
    assert 'data-server="not-proved">' in client.post(address(paid)).content.decode()


def test_the_row_s_hash_alone_is_not_believed(client: Client, paid: Payout, attempt: PayoutAttempt) -> None:
    other = "11" * 32
    forged = hashlib.sha256(bytes.fromhex(other)).hexdigest()
    PayoutAttempt.objects.filter(pk=attempt.pk).update(preimage=other, payment_hash=forged)
    assert client.post(address(paid), headers={"Accept": "application/json"}).json() == {"says": "not-proved"}


def test_an_invoice_that_cannot_be_read_proves_nothing(client: Client, paid: Payout, attempt: PayoutAttempt) -> None:
    PayoutAttempt.objects.filter(pk=attempt.pk).update(bolt11="lnbcrt1broken")
    assert "cannot be read" in client.get(address(paid)).content.decode()
    assert client.post(address(paid), headers={"Accept": "application/json"}).json() == {"says": "not-proved"}


def test_without_the_preimage_it_says_that_it_will_come(client: Client, paid: Payout) -> None:
    PayoutAttempt.objects.update(preimage="")
    page = client.get(address(paid)).content.decode()
    assert "The wallet has not shown it" in page
    assert "data-verify" not in page
    assert client.post(address(paid), headers={"Accept": "application/json"}).json() == {"says": "no-preimage"}


def test_before_it_is_paid_there_is_no_proof(client: Client, claimed: Payout) -> None:
    page = client.get(address(claimed)).content.decode()
    assert "There is a receipt as soon as it has arrived" in page
    assert client.post(address(claimed)).status_code == 200
    assert "data-verify" not in page


def test_a_stranger_s_guess_finds_nothing(client: Client, paid: Payout) -> None:
    guess = paid.pk[:-1] + ("2" if paid.pk[-1] != "2" else "3")
    assert client.get(f"/p/receipt/{guess}").status_code == 404
    assert client.get("/p/receipt/short").status_code == 404


def test_claim_page_and_dashboard_lead_to_it(client: Client, paid: Payout, connected_store: Store) -> None:
    assert f'href="{address(paid)}"' in client.get(f"/p/{paid.pull_payment_id}/{paid.pk}").content.decode()
    client.force_login(connected_store.memberships.get().user)
    assert f'href="{address(paid)}"' in client.get(f"/stores/{connected_store.pk}/payouts/{paid.pk}").content.decode()
