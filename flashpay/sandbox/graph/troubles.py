"""The sentences and codes in which Flash reports trouble, and the two places where they appear.

Inside a mutation's payload an error has a message and perhaps a code; at top level the code is lost on the way through the router.
"""

from typing import Any

from graphql import GraphQLError

PROVIDER = "An error occurred. Contact support if error persists."
SEND_FAILED = "An unexpected error occurred. Please try again later."
TOO_MANY_INVOICES = "Too many invoices creation, please wait for a while and try again."
BAD_CHECKSUM = "Invoice has an invalid checksum, please check again"
UNDECODABLE = "Invalid lightning request, couldn't decode."
KEY_REUSED = "This idempotency key was already used for a different payment. Use a new key for a new payment."
CUTOVER_RUNNING = "Cash Wallet cutover is in progress. Please try again shortly."
WRONG_CURRENCY = "Unsupported operation for wallet's currency."
NO_BTC_WALLETS = "Flash does not support BTC wallets."
NOT_AUTHENTICATED_SOCKET = "Not Authenticated for subscription"
ONLY_SUBSCRIPTIONS = "Only subscription operations are supported"


def unexpected(name: str) -> str:
    return f"Unexpected error occurred, please try again or contact support if it persists (code: {name})"


class Trouble(Exception):
    """Something Flash answers inside the payload of a mutation."""

    def __init__(self, message: str, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code

    def payload(self) -> dict[str, Any]:
        return {"__typename": "GraphQLApplicationError", "message": self.message, "code": self.code, "path": None}


class TopLevel(GraphQLError):
    """Something Flash answers in the top-level `errors` of the response."""

    def __init__(self, message: str, code: str = "UNKNOWN_CLIENT_ERROR") -> None:
        super().__init__(message, extensions={"code": code})


def provider_trouble() -> Trouble:
    return Trouble(PROVIDER, "IBEX_ERROR")


def through_router(error: GraphQLError, *, with_code: bool) -> dict[str, Any]:
    """A top-level error as it leaves the router: message, path and the service's name; the code only by switch."""
    shown: dict[str, Any] = {"message": error.message}
    if error.path is not None:
        shown["path"] = error.path
    extensions = {"service": "public"}
    if with_code:
        extensions["code"] = (error.extensions or {}).get("code", "INTERNAL_SERVER_ERROR")
    shown["extensions"] = extensions
    return shown
