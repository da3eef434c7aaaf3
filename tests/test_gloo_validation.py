"""What Gloo refuses or warns of, what Envoy refuses behind it, and what is then served: each mistake one row.

The first route of ``ns/t`` on ``t.example`` takes ``/x``, the next one all else; beside it stands ``ns/other``.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

import pytest

import canarysim as cs

from .cases import get, resource, virtual_service


class Becomes(Enum):
    """What becomes of a mistake where it is applied, if its route is not served."""

    DROPPED = "the route is dropped: the next one takes its requests"
    WITHHELD = "the virtual host is not served"
    NOTHING = "the Gateway is rejected: nothing is served"
    REFUSED = "Envoy refuses the whole route configuration: nothing is served"


DROPPED, WITHHELD, NOTHING, REFUSED = Becomes


class Row(NamedTuple):
    """A mistake, where it is said to be, and what becomes of ``request``.

    ``text`` is what stands at the place of the problem. ``becomes`` is the cluster or the status that the request
    is answered with where the route is served.
    """

    name: str
    manifest: str
    code: str
    text: str
    becomes: Becomes | str | int
    severity: str = "error"
    resource: str = "VirtualService ns/t"
    request: cs.Request = get("/x", host="t.example")
    #: Other problems of the same cause.
    also: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.name


X = "matchers: [{prefix: /x}]"
TO = "routeAction: {single: {upstream: {name: r0}}}"
REST = "- routeAction: {single: {upstream: {name: rest}}}\n"
OTHER = "\n---\n" + virtual_service(f"domains: [other.example]\nroutes:\n{REST}").replace("name: t", "name: other")


def host(text: str, *more: str) -> str:
    """``ns/t`` with a virtual host, ``ns/other``, and more resources."""
    return virtual_service(text) + "".join(f"---\n{each}" for each in more) + OTHER


def route(*fields: str, more: tuple[str, ...] = ()) -> str:
    """The same, with a first route of these fields."""
    return host(f"domains: [t.example]\nroutes:\n- {{{', '.join(fields)}}}\n{REST}", *more)


def options(text: str) -> str:
    return route(X, TO, f"options: {{{text}}}")


def host_options(text: str) -> str:
    return host(f"domains: [t.example]\noptions: {{{text}}}\nroutes:\n- {{{X}, {TO}}}\n{REST}")


def action(text: str, *more: str) -> str:
    return route(X, f"routeAction: {{{text}}}", more=more)


def redirect(text: str) -> str:
    return route(X, f"redirectAction: {{{text}}}")


def matcher(text: str) -> str:
    return route(f"matchers: [{{{text}}}]", TO)


def destinations(*members: str) -> str:
    return f"{{destinations: [{', '.join(f'{{{member}}}' for member in members)}]}}"


def multi(*members: str, more: tuple[str, ...] = ()) -> str:
    return action(f"multi: {destinations(*members)}", *more)


STATIC = "static: {hosts: [{addr: a, port: 80}]}"


def upstream(name: str, spec: str = STATIC) -> str:
    return resource("Upstream", name, f"{{{spec}}}")


def route_table(*routes: str) -> str:
    return resource("RouteTable", "rt", f"{{routes: [{', '.join(f'{{{each}}}' for each in routes)}]}}")


def delegated(*child: str, how: str = X, more: tuple[str, ...] = ()) -> str:
    """A route that delegates to ``ns/rt``, where a route of these fields stands."""
    return route(how, TABLE, more=(route_table(", ".join(child)), *more))


TABLE = "delegateAction: {ref: {name: rt, namespace: ns}}"
R0, R1 = "destination: {upstream: {name: r0}}", "destination: {upstream: {name: r1}}"
UPSTREAMS = tuple(map(upstream, ("r0", "rest")))
OF_TABLE = "RouteTable ns/rt"
MANAGER = "options: {httpConnectionManagerSettings: {upgrades: [%s]}}"
SELECTOR = "delegateAction: {selector: {%s}}"
MUTATION = "headerManipulation: {%s}"
PSEUDO = MUTATION % "requestHeadersToAdd: [{header: {key: ':path', value: a}}]"


def gateway(name: str, http: str = "", more: str = "bindAddress: '::'") -> str:
    spec = f"{{bindPort: 8080, httpGateway: {{{http}}}, {more}}}"
    return resource("Gateway", name, spec, namespace="gloo-system")


NOT_DECODED = [
    Row("an unknown field", matcher("prefx: /x"), "unknown_field", "prefx", WITHHELD),
    Row("an enum's value that is none", redirect("responseCode: MOVED"), "wrong_type", "MOVED", WITHHELD),
    Row("a negative weight", multi(f"weight: -1, {R0}", f"weight: 1, {R1}"), "wrong_type", "-1", WITHHELD),
    Row("a wrong type", matcher("prefix: 1"), "wrong_type", "1", WITHHELD),
    Row("a list that is none", route("matchers: {prefix: /x}", TO), "wrong_type", "{prefix", WITHHELD),
    Row("a duration without a unit", options("timeout: 5"), "wrong_type", "5", WITHHELD),
    Row(
        "a RouteTable that is not stored is not there",
        delegated("matchers: [{prefx: /x}]", TO),
        *("unknown_field", "prefx", DROPPED),
        resource=OF_TABLE,
    ),
    Row(
        "an UpstreamGroup that is not stored is not there",
        action(
            "upstreamGroup: {name: g, namespace: ns}", resource("UpstreamGroup", "g", destinations("weigth: 1"))
        ),
        *("unknown_field", "weigth", REFUSED),
        resource="UpstreamGroup ns/g",
    ),
    Row(
        "an Upstream that is not stored is not there",
        action("single: {upstream: {name: r0}}", upstream("r0", "statik: {}"), upstream("rest")),
        *("unknown_field", "statik", 503),
        resource="Upstream ns/r0",
    ),
]

HOSTS = [
    Row(
        "no virtual host",
        resource("VirtualService", "t", "{}") + OTHER,
        *("no_virtual_host", "{}", 404, "warning"),
    ),
    Row(
        "a domain in two VirtualServices",
        host(f"domains: [t.example, other.example]\nroutes:\n{REST}"),
        *("duplicate_domain", "domains", NOTHING),
    ),
    Row(
        "a domain twice in one",
        host(f"domains: [t.example, t.example]\nroutes:\n{REST}"),
        *("duplicate_domain", "domains", NOTHING),
    ),
    Row(
        "no domains beside a star",
        host(f"routes:\n{REST}") + "---\n" + resource("VirtualService", "u", "{virtualHost: {domains: ['*']}}"),
        *("duplicate_domain", "domains", WITHHELD),
        resource="VirtualService ns/u",
        also=("no_routes",),
    ),
    Row(
        "an empty domain", host(f"domains: [t.example, '']\nroutes:\n{REST}"), "empty_domain", "domains", WITHHELD
    ),
    Row("an empty domain alone", host(f"domains: ['']\nroutes:\n{REST}"), "empty_domain", "domains", WITHHELD),
    Row(
        "a virtual host's VirtualHostOption that is not there",
        host(
            "domains: [t.example]\noptionsConfigRefs: {delegateOptions: [{name: o, namespace: ns}]}\n"
            f"routes:\n- {{{X}, {TO}}}\n{REST}"
        ),
        *("missing_virtual_host_option", "{name: o", "r0_ns", "warning"),
    ),
]

PATHS = [
    Row("a bad regex", matcher("regex: '/x('"), "bad_regex", "regex", WITHHELD),
    Row("look-around", matcher("regex: '/(?=x)'"), "bad_regex", "regex", WITHHELD),
    Row("no path", matcher("methods: [GET]"), "no_path", "{methods", REFUSED),
    *(
        Row(
            f"{kind} {path}",
            matcher(f"{kind}: '{path}'"),
            *("bad_path", kind, "r0_ns"),
            request=get(path, host="t.example"),
        )
        for kind, path in [
            ("prefix", "/x[1]"),
            ("exact", "/a//b"),
            ("prefix", "/a%2Fb"),
        ]
    ),
    Row("two slashes in a path", redirect("pathRedirect: '/a//b'"), "bad_path", "pathRedirect", 301),
    Row("a host with brackets", redirect("hostRedirect: '[::1]'"), "bad_path", "hostRedirect", 301),
    Row("a bad rewrite of a redirect", redirect("prefixRewrite: '/<a>'"), "bad_path", "prefixRewrite", 301),
    Row("a bad rewrite", options("prefixRewrite: '/<a>'"), "bad_path", "prefixRewrite", "r0_ns"),
    Row("a rewrite with two slashes", options("prefixRewrite: /a//b"), "bad_path", "prefixRewrite", "r0_ns"),
    Row(
        "a bad regex rewrite",
        options("regexRewrite: {pattern: {regex: '('}, substitution: a}"),
        *("bad_regex", "regex", WITHHELD),
    ),
    Row(
        "a bad regex for the host",
        options("hostRewritePathRegex: {pattern: {regex: '('}, substitution: a}"),
        *("bad_regex", "regex", WITHHELD),
    ),
]

ACTIONS = [
    Row("no action", route(X), "no_action", "{matchers", WITHHELD),
    Row("no action in a RouteTable", delegated(X), "no_action", "{matchers", WITHHELD, resource=OF_TABLE),
    Row("no destination", action(""), "no_destination", "{}", REFUSED),
    Row("a destination without a kind", action("single: {}"), "no_destination", "{}", REFUSED),
    Row("no destinations", multi(), "no_destination", "{destinations", REFUSED),
    Row(
        "nothing beside a weight", multi(f"weight: 1, {R0}", "weight: 9"), "no_destination", "{weight: 9", "r0_ns"
    ),
    Row(
        "nothing beside the first", multi("weight: 9", f"weight: 1, {R0}"), "no_destination", "{weight: 9", REFUSED
    ),
    Row(
        "a member that names nothing",
        multi(f"weight: 1, {R0}", "weight: 9, destination: {}", f"weight: 9, {R1}"),
        *("no_destination", "{}", "r0_ns"),
    ),
    Row("weights of 0", multi(f"weight: 0, {R0}", R1), "weights_sum_to_zero", "destinations", REFUSED),
    Row(
        "a cluster header with a colon",
        action("clusterHeader: ':x'"),
        *("bad_header_name", "clusterHeader", 503, "warning"),
    ),
    Row(
        "a forward proxy without a way",
        action("dynamicForwardProxy: {}"),
        *("bad_destination", "dynamicForwardProxy", "unknown"),
        also=("not_simulated",),
    ),
    Row(
        "an Upstream that is not there",
        action("single: {upstream: {name: r1}}", *UPSTREAMS),
        *("missing_upstream", "{name: r1", 503, "warning"),
    ),
    Row(
        "an Upstream that is not there among weights",
        multi(f"weight: 1, {R0}", R1, more=UPSTREAMS),
        *("missing_upstream", "{name: r1", "r0_ns", "warning"),
    ),
    Row(
        "an UpstreamGroup without destinations",
        action("upstreamGroup: {name: g, namespace: ns}", resource("UpstreamGroup", "g", "{}")),
        *("no_destination", "{}", REFUSED),
        resource="UpstreamGroup ns/g",
    ),
    Row(
        "an UpstreamGroup with a member that is not there",  # for Gloo an error of the group
        action(
            "upstreamGroup: {name: g, namespace: ns}",
            *(resource("UpstreamGroup", "g", destinations(f"weight: 1, {R0}", R1)), *UPSTREAMS),
        ),
        *("missing_upstream", "{name: r1", "r0_ns", "warning"),
        resource="UpstreamGroup ns/g",
    ),
]

SUBSET = "subset: {values: {a: b}}"
KUBE = "kube: {serviceName: s, serviceNamespace: ns, servicePort: 80, subsetSpec: {selectors: [{keys: [b]}]}}"
SUBSETS = [
    Row(
        "a subset of an Upstream that has none",
        action(f"single: {{upstream: {{name: r0}}, {SUBSET}}}", *UPSTREAMS),
        *("no_subset", "{values", "r0_ns", "warning"),
    ),
    Row(
        "a subset that no selector has",
        action(f"single: {{upstream: {{name: r0}}, {SUBSET}}}", upstream("r0", KUBE), upstream("rest")),
        *("no_subset", "values", "r0_ns"),
    ),
    Row(
        "a subset of a Kubernetes service",
        action(f"single: {{kube: {{ref: {{name: s, namespace: ns}}, port: 80}}, {SUBSET}}}"),
        *("no_subset", "{values", "kube-svc:ns-s-80_ns", "warning"),
    ),
    Row(
        "a subset that is not there loses the destinations behind it",
        multi(f"destination: {{upstream: {{name: r0}}, {SUBSET}}}, weight: 1", f"{R0}, weight: 9", more=UPSTREAMS),
        *("destinations_lost", f"{{{R0}", "r0_ns"),
        also=("no_subset",),
    ),
]

REST_OF = "rest: {transformations: {f: {headers: {x-f: {text: '1'}}}}}"
FUNCTION = "single: {upstream: {name: r0}, destinationSpec: {%s}}"
SERVING = (
    upstream("r0", f"static: {{hosts: [{{addr: a, port: 80}}], serviceSpec: {{{REST_OF}}}}}"),
    upstream("rest"),
)
FUNCTIONS = [
    *(
        Row(
            f"{kind}: a function of an Upstream that has none",
            action(FUNCTION % f"{kind}: {{{label}: f}}", upstream("r0", spec), upstream("rest")),
            *("no_function", f"{{{label}", "r0_ns"),
        )
        for kind, label, spec in [
            ("rest", "functionName", "azure: {}"),
            ("aws", "logicalName", STATIC),
            ("azure", "functionName", STATIC),
        ]
    ),
    *(
        Row(
            f"an unknown {kind} function",
            action(FUNCTION % f"{kind}: {{{label}: g}}", upstream("r0", spec), upstream("rest")),
            *("unknown_function", label, "r0_ns"),
        )
        for kind, label, spec in [
            ("rest", "functionName", f"static: {{hosts: [{{addr: a, port: 80}}], serviceSpec: {{{REST_OF}}}}}"),
            ("aws", "logicalName", "aws: {lambdaFunctions: [{logicalName: f}]}"),
            ("azure", "functionName", "azure: {functions: [{functionName: f}]}"),
        ]
    ),
    *(
        Row(
            f"a function of a {kind} service",
            action(f"single: {{{to}, destinationSpec: {{rest: {{functionName: f}}}}}}"),
            *("no_function", "{functionName", cluster),
        )
        for kind, to, cluster in [
            ("Kubernetes", "kube: {ref: {name: s, namespace: ns}, port: 80}", "kube-svc:ns-s-80_ns"),
            ("Consul", "consul: {serviceName: s}", "consul-svc:s_gloo-system"),
        ]
    ),
    Row(
        "a brace that is not closed",
        action(FUNCTION % "rest: {functionName: f, parameters: {path: '/{a'}}", *SERVING),
        *("bad_parameters", "path", "r0_ns"),
    ),
]

DELEGATION = [
    Row(
        "two matchers",
        route("matchers: [{prefix: /x}, {prefix: /y}]", TABLE, more=(route_table(f"{X}, {TO}"),)),
        *("delegate_matchers", "matchers", WITHHELD),
    ),
    *(
        Row(
            f"{path} on a delegating route",
            delegated(X, TO, how=f"matchers: [{{{path}}}]"),
            *("delegate_matchers", "{", WITHHELD),
        )
        for path in ("exact: /x", "regex: /x", "connectMatcher: {}", "prefix: ''")
    ),
    Row("a RouteTable that is not there", route(X, TABLE), "missing_route_table", "{ref", DROPPED, "warning"),
    Row(
        "a reference without namespace",
        route(X, "delegateAction: {ref: {name: rt}}", more=(route_table(f"{X}, {TO}"),)),
        *("missing_route_table", "{ref", DROPPED, "warning"),
    ),
    Row("no reference", route(X, "delegateAction: {}"), "no_delegate", "{}", DROPPED, "warning"),
    Row(
        "a selector that takes nothing",
        route(X, SELECTOR % "labels: {a: b}", more=(route_table(f"{X}, {TO}"),)),
        *("nothing_selected", "{labels", DROPPED, "warning"),
    ),
    Row(
        "labels and expressions",
        route(X, SELECTOR % "labels: {a: b}, expressions: [{key: a, operator: Exists}]"),
        *("bad_selector", "expressions", DROPPED, "warning"),
    ),
    Row(
        "a bad expression",
        route(X, SELECTOR % "expressions: [{key: a, operator: In}]", more=(route_table(f"{X}, {TO}"),)),
        *("bad_selector", "{key", DROPPED, "warning"),
    ),
    Row(
        "an expression's operator that is none",
        route(X, SELECTOR % "expressions: [{key: a, operator: '!'}]"),
        *("wrong_type", "'!'", WITHHELD),
    ),
    Row(
        "a circle",
        delegated(X, TABLE),
        *("delegation_cycle", "delegateAction", WITHHELD),
        resource=OF_TABLE,
    ),
    *(
        Row(
            f"a child {what}",
            delegated(f"matchers: [{{{child}}}]", TO, how=f"matchers: [{{prefix: /x{parent}}}]"),
            *("route_dropped", "{", DROPPED, "warning"),
            resource=OF_TABLE,
        )
        for what, parent, child in [
            ("outside its prefix", "", "prefix: /y"),
            ("whose regex is", "", "regex: '/(x|y)'"),
            ("that minds case", ", caseSensitive: true", "prefix: /x"),
            ("without the header", ", headers: [{name: a}]", "prefix: /x"),
            ("with another header", ", headers: [{name: a, value: b}]", "prefix: /x, headers: [{name: a}]"),
            ("without the query", ", queryParameters: [{name: a}]", "prefix: /x"),
            ("without a method", ", methods: [GET, PUT]", "prefix: /x, methods: [GET]"),
        ]
    ),
    Row("a child without matchers", delegated(TO), "route_dropped", "{", DROPPED, "warning", resource=OF_TABLE),
    Row(
        "a RouteOption that is not there",
        route(X, TO, "optionsConfigRefs: {delegateOptions: [{name: o, namespace: ns}]}"),
        *("missing_route_option", "{name: o", "r0_ns", "warning"),
    ),
    Row(
        "a bad path in a RouteTable",
        delegated("matchers: [{prefix: /x//y}]", TO),
        *("bad_path", "prefix", "r0_ns"),
        resource=OF_TABLE,
        request=get("/x//y", host="t.example"),
    ),
    Row(
        "a bad regex in a RouteTable",
        delegated("matchers: [{regex: '/x('}]", TO),
        *("bad_regex", "regex", WITHHELD),
        resource=OF_TABLE,
    ),
]

GATEWAYS = [
    Row(
        "two gateways on one port",
        route(X, TO, more=(gateway("g"), gateway("h", "virtualServiceNamespaces: [none]"))),
        *("duplicate_address", "bindPort", NOTHING),
        resource="Gateway gloo-system/g",
        also=("duplicate_address",),
    ),
    Row(
        "a VirtualService that is not there",
        route(
            X, TO, more=(gateway("g", "virtualServices: [{name: t, namespace: ns}, {name: u, namespace: ns}]"),)
        ),
        *("missing_virtual_service", "{name: u", NOTHING, "warning"),  # applied, an error
        resource="Gateway gloo-system/g",
        also=("not_served",),
    ),
    Row(
        "a gateway's bad expression",
        route(X, TO, more=(gateway("g", "virtualServiceExpressions: {expressions: [{key: a, operator: In}]}"),)),
        *("bad_selector", "{key", NOTHING),
        resource="Gateway gloo-system/g",
    ),
    *(
        Row(
            f"a connection manager with {what}",
            route(X, TO, more=(gateway("g", MANAGER % upgrades),)),
            *(code, text, NOTHING),
            resource="Gateway gloo-system/g",
        )
        for what, upgrades, code, text in [
            ("an upgrade twice", "{connect: {}}, {connect: {}}", "duplicate_upgrade", "connect"),
            ("an upgrade of routes", "{connectTerminate: {}}", "bad_upgrade", "connectTerminate"),
        ]
    ),
    Row(
        "a gateway with a name for its address",
        route(X, TO, more=(gateway("g", more="bindAddress: here"),)),
        *("bad_address", "bindAddress", NOTHING),
        resource="Gateway gloo-system/g",
    ),
    Row(
        "a gateway that carries nothing",
        route(X, TO, more=(resource("Gateway", "g", "{bindPort: 8080}", namespace="gloo-system"),)),
        *("no_gateway_type", "{", NOTHING),
        resource="Gateway gloo-system/g",
        also=("not_served", "not_served"),
    ),
]

OPTIONS = [
    *(
        Row(
            f"an abort with status {status}",
            options(f"faults: {{abort: {{{status}percentage: 0.0001}}}}"),
            code,
            text,
            "r0_ns",
        )
        for status, code, text in [
            ("", "bad_status", "{percentage"),
            ("httpStatus: 600, ", "bad_status", "httpStatus"),
        ]
    ),
    *(
        Row(
            f"a delay of {delay}",
            options(f"faults: {{delay: {{fixedDelay: {delay}, percentage: 1}}}}"),
            "bad_delay",
            "fixedDelay",
            "r0_ns",
        )
        for delay in ("500ms", "0s", "-1s")
    ),
    Row("shadowing without an upstream", options("shadowing: {percentage: 1}"), "no_destination", "{", "r0_ns"),
    Row(
        "shadowing of 101 %",
        options("shadowing: {upstream: {name: s, namespace: ns}, percentage: 101}"),
        *("bad_percentage", "percentage", "r0_ns"),
    ),
    Row(
        "shadowing beside a redirect",
        route(X, "redirectAction: {}", "options: {shadowing: {upstream: {name: s}, percentage: 1}}"),
        *("no_effect", "shadowing", 301),
    ),
    Row(
        "hashing beside a direct response",
        route(X, "directResponseAction: {status: 418}", "options: {lbHash: {hashPolicies: [{header: a}]}}"),
        *("no_effect", "lbHash", 418),
    ),
    *(
        Row(
            f"retries with {what}",
            options(f"retries: {{retryBackOff: {{{back_off}}}}}"),
            *("bad_retries", text, "r0_ns"),
        )
        for what, back_off, text in [
            ("more base than most", "baseInterval: 2s, maxInterval: 1s", "baseInterval"),
            ("no base", "maxInterval: 1s", "maxInterval"),
            ("no time at all", "baseInterval: 0s", "baseInterval"),
        ]
    ),
    Row(
        "retries of a virtual host with no base",
        host_options("retries: {retryBackOff: {maxInterval: 1s}}"),
        *("bad_retries", "maxInterval", WITHHELD),
    ),
    Row("a pseudo header to add", options(PSEUDO), "bad_header_name", "key", "r0_ns"),
    *(
        Row(f"{what} to add", options(MUTATION % text), code, place, "r0_ns")
        for what, text, code, place in [
            ("the host", "requestHeadersToAdd: [{header: {key: Host, value: a}}]", "bad_header_name", "key"),
            (
                "a name with a blank",
                "requestHeadersToAdd: [{header: {key: a b, value: a}}]",
                "bad_header_name",
                "key",
            ),
            ("no header", "responseHeadersToAdd: [{append: true}]", "no_header", "{"),
        ]
    ),
    Row(
        "a pseudo header that a virtual host adds",
        host_options(PSEUDO),
        *("bad_header_name", "key", WITHHELD),
    ),
    Row(
        "a pseudo header that a destination adds",
        multi(f"weight: 1, {R0}, options: {{{PSEUDO}}}"),
        *("bad_header_name", "key", "r0_ns"),
    ),
    Row("a bad name to rewrite by", options("hostRewriteHeader: 'a b'"), "bad_header_name", "hostRew", "r0_ns"),
    Row("an upgrade that is none", options("upgrades: [{}]"), "no_upgrade", "{}", REFUSED),
    Row(
        "an upgrade twice",
        options("upgrades: [{websocket: {}}, {websocket: {}}]"),
        *("duplicate_upgrade", "websocket", REFUSED),
    ),
]

#: What Gloo has no word for.
BEYOND_GLOO = [
    Row(
        "a header's bad regex",
        matcher("prefix: /, headers: [{name: a, value: '(', regex: true}]"),
        *("bad_regex", "value", REFUSED),
    ),
    Row(
        "a query's bad regex",
        matcher("prefix: /, queryParameters: [{name: a, value: '(', regex: true}]"),
        *("bad_regex", "value", REFUSED),
    ),
    Row("a method's bad regex", matcher("prefix: /, methods: ['(']"), "bad_regex", "methods", REFUSED),
    Row("a header without a name", matcher("prefix: /, headers: [{value: a}]"), "empty_name", "{value", REFUSED),
    Row(
        "a matcher without a path on a delegating route",
        delegated(X, TO, how="matchers: [{methods: [GET]}]"),
        *("matcher_dropped", "methods", "r0_ns", "warning"),
        request=get("/x", host="t.example", method="PUT"),
    ),
    Row("an empty regex", matcher("regex: ''"), "empty_regex", "regex", REFUSED),
    Row(
        "a redirect's bad regex",
        redirect("regexRewrite: {pattern: {regex: '('}, substitution: a}"),
        *("bad_regex", "regex", REFUSED),
    ),
    Row("a rewrite without a pattern", options("regexRewrite: {substitution: a}"), "no_pattern", "{sub", REFUSED),
    Row(
        "two rewrites",
        options("prefixRewrite: /a, regexRewrite: {pattern: {regex: a}, substitution: b}"),
        *("two_rewrites", "regexRewrite", REFUSED),
    ),
    Row(
        "weights of more than 2^32 - 1",
        multi(f"weight: 4294967295, {R0}", f"weight: 2, {R1}"),
        *("weights_overflow", "destinations", REFUSED),
    ),
    Row("an empty name of a header", action("clusterHeader: ''"), "bad_header_name", "clusterHeader", REFUSED),
    Row("a policy that hashes nothing", options("lbHash: {hashPolicies: [{}]}"), "no_hash", "{}", REFUSED),
    *(
        Row(f"{what} without a name", action(f"single: {{{what}: {{{inner}}}}}"), "no_name", "{", cluster)
        for what, inner, cluster in [
            ("upstream", "", "_ns"),
            ("upstream", "namespace: a", "_a"),
            ("kube", "ref: {namespace: a}, port: 80", "kube-svc:a--80_a"),
            ("consul", "", "consul-svc:_gloo-system"),
        ]
    ),
    Row(
        "a copy for nobody",
        options("shadowing: {upstream: {}, percentage: 1}"),
        *("no_name", "{}", REFUSED),
    ),
    Row("a negative timeout", options("timeout: -1s"), "negative_timeout", "timeout", REFUSED),
    Row(
        "a body of 4097 bytes",
        route(X, f"directResponseAction: {{status: 200, body: {'b' * 4097}}}"),
        *("body_too_long", "body", REFUSED),
    ),
    Row(
        "a query without a name", matcher("prefix: /, queryParameters: [{value: a}]"), "empty_name", "{v", REFUSED
    ),
    Row(
        "a cookie without a name",
        options("lbHash: {hashPolicies: [{cookie: {}}]}"),
        "empty_name",
        "cookie",
        REFUSED,
    ),
    Row(
        "one resource twice: the last one counts",
        route(X, TO)
        + "---\n"
        + virtual_service("domains: [t.example]\nroutes: [{routeAction: {single: {upstream: {name: r1}}}}]"),
        *("duplicate_resource", "metadata", "r1_ns"),
    ),
    Row(
        "domains that differ in case",
        host(f"domains: [t.example, T.example]\nroutes:\n{REST}"),
        *("duplicate_domain", "domains", REFUSED),
    ),
    Row(
        "a line break in a domain",
        host(f'domains: [t.example, "a\\nb"]\nroutes:\n{REST}'),
        *("bad_domain", "domains", REFUSED),
    ),
    #: Gloo would take it; its CRD asks for a text.
    Row("a status as an enum", redirect("responseCode: 301"), "wrong_type", "301", WITHHELD),
    Row("no status", route(X, "directResponseAction: {body: a}"), "bad_status", "{body", REFUSED),
    Row("a status of 600", route(X, "directResponseAction: {status: 600}"), "bad_status", "status", REFUSED),
    Row(
        "the host to remove",
        options(MUTATION % "requestHeadersToRemove: [Host]"),
        *("bad_header_name", "requestHeadersToRemove", REFUSED),
    ),
    Row(
        "a bad format",
        options(MUTATION % "requestHeadersToAdd: [{header: {key: a, value: '%A('}}]"),
        *("bad_format", "value", REFUSED),
    ),
    Row("an abort of 0 %", options("faults: {abort: {httpStatus: 500}}"), "no_effect", "{h", "r0_ns", "warning"),
    Row(
        "an abort of 101 %",
        options("faults: {abort: {httpStatus: 500, percentage: 101}}"),
        *("bad_percentage", "percentage", 500, "warning"),
    ),
    Row(
        "percentages that are none",
        multi(f"weight: 20, {R0}", f"weight: 90, {R1}"),
        *("weights_not_100", "destinations", "r0_ns", "info"),
    ),
    Row(
        "an option without effect",
        route(X, "redirectAction: {}", "options: {prefixRewrite: /a}"),
        *("no_effect", "prefixRewrite", 301, "warning"),
    ),
    Row(
        "a header to append without a rewrite",
        options("appendXForwardedHost: true"),
        *("no_effect", "appendXForwardedHost", "r0_ns", "warning"),
    ),
]

CATALOGUE = [*NOT_DECODED, *HOSTS, *PATHS, *ACTIONS, *SUBSETS, *FUNCTIONS, *DELEGATION, *GATEWAYS, *OPTIONS]
ROWS = [*CATALOGUE, *BEYOND_GLOO]


def codes(problems: tuple[cs.Problem, ...]) -> list[str]:
    """The codes of all but notes."""
    return sorted(problem.code for problem in problems if problem.severity is not cs.Severity.INFO)


def the_problem(row: Row, problems: tuple[cs.Problem, ...]) -> cs.Problem:
    """The problem of a row among those that were found."""
    found = [p for p in problems if (p.code, p.where.resource) == (row.code, row.resource)]
    assert len(found) == 1, [*map(str, problems)]
    return found[0]


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_each_mistake_is_one_problem_at_its_place_and_raises_if_it_is_an_error(row: Row) -> None:
    if row.severity == "error":
        with pytest.raises(cs.ManifestError) as caught:
            cs.loads(row.manifest)
        problems = tuple(caught.value.problems)
    else:
        problems = cs.loads(row.manifest).problems
    problem = the_problem(row, problems)
    assert problem.severity == row.severity
    assert codes(problems) == sorted([row.code] * (row.severity != "info") + [*row.also])
    assert problem.where.line is not None
    assert problem.where.column is not None
    line = row.manifest.splitlines()[problem.where.line - 1]
    assert line[problem.where.column - 1 :].startswith(row.text)


NOT_STORED = frozenset(["unknown_field", "wrong_type"])


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_what_becomes_of_each_mistake_where_it_is_applied(row: Row) -> None:
    try:
        table = cs.loads(row.manifest, errors="apply")
    except cs.ManifestError as error:
        assert row.becomes in (NOTHING, REFUSED)
        said = [problem.message for problem in error.problems if problem.code == "rejected"]
        assert all(("Envoy refuses" in text) is (row.becomes is REFUSED) for text in said)
        assert said or "not_served" in row.also
        return
    assert ("not_stored" in codes(table.problems)) is (row.code in NOT_STORED)
    assert the_problem(row, table.problems).severity == row.severity
    decision = table.route(row.request, random_value=0)
    if row.becomes is WITHHELD:
        assert (decision.kind, decision.virtual_host) == ("not_found", None)
    elif row.becomes is DROPPED:
        assert decision.cluster == "rest_ns"
    else:
        assert (decision.cluster or decision.status or decision.kind) == row.becomes
    assert table.route(get("/", host="other.example")).cluster == "rest_ns"
    if row.becomes not in {WITHHELD, 404, "r1_ns"}:
        assert table.route(get("/anything", host="t.example")).cluster == "rest_ns"


@pytest.mark.parametrize(
    ("both", "is_withheld"),
    [
        ("virtualHost: {domains: ['*'], routes: []}", False),
        ("virtualHost: {routes: []}", True),
        ("", True),
    ],
)
def test_a_star_that_is_written_and_one_that_is_not_withhold_their_two_hosts_only(
    both: str, is_withheld: bool
) -> None:
    text = host(f"domains: ['*']\nroutes:\n{REST}") + "---\n" + resource("VirtualService", "u", f"{{{both}}}")
    if not is_withheld:
        with pytest.raises(cs.ManifestError, match="the Gateway is rejected"):
            cs.loads(text, errors="apply")
        return
    table = cs.loads(text, errors="apply")
    assert [each.name for each in table.virtual_hosts] == ["ns_other"]
    third = "---\n" + resource("VirtualService", "v", "{virtualHost: {domains: ['*'], routes: []}}")
    with pytest.raises(cs.ManifestError, match="the Gateway is rejected"):
        cs.loads(text + third, errors="apply")


def test_a_domain_that_stands_twice_counts_even_where_one_of_the_two_is_rejected() -> None:
    text = host(f"domains: [other.example]\nroutes:\n- {{{X}}}\n{REST}")
    with pytest.raises(cs.ManifestError, match="the Gateway is rejected"):
        cs.loads(text, errors="apply")


def test_the_gateway_says_how_long_bodies_may_be() -> None:
    def text(limit: int) -> str:
        more = f"bindAddress: '::', routeOptions: {{maxDirectResponseBodySizeBytes: {limit}}}"
        body = f"directResponseAction: {{status: 200, body: {'b' * 5000}}}"
        return route(X, body, more=(gateway("g", more=more),))

    table = cs.loads(text(5000))
    assert table.route(get("/x", host="t.example")).status == 200
    assert cs.to_envoy(table)["max_direct_response_body_size_bytes"] == 5000
    with pytest.raises(cs.ManifestError, match="more than 4999 bytes"):
        cs.loads(text(4999))


def test_a_list_that_ends_early_has_no_functions() -> None:
    function = "upstream: {name: r0}, destinationSpec: {rest: {functionName: f}}"
    whole, ending = (
        multi(f"weight: 1, destination: {{{function}}}", second, more=SERVING) for second in (R0, "weight: 1")
    )
    request = get("/x", host="t.example")
    assert cs.loads(whole).route(request).upstream_request is not None
    assert cs.loads(ending, errors="apply").route(request).upstream_request is None


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (matcher("prefix: /x, exact: /y"), "exact"),
        (route(X, TO, "redirectAction: {}"), "redirectAction"),
        (redirect("pathRedirect: /a, prefixRewrite: /b"), "prefixRewrite"),
        (action("single: {upstream: {name: r0}}, clusterHeader: a"), "clusterHeader"),
        (action("single: {upstream: {name: r0}, consul: {serviceName: s}}"), "consul"),
        (options("hostRewrite: a, hostRewriteHeader: b"), "hostRewriteHeader"),
        (route(X, TABLE.replace("}}", "}, selector: {}}"), more=(route_table(f"{X}, {TO}"),)), "selector"),
    ],
)
def test_two_members_of_a_oneof_are_an_error_though_gloos_decoder_takes_the_one_declared_last(
    text: str, place: str
) -> None:
    with pytest.raises(cs.ManifestError) as caught:
        cs.loads(text)
    (problem,) = caught.value.problems
    assert (problem.code, problem.where.path.rpartition(".")[2]) == ("several_of_oneof", place)
