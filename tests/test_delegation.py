"""Delegation as Gloo does it: which tables, in which order, what their routes inherit, and what is dropped.

The expectations were written from Gloo's rules, and each of these sets was shown to Gloo's own translator once.
"""

from __future__ import annotations

import textwrap

import pytest

import canarysim as cs
from canarysim.faces.json import explanation_dict


def service(routes: str, *, name: str = "vs", namespace: str = "ns", host: str = "") -> str:
    """A VirtualService around the text of its routes; ``host`` is more of its virtualHost."""
    return _resource(
        "VirtualService", name, namespace, "", "virtualHost:\n" + _in(f"{host}\nroutes:\n{_flat(routes)}")
    )


def table(name: str, routes: str, *, namespace: str = "ns", labels: str = "", weight: int | None = None) -> str:
    more = "" if weight is None else f"weight: {weight}\n"
    return _resource("RouteTable", name, namespace, labels, f"{more}routes:\n{_flat(routes)}")


def _resource(kind: str, name: str, namespace: str, labels: str, spec: str) -> str:
    lines = ["---", "apiVersion: gateway.solo.io/v1", f"kind: {kind}"]
    lines.append(f"metadata: {{name: {name}, namespace: {namespace}, labels: {{{labels}}}}}")
    return "\n".join([*lines, "spec:", _in(spec)]) + "\n"


def _flat(text: str) -> str:
    return textwrap.dedent(text).strip("\n")


def _in(text: str) -> str:
    return textwrap.indent(text, "  ")


def to(name: str, matcher: str, more: str = "") -> str:
    """A route to the upstream of that name."""
    return f"- {{matchers: [{{{matcher}}}], routeAction: {{single: {{upstream: {{name: {name}}}}}}}{more}}}\n"


def delegate(matcher: str, action: str, more: str = "") -> str:
    return f"- {{matchers: [{{{matcher}}}], delegateAction: {{{action}}}{more}}}\n"


def clusters(text: str) -> list[str]:
    """The clusters of all routes, in order."""
    return [destination.cluster for destination in cs.loads(text).destinations]


def warnings(found: cs.RouteTable) -> list[cs.Problem]:
    return [problem for problem in found.problems if problem.severity is not cs.Severity.INFO]


def dropped(found: cs.RouteTable) -> list[str]:
    return [problem.message for problem in found.problems if problem.code == "route_dropped"]


REF = "ref: {name: rt, namespace: ns}"


# Which tables


def test_a_table_by_reference_takes_the_place_of_the_route_that_delegates() -> None:
    found = cs.loads(
        service(to("first", "exact: /a/x") + delegate("prefix: /a", REF) + to("last", "prefix: /"))
        + table("rt", to("one", "prefix: /a/1") + to("two", "prefix: /a/2"))
    )
    assert [d.cluster for d in found.destinations] == ["first_ns", "one_ns", "two_ns", "last_ns"]
    assert [route.name for route in found.routes] == [f"ns_vs-route-{i}-matcher-0" for i in range(4)]
    assert [route.index for route in found.routes] == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ("name: rt, namespace: other", ["b_other"]),  # the deprecated form
        ("name: rt, namespace: other, ref: {name: rt, namespace: ns}", ["b_other"]),  # wins over ref
        ("selector: {}", ["a_ns"]),  # all of the namespace of the resource around it
        ("selector: {namespaces: ['*']}", ["a_ns", "b_other"]),
        ("selector: {namespaces: [other]}", ["b_other"]),
        ("selector: {namespaces: [none, '*']}", ["a_ns", "b_other"]),
        ("selector: {namespaces: ['*'], labels: {team: x}}", ["b_other"]),
        ("selector: {namespaces: ['*'], expressions: [{key: team, operator: DoesNotExist}]}", ["a_ns"]),
        ("selector: {namespaces: ['*'], expressions: [{key: team, operator: NotEquals, values: [x]}]}", ["a_ns"]),
        (
            "selector: {namespaces: ['*'], expressions: [{key: size, operator: GreaterThan, values: ['1']}]}",
            ["b_other"],
        ),
        ("selector: {namespaces: ['*'], expressions: [{key: team, values: [x]}]}", ["b_other"]),  # Equals
    ],
)
def test_selectors_take_tables_by_namespace_labels_and_expressions(action: str, expected: list[str]) -> None:
    text = (
        service(delegate("prefix: /a", action))
        + table("rt", to("a", "prefix: /a"))
        + table("rt", to("b", "prefix: /a"), namespace="other", labels="team: x, size: '2'")
    )
    assert sorted(clusters(text)) == expected


