"""How long it takes to read an invoice and to draw its QR code, beside the floor of hashing the same text."""

from __future__ import annotations

import hashlib
import statistics
import time
from collections.abc import Callable

from flashpay.lightning import invoice_read
from flashpay.qr import qr_png, qr_svg
from tests.lightning.invoices import invoice_make

ROUNDS = 50


def _median_ms(work: Callable[[], object]) -> float:
    times = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        work()
        times.append((time.perf_counter() - started) * 1000)
    return statistics.median(times)


def test_reading_and_drawing() -> None:
    ordinary = invoice_make(expiry_s=60, description="Order 1234")
    long = invoice_make(expiry_s=60, description="x" * 600)
    # A payload that differs each time, so that no cache answers.
    payloads = iter(f"{ordinary.upper()}{number:04d}" for number in range(4 * ROUNDS))
    floor = _median_ms(lambda: hashlib.sha256(ordinary.encode()).digest())
    rows = [
        ("SHA-256 of the invoice (floor)", floor),
        (f"read an invoice of {len(ordinary)} characters", _median_ms(lambda: invoice_read(ordinary))),
        (f"read an invoice of {len(long)} characters", _median_ms(lambda: invoice_read(long))),
        ("draw its QR code as SVG", _median_ms(lambda: qr_svg(next(payloads)))),
        ("draw its QR code as PNG", _median_ms(lambda: qr_png(next(payloads)))),
    ]
    print(f"\n{'':<42}{'median ms':>12}{'× floor':>12}")  # noqa: T201 - a bench prints
    for name, took_ms in rows:
        print(f"{name:<42}{took_ms:>12.3f}{took_ms / floor:>12,.0f}")  # noqa: T201
