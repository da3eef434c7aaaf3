"""VirtualServices as Gloo reads them: names, defaults, what is unknown, and what is wrong."""

from __future__ import annotations

from fractions import Fraction

import pytest

import canarysim as cs

from .cases import HEAD, routes, virtual_service


def problems(text: str) -> list[cs.Problem]:
    """What is wrong with a manifest that cannot be read."""
    with pytest.raises(cs.ManifestError) as caught:
        cs.loads(text)
    return list(caught.value.problems)


def one_route(route: str) -> str:
    return virtual_service("domains: ['*']\nroutes:\n" + route)


ACTION = "routeAction: {single: {upstream: {name: r0}}}"


# Names and defaults


def test_names_are_those_that_gloo_gives() -> None:
    text = (
        HEAD.replace("name: t", "name: my.shop")
        + """\
    routes:
    - matchers: [{prefix: /a}, {exact: /b}]
      routeAction: {single: {upstream: {name: u, namespace: other}}}
    - name: mine
      routeAction: {single: {upstream: {name: u}}}
"""
    )
    table = cs.loads(text)
    assert table.name == "gateway-proxy"
    assert table.virtual_hosts[0].name == "ns_my_shop"
    assert table.virtual_hosts[0].domains == ("*",)
    assert [route.name for route in table.routes] == [
        "ns_my_shop-route-0-matcher-0",
        "ns_my_shop-route-0-matcher-1",
        "ns_my_shop-route-1-vs:gateway-proxy_gateway-proxy_ns_my.shop_route:mine-matcher-0",
    ]
    assert [d.cluster for d in table.destinations] == ["u_other", "u_other", "u_ns"]
    assert [route.index for route in table.routes] == [0, 1, 2]


def test_a_resource_without_namespace_is_in_default() -> None:
    table = cs.loads(routes("{prefix: /}").replace("  namespace: ns\n", ""))
    assert table.destinations[0].cluster == "r0_default"


def test_places_are_those_of_the_manifest() -> None:
    text = one_route(f"- matchers:\n  - prefix: /a\n  {ACTION}\n")
    decision = cs.loads(text).route(cs.Request("/a"))
    assert decision.matched is not None
    where = decision.matched.source
    assert text.splitlines()[(where.line or 0) - 1].strip() == "- prefix: /a"
    assert where.path == "spec.virtualHost.routes[0].matchers[0]"
    assert where.resource == "VirtualService ns/t"
    assert decision.source is not None
    assert decision.source.path.endswith("routes[0].routeAction.single")


def test_a_route_without_matchers_takes_everything() -> None:
    table = cs.loads(one_route(f"- {ACTION}\n"))
    assert table.route(cs.Request("/anything")).kind == "forward"
    assert cs.loads(one_route(f"- matchers: []\n  {ACTION}\n")) == table


def test_ssl_and_plain_are_two_tables() -> None:
    plain = routes("{prefix: /}")
    ssl = plain.replace("name: t", "name: s").replace("spec:\n", "spec:\n  sslConfig: {}\n")
    with pytest.raises(cs.SeveralTables) as caught:
        cs.loads(plain + "---\n" + ssl)
    assert caught.value.names == ("gateway-proxy", "gateway-proxy-ssl")
    table = cs.loads(plain + "---\n" + ssl, table="gateway-proxy-ssl")
    assert table.scheme == "https"
    assert table.route(cs.Request("/")).kind == "forward"
    sent_in_clear = table.route(cs.Request("/a?b", authority="h:80", headers={"x-forwarded-proto": "http"}))
    assert (sent_in_clear.kind, sent_in_clear.status, sent_in_clear.location) == (
        "tls_redirect",
        301,
        "https://h:80/a?b",
    )
    with pytest.raises(cs.UnknownName, match="gateway-proxy-ssl"):
        cs.loads(plain + "---\n" + ssl, table="gateway-proxy-sls")


