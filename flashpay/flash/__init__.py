"""Flash, as the rest of FlashPay speaks to it. Knows no Django.

Synchronous for web and worker processes: `Flash`, with `RelayCarrier` as its way over the listener's live connection,
and `transports_probe` for the connect page. Asynchronous for the listener: `socket_pool`, `socket` and `relay`.
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
from flashpay.flash.relay import RelayCarrier
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
from flashpay.flash.schema_check import SchemaReport, schema_check
from flashpay.flash.socket_carrier import SocketCarrier, TransportProbe, transports_probe

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
    "RelayCarrier",
    "SchemaReport",
    "SendReply",
    "SessionToken",
    "SettingsWrong",
    "SocketCarrier",
    "Transaction",
    "TransactionDetails",
    "TransportFacts",
    "TransportProbe",
    "Unknown",
    "Username",
    "Verdict",
    "Wallet",
    "connection_string_parse",
    "schema_check",
    "transports_probe",
]
