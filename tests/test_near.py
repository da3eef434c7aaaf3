"""Near misses and hints: each hint is a claim, and each claim is held against the table."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

import canarysim as cs
from canarysim.answers.near import Hint
from canarysim.answers.respell import example, part
from canarysim.request import octets
from canarysim.table import regex
from canarysim.table.http import HttpSettings
from canarysim.table.matchers import PathExact, PathPrefix
from canarysim.table.routes import Route, RouteMatch

from . import generate
from .cases import get, routes


def first_hint(*matchers: str, request: cs.Request) -> Hint:
    return cs.explain(cs.loads(routes(*matchers)), request).near[0].hints[0]


H = "{prefix: /, headers: [{name: x-a, %s}]}"
Q = "{prefix: /, queryParameters: [{name: q, %s}]}"

HINTS = [
    ("{prefix: /foo/}", get("/foo"), "trailing_slash", "with a trailing slash", "/foo/"),
    ("{exact: /foo}", get("/foo/"), "trailing_slash", "without the trailing slash", "/foo"),
    ("{prefix: /Foo}", get("/foo/1"), "path_case", "case-sensitive: would match as '/Foo/1'", "/Foo/1"),
    ("{regex: '/r/[0-9]+'}", get("/r/12/x?y"), "path_part", "the whole path: would match as '/r/12'", "/r/12?y"),
    ("{regex: '/r/[0-9]+'}", get("/r/"), "path_example", "as '/r/1'", "/r/1"),
    ("{regex: '/r\\?x=1'}", get("/r?x=1"), "query_in_path", "the query is no part of the path", None),
    ("{exact: /foo}", get("/foo/1"), "exact_path", "takes nothing after it: would match as '/foo'", "/foo"),
    ("{prefix: /foo}", get("/v1/foo/x"), "not_at_start", "not at the start", "/foo/x"),
    ("{prefix: /foo/bar}", get("/foo/b"), "path_too_short", "prefix is longer than the path", "/foo/bar"),
    ("{prefix: /findPets}", get("/finPets/1"), "typo", "as '/findPets/1'", "/findPets/1"),
    ("{exact: /a/b}", get("/a%2Fb"), "escaped_slash", "%2F is no slash: would match as '/a/b'", "/a/b"),
    ("{exact: /aa/b}", get("/aa//b"), "repeated_slashes", "not merged: would match as '/aa/b'", "/aa/b"),
    ("{regex: '/\\.\\./aa'}", get("/../aa"), "normalized", "'/../aa' as it was sent would match", None),
    (
        H % "value: 'True'",
        get("/", ("x-a", "true")),
        "header_case",
        "case-sensitive: would match with x-a: True",
        "True",
    ),
    (H % "value: 'true', regex: true", get("/", ("x-a", "truely")), "header_part", "whole value", "true"),
    (H % "value: v", get("/"), "header_missing", "would match with x-a: v", "v"),
    (H % "value: ''", get("/"), "header_missing", "would match with any x-a", "1"),
    (H % "value: v", get("/", ("x-a", "w")), "header_value", "would match with x-a: v", "v"),
    (H % "value: a", get("/", ("x-a", "a"), ("x-a", "b")), "header_joined", "1.36 joins repeated values", "a"),
    (H % "value: v, invertMatch: true", get("/"), "header_inverted", "needs the header to be there", "other"),
    (
        H % "value: v, invertMatch: true",
        get("/", ("x-a", "v")),
        "header_value",
        "x-a: other, for instance",
        "other",
    ),
    (H % "invertMatch: true", get("/", ("x-a", "v")), "header_unwanted", "would match without x-a", None),
    (H % "value: v", get("/", ("x_a1", "v")), "header_missing", "would match with x-a: v", "v"),
    (
        "{prefix: /, headers: [{name: x-canary, value: v}]}",
        get("/", ("x_canary", "v")),
        "header_name",
        "another header",
        "v",
    ),
    (
        "{prefix: /, headers: [{name: upgrade}]}",
        get("/", ("upgrade", "h2c")),
        "header_dropped",
        "Envoy drops upgrade",
        None,
    ),
    ("{prefix: /, methods: ['P.*']}", get("/"), "method_value", "with the method POST or PUT or PATCH", None),
    ("{prefix: /, methods: [POST]}", get("/", method="post"), "method_case", "methods are case-sensitive", None),
    ("{prefix: /, methods: [POST]}", get("/"), "method_value", "would match with the method POST", None),
    (Q % "value: v", get("/"), "query_missing", "would match with q=v in the query", "/?q=v"),
    (Q % "value: ''", get("/?p"), "query_missing", "would match with q in the query", "/?p&q"),
    (Q % "value: v", get("/?q=V&p"), "query_case", "values are case-sensitive", "/?q=v&p"),
    (Q % "value: v", get("/?Q=v"), "query_name_case", "names are case-sensitive", "/?q=v"),
    (Q % "value: '1'", get("/?q=2&q=1"), "query_first", "only the first q counts", "/?q=1"),
    (Q % "value: v", get("/?q=%76"), "query_encoded", "without decoding it", "/?q=v"),
    (Q % "value: 'a b'", get("/?q=a%20b"), "query_encoded", "would be 'a b' if it were decoded", None),
    (
        Q % "value: '1', regex: true",
        get("/?p=1;q=1"),
        "query_separator",
        "a semicolon does not separate",
        "/?p=1&q=1",
    ),
    (Q % "value: '[0-9]+', regex: true", get("/?q=123x"), "query_part", "the whole value", "/?q=123"),
]


@pytest.mark.parametrize(
    "matcher, request_, code, words, asked", HINTS, ids=[f"{row[2]} {row[0]}" for row in HINTS]
)
def test_the_hint_for_a_condition(
    matcher: str, request_: cs.Request, code: str, words: str, asked: str | None
) -> None:
    hint = first_hint(matcher, request=request_)
    assert (hint.code, words in hint.text) == (code, True), hint
    if asked is not None:
        assert hint.request is not None
        values = [value for name, value in hint.request.headers if name in ("x-a", "x-canary")]
        assert asked in (hint.request.path, *values)


def test_conditions_that_refuse_together_get_one_hint_for_all() -> None:
    table = cs.loads(routes("{exact: /foo/, methods: [POST], headers: [{name: x-a, value: v}]}"))
    (near,) = cs.explain(table, "GET /foo x-a:V").near
    (hint,) = near.hints
    assert hint.code == "several"
    assert "with a trailing slash and" in hint.text
    assert str(hint.request) == "POST /foo/ x-a:v"


def test_near_misses_are_ranked_by_refusals_then_held_conditions_then_the_path_in_common() -> None:
    table = cs.loads(
        routes(
            "{exact: /api/v1/petshop}",  # one refuses, none holds, much in common
            "{prefix: /api, headers: [{name: x-a}, {name: x-b}]}",  # two refuse
            "{prefix: /other}",  # has nothing to do with it
            "{prefix: /api/v1, headers: [{name: x-a}]}",  # one refuses, one holds
            "{exact: /api/v1/peter}",  # one refuses, none holds, less in common
        )
    )
    assert [near.route.index for near in cs.explain(table, "GET /api/v1/pets").near] == [3, 0, 4, 1]


def test_routes_after_the_winner_are_shadowed_and_the_hint_says_who_takes_the_changed_request() -> None:
    table = cs.loads(
        routes(
            "{prefix: /pets}",
            "{prefix: /pets, headers: [{name: x-canary, value: 'true'}]}",
            "{exact: /pets}",
            "{exact: /pets/}",
            "{prefix: /}",
        )
    )
    explanation = cs.explain(table, "GET /pets x-canary:true")
    assert [route.index for route in explanation.shadowed] == [1, 2, 4]
    assert "  1  would match too, but 0 comes first: path begins with '/pets'," in str(explanation)
    (hint,) = [hint for near in explanation.near if near.after for hint in near.hints]
    assert hint.taken_by is table.routes[0]
    assert "with a trailing slash, but route 0 would take that too" in hint.text


HOSTS = [
    ("[shop.example]", "shop.example:8080", "host_port", "shop.example"),
    ("['shop.example:8080']", "shop.example", "host_port", "shop.example:8080"),
    ("['*.example', '*']", "shop.example:8080", "host_port", "shop.example"),
    ("[shop.example, 'shop.*']", "shop.example:80", "host_port", "shop.example"),
    ("[shop.example]", "shop.example.", "host_dot", "shop.example"),
    ("['*.shop.example']", "shop.example", "host_star", "www.shop.example"),
    ("[shop.example]", "www.shop.example", "host_label", "shop.example"),
    ("[www.shop.example]", "shop.example", "host_label", "www.shop.example"),
    ("[shop.example]", "shop.exmple", "host_typo", "shop.example"),
    ("['*.shop.example']", "a.shop.exmple", "host_typo", "a.shop.example"),
    ("[shop.example]", "", "host_missing", "shop.example"),
]


@pytest.mark.parametrize("domains, host, code, other", HOSTS)
def test_the_hint_for_a_host(domains: str, host: str, code: str, other: str) -> None:
    table = cs.loads(routes("{prefix: /}", domains=domains))
    request = cs.Request("/", authority=host)
    explanation = cs.explain(table, request)
    (hint,) = explanation.host.hints
    assert hint.code == code
    assert hint.request is not None
    assert hint.request.authority == other
    rule = table.find(hint.request).rule
    assert rule is not None
    assert repr(rule.domain) in hint.text
    assert hint.text in " ".join(str(explanation).split())


@pytest.mark.parametrize("domains, host", [("['*']", "a:80"), ("[a.example, '*']", "unlike.org"), ("[a]", "A")])
def test_a_host_that_is_near_no_other_domain_gets_no_hint(domains: str, host: str) -> None:
    table = cs.loads(routes("{prefix: /}", domains=domains))
    assert cs.explain(table, cs.Request("/", authority=host)).host.hints == ()


def test_a_virtual_host_without_a_route_hides_the_one_of_the_star() -> None:
    items = [routes("{prefix: /a}", domains="[a.example]"), routes("{prefix: /}").replace("name: t", "name: u")]
    explanation = cs.explain(cs.loads("---\n".join(items)), "GET http://a.example/b")
    assert [hint.code for hint in explanation.hints] == ["other_virtual_host"]
    assert "route 0 of virtual host ns_u" in str(explanation)


def test_paths_that_a_table_does_not_normalize() -> None:
    route = Route(RouteMatch(PathPrefix("/b")), None)
    host = cs.loads(routes("{prefix: /}")).virtual_hosts[0]
    plain = cs.RouteTable([type(host)("v", ["*"], [route])], http=HttpSettings())
    codes = [near.hints[0].code for path in ("/a/../b", "/%62") for near in cs.explain(plain, f"GET {path}").near]
    assert codes == ["not_normalized", "percent_encoded"]
    exact = cs.RouteTable(
        [type(host)("v", ["*"], [Route(RouteMatch(PathExact("/ab")), None)])], http=HttpSettings()
    )
    assert cs.explain(exact, "GET /a%62").near[0].hints[0].code == "percent_encoded"


def claims(table: cs.RouteTable, request: cs.Request) -> Counter[str]:
    """Holds every hint of an explanation against the table."""
    found: Counter[str] = Counter()
    explanation = cs.explain(table, request)
    for near in explanation.near:
        for hint in near.hints:
            found[hint.code] += 1
            if hint.request is None:
                continue
            assert hint.request != request
            then = table.find(hint.request)
            assert then.host is table.find(request).host
            assert not then.open_problems
            assert then.route is (hint.taken_by or near.route), (str(hint), str(request))
            if hint.taken_by is not None:
                # Asked alone, the route takes the request that an earlier one takes in its table.
                assert then.host is not None
                alone = cs.RouteTable(
                    [type(then.host)("alone", ["*"], [near.route])],
                    envoy=table.envoy,
                    http=table.http,
                    scheme=table.scheme,
                )
                assert alone.find(hint.request).route is near.route
    for route in explanation.shadowed:
        assert explanation.winner is not None
        assert route.index > explanation.winner.index
    for hint in explanation.host.hints:
        found[hint.code] += 1
        assert hint.request is not None
        assert table.find(hint.request).rule != explanation.host.rule
    return found


@pytest.mark.parametrize("seed", range(4))
def test_every_hint_on_generated_requests_is_true(seed: int) -> None:
    random = Random(seed)
    found: Counter[str] = Counter()
    for _ in range(25):
        document = generate.manifest(random)
        table = cs.loads(document)
        for _ in range(12):
            found += claims(table, generate.request(random, document))
    assert len(found) > 15


def test_shadowed_routes_take_the_request_when_the_winner_is_gone() -> None:
    random = Random(3)
    checked = 0
    for _ in range(40):
        document = generate.manifest(random)
        table = cs.loads(document)
        for _ in range(10):
            request = generate.request(random, document)
            explanation = cs.explain(table, request)
            host = explanation.host.virtual_host
            if host is None or explanation.open_problems:
                continue
            for route in explanation.shadowed:
                checked += 1
                alone = cs.RouteTable(
                    [type(host)("alone", ["*"], [route])], envoy=table.envoy, http=table.http, scheme=table.scheme
                )
                assert alone.find(request).route is route
    assert checked > 100


@pytest.mark.parametrize(
    "pattern", ["/a/[^/]+", "(?i)TRUE", "a|b", "\\d{3}", "[^a-z]+x", "^/x$", ".", "é+", "(a(b)?)+"]
)
@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_an_example_of_a_regex_matches_it(pattern: str, encoding: str) -> None:
    made = example(pattern, encoding)  # type: ignore[arg-type]
    assert made is not None
    assert regex.compile(pattern, encoding).fullmatch(octets(made))  # type: ignore[arg-type]


def test_the_longest_part_that_matches() -> None:
    holds = regex.compile("[0-9]+").fullmatch
    assert part(holds, "12a3456", range(7)) == "3456"
    assert part(holds, "123", range(3)) == "12"
    assert part(holds, "abcdefgh1", range(9)) is None  # a letter of a word says nothing
    assert part(holds, "1" * 5000, range(5000)) is None