EXPORT = """\
apiVersion: v1
kind: List
metadata:
  resourceVersion: ""
items:
- apiVersion: gateway.solo.io/v1
  kind: VirtualService
  metadata:
    annotations:
      kubectl.kubernetes.io/last-applied-configuration: |
        {"apiVersion":"gateway.solo.io/v1"}
    creationTimestamp: "2026-04-18T13:39:49Z"
    generation: 7
    managedFields: [{manager: kubectl, operation: Update}]
    name: t
    namespace: ns
    resourceVersion: "8418"
    uid: 6fb092ae-61df-11e9-a158-080027b5157f
  spec:
    virtualHost:
      routes:
      - matchers: [{prefix: /}]
        routeAction: {single: {upstream: {name: r0}}}
  status:
    statuses: {gloo-system: {reportedBy: gateway, state: Accepted}}
- apiVersion: v1
  kind: Service
  metadata: {name: s}
"""


def test_lists_and_exports_of_kubectl_are_read() -> None:
    table = cs.loads(EXPORT)
    assert table == cs.loads(routes("{prefix: /}", domains="[]"))
    assert table.routes[0].source.path == "items[0].spec.virtualHost.routes[0].matchers[0]"
    assert [p.where.path for p in table.problems] == ["items[1]"]


def test_weights_absent_are_zero_and_ten_may_be_written_in_three_ways() -> None:
    text = one_route(
        """\
- routeAction:
    multi:
      destinations:
      - {destination: {upstream: {name: none}}}
      - {weight: 10, destination: {upstream: {name: a}}}
      - {weight: 10.0, destination: {upstream: {name: b}}}
      - {weight: "10", destination: {upstream: {name: c}}}
"""
    )
    assert [share for _, share in cs.loads(text).shares(cs.Request("/"))] == [0, *[Fraction(1, 3)] * 3]


# Empty things


def test_a_virtual_service_without_routes_is_a_warning_and_answers_404() -> None:
    for host in ("domains: [a]", "domains: [a]\nroutes: []"):
        table = cs.loads(virtual_service(host))
        assert [(p.code, p.severity) for p in table.problems] == [("no_routes", cs.Severity.WARNING)]
        assert table.route(cs.Request("/", authority="a")).status == 404


def test_other_kinds_are_a_note_and_nothing_at_all_is_an_error() -> None:
    service = "apiVersion: v1\nkind: Service\nmetadata: {name: s}\n"
    table = cs.loads(routes("{prefix: /}") + "---\n" + service)
    assert [(p.code, p.severity) for p in table.problems] == [("not_read", cs.Severity.INFO)]
    assert {p.code for p in problems(service)} == {"not_read", "no_virtual_service"}
    assert [p.code for p in problems("")] == ["no_virtual_service"]


# What is unknown

ELSEWHERE = f"- matchers: [{{prefix: /other}}]\n  {ACTION}\n"


@pytest.mark.parametrize(
    ("field", "route"),
    [
        ("delegateAction", "delegateAction: {name: rt, namespace: ns}"),
        ("upstreamGroup", "routeAction: {upstreamGroup: {name: g, namespace: ns}}"),
        ("dynamicForwardProxy", "routeAction: {dynamicForwardProxy: {hostRewrite: h}}"),
        ("delegateOptions[0]", ACTION + "\n  optionsConfigRefs: {delegateOptions: [{name: o}]}"),
        (
            "transformations",
            ACTION + "\n  options: {transformations: {clearRouteCache: true, requestTransformation: {}}}",
        ),
    ],
)
def test_a_field_that_is_not_simulated_makes_exactly_its_decisions_unknown(field: str, route: str) -> None:
    table = cs.loads(one_route(f"- matchers: [{{prefix: /x}}]\n  {route}\n{ELSEWHERE}"))
    decision = table.route(cs.Request("/x/y"))
    assert decision.kind == "unknown"
    (problem,) = decision.unknown
    assert problem.severity is cs.Severity.WARNING
    assert problem.where.path.endswith(field)
    assert problem in table.problems
    assert decision.cluster is None
    assert [o.kind for o in cs.preview(table, cs.Request("/x"))] == ["unknown"]
    elsewhere = table.route(cs.Request("/other"))
    assert (elsewhere.kind, elsewhere.unknown) == ("forward", ())


