"""Coverage: what counts as touched is what its definition says, found by brute force; it is never flattered."""

from __future__ import annotations

import pickle
from fractions import Fraction
from random import Random

import attrs
import pytest

import canarysim as cs
from canarysim.table.actions import RouteAction
from canarysim.table.conditions import RuntimeFraction
from canarysim.table.matchers import PathPrefix
from canarysim.table.route_table import RouteTable
from canarysim.table.routes import Route, RouteMatch
from canarysim.testing.coverage import Coverage, Covered, Item, percent_down
from canarysim.testing.expectations import Expectation, OfKind
from canarysim.testing.judge import judge
from canarysim.testing.recording import listening
from canarysim.testing.strategies import _random_request, _random_table
from canarysim.testing.witness import takes_everything

from .test_gloo import one_route

KINDS = [
    "forward", "redirect", "tls_redirect", "direct_response", "fault_abort", "not_found", "cluster_not_found",
    "rejected",
]  # fmt: skip
#: Something that holds for every decision that is known.
KNOWN = (Expectation((OfKind(KINDS),)),)

TABLE = cs.loads(
    one_route(
        """
    - matchers: [{prefix: /a, headers: [{name: x-a, value: '1'}], methods: [GET]}]
      routeAction: {single: {upstream: {name: r0}}}
    - matchers: [{prefix: /a}]
      routeAction:
        multi:
          destinations:
          - {weight: 1, destination: {upstream: {name: v2}}}
          - {weight: 3, destination: {upstream: {name: v1}}}
          - {weight: 0, destination: {upstream: {name: old}}}
    - matchers: [{prefix: /}]
      directResponseAction: {status: 410}
    """
    )
)


def touched(table: RouteTable, *requests: str, random_value: int | None = None) -> set[str]:
    coverage = Coverage()
    coverage.watch(table)
    for request in requests:
        coverage.hear(judge(table, cs.Request.parse(request), KNOWN, random_value=random_value))
    return {f"{item.kind} {item.route.index}: {item}" for item in coverage.items if item.touched}


def test_what_there_is_to_touch() -> None:
    coverage = Coverage()
    coverage.watch(TABLE)
    assert [f"{item.kind} {item.route.index} {item}" for item in coverage.items] == [
        "route 0 path begins with '/a', header x-a is '1', method matches regex 'GET'",
        "condition 0 path begins with '/a'",
        "condition 0 header x-a is '1'",
        "condition 0 method matches regex 'GET'",
        "route 1 path begins with '/a'",
        "condition 1 path begins with '/a'",
        "destination 1 v2_ns",
        "destination 1 v1_ns",
        "route 2 path begins with '/'",
    ]


ROUTES = {number: f"route {number}: {route.match}" for number, route in enumerate(TABLE.routes)}
BOTH = {"destination 1: v2_ns", "destination 1: v1_ns"}


@pytest.mark.parametrize(
    ("request_", "value", "meant"),
    [
        ("GET /a x-a:1", None, {ROUTES[0]}),
        # the last condition alone refuses, and the request goes on to another route
        ("POST /a x-a:1", None, {"condition 0: method matches regex 'GET'", ROUTES[1], *BOTH}),
        ("GET /a", 0, {"condition 0: header x-a is '1'", ROUTES[1], "destination 1: v2_ns"}),
        # two conditions refuse: neither is shown to matter
        ("POST /a", 3, {ROUTES[1], "destination 1: v1_ns"}),
        (
            "GET /b x-a:1",
            None,
            {"condition 0: path begins with '/a'", "condition 1: path begins with '/a'", ROUTES[2]},
        ),
    ],
)
def test_what_a_request_touches(request_: str, value: int | None, meant: set[str]) -> None:
    assert touched(TABLE, request_, random_value=value) == meant


def test_a_request_of_which_nothing_that_is_expected_holds_touches_nothing() -> None:
    coverage = Coverage()
    coverage.watch(TABLE)
    coverage.hear(judge(TABLE, cs.Request("/b"), [Expectation((OfKind(["forward"]),))]))
    assert not any(item.touched for item in coverage.items)
    coverage.hear(judge(TABLE, cs.Request("/b"), [Expectation((OfKind(["direct_response"]),))]))
    assert [str(item.kind) for item in coverage.items if item.touched] == ["condition", "route"]


def _without(table: RouteTable, host_name: str, index: int, number: int) -> RouteTable:
    """The table with one condition less; in its place stands what every request fulfils."""
    hosts = []
    for host in table.virtual_hosts:
        routes = [
            _loosened(route, number) if (host.name, route.index) == (host_name, index) else route
            for route in host.routes
        ]
        hosts.append(attrs.evolve(host, routes=routes))
    return attrs.evolve(table, virtual_hosts=hosts)


