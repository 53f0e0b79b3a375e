"""One run: a town is built, claims and blows rain on it, it is left in peace, and then it is judged."""

from __future__ import annotations

import itertools
import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import psycopg
from django.db import connection

from flashpay.money.currencies import SAT, Currency, currency_get
from flashpay.stores.models import Store, User
from flashpay.stores.services import api_key_create
from payouts.models import AttemptState, Payout, PayoutState
from payouts.services import Terms, payout_policy_update, pull_payment_create
from tests import cast
from tests.chaos.blows import Attacker
from tests.chaos.books import Books
from tests.chaos.claiming import Claimer, Purse
from tests.chaos.faults import Saboteur
from tests.chaos.gates import gates_installed
from tests.chaos.plan import Plan
from tests.chaos.recipients import Kind, Outcome, PayServices, Recipient, recipient_make
from tests.chaos.town import Town
from tests.chaos.verdict import Verdict, judge
from tests.sandbox_server import SandboxServer

ALICE = "alice@example.com"
# Claims lie just above the wallets' minimum of 10,000 sat, so that thousands fit into one sandbox wallet.
SATS = (10_000, 14_000)
LIVES_S = (3600, 3600, 3600, 3600, 600, 90)
RECIPIENTS_AT_ONCE = 8
_CLAIMS_A_PURSE = 25
_SPELL_EVERY_S = 20.0
_KINDS = {
    Kind.WITHDRAW: 30,
    Kind.INVOICE: 15,
    Kind.OPEN_INVOICE: 10,
    Kind.ADDRESS: 15,
    Kind.LNURL_PAY: 15,
    Kind.MERCHANT: 15,
}


