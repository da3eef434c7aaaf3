"""Random sets of Gloo's resources: VirtualServices that delegate, options of their own, groups, gateways.

Everything comes from one ``random.Random``, so that a seed names a run. With ``wrong`` some sets hold what Gloo
warns of or refuses.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from .generate import (
    _destination,
    _domain_groups,
    _matcher,
    _options,
    _redirect,
    _route_action,
    _weights,
    request_to,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

    import canarysim as cs

_NAMESPACES = ["ns", "team-a"]
_LABELS = {"app": ["web", "api"], "tier": ["1", "2", "ten"]}
_TREE = ["/a", "/a/b", "/a/b/c", "/ab", "/api", "/api/v1"]
_HEADERS = ["x-a", "x-b", "x-new", "accept"]
_HEADER_VALUES = ["plain", "%REQ(x-a)%", "%REQ(:path)%", "100%%", ""]

Resource = dict[str, Any]


def _resource(
    kind: str, name: str, namespace: str, spec: dict[str, Any], labels: dict[str, str] | None = None
) -> Resource:
    group = "gloo.solo.io" if kind in ("UpstreamGroup", "Upstream") else "gateway.solo.io"
    metadata: dict[str, Any] = {"name": name, "namespace": namespace, **({"labels": labels} if labels else {})}
    return {"apiVersion": f"{group}/v1", "kind": kind, "metadata": metadata, "spec": spec}


def _labels(random: Random) -> dict[str, str]:
    return {key: random.choice(values) for key, values in _LABELS.items() if random.random() < 0.6}


def _expression(random: Random, *, wrong: bool) -> dict[str, Any]:
    key = random.choice([*_LABELS, "other"])
    values = _LABELS.get(key, ["x"])
    operator = random.choice(
        ["Equals", "DoubleEquals", "NotEquals", "In", "NotIn", "Exists", "DoesNotExist", "GreaterThan", "LessThan"]
    )
    if operator in ("In", "NotIn"):
        chosen = random.sample(values, random.randint(1, len(values)))
    elif operator in ("Exists", "DoesNotExist"):
        chosen = []
    elif operator in ("GreaterThan", "LessThan"):
        chosen = [random.choice(["0", "1", "2"])]
    else:
        chosen = [random.choice(values)]
    if wrong and random.random() < 0.2:
        chosen = random.choice([[], ["a", "b"], ["-x"], ["word"]])
    return {"key": key, "operator": operator, **({"values": chosen} if chosen else {})}


def _delegate(random: Random, tables: list[Resource], *, wrong: bool) -> dict[str, Any]:
    if random.random() < 0.5 and tables:
        metadata = random.choice(tables)["metadata"]
        ref = {"name": metadata["name"], "namespace": metadata["namespace"]}
        if wrong and random.random() < 0.1:
            ref["name"] = "missing"
        return {"ref": ref} if random.random() < 0.8 else ref
    selector: dict[str, Any] = {}
    if random.random() < 0.4:
        selector["namespaces"] = random.choice([["*"], ["ns"], ["team-a", "ns"], ["none", "*"]])
    kind = random.random()
    if kind < 0.35:
        selector["labels"] = dict([random.choice(list(_labels(random).items()) or [("app", "web")])])
    elif kind < 0.7:
        selector["expressions"] = [_expression(random, wrong=wrong) for _ in range(random.choice([1, 1, 2]))]
    if wrong and random.random() < 0.05:
        selector |= {"labels": {"app": "web"}, "expressions": [_expression(random, wrong=False)]}
    return {"selector": selector}


def _delegating_matcher(random: Random, prefix: str, *, wrong: bool) -> list[dict[str, Any]]:
    if random.random() < 0.15:
        return []
    matcher: dict[str, Any] = {"prefix": prefix}
    extra = _matcher(random)
    for name in ("headers", "queryParameters", "methods", "caseSensitive"):
        if name in extra and random.random() < 0.35:
            matcher[name] = extra[name]
    if wrong and random.random() < 0.15:
        kind = random.random()
        if kind < 0.4:
            matcher.pop("prefix")
        elif kind < 0.6:
            return [matcher, {"prefix": "/x"}]
        elif kind < 0.8:
            matcher = {"exact": prefix}
        else:
            matcher["prefix"] = ""
    return [matcher]


def _child_matcher(random: Random, parent: dict[str, Any]) -> dict[str, Any]:
    """A matcher that mostly fits the delegating one."""
    matcher = _matcher(random)
    path = parent.get("prefix", "/")
    kind = next(name for name in ("prefix", "exact", "regex") if name in matcher)
    tails = {"prefix": ["", "/x", "b", "/b/c"], "exact": ["", "/x", "/b"], "regex": ["", "/.*", "/[a-z]+", ".*"]}
    if random.random() < 0.9:
        matcher[kind] = path.rstrip("/") + random.choice(tails[kind]) or "/"
        matcher[kind] = matcher[kind] if matcher[kind].startswith(path) else path
    if random.random() < 0.85:
        for name in ("headers", "queryParameters", "methods"):
            if name in parent:
                matcher[name] = [*parent[name], *matcher.get(name, [])] if random.random() < 0.9 else parent[name]
    if random.random() < 0.9:
        matcher.pop("caseSensitive", None)
        if "caseSensitive" in parent:
            matcher["caseSensitive"] = parent["caseSensitive"]
    return matcher


def header_manipulation(random: Random) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for side in ("request", "response"):
        if random.random() < 0.6:
            found[f"{side}HeadersToAdd"] = [
                {
                    "header": {"key": random.choice(_HEADERS), "value": random.choice(_HEADER_VALUES)},
                    **random.choice([{}, {"append": True}, {"append": False}]),
                }
                for _ in range(random.randint(1, 3))
            ]
        if random.random() < 0.3:
            found[f"{side}HeadersToRemove"] = random.sample(_HEADERS, random.randint(1, 2))
    return found


def route_options(random: Random) -> dict[str, Any]:
    """Options of a route that forwards, those that a preview shows among them."""
    options = _options(random)
    if random.random() < 0.25:
        options["headerManipulation"] = header_manipulation(random)
    if random.random() < 0.1:
        options["timeout"] = random.choice(["5s", "1.5s", "0s", "500ms"])
    if random.random() < 0.1:
        options["retries"] = {"retryOn": "5xx", **random.choice([{}, {"numRetries": 3, "perTryTimeout": "2s"}])}
    if random.random() < 0.1:
        options["lbHash"] = {
            "hashPolicies": [
                random.choice([{"header": "x-a"}, {"cookie": {"name": "c", "ttl": "3s"}}, {"sourceIp": True}])
            ]
        }
    if random.random() < 0.15:
        options["shadowing"] = {
            "upstream": {"name": "shadow", "namespace": "ns"},
            "percentage": random.choice([100, 100, 0, 50, 12.5, 0.01, 33.33]),
        }
    if random.random() < 0.1:
        faults: dict[str, Any] = {}
        if random.random() < 0.7:
            percentage = random.choice([100, 100, 0, 33.3, 0.001, 150])
            faults["abort"] = {"percentage": percentage, "httpStatus": random.choice([200, 503, 599])}
        if random.random() < 0.3:
            faults["delay"] = {"percentage": 0, "fixedDelay": "1s"}
        options["faults"] = faults
    if random.random() < 0.1:
        options["upgrades"] = [random.choice([{"websocket": {}}, {"connect": {"enabled": False}}])]
    return options


def _spoilt(random: Random, route: dict[str, Any]) -> None:
    """Makes a route wrong in one of the ways that Gloo checks."""
    options = route.setdefault("options", {})
    kind = random.randrange(9)
    if kind == 0:
        options["shadowing"] = {"upstream": {"name": "s", "namespace": "ns"}, "percentage": 101}
    elif kind == 1:
        options["headerManipulation"] = {"requestHeadersToAdd": [{"header": {"key": ":path", "value": "x"}}]}
    elif kind == 2:
        options["prefixRewrite"] = "/a//b"
    elif kind == 3:
        options["lbHash"] = {"hashPolicies": [{"sourceIp": True}]}
    elif kind == 4:
        route["matchers"] = [{"prefix": "/a//b"}]
    elif kind == 5:
        for name in ("routeAction", "redirectAction", "directResponseAction", "delegateAction"):
            route.pop(name, None)
    elif kind == 6:
        route["matchers"] = [{"regex": "/a("}]
    elif kind == 7:
        options["retries"] = {"retryOn": "5xx", "retryBackOff": {"baseInterval": "3s", "maxInterval": "1s"}}
    else:
        options["responseHeadersToAdd"] = []
        options.pop("responseHeadersToAdd")


def _route(
    random: Random, number: int, matchers: list[dict[str, Any]], refs: list[Resource], *, wrong: bool
) -> dict[str, Any]:
    route: dict[str, Any] = {"matchers": matchers} if random.random() < 0.92 else {}
    if random.random() < 0.25:
        route["name"] = random.choice([f"r{number}", "same"])
    for name in ("inheritableMatchers", "inheritablePathMatchers"):
        if random.random() < 0.15:
            route[name] = random.random() < 0.6
    kind = random.random()
    if kind < 0.1:
        route["redirectAction"] = _redirect(random)
    elif kind < 0.2:
        route["directResponseAction"] = {"status": random.choice([200, 404, 503])}
    else:
        route["routeAction"] = _route_action(random, number)
    options = route_options(random) if "routeAction" in route or random.random() < 0.3 else {}
    if "routeAction" not in route:
        options = {key: value for key, value in options.items() if key not in ("shadowing", "lbHash")}
    if options:
        route["options"] = options
    _with_refs(random, route, refs, wrong=wrong)
    if wrong and random.random() < 0.04:
        _spoilt(random, route)
    return route


def _with_refs(random: Random, holder: dict[str, Any], refs: list[Resource], *, wrong: bool) -> None:
    if refs and random.random() < 0.2:
        chosen = random.sample(refs, random.randint(1, len(refs)))
        holder["optionsConfigRefs"] = {
            "delegateOptions": [
                {"name": each["metadata"]["name"], "namespace": each["metadata"]["namespace"]} for each in chosen
            ]
        }
        if wrong and random.random() < 0.1:
            holder["optionsConfigRefs"]["delegateOptions"].append({"name": "missing", "namespace": "ns"})


def _delegating(
    random: Random, prefix: str, tables: list[Resource], refs: list[Resource], *, wrong: bool
) -> dict[str, Any]:
    route: dict[str, Any] = {"delegateAction": _delegate(random, tables, wrong=wrong)}
    if matchers := _delegating_matcher(random, prefix, wrong=wrong):
        route["matchers"] = matchers
    if random.random() < 0.3:
        route["name"] = random.choice(["way", "other way"])
    for name in ("inheritableMatchers", "inheritablePathMatchers"):
        if random.random() < 0.3:
            route[name] = random.random() < 0.7
    if random.random() < 0.5:
        options = route_options(random)
        for name in ("shadowing", "lbHash"):
            options.pop(name, None)
        if options:
            route["options"] = options
    _with_refs(random, route, refs, wrong=wrong)
    return route


def resources(random: Random, *, wrong: bool = False) -> list[Resource]:
    """A set of resources; VirtualServices come last."""
    options = [
        _resource("RouteOption", f"o{number}", "ns", {"options": _plain(route_options(random))})
        for number in range(random.choice([0, 1, 2]))
    ]
    host_options = [
        _resource(
            "VirtualHostOption",
            f"h{number}",
            "ns",
            {"options": {"headerManipulation": header_manipulation(random)}},
        )
        for number in range(random.choice([0, 0, 1, 2]))
    ]
    tables: list[Resource] = []
    for number in range(random.choice([1, 2, 3, 5])):
        prefix = random.choice(_TREE)
        parent = random.choice(
            [
                {"prefix": prefix},
                {"prefix": "/"},
                {"prefix": "/a"},
                *_delegating_matcher(random, "/a", wrong=False),
            ]
        )
        routes = [
            _route(
                random,
                i,
                [_child_matcher(random, parent) for _ in range(random.choice([1, 1, 2]))],
                options,
                wrong=wrong,
            )
            for i in range(random.choice([1, 2, 4]))
        ]
        below = (
            [*tables, _resource("RouteTable", f"rt{number}", "ns", {})]
            if wrong and random.random() < 0.1
            else tables
        )
        if below and random.random() < 0.4:
            at = random.randint(0, len(routes))
            routes.insert(at, _delegating(random, prefix, below, options, wrong=wrong))
        spec: dict[str, Any] = {"routes": routes}
        if random.random() < 0.4:
            spec["weight"] = random.choice([-1, 0, 0, 5])
        namespace = random.choice(_NAMESPACES)
        tables.append(_resource("RouteTable", f"rt{number}", namespace, spec, _labels(random)))
    groups = [
        _resource(
            "UpstreamGroup",
            name,
            "ns",
            {
                "destinations": [
                    {"weight": weight, "destination": _destination(random, f"{name}-{i}")}
                    for i, weight in enumerate(_weights(random))
                ]
            },
        )
        for name in ("g0", "g1")
    ]
    services = []
    ssl = random.random() < 0.15
    for number, domains in enumerate(_domain_groups(random)):
        routes = []
        for i in range(random.choice([1, 2, 4])):
            if random.random() < 0.6:
                routes.append(_delegating(random, random.choice(_TREE), tables, options, wrong=wrong))
            else:
                routes.append(_route(random, i, [_matcher(random)], options, wrong=wrong))
        host: dict[str, Any] = {"domains": domains, "routes": routes}
        if random.random() < 0.2:
            host["options"] = {"headerManipulation": header_manipulation(random)}
        _with_refs(random, host, host_options, wrong=wrong)
        spec = {
            "virtualHost": host,
            **({"sslConfig": {"secretRef": {"name": "tls", "namespace": "ns"}}} if ssl else {}),
        }
        services.append(_resource("VirtualService", f"vs.{number}", "ns", spec, _labels(random)))
    found = [*options, *host_options, *tables, *groups, *services]
    return [*_upstreams(random, found, wrong=wrong), *found]


def _upstreams(random: Random, found: list[Resource], *, wrong: bool) -> list[Resource]:
    """Upstreams for all that is referred to; they have the subsets that are asked for."""
    names = {name for each in found for name in _upstream_names(each["spec"])} - {("shadow", "ns")}
    spec = {"kube": {"serviceName": "s", "subsetSpec": {"selectors": [{"keys": ["version"]}]}}}
    bare = {"static": {"hosts": [{"addr": "h", "port": 80}]}}
    return [
        _resource("Upstream", name, namespace, bare if wrong and random.random() < 0.05 else spec)
        for name, namespace in sorted(names)
        if not (wrong and random.random() < 0.05)
    ]


def _upstream_names(value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, list):
        for item in value:
            yield from _upstream_names(item)
    elif isinstance(value, dict):
        if isinstance(value.get("upstream"), dict):
            yield value["upstream"]["name"], value["upstream"]["namespace"]
        for item in value.values():
            yield from _upstream_names(item)


def _host_options(random: Random) -> dict[str, Any]:
    return {"headerManipulation": header_manipulation(random)}


def _plain(options: dict[str, Any]) -> dict[str, Any]:
    """Options that may stand beside any action."""
    return {key: value for key, value in options.items() if key not in ("shadowing", "lbHash")}


def manifest(found: list[Resource]) -> str:
    """The text of a set."""
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": found}, ensure_ascii=False)


def request(random: Random, found: list[Resource]) -> cs.Request:
    """A request aimed at one of the matchers of a set, sometimes just past it."""
    hosts = [each["spec"]["virtualHost"] for each in found if each["kind"] == "VirtualService"]
    holders = [*hosts, *(each["spec"] for each in found if each["kind"] == "RouteTable")]
    matchers = [
        matcher
        for holder in holders
        for route in holder["routes"]
        for matcher in route.get("matchers", [{"prefix": "/"}])
    ]
    domains = [domain for host in hosts for domain in host["domains"]]
    return request_to(random, random.choice(matchers), lambda: random.choice(domains))
