"""Explanations name the route that won, and for each earlier one the condition that refused."""

from __future__ import annotations

from pathlib import Path
from random import Random

import attrs
import pytest

import canarysim as cs
from canarysim.faces.intervals import interval_lines
from canarysim.table import regex
from canarysim.table.actions import RouteAction
from canarysim.table.chance import Chance, Residues

from . import generate
from .cases import routes, weighted


def test_each_refusal_names_the_condition_and_the_text_it_saw() -> None:
    table = cs.loads(
        routes(
            "{exact: /a}",
            "{prefix: /b, headers: [{name: x-a, value: v}]}",
            "{prefix: /b, queryParameters: [{name: q}]}",
            "{prefix: /b, methods: [POST]}",
            "{prefix: /}",
        )
    )
    explanation = cs.explain(table, "GET /b?p=1 x-a:w host:shop.example")
    assert [(str(s.refused_by), s.saw) for s in explanation.steps] == [
        ("path is '/a'", "'/b'"),
        ("header x-a is 'v'", "'w'"),
        ("query parameter q is present", "missing"),
        ("method matches regex 'POST'", "'GET'"),
    ]
    assert explanation.winner is table.routes[4]
    assert [step.route.index for step in explanation.near] == [1, 2, 3]
    text = str(explanation)
    for part in ("GET /b?p=1", "ns_t", "'*'", "header x-a is 'w'", "method is 'GET'", "r4_ns"):
        assert part in text


def test_why_this_virtual_host() -> None:
    table = cs.loads(routes("{prefix: /}", domains="['*.example']"))
    explanation = cs.explain(table, cs.Request("/", authority="Shop.EXAMPLE"))
    assert explanation.host.rule is not None
    assert (explanation.host.rule.kind, explanation.host.rule.domain) == ("suffix", "*.example")
    nowhere = cs.explain(table, cs.Request("/", authority="other"))
    assert nowhere.host.virtual_host is None
    assert "no virtual host takes host 'other'" in str(nowhere)
    assert "the table has the domains '*.example'" in str(nowhere)
    assert "=> no virtual host (404)" in str(nowhere)


def test_what_was_changed_before_matching_is_shown() -> None:
    table = cs.loads(routes("{prefix: /b}"))
    text = str(cs.explain(table, "GET /a/../b connection:close x-a:1 x-a:2"))
    assert "'/a/../b' was normalized to '/b'" in text
    assert "connection is dropped" in text
    assert "matched as one: '1,2'" in text
    assert "400" in str(cs.explain(table, "GET /a#f"))


def test_routes_far_from_matching_are_folded_and_near_ones_are_not() -> None:
    matchers = [f"{{exact: /r{i}}}" for i in range(12)]
    matchers[6] = "{prefix: /z, headers: [{name: x-a}]}"
    text = str(cs.explain(cs.loads(routes(*matchers, "{prefix: /z}")), "GET /z"))
    assert "... routes 0 to 5 refused: path is '/z'" in text
    assert "... routes 7 to 11 refused: path is '/z'" in text
    assert "refused: header x-a is missing" in text
    assert "hint: would match with any x-a" in text
    assert len(text.splitlines()) < 20


def test_every_refusing_condition_is_there() -> None:
    table = cs.loads(routes("{exact: /a, methods: [POST], headers: [{name: x-a, value: v}]}"))
    (step,) = cs.explain(table, "GET /b x-a:v").steps
    assert [(str(r.condition), r.saw) for r in step.refusals] == [
        ("path is '/a'", "'/b'"),
        ("method matches regex 'POST'", "'GET'"),
    ]
    assert (step.refused_by, step.saw, step.others_hold) == (table.routes[0].match.path, "'/b'", False)


def test_a_condition_that_is_not_run_still_refuses_a_header_that_is_missing() -> None:
    hard = "(" * 101 + "a+b?" + ")" * 101
    assert not regex.compile(hard).simulated
    table = cs.loads(
        routes(f"{{prefix: /, headers: [{{name: x-a, value: '{hard}', regex: true}}]}}", "{prefix: /}")
    )
    explanation = cs.explain(table, "GET /")
    assert explanation.winner is table.routes[1]
    assert explanation.steps[0].saw == "missing"
    unsure = cs.explain(table, "GET / x-a:aab")
    assert unsure.winner is table.routes[0]
    assert unsure.open_problems
    text = str(unsure)
    assert "  0  may match: path begins with '/'" in text
    assert "  1  else matches: path begins with '/'" in text
    assert "=> unknown" in text
    assert "is not simulated" in " ".join(text.split())


