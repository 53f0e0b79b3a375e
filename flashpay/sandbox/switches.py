"""The switches that make the sandbox misbehave, each described once here and shown on `/switches`.

A switch has a standing value, and may have a value for the next N calls that it concerns, optionally of one operation only
("the next lnInvoicePaymentSend loses its answer").
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

Value = bool | int | float | str


class SwitchRefused(ValueError):
    """No such switch, or not a value it can take; the message says which."""


@dataclass(frozen=True)
class Switch:
    name: str
    default: Value
    group: str
    about: str
    choices: tuple[str, ...] = ()

    @property
    def standing(self) -> bool:
        """Concerns no single call, so it cannot be set for the next N of them."""
        return self.name in STANDING

    def checked(self, value: Any) -> Value:
        """The value in the switch's own type. Raises SwitchRefused."""
        if isinstance(self.default, bool):
            if isinstance(value, bool):
                return value
            raise SwitchRefused(f"{self.name} is on or off: true or false.")
        if isinstance(self.default, str):
            if value in self.choices:
                return str(value)
            raise SwitchRefused(f"{self.name} is one of: {', '.join(self.choices)}.")
        whole = isinstance(self.default, int)
        if isinstance(value, bool) or not isinstance(value, int if whole else int | float) or value < 0:
            raise SwitchRefused(f"{self.name} is a {'whole ' if whole else ''}number, 0 or more.")
        return value if whole else float(value)


SENDS = (
    "normal",
    "pending_forever",
    "pending_then_paid",
    "pending_then_failed",
    "pending_paid",
    "failure",
    "failure_empty",
    "failure_paid",
    "failure_empty_paid",
    "failure_reimbursed",
)

CARD_PAYS = (
    "normal",
    "declines",
    "declines_but_pays",
    "never_pays",
    "pays_late",
    "cut_before",
    "cut_after",
    "silent",
)

ALL = {
    s.name: s
    for s in (
        Switch("world", "b", "World", "a: session tokens are refused over HTTP, and the socket takes queries and mutations as "
               "subscribe messages. b: today's Flash, the other way round.", ("a", "b")),
        Switch("unauthorized_body", "html", "World", "How a 401 looks: a web server's page, or JSON.", ("html", "json")),
        Switch("cutover", "COMPLETE", "World", "The move of cash wallets from USD to USDT.", ("PRE", "IN_PROGRESS", "COMPLETE")),
        Switch("error_codes", "flash", "World", "flash: codes in payload errors only. all: at top level too. none: all dropped.",
               ("flash", "all", "none")),
        Switch("http_status", 0, "Answers", "Answer with this HTTP status and an HTML page instead (401, 502, 503 …); 0 is off."),
        Switch("late_status", 0, "Answers", "Do all of the work, and then answer with this HTTP status and an HTML page, as a gateway "
               "does that lost its patience (502, 504), or whose answer was replaced on the way (200); 0 is off."),
        Switch("delay_before_s", 0.0, "Answers", "Seconds to wait before a request is worked on."),
        Switch("delay_after_s", 0.0, "Answers", "Seconds to hold the answer back when the work is done."),
        Switch("cut", "none", "Answers", "Cut the connection without an answer: before anything was done, or after all of it.",
               ("none", "before", "after")),
        Switch("invoice_life_s", 60, "Invoices", "How long an invoice lives."),
        Switch("invoice_error", False, "Invoices", "Creating an invoice fails with IBEX_ERROR."),
        Switch("status_error", False, "Invoices", "Asking the state of an invoice fails at top level."),
        Switch("minimum_sat", 0, "Invoices", "IBEX_ERROR for invoices and sends below this many sats; 0 is off."),
        Switch("fx_spread_ppm", 0, "Invoices", "What the exchange adds to an invoice, in millionths."),
        Switch("send", "normal", "Sending", "How a send ends: what is answered, and what truly happens to the money.", SENDS),
        Switch("send_takes_s", 0.0, "Sending", "Seconds a send needs before money moves; its idempotency key is busy meanwhile."),
        Switch("keys_forgotten", False, "Sending", "Flash has lost its memory of idempotency keys: a repetition is a new payment to it, "
               "which its provider refuses where the invoice is paid or being paid."),
        Switch("later_s", 2.0, "Sending", "Seconds until a pending send settles or fails, or a failed one is reimbursed."),
        Switch("fee_ppm", 1300, "Sending", "The network fee of a send to another node, in millionths."),
        Switch("card_offer", "normal", "Card", "What the pretend card offers: one sat at most, a callback on another host, a PIN.",
               ("normal", "small", "other_host", "pin")),
        Switch("card_pay", "normal", "Card", "What the card's service does with an invoice, and what it says of it.", CARD_PAYS),
        Switch("card_takes_s", 0.0, "Card", "Seconds until the card's service answers, having paid already."),
        Switch("lose_push_every", 0, "Push", "Lose every n-th push; 0 loses none, 1 all."),
        Switch("push_twice", False, "Push", "Send every push twice."),
        Switch("push_delay_s", 0.0, "Push", "Seconds between payment and push."),
        Switch("expired_after_paid", True, "Push", "The socket says EXPIRED at the end of an invoice's life even when it was paid."),
        Switch("price_push_s", 30.0, "Push", "Seconds between two prices on the socket."),
        Switch("socket_silent", False, "Socket", "Open sockets fall silent: no push, no ping, no pong, no close."),
        Switch("socket_cut_every_s", 0.0, "Socket", "Cut all sockets every so many seconds; 0 is off."),
        Switch("socket_refused", False, "Socket", "Refuse new sockets with HTTP 503."),
        Switch("bad_token", "acknowledged", "Socket", "What a bad token on the socket gets.", ("acknowledged", "refused")),
        Switch("ibex_outage", False, "Outage", "The payment provider is down: invoices, states, balances and sends fail, feeds are empty."),
        Switch("price_outage", False, "Outage", "No price is available."),
        Switch("feed_empty", False, "Feed", "Transactions come back empty without an error."),
        Switch("feed_rows", 100, "Feed", "The most rows that transactions show. Few of them are a busy wallet: a payment is soon pushed "
               "out by newer ones, and its details are found by its id alone."),
        Switch("visibility_delay_s", 0.0, "Feed", "Seconds until a payment shows up in transactions."),
        Switch("details", "full", "Feed", "bare: details of a send lack hash, preimage and invoice. mixed: its preimage is another payment's.",
               ("full", "bare", "mixed")),
        Switch("cursors", "rejected", "Feed", "rejected: Flash refuses the cursors it gave out itself.", ("rejected", "accepted")),
        Switch("limit_invoices", 20, "Limits", "Invoices per window and account; 0 is no limit."),
        Switch("limit_invoices_window_s", 120.0, "Limits", "The window of the invoice limit."),
        Switch("limit_invoices_block_s", 300.0, "Limits", "How long an account stays blocked after it."),
        Switch("limit_key_per_minute", 120, "Limits", "Requests per minute and API key; 0 is no limit."),
        Switch("limit_address_per_minute", 60, "Limits", "Requests per minute and address (with a burst of 40); 0 is no limit."),
        Switch("limit_sockets_per_minute", 10, "Limits", "New sockets per minute and address (with a burst of 20), and open at once; 0 is no limit."),
    )
}  # fmt: skip

