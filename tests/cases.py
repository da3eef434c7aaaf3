"""One table of cases: a manifest, a request, and what becomes of it. Every path that answers is held to it.

The expectations were written from Envoy's and Gloo's documentation, and a real Envoy is asked the same
questions in tests/envoy.
"""

from __future__ import annotations

import textwrap

import attrs

import canarysim as cs

HEAD = """\
apiVersion: gateway.solo.io/v1
kind: VirtualService
metadata:
  name: t
  namespace: ns
spec:
  virtualHost:
"""


def virtual_service(host: str) -> str:
    """A VirtualService ``ns/t`` around the text of its virtualHost."""
    return HEAD + textwrap.indent(textwrap.dedent(host).strip("\n"), "    ") + "\n"


def routes(*matchers: str, domains: str = "['*']") -> str:
    """A virtual host with one route for each matcher (YAML flow text), to the clusters r0_ns, r1_ns, ..."""
    lines = [f"domains: {domains}", "routes:"]
    for i, matcher in enumerate(matchers):
        lines += [f"- matchers: [{matcher}]", f"  routeAction: {{single: {{upstream: {{name: r{i}}}}}}}"]
    return virtual_service("\n".join(lines))


def resource(kind: str, name: str, spec: str, labels: str = "{}", namespace: str = "ns") -> str:
    """Any resource; ``spec`` and ``labels`` are YAML flow text."""
    group = "gloo.solo.io" if kind in ("Upstream", "UpstreamGroup") else "gateway.solo.io"
    metadata = f"{{name: {name}, namespace: {namespace}, labels: {labels}}}"
    return f"apiVersion: {group}/v1\nkind: {kind}\nmetadata: {metadata}\nspec: {spec}\n"


@attrs.frozen
class Case:
    """``cluster`` None means 404; ``path`` is asserted where given."""

    manifest: str
    request: cs.Request
    cluster: str | None
    random_value: int = 0
    path: str | None = None

    def __str__(self) -> str:
        return f"{self.request} -> {self.cluster}"


def get(path: str, *headers: tuple[str, str], host: str = "shop.example", method: str = "GET") -> cs.Request:
    return cs.Request(path, authority=host, headers=headers, method=method)


def table_of(manifest: str, *rows: tuple[cs.Request, int | None]) -> list[Case]:
    return [Case(manifest, request, None if route is None else f"r{route}_ns") for request, route in rows]


H = "x-a"


def header(matcher: str) -> str:
    return routes(f"{{prefix: /, headers: [{{name: x-a, {matcher}}}]}}", "{prefix: /}")


def query(matcher: str) -> str:
    return routes(f"{{prefix: /, queryParameters: [{{name: a, {matcher}}}]}}", "{prefix: /}")


PATHS = [
    *table_of(
        routes("{prefix: /foo}", "{exact: /exact}", "{regex: '/r/[0-9]+'}"),
        (get("/foo"), 0),
        (get("/foobar"), 0),  # a prefix is a prefix of the text
        (get("/foo/"), 0),
        (get("/foo?x=1"), 0),
        (get("/fo"), None),
        (get("/Foo"), None),
        (get("/exact"), 1),
        (get("/exact?a=b"), 1),  # the query is no part of the path
        (get("/exact?"), 1),
        (get("/exact/"), None),
        (get("/r/12"), 2),
        (get("/r/12?q"), 2),
        (get("/r/"), None),
        (get("/r/12/x"), None),  # a regex matches the whole path
        (get("/x/r/12"), None),
    ),
    *table_of(
        routes("{prefix: /foo, caseSensitive: false}", "{exact: /Bar, caseSensitive: false}"),
        (get("/FOObar"), 0),
        (get("/bAR"), 1),
        (get("/bart"), None),
    ),
    *table_of(
        routes("{regex: '/abc', caseSensitive: false}", "{regex: '(?i)/abc'}", "{prefix: /}"),
        (get("/abc"), 0),
        (get("/ABC"), 1),  # caseSensitive means nothing to a regex
        (get("/abcd"), 2),
    ),
    *table_of(
        routes("{regex: '/foo|/bar'}"),
        (get("/foo"), 0),
        (get("/bar"), 0),
        (get("/fooX"), None),  # the whole alternation is anchored
        (get("/X/bar"), None),
    ),
    *table_of(routes("{prefix: ''}"), (get("/anything"), 0)),
    *table_of(
        routes("{prefix: /b}", "{prefix: /}"),
        (get("/a/../b"), 0),  # Gloo has paths normalized
        (get("/%62"), 0),
        (get("/b%2fc"), 0),
        (get("//b"), 1),
        (get("/./b/."), 0),
        (get("/..\\b"), 0),
        (get("/a;x/b"), 1),
    ),
    *table_of(
        routes("{exact: /a}", "{prefix: /a}"),
        (get("/a"), 0),
        (get("/a/"), 1),  # the order of the manifest decides, not the kind
    ),
    *table_of(routes("{prefix: /a}", "{exact: /a}"), (get("/a"), 0)),
]

