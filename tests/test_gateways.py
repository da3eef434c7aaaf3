"""Gateways: which VirtualServices each takes, the tables that come of it, and what it says of its listener."""

from __future__ import annotations

import textwrap

import pytest

import canarysim as cs


def gateway(spec: str, *, name: str = "gw") -> str:
    head = (
        f"---\napiVersion: gateway.solo.io/v1\nkind: Gateway\nmetadata: {{name: {name}, namespace: gloo-system}}\n"
    )
    return head + "spec:\n" + textwrap.indent(textwrap.dedent(spec).strip("\n"), "  ") + "\n"


def http(inner: str, *, port: int = 8080, name: str = "gw", more: str = "") -> str:
    """A Gateway whose httpGateway is this YAML flow text."""
    return gateway(f"bindAddress: '::'\nbindPort: {port}\nhttpGateway: {inner}\n{more}", name=name)


def service(name: str, *, namespace: str = "ns", labels: str = "", ssl: bool = False, domain: str = "") -> str:
    secure = "sslConfig: {secretRef: {name: tls, namespace: ns}}, " if ssl else ""
    return (
        "---\napiVersion: gateway.solo.io/v1\nkind: VirtualService\n"
        f"metadata: {{name: {name}, namespace: {namespace}, labels: {{{labels}}}}}\n"
        f"spec: {{{secure}virtualHost: {{domains: ['{domain or name}'], "
        f"routes: [{{directResponseAction: {{status: 200}}}}]}}}}\n"
    )


SERVICES = (
    service("one", labels="app: web, tier: '1'")
    + service("two", labels="app: api, tier: '2'")
    + service("far", namespace="far", labels="app: web")
    + service("safe", labels="app: web", ssl=True)
)


def hosts(table: cs.RouteTable) -> set[str]:
    return {host.domains[0] for host in table.virtual_hosts}


@pytest.mark.parametrize(
    ("inner", "expected"),
    [
        ("{}", {"one", "two", "far"}),
        ("{virtualServices: [{name: one, namespace: ns}]}", {"one"}),
        ("{virtualServices: [{name: one, namespace: ns}], virtualServiceNamespaces: [far]}", {"one"}),
        ("{virtualServiceNamespaces: [far]}", {"far"}),
        ("{virtualServiceNamespaces: [none, '*']}", {"one", "two", "far"}),
        ("{virtualServiceSelector: {app: web}}", {"one", "far"}),
        ("{virtualServiceSelector: {app: web}, virtualServiceNamespaces: [ns]}", {"one"}),
        ("{virtualServiceSelector: {app: web}, virtualServices: [{name: two, namespace: ns}]}", {"one", "far"}),
        ("{virtualServiceExpressions: {expressions: [{key: tier, operator: Exists}]}}", {"one", "two"}),
        ("{virtualServiceExpressions: {expressions: [{key: tier, operator: In, values: ['2', '3']}]}}", {"two"}),
        ("{virtualServiceExpressions: {}, virtualServiceSelector: {app: api}}", {"one", "two", "far"}),
    ],
)
def test_a_gateway_takes_virtual_services_by_expressions_else_labels_else_references(
    inner: str, expected: set[str]
) -> None:
    assert hosts(cs.loads(SERVICES + http(inner))) == expected


def test_what_no_gateway_takes_is_said() -> None:
    table = cs.loads(SERVICES + http("{virtualServices: [{name: one, namespace: ns}]}"))
    said = [problem for problem in table.problems if problem.code == "not_served"]
    assert {problem.where.resource for problem in said} == {
        f"VirtualService {name}" for name in ("ns/two", "far/far", "ns/safe")
    }


def test_each_gateway_makes_a_table_of_its_own() -> None:
    text = (
        SERVICES
        + http("{virtualServiceSelector: {app: web}}", name="web")
        + http("{virtualServiceSelector: {app: api}}", name="api", port=8081)
        + http("{}", name="secure", port=8443, more="ssl: true")
    )
    with pytest.raises(cs.SeveralTables) as caught:
        cs.loads(text)
    assert set(caught.value.names) == {"web", "api", "secure"}
    api = cs.loads(text, table="api")
    assert (hosts(api), api.route_configuration, api.scheme) == ({"two"}, "listener-::-8081-routes", "http")
    secure = cs.loads(text, table="secure")
    assert (hosts(secure), secure.scheme) == ({"safe"}, "https")
    assert secure.virtual_hosts[0].require_tls == "ALL"