def test_a_reference_to_a_table_has_no_default_namespace() -> None:
    found = cs.loads(service(delegate("prefix: /a", "ref: {name: rt}")) + table("rt", to("a", "prefix: /a")))
    (problem,) = warnings(found)
    assert (problem.code, problem.severity) == ("missing_route_table", cs.Severity.WARNING)
    assert problem.hint.startswith("add namespace: ns")
    assert found.route("GET /a").kind == "unknown"
    assert found.route("GET /b").kind == "not_found"


@pytest.mark.parametrize(
    ("action", "code"),
    [
        ("ref: {name: none, namespace: ns}", "missing_route_table"),
        ("selector: {labels: {a: b}}", "nothing_selected"),
    ],
)
def test_what_is_not_in_the_input_is_unknown_and_when_applied_is_not_there(action: str, code: str) -> None:
    text = service(delegate("prefix: /a", action) + to("rest", "prefix: /"))
    assert cs.loads(text).route("GET /a").kind == "unknown"
    applied = cs.loads(text, errors="apply")
    assert applied.route("GET /a").cluster == "rest_ns"
    assert [problem.code for problem in applied.problems] == [code]
    assert applied.routes[0].name_is_certain


@pytest.mark.parametrize(
    "action",
    [
        "{}",
        "selector: {labels: {a: b}, expressions: [{key: a, values: [b]}]}",
        "selector: {expressions: [{key: a, operator: In}]}",
        "selector: {expressions: [{key: '-a', operator: Exists}]}",
        "selector: {expressions: [{key: a, operator: GreaterThan, values: [b]}]}",
    ],
)
def test_a_route_that_says_not_rightly_where_to_delegate_is_dropped_with_a_warning(action: str) -> None:
    found = cs.loads(
        service(delegate("prefix: /a", action.strip("{}") if action == "{}" else action) + to("rest", "prefix: /"))
        + table("rt", to("a", "prefix: /a"), labels="a: b")
    )
    assert [
        (problem.severity, problem.code in ("no_delegate", "bad_selector")) for problem in warnings(found)
    ] == [(cs.Severity.WARNING, True)]
    assert found.route("GET /a").cluster == "rest_ns"


def test_a_table_that_nobody_delegates_to_is_a_note() -> None:
    found = cs.loads(service(to("x", "prefix: /")) + table("rt", to("a", "prefix: /a")))
    (problem,) = found.problems
    assert (problem.code, problem.severity) == ("not_delegated_to", cs.Severity.INFO)
    assert problem.where.resource == "RouteTable ns/rt"


# In which order


def test_tables_go_by_weight_and_those_of_one_weight_are_sorted_together() -> None:
    text = (
        service(delegate("prefix: /a", "selector: {}"))
        + table("late", to("l", "prefix: /a"), weight=1)
        + table("r1", to("p", "prefix: /a") + to("pb", "prefix: /a/b"))
        + table(
            "r2",
            to("e", "exact: /a") + to("re", "regex: /a.*") + to("m", "prefix: /a, methods: [GET, POST]"),
            namespace="ns",
        )
        + table("early", to("x", "prefix: /a/x") + to("y2", "exact: /a/y"), weight=-1)
    )
    # Alone in its weight a table keeps its order. Else: more methods, exact, regex, prefix, the greater text.
    assert clusters(text) == [f"{name}_ns" for name in ("x", "y2", "m", "e", "re", "pb", "p", "l")]


def test_the_greater_text_goes_first_and_not_the_longer() -> None:
    text = (
        service(delegate("prefix: /foo", "selector: {}"))
        + table("r1", to("ahello", "prefix: /foo/a/hello"))
        + table("r2", to("b", "prefix: /foo/b"))
    )
    assert clusters(text) == ["b_ns", "ahello_ns"]


def test_one_table_by_two_ways_gives_its_routes_twice() -> None:
    text = service(delegate("prefix: /a", REF) + delegate("prefix: /a/1", REF)) + table(
        "rt", to("one", "prefix: /a/1") + to("two", "prefix: /a/2")
    )
    found = cs.loads(text)
    assert [d.cluster for d in found.destinations] == ["one_ns", "two_ns", "one_ns"]
    assert dropped(found) == ["the route is dropped: its path '/a/2' does not begin with '/a/1'"]


