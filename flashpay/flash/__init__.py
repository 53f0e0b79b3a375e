"""Flash, as the rest of FlashPay speaks to it. Knows no Django.

Synchronous for web and worker processes: `Flash`. Asynchronous for the listener: `flashpay.flash.socket`.
"""

from flashpay.flash.budgets import Budgets, Left, Limits
from flashpay.flash.carriers import TransportFacts
from flashpay.flash.client import Flash
from flashpay.flash.credentials import (
    ApiKey,
    ConnectionString,
    ConnectionStringWrong,
    Credential,
    Endpoint,
    SessionToken,
    Username,
    connection_string_parse,
)
from flashpay.flash.errors import (
    Failed,
    FlashError,
    Judgement,
    MustWait,
    NotSent,
    Outcome,
    SendReply,
    SettingsWrong,
    Unknown,
    Verdict,
)
from flashpay.flash.operations import BATCH_LIMIT
from flashpay.flash.results import (
    Account,
    Cutover,
    InvoiceStatus,
    NewInvoice,
    Price,
    Transaction,
    TransactionDetails,
    Wallet,
)

__all__ = [
    "BATCH_LIMIT",
    "Account",
    "ApiKey",
    "Budgets",
    "ConnectionString",
    "ConnectionStringWrong",
    "Credential",
    "Cutover",
    "Endpoint",
    "Failed",
    "Flash",
    "FlashError",
    "InvoiceStatus",
    "Judgement",
    "Left",
    "Limits",
    "MustWait",
    "NewInvoice",
    "NotSent",
    "Outcome",
    "Price",
    "SendReply",
    "SessionToken",
    "SettingsWrong",
    "Transaction",
    "TransactionDetails",
    "TransportFacts",
    "Unknown",
    "Username",
    "Verdict",
    "Wallet",
    "connection_string_parse",
]
