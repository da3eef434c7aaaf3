"""What is counted as decided by one condition."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import canarysim as cs
from canarysim.table.actions import Destination, RouteAction
from canarysim.table.conditions import CookieMatcher, RuntimeFraction, UnsimulatedMatcher
from canarysim.table.hosts import VirtualHost
from canarysim.table.matchers import (
    ConnectMatcher,
    HeaderMatcher,
    PathExact,
    PathPrefix,
    QueryParameterMatcher,
    Range,
)
from canarysim.table.routes import Route, RouteMatch
from canarysim.table.strings import StringMatcher

from .decisive import decisive, kind_of

if TYPE_CHECKING:
    from canarysim.table.matchers import Matcher


def table_of(*matches: RouteMatch) -> cs.RouteTable:
    action = RouteAction([Destination("v1")])
    routes = [Route(match, action, index=index) for index, match in enumerate(matches)]
    return cs.RouteTable([VirtualHost("h", ["shop"], routes)])


def counted(table: cs.RouteTable, request: cs.Request) -> dict[tuple[str, str], int]:
    counts: Counter[tuple[str, str]] = Counter()
    decisive(table, request, counts)
    return dict(counts)


CANARY = HeaderMatcher("x-a", StringMatcher("exact", "b"))
QUERY = QueryParameterMatcher("q")
HEADER, PATH, PRESENT = "HeaderMatcher exact", "PathPrefix", "QueryParameterMatcher present"


def test_the_one_condition_that_refuses_is_counted_and_all_that_accept() -> None:
    table = table_of(RouteMatch(PathPrefix("/a"), [CANARY], [QUERY]), RouteMatch(PathPrefix("/")))
    taken = cs.Request("/a?q", authority="shop", headers={"x-a": "b"})
    assert counted(table, taken) == {(PATH, "accepts"): 1, (HEADER, "accepts"): 1, (PRESENT, "accepts"): 1}
    behind = {(PATH, "accepts"): 1}
    missed = cs.Request("/a?q", authority="shop", headers={"x-a": "c"})
    assert counted(table, missed) == {(HEADER, "refuses"): 1, **behind}
    missed = cs.Request("/a", authority="shop", headers={"x-a": "b"})
    assert counted(table, missed) == {(PRESENT, "refuses"): 1, **behind}
    elsewhere = cs.Request("/b?q", authority="shop", headers={"x-a": "b"})
    assert counted(table, elsewhere) == {(PATH, "refuses"): 1, **behind}
    assert counted(table, cs.Request("/a", authority="shop")) == behind


def test_routes_that_the_search_does_not_come_to_are_not_counted() -> None:
    table = table_of(RouteMatch(PathPrefix("/")), RouteMatch(PathExact("/a")))
    assert counted(table, cs.Request("/a", authority="shop")) == {(PATH, "accepts"): 1}
    assert counted(table, cs.Request("/a", authority="other")) == {}
    never = RouteMatch(PathPrefix("/"), runtime_fraction=RuntimeFraction(0))
    half = RouteMatch(PathPrefix("/"), runtime_fraction=RuntimeFraction(50))
    shared = table_of(never, half, RouteMatch(PathExact("/a")), RouteMatch(PathExact("/b")))
    assert counted(shared, cs.Request("/a", authority="shop")) == {
        (PATH, "accepts"): 1,
        ("PathExact", "accepts"): 1,
    }


def test_a_route_with_an_open_condition_is_not_counted() -> None:
    filters = UnsimulatedMatcher("filter state", "filters set it")
    table = table_of(RouteMatch(PathPrefix("/a"), unsimulated=[filters]))
    assert counted(table, cs.Request("/a", authority="shop")) == {}


def test_only_connect_satisfies_its_condition() -> None:
    table = table_of(RouteMatch(ConnectMatcher()), RouteMatch(PathPrefix("")))
    connect = cs.Request("shop:80", method="CONNECT", authority="shop")
    assert counted(table, connect) == {("ConnectMatcher", "accepts"): 1}
    assert counted(table, cs.Request("/", authority="shop")) == {
        ("ConnectMatcher", "refuses"): 1,
        (PATH, "accepts"): 1,
    }


def test_kinds_tell_what_is_asked() -> None:
    text = StringMatcher("safe_regex", "a")
    named: dict[str, Matcher] = {
        "HeaderMatcher safe_regex inverted": HeaderMatcher("a", text, True),
        "HeaderMatcher Range": HeaderMatcher("a", Range(0, 1)),
        "HeaderMatcher absent": HeaderMatcher("a", present=False),
        "HeaderMatcher any value inverted": HeaderMatcher("a", None, True, any_value=True),
        "QueryParameterMatcher absent": QueryParameterMatcher("a", present=False),
        "CookieMatcher safe_regex inverted": CookieMatcher("a", text, True),
        "PathExact": PathExact("/"),
    }
    assert {kind_of(matcher) for matcher in named.values()} == set(named)
    for name, matcher in named.items():
        assert kind_of(matcher) == name