def _loosened(route: Route, number: int) -> Route:
    match = route.match
    condition = match.conditions[number]
    if condition is match.path:
        new = attrs.evolve(match, path=PathPrefix(""))
    else:
        lists = {
            name: [one for one in getattr(match, name) if one is not condition]
            for name in ("headers", "query_parameters", "cookies", "dynamic_metadata")
        }
        singles = {name: None for name in ("grpc", "tls_context") if getattr(match, name) is condition}
        new = RouteMatch(match.path, **{**_singles(match), **lists, **singles})  # type: ignore[arg-type]
    action = route.action
    if isinstance(action, RouteAction) and action.path_rewrite is not None:
        action = attrs.evolve(action, path_rewrite=None)
    return attrs.evolve(route, match=new, action=action)


def _singles(match: RouteMatch) -> dict[str, object]:
    return {name: getattr(match, name) for name in ("grpc", "tls_context", "runtime_fraction", "unsimulated")}


def _takes(table: RouteTable, request: cs.Request, host: str, index: int) -> bool:
    found = table.find(request)
    return (
        found.host is not None
        and found.host.name == host
        and any(b.route is not None and b.route.index == index and b.chance.share for b in found.branches)
    )


@pytest.mark.parametrize("seed", range(40))
def test_a_condition_is_touched_where_without_it_the_route_would_take_the_request(seed: int) -> None:
    """By brute force: each condition of generated tables is taken away, and the table asked again."""
    rng = Random(seed)
    table = _random_table(rng)
    requests = [_random_request(rng, table) for _ in range(12)]
    coverage = Coverage()
    coverage.watch(table)
    known = []
    for request in requests:
        verdict = judge(table, request, KNOWN)
        if all(verdict.held) and request.method != "CONNECT":  # which no condition on the path takes
            known.append(request)
            coverage.hear(verdict)
    conditions = [item for item in coverage.items if item.kind == "condition"]
    for host in table.virtual_hosts:
        for route in host.routes:
            for number, condition in enumerate(route.match.conditions):
                items = [i for i in conditions if i.number == number and i.route is route]
                if isinstance(condition, RuntimeFraction) or takes_everything(table, condition):
                    assert items == []
                    continue
                loose = _without(table, host.name, route.index, number)
                place = host.name, route.index
                would = any(not _takes(table, asked, *place) and _takes(loose, asked, *place) for asked in known)
                assert [item.touched for item in items] == [would], (str(condition), str(route))


def test_every_untouched_thing_that_a_request_is_named_for_is_touched_by_it() -> None:
    for seed in range(40):
        table = _random_table(Random(1000 + seed))
        coverage = Coverage()
        coverage.watch(table)
        for item in coverage.untouched:
            found = item.would_touch()
            if found is None:
                continue
            request, value = found
            alone = Coverage()
            alone.watch(table)
            alone.hear(judge(table, request, KNOWN, random_value=value))
            [same] = [i for i in alone.items if _same(i, item)]
            assert same.touched, (str(item), str(request))


def _same(one: Item, other: Item) -> bool:
    return (one.kind, one.number, one.host.name) == (other.kind, other.number, other.host.name) and (
        one.route is other.route
    )


def test_shares_are_never_rounded_up() -> None:
    for total in range(1, 1200):
        for count in {0, 1, total // 3, total - 1, total}:
            text = percent_down(Fraction(count, total))
            shown = Fraction(text.removesuffix(" %")) / 100
            assert shown <= Fraction(count, total) < shown + Fraction(1, 1000)
            assert (text == "100 %") is (count == total)
    assert str(Covered(0, 0)) == "100 %"


def test_assertions_are_heard() -> None:
    coverage = Coverage()
    with listening(coverage.hear):
        cs.assert_routes_to(TABLE, "GET /a x-a:1", cluster="r0")
    assert coverage.items == []  # a table of a text in a test is nobody's manifest
    coverage.watch(TABLE)
    with listening(coverage.hear):
        cs.assert_routes_to(TABLE, "GET /a x-a:1", cluster="r0")
        cs.assert_split(TABLE, "GET /a", {"v2": 0.25, "v1": 0.75})
    cs.assert_responds(TABLE, "GET /", 410)  # nobody listens any more
    assert [(item.kind, item.route.index) for item in coverage.untouched if item.kind != "condition"] == [
        ("route", 2)
    ]


def test_what_several_processes_touched_is_joined() -> None:
    parts = []
    for request in ("GET /a x-a:1", "GET /a", "GET /b"):
        part = Coverage()
        part.watch(TABLE)
        part.hear(judge(TABLE, cs.Request.parse(request), KNOWN))
        parts.append(pickle.loads(pickle.dumps(part)))
    whole = Coverage()
    for part in parts:
        whole.add(part)
    assert whole.of("route") == Covered(3, 3)
    assert whole.of("destination") == Covered(2, 2)
    assert whole.of("condition") == Covered(2, 4)
    assert not whole.is_below(Fraction(700, 9))
    assert whole.is_below(Fraction(7001, 90))
