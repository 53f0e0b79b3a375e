"""The table of verdicts: one row per case, each argued in `why`. First match wins; no match is UNKNOWN.

What proves that a sending moved nothing, and what does not (from Flash's own source, its router, and HTTP itself):

- nothing was written to the network: proves it;
- a gate before the program refused (authentication, scope, rate limit, GraphQL validation): proves it;
- the program's own checks, made before it calls IBEX (Flash's Lightning service), refused: proves it;
- IBEX said that the balance is too low: proves it, for it checks before it pays;
- anything else, a FAILURE without a reason included, does not.

Each row has a captured answer in `tests/flash/captured/` that it must match.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from flashpay.flash.errors import Outcome, Verdict
from flashpay.flash.operations import Kind
from flashpay.flash.troubles import Failure, Trouble, Where


@dataclass(frozen=True)
class Row:
    """One case. Every condition that is set must hold; `message` is searched for, ignoring case.

    `why` argues the verdict. `wait_s` is how long to wait where Flash names no time.
    """

    name: str
    verdict: Verdict
    sentence: str
    why: str
    where: Where
    kinds: frozenset[Kind] | None = None
    failure: Failure | None = None
    http_status: range | frozenset[int] | None = None
    code: frozenset[str] | None = None
    message: str | None = None
    status: frozenset[str | None] | None = None
    wait_s: int | None = None
    leaning: Outcome | None = None

    def matches(self, kind: Kind, trouble: Trouble) -> bool:
        return (
            trouble.where == self.where
            and (self.kinds is None or kind in self.kinds)
            and (self.failure is None or trouble.failure == self.failure)
            and (self.http_status is None or trouble.http_status in self.http_status)
            and (self.code is None or trouble.code in self.code)
            and (self.message is None or re.search(self.message, trouble.message, re.IGNORECASE) is not None)
            and (self.status is None or trouble.status in self.status)
        )


NOT_SENT, FAILED, UNKNOWN = Verdict.NOT_SENT, Verdict.FAILED, Verdict.UNKNOWN
WAIT, SETTINGS = Verdict.WAIT, Verdict.SETTINGS
SEND = frozenset({Kind.SEND})
NOT_SEND = frozenset(Kind) - SEND

IBEX_CAUSES = (
    "Flash's Lightning service (IBEX) refused without saying why. The usual causes: the amount is below its minimum, "
    "no route to the recipient was found just now, or its node has trouble connecting."
)

_TRANSPORT = (
    Row("not_reached", NOT_SENT, "Flash could not be reached.",
        "The connection itself failed, TLS included; no byte of the request had been written.",
        Where.TRANSPORT, failure=Failure.CONNECT),
    Row("socket_down", NOT_SENT, "The live connection to Flash is down at the moment.",
        "The socket was found closed before the request was written to it.",
        Where.TRANSPORT, failure=Failure.NOT_OPEN),
    Row("listener_absent", NOT_SENT, "The process that holds the live connection to Flash did not take the request.",
        "It was still in the queue when its time was up, and was taken out of the queue again.",
        Where.TRANSPORT, failure=Failure.NOT_TAKEN),
    Row("own_budget", WAIT, "Flash allows only so many requests in a while, and they are used up: "
        "please try again in {wait} seconds.",
        "FlashPay's own count said no before anything was written.",
        Where.TRANSPORT, failure=Failure.WAIT),
    Row("timeout", UNKNOWN, "Flash did not answer in time.",
        "The request had left, or may have; Flash may carry it out without us hearing of it.",
        Where.TRANSPORT, failure=Failure.TIMEOUT),
    Row("dropped", UNKNOWN, "The connection to Flash broke before an answer came.",
        "As with a timeout: Flash may have had the whole request.",
        Where.TRANSPORT, failure=Failure.DROPPED),
    Row("reply_lost", UNKNOWN, "The process that holds the live connection to Flash took the request, "
        "but no answer came back.",
        "It had been taken out of the queue, so it may have been sent.",
        Where.TRANSPORT, failure=Failure.REPLY_LOST),
    Row("unreadable", UNKNOWN, "Flash answered with something that is no GraphQL answer.",
        "A proxy may have replaced the real answer after the work was done.",
        Where.TRANSPORT, failure=Failure.UNREADABLE),
)  # fmt: skip

_HTTP = (
    Row("http_validation", SETTINGS, "Flash does not understand this request any more ({message}); "
        "its interface has changed. The administrator can see what differs with flash_schema_check.",
        "Router and server validate a document before they run any of it, and say so in the code.",
        Where.HTTP, http_status=frozenset({400}),
        code=frozenset({"GRAPHQL_VALIDATION_FAILED", "GRAPHQL_PARSE_FAILED", "PARSING_ERROR"})),
    Row("http_unauthorized", SETTINGS, "Flash does not accept this key or token: it is wrong, expired or revoked. "
        "Please connect the wallet again with a new one.",
        "The gate in front of Flash (nginx and Oathkeeper) answers 401 and 403 instead of passing the request on.",
        Where.HTTP, http_status=frozenset({401, 403})),
    Row("http_not_there", SETTINGS, "There is no Flash service at this address (HTTP {status}). "
        "Please check the server address.",
        "A proxy with nothing behind that path answered; no program got the request.",
        Where.HTTP, http_status=frozenset({404, 405, 410})),
    Row("http_redirect", SETTINGS, "The server address leads somewhere else (HTTP {status}). "
        "Please enter the final address, beginning with https.",
        "Redirects are not followed, so that no credential goes to another host; a redirect carries nothing out.",
        Where.HTTP, http_status=range(300, 400)),
    Row("http_too_many", WAIT, "Flash is getting too many requests from here: please try again in {wait} seconds.",
        "The limit is enforced in front of the program.",
        Where.HTTP, http_status=frozenset({429}), wait_s=60),
    Row("http_503_question", WAIT, "Flash is busy or being serviced: please try again in {wait} seconds.",
        "nginx answers 503 above the address limit. For a question or an invoice, waiting is all it takes.",
        Where.HTTP, kinds=NOT_SEND, http_status=frozenset({503}), wait_s=15),
    Row("http_server_error", UNKNOWN, "Flash has a problem of its own (HTTP {status}).",
        "A 5xx may come from behind as well as from in front, before as well as after the payment.",
        Where.HTTP, http_status=range(500, 600)),
)  # fmt: skip

_ANSWER = (
    Row("api_key_rate_limit", WAIT, "This API key has used up its requests for the moment: "
        "please try again in {wait} seconds.",
        "The limiter's own reply, given before the document is run; the one top-level error that keeps its code.",
        Where.ANSWER, code=frozenset({"TOO_MANY_REQUESTS", "TOO_MANY_REQUEST"}), wait_s=60),
    Row("api_key_rate_limit_worded", WAIT, "This API key has used up its requests for the moment: "
        "please try again in {wait} seconds.",
        "The same reply with its code lost on the way.",
        Where.ANSWER, message=r"rate limit exceeded|^too many invoices creation", wait_s=60),
    Row("subscriptions_only", NOT_SENT, "This Flash service takes only subscriptions over its live connection.",
        "The socket server checks the operation type before it runs anything.",
        Where.ANSWER, message=r"only subscription operations are supported"),
    Row("scope_missing", SETTINGS, "This API key may not do this ({message}). "
        "Please make a new key with that permission and connect it.",
        "The scope is checked before the resolver runs.",
        Where.ANSWER, message=r"missing required scope"),
    Row("api_key_barred", SETTINGS, "Flash does not allow API keys to do this ({message}).",
        "The scope map is checked before the resolver runs.",
        Where.ANSWER, message=r"api keys cannot access"),
    Row("not_authorized", SETTINGS, "Flash does not accept this key or token for this: it is missing, wrong, expired "
        "or revoked. Please connect the wallet again with a new one.",
        "graphql-shield refuses in place of the resolver when the request carries no valid credential.",
        Where.ANSWER, message=r"^not (authori[sz]ed|authenticated)\b|no authorization token"),
    Row("not_authorized_coded", SETTINGS, "Flash does not accept this key or token for this: it is missing, wrong, "
        "expired or revoked. Please connect the wallet again with a new one.",
        "The same where the code survives, as it does over the socket.",
        Where.ANSWER, code=frozenset({"NOT_AUTHENTICATED", "UNAUTHENTICATED"})),
    Row("validation", SETTINGS, "Flash does not understand this request any more ({message}); "
        "its interface has changed. The administrator can see what differs with flash_schema_check.",
        "Validation comes before execution, and says so in the code.",
        Where.ANSWER, code=frozenset({"GRAPHQL_VALIDATION_FAILED", "GRAPHQL_PARSE_FAILED", "PARSING_ERROR"})),
    Row("too_complex", NOT_SENT, "Flash found this request too large ({message}).",
        "The cost of a document is counted before it is run.",
        Where.ANSWER, message=r"exceeds the maximum (cost|complexity)|too (complex|complicated)"),
    Row("username_unknown", SETTINGS, "Flash knows no account of this name ({message}). "
        "Please check how the username is spelled.",
        "A clear answer to a question.",
        Where.ANSWER, kinds=NOT_SEND, message=r"account does not exist for username"),
    Row("invoice_unreadable", FAILED, "Flash cannot read this invoice: it is damaged or not a Lightning invoice.",
        "A clear answer to a question; decoding comes before anything else.",
        Where.ANSWER, kinds=NOT_SEND, message=r"invalid checksum|couldn't decode"),
    Row("price_missing", UNKNOWN, "Flash has no exchange rate to offer at the moment.",
        "Its price feed is down; a rate is not made up.",
        Where.ANSWER, kinds=NOT_SEND, message=r"PriceNotAvailable|price.*(unavailable|not available)"),
    Row("ibex_answer", UNKNOWN, IBEX_CAUSES,
        "The general error of IBEX with its code lost; it says nothing about what was done.",
        Where.ANSWER, message=r"an error occurred\. contact support"),
)  # fmt: skip

_PAYLOAD = (
    Row("insufficient_balance", FAILED, "There is not enough money in the Flash wallet for this amount and its fee.",
        "IBEX compares the balance before it pays, and Flash passes this one reason on by its own code.",
        Where.PAYLOAD, code=frozenset({"INSUFFICIENT_BALANCE"})),
    Row("insufficient_balance_worded", FAILED, "There is not enough money in the Flash wallet for this amount and its fee.",
        "The same words of IBEX, where the code was lost on the way; Flash uses them for nothing else.",
        Where.PAYLOAD, message=r"^insufficient balance"),
    Row("invoice_limit", WAIT, "This Flash account has made as many invoices as it may for now: "
        "please try again in {wait} seconds.",
        "20 invoices in 120 s, then Flash blocks the account for 300 s; the limiter answers before IBEX is asked.",
        Where.PAYLOAD, code=frozenset({"TOO_MANY_REQUEST", "TOO_MANY_REQUESTS"}), wait_s=300),
    Row("invoice_limit_worded", WAIT, "This Flash account has made as many invoices as it may for now: "
        "please try again in {wait} seconds.",
        "The same where the code was lost on the way.",
        Where.PAYLOAD, message=r"^too many invoices creation", wait_s=300),
    Row("undecodable", FAILED, "Flash cannot read this invoice: it is damaged or not a Lightning invoice.",
        "The invoice is decoded before IBEX is asked.",
        Where.PAYLOAD, code=frozenset({"INVOICE_DECODE_ERROR"})),
    Row("undecodable_worded", FAILED, "Flash cannot read this invoice: it is damaged or not a Lightning invoice.",
        "The same where the code was lost on the way.",
        Where.PAYLOAD, message=r"^invoice has an invalid checksum|^invalid lightning request, couldn't decode"),
    Row("account_inactive", SETTINGS, "This Flash account is not active. Please ask Flash what it needs from you.",
        "The account is checked before IBEX is asked.",
        Where.PAYLOAD, message=r"^account is inactive"),
    Row("wrong_currency", SETTINGS, "This Flash wallet's currency cannot do this. Please choose the USD or USDT wallet.",
        "The wallet's currency is checked before IBEX is asked.",
        Where.PAYLOAD, message=r"^unsupported operation for wallet's currency"),
    Row("cutover", WAIT, "Flash is moving this account to its new kind of wallet: please try again in {wait} seconds.",
        "The guard of the cutover stands before every wallet operation.",
        Where.PAYLOAD, message=r"^cash wallet cutover is in progress", wait_s=60),
    Row("migration", SETTINGS, "Flash could not move this account to its new kind of wallet by itself. "
        "Please ask Flash's support to finish it.",
        "The guard of the cutover stands before every wallet operation.",
        Where.PAYLOAD, message=r"^cash wallet migration needs support"),
    Row("key_reused", UNKNOWN, "Flash has seen this payment's key before, with other details.",
        "An earlier request under the same key may have paid.",
        Where.PAYLOAD, kinds=SEND, message=r"idempotency key was already used"),
    Row("key_busy", UNKNOWN, "Flash is still working on this same payment.",
        "The first request under this key is in flight; asking again later with the same key tells how it ended.",
        Where.PAYLOAD, kinds=SEND, message=r"ResourceAttemptsLockServiceError"),
    Row("wallet_not_found", SETTINGS, "Flash knows no such wallet. Please connect the wallet again.",
        "The wallet is looked up before the resolver runs.",
        Where.PAYLOAD, message=r"\(code: CouldNotFindWalletFromIdError"),
    Row("wallet_not_ours", SETTINGS, "This wallet belongs to another Flash account. Please connect the wallet again.",
        "The wallet's owner is compared before the resolver runs.",
        Where.PAYLOAD, message=r"\(code: InvalidWalletForAccountError"),
    Row("wallet_id_invalid", SETTINGS, "The wallet's id is not one of Flash's. Please connect the wallet again.",
        "A malformed argument is returned before the wallet is even looked up.",
        Where.PAYLOAD, message=r"^invalid value for WalletId"),
    Row("argument_invalid", FAILED, "Flash does not take this value ({message}).",
        "A malformed argument is returned before anything is done with it.",
        Where.PAYLOAD, message=r"^invalid value for \w+"),
    Row("memo_too_long", FAILED, "The text beside the amount is too long for Flash.",
        "Arguments are checked before anything is done with them.",
        Where.PAYLOAD, message=r"^memo is too long"),
    Row("not_authorized_payload", SETTINGS, "Flash does not accept this key or token for this. "
        "Please connect the wallet again with a new one.",
        "Permission is checked before anything is done.",
        Where.PAYLOAD, code=frozenset({"NOT_AUTHENTICATED"})),
    Row("already_paid", UNKNOWN, "Flash says that this invoice is already paid, or being paid.",
        "It may be our own earlier request that paid it.",
        Where.PAYLOAD, kinds=SEND, code=frozenset({"LIGHTNING_PAYMENT_ERROR"}), leaning=Outcome.SUCCEEDED),
    Row("already_paid_worded", UNKNOWN, "Flash says that this invoice is already paid, or being paid.",
        "The same where the code was lost on the way.",
        Where.PAYLOAD, kinds=SEND, message=r"^invoice is already paid", leaning=Outcome.SUCCEEDED),
    Row("already_paid_status", UNKNOWN, "Flash says that this invoice is already paid.",
        "It may be our own earlier request that paid it.",
        Where.PAYLOAD, kinds=SEND, status=frozenset({"ALREADY_PAID"}), leaning=Outcome.SUCCEEDED),
    Row("pending", UNKNOWN, "The payment is on its way.",
        "Flash never tells by itself how a PENDING payment ends.",
        Where.PAYLOAD, kinds=SEND, status=frozenset({"PENDING"})),
    Row("route", UNKNOWN, "Flash found no way through the Lightning network to the recipient just now.",
        "Not given on the IBEX path, so that nothing is known of what came before it.",
        Where.PAYLOAD, code=frozenset({"ROUTE_FINDING_ERROR"}), leaning=Outcome.FAILED),
    Row("ibex", UNKNOWN, IBEX_CAUSES,
        "The code for every other answer of IBEX, unreadable ones included. IBEX itself warns against reading its "
        "errors as failures.",
        Where.PAYLOAD, code=frozenset({"IBEX_ERROR"})),
    Row("ibex_uncoded", UNKNOWN, IBEX_CAUSES,
        "The same where the code was lost on the way.",
        Where.PAYLOAD, message=r"^an error occurred\. contact support"),
    Row("ibex_worded", UNKNOWN, IBEX_CAUSES,
        "lnInvoicePaymentSend gives this one message, without a code, for everything that IBEX answers.",
        Where.PAYLOAD, kinds=SEND, message=r"^an unexpected error occurred"),
    Row("failure_bare", UNKNOWN, "Flash says that the payment failed, but not why.",
        "IBEX reported the payment as failed; Flash maps that from several shapes of answer and calls the mapping "
        "incomplete itself. A strong hint, which evidence has to confirm.",
        Where.PAYLOAD, kinds=SEND, status=frozenset({"FAILURE"}), message=r"^$", leaning=Outcome.FAILED),
)  # fmt: skip

ROWS: tuple[Row, ...] = _TRANSPORT + _HTTP + _ANSWER + _PAYLOAD
