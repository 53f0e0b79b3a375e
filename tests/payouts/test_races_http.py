"""Many at once over real HTTP, with real workers: one claim wins, one payout is made, one of cancel and send happens."""

from __future__ import annotations

import ipaddress
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from flashpay.money.currencies import SAT
from flashpay.stores.models import Store, User
from flashpay.stores.services import api_key_create
from lnurl.endpoints.withdraw import k1_of
from payouts.models import Payout, PayoutState, PullPayment
from payouts.services import pull_payment_create
from tests.payouts.conftest import ALICE
from tests.payouts.test_crashes import until
from tests.programs import Program
from tests.sandbox_server import SandboxServer

pytestmark = [pytest.mark.postgres, pytest.mark.slow, pytest.mark.django_db(transaction=True)]

CROWD = 50
WITHIN_S = 60.0


@pytest.fixture
def site(start_program: Callable[..., Program], static_files: str) -> str:
    """A real web process behind a proxy, so that each phone comes from an address of its own."""
    from tests.environment import free_port

    port = free_port()
    start_program(
        *("-m", "uvicorn", "flashpay.asgi:application", "--host", "127.0.0.1", "--port", str(port)),
        env={"TRUSTED_PROXIES": "127.0.0.1", "PUBLIC_URL": f"http://127.0.0.1:{port}", "PORT": str(port)},
        ready="Uvicorn running on",
    )
    return f"http://127.0.0.1:{port}"


def link(store: Store, sat: int = 20_000) -> PullPayment:
    return pull_payment_create(store=store, amount=sat, currency=SAT, actor=ALICE)


def callbacks_at_once(site: str, pull_payment: PullPayment, invoices: Sequence[str]) -> list[dict[str, Any]]:
    """One LNURL-withdraw callback for each invoice (LUD-03), all let go in the same moment; what each phone was told."""
    k1 = k1_of(pull_payment)
    address = f"{site}/lnurl/withdraw/{pull_payment.lnurl_token}/{k1}"
    gate = threading.Barrier(len(invoices), timeout=30)

    def call(number: int, pr: str) -> dict[str, Any]:
        phone = {"X-Forwarded-For": str(ipaddress.ip_address(0x0A000001 + number))}
        with httpx.Client(trust_env=False, timeout=30, headers=phone) as client:
            gate.wait()
            answer: dict[str, Any] = client.get(address, params={"k1": k1, "pr": pr}).json()
            return answer

    with ThreadPoolExecutor(len(invoices)) as phones:
        return list(phones.map(call, range(len(invoices)), invoices))


def ended(count: int) -> bool:
    return Payout.objects.filter(state__in=[PayoutState.COMPLETED, PayoutState.CANCELLED]).count() == count


def test_of_fifty_wallets_at_the_last_sats_one_wins_and_is_paid(
    connected_store: Store, plain_sandbox: SandboxServer, site: str, worker: Program
) -> None:
    pull_payment = link(connected_store)
    asked = [plain_sandbox.phone_invoice(20_000) for _ in range(CROWD)]
    answers = callbacks_at_once(site, pull_payment, [each["bolt11"] for each in asked])
    assert Counter(each["status"] for each in answers) == {"OK": 1, "ERROR": CROWD - 1}
    (winner,) = [invoice for invoice, answer in zip(asked, answers, strict=True) if answer["status"] == "OK"]
    plain_sandbox.wait_for_payment(winner["payment_hash"], WITHIN_S)
    until(lambda: ended(1), WITHIN_S)
    assert sum(len(plain_sandbox.payments(each["payment_hash"])) for each in asked) == 1
    pull_payment.refresh_from_db()
    assert (pull_payment.claimed, pull_payment.claims, Payout.objects.count()) == (20_000, 1, 1)


def test_one_invoice_claimed_by_fifty_requests_is_one_payout_paid_once(
    connected_store: Store, plain_sandbox: SandboxServer, site: str, worker: Program
) -> None:
    pull_payment = link(connected_store, 100_000)
    asked = plain_sandbox.phone_invoice(20_000)
    answers = callbacks_at_once(site, pull_payment, [asked["bolt11"]] * CROWD)
    # A wallet that repeats its callback gets the same answer, in the same moment too.
    assert [each for each in answers if each != {"status": "OK"}] == []
    assert len(answers) == CROWD
    plain_sandbox.wait_for_payment(asked["payment_hash"], WITHIN_S)
    until(lambda: ended(1), WITHIN_S)
    pull_payment.refresh_from_db()
    assert (pull_payment.claimed, Payout.objects.count()) == (20_000, 1)
    assert Payout.objects.get().attempts.count() == 1
    assert len(plain_sandbox.payments(asked["payment_hash"])) == 1


def test_an_invoice_that_was_paid_is_never_paid_again(
    connected_store: Store, plain_sandbox: SandboxServer, site: str, worker: Program
) -> None:
    pull_payment, other = link(connected_store, 100_000), link(connected_store, 100_000)
    asked = plain_sandbox.phone_invoice(20_000)
    callbacks_at_once(site, pull_payment, [asked["bolt11"]])
    until(lambda: ended(1), WITHIN_S)
    before = len(sends_of(plain_sandbox, asked["bolt11"]))
    # The wallet's own repetition is told what it was told before; everybody else is refused.
    assert callbacks_at_once(site, pull_payment, [asked["bolt11"]] * 5) == [{"status": "OK"}] * 5
    elsewhere = callbacks_at_once(site, other, [asked["bolt11"]] * 5)
    assert {each["status"] for each in elsewhere} == {"ERROR"}
    assert all("used for a claim before" in each["reason"] for each in elsewhere)
    for each in (pull_payment, other):
        each.refresh_from_db()
    assert (pull_payment.claimed, other.claimed, Payout.objects.count()) == (20_000, 0, 1)
    assert len(sends_of(plain_sandbox, asked["bolt11"])) == before == 1
    assert len(plain_sandbox.payments(asked["payment_hash"])) == 1


def test_cancelling_over_the_api_and_sending_have_one_winner(
    connected_store: Store, alice: User, plain_sandbox: SandboxServer, site: str, worker: Program
) -> None:
    pull_payment = link(connected_store, 1_000_000)
    key = api_key_create(user=alice, store=None)[1]
    headers = {"Authorization": f"token {key}"}
    winners: Counter[str] = Counter()
    with httpx.Client(trust_env=False, timeout=30, headers=headers, base_url=f"{site}/api/v1") as api:
        for number in range(12):
            asked = plain_sandbox.phone_invoice(20_000)
            claimed = api.post(f"/pull-payments/{pull_payment.pk}/payouts", json={"destination": asked["bolt11"]})
            # The worker has the message already; each time the shop's answer comes a little later.
            time.sleep(number * 0.004)
            cancelled = api.delete(f"/payouts/{claimed.json()['id']}").status_code == 200
            until(lambda number=number: ended(number + 1), WITHIN_S)
            state = Payout.objects.values_list("state", flat=True).get(pk=claimed.json()["id"])
            paid = len(plain_sandbox.payments(asked["payment_hash"]))
            assert (cancelled, state, paid) in [(True, "Cancelled", 0), (False, "Completed", 1)]
            winners[state] += 1
    pull_payment.refresh_from_db()
    assert pull_payment.claimed == 20_000 * winners["Completed"]


def sends_of(sandbox: SandboxServer, bolt11: str) -> list[dict[str, Any]]:
    calls = sandbox.api("GET", "/api/log")["calls"]
    return [each for each in calls if "lnInvoicePaymentSend" in each["operations"] and bolt11 in str(each["variables"])]
