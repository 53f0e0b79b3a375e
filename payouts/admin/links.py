"""The column that leads from whatever belongs to a payout to that payout."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.utils.safestring import SafeString

from flashpay.stores.record_admin import record_link


class PayoutLink:
    """For tables and inlines whose rows have a `payout_id`."""

    @admin.display(description="payout")
    def payout_link(self, row: Any) -> SafeString | str:
        return record_link("payouts.payout", row.payout_id)
