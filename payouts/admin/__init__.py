"""Paying out in the Django admin, one file a subject."""

from payouts.admin import attempts, payouts, rules

__all__ = ["attempts", "payouts", "rules"]
