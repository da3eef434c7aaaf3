"""One request at a time: route, preview. Part of: python -m pytest benchmarks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import canarysim as cs
from benchmarks.conftest import Goal
from canarysim.table.decision import Decision

if TYPE_CHECKING:
    from benchmarks.conftest import Compare

HEAD = """\
apiVersion: gateway.solo.io/v1
kind: VirtualService
metadata: {name: shop, namespace: shop}
spec:
  virtualHost:
    routes:
"""
#: Twenty routes, as a shop might have: ten by prefix, nine by path and header, one for the rest.
CONDITIONS: list[tuple[str, str, str]] = [
    *(("prefix", f"/area{i}/", "") for i in range(10)),
    *(("exact", f"/page{i}", f"v{i}") for i in range(9)),
    ("prefix", "/", ""),
]


def twenty_routes() -> cs.RouteTable:
    text = HEAD
    for number, (kind, path, value) in enumerate(CONDITIONS):
        headers = f", headers: [{{name: x-version, value: {value}}}]" if value else ""
        text += f"    - matchers: [{{{kind}: {path}{headers}}}]\n"
        text += f"      routeAction: {{single: {{upstream: {{name: u{number}}}}}}}\n"
    return cs.loads(text)


def test_route(compare: Compare) -> None:
    table = twenty_routes()
    request = cs.Request("/somewhere/1?x=2", authority="shop.example", headers={"x-version": "v1"})
    decision = table.route(request)
    assert decision.cluster == "u19_shop"

    def plain() -> Decision:
        path = request.path.partition("?")[0]
        headers = {name.lower(): value for name, value in request.headers}
        for kind, text, value in CONDITIONS:
            matches = path.startswith(text) if kind == "prefix" else path == text
            if matches and (not value or headers.get("x-version") == value):
                break
        d = decision
        return Decision(
            d.kind,
            d.virtual_host,
            d.matched,
            d.destination,
            d.status,
            d.location,
            d.mirrors,
            d.virtual_cluster,
            d.unknown,
            d.open_parts,
            d.source,
            d.seen,
            d.envoy,
        )

    compare(
        "one request, 20 routes",
        lambda: table.route(request),
        {"a plain loop": plain},
        (Goal("a plain loop", at_most=2),),
        repeat=5_000,
        checked=True,
    )


def test_preview_of_a_billion(compare: Compare) -> None:
    table = cs.loads(
        HEAD
        + "    - routeAction: {multi: {destinations: [{weight: 10, destination: {upstream: {name: a}}}, "
        + "{weight: 90, destination: {upstream: {name: b}}}]}}\n"
    )
    request = cs.Request("/")
    compare(
        "preview of 10^9 requests",
        lambda: cs.preview(table, request, n=10**9),
        {"preview of 20": lambda: cs.preview(table, request, n=20)},
        (Goal("", seconds=0.005),),
        repeat=20,
    )
