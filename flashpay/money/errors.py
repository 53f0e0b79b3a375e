"""What can be wrong with money before it moves.

    MoneyError
    ├── UnknownCurrency     nobody here can price or count in that currency
    ├── BadAmount           the amount cannot be taken as it was written; `code` says why
    └── NoFreshRate         no exchange rate young enough; wait or use sats

Nothing was stored, asked or sent when one of these is raised. `str()` is a sentence for people.
"""

from __future__ import annotations


class MoneyError(ValueError):
    """Root of the family. `code` is stable and for programs, `sentence` is for people."""

    def __init__(self, sentence: str, code: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.code = code

    def __reduce__(self) -> tuple[type[MoneyError], tuple[str, str]]:
        return type(self), (self.sentence, self.code)


class UnknownCurrency(MoneyError):
    """The code names no currency of `flashpay.money.currencies`."""

    def __init__(self, sentence: str, code: str = "unknown_currency") -> None:
        super().__init__(sentence, code)


class BadAmount(MoneyError):
    """An amount that is refused.

    Codes: `empty`, `not_a_number`, `ambiguous`, `negative`, `zero`, `too_many_decimals`, `too_large`.
    """


class NoFreshRate(MoneyError):
    """No source gave a price that is young enough. Fiat operations wait or refuse; none is estimated."""

    def __init__(self, sentence: str, code: str = "no_fresh_rate") -> None:
        super().__init__(sentence, code)
