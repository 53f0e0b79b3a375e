"""Accounts and wallets as queries see them, and the public facts about the service."""

from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from ariadne import InterfaceType, MutationType, ObjectType, QueryType, UnionType
from graphql import GraphQLResolveInfo

from flashpay.sandbox.accounts import Account
from flashpay.sandbox.graph.call import Call, call_of
from flashpay.sandbox.graph.price_fields import realtime_price
from flashpay.sandbox.graph.receiving import inputs_check
from flashpay.sandbox.graph.scalars import Invalid, cents_shown
from flashpay.sandbox.graph.troubles import PROVIDER, TopLevel, Trouble
from flashpay.sandbox.graph.wallet_view import ShownWallet
from flashpay.sandbox.lnurl_text import lnurl_encode
from flashpay.sandbox.prices import CURRENCIES
from flashpay.sandbox.service import Sandbox

query = QueryType()
mutation = MutationType()
user = ObjectType("User")
account_type = InterfaceType("Account")
wallet_type = InterfaceType("Wallet")


@query.field("me")
def resolve_me(_: Any, info: GraphQLResolveInfo) -> Account:
    return call_of(info).require("read:user")


user.set_field("id", lambda account, _info: account.user_id)
user.set_field("defaultAccount", lambda account, _info: account)
user.set_field("createdAt", lambda account, _info: account.created_at)
user.set_field("language", lambda _account, _info: "DEFAULT")
user.set_field("totpEnabled", lambda _account, _info: False)
user.set_field("phone", lambda _account, _info: None)
user.set_field("email", lambda _account, _info: None)
user.set_field("npub", lambda _account, _info: None)

account_type.set_type_resolver(lambda *_: "ConsumerAccount")
account_type.set_field("displayCurrency", lambda account, _info: account.display_currency)
account_type.set_field("level", lambda _account, _info: "TWO")


@account_type.field("defaultWalletId")
def resolve_default_wallet_id(account: Account, info: GraphQLResolveInfo) -> str:
    return call_of(info).shown(account).id


@account_type.field("realtimePrice")
def resolve_account_price(account: Account, info: GraphQLResolveInfo) -> dict[str, Any]:
    return realtime_price(call_of(info), account.display_currency)


@account_type.field("wallets")
def resolve_wallets(account: Account, info: GraphQLResolveInfo) -> list[ShownWallet]:
    call = call_of(info)
    call.require("read:wallet")
    return [call.shown(account)]


wallet_type.set_type_resolver(lambda wallet, *_: {"USD": "UsdWallet", "USDT": "UsdtWallet"}[wallet.currency])
wallet_type.set_field("accountId", lambda wallet, _info: wallet.account.id)
wallet_type.set_field("walletCurrency", lambda wallet, _info: wallet.currency)
wallet_type.set_field("isExternal", lambda _wallet, _info: False)
wallet_type.set_field("pendingIncomingBalance", lambda _wallet, _info: Decimal(0))


@wallet_type.field("balance")
def resolve_balance(wallet: ShownWallet, info: GraphQLResolveInfo) -> Decimal:
    call = call_of(info)
    call.require("read:wallet")
    if call.sandbox.switches.take("ibex_outage", call.operations):
        raise TopLevel(PROVIDER, "IBEX_ERROR")
    behind = call.sandbox.accounts.wallet(wallet.behind)
    assert behind is not None
    return cents_shown(behind.balance, behind.currency)


def lightning_domain(sandbox: Sandbox) -> str:
    return urlsplit(sandbox.base_url).netloc


def lnurlp_of(sandbox: Sandbox, account: Account) -> str:
    return lnurl_encode(f"{sandbox.base_url}/.well-known/lnurlp/{account.username}")


@wallet_type.field("lnurlp")
def resolve_lnurlp(wallet: ShownWallet, info: GraphQLResolveInfo) -> str:
    return lnurlp_of(call_of(info).sandbox, wallet.account)


def _account_named(call: Call, username: str | Invalid) -> Account:
    if isinstance(username, Invalid):
        raise TopLevel(username.message)
    account = call.sandbox.accounts.by_username(username)
    if account is None:
        raise TopLevel(f"Account does not exist for username {username}", "NOT_FOUND")
    return account


@query.field("accountDefaultWallet")
def resolve_default_wallet(
    _: Any, info: GraphQLResolveInfo, username: str | Invalid, walletCurrency: str | None = None
) -> dict[str, Any]:
    call = call_of(info)
    account = _account_named(call, username)
    shown = call.shown(account)
    wallets = {shown.currency: shown.id}
    if call.cutover == "COMPLETE":
        wallets.setdefault("USDT", account.usdt_wallet_id)
        wallets.setdefault("USD", account.usd_wallet_id)
    currency = walletCurrency or shown.currency
    if currency not in wallets:
        raise TopLevel(f"Account does not exist for username {username}", "NOT_FOUND")
    return {"id": wallets[currency], "walletCurrency": currency, "lnurlp": lnurlp_of(call.sandbox, account)}


@query.field("userDefaultWalletId")
def resolve_user_default_wallet_id(_: Any, info: GraphQLResolveInfo, username: str | Invalid) -> str:
    call = call_of(info)
    return call.shown(_account_named(call, username)).id


@query.field("usernameAvailable")
def resolve_username_available(_: Any, info: GraphQLResolveInfo, username: str | Invalid) -> bool:
    if isinstance(username, Invalid):
        raise TopLevel(username.message)
    return call_of(info).sandbox.accounts.by_username(username) is None


@mutation.field("accountUpdateDisplayCurrency")
def resolve_display_currency(_: Any, info: GraphQLResolveInfo, input: dict[str, Any]) -> dict[str, Any]:
    call = call_of(info)
    account = call.require("write:user")
    try:
        inputs_check(input)
        if input["currency"] not in CURRENCIES:
            raise Trouble("Invalid value for DisplayCurrency", "INVALID_INPUT")
    except Trouble as trouble:
        return {"errors": [trouble.payload()], "account": None}
    call.sandbox.accounts.display_currency_set(account_id=account.id, currency=input["currency"])
    return {"errors": [], "account": call.sandbox.accounts.by_id(account.id)}


@query.field("globals")
def resolve_globals(_: Any, info: GraphQLResolveInfo) -> dict[str, Any]:
    sandbox = call_of(info).sandbox
    return {
        "network": sandbox.network,
        "lightningAddressDomain": lightning_domain(sandbox),
        "lightningAddressDomainAliases": [],
        "nodesIds": [],
        "buildInformation": {"commitHash": None, "helmRevision": None},
        "topupEnabled": False,
        "cashoutEnabled": False,
        "bridgeEnabled": False,
        "referralRewardEnabled": False,
    }


@query.field("cashWalletCutover")
def resolve_cutover(_: Any, info: GraphQLResolveInfo) -> dict[str, Any]:
    call = call_of(info)
    return {"state": call.cutover, "cutoverVersion": 1, "updatedAt": call.sandbox.now()}


def always(name: str) -> Any:
    return lambda *_: name


BINDABLES = [
    query,
    mutation,
    user,
    account_type,
    wallet_type,
    InterfaceType("Error", always("GraphQLApplicationError")),
    InterfaceType("PriceInterface", always("PriceOfOneSatInMinorUnit")),
    UnionType("UserUpdate", lambda update, *_: update["__typename"]),
    UnionType("InitiationVia", always("InitiationViaLn")),
    UnionType("SettlementVia", always("SettlementViaLn")),
]
