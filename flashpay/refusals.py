"""How a service says no: one exception with a code for programs and a sentence for people. When it is raised, nothing happened."""

from __future__ import annotations


class Refusal(Exception):
    """A request that cannot be done, with the reason.

    `code` is stable and in BTCPay Server's spelling where it has one ("overdraft"); `sentence` says what is wrong and what
    to do; `field` names the input it is about, when there is one; `retry_after_s` when waiting helps.
    """

    def __init__(self, code: str, sentence: str, *, field: str = "", retry_after_s: int | None = None) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence
        self.field = field
        self.retry_after_s = retry_after_s