STANDING = frozenset(
    {
        "world", "unauthorized_body", "cutover", "error_codes", "later_s", "fee_ppm", "expired_after_paid", "price_push_s",
        "socket_silent", "socket_cut_every_s",
        *(name for name in ALL if name.startswith("limit_")),
    }
)  # fmt: skip
LIMITS = ("limit_invoices", "limit_key_per_minute", "limit_address_per_minute", "limit_sockets_per_minute")


@dataclass
class Override:
    value: Value
    left: int
    operation: str | None


class Switches:
    def __init__(self, start: dict[str, Value] | None = None) -> None:
        """`start` replaces defaults (from the command line); `reset` returns to them."""
        self._start = {**{name: switch.default for name, switch in ALL.items()}, **(start or {})}
        self._values = dict(self._start)
        self._overrides: dict[str, list[Override]] = {}

    def reset(self) -> None:
        self._values = dict(self._start)
        self._overrides = {}

    def change(self, wanted: dict[str, Any]) -> None:
        """Set several switches at once, or none when one is wrong.

        A value is plain, or `{"value": …, "next": N, "operation": "…"}` for the next N calls it concerns (`operation` optional).
        Raises SwitchRefused.
        """
        plain: dict[str, Value] = {}
        passing: list[tuple[str, Override]] = []
        for name, value in wanted.items():
            if name not in ALL:
                raise SwitchRefused(f"There is no switch called {name}.")
            if not isinstance(value, dict):
                plain[name] = ALL[name].checked(value)
                continue
            count, operation = value.get("next"), value.get("operation")
            if set(value) - {"value", "next", "operation"} or not isinstance(operation, str | None):
                raise SwitchRefused(f'{name}: use {{"value": …, "next": N, "operation": "name"}}.')
            if count is None:
                plain[name] = ALL[name].checked(value.get("value"))
            elif ALL[name].standing:
                raise SwitchRefused(f"{name} concerns no single call: set it without next.")
            elif isinstance(count, int) and not isinstance(count, bool) and count > 0:
                passing.append((name, Override(ALL[name].checked(value.get("value")), count, operation)))
            else:
                raise SwitchRefused(f"{name}: next is a whole number, 1 or more.")
        self._values.update(plain)
        for name in plain:
            self._overrides.pop(name, None)
        for name, override in passing:
            self._overrides.setdefault(name, []).append(override)

    def peek(self, name: str) -> Any:
        """The value of a switch that concerns no single call."""
        return self._values[name]

    def take(self, name: str, operations: Collection[str] = ()) -> Any:
        """The value for one call of these operations; uses up one of the next N."""
        for override in self._overrides.get(name, []):
            if override.operation is None or override.operation in operations:
                override.left -= 1
                if override.left == 0:
                    self._overrides[name].remove(override)
                return override.value
        return self._values[name]

    def shown(self) -> list[dict[str, Any]]:
        return [
            {
                "name": s.name,
                "value": self._values[s.name],
                "default": self._start[s.name],
                "next": [
                    {"value": o.value, "next": o.left, "operation": o.operation}
                    for o in self._overrides.get(s.name, [])
                ],
                "standing": s.standing,
                "group": s.group,
                "about": s.about,
                "choices": list(s.choices),
            }
            for s in ALL.values()
        ]