def test_a_cycle_is_an_error_that_shows_the_way() -> None:
    text = (
        service(delegate("prefix: /a", "ref: {name: one, namespace: ns}"))
        + table("one", delegate("prefix: /a", "ref: {name: two, namespace: ns}"))
        + table("two", delegate("prefix: /a", "ref: {name: one, namespace: ns}") + to("x", "prefix: /a"))
    )
    with pytest.raises(cs.ManifestError) as caught:
        cs.loads(text)
    (problem,) = caught.value.problems
    assert problem.code == "delegation_cycle"
    assert "ns.one -> ns.two -> ns.one" in problem.message
    assert problem.where.resource == "RouteTable ns/two"
    applied = cs.loads(text, errors="apply")
    assert applied.virtual_hosts == ()  # the VirtualService is rejected


# What fits


@pytest.mark.parametrize(
    ("parent", "child", "says"),
    [
        ("prefix: /a", "prefix: /b", "does not begin with '/a'"),
        ("prefix: /a", "regex: '/(a|b)/x'", "does not begin with '/a'"),
        ("prefix: /a", "regex: '^/a'", "does not begin with '/a'"),
        ("prefix: /a, caseSensitive: true", "prefix: /a", "caseSensitive says nothing"),
        ("prefix: /a, headers: [{name: x}]", "prefix: /a", "the header 'x'"),
        ("prefix: /a, headers: [{name: x}]", "prefix: /a, headers: [{name: x, value: v}]", "the header 'x'"),
        (
            "prefix: /a, headers: [{name: x}]",
            "prefix: /a, headers: [{name: x}, {name: x, value: v}]",
            "the header 'x'",
        ),
        ("prefix: /a, queryParameters: [{name: q}]", "prefix: /a", "the query parameter 'q'"),
        ("prefix: /a, methods: [GET]", "prefix: /a", "lacks the method GET"),
    ],
)
def test_a_route_that_does_not_fit_is_dropped_alone(parent: str, child: str, says: str) -> None:
    found = cs.loads(
        service(delegate(parent, REF) + to("rest", "prefix: /"))
        + table("rt", to("bad", child) + to("good", parent))
    )
    assert [d.cluster for d in found.destinations] == ["good_ns", "rest_ns"]
    (message,) = dropped(found)
    assert says in message


def test_more_methods_than_the_delegating_matcher_has_are_taken_too() -> None:
    found = cs.loads(
        service(delegate("prefix: /a, methods: [GET]", REF))
        + table("rt", to("x", "prefix: /a, methods: [GET, POST]"))
    )
    assert found.route("POST /a").cluster == "x_ns"


def test_a_route_without_matchers_is_a_prefix_of_slash_that_fits_only_under_one() -> None:
    plain = "- {routeAction: {single: {upstream: {name: x}}}}\n"
    found = cs.loads(service(delegate("prefix: /a", REF) + delegate("prefix: /", REF)) + table("rt", plain))
    assert [str(route.match) for route in found.routes] == ["path begins with '/'"]
    assert len(dropped(found)) == 1


def test_explain_names_the_dropped_routes_that_match_the_request_and_no_others() -> None:
    text = service(delegate("prefix: /a", "ref: {name: t, namespace: ns}")) + table(
        "t", to("inside", "prefix: /a/1") + to("outside", "exact: /b, methods: [GET]")
    )
    found = cs.loads(text)
    assert dropped(found) == ["the route is dropped: its path '/b' does not begin with '/a'"]

    lost = cs.explain(found, "/b")
    assert [problem.code for problem in lost.dropped] == ["route_dropped"]
    assert "a route for it was dropped: its path '/b' does not begin with '/a'" in " ".join(str(lost).split())
    assert "dropped" in lost._repr_html_()
    assert [each["code"] for each in explanation_dict(lost)["dropped"]] == ["route_dropped"]
    for request in ("/a/1", "/c", "POST /b"):
        other = cs.explain(found, request)
        assert other.dropped == ()
        assert "dropped" not in str(other) + other._repr_html_()


def test_a_delegating_matcher_without_a_path_is_a_plain_slash_and_what_else_it_says_is_dropped() -> None:
    found = cs.loads(service(delegate("headers: [{name: x}]", REF)) + table("rt", to("x", "prefix: /b")))
    assert found.route("GET /b").cluster == "x_ns"
    (problem,) = found.problems
    assert (problem.code, problem.severity) == ("matcher_dropped", cs.Severity.WARNING)


# What is inherited


