"""Holding a table's rows against everything that can be known before anything is sent. Reads alone; nobody is asked but the
price of a currency, and that as a rule from the cache."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from flashpay.money.amounts import MSAT_PER_SAT, amount_format, amount_parse, msat_format
from flashpay.money.currencies import Currency, currency_get
from flashpay.money.errors import MoneyError
from flashpay.money.rates import Rate
from flashpay.refusals import Refusal
from flashpay.stores.models import PaymentHash, Store, WalletConnection
from flashpay.stores.rates import rate_get
from payouts.batches.models import LONGEST_NOTE, LONGEST_REFERENCE
from payouts.batches.reading import Row
from payouts.models import PayoutPolicy
from payouts.selectors import sending_wallet_of
from payouts.services.claims import invoice_usable
from payouts.services.covering import debit_expected, fee_reserve
from payouts.services.policies import approvals_by_rule, policy_of
from payouts.services.sizing import Claim, claim_size
from payouts.services.targets import Target, target_read

# Payment hashes asked for in one query; far below what any database takes.
_HASHES_AT_ONCE = 500


@dataclass
class CheckedRow:
    """A row and what it comes to. With `problems` it cannot be paid; `notices` are worth a look and stop nothing."""

    row: Row
    target: Target | None = None
    currency: Currency | None = None
    claim: Claim | None = None
    approvals_needed: int = 0
    problems: list[str] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Sum:
    """What the rows in one currency come to, in its minor units and in msat."""

    currency: Currency
    count: int
    amount: int
    amount_msat: int


@dataclass(frozen=True)
class Checked:
    """A whole table: its rows in their order, and what the payable ones take from the wallet.

    `debit_cents` and `fee_cents` are US cents, as the wallet counts: what the payments are expected to take, and what is
    kept back for fees and exchange; None without a price.
    """

    rows: list[CheckedRow]
    sums: list[Sum]
    amount_msat: int
    debit_cents: Decimal | None
    fee_cents: Decimal | None
    wallet: WalletConnection

    @property
    def bad(self) -> list[CheckedRow]:
        return [checked for checked in self.rows if checked.problems]

    @property
    def awaiting_approval(self) -> int:
        return sum(1 for checked in self.rows if checked.approvals_needed and not checked.problems)

    @property
    def needed_cents(self) -> Decimal | None:
        return None if self.debit_cents is None else self.debit_cents + (self.fee_cents or 0)

    @property
    def short(self) -> bool:
        """Whether the wallet, as it was last seen, holds less than all of it takes."""
        balance = self.wallet.balance_cents
        return self.needed_cents is not None and balance is not None and balance < self.needed_cents


def rows_check(*, store: Store, rows: Sequence[Row], now: datetime) -> Checked:
    """Look at every row by itself, and at the rows together. Raises Refusal for a store whose wallet cannot pay."""
    wallet = sending_wallet_of(store)
    checker = _Checker(store, wallet, policy_of(store), now)
    checked = [checker.check(row) for row in rows]
    _mark_used(checked)
    _mark_repeated(checked)
    payable = [each for each in checked if not each.problems]
    amount_msat = sum(each.claim.amount_msat for each in payable if each.claim)
    debit = debit_expected(amount_msat)
    fee = None if debit is None else fee_reserve(debit)
    return Checked(checked, _sums(payable), amount_msat, debit, fee, wallet)


class _Checker:
    """One look at a table: the time, the wallet and each currency's price are the same for all its rows."""

    def __init__(self, store: Store, wallet: WalletConnection, policy: PayoutPolicy, now: datetime) -> None:
        self._store, self._wallet, self._policy, self._now = store, wallet, policy, now
        self._rates: dict[str, Rate | MoneyError] = {}

    def check(self, row: Row) -> CheckedRow:
        checked = CheckedRow(row)
        if row.extra:
            checked.problems.append(
                "There are more cells here than columns. Put an amount with a comma in quotation marks."
            )
        if len(row.reference) > LONGEST_REFERENCE:
            checked.problems.append(f"The reference may have {LONGEST_REFERENCE} characters.")
        if len(row.note) > LONGEST_NOTE:
            checked.problems.append(f"The note may have {LONGEST_NOTE} characters.")
        # Both ends are looked at, so that one correction is enough.
        for step in (self._destination, self._amount):
            try:
                step(checked)
            except (Refusal, MoneyError) as refused:
                checked.problems.append(refused.sentence)
        return checked

    def _destination(self, checked: CheckedRow) -> None:
        if not checked.row.destination:
            raise Refusal("invalid-destination", "There is no destination here.")
        target = target_read(checked.row.destination)
        if target.invoice is not None:
            invoice_usable(target.invoice, self._wallet, True, self._now)
        checked.target = target

    def _amount(self, checked: CheckedRow) -> None:
        row, target = checked.row, checked.target
        currency = checked.currency = currency_get(row.currency or self._store.default_currency)
        minor = amount_parse(row.amount, currency) if row.amount else None
        if target is None:
            return
        if minor is None and target.amount_is_ours:
            raise Refusal("invalid-amount", "There is no amount here, and the destination names none.")
        rate = None if currency.is_bitcoin else self._rate(currency)
        claim = claim_size(target=target, currency=currency, rate=rate, amount=minor, remaining=None)
        if claim.amount_msat < self._wallet.minimum_sat * MSAT_PER_SAT:
            least = msat_format(self._wallet.minimum_sat * MSAT_PER_SAT)
            is_over = msat_format(claim.amount_msat)
            raise Refusal("amount-too-low", f"The smallest amount that can be paid out is {least}; this is {is_over}.")
        if minor is not None and claim.amount < minor:
            asked = amount_format(claim.amount, currency)
            checked.notices.append(f"The invoice asks for {asked}. That is what is paid, not the amount in the table.")
        checked.claim = claim
        checked.approvals_needed = approvals_by_rule(self._policy, claim.amount_msat)

    def _rate(self, currency: Currency) -> Rate:
        if currency.code not in self._rates:
            try:
                self._rates[currency.code] = rate_get(currency)
            except MoneyError as error:
                self._rates[currency.code] = error
        found = self._rates[currency.code]
        if isinstance(found, MoneyError):
            raise found
        return found


