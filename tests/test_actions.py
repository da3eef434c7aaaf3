"""Actions other than a plain cluster: redirects, direct responses, groups, cluster headers, rewrites."""

from __future__ import annotations

import pytest

import canarysim as cs

from .cases import get, virtual_service
from .test_gloo import one_route, problems


def redirected(
    action: str, path: str = "/a/b?x=1", host: str = "x.com", match: str = "{prefix: /a}"
) -> str | None:
    table = cs.loads(one_route(f"- matchers: [{match}]\n  redirectAction: {action}\n"))
    decision = table.route(get(path, host=host))
    assert decision.kind == "redirect"
    return decision.location


@pytest.mark.parametrize(
    ("action", "host", "location"),
    [
        ("{httpsRedirect: true}", "x.com:80", "https://x.com/"),
        ("{httpsRedirect: true}", "x.com:443", "https://x.com:443/"),
        ("{httpsRedirect: true}", "x.com:8080", "https://x.com:8080/"),
        ("{portRedirect: 8443}", "x.com:80", "http://x.com:8443/"),
        ("{portRedirect: 8443}", "[::1]:80", "http://[::1]:8443/"),
        ("{portRedirect: 8443}", "[::1]", "http://[::1]:8443/"),
        ("{portRedirect: 8443}", "x[::1]", "http://x[::8443/"),  # only a bracket at the start makes an address
        ("{hostRedirect: 'h.io:99', portRedirect: 8443}", "x.com", "http://h.io:99:8443/"),
        ("{}", "x.com:80", "http://x.com:80/"),
        ("{hostRedirect: h.io, httpsRedirect: true}", "x.com:80", "https://h.io/"),
    ],
)
def test_scheme_host_and_port_of_a_redirect(action: str, host: str, location: str) -> None:
    assert redirected(action, "/", host, "{prefix: /}") == location


@pytest.mark.parametrize(
    ("action", "location"),
    [
        ("{pathRedirect: /new}", "http://x.com/new?x=1"),
        ("{pathRedirect: new}", "http://x.com/new?x=1"),
        ("{pathRedirect: /new, stripQuery: true}", "http://x.com/new"),
        ("{prefixRewrite: /new/}", "http://x.com/new//b?x=1"),
        ("{prefixRewrite: ''}", "http://x.com/a/b?x=1"),
        ("{stripQuery: true}", "http://x.com/a/b"),
        ("{regexRewrite: {pattern: {regex: '^/a/(.*)$'}, substitution: '/z/\\1'}}", "http://x.com/z/b?x=1"),
        ("{regexRewrite: {pattern: {regex: '.*'}, substitution: ''}}", "http://x.com/a/b?x=1"),
    ],
)
def test_path_and_query_of_a_redirect(action: str, location: str) -> None:
    assert redirected(action) == location


@pytest.mark.parametrize(
    ("code", "status"), [("FOUND", 302), ("PERMANENT_REDIRECT", 308), ("2", 303), ("MOVED_PERMANENTLY", 301)]
)
def test_the_status_of_a_redirect(code: str, status: int) -> None:
    table = cs.loads(one_route(f"- redirectAction: {{responseCode: {code}}}\n"))
    assert table.route(get("/")).status == status


def test_a_direct_response_answers_itself() -> None:
    table = cs.loads(one_route("- directResponseAction: {status: 503, body: down}\n"))
    decision = table.route(get("/"))
    assert (decision.kind, decision.status, decision.cluster, decision.location) == (
        "direct_response",
        503,
        None,
        None,
    )
    created = cs.loads(one_route("- directResponseAction: {status: 201}\n")).route(get("/x?y", host="x.com"))
    assert created.location == "http://x.com/x?y"
    (outcome,) = cs.preview(table, get("/"))
    assert (outcome.kind, outcome.status) == ("direct_response", 503)
    assert outcome.share == 1


GROUP = """\
apiVersion: gloo.solo.io/v1
kind: UpstreamGroup
metadata: {name: canary, namespace: shared}
spec:
  destinations:
  - {weight: 1, destination: {upstream: {name: v2}}}
  - {weight: 9, destination: {upstream: {name: v1, namespace: other}}}
"""
GROUPED = one_route("- routeAction: {upstreamGroup: {name: canary, namespace: shared}}\n")


