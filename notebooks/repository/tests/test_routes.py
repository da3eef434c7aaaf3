"""What is easier said in Python. The fixture route_table reads the manifests that pytest.ini names."""

import pytest

import canarysim as cs

HOST = "http://books.example"


@pytest.mark.parametrize("version", ["checkout-v1", "checkout-v2"])
def test_nobody_else_uses_the_versions_of_the_checkout(route_table: cs.RouteTable, version: str) -> None:
    owners = {route.source.resource for route in route_table.routes_to(version)}
    assert owners == {"RouteTable checkout/checkout"}


def test_the_canary_does_not_look_at_paths(route_table: cs.RouteTable) -> None:
    for path in ("/checkout", "/checkout/pay", "/checkout?next=/catalog/"):
        cs.assert_split(route_table, f"GET {HOST}{path}", {"checkout-v2": "30%", "checkout-v1": "70%"})


def test_testers_read_the_same_books(route_table: cs.RouteTable) -> None:
    requests = [f"GET {HOST}/catalog/books/{number} x-canary:true" for number in (1, 17, 1729)]
    cs.assert_routes_to(route_table, requests, cluster="books")