def test_a_gateway_may_be_for_several_proxies_whose_routes_have_other_names() -> None:
    named = service("one").replace("{directResponseAction", "{name: r, directResponseAction")
    tables = {}
    for name in ("gw of public", "gw of private"):
        tables[name] = cs.loads(
            named + http("{}", more="proxyNames: [public, private]"), table=f"gloo-system.{name}"
        )
    assert [table.routes[0].name for table in tables.values()] == [
        f"ns_one-route-0-vs:gw_{proxy}_ns_one_route:r-matcher-0" for proxy in ("public", "private")
    ]


def test_gateways_of_2019_have_their_references_outside() -> None:
    old = gateway("bindPort: 80\nvirtualServices: [{name: two, namespace: ns}]").replace("io/v1", "io.v2/v2")
    assert hosts(cs.loads(SERVICES + old)) == {"two"}


def test_the_gateways_that_a_hybrid_gateway_matches_are_tables() -> None:
    hybrid = gateway(
        """
        bindAddress: '::'
        bindPort: 80
        hybridGateway:
          matchedGateways:
          - matcher: {sslConfig: {}}
            httpGateway: {}
          - httpGateway: {virtualServiceSelector: {app: api}}
        """
    )
    assert hosts(cs.loads(SERVICES + hybrid, table="gw matchedGateways[0]")) == {"safe"}
    assert hosts(cs.loads(SERVICES + hybrid, table="gw matchedGateways[1]")) == {"two"}


# What a gateway says of its listener


def manager(settings: str) -> cs.RouteTable:
    return cs.loads(service("one") + http(f"{{options: {{httpConnectionManagerSettings: {settings}}}}}"))


def test_paths_are_normalized_and_websockets_allowed_unless_the_gateway_says_otherwise() -> None:
    plain = cs.loads(service("one") + http("{}"))
    assert plain.http == cs.HttpSettings(normalize_path=True, upgrades=["websocket"], port=8080)
    assert not manager("{normalizePath: false}").http.normalize_path
    told = manager(
        "{mergeSlashes: true, stripAnyHostPort: true, useRemoteAddress: true, "
        "pathWithEscapedSlashesAction: REJECT_REQUEST, upgrades: [{connect: {}}, {websocket: {enabled: false}}]}"
    ).http
    assert told == cs.HttpSettings(
        normalize_path=True,
        merge_slashes=True,
        strip_any_host_port=True,
        use_remote_address=True,
        path_with_escaped_slashes_action="REJECT_REQUEST",
        upgrades=["connect"],
        port=8080,
    )


def test_hosts_with_ports_match_where_the_gateway_strips_them() -> None:
    asked = cs.Request("/", authority="one:8080")
    assert cs.loads(service("one") + http("{}")).route(asked).status == 404
    assert manager("{stripAnyHostPort: true}").route(asked).status == 200


def test_the_most_specific_headers_win_where_the_gateway_says_so() -> None:
    text = """\
---
apiVersion: gateway.solo.io/v1
kind: VirtualService
metadata: {name: vs, namespace: ns}
spec:
  virtualHost:
    options: {headerManipulation: {requestHeadersToAdd: [{header: {key: x-a, value: host}, append: false}]}}
    routes:
    - options: {headerManipulation: {requestHeadersToAdd: [{header: {key: x-a, value: route}, append: false}]}}
      routeAction: {single: {upstream: {name: u}}}
"""
    wins = "routeOptions: {mostSpecificHeaderMutationsWins: true}"
    assert dict(cs.loads(text + http("{}")).route("GET /").request_headers or ()) == {"x-a": "host"}
    assert dict(cs.loads(text + http("{}", more=wins)).route("GET /").request_headers or ()) == {"x-a": "route"}


