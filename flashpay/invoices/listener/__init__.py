"""The listener: hears from Flash at once what was paid. One process is active; the others stand by.

Everything it does is also done, more slowly, by the regular poll; so it may be stopped, killed or doubled without harm.
It also carries operations of other processes over its live connections (`flashpay.flash.relay`).
"""

from flashpay.invoices.listener.process import Listener

__all__ = ["Listener"]