@pytest.mark.parametrize(
    ("options", "attribute"),
    [
        ("{headerManipulation: {requestHeadersToAdd: [{headerSecretRef: {name: s}}]}}", "request_headers"),
        ("{transformations: {requestTransformation: {}}}", "path"),
        ("{stagedTransformations: {early: {requestTransforms: []}}}", "request_headers"),
    ],
)
def test_a_part_that_is_not_simulated_leaves_the_decision_and_opens_the_part(options: str, attribute: str) -> None:
    table = cs.loads(one_route(f"- options: {options}\n  {ACTION}\n"))
    decision = table.route(cs.Request("/x", authority="h"))
    assert (decision.kind, decision.cluster) == ("forward", "r0_ns")
    assert len(decision.unknown) == 1
    assert getattr(decision, attribute) is None


@pytest.mark.parametrize(
    "options",
    [
        "{timeout: 5s, retries: {numRetries: 3}, autoHostRewrite: true}",
        "{extauth: {disable: true}, ratelimit: {}, lbHash: {}, cors: {allowOrigin: ['*']}}",
        "{headerManipulation: {responseHeadersToRemove: [server]}}",
        "{stagedTransformations: {regular: {responseTransforms: [{}]}}}",
    ],
)
def test_options_that_move_no_decision_are_accepted_without_a_word(options: str) -> None:
    table = cs.loads(one_route(f"- options: {options}\n  {ACTION}\n"))
    assert table.problems == ()
    assert table.route(cs.Request("/x", authority="h")).unknown == ()


def test_what_a_weighted_destination_does_to_requests_is_its_own_matter() -> None:
    table = cs.loads(
        one_route(
            """\
- routeAction:
    multi:
      destinations:
      - weight: 1
        destination: {upstream: {name: a}}
        options: {headerManipulation: {requestHeadersToAdd: [{headerSecretRef: {name: s}}]}}
      - {weight: 1, destination: {upstream: {name: b}}}
"""
        )
    )
    first, second = table.route(cs.Request("/"), 0), table.route(cs.Request("/"), 1)
    assert (first.cluster, first.request_headers, len(first.unknown)) == ("a_ns", None, 1)
    assert (second.cluster, second.request_headers, second.unknown) == ("b_ns", (), ())


def test_claims_put_into_headers_matter_only_where_routes_look_at_headers() -> None:
    options = "options: {jwt: {providers: {p: {claimsToHeaders: [{claim: c, header: x-c}]}}}}"
    plain = virtual_service(f"{options}\nroutes:\n- {ACTION}\n")
    assert cs.loads(plain).route(cs.Request("/")).kind == "forward"
    matched = virtual_service(
        f"{options}\nroutes:\n- matchers: [{{prefix: /, headers: [{{name: x-c}}]}}]\n  {ACTION}\n- {ACTION}\n"
    )
    assert cs.loads(matched).route(cs.Request("/")).kind == "unknown"


def test_a_delegating_route_takes_what_a_delegated_one_could_and_makes_later_names_provisional() -> None:
    text = one_route(
        """\
- matchers: [{prefix: /d, methods: [GET], headers: [{name: x-a}]}]
  delegateAction: {ref: {name: rt, namespace: ns}}
- routeAction: {single: {upstream: {name: r0}}}
"""
    )
    table = cs.loads(text)
    kinds = {
        "POST /d/x x-a:1": "unknown",  # a delegated route may take more methods
        "GET /d x-a:1": "unknown",
        "GET /d": "forward",  # and must ask for the header too
        "GET /e x-a:1": "forward",
    }
    assert {t: table.route(cs.Request.parse(t)).kind for t in kinds} == kinds
    assert [route.name_is_certain for route in table.routes] == [True, False]


HARD = "(" * 101 + "a+" + ")" * 101  # nested deeper than is simulated