class Run:
    """Everything one run needs; `say` prints progress."""

    def __init__(
        self,
        plan: Plan,
        *,
        owner: User,
        sandbox: SandboxServer,
        town: Town,
        database_url: str,
        say: Callable[[str], None],
    ) -> None:
        self.plan, self.sandbox, self.town, self.say = plan, sandbox, town, say
        self.dice = random.Random(plan.seed)
        self.database_url = database_url
        self.over = threading.Event()
        self.cents_per_sat = Decimal(sandbox.api("GET", "/api/price")["btc_usd"]) / 1_000_000
        self.stores = [self._store(owner, number) for number in range(plan.stores)]
        self.purses = [self._purse(number) for number in range(max(6, plan.count // _CLAIMS_A_PURSE))]
        self.claimer = Claimer(
            url=town.url, sandbox=sandbox, api_key=api_key_create(user=owner, store=None)[1], seed=plan.seed + 1
        )
        self.saboteur = Saboteur(sandbox, plan.seed + 2)
        self.recipients: list[Recipient] = []
        self.books = Books(sandbox)

    def run(self) -> Verdict:
        began = time.monotonic()
        with (
            self._database() as for_blows,
            self._database() as for_gates,
            gates_installed(for_gates),
            PayServices(self.sandbox) as services,
        ):
            attacker = Attacker(self.town, for_blows, seed=self.plan.seed + 3, exact_kills=self.plan.exact_kills)
            blows = threading.Thread(target=attacker.run, kwargs={"every_s": self.plan.blow_every_s, "over": self.over})
            spells = threading.Thread(target=self._spells)
            blows.start()
            spells.start()
            try:
                self._claims(services)
            finally:
                self.over.set()
                blows.join()
                spells.join()
            claimed = time.monotonic()
            injected = self.saboteur.stop()
            self.say("No more faults and blows; the town is left in peace.")
            self._drain()
            drained = time.monotonic()
            verdict = Verdict(self.recipients, injected, attacker.count + self.town.crashes, attacker.diary)
            judge(verdict, stores=self.stores, sandbox=self.sandbox, books=self.books)
        self.claimer.close()
        verdict.seconds = {
            "under fire": claimed - began,
            "until stable": drained - claimed,
            "in all": time.monotonic() - began,
        }
        return verdict

    # The town's stores and what can be claimed there

    def _store(self, owner: User, number: int) -> Store:
        """The last one prices in another currency, and its wallet has too little until the middle of the run."""
        last = number == self.plan.stores - 1
        store = cast.store_make(owner, name=f"Shop {number}", default_currency="JMD" if last else "USD")
        enough = int(self.cents_per_sat * SATS[1] * self.plan.count)
        cast.wallet_give(store, self.sandbox, balance_cents=enough // (20 * self.plan.stores) if last else enough)
        payout_policy_update(store=store, actor=ALICE, minimum_policy="refuse", review_after_s=self.plan.review_after_s)
        return store

    def _purse(self, number: int) -> Purse:
        """Sats and dollars, a limit on the number of claims, an approval by hand; each worth a little less than is asked."""
        store = self.stores[number % len(self.stores)]
        currency: Currency = (SAT, currency_get("USD"), SAT, currency_get("USD"), SAT, SAT)[number % 6]
        sat = 12_000 * (_CLAIMS_A_PURSE - 3)
        amount = sat if currency.is_bitcoin else int(sat * self.cents_per_sat)
        by_hand = number % 6 == 4
        pull_payment = pull_payment_create(
            store=store,
            amount=amount,
            currency=currency,
            name=f"Prize {number}",
            actor=ALICE,
            auto_approve=not by_hand,
            terms=Terms(maximum_claims=_CLAIMS_A_PURSE - 8 if number % 6 == 5 else None),
        )
        return Purse(pull_payment, currency, by_hand, self.cents_per_sat)

    # Under fire

    def _claims(self, services: PayServices) -> None:
        """Every recipient claims at a moment of the plan; a few at the same time."""
        began = time.monotonic()
        kinds, weights = list(_KINDS), list(_KINDS.values())
        chosen = [self.dice.choices(kinds, weights)[0] for _ in range(self.plan.count)]
        moments = sorted(self.dice.uniform(0, self.plan.claims_s) for _ in chosen)
        done = itertools.count(1)

        def visit(number: int, kind: Kind, dice: random.Random) -> None:
            try:
                self._visit(number, kind, services, dice)
                self._tell(next(done), began)
            finally:
                connection.close()

        with ThreadPoolExecutor(RECIPIENTS_AT_ONCE) as people:
            visits = []
            for number, (kind, moment) in enumerate(zip(chosen, moments, strict=True)):
                threading.Event().wait(max(0.0, began + moment - time.monotonic()))
                visits.append(people.submit(visit, number, kind, random.Random(f"{self.plan.seed}-{number}")))
            for each in visits:
                each.result()

    def _visit(self, number: int, kind: Kind, services: PayServices, dice: random.Random) -> None:
        purse = dice.choice(self.purses)
        life_s = dice.choice(LIVES_S)
        if dice.random() < self.plan.faulty_share:
            self.saboteur.one_fault(no_amount=kind is Kind.OPEN_INVOICE)
        recipient = recipient_make(
            number,
            kind,
            dice.randint(*SATS) if purse.currency.is_bitcoin else dice.randint(SATS[0] + 500, SATS[1]),
            sandbox=self.sandbox,
            services=services,
            life_s=life_s,
            broken_first=int(dice.random() < 0.1),
        )
        self.recipients.append(recipient)
        if kind is Kind.MERCHANT:
            self.claimer.merchant_pays(recipient, dice.choice(self.stores))
        else:
            self.claimer.claim(recipient, purse, life_s=life_s)
        if recipient.outcome is Outcome.ACCEPTED:
            self._afterwards(recipient, approve=purse.by_hand and kind is not Kind.MERCHANT, dice=dice)

    def _afterwards(self, recipient: Recipient, *, approve: bool, dice: random.Random) -> None:
        """The merchant approves most of what waits for it, and calls off a few, in a race with their sending."""
        if approve and dice.random() < 0.9:
            self.claimer.api("POST", f"/payouts/{self._payout_id(recipient)}", {"revision": 0})
        if dice.random() < 0.06:
            threading.Event().wait(dice.choice((0.0, 0.0, 0.05, 0.2, 1.0)))
            answer = self.claimer.api("DELETE", f"/payouts/{self._payout_id(recipient)}")
            recipient.cancelled = answer is not None and answer.status_code == 200

    @staticmethod
    def _payout_id(recipient: Recipient) -> str:
        if not recipient.payout_id:
            recipient.payout_id = Payout.objects.values_list("pk", flat=True).get(destination=recipient.destination)
        return recipient.payout_id

    def _tell(self, done: int, began: float) -> None:
        if done == self.plan.count // 2:
            self._fund_the_poor()
        if done % max(1, self.plan.count // 20) == 0:
            self.books.read_on()
            states = dict(_states(self.stores))
            self.say(f"{time.monotonic() - began:4.0f} s  {done:,} claims  {states}")

    def _fund_the_poor(self) -> None:
        poor = self.stores[-1].wallet_connections.get()
        cents = int(self.cents_per_sat * SATS[1] * self.plan.count)
        self.sandbox.api("POST", f"/api/accounts/{poor.username}/fund", {"cents": cents})

    def _spells(self) -> None:
        while not self.over.wait(_SPELL_EVERY_S):
            self.saboteur.spell(self.over)

    # In peace

    def _drain(self) -> None:
        """Wait until nothing waits to be sent and what is in flight is in review, or the plan's bound."""
        give_up_at = time.monotonic() + self.plan.drain_s
        told = 0.0
        while time.monotonic() < give_up_at:
            self.books.read_on()
            found = Payout.objects.filter(store__in=self.stores)
            waiting = found.filter(state=PayoutState.AWAITING_PAYMENT).count()
            asked = found.filter(state=PayoutState.IN_PROGRESS, needs_review=False).count()
            if not waiting and not asked and not found.filter(attempts__state=AttemptState.SENT).exists():
                return
            if time.monotonic() - told > 10:
                told = time.monotonic()
                self.say(f"  {waiting} wait to be sent, {asked} in flight and not in review yet")
            time.sleep(0.5)

    @contextmanager
    def _database(self) -> Iterator[psycopg.Connection]:
        with psycopg.connect(self.database_url, autocommit=True) as opened:
            yield opened


def _states(stores: list[Store]) -> Iterator[tuple[str, int]]:
    found = list(Payout.objects.filter(store__in=stores).values_list("state", flat=True))
    for state in PayoutState.values:
        yield state, found.count(state)


def chaos(
    plan: Plan, *, owner: User, sandbox: SandboxServer, folder: Path, static_root: str, say: Callable[[str], None]
) -> Verdict:
    """Run `plan` on the test's own PostgreSQL database and return what came of it."""
    url = database_url()
    sandbox.api("POST", "/api/reset")
    sandbox.switch(feed_rows=plan.feed_rows)
    with Town(folder, url, static_root) as town:
        return Run(plan, owner=owner, sandbox=sandbox, town=town, database_url=url, say=say).run()


def database_url() -> str:
    """The address of the test's own database, with at least one parameter, so that more can be added with `&`."""
    head, _, query = os.environ["DATABASE_URL"].partition("?")
    return f"{head.rpartition('/')[0]}/{connection.settings_dict['NAME']}?{query or 'connect_timeout=10'}"
