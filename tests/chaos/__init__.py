"""Proof by violence: thousands of payouts while everything that can break is broken, judged by the recipients' own books.

`python -m tests.chaos` (`make chaos`) is the whole of it, `test_chaos.py` a small one in the suite; docs/chaos.md explains it.
"""