def test_the_body_of_a_direct_response_may_be_as_long_as_the_gateway_says() -> None:
    text = service("one").replace("{status: 200}", f"{{status: 200, body: {'x' * 5000}}}")
    with pytest.raises(cs.ManifestError, match="more than 4096 bytes"):
        cs.loads(text + http("{}"))
    table = cs.loads(text + http("{}", more="routeOptions: {maxDirectResponseBodySizeBytes: 6000}"))
    assert table.route(cs.Request("/", authority="one")).status == 200


@pytest.mark.parametrize(
    "settings",
    [
        "earlyHeaderManipulation: {headersToRemove: [x]}",
        "headersWithUnderscoresAction: DROP_HEADER",
    ],
)
def test_what_a_listener_does_before_routing_and_is_not_simulated_leaves_all_open(settings: str) -> None:
    decision = manager(f"{{{settings}}}").route(cs.Request("/", authority="one"))
    assert decision.kind == "unknown"
    assert decision.unknown[0].where.resource == "Gateway gloo-system/gw"


def test_what_says_nothing_leaves_nothing_open() -> None:
    table = manager("{via: '', headersWithUnderscoresAction: ALLOW, appendXForwardedPort: false}")
    assert table.unknown == ()


# What is wrong


def codes(text: str) -> set[str]:
    with pytest.raises(cs.ManifestError) as caught:
        cs.loads(text)
    return {problem.code for problem in caught.value.problems if problem.severity is cs.Severity.ERROR}


def test_two_gateways_of_a_proxy_on_one_port_are_an_error_of_both_and_apart_on_two_proxies() -> None:
    text = SERVICES + http("{}", name="a") + http("{}", name="b")
    with pytest.raises(cs.ManifestError) as caught:
        cs.loads(text)
    said = [problem for problem in caught.value.problems if problem.code == "duplicate_address"]
    assert {problem.where.resource for problem in said} == {"Gateway gloo-system/a", "Gateway gloo-system/b"}
    apart = SERVICES + http("{}", name="a") + http("{}", name="b", more="proxyNames: [other]")
    with pytest.raises(cs.SeveralTables):
        cs.loads(apart)


def test_a_bad_expression_of_a_gateway_is_an_error_and_takes_nothing() -> None:
    assert "bad_selector" in codes(
        SERVICES + http("{virtualServiceExpressions: {expressions: [{key: a, operator: In}]}}")
    )


def test_a_gateway_says_what_it_carries() -> None:
    assert "no_gateway_type" in codes(SERVICES + gateway("bindPort: 80"))
    assert hosts(cs.loads(SERVICES + gateway("tcpGateway: {}", name="tcp") + http("{}"))) == {"one", "two", "far"}


def test_a_domain_in_two_virtual_services_takes_the_whole_listener_with_it() -> None:
    text = service("one", domain="same") + service("two", domain="same") + service("three")
    assert codes(text) == {"duplicate_domain"}
    with pytest.raises(cs.ManifestError, match="nothing is served on gateway-proxy"):
        cs.loads(text, errors="apply")
    apart = (
        text
        + http("{virtualServices: [{name: one, namespace: ns}]}", name="a")
        + http("{virtualServices: [{name: two, namespace: ns}]}", name="b", port=81)
    )
    assert hosts(cs.loads(apart, table="a")) == {"same"}
    assert hosts(cs.loads(apart, table="b")) == {"same"}


def test_ssl_without_a_certificate_takes_the_listener_with_it() -> None:
    bare = service("safe", ssl=True).replace("{secretRef: {name: tls, namespace: ns}}", "{sniDomains: [a.io]}")
    (problem,) = cs.loads(bare).problems
    assert (problem.code, problem.severity) == ("no_certificate", cs.Severity.WARNING)
    with pytest.raises(cs.ManifestError, match="nothing is served on gateway-proxy-ssl"):
        cs.loads(bare, errors="apply")
    assert hosts(cs.loads(bare + service("plain"), errors="apply")) == {"plain"}