HEADERS = [
    *table_of(
        header("value: v"),
        (get("/", (H, "v")), 0),
        (get("/", ("X-A", "v")), 0),  # names are not case-sensitive
        (get("/", (H, "V")), 1),
        (get("/", (H, "vv")), 1),
        (get("/", (H, "")), 1),
        (get("/"), 1),
        (get("/", (H, " v\t")), 0),  # blanks around values are cut
        (get("/", (H, "v"), (H, "w")), 1),  # 1.36 joins values
    ),
    *table_of(header("value: 'v,w'"), (get("/", (H, "v"), (H, "w")), 0)),
    *table_of(
        header("value: 'v.*', regex: true"),
        (get("/", (H, "v")), 0),
        (get("/", (H, "vx")), 0),
        (get("/", (H, "xv")), 1),
        (get("/"), 1),
    ),
    *table_of(
        header("value: v, invertMatch: true"),
        (get("/", (H, "v")), 1),
        (get("/", (H, "w")), 0),
        (get("/", (H, "")), 0),
        (get("/"), 1),  # a missing header matches nothing, inverted or not
    ),
    *table_of(
        header("value: ''"),
        (get("/", (H, "v")), 0),
        (get("/", (H, "")), 0),  # empty is present
        (get("/"), 1),
    ),
    *table_of(header("value: '', regex: true"), (get("/", (H, "v")), 0), (get("/"), 1)),
    *table_of(header("invertMatch: true"), (get("/", (H, "v")), 1), (get("/"), 0)),
    *table_of(
        routes("{prefix: /, headers: [{name: x-a}, {name: x-b, value: b}]}", "{prefix: /}"),
        (get("/", (H, "1"), ("x-b", "b")), 0),
        (get("/", (H, "1")), 1),
        (get("/", ("x-b", "b")), 1),
    ),
    *table_of(
        routes("{prefix: /, headers: [{name: ':authority', value: shop.example}]}", "{prefix: /}"),
        (get("/"), 0),
        (get("/", host="other.example"), 1),
    ),
    *table_of(
        routes("{prefix: /, headers: [{name: Host, value: shop.example}]}", "{prefix: /}"),
        (get("/"), 0),
    ),
    *table_of(
        routes("{prefix: /, headers: [{name: ':path', value: '/x?q=1'}]}", "{prefix: /}"),
        (get("/x?q=1"), 0),
        (get("/x"), 1),
    ),
    *table_of(
        routes("{prefix: /, headers: [{name: connection}]}", "{prefix: /}"),
        (get("/", ("connection", "keep-alive")), 1),  # dropped before routing
    ),
    *table_of(
        routes(
            "{prefix: /, headers: [{name: close}]}",
            "{prefix: /, headers: [{name: http2-settings}]}",
            "{prefix: /}",
        ),
        (get("/", ("connection", "close"), ("close", "1")), 0),  # named, but not as a header
        (get("/", ("connection", "http2-settings"), ("http2-settings", "AA")), 1),
        (get("/", ("connection", "upgrade"), ("upgrade", "h2c"), ("http2-settings", "AA")), 2),
        (get("/", ("connection", "a,b,c,d,e,f,g,h,i,,")), 2),  # nine names: what is empty is none
        (get("/", ("connection", "upgrade, ,http2-settings,a,b,c,d,e,f,g,h,i"), ("upgrade", "H2c")), 2),
    ),
    *table_of(
        routes("{prefix: /, headers: [{name: x-request-id}]}", "{prefix: /}"),
        (get("/"), 0),  # Envoy invents one
    ),
    *table_of(
        routes("{prefix: /, headers: [{name: x-forwarded-proto, value: http}]}", "{prefix: /}"),
        (get("/"), 0),
        (get("/", ("x-forwarded-proto", "https")), 1),
    ),
    *table_of(
        routes("{prefix: /, methods: [GET, POST]}", "{prefix: /}"),
        (get("/"), 0),
        (get("/", method="POST"), 0),
        (get("/", method="PUT"), 1),
    ),
    *table_of(
        routes("{prefix: /, methods: ['P.*']}", "{prefix: /}"),
        (get("/", method="PATCH"), 0),
        (get("/"), 1),
    ),
]

