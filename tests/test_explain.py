"""Explanations name the route that won, and for each earlier one the condition that refused."""

from __future__ import annotations

from random import Random

import canarysim as cs

from . import generate
from .cases import routes


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
    assert "'other' belongs to no virtual host: 404" in str(nowhere)


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
    assert "6 routes" in text
    assert "5 routes" in text
    assert "header x-a is missing" in text
    assert len(text.splitlines()) < 20


def test_a_random_value_settles_the_decision() -> None:
    from .cases import weighted

    table = cs.loads(weighted(1, 9))
    assert len(cs.explain(table, "GET /").decisions) == 2
    (settled,) = cs.explain(table, "GET /", random_value=10).decisions
    assert settled[0].cluster == "r0_ns"


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
            if decision.virtual_host is not None and decision.kind in ("forward", "not_found"):
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
            if route is None or route.action is None or route.action.total > 300:
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
