"""From what went wrong to what it means for money: the judge. The law is the table in `verdict_rows`.

The table is closed by default. What no row matches is UNKNOWN: for a sending that means "money may have moved", for
a question "it could not be read". A row that says otherwise has to be argued from what Flash is known to do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from flashpay.flash.errors import Judgement, Verdict
from flashpay.flash.operations import Kind
from flashpay.flash.troubles import Trouble
from flashpay.flash.verdict_rows import ROWS, Row

# What the verdict means for the money at hand, said after the row's own sentence.
_TAILS: dict[tuple[Kind, Verdict], str] = {
    (Kind.SEND, Verdict.NOT_SENT): "Nothing was sent and no money moved.",
    (Kind.SEND, Verdict.SETTINGS): "Nothing was sent and no money moved.",
    (Kind.SEND, Verdict.WAIT): "Nothing was sent and no money moved.",
    (Kind.SEND, Verdict.FAILED): "No money moved.",
    (
        Kind.SEND,
        Verdict.UNKNOWN,
    ): "Whether money moved is not known yet; it is being looked into, and nothing is paid twice.",
    (Kind.CREATE, Verdict.UNKNOWN): "No invoice came back; asking for a new one is safe.",
    (Kind.PROBE, Verdict.UNKNOWN): "The fee could not be found out; nothing was paid.",
    (Kind.READ, Verdict.UNKNOWN): "The answer could not be read; nothing was changed, and it will be asked again.",
}
_UNMATCHED = "Flash answered in a way that FlashPay does not know."


def judge(kind: Kind, trouble: Trouble) -> Judgement:
    """The verdict of the first row that matches, with a sentence for people; UNKNOWN when none does."""
    row = next((row for row in ROWS if row.matches(kind, trouble)), None)
    verdict = row.verdict if row else Verdict.UNKNOWN
    retry_after_s = None
    if verdict is Verdict.WAIT:
        retry_after_s = max(1, trouble.retry_after_s or (row.wait_s if row else None) or 60)
    return Judgement(
        verdict=verdict,
        sentence=_sentence(row, kind, verdict, trouble, retry_after_s),
        code=trouble.code or (str(trouble.http_status) if trouble.http_status else None),
        message=trouble.message[:500],
        retry_after_s=retry_after_s,
        row=row.name if row else "unmatched",
        leaning=row.leaning if row else None,
    )


def judge_all(kind: Kind, troubles: Sequence[Trouble]) -> Judgement:
    """Judge an answer with several errors: the first decides, unless another one disagrees; then it is UNKNOWN."""
    judgements = [judge(kind, trouble) for trouble in troubles]
    if len({judgement.verdict for judgement in judgements}) == 1:
        return judgements[0]
    message = "; ".join(trouble.message for trouble in troubles)
    return Judgement(Verdict.UNKNOWN, _with_tail(_UNMATCHED, kind, Verdict.UNKNOWN), message=message[:500])


def judge_repetition(judgement: Judgement) -> Judgement:
    """What the judgement of a sending is worth where that sending repeated an earlier one which is still in doubt.

    A refusal speaks of the repetition: that *it* moved nothing says nothing about the first sending. (A balance that
    is too low now may be low because the first one went out.) So only UNKNOWN can be said here; what the repetition
    itself ran into stays in the sentence.
    """
    if judgement.verdict is Verdict.UNKNOWN:
        return judgement
    plain = judgement.sentence.removesuffix(_TAILS[Kind.SEND, judgement.verdict]).strip()
    sentence = _with_tail(plain, Kind.SEND, Verdict.UNKNOWN)
    return replace(judgement, verdict=Verdict.UNKNOWN, sentence=sentence, leaning=None)


def _sentence(row: Row | None, kind: Kind, verdict: Verdict, trouble: Trouble, wait_s: int | None) -> str:
    sentence = (row.sentence if row else _UNMATCHED).format(
        message=trouble.message.strip().rstrip(".")[:200], status=trouble.http_status, wait=wait_s
    )
    return _with_tail(sentence, kind, verdict)


def _with_tail(sentence: str, kind: Kind, verdict: Verdict) -> str:
    tail = _TAILS.get((kind, verdict))
    return f"{sentence} {tail}" if tail else sentence