@pytest.mark.parametrize(
    "matcher",
    [f"{{regex: '/{HARD}'}}", f"{{prefix: /, headers: [{{name: x-a, value: '{HARD}', regex: true}}]}}"],
)
def test_a_regex_that_is_not_run_leaves_open_what_hangs_on_it(matcher: str) -> None:
    table = cs.loads(routes("{exact: /first}", matcher, "{prefix: /}"))
    assert table.route(cs.Request("/first")).kind == "forward"
    decision = table.route(cs.Request("/aaaa", headers={"x-a": "aaaa"}))
    assert decision.kind == "unknown"
    assert "regex" in decision.unknown[0].message


def test_a_missing_header_is_no_match_even_for_a_regex_that_is_not_run() -> None:
    text = routes(f"{{prefix: /, headers: [{{name: x-a, value: '{HARD}', regex: true}}]}}", "{prefix: /}")
    assert cs.loads(text).route(cs.Request("/")).cluster == "r1_ns"


def test_a_value_that_envoy_invents_leaves_open_what_hangs_on_it() -> None:
    table = cs.loads(
        routes("{prefix: /, headers: [{name: x-request-id, value: 'a.*', regex: true}]}", "{prefix: /}")
    )
    assert table.route(cs.Request("/")).kind == "unknown"
    assert table.route(cs.Request("/", headers={"x-request-id": "abc"})).cluster == "r0_ns"
    assert table.route(cs.Request("/", headers={"x-request-id": "b"})).cluster == "r1_ns"


# What is wrong


