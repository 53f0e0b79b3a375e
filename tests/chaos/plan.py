"""How much violence, for how long, and from which seed."""

from __future__ import annotations

from dataclasses import dataclass

# Flash's own budgets (120 requests a minute and key, 60 an address) would stretch a run over hours. Every request still
# goes through the budget; the budget is only wider, and narrow enough to say no now and then.
REQUESTS_PER_MINUTE = 6_000


@dataclass(frozen=True)
class Plan:
    """One run. `claims_s`: the time over which the claims are spread; `drain_s`: the most that is waited afterwards."""

    count: int
    seed: int
    claims_s: float
    drain_s: float
    stores: int = 4
    # One blow against processes, broker or database every so many seconds, and never more than one at a time.
    blow_every_s: float = 6.0
    # Of each kind of exact moment (between the commit of an attempt and its request, …) so many workers die.
    exact_kills: int = 6
    # This share of sends is answered wrongly, late, or not at all.
    faulty_share: float = 0.33
    review_after_s: int = 60
    # Flash's feed shows a hundred rows. With fewer of them a small run pushes payments out of sight as a large one does.
    feed_rows: int = 100