def test_an_upstream_group_splits_like_a_list_of_destinations() -> None:
    table = cs.loads(GROUPED + "---\n" + GROUP)
    cs.assert_split(table, "GET /", {"v2_shared": 0.1, "v1_other": 0.9})
    decision = table.route(get("/"), 0)
    assert decision.source is not None
    assert decision.source.resource == "UpstreamGroup shared/canary"


def test_an_upstream_group_that_is_not_in_the_input_leaves_the_decision_open() -> None:
    table = cs.loads(GROUPED.replace("canary", "canari") + "---\n" + GROUP)
    decision = table.route(get("/"))
    assert (decision.kind, decision.unknown[0].code) == ("unknown", "missing_group")
    assert decision.unknown[0].hint == "did you mean shared.canary?"


def test_what_is_wrong_with_a_group_is_said_once_and_of_the_group() -> None:
    found = problems(GROUPED + "---\n" + GROUP.replace("weight: 1", "weight: 0").replace("weight: 9", "weight: 0"))
    assert [(p.code, p.where.resource) for p in found] == [("weights_sum_to_zero", "UpstreamGroup shared/canary")]


def test_a_header_names_the_cluster() -> None:
    table = cs.loads(one_route("- routeAction: {clusterHeader: X-Cluster}\n"))
    assert table.route(get("/", ("x-cluster", "v1_ns"), ("x-cluster", "v2_ns"))).cluster == "v1_ns"
    for headers in ((), (("x-cluster", ""),)):
        decision = table.route(get("/", *headers))
        assert (decision.kind, decision.status, decision.cluster) == ("cluster_not_found", 503, None)


@pytest.mark.parametrize(
    ("destination", "cluster"),
    [
        ("{kube: {ref: {name: Shop, namespace: web}, port: 80}}", "kube-svc:web-shop-80_web"),
        ("{kube: {ref: {name: a.b_c, namespace: web}, port: 80}}", "kube-svc:web-a-b-c-80_web"),
        (
            "{kube: {ref: {name: " + "s" * 63 + ", namespace: web}, port: 80}}",
            "kube-svc:web-sssssssssssssssssssssssssss-2ccd0ee0dc5f38d3a0a9b33c88cf8e9_web",
        ),
        ("{consul: {serviceName: Shop}}", "consul-svc:Shop_gloo-system"),
    ],
)
def test_services_as_destinations_have_clusters_of_their_own(destination: str, cluster: str) -> None:
    decision = cs.loads(one_route(f"- routeAction: {{single: {destination}}}\n")).route(get("/"))
    assert decision.cluster is not None
    if "ssss" in cluster:  # what follows the dash is 31 digits of an MD5 sum
        assert len(decision.cluster) == len(cluster)
        assert decision.cluster[:41] == cluster[:41]
    else:
        assert decision.cluster == cluster


def test_a_subset_is_kept_and_moves_nothing() -> None:
    table = cs.loads(one_route("- routeAction: {single: {upstream: {name: u}, subset: {values: {v: '2'}}}}\n"))
    assert table.destinations[0].subset == (("v", "2"),)
    assert table.route(get("/")).cluster == "u_ns"


def sent(options: str, path: str = "/a/b?x=1", *headers: tuple[str, str]) -> cs.Decision:
    return cs.loads(
        one_route(f"- options: {options}\n  routeAction: {{single: {{upstream: {{name: u}}}}}}\n")
    ).route(get(path, *headers, host="x.com:81"))


