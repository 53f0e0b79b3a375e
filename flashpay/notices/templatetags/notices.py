"""The wish for a receipt by mail, as a part of the pages that show a paid invoice: `{% receipt_by_mail invoice %}`."""

from __future__ import annotations

from typing import Any

from django import template

from flashpay.invoices.models import Invoice
from flashpay.notices.selectors import receipt_wish

register = template.Library()


@register.inclusion_tag("notices/_receipt_by_mail.html")
def receipt_by_mail(invoice: Invoice) -> dict[str, Any]:
    """A field for the address, or where the receipt went; nothing where no mail can be sent."""
    return {"invoice": invoice, "wish": receipt_wish(invoice)}
