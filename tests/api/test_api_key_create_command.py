from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from flashpay.stores.models import ApiKey, Store, User
from tests.api.conftest import Script


def _run(*arguments: str) -> str:
    said = StringIO()
    call_command("api_key_create", *arguments, stdout=said)
    return said.getvalue()


def test_it_prints_nothing_but_a_key_that_works(alice: User, store: Store) -> None:
    said = _run("--email", "Alice@Example.com", "--label", "till")
    assert [shop["id"] for shop in Script(said.strip()).get("/stores")] == [store.pk]
    assert said == said.strip() + "\n"
    assert ApiKey.objects.get().label == "till"


def test_it_makes_a_key_that_reaches_one_store_only(alice: User, store: Store, api: Script) -> None:
    other = api.post("/stores", {"name": "Another"})["id"]
    script = Script(_run("--email", alice.email, "--store", store.pk).strip())
    script.get(f"/stores/{store.pk}")
    script.get(f"/stores/{other}", 404)


@pytest.mark.parametrize(
    "arguments", [["--email", "nobody@example.com"], ["--email", "alice@example.com", "--store", "x"]]
)
def test_it_refuses_an_unknown_person_or_store_and_makes_nothing(store: Store, arguments: list[str]) -> None:
    with pytest.raises(CommandError, match="No key was made"):
        _run(*arguments)
    assert not ApiKey.objects.exists()


def test_it_refuses_somebody_elses_store(store: Store, charlie: User) -> None:
    with pytest.raises(CommandError, match="has no store"):
        _run("--email", charlie.email, "--store", store.pk)
    assert not ApiKey.objects.exists()
