"""Every page there is, found through the table of addresses, so that a new one cannot be forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.urls import URLPattern, URLResolver, get_resolver, reverse

# Not FlashPay's own pages (Django's administration, the API and its reference), or what browsers never show.
ELSEWHERE = ("admin/", "api/", "events/", "lnurl/", ".well-known/", "brand/", "healthz", "readyz", "metrics")
PUBLIC = ("i/", "r/", "l/", "p/", "v", "mail/", "till")


@dataclass(frozen=True)
class Address:
    """One line of the table of addresses: `name` with its namespaces, and the names of its parts."""

    route: str
    name: str
    parts: frozenset[str]

    @property
    def group(self) -> str:
        if self.route.startswith("accounts/"):
            return "accounts"
        return "public" if self.route.startswith(PUBLIC) else "dashboard"

    @property
    def of_a_whole_store(self) -> bool:
        return self.parts == {"store_id"}

    def path(self, arguments: dict[str, object]) -> str:
        return reverse(self.name, kwargs=arguments)


def addresses(resolver: URLResolver | None = None, route: str = "", spaces: tuple[str, ...] = ()) -> Iterator[Address]:
    for entry in (resolver or get_resolver()).url_patterns:
        here = route + str(entry.pattern).removeprefix("^")
        if isinstance(entry, URLResolver):
            yield from addresses(entry, here, (*spaces, entry.namespace) if entry.namespace else spaces)
        elif isinstance(entry, URLPattern) and not here.startswith(ELSEWHERE):
            parts = frozenset(entry.pattern.regex.groupindex) | frozenset(entry.pattern.converters)
            outer = frozenset(get_parts(route))
            yield Address(here, ":".join([*spaces, entry.name or ""]), parts | outer)


def get_parts(route: str) -> Iterator[str]:
    """The names of the `<converter:part>`s in what an `include` stands behind."""
    for piece in route.split("<")[1:]:
        yield piece.partition(">")[0].rpartition(":")[2]