def test_matchers_are_inherited_by_those_that_say_so_or_say_nothing() -> None:
    inheriting = ", inheritableMatchers: true"
    found = cs.loads(
        service(delegate("prefix: /a, headers: [{name: x}], methods: [GET]", REF, inheriting))
        + table(
            "rt",
            to("first", "prefix: /a/1, headers: [{name: z}], methods: [POST]")
            + to("second", "prefix: /a/2, headers: [{name: x}], methods: [GET]", ", inheritableMatchers: false")
            + delegate("prefix: /a/3", "ref: {name: deep, namespace: ns}"),
        )
        + table("deep", to("deep", "prefix: /a/3"))
    )
    assert [str(route.match) for route in found.routes] == [
        "path begins with '/a/1', header x is present, header z is present, method matches regex 'GET|POST'",
        "path begins with '/a/2', header x is present, method matches regex 'GET'",
        "path begins with '/a/3', header x is present, method matches regex 'GET'",
    ]


def test_paths_are_inherited_in_the_place_of_the_route_s_own() -> None:
    inheriting = ", inheritablePathMatchers: true"
    found = cs.loads(
        service(delegate("prefix: /a, caseSensitive: false", REF, inheriting))
        + table(
            "rt", to("x", "exact: /elsewhere, headers: [{name: h}]") + "- {directResponseAction: {status: 204}}\n"
        )
    )
    assert [str(route.match) for route in found.routes] == [
        "path begins with '/a' in any case, header h is present",
        "path begins with '/a' in any case",
    ]


def test_options_come_from_the_route_then_its_references_then_the_delegating_route() -> None:
    option = """\
---
apiVersion: gateway.solo.io/v1
kind: RouteOption
metadata: {name: o, namespace: ns}
spec: {options: {prefixRewrite: /option, hostRewrite: option, timeout: 1s}}
"""
    more = ", options: {prefixRewrite: /own}, optionsConfigRefs: {delegateOptions: [{name: o, namespace: ns}]}"
    found = cs.loads(
        service(
            delegate(
                "prefix: /a", REF, ", options: {prefixRewrite: /p, autoHostRewrite: true, retries: {retryOn: 5xx}}"
            )
        )
        + table("rt", to("x", "prefix: /a", more) + to("z", "prefix: /a/b"))
        + option
    )
    own, inherited = (route.action for route in found.routes)
    assert own.path_rewrite.text == "/own"  # type: ignore[union-attr]
    assert own.host_rewrite.literal == "option"  # type: ignore[union-attr]
    assert own.timeout == 1  # type: ignore[union-attr]
    assert str(own.retries) == "1 retry on 5xx"  # type: ignore[union-attr]
    assert inherited.path_rewrite.text == "/p"  # type: ignore[union-attr]
    assert inherited.host_rewrite is None  # type: ignore[union-attr]
    decision = found.route(cs.Request("/a/z", authority="h"))
    assert (decision.path, decision.authority) == ("/own/z", "option")


def test_headers_of_a_virtual_host_and_of_its_options_are_not_merged_but_chosen() -> None:
    option = """\
---
apiVersion: gateway.solo.io/v1
kind: VirtualHostOption
metadata: {name: o, namespace: ns}
spec:
  options:
    headerManipulation: {requestHeadersToAdd: [{header: {key: x-a, value: option}}]}
    retries: {retryOn: reset}
"""
    host = (
        "options: {headerManipulation: {requestHeadersToAdd: [{header: {key: x-b, value: own}}]}}\n"
        "optionsConfigRefs: {delegateOptions: [{name: o, namespace: ns}]}"
    )
    found = cs.loads(service(to("x", "prefix: /"), host=host) + option)
    assert dict(found.route("GET /").request_headers or ()) == {"x-b": "own"}
    assert str(found.virtual_hosts[0].retries) == "1 retry on reset"
    assert "   request headers: x-b added" in str(found)


def test_upstreams_of_a_table_are_in_the_namespace_of_the_table() -> None:
    text = service(delegate("prefix: /a", "ref: {name: rt, namespace: team}")) + table(
        "rt", to("x", "prefix: /a"), namespace="team"
    )
    assert clusters(text) == ["x_team"]


# Names and origin


def test_a_name_anywhere_on_the_way_makes_a_long_name() -> None:
    found = cs.loads(
        service(
            delegate("prefix: /a", REF, ", name: way")
            + delegate("prefix: /b", "ref: {name: other, namespace: ns}")
        )
        + table("rt", to("x", "prefix: /a") + to("z", "prefix: /a/z", ", name: mine"))
        + table("other", to("z", "prefix: /b") + to("w", "prefix: /b/w", ", name: w"))
    )
    vs = "vs:gateway-proxy_gateway-proxy_ns_vs_route"
    assert [route.name for route in found.routes] == [
        f"ns_vs-route-0-{vs}:way_rt:ns_rt_route:<unnamed-0>-matcher-0",
        f"ns_vs-route-1-{vs}:way_rt:ns_rt_route:mine-matcher-0",
        "ns_vs-route-2-matcher-0",
        f"ns_vs-route-3-{vs}:<unnamed-1>_rt:ns_other_route:w-matcher-0",
    ]