def test_a_random_value_settles_the_decision() -> None:
    table = cs.loads(weighted(1, 9))
    assert len(cs.explain(table, "GET /").decisions) == 2
    explanation = cs.explain(table, "GET /", random_value=10)
    ((decision, share),) = explanation.decisions
    assert decision.cluster == "r0_ns"
    assert share == 1
    text = str(explanation)
    assert "10 is 0 modulo 10" in text
    assert "      => a  10 %  [0, 1) of 10   r0_ns" in text
    assert "         b  90 %  [1, 10) of 10  r1_ns" in text
    assert "whatever the random value" in str(cs.explain(cs.loads(weighted(1)), "GET /", random_value=3))


@pytest.mark.parametrize(
    "weights", [(10, 90), (0, 3, 0, 2, 0), (1, 2**32 - 2), (1, 1, 1), tuple(range(100)), (1,) * 70]
)
def test_the_bar_shows_each_random_value_above_the_letter_of_its_destination(weights: tuple[int, ...]) -> None:
    table = cs.loads(weighted(*weights))
    total = sum(weights)
    ends = [sum(weights[: i + 1]) for i in range(len(weights))]
    for value in {0, 1, total // 3, total // 2, total - 1, total, 2**64 - 1, *ends[:5]}:
        lines = str(cs.explain(table, "GET /", value)).splitlines()
        at = next(i for i, line in enumerate(lines) if f"modulo {total} decides" in line)
        bar, mark = lines[at + 1], lines[at + 2]
        assert len(bar) - len(bar.lstrip()) == 9
        assert len(bar.strip()) == 60
        cluster = table.route(cs.Request("/"), value).cluster
        (row,) = [line for line in lines[at + 3 :] if line.startswith("      => ")]
        assert row.split()[-1] == cluster
        if sum(map(bool, weights)) <= 52:
            assert bar[mark.index("^")] == row[9]
        assert len(lines) <= 24


def test_a_bar_needs_residues_of_one_number() -> None:
    (decision, _), _ = cs.loads(weighted(1, 1)).chances(cs.Request("/"))
    half, third = Residues(2, [(0, 1)]), Residues(3, [(1, 2)])
    lines = interval_lines([(decision, Chance.of(half, third)), (decision, Chance.of(~half))])
    assert lines[0].strip() == "=> the random value decides:"
    assert "[0, 1) of 2 and [1, 2) of 3" in lines[1]
    assert "[1, 2) of 2" in lines[2]


def test_answers_before_any_route() -> None:
    table = cs.loads(routes("{prefix: /}"))
    fragment = cs.explain(table, "GET /a#f")
    assert fragment.steps == ()
    assert [hint.code for hint in fragment.hints] == ["fragment"]
    assert "would be routed without it, as '/a'" in str(fragment)
    assert "=> rejected (400)" in str(fragment)
    host = attrs.evolve(table.virtual_hosts[0], require_tls=True)
    text = str(cs.explain(cs.RouteTable([host]), "GET /a host:h.example"))
    assert "it takes https only, and the request came by http" in text
    assert "=> redirect to https://h.example/a (301)" in text


@pytest.mark.parametrize(
    "request_",
    [
        cs.Request("h.example:443", method="CONNECT"),
        cs.Request("/", authority=""),
        cs.Request("/é\n\x1b[31m", authority="ü\x00", headers={"x-a": "\udcff\x07é"}, method="PÖST"),
        cs.Request("*", method="OPTIONS"),
        cs.Request(""),
        cs.Request("/" + "x" * 5000, headers={"x-a": "v" * 5000}),
        cs.Request("/?" + "&".join(["q=1"] * 300)),
    ],
    ids=range(7),
)
def test_odd_requests_are_explained_in_plain_characters(request_: cs.Request) -> None:
    matchers = [
        "{regex: /é+}",
        "{prefix: /xx, headers: [{name: x-a, value: é}]}",
        "{regex: '/[^v]+', headers: [{name: x-a, value: 'v+w', regex: true}]}",
        "{prefix: /, queryParameters: [{name: q, value: '2'}]}",
        "{prefix: /, methods: [POST]}",
    ]
    for domains in ("['*']", "[h.example, '*.h.example']"):
        explanation = cs.explain(cs.loads(routes(*matchers, domains=domains)), request_)
        text = str(explanation)
        assert all(line.isprintable() for line in text.splitlines())
        assert len(text.splitlines()) <= 40


def test_a_hundred_routes_fit_one_screen_and_so_do_a_thousand() -> None:
    random = Random(5)
    for size in (10, 100, 1000):
        matchers = []
        for i in range(size):
            extra = random.choice(["", "", ", headers: [{name: x-a}]", ", methods: [POST]"])
            matchers.append(f"{{{random.choice(['prefix', 'exact'])}: /api/v{i % 7}/pets{i // 3}{extra}}}")
        table = cs.loads(routes(*matchers))
        for path in ("/api/v3/pets1", "/api/v3/pets1/2", "/nowhere", "/API/v1/pets5", f"/api/v2/pets{size // 4}/"):
            assert len(str(cs.explain(table, f"GET {path}")).splitlines()) <= 24


def test_explain_names_the_route_that_route_chose_for_generated_requests() -> None:
    random = Random(7)
    for _ in range(40):
        document = generate.manifest(random)
        table = cs.loads(document)
        for _ in range(25):
            request = generate.request(random, document)
            value = generate.random_value(random, table, request)
            decision = table.route(request, value)
            explanation = cs.explain(table, request, value)
            assert explanation.winner is decision.matched
            if decision.virtual_host is not None and decision.kind not in ("rejected", "tls_redirect"):
                host = next(h for h in table.virtual_hosts if h.name == decision.virtual_host)
                earlier = len(host.routes) if decision.matched is None else decision.matched.index
                assert len(explanation.steps) == earlier
            assert str(explanation)


def test_shares_are_the_count_over_all_random_values() -> None:
    random = Random(11)
    counted = 0
    for _ in range(60):
        document = generate.manifest(random)
        table = cs.loads(document)
        for _ in range(20):
            request = generate.request(random, document)
            route = table.find(request).route
            if route is None or not isinstance(route.action, RouteAction) or route.action.total > 300:
                continue
            counted += 1
            total = route.action.total
            seen: dict[str | None, int] = {}
            for value in range(total):
                cluster = table.route(request, value).cluster
                seen[cluster] = seen.get(cluster, 0) + 1
            preview = cs.preview(table, request)
            assert {o.cluster: o.share * total for o in preview if o.share} == seen
    assert counted > 200


def test_a_route_whose_random_values_are_all_taken_before_is_said_to_be_refused() -> None:
    half = {"runtime_fraction": {"default_value": {"numerator": 50}}}
    routes = [
        {"match": {"prefix": "/", **half}, "route": {"cluster": "a"}},
        {"match": {"prefix": "/a", **half}, "route": {"cluster": "b"}},
        {"match": {"prefix": "/"}, "route": {"cluster": "c"}},
    ]
    table = cs.from_envoy({"virtual_hosts": [{"name": "h", "domains": ["*"], "routes": routes}]})
    explanation = cs.explain(table, "GET /a")
    assert [decision.cluster for decision, share in explanation.decisions if share] == ["a", "c"]
    [step] = explanation.steps
    assert step.route is table.routes[1]
    assert "refused: random value is always one that an earlier route takes" in str(explanation)
    assert explanation._repr_html_()


def test_a_name_that_nobody_can_read_gives_way_to_that_of_the_manifest() -> None:
    table = cs.load(Path(__file__).parent.parent / "notebooks" / "repository" / "manifests")
    request = "GET http://books.example/catalog/books/7"
    name = table.route(request).route
    assert name is not None
    assert len(name) > 60
    for text in (str(cs.explain(table, request)), str(cs.preview(table, request))):
        assert name not in text
        assert "route platform/books routes[2] > catalog/catalog book" in text