QUERIES = [
    *table_of(
        query("value: '1'"),
        *[(get(f"/{q}"), 0) for q in ("?a=1", "?a=1&a=2", "?&&a=1", "?a=1&")],
        *[
            (get(f"/{q}"), 1)
            for q in (
                *("", "?a", "?a=", "?a&a=1", "?a=2&a=1", "?A=1", "?a=1;b", "?b;a=1"),
                *("?%61=1", "?a=%31", "?a=1=2", "?x?a=1", "a=1"),
            )
        ],
    ),
    *table_of(
        query("value: ''"),
        *[(get(f"/{q}"), 0) for q in ("?a", "?a=", "?b&a", "?a==", "?a=1")],
        *[(get(f"/{q}"), 1) for q in ("", "?", "?b=a", "?=a")],
    ),
    *table_of(
        query("value: '[0-9]+', regex: true"),
        (get("/?a=12"), 0),
        (get("/?a=12x"), 1),
        (get("/?a="), 1),
    ),
]

#: The domain of each virtual host is its name, as far as Gloo takes the name; see test_hosts.py for the rest.
REWRITES = [
    Case(
        virtual_service(
            """
            domains: ['*']
            routes:
            - matchers: [{prefix: /p}]
              options: {prefixRewrite: /new}
              routeAction: {single: {upstream: {name: r0}}}
            - matchers: [{exact: /e}]
              options: {prefixRewrite: /new}
              routeAction: {single: {upstream: {name: r1}}}
            - matchers: [{regex: '/r.*'}]
              options: {prefixRewrite: /new}
              routeAction: {single: {upstream: {name: r2}}}
            - matchers: [{prefix: /q, caseSensitive: false}]
              options: {prefixRewrite: /new}
              routeAction: {single: {upstream: {name: r3}}}
            - matchers: [{prefix: /none}]
              options: {prefixRewrite: ''}
              routeAction: {single: {upstream: {name: r4}}}
            - matchers: [{prefix: /s/}]
              options: {prefixRewrite: /}
              routeAction: {single: {upstream: {name: r5}}}
            """
        ),
        get(path),
        cluster,
        path=sent,
    )
    for path, cluster, sent in [
        ("/p", "r0_ns", "/new"),
        ("/pq/r?x=1", "r0_ns", "/newq/r?x=1"),
        ("/a/../p/b", "r0_ns", "/new/b"),
        ("/e?x=1", "r1_ns", "/new?x=1"),
        ("/rest/of/it?x=/r", "r2_ns", "/new?x=/r"),
        ("/Qx", "r3_ns", "/newx"),
        ("/none/x", "r4_ns", "/none/x"),
        ("/s/x", "r5_ns", "/x"),
        ("/s/", "r5_ns", "/"),
    ]
]


def weighted(*weights: int) -> str:
    lines = ["domains: ['*']", "routes:", "- matchers: [{prefix: /}]", "  routeAction:", "    multi:"]
    lines += ["      destinations:"]
    for i, weight in enumerate(weights):
        lines += [f"      - {{weight: {weight}, destination: {{upstream: {{name: r{i}}}}}}}"]
    return virtual_service("\n".join(lines))


WEIGHTS = [
    Case(weighted(*weights), get("/"), f"r{entry}_ns", random_value=value)
    for weights, rows in [
        ((0, 3, 0, 2, 0), {0: 1, 1: 1, 2: 1, 3: 3, 4: 3, 5: 1, 7: 1, 8: 3, 9: 3, 10: 1}),
        (
            (4294967294, 1),
            {4294967293: 0, 4294967294: 1, 4294967295: 0, 8589934589: 1, 18446744073709551615: 0},
        ),
        ((10, 90), {0: 0, 9: 0, 10: 1, 99: 1, 100: 0, 18446744073709551615: 1}),
        ((1,), {0: 0, 5: 0}),
    ]
    for value, entry in rows.items()
]

CASES = [*PATHS, *HEADERS, *QUERIES, *REWRITES, *WEIGHTS]
