"""One GraphQL call: who makes it, over what, and whether it may read a field."""

from dataclasses import dataclass, field
from typing import Literal

from graphql import GraphQLResolveInfo

from flashpay.sandbox.accounts import Account, Wallet
from flashpay.sandbox.graph.troubles import TopLevel, Trouble, unexpected
from flashpay.sandbox.graph.wallet_view import ShownWallet, wallet_routed, wallet_shown
from flashpay.sandbox.service import Sandbox

CredentialKind = Literal["none", "session", "key"]


@dataclass
class Call:
    sandbox: Sandbox
    transport: Literal["http", "ws"]
    credential: CredentialKind = "none"
    account: Account | None = None
    capable: bool = False
    operations: frozenset[str] = field(default_factory=frozenset)

    def require(self, scope: str) -> Account:
        """The account of the credential, if it may do `scope`. Raises TopLevel."""
        if self.account is None:
            raise TopLevel("Not authorized", "NOT_AUTHORIZED")
        if self.credential == "key" and scope not in self.account.scopes and "admin" not in self.account.scopes:
            raise TopLevel(f"API key missing required scope: {scope}", "NOT_AUTHORIZED")
        return self.account

    @property
    def cutover(self) -> str:
        cutover: str = self.sandbox.switches.peek("cutover")
        return cutover

    def shown(self, account: Account) -> ShownWallet:
        """The account's cash wallet as this client sees it. Raises TopLevel."""
        try:
            return wallet_shown(account, cutover=self.cutover, is_capable=self.capable)
        except Trouble as trouble:
            raise TopLevel(trouble.message, trouble.code or "") from trouble

    def own_wallet(self, account: Account, wallet_id: str, *, routed: bool = True) -> Wallet:
        """The wallet an own operation works on. Raises Trouble for a wallet that is not there or not the account's."""
        wallet = self.sandbox.accounts.wallet(wallet_id)
        if wallet is None:
            raise Trouble(unexpected("CouldNotFindWalletFromIdError"))
        if wallet.account_id != account.id:
            raise Trouble(unexpected("InvalidWalletForAccountError"))
        if not account.active:
            raise Trouble("Account is inactive.", "INVALID_INPUT")
        return self._routed(account, wallet_id) if routed else wallet

    def recipient_wallet(self, wallet_id: str) -> Wallet:
        """The wallet of somebody else that is to receive. Raises Trouble."""
        account = self.sandbox.accounts.by_wallet(wallet_id)
        if account is None:
            raise Trouble(unexpected("CouldNotFindWalletFromIdError"))
        if not account.active:
            raise Trouble("Account is inactive.", "INVALID_INPUT")
        return self._routed(account, wallet_id)

    def _routed(self, account: Account, wallet_id: str) -> Wallet:
        wallet = self.sandbox.accounts.wallet(wallet_routed(account, wallet_id, cutover=self.cutover))
        assert wallet is not None
        return wallet


def call_of(info: GraphQLResolveInfo) -> Call:
    call: Call = info.context
    return call