@pytest.mark.parametrize(
    ("text", "code", "path", "says"),
    [
        (
            one_route(f"- matchers: [{{prefx: /}}]\n  {ACTION}"),
            "unknown_field",
            "matchers[0].prefx",
            "did you mean prefix?",
        ),
        (
            one_route(f"- matchers: [{{prefix: 1}}]\n  {ACTION}"),
            "wrong_type",
            "matchers[0].prefix",
            'quote it: "1"',
        ),
        (
            one_route(f"- matchers: [{{prefix: /, headers: [{{name: a, value: true}}]}}]\n  {ACTION}"),
            "wrong_type",
            "headers[0].value",
            'quote it: "true"',
        ),
        (
            one_route(f"- matchers: {{prefix: /}}\n  {ACTION}"),
            "wrong_type",
            "routes[0].matchers",
            "must be a list",
        ),
        (
            one_route(f"- matchers: [{{prefix: /, exact: /}}]\n  {ACTION}"),
            "several_of_oneof",
            "exact",
            "prefix",
        ),
        (
            one_route(f"- matchers: [{{headers: [{{name: a}}]}}]\n  {ACTION}"),
            "no_path",
            "matchers[0]",
            "prefix: /",
        ),
        (
            one_route(f"- matchers: [{{regex: '/(?=a)'}}]\n  {ACTION}"),
            "bad_regex",
            "matchers[0].regex",
            "RE2",
        ),
        (one_route(f"- matchers: [{{regex: ''}}]\n  {ACTION}"), "empty_regex", "matchers[0].regex", "empty"),
        (
            one_route(f"- matchers: [{{prefix: /, headers: [{{name: a, value: '(', regex: true}}]}}]\n  {ACTION}"),
            "bad_regex",
            "headers[0].value",
            "RE2",
        ),
        (
            one_route(f"- matchers: [{{prefix: /, methods: ['(']}}]\n  {ACTION}"),
            "bad_regex",
            "methods",
            "RE2",
        ),
        (
            one_route(f"- matchers: [{{prefix: /, headers: [{{value: a}}]}}]\n  {ACTION}"),
            "empty_name",
            "headers[0]",
            "name",
        ),
        (one_route(f"- matchers: [{{prefix: '/a//b'}}]\n  {ACTION}"), "bad_path", "prefix", "//"),
        (one_route(f"- matchers: [{{exact: '/a b'}}]\n  {ACTION}"), "bad_path", "exact", "' '"),
        (one_route(f"- matchers: [{{exact: '/a/..'}}]\n  {ACTION}"), "bad_path", "exact", "/.."),
        (one_route(f"- matchers: [{{prefix: '/é'}}]\n  {ACTION}"), "bad_path", "prefix", "é"),
        (
            one_route(f"- options: {{prefixRewrite: '/<x>'}}\n  {ACTION}"),
            "bad_path",
            "options.prefixRewrite",
            "<",
        ),
        (
            one_route(f"- options: {{prefxRewrite: /}}\n  {ACTION}"),
            "unknown_field",
            "options.prefxRewrite",
            "prefixRewrite",
        ),
        (one_route("- matchers: [{prefix: /}]"), "no_action", "routes[0]", "routeAction"),
        (one_route("- routeAction: {}"), "no_destination", "routeAction", "single or multi"),
        (one_route("- routeAction: {single: {}}"), "no_destination", "single", "upstream"),
        (one_route("- routeAction: {single: {upstream: {namespace: a}}}"), "no_name", "upstream", "name"),
        (one_route("- routeAction: {multi: {destinations: []}}"), "no_destination", "multi", "at least one"),
        (
            one_route("- routeAction: {multi: {destinations: [{weight: 1}]}}"),
            "no_destination",
            "destinations[0]",
            "beside the weight",
        ),
        (
            one_route("- routeAction: {multi: {destinations: [{destination: {upstream: {name: a}}}]}}"),
            "weights_sum_to_zero",
            "destinations",
            "0",
        ),
        *[
            (
                one_route(
                    "- routeAction: {multi: {destinations: "
                    f"[{{weight: {weight}, destination: {{upstream: {{name: a}}}}}}]}}}}"
                ),
                "wrong_type",
                "destinations[0].weight",
                says,
            )
            for weight, says in [
                ("-1", "range"),
                ("10.5", "whole"),
                ("4294967296", "range"),
                ("ten", "whole"),
            ]
        ],
        (
            one_route(
                "- routeAction: {multi: {destinations: [{weight: 4294967295, destination: {upstream: {name: a}}}, "
                "{weight: 1, destination: {upstream: {name: b}}}]}}"
            ),
            "weights_overflow",
            "destinations",
            "4294967295",
        ),
        (
            one_route(f"- matcher: {{prefix: /}}\n  matchers: [{{prefix: /}}]\n  {ACTION}"),
            "both_spellings",
            "matchers",
            "matcher",
        ),
        (
            one_route(f"- options: {{}}\n  routePlugins: {{}}\n  {ACTION}"),
            "both_spellings",
            "routePlugins",
            "options",
        ),
        (
            one_route(f"- {ACTION}\n  redirectAction: {{}}"),
            "several_of_oneof",
            "redirectAction",
            "routeAction",
        ),
        (
            one_route("- matchers: [{exact: /a}]\n  delegateAction: {ref: {name: a}}"),
            "delegate_matchers",
            "matchers[0]",
            "prefix",
        ),
        (
            one_route("- matchers: [{prefix: /a}, {prefix: /b}]\n  delegateAction: {ref: {name: a}}"),
            "delegate_matchers",
            "matchers",
            "one",
        ),
        (virtual_service("domains: ['']\nroutes: []"), "empty_domain", "domains", "'*'"),
        (virtual_service("domains: [a, a]\nroutes: []"), "duplicate_domain", "domains", "twice"),
        (virtual_service("domains: [a, A]\nroutes: []"), "duplicate_domain", "domains", "but for its case"),
        (virtual_service("domains: a\nroutes: []"), "wrong_type", "domains", "'- '"),
        (virtual_service("domains: [yes]\nroutes: []"), "wrong_type", "domains[0]", 'quote it: "yes"'),
        (routes("{prefix: /}").replace("  name: t\n", ""), "no_name", "metadata", "name"),
        (
            routes("{prefix: /}").replace("virtualHost", "virtualHoost"),
            "unknown_field",
            "virtualHoost",
            "virtualHost",
        ),
        (routes("{prefix: /}").replace("spec:", "specs:"), "unknown_field", "specs", "spec"),
        (
            routes("{prefix: /}").replace("kind: VirtualService", "kind: VirtualServise"),
            "unknown_kind",
            "",
            "VirtualService",
        ),
        (
            routes("{prefix: /}").replace("gateway.solo.io", "gatway.solo.io"),
            "unsupported_dialect",
            "",
            "gateway.solo.io/v1",
        ),
        (
            routes("{prefix: /}").replace("gateway.solo.io/v1", "networking.istio.io/v1"),
            "unsupported_dialect",
            "",
            "Istio",
        ),
        (routes("{prefix: /}").replace("kind: VirtualService\n", ""), "no_kind", "", "kind"),
    ],
)
def test_each_mistake_is_one_located_problem(text: str, code: str, path: str, says: str) -> None:
    found = [p for p in problems(text) if p.severity is cs.Severity.ERROR]
    assert [p.code for p in found] == [code]
    (problem,) = found
    assert problem.where.line is not None
    assert problem.where.column is not None
    assert problem.where.path.endswith(path)
    assert says in str(problem)


