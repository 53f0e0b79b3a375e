from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client
from playwright.sync_api import Page, expect


@pytest.fixture
def schema(client: Client, db: None) -> Any:
    return client.get("/api/openapi.json").json()


def test_it_shows_its_documentation_without_a_login_and_from_this_server_alone(client: Client, db: None) -> None:
    page = client.get("/api/docs")
    assert page.status_code == 200
    assert "://" not in re.sub(r'"http://127\.0\.0\.1[^"]*"', "", page.content.decode())


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_its_documentation_can_be_read_and_tried_on_a_phone(page: Page, web_server: str) -> None:
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": 320, "height": 640})
    page.goto(f"{web_server}/api/docs")
    making = page.locator("#operations-Invoices-invoice_new")
    # A hundred endpoints are drawn at once, which a busy machine does slowly.
    making.wait_for(timeout=120_000)
    making.locator(".opblock-summary-control").click()
    making.get_by_role("button", name="Try it out").click()
    expect(making.locator("textarea").first).to_have_value(re.compile('"amount": "12.34"'))
    # Filled in for all requests alike, it would have the second one refused.
    expect(making.get_by_placeholder("Idempotency-Key")).to_have_value("")
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    expect(page.locator("html")).not_to_have_class("dark-mode")
    page.emulate_media(color_scheme="dark")
    expect(page.locator("html")).to_have_class("dark-mode")


def _operations(schema: Any) -> list[tuple[str, Any]]:
    return [
        (f"{method} {path}", operation)
        for path, methods in schema["paths"].items()
        for method, operation in methods.items()
    ]


def test_it_declares_every_way_to_say_no(schema: Any) -> None:
    for name, operation in _operations(schema):
        expected = {"200", "400", "404", "422", "503"} | ({"401", "403"} if "security" in operation else set())
        assert expected <= set(operation["responses"]), name


def test_it_names_every_part_of_every_path(schema: Any) -> None:
    for name, operation in _operations(schema):
        wanted = set(re.findall(r"\{(\w+)\}", name))
        given = {parameter["name"] for parameter in operation["parameters"] if parameter["in"] == "path"}
        assert given == wanted, name


def test_it_names_every_operation_once_and_every_shape_it_refers_to(schema: Any) -> None:
    names = [operation["operationId"] for _, operation in _operations(schema)]
    assert len(names) == len(set(names))
    for reference in set(re.findall(r"#/components/schemas/(\w+)", str(schema))):
        assert reference in schema["components"]["schemas"], reference


def test_it_is_open_only_where_an_id_is_the_key(schema: Any) -> None:
    opened = {name for name, operation in _operations(schema) if "security" not in operation}
    assert opened == {
        "get /api/v1/health",
        "get /api/v1/pull-payments/{pullPaymentId}",
        "get /api/v1/pull-payments/{pullPaymentId}/lnurl",
        "get /api/v1/pull-payments/{pullPaymentId}/payouts",
        "post /api/v1/pull-payments/{pullPaymentId}/payouts",
        "get /api/v1/pull-payments/{pullPaymentId}/payouts/{payoutId}",
    }