def test_what_rewrites_send_upstream() -> None:
    decision = sent("{regexRewrite: {pattern: {regex: '^/a/(.*)$'}, substitution: '/\\1/z'}}")
    assert decision.path == "/b/z?x=1"
    assert decision.request_headers == (("x-envoy-original-path", "/a/b?x=1"),)
    decision = sent("{hostRewrite: new.io, appendXForwardedHost: true}", "/", ("x-forwarded-host", "before"))
    assert decision.authority == "new.io"
    assert sorted(decision.request_headers or ()) == [
        ("x-envoy-original-host", "x.com:81"),
        ("x-forwarded-host", "before,x.com:81"),
    ]
    assert sent("{hostRewriteHeader: x-h}", "/", ("x-h", "h.io")).authority == "h.io"
    assert sent("{hostRewriteHeader: x-h}").authority == "x.com:81"
    regex = "{hostRewritePathRegex: {pattern: {regex: '^/([a-z]+)/.*$'}, substitution: '\\1.io'}}"
    assert sent(regex).authority == "a.io"
    assert sent(regex, "/1").authority == "/1"  # where the regex does not match, the path becomes the host


def test_a_rewrite_by_a_regex_that_is_not_run_opens_the_part_and_not_the_decision() -> None:
    decision = sent(r"{regexRewrite: {pattern: {regex: '(\p{Greek}*)*'}, substitution: ''}}")
    assert (decision.kind, decision.path, decision.request_headers) == ("forward", None, None)
    assert "repeats without limit" in decision.unknown[0].message
    table = cs.loads(one_route(r"- redirectAction: {regexRewrite: {pattern: {regex: '(\p{Greek}*)*'}}}" + "\n"))
    decision = table.route(get("/"))
    assert (decision.kind, decision.status, decision.location) == ("redirect", 301, None)
    assert decision.unknown


@pytest.mark.parametrize(
    ("route", "code", "path"),
    [
        ("redirectAction: {responseCode: 301}", "wrong_type", "responseCode"),
        ("redirectAction: {responseCode: Found}", "wrong_type", "responseCode"),
        ("redirectAction: {pathRedirect: /a, prefixRewrite: /b}", "several_of_oneof", "prefixRewrite"),
        ("redirectAction: {pathRedirect: '/a?b'}", "bad_path", "pathRedirect"),
        ("redirectAction: {hostRedirect: '[::1]'}", "bad_path", "hostRedirect"),
        ("redirectAction: {regexRewrite: {pattern: {regex: '('}}}", "bad_regex", "pattern.regex"),
        ("redirectAction: {regexRewrite: {substitution: a}}", "no_pattern", "regexRewrite"),
        ("directResponseAction: {body: x}", "bad_status", "directResponseAction"),
        ("directResponseAction: {status: 100}", "bad_status", "status"),
        ("directResponseAction: {status: 600}", "bad_status", "status"),
        ("directResponseAction: {status: 200, body: " + "x" * 4097 + "}", "body_too_long", "body"),
        ("routeAction: {clusterHeader: ''}", "bad_header_name", "clusterHeader"),
        ("routeAction: {single: {kube: {port: 80}}}", "no_name", "kube"),
        ("routeAction: {single: {consul: {}}}", "no_name", "consul"),
    ],
)
def test_each_mistake_in_an_action_is_one_located_problem(route: str, code: str, path: str) -> None:
    (problem,) = problems(one_route(f"- {route}\n"))
    assert problem.code == code
    assert problem.where.path.endswith(path)


def test_two_rewrites_of_the_path_are_refused() -> None:
    options = "{prefixRewrite: /a, regexRewrite: {pattern: {regex: a}}}"
    (problem,) = problems(
        one_route(f"- options: {options}\n  routeAction: {{single: {{upstream: {{name: u}}}}}}\n")
    )
    assert problem.code == "two_rewrites"


@pytest.mark.parametrize("option", ["prefixRewrite: /x", "hostRewrite: h", "faults: {}"])
def test_options_without_effect_on_a_redirect_are_a_warning(option: str) -> None:
    table = cs.loads(one_route(f"- redirectAction: {{httpsRedirect: true}}\n  options: {{{option}}}\n"))
    assert [p.code for p in table.problems] == ["no_effect"]
    assert table.route(get("/")).kind == "redirect"


def test_a_delegating_route_without_matchers_could_take_everything() -> None:
    table = cs.loads(virtual_service("routes: [{delegateAction: {ref: {name: rt, namespace: ns}}}]"))
    assert table.route(get("/x")).kind == "unknown"
