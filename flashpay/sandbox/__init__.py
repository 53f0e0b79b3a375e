"""An emulated Flash service with a pretend phone wallet beside it, for demonstrations and tests.

It stands alone: it imports no other part of FlashPay, no other part imports it, and it is reached only over HTTP and WebSocket,
as the real service is. Started with `python -m flashpay.sandbox --port N --data-dir DIR`.
"""
