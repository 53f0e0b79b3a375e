"""What each role may do, in BTCPay Server's permission names (`btcpay.store.…`)."""

from __future__ import annotations

from collections.abc import Iterable

from flashpay.stores.models import Role

VIEW_STORE = "btcpay.store.canviewstoresettings"
MODIFY_STORE = "btcpay.store.canmodifystoresettings"
VIEW_INVOICES = "btcpay.store.canviewinvoices"
CREATE_INVOICE = "btcpay.store.cancreateinvoice"
MODIFY_INVOICES = "btcpay.store.canmodifyinvoices"
VIEW_PAYMENT_REQUESTS = "btcpay.store.canviewpaymentrequests"
MODIFY_PAYMENT_REQUESTS = "btcpay.store.canmodifypaymentrequests"
VIEW_PULL_PAYMENTS = "btcpay.store.canviewpullpayments"
CREATE_PULL_PAYMENTS = "btcpay.store.cancreatepullpayments"
CREATE_UNAPPROVED_PULL_PAYMENTS = "btcpay.store.cancreatenonapprovedpullpayments"
ARCHIVE_PULL_PAYMENTS = "btcpay.store.canarchivepullpayments"
MANAGE_PULL_PAYMENTS = "btcpay.store.canmanagepullpayments"
VIEW_PAYOUTS = "btcpay.store.canviewpayouts"
MANAGE_PAYOUTS = "btcpay.store.canmanagepayouts"
USE_TILL = "flashpay.store.canusetill"

ALL = frozenset(
    {
        VIEW_STORE,
        MODIFY_STORE,
        VIEW_INVOICES,
        CREATE_INVOICE,
        MODIFY_INVOICES,
        VIEW_PAYMENT_REQUESTS,
        MODIFY_PAYMENT_REQUESTS,
        VIEW_PULL_PAYMENTS,
        CREATE_PULL_PAYMENTS,
        CREATE_UNAPPROVED_PULL_PAYMENTS,
        ARCHIVE_PULL_PAYMENTS,
        MANAGE_PULL_PAYMENTS,
        VIEW_PAYOUTS,
        MANAGE_PAYOUTS,
        USE_TILL,
    }
)
_SEES = frozenset({VIEW_INVOICES, VIEW_PAYMENT_REQUESTS, VIEW_PULL_PAYMENTS, VIEW_PAYOUTS})

BY_ROLE: dict[str, frozenset[str]] = {
    Role.OWNER: ALL,
    Role.MANAGER: ALL - {MODIFY_STORE},
    Role.EMPLOYEE: _SEES
    | {CREATE_INVOICE, MODIFY_INVOICES, MODIFY_PAYMENT_REQUESTS, CREATE_UNAPPROVED_PULL_PAYMENTS, USE_TILL},
    Role.CASHIER: frozenset({USE_TILL}),
    Role.GUEST: _SEES | {VIEW_STORE},
}


def role_may(role: str, permission: str) -> bool:
    return permission in BY_ROLE[role]


def roles_that_may(permission: str) -> list[str]:
    return [role for role in BY_ROLE if role_may(role, permission)]


# Who holds the first also holds the others, as BTCPay Server's own table has it (`Permission.PolicyMap`), as far as FlashPay
# knows the permissions.
_INCLUDES = {
    MODIFY_STORE: {VIEW_STORE, MODIFY_INVOICES, MODIFY_PAYMENT_REQUESTS, MANAGE_PULL_PAYMENTS, MANAGE_PAYOUTS},
    VIEW_STORE: {VIEW_INVOICES, VIEW_PAYMENT_REQUESTS, VIEW_PULL_PAYMENTS, VIEW_PAYOUTS},
    MODIFY_INVOICES: {VIEW_INVOICES, CREATE_INVOICE},
    MODIFY_PAYMENT_REQUESTS: {VIEW_PAYMENT_REQUESTS},
    MANAGE_PULL_PAYMENTS: {CREATE_PULL_PAYMENTS, ARCHIVE_PULL_PAYMENTS},
    CREATE_PULL_PAYMENTS: {CREATE_UNAPPROVED_PULL_PAYMENTS},
    CREATE_UNAPPROVED_PULL_PAYMENTS: {VIEW_PULL_PAYMENTS},
    MANAGE_PAYOUTS: {VIEW_PAYOUTS},
}


def permissions_implied(granted: Iterable[str]) -> frozenset[str]:
    """`granted` and everything that these permissions include."""
    held: set[str] = set()
    waiting = set(granted)
    while waiting:
        permission = waiting.pop()
        held.add(permission)
        waiting |= _INCLUDES.get(permission, set()) - held
    return frozenset(held)