def test_a_route_knows_by_which_way_it_came() -> None:
    found = cs.loads(
        service(delegate("prefix: /a", "ref: {name: one, namespace: ns}", ", name: team"))
        + table("one", delegate("prefix: /a/b", "ref: {name: two, namespace: ns}"))
        + table("two", to("x", "prefix: /a/b"))
    )
    (route,) = found.routes
    assert route.origin == "ns/vs team > ns/one routes[0] > ns/two routes[0]"
    assert [(place.resource, place.path) for place in route.delegated_by] == [
        ("VirtualService ns/vs", "spec.virtualHost.routes[0]"),
        ("RouteTable ns/one", "spec.routes[0]"),
    ]
    assert route.source.resource == "RouteTable ns/two"
    for text in (str(cs.preview(found, "GET /a/b")), str(cs.explain(found, "GET /a/b"))):
        assert "delegated by RouteTable ns/one" in text
        assert text.index("by RouteTable ns/one") < text.index("by VirtualService ns/vs")
    assert "VirtualService ns/vs > RouteTable ns/one > RouteTable ns/two" in str(found)


def test_an_error_in_a_table_is_told_there_and_rejects_the_virtual_services_that_use_it() -> None:
    text = (
        service(delegate("prefix: /a", REF), host="domains: [bad]")
        + service(to("x", "prefix: /"), name="good", host="domains: [good]")
        + table("rt", "- {matchers: [{prefix: /a}]}\n")
    )
    with pytest.raises(cs.ManifestError) as caught:
        cs.loads(text)
    (problem,) = caught.value.problems
    assert (problem.code, problem.where.resource) == ("no_action", "RouteTable ns/rt")
    applied = cs.loads(text, errors="apply")
    assert [host.domains for host in applied.virtual_hosts] == [("good",)]
    assert {problem.code for problem in applied.problems} == {"no_action", "rejected"}


# Bounds


def test_tables_that_all_select_each_other_are_a_few_errors_and_no_flood() -> None:
    everyone = delegate("prefix: /", "selector: {labels: {a: b}}")
    text = service(everyone) + "".join(table(f"r{i}", everyone, labels="a: b") for i in range(12))
    with pytest.raises(cs.ManifestError) as caught:
        cs.loads(text)
    assert {problem.code for problem in caught.value.problems} == {"delegation_cycle"}
    assert len(caught.value.problems) <= 12


def test_delegation_is_as_deep_as_anybody_needs_and_then_an_error() -> None:
    def chain(length: int) -> str:
        links = [
            table(f"r{i}", delegate("prefix: /", f"ref: {{name: r{i + 1}, namespace: ns}}"))
            for i in range(length - 1)
        ]
        first = service(delegate("prefix: /", "ref: {name: r0, namespace: ns}"))
        return first + "".join(links) + table(f"r{length - 1}", to("x", "prefix: /"))

    assert len(cs.loads(chain(100)).routes[0].delegated_by) == 100
    with pytest.raises(cs.ManifestError, match="more than 100 tables"):
        cs.loads(chain(600))


def test_ways_that_double_with_each_table_end_in_an_error() -> None:
    twice = [
        table(f"r{i}", 2 * delegate("prefix: /", f"ref: {{name: r{i + 1}, namespace: ns}}")) for i in range(30)
    ]
    text = service(delegate("prefix: /", "ref: {name: r0, namespace: ns}")) + "".join(twice)
    with pytest.raises(cs.ManifestError, match="more than 100,000 routes"):
        cs.loads(text + table("r30", to("x", "prefix: /")))


@pytest.mark.parametrize("value", ["1" * 5000, "0" * 5000 + "1", "-", "+", "9223372036854775808"])
def test_odd_numbers_in_selectors_are_no_crash(value: str) -> None:
    action = f"selector: {{expressions: [{{key: size, operator: GreaterThan, values: ['{value}']}}]}}"
    found = cs.loads(
        service(delegate("prefix: /", action)) + table("rt", to("a", "prefix: /"), labels="size: '2'")
    )
    assert {p.code for p in warnings(found)} <= {"bad_selector", "nothing_selected"}
