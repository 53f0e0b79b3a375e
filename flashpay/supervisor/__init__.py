"""Runs all of FlashPay's processes on one machine, for `manage.py up`.

preflight.py   what must be true before anything is started
programs.py    which programs there are, and how each is started
valkey.py      the embedded Valkey server
leash.py       ends a program whose supervisor is gone
children.py    one running program: its output, its restarts, its end
up.py          the whole: order of starting and ending, and what is said
"""
