"""Vouchers: batches of pull payments that are claimed once and whole, printed and handed out."""
