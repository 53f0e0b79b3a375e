"""Transactions, with all the peculiarities of Flash's feed: no hash, no memo, cursors it does not accept itself."""

import hashlib
import re
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from ariadne import QueryType
from graphql import GraphQLResolveInfo

from flashpay.sandbox.accounts import UCENT_PER_CENT, Account
from flashpay.sandbox.graph.account_fields import account_type, wallet_type
from flashpay.sandbox.graph.call import Call, call_of
from flashpay.sandbox.graph.scalars import Invalid
from flashpay.sandbox.graph.troubles import PROVIDER, TopLevel, unexpected
from flashpay.sandbox.graph.wallet_view import ShownWallet
from flashpay.sandbox.store import Row

ROWS_MAX = 100
_CURSOR = re.compile(r"[0-9a-f]{24}")

query = QueryType()


@account_type.field("transactions")
def resolve_account_transactions(
    account: Account, info: GraphQLResolveInfo, walletIds: list[str | Invalid] | None = None, **page: Any
) -> dict[str, Any]:
    call = call_of(info)
    call.require("read:transactions")
    known = [
        account.usdt_wallet_id,
        account.usd_wallet_id,
    ]  # the old USD rows follow the USDT rows, whatever their dates
    for wallet_id in walletIds or []:
        if isinstance(wallet_id, Invalid):
            raise TopLevel(wallet_id.message)
        if wallet_id not in known:
            raise TopLevel(unexpected("InvalidWalletId"))
    return _connection(call, known if call.cutover == "COMPLETE" else [account.usd_wallet_id], **page)


@wallet_type.field("transactions")
def resolve_wallet_transactions(wallet: ShownWallet, info: GraphQLResolveInfo, **page: Any) -> dict[str, Any]:
    call = call_of(info)
    call.require("read:transactions")
    legacy = [wallet.account.usd_wallet_id] if wallet.behind != wallet.account.usd_wallet_id else []
    return _connection(call, [wallet.behind, *legacy], **page)


def _connection(
    call: Call,
    wallet_ids: list[str],
    *,
    first: int | None = None,
    last: int | None = None,
    after: str | None = None,
    before: str | None = None,
) -> dict[str, Any]:
    switches = call.sandbox.switches
    cursors_work = switches.take("cursors", call.operations) == "accepted"
    for name, cursor in (("after", after), ("before", before)):
        if cursor is not None and not cursors_work and not _CURSOR.fullmatch(cursor):
            raise TopLevel(f'Argument "{name}" must be a valid cursor')
    for name, count in (("first", first), ("last", last)):
        if count is not None and not 0 < count <= ROWS_MAX:
            raise TopLevel(f'Argument "{name}" must be between 1 and {ROWS_MAX}')
    limit = min(first or last or ROWS_MAX, switches.take("feed_rows", call.operations))
    nodes = []
    if not switches.take("feed_empty", call.operations) and not switches.take("ibex_outage", call.operations):
        for wallet_id in wallet_ids:
            wallet = call.sandbox.accounts.wallet(wallet_id)
            assert wallet is not None
            # Flash never forwards the cursor; only the switch gives a feed that can be leafed through.
            rows = call.sandbox.ledger.feed(wallet_id, limit=10_000 if cursors_work else limit)
            nodes += [_node(call, row, wallet.currency) for row in rows]
    ids = [node["id"] for node in nodes]
    if after in ids:
        nodes = nodes[ids.index(after) + 1 :]
    edges = [{"cursor": node["id"], "node": node} for node in nodes[:limit]]
    return {
        "edges": edges,
        "pageInfo": {
            "hasNextPage": len(nodes) > limit,
            "hasPreviousPage": False,
            "startCursor": edges[0]["cursor"] if edges else None,
            "endCursor": edges[-1]["cursor"] if edges else None,
        },
    }


def _dollars(ucent: int) -> Decimal:
    return Decimal(ucent) / UCENT_PER_CENT / 100


def _amount_shown(ucent: int, currency: str) -> Decimal:
    """Whole cents in USDT rows, but dollars in USD rows: Flash passes on what its provider says."""
    if currency == "USD":
        return _dollars(ucent)
    return (Decimal(ucent) / UCENT_PER_CENT).quantize(Decimal(1), ROUND_HALF_EVEN)


def _plain(value: Decimal) -> str:
    return f"{value.normalize():f}"


def _node(call: Call, row: Row, currency: str) -> dict[str, Any]:
    sat_per_usd = call.sandbox.prices.sat_per_usd
    return {
        "id": row["id"],
        "status": "SUCCESS",
        "direction": row["direction"],
        "memo": None,
        "createdAt": row["settled_at"],
        "settlementAmount": _amount_shown(row["amount"], currency),
        "settlementFee": _amount_shown(row["fee"], currency),
        "settlementCurrency": currency,
        "settlementDisplayAmount": _plain(_dollars(row["amount"])),
        "settlementDisplayFee": _plain(_dollars(row["fee"])),
        "settlementDisplayCurrency": "USD",
        "settlementPrice": {
            "base": sat_per_usd,
            "offset": 0,
            "currencyUnit": "MINOR",
            "formattedAmount": str(sat_per_usd),
        },
        "initiationVia": {"paymentHash": ""},
        "settlementVia": {"preImage": None, "paymentSecret": None},
    }


@query.field("transactionDetails")
def resolve_details(_: Any, info: GraphQLResolveInfo, input: dict[str, Any]) -> dict[str, Any]:
    call = call_of(info)
    call.require("read:transactions")
    if call.sandbox.switches.take("ibex_outage", call.operations):
        return {"errors": [{"message": PROVIDER}], "transactionDetails": None}
    row = call.sandbox.ledger.feed_row(input["transactionId"])
    wallet = call.sandbox.accounts.wallet(row["wallet_id"]) if row else None
    if row is None or wallet is None:
        return {"errors": [{"message": "Transaction not found"}], "transactionDetails": None}
    at = datetime.fromtimestamp(row["settled_at"], UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    shown = call.sandbox.switches.take("details", call.operations) if row["direction"] == "SEND" else "full"
    details = {
        "id": row["id"],
        "accountId": row["wallet_id"],
        "amount": abs(float(_dollars(row["amount"]))),
        "fee": float(_dollars(row["fee"])),
        "currency": wallet.currency,
        "status": "SUCCESS",
        "type": "LIGHTNING",
        "createdAt": at,
        "updatedAt": at,
    }
    if shown != "bare":
        details |= {
            "invoice": row["bolt11"],
            "paymentHash": row["payment_hash"],
            "paymentPreimage": row["preimage"] if shown == "full" else hashlib.sha256(row["id"].encode()).hexdigest(),
            "memo": row["memo"],
        }
    return {"errors": [], "transactionDetails": details}
