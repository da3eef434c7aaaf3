"""Unknown is an answer: no path through the package may show more than is certain."""

from __future__ import annotations

import pytest

import canarysim as cs

from .cases import HEAD, get, routes, virtual_service

#: A host whose every decision is open, over routes that would otherwise be certain or split.
HOST = virtual_service(
    """
    optionsConfigRefs: {delegateOptions: [{name: a, namespace: b}]}
    routes:
    - matchers: [{prefix: /a}]
      routeAction:
        multi:
          destinations:
          - {weight: 10, destination: {upstream: {name: v2}}}
          - {weight: 90, destination: {upstream: {name: v1}}}
    - routeAction: {single: {upstream: {name: v1}}}
    """
)


@pytest.mark.parametrize("path", ["/a", "/b"])
def test_a_host_that_is_open_decides_nothing(path: str) -> None:
    table = cs.loads(HOST)
    decision = table.route(get(path))
    assert (decision.kind, decision.cluster, decision.path) == ("unknown", None, None)
    assert [p.code for p in decision.unknown] == ["missing_virtual_host_option"]
    (outcome,) = cs.preview(table, get(path))
    assert (outcome.kind, outcome.cluster) == ("unknown", None)
    assert cs.preview(table, get(path)).share(cluster="v1") == 0
    with pytest.raises(AssertionError):
        cs.assert_routes_to(table, get(path), cluster="v1")
    with pytest.raises(AssertionError):
        cs.assert_split(table, get(path), {"v2": 0.1, "v1": 0.9})
    assert table.unknown
    assert "the VirtualHostOption b.a is not in the input" in " ".join(str(table).split())


def test_a_regex_that_is_not_run_is_a_problem_of_the_table() -> None:
    table = cs.loads(routes(f"{{regex: '/{'(' * 101}a{')' * 101}'}}", "{prefix: /}"))
    problem, too_large = table.problems
    assert too_large.code == "regex_too_large"
    assert (problem.code, problem.where.path) == ("condition_not_run", "spec.virtualHost.routes[0].matchers[0]")
    assert table.unknown == (problem,)
    assert "not run" in str(table)


def test_what_one_of_several_destinations_leaves_open_is_shown() -> None:
    table = cs.loads(
        virtual_service(
            """
            routes:
            - routeAction:
                multi:
                  destinations:
                  - {weight: 1, destination: {upstream: {name: a}}}
                  - weight: 1
                    destination: {upstream: {name: b}}
                    options: {headerManipulation: {requestHeadersToAdd: [{headerSecretRef: {name: s}}]}}
            """
        )
    )
    assert "headerSecretRef" in str(cs.preview(table, get("/")))
    assert table.unknown


@pytest.mark.parametrize("options", ["{faults: {delay: {percentage: 5, fixedDelay: 1s}}}", "{faults: {}}"])
def test_a_delay_moves_no_decision(options: str) -> None:
    table = cs.loads(
        virtual_service(f"routes: [{{options: {options}, routeAction: {{single: {{upstream: {{name: u}}}}}}}}]")
    )
    assert table.unknown == ()
    assert table.route(get("/")).kind == "forward"


def test_the_same_virtual_service_twice_is_an_error_that_names_both_places() -> None:
    with pytest.raises(cs.ManifestError) as caught:
        cs.loads(routes("{prefix: /}", domains="[a]") + "---\n" + routes("{prefix: /}", domains="[b]"))
    (problem,) = caught.value.problems
    assert problem.code == "duplicate_resource"
    assert "(<text>:7:" in problem.message


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (HEAD + "    domains:\n    - *\n", "quote it"),
        (HEAD + "    domains:\n    - *.example.com\n", "quote it"),
        (HEAD + "\tdomains: [a]\n", "tabs"),
        (HEAD + "    domains: [{{ .Values.host }}]\n", "template"),
        (HEAD + "{{- if .x }}\n", "template"),
        ("<<<<<<< HEAD\n" + HEAD, "merge"),
        ("# \ud800\n" + HEAD, "surrogate"),
    ],
)
def test_what_people_most_often_meant_is_said_where_yaml_gives_up(text: str, says: str) -> None:
    with pytest.raises(cs.ManifestError) as caught:
        cs.loads(text)
    assert any(says in f"{p.message} {p.hint}" for p in caught.value.problems)


@pytest.mark.parametrize(
    ("inner", "code"),
    [
        (
            "routeAction: {multi: {destinations: [{weigth: 1, destination: {upstream: {name: u}}}]}}",
            "unknown_field",
        ),
        ("routeAction: {single: {upstream: {nam: u}}}", "unknown_field"),
        (
            "matchers: [{prefix: /, headers: [{nam: x}]}]\n  routeAction: {single: {upstream: {name: u}}}",
            "unknown_field",
        ),
        (
            "routeAction: {multi: {destinations: [{weight: 0x_, destination: {upstream: {name: u}}}]}}",
            "wrong_type",
        ),
        (
            "routeAction: {multi: {destinations: [{weight: "
            + "9" * 5000
            + ", destination: {upstream: {name: u}}}]}}",
            "wrong_type",
        ),
        ("matchers: [{prefix: /, methods: [null]}]\n  routeAction: {single: {upstream: {name: u}}}", "wrong_type"),
    ],
)
def test_one_cause_is_one_problem(inner: str, code: str) -> None:
    with pytest.raises(cs.ManifestError) as caught:
        cs.loads(virtual_service(f"routes:\n- {inner}\n"))
    assert [p.code for p in caught.value.problems] == [code]
    assert len(str(caught.value)) < 600


def test_odd_names_of_files_are_problems_and_no_crash() -> None:
    for path in ("/tmp/a\0b", b"/nowhere"):
        with pytest.raises(cs.ManifestError) as caught:
            cs.load(path)  # type: ignore[arg-type]
        assert "cannot be read" in str(caught.value)
    with pytest.raises(cs.InvalidValue, match="write"):
        cs.load("/nowhere", envoy="1.37")


def test_what_an_upstream_would_be_sent_is_no_matter_where_nothing_is_sent() -> None:
    headers = "{headerManipulation: {requestHeadersToAdd: [{headerSecretRef: {name: s}}]}}"
    transformed = "{transformations: {requestTransformation: {}}}"
    for action, options, location in [
        ("directResponseAction: {status: 200}", headers, None),
        ("directResponseAction: {status: 200}", transformed, None),
        ("redirectAction: {hostRedirect: h.io}", headers, "http://h.io/"),
        ("redirectAction: {hostRedirect: h.io}", transformed, None),
    ]:
        decision = cs.loads(virtual_service(f"routes: [{{{action}, options: {options}}}]")).route(get("/"))
        assert decision.location == location
        assert bool(decision.unknown) == (options is transformed and "redirect" in action)
