"""Many payouts from one table: read, checked, looked at, and made all at once or not at all."""
