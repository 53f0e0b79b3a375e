"""What can go wrong with Flash, as far as money is concerned.

FlashError                what went wrong, with a judgement; str() is a sentence for people
├── NotSent               the request never reached Flash, or Flash refused it before doing anything
│   ├── MustWait          as above, and it may be asked again after `retry_after_s`
│   └── SettingsWrong     as above, and a person has to change something first
├── Failed                Flash said no for good: asking the same again will fail again
└── Unknown               no clear answer: it may have happened or not

Sending money never raises these: it answers a SendReply, whose outcome says the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    NOT_SENT = "not_sent"
    FAILED = "failed"
    UNKNOWN = "unknown"
    WAIT = "wait"
    SETTINGS = "settings"


class Outcome(StrEnum):
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    UNKNOWN = "unknown"
    NOT_SENT = "not_sent"


@dataclass(frozen=True)
class Judgement:
    """What a trouble means. `sentence` is for people; `code` and `message` are Flash's own words, for the record.

    `row` names the row of the verdict table that decided. `leaning` is where Flash's answer points without proving it
    (only ever set beside UNKNOWN): a hint for whoever gathers evidence, never a reason to act.
    """

    verdict: Verdict
    sentence: str
    code: str | None = None
    message: str = ""
    retry_after_s: int | None = None
    row: str = "unmatched"
    leaning: Outcome | None = None


@dataclass(frozen=True)
class SendReply:
    """How a sending ended, as far as Flash's answer proves it. `judgement` is None only when it succeeded."""

    outcome: Outcome
    judgement: Judgement | None = None


class FlashError(Exception):
    def __init__(self, judgement: Judgement) -> None:
        super().__init__(judgement.sentence)
        self.judgement = judgement

    def __str__(self) -> str:
        return self.judgement.sentence


class NotSent(FlashError):
    pass


class MustWait(NotSent):
    @property
    def retry_after_s(self) -> int:
        return self.judgement.retry_after_s or 0


class SettingsWrong(NotSent):
    pass


class Failed(FlashError):
    pass


class Unknown(FlashError):
    pass


_CLASSES: dict[Verdict, type[FlashError]] = {
    Verdict.NOT_SENT: NotSent,
    Verdict.FAILED: Failed,
    Verdict.UNKNOWN: Unknown,
    Verdict.WAIT: MustWait,
    Verdict.SETTINGS: SettingsWrong,
}
_OUTCOMES: dict[Verdict, Outcome] = {
    Verdict.NOT_SENT: Outcome.NOT_SENT,
    Verdict.FAILED: Outcome.FAILED,
    Verdict.UNKNOWN: Outcome.UNKNOWN,
    Verdict.WAIT: Outcome.NOT_SENT,
    Verdict.SETTINGS: Outcome.NOT_SENT,
}


def error_for(judgement: Judgement) -> FlashError:
    return _CLASSES[judgement.verdict](judgement)


def reply_for(judgement: Judgement) -> SendReply:
    return SendReply(_OUTCOMES[judgement.verdict], judgement)
