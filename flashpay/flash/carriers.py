"""Which way a request goes: HTTP, or the live connection. Two worlds, found out and remembered.

(a) session tokens are refused over HTTP and accepted on the socket, mutations included;
(b) HTTP accepts session tokens, and the socket takes subscriptions only.

`TwoWays` tries the way that is known to work, or the socket first, and the other way only when the first one
*provably* carried nothing out. What it learned is a value for the caller to store and to hand in again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

from flashpay.flash.answers import Answer, payload_troubles
from flashpay.flash.errors import Judgement, Verdict
from flashpay.flash.operations import Kind, Operation
from flashpay.flash.troubles import CarrierTrouble, Trouble, Where
from flashpay.flash.verdicts import judge, judge_all

Way = Literal["http", "socket"]


class Carrier(Protocol):
    """Carries one operation, once, and never repeats it."""

    def execute(self, operation: Operation, variables: Mapping[str, Any], timeout_s: float | None = None) -> Answer:
        """The answer as it came, errors included. Raises CarrierTrouble when no GraphQL answer came."""
        ...


@dataclass(frozen=True)
class TransportFacts:
    """Which way mutations with this session token go, since when that is known, and from what (a sentence)."""

    mutations_over: Way
    learned_at: datetime
    reason: str


_REASONS: dict[Way, str] = {
    "socket": "Flash carried out a request over the live connection.",
    "http": "Flash carried out a request over HTTP.",
}


class TwoWays:
    """A carrier made of two. Not more state than `facts`, which only ever changes as a whole."""

    def __init__(
        self, *, http: Carrier, socket: Carrier, facts: TransportFacts | None, now: Callable[[], datetime]
    ) -> None:
        self._ways: dict[Way, Carrier] = {"http": http, "socket": socket}
        self._now = now
        self.facts = facts

    def execute(self, operation: Operation, variables: Mapping[str, Any], timeout_s: float | None = None) -> Answer:
        if operation.public:
            return self._ways["http"].execute(operation, variables, timeout_s)
        first: Way = self.facts.mutations_over if self.facts else "socket"
        second: Way = "http" if first == "socket" else "socket"
        first_answer, first_trouble = self._try(first, operation, variables, timeout_s)
        refusal = _refusal(operation, first_answer, first_trouble)
        if refusal is None or not _may_go_the_other_way(operation, refusal):
            return self._settle(first, first_answer, first_trouble)
        answer, trouble = self._try(second, operation, variables, timeout_s)
        second_refusal = _refusal(operation, answer, trouble)
        known_way_is_down = self.facts is not None and first_trouble is not None
        if known_way_is_down and second_refusal and second_refusal.verdict is Verdict.SETTINGS:
            # The other way never took this token: its 401 says nothing new, that the known way is down does.
            return self._settle(first, first_answer, first_trouble)
        return self._settle(second, answer, trouble)

    def _try(
        self, way: Way, operation: Operation, variables: Mapping[str, Any], timeout_s: float | None
    ) -> tuple[Answer | None, CarrierTrouble | None]:
        try:
            answer = self._ways[way].execute(operation, variables, timeout_s)
        except CarrierTrouble as trouble:
            return None, trouble
        if _refusal(operation, answer, None) is None:
            self._learn(way)
        return answer, None

    def _learn(self, way: Way) -> None:
        if self.facts is None or self.facts.mutations_over != way:
            self.facts = TransportFacts(way, self._now(), _REASONS[way])

    @staticmethod
    def _settle(_way: Way, answer: Answer | None, trouble: CarrierTrouble | None) -> Answer:
        if trouble is not None:
            raise trouble
        assert answer is not None
        return answer


def _refusal(operation: Operation, answer: Answer | None, trouble: CarrierTrouble | None) -> Judgement | None:
    """Why an operation was not carried out; None when Flash carried it out, whatever it then said about it."""
    if trouble is not None:
        return judge(operation.kind, trouble.trouble)
    assert answer is not None
    if answer.field(operation.root) is not None or not answer.errors:
        return None
    return judge_all(operation.kind, answer.troubles)


def _may_go_the_other_way(operation: Operation, refusal: Judgement) -> bool:
    """Whether the first way provably carried nothing out (for a question: whenever it brought no answer)."""
    if refusal.verdict in (Verdict.NOT_SENT, Verdict.SETTINGS):
        return True
    return refusal.verdict is Verdict.UNKNOWN and operation.kind is Kind.READ


def answer_troubles(operation: Operation, answer: Answer) -> list[Trouble]:
    """Everything that Flash says went wrong, the operation's own payload first."""
    payload = answer.field(operation.root)
    if payload is not None:
        return payload_troubles(payload)
    return answer.troubles or [Trouble(Where.ANSWER)]
