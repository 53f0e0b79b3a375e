"""One object for the whole process, whichever of its threads asks first."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Once(Generic[T]):
    """Decorates a function without arguments: it is called once, and everybody gets what it made.

    `functools.cache` lets several threads that ask at the same moment make one each and keeps the last. The others' are
    thrown away under those who use them, and a Redis client that is thrown away closes its connections.
    """

    def __init__(self, make: Callable[[], T]) -> None:
        functools.update_wrapper(self, make)
        self._make = make
        self._lock = threading.Lock()
        self._made: list[T] = []

    def __call__(self) -> T:
        with self._lock:
            if not self._made:
                self._made.append(self._make())
            return self._made[0]

    def cache_clear(self) -> None:
        """As of `functools.cache`: make another one for the next who asks. For tests that change the settings it was made from."""
        with self._lock:
            self._made.clear()
