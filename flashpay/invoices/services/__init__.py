"""Everything that changes an invoice, in four steps of its life: made, shown as a code, watched, paid."""

from flashpay.invoices.services.addresses import (
    address_name_read,
    lightning_address_archive,
    lightning_address_delete,
    lightning_address_save,
)
from flashpay.invoices.services.bills import (
    pay_link_archive,
    pay_link_change,
    pay_link_create,
    pay_link_pay,
    payment_request_archive,
    payment_request_pay,
    payment_request_save,
)
from flashpay.invoices.services.codes import lightning_invoice_before, lightning_invoice_issue
from flashpay.invoices.services.collecting import card_collect, card_collections_sweep, card_present
from flashpay.invoices.services.incoming import payment_offer_take
from flashpay.invoices.services.invoices import invoice_create, invoice_mark, invoices_expire
from flashpay.invoices.services.keeping import invoice_archive, invoice_note
from flashpay.invoices.services.payments import payment_record
from flashpay.invoices.services.polling import lightning_invoices_poll

__all__ = [
    "address_name_read",
    "card_collect",
    "card_collections_sweep",
    "card_present",
    "invoice_archive",
    "invoice_create",
    "invoice_mark",
    "invoice_note",
    "invoices_expire",
    "lightning_address_archive",
    "lightning_address_delete",
    "lightning_address_save",
    "lightning_invoice_before",
    "lightning_invoice_issue",
    "lightning_invoices_poll",
    "pay_link_archive",
    "pay_link_change",
    "pay_link_create",
    "pay_link_pay",
    "payment_offer_take",
    "payment_record",
    "payment_request_archive",
    "payment_request_pay",
    "payment_request_save",
]
