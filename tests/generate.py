"""Random VirtualServices, and requests that hit their conditions or narrowly miss them.

Everything comes from one ``random.Random``, so that a seed names a run.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import canarysim as cs
from canarysim.table.actions import RouteAction

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

_PATHS = [
    "/",
    "/a",
    "/a/",
    "/ab",
    "/a/b",
    "/A",
    "/a.b",
    "/a-b/c",
    "/api/v1",
    "/api/v1/pets",
    "/x;y",
    "/p%20q",
    "",
]
_PATH_REGEXES = [
    *("/a", "/a|/b", "/a/.*", "/[a-z]+", "/api/v[0-9]+(/.*)?", "(?i)/A/B", "/.*b", "/a.b", "/x\\.y", ".*"),
    *("/(a|b)/c", "/\\w+", "^/a$", "/a/[^/]+", "/é"),
]
_NAMES = [
    "referer",
    "x-a",
    "x-b",
    "X-Canary",
    "user-agent",
    "cookie",
    "accept",
    ":authority",
    "host",
    ":path",
    "te",
    "x-request-id",
    "x-forwarded-proto",
]
_VALUES = ["https", "a", "b", "true", "A", "a,b", "a b", "1", "shop.example", "/a", "é", "trailers"]
_VALUE_REGEXES = [
    "a",
    "a|b",
    "a.*",
    ".*",
    "[ab]+",
    "true",
    "(?i)TRUE",
    "\\d+",
    "a,.*",
    ".",
    "..",
    "[^a]*",
    "é+",
]
_KEYS = ["q", "v", "a%62", "é"]
_DOMAINS = [
    *(
        "shop.example",
        "*.example",
        "*-x.example",
        "shop.*",
        "shop.example:8080",
        "*.shop.example",
        "Shop.Example.org",
    ),
    *("s*p.example", "*hop.example"),
]
_METHODS = ["GET", "POST", "PUT", "P.*", "get", "DELETE"]


def _some(random: Random, pool: list[str], most: int) -> list[str]:
    return random.sample(pool, random.choice([0, 0, 0, *range(most + 1)]))


def _matcher(random: Random) -> dict[str, Any]:
    matcher: dict[str, Any] = {}
    kind = random.choice(["prefix", "prefix", "prefix", "exact", "exact", "regex"])
    matcher[kind] = random.choice(_PATH_REGEXES if kind == "regex" else _PATHS)
    if random.random() < 0.25:
        matcher["caseSensitive"] = random.random() < 0.3
    headers = []
    for name in _some(random, _NAMES, 2):
        header: dict[str, Any] = {"name": name}
        regex = random.random() < 0.4 and name not in ("x-request-id", "x-forwarded-proto")
        if random.random() < 0.75:
            header["value"] = random.choice(_VALUE_REGEXES if regex else _VALUES)
        if regex:
            header["regex"] = True
        if random.random() < 0.3:
            header["invertMatch"] = True
        headers.append(header)
    if headers:
        matcher["headers"] = headers
    queries = []
    for name in _some(random, _KEYS, 2):
        regex = random.random() < 0.4
        query: dict[str, Any] = {"name": name}
        if random.random() < 0.7:
            query["value"] = random.choice(_VALUE_REGEXES if regex else _VALUES)
        if regex:
            query["regex"] = True
        queries.append(query)
    if queries:
        matcher["queryParameters"] = queries
    if methods := _some(random, _METHODS, 2):
        matcher["methods"] = methods
    return matcher


def _weights(random: Random) -> list[int]:
    count = random.choice([1, 2, 2, 2, 3, 5, 12])
    top = random.choice([1, 10, 100, 1000, 2**20, (2**32 - 1) // count])
    weights = [random.choice([0, random.randint(0, top), top]) for _ in range(count)]
    return weights if any(weights) else [*weights[:-1], 1]


def _route(random: Random, number: int) -> dict[str, Any]:
    route: dict[str, Any] = {}
    if random.random() < 0.2:
        route["name"] = f"named-{number}"
    matchers = [_matcher(random) for _ in range(random.choice([1, 1, 1, 1, 2, 3]))]
    if random.random() < 0.97:
        route["matchers"] = matchers
    kind = random.random()
    if kind < 0.15:
        route["redirectAction"] = _redirect(random)
    elif kind < 0.2:
        route["directResponseAction"] = {"status": random.choice([200, 201, 301, 404, 503, 599])}
        if random.random() < 0.5:
            route["directResponseAction"]["body"] = random.choice(["", "gone", "é"])
    else:
        route["routeAction"] = _route_action(random, number)
        if options := _options(random):
            route["options"] = options
    return route


def _route_action(random: Random, number: int) -> dict[str, Any]:
    kind = random.random()
    if kind < 0.4:
        destinations = [
            {"weight": weight, "destination": _destination(random, f"u{number}-{i}")}
            for i, weight in enumerate(_weights(random))
        ]
        return {"multi": {"destinations": destinations}}
    if kind < 0.5:
        return {"clusterHeader": random.choice(["x-a", "x-cluster", "X-Canary", "user-agent"])}
    if kind < 0.6:
        return {"upstreamGroup": {"name": random.choice(["g0", "g1"]), "namespace": "ns"}}
    return {"single": _destination(random, f"u{number}")}


def _destination(random: Random, name: str) -> dict[str, Any]:
    kind = random.random()
    if kind < 0.1:
        return {"kube": {"ref": {"name": name, "namespace": "Ns.x"}, "port": 80}}
    if kind < 0.2:
        return {"consul": {"serviceName": name}}
    subset = {"subset": {"values": {"version": "v1"}}} if kind < 0.3 else {}
    return {"upstream": {"name": name, "namespace": "ns"}, **subset}


_REGEX_REWRITES = [
    *(("a", "b"), ("^/(.*)$", "/p/\\1"), ("/a/([^/]+)", "/\\1/a"), ("x*", "-"), ("/api/v([0-9]+)", "/v\\1/api")),
    *(("(?i)A", "\\0\\0"), ("nothing", "x"), ("/.*", "")),
]


def _regex_rewrite(random: Random) -> dict[str, Any]:
    regex, substitution = random.choice(_REGEX_REWRITES)
    return {"pattern": {"regex": regex}, "substitution": substitution}


def _redirect(random: Random) -> dict[str, Any]:
    redirect: dict[str, Any] = {}
    if random.random() < 0.4:
        redirect["hostRedirect"] = random.choice(["new.example", "new.example:99"])
    if random.random() < 0.4:
        redirect["httpsRedirect"] = random.random() < 0.8
    if random.random() < 0.3:
        redirect["portRedirect"] = random.choice([80, 443, 8443])
    if random.random() < 0.3:
        redirect["stripQuery"] = random.random() < 0.8
    if random.random() < 0.5:
        codes = ["MOVED_PERMANENTLY", "FOUND", "SEE_OTHER", "TEMPORARY_REDIRECT", "PERMANENT_REDIRECT", 2]
        redirect["responseCode"] = random.choice(codes)
    kind = random.random()
    if kind < 0.3:
        redirect["pathRedirect"] = random.choice(["/new", "new", ""])
    elif kind < 0.6:
        redirect["prefixRewrite"] = random.choice(["/new", "/new/", "new", "", "/n?r=1"])
    elif kind < 0.75:
        redirect["regexRewrite"] = _regex_rewrite(random)
    return redirect


def _options(random: Random) -> dict[str, Any]:
    options: dict[str, Any] = {}
    kind = random.random()
    if kind < 0.3:
        options["prefixRewrite"] = random.choice(["/", "/new", "/n/", "", "/q?r=1", "/new-x"])
    elif kind < 0.4:
        options["regexRewrite"] = _regex_rewrite(random)
    kind = random.random()
    if kind < 0.1:
        options["hostRewrite"] = random.choice(["new.example", "new.example:81", ""])
    elif kind < 0.2:
        options["hostRewriteHeader"] = random.choice(["x-a", "X-B", "host", "cookie"])
    elif kind < 0.25:
        options["hostRewritePathRegex"] = _regex_rewrite(random)
    if random.random() < 0.2:
        options["appendXForwardedHost"] = random.random() < 0.8
    return options


def _domain_groups(random: Random) -> list[list[str]]:
    """Domains, no two alike, for each of some virtual hosts."""
    domains = random.sample(_DOMAINS, random.randint(0, 5))
    hosts = [["*"]] if random.random() < 0.8 or not domains else []
    while domains:
        cut = random.randint(1, len(domains))
        hosts.append(domains[:cut])
        domains = domains[cut:]
    return hosts


def manifest(random: Random) -> str:
    """Up to three VirtualServices of one gateway, as a JSON text."""
    ssl = random.random() < 0.15
    hosts = _domain_groups(random)
    items = [
        {
            "apiVersion": "gateway.solo.io/v1",
            "kind": "VirtualService",
            "metadata": {"name": f"vs.{number}", "namespace": "ns"},
            "spec": {
                **({"sslConfig": {}} if ssl else {}),
                "virtualHost": {
                    "domains": host,
                    "routes": [_route(random, i) for i in range(random.choice([1, 2, 4, 8, 15]))],
                },
            },
        }
        for number, host in enumerate(hosts)
    ]
    items += [
        {
            "apiVersion": "gloo.solo.io/v1",
            "kind": "UpstreamGroup",
            "metadata": {"name": name, "namespace": "ns"},
            "spec": {
                "destinations": [
                    {"weight": weight, "destination": _destination(random, f"{name}-{i}")}
                    for i, weight in enumerate(_weights(random))
                ]
            },
        }
        for name in ("g0", "g1")
    ]
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": items}, ensure_ascii=random.random() < 0.5)


_NOISE = [
    *(
        "/a/../b",
        "/%61",
        "/./a",
        "//a",
        "/a%2Fb",
        "/a?q=a",
        "/a/b?q=b&v=true",
        "/x;y/z",
        "/A/B",
        "/api/v1/?v",
    ),
    *("/a#f", "/%2e%2e/a", "/a\\b", "/nothing", "/a?q=a;v=1", "/a/b/?a%62=1", "/a..", "/api/v12/pets/"),
]


#: Headers that the connection manager drops, changes or refuses.
_TREATED = [
    ("connection", "x-a"),
    ("connection", "keep-alive, X-B"),
    ("connection", "te"),
    ("connection", "x-request-id"),
    ("connection", "cookie"),
    ("connection", "x-forwarded-for"),
    ("connection", "host"),
    ("connection", ":path"),
    ("connection", "a,b,c,d,e,f,g,h,i"),
    ("connection", "a,b,c,d,e,f,g,h,i,j"),
    ("keep-alive", "1"),
    ("x-envoy-original-path", "/o"),
    ("x-envoy-original-url", "/o"),
    ("x-envoy-retry-on", "5xx"),
    ("x-envoy-anything", "1"),
    ("te", "gzip, trailers"),
    ("referer", "https://shop.example/a?b"),
    ("referer", "https://shop.example/#f"),
    ("referer", "http://u@h/"),
    ("referer", "a b"),
    ("referer", "/a:b"),
    ("referer", "a:b"),
    ("te", "gzip"),
    ("x-request-id", ""),
    ("x-request-id", "mine"),
    ("x-forwarded-proto", ""),
    ("x-forwarded-proto", "HTTPS"),
    ("x-forwarded-for", "10.0.0.1"),
    ("expect", "something"),
    ("upgrade", "x"),
    ("x-envoy-upstream-stream-duration-ms", "1"),
]


def _hit(random: Random, condition: dict[str, Any]) -> str | None:
    """A value that may satisfy a header or query condition; None for none at all."""
    value = condition.get("value")
    if condition.get("invertMatch"):
        return random.choice([None, "other", value, ""])
    if value is None:
        return random.choice(["", "a", "zz"])
    return random.choice(_VALUES) if condition.get("regex") else value


def _spoiled(random: Random, text: str) -> str:
    """A text, most of the time as it is, else almost."""
    chance = random.random()
    if chance < 0.7:
        return text
    if chance < 0.76:
        return text.swapcase()
    if chance < 0.82:
        return text[:-1]
    if chance < 0.9:
        return text + random.choice(["x", "/", "/x", " ", ",b", "a"])
    return random.choice(_VALUES)


def request(random: Random, document: str) -> cs.Request:
    """A request aimed at one of the conditions of a manifest, sometimes just past it."""
    items = [item for item in json.loads(document)["items"] if item["kind"] == "VirtualService"]
    spec = random.choice(items)["spec"]["virtualHost"]
    matchers = [m for route in spec["routes"] for m in route.get("matchers", [{"prefix": "/"}])]
    return request_to(random, random.choice(matchers), lambda: random.choice(spec["domains"]))


def request_to(random: Random, matcher: dict[str, Any], domain: Callable[[], str]) -> cs.Request:
    """A request aimed at a matcher and a domain, sometimes just past them."""
    path = matcher.get("prefix", matcher.get("exact", random.choice(_PATHS))) or "/"
    path = _target(_spoiled(random, path)) if random.random() < 0.85 else random.choice(_NOISE)
    headers: list[tuple[str, str]] = []
    authority = _host(random, domain())
    for header in matcher.get("headers", []):
        value = _hit(random, header)
        name = header["name"].lower()
        if name in (":authority", "host"):
            authority = value if value and _plain(value) else authority
        elif name == ":path":
            path = _target(value or path)
        elif value is not None:
            headers.append((header["name"], _spoiled(random, value)))
            if random.random() < 0.1:
                headers.append((header["name"], random.choice(_VALUES)))
    if random.random() < 0.25:
        headers.append((random.choice(["x-a", "x-b", "x-canary", "connection", "x-forwarded-proto"]), "https"))
    if random.random() < 0.05:
        headers.append(random.choice(_TREATED))
    if random.random() < 0.1:
        headers.append(("x-cluster", random.choice(["u0_ns", "u1_ns", ""])))
    pieces = [
        q["name"] if value is None else f"{q['name']}={_spoiled(random, value)}"
        for q in matcher.get("queryParameters", [])
        for value in [_hit(random, q)]
    ]
    random.shuffle(pieces)
    if random.random() < 0.1:
        pieces.insert(0, random.choice(_KEYS) + "=a")
    if pieces and "?" not in path:
        path += "?" + _escaped("&".join(pieces))
    methods = matcher.get("methods") or ["GET"]
    method = random.choice([*methods, "GET", "POST"]) if random.random() < 0.9 else "OPTIONS"
    if not (method.isalpha() and method.isupper()):
        method = "PATCH"  # HTTP/1 takes no others than the standard ones
    return cs.Request(path, method=method, authority=authority, headers=headers)


def _plain(text: str) -> bool:
    return text.isascii() and text.replace(".", "").isalnum()


def _escaped(text: str) -> str:
    """Without what HTTP/1 refuses in a target."""
    return "".join(c if "!" <= c <= "~" and c != "#" else "%20" for c in text)


def _target(path: str) -> str:
    path = _escaped(path)
    return path if path.startswith("/") else f"/{path}"


def _host(random: Random, domain: str) -> str:
    if domain == "*":
        return random.choice(["shop.example", "unknown", "", "SHOP.example", "x.shop.example:8080"])
    host = domain.replace("*", random.choice(["x", "a.b", "", "*"]), 1)
    chance = random.random()
    if chance < 0.6:
        return host
    if chance < 0.75:
        return host.swapcase()
    return random.choice([host + ":8080", host.partition(":")[0], "x" + host, host + ".", host[1:]])


def random_value(random: Random, table: cs.RouteTable, asked: cs.Request) -> int:
    """Any 64-bit value, with a liking for the edges of the intervals of the pick."""
    edges = [0, 1, 2**64 - 1, random.getrandbits(64)]
    route = table.find(asked).route
    if route is not None and isinstance(route.action, RouteAction):
        total, end = route.action.total, 0
        for destination in route.action.destinations:
            end += destination.weight
            edges += [max(0, end - 1), end]
        edges += [total, total + 1, random.randrange(2**64 // total) * total]
    return random.choice(edges)
