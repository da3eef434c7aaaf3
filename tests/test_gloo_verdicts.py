"""What Gloo says of resources, as its documentation and real gateways bring it up."""

from __future__ import annotations

import pytest

import canarysim as cs

from .cases import routes
from .test_gloo import ACTION, one_route, problems

GATEWAY = """\
apiVersion: gateway.solo.io/v1
kind: Gateway
metadata: {name: g, namespace: gloo-system}
spec:
  bindPort: 8080
"""
UPSTREAM = """\
apiVersion: gloo.solo.io/v1
kind: Upstream
metadata: {name: r0, namespace: ns}
spec:
"""


# Fields that exclude each other


@pytest.mark.parametrize("matcher", ["{exact: /e, prefix: /p}", "{prefix: /p, exact: /e}"])
def test_of_fields_that_exclude_each_other_gloo_takes_the_one_declared_last(matcher: str) -> None:
    (problem,) = problems(routes(matcher))
    assert problem.code == "several_of_oneof"
    assert problem.hint == "keep one of them; Gloo would take exact"
    table = cs.loads(routes(matcher), errors="apply")
    assert [problem.code for problem in table.problems] == ["several_of_oneof"]
    assert table.route("GET /e", random_value=0).cluster == "r0_ns"
    assert table.route("GET /p", random_value=0).kind == "not_found"


def test_of_two_actions_gloo_takes_the_one_declared_last() -> None:
    text = one_route("- directResponseAction: {status: 204}\n  redirectAction: {hostRedirect: a}\n")
    assert cs.loads(text, errors="apply").route("GET /").status == 204


# Gateways


def test_a_folder_of_which_no_gateway_takes_anything_is_an_error() -> None:
    text = GATEWAY + "  ssl: true\n  httpGateway: {}\n---\n" + routes("{prefix: /}")
    for errors in ("raise", "apply"):
        with pytest.raises(cs.ManifestError) as caught:
            cs.loads(text, errors=errors)
        assert [p.code for p in caught.value.problems] == ["nothing_served", "not_served"]


def test_a_gateway_without_a_type_says_so() -> None:
    (problem,) = problems(GATEWAY)
    assert (problem.code, problem.message) == ("no_gateway_type", "the Gateway does not say what it carries")


def test_header_formats_exclude_each_other() -> None:
    manager = "{properCaseHeaderKeyFormat: true, preserveCaseHeaderKeyFormat: true}"
    text = GATEWAY + f"  httpGateway: {{options: {{httpConnectionManagerSettings: {manager}}}}}\n"
    assert [p.code for p in problems(text)] == ["several_of_oneof"]


@pytest.mark.parametrize(("settings", "open_"), [("clearRouteCache: true", True), ("httpService: {}", False)])
def test_authentication_that_has_requests_matched_again_leaves_them_open(settings: str, open_: bool) -> None:
    text = GATEWAY + f"  httpGateway: {{options: {{extauth: {{{settings}}}}}}}\n---\n" + routes("{prefix: /}")
    decision = cs.loads(text).route("GET /", random_value=0)
    assert (decision.kind == "unknown") is open_
    assert [p.message for p in decision.unknown] == [
        "extauth is not simulated: clearRouteCache has requests matched again"
    ] * open_


# Upstreams


def test_the_form_of_2019_has_connections_and_health_checks_beside_the_type() -> None:
    spec = "  upstreamSpec: {useHttp2: true, circuitBreakers: {maxRequests: 1}, kube: {serviceName: a}}\n"
    assert cs.loads(UPSTREAM + spec + "---\n" + routes("{prefix: /}")).problems == ()


FUNCTIONS = {
    "rest: {functionName: f}": (
        "kube: {}",
        "static: {serviceSpec: {rest: {}}}",
        "kube: {serviceSpec: {grpc: {}}}",
    ),
    "aws: {logicalName: f}": ("aws: {}", "aws: {lambdaFunctions: []}", "static: {}"),
    "azure: {functionName: f}": ("azure: {}", "azure: {functions: []}", "aws: {}"),
}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_functions_that_discovery_would_list_are_no_error_before_it_has(function: str) -> None:
    destination = f"{{upstream: {{name: r0}}, destinationSpec: {{{function}}}}}"
    service = one_route(f"- routeAction: {{single: {destination}}}\n")
    *open_, wrong = (f"{UPSTREAM}  {spec}\n---\n{service}" for spec in FUNCTIONS[function])
    for text in open_:
        table = cs.loads(text)
        assert [(p.code, p.severity) for p in table.problems] == [("no_functions_listed", cs.Severity.WARNING)]
        decision = table.route("GET /", random_value=0)
        assert (decision.cluster, decision.function) == ("r0_ns", "f")
        applied = cs.loads(text, errors="apply")
        assert [p.code for p in applied.problems] == ["unknown_function", "served"]
        assert (applied.route("GET /").cluster, applied.route("GET /").function) == ("r0_ns", None)
    assert [p.code for p in problems(wrong)] == ["no_function"]


@pytest.mark.parametrize("spec", ["  awsEc2: {serviceSpec: {}}\n", "  extensions: {}\n"])
def test_fields_that_no_upstream_has(spec: str) -> None:
    assert [p.code for p in problems(UPSTREAM + spec + "---\n" + routes("{prefix: /}"))] == ["unknown_field"]


# What a problem says


def test_a_transformation_that_has_requests_matched_again_says_so() -> None:
    template = "{requestTransformation: {transformationTemplate: {}}, clearRouteCache: true}"
    text = one_route(f"- {ACTION}\n  options: {{transformations: {template}}}\n")
    (problem,) = cs.loads(text).problems
    assert problem.message == "transformations is not simulated: clearRouteCache has requests matched again"


def test_a_field_of_the_routes_beside_the_routes_is_sent_there() -> None:
    table = """\
apiVersion: gateway.solo.io/v1
kind: RouteTable
metadata: {name: a, namespace: ns}
spec:
  routes: []
  options: {}
"""
    (problem,) = problems(table)
    assert (problem.code, problem.hint) == ("unknown_field", "did you mean routes[].options?")


def test_an_operator_that_does_not_exist_is_one_problem() -> None:
    expressions = "[{key: a, operator: !, values: []}]"
    text = one_route(
        f"- matchers: [{{prefix: /}}]\n  delegateAction: {{selector: {{expressions: {expressions}}}}}\n"
    )
    assert [p.code for p in problems(text)] == ["wrong_type"]


def test_what_a_redirect_must_not_hold_is_not_called_a_path() -> None:
    (problem,) = problems(one_route("- redirectAction: {hostRedirect: 'https://shop.example'}\n"))
    assert problem.message == "hostRedirect 'https://shop.example': '//' is not allowed"