def _mark_used(checked: list[CheckedRow]) -> None:
    """Invoices that belong to an earlier payout, or to this installation itself."""
    by_hash = {each.target.invoice.payment_hash: each for each in checked if each.target and each.target.invoice}
    hashes = list(by_hash)
    for start in range(0, len(hashes), _HASHES_AT_ONCE):
        for known in PaymentHash.objects.filter(payment_hash__in=hashes[start : start + _HASHES_AT_ONCE]):
            ours = known.owner == "invoice"
            sentence = (
                "This is an invoice of this shop itself." if ours else "This invoice was used for a payout before."
            )
            by_hash[known.payment_hash].problems.append(sentence)


def _mark_repeated(checked: list[CheckedRow]) -> None:
    """The same invoice, or the same payment under the same reference, twice in one table: most likely a slip."""
    invoices: dict[str, int] = {}
    payments: dict[tuple[str, str, int, str], int] = {}
    for each in checked:
        target, claim, row = each.target, each.claim, each.row
        if target is None:
            continue
        if target.invoice is not None:
            first = invoices.setdefault(target.invoice.payment_hash, row.line)
            if first != row.line:
                each.problems.append(f"The same invoice stands in row {first}. An invoice can be paid once.")
            continue
        if claim is None or each.currency is None:
            continue
        first = payments.setdefault((target.text, each.currency.code, claim.amount, row.reference), row.line)
        if first != row.line:
            each.problems.append(
                f"The same payment stands in row {first}. Drop one, or give the two different references."
            )


def _sums(payable: Iterable[CheckedRow]) -> list[Sum]:
    by_code: dict[str, Sum] = {}
    for each in payable:
        if each.currency is None or each.claim is None:
            continue
        so_far = by_code.get(each.currency.code) or Sum(each.currency, 0, 0, 0)
        by_code[each.currency.code] = Sum(
            each.currency,
            so_far.count + 1,
            so_far.amount + each.claim.amount,
            so_far.amount_msat + each.claim.amount_msat,
        )
    return list(by_code.values())
