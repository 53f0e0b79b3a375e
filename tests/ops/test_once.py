"""What a process has one of is made once, also when many threads ask for it in the first moment."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from flashpay import live
from flashpay.once import Once
from flashpay.stores import rates, wallets

CROWD = 16


def asked_at_once(thing: Once[object]) -> list[object]:
    """What each of many threads gets that ask in the same moment."""
    gate = threading.Barrier(CROWD, timeout=30)

    def ask(_: int) -> object:
        gate.wait()
        return thing()

    with ThreadPoolExecutor(CROWD) as crowd:
        return list(crowd.map(ask, range(CROWD)))


def test_a_crowd_at_the_first_moment_gets_one_thing_that_was_made_once() -> None:
    made: list[object] = []
    others_ask = threading.Event()

    @Once
    def thing() -> object:
        # Long enough for everybody else to ask as well.
        others_ask.wait(0.2)
        made.append(object())
        return made[-1]

    answers = asked_at_once(thing)
    assert len(made) == 1
    assert {id(each) for each in answers} == {id(made[0])}


def test_whoever_fails_to_make_it_leaves_it_to_the_next() -> None:
    tries = []

    @Once
    def thing() -> str:
        tries.append(1)
        if len(tries) == 1:
            raise OSError("not yet")
        return "made"

    with pytest.raises(OSError, match="not yet"):
        thing()
    assert [thing(), thing()] == ["made", "made"]
    assert len(tries) == 2


def test_it_is_made_again_after_it_was_cleared() -> None:
    thing = Once(object)
    first = thing()
    thing.cache_clear()
    assert thing() is not first


def test_the_shared_connections_of_a_process_are_such_things() -> None:
    """A second Redis client, thrown away at once, would close the connections that others are just asking over."""
    for shared in (live.connection, live.publisher, rates.rate_book, wallets.budgets):
        assert isinstance(shared, Once)