TEN_MISTAKES = """\
apiVersion: gateway.solo.io/v1
kind: VirtualService
metadata:
  name: broken
  namespace: gloo-system
spec:
  virtualHost:
    domains: shop.example
    routes:
    - matchers:
      - prefix: /a b
        caseSensitive: "false"
      routeAction:
        single:
          upstream: {name: v1}
    - matchers:
      - prefix: /x
        exact: /y
      routeAction:
        multi:
          destinations:
          - weight: 10.5
            destination: {upstream: {name: v1}}
          - weigth: 10
            destination: {upstream: {name: v2}}
    - matchers:
      - regex: /(?=x)
        headers:
        - name: x-version
          value: 2
      routeAction: {single: {upstream: {name: v1}}}
    - matchers: [{headers: [{name: x}]}]
      routeAction: {single: {upstream: {name: v1}}}
    - matchers: [{prefix: /n}]
"""


def test_ten_mistakes_are_ten_problems_of_one_error_in_the_order_of_the_text() -> None:
    found = problems(TEN_MISTAKES)
    assert [(p.code, p.where.line) for p in found] == [
        ("wrong_type", 8),
        ("bad_path", 11),
        ("wrong_type", 12),
        ("several_of_oneof", 18),
        ("wrong_type", 22),
        ("unknown_field", 24),
        ("bad_regex", 27),
        ("wrong_type", 30),
        ("no_path", 32),
        ("no_action", 34),
    ]
    text = str(cs.ManifestError(found))
    assert text.startswith("10 errors\n")
    assert "<text>:24:13: error: unknown field 'weigth' in WeightedDestination [unknown_field]" in text
    assert "-> did you mean weight?" in text


def test_a_domain_in_two_virtual_services_is_an_error_on_the_second() -> None:
    twin = (
        routes("{prefix: /}", domains="[a, b]")
        + "---\n"
        + routes("{prefix: /}", domains="[B]").replace("name: t", "name: u")
    )
    (problem,) = problems(twin)
    assert problem.code == "duplicate_domain"
    assert "ns/t" in problem.message
    assert problem.where.resource == "VirtualService ns/u"


@pytest.mark.parametrize(
    ("version", "served"),
    [("gateway.solo.io/v7", "v1"), ("gloo.solo.io/v2", "v1"), ("gateway.solo.io.v2/v1", "v2")],
)
def test_a_version_that_a_group_does_not_have_is_an_error(version: str, served: str) -> None:
    kind = "Upstream" if version.startswith("gloo") else "VirtualService"
    text = f"apiVersion: {version}\nkind: {kind}\nmetadata: {{name: a}}\nspec: {{}}\n"
    [problem] = [each for each in problems(text) if each.code == "unknown_version"]
    assert problem.hint == f"write apiVersion: {version.partition('/')[0]}/{served}"
