"""From the fields of a VirtualService to a virtual host as Gloo would generate it.

Facts (source of Gloo 1.22; the numbers in brackets are used below):

1. A route without matchers takes the prefix ``/``. A route with several makes one Envoy route for each, in
   place. A matcher without a path is an error.
2. A header or query parameter matcher without a value asks for presence, even with ``regex: true``.
3. ``methods`` become one header matcher on ``:method`` with the regex ``M1|M2``, after the user's headers.
4. No domains, or one empty domain, mean ``*``.
5. An Upstream reference without a namespace takes that of its VirtualService.
6. A weight that is absent is 0. All weights 0, or no destinations, is an error.
7. A delegating route may have one matcher at most, which must be a prefix. Its headers and query parameters
   must stand in every delegated route too, its methods need not.
8. On an ssl listener every virtual host requires TLS.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from canarysim.errors import InvalidValue
from canarysim.manifests.document import Mapping, Node, Scalar, Sequence
from canarysim.manifests.fields import Effect, Message, Record
from canarysim.manifests.gloo.names import (
    cluster_of_upstream,
    route_name,
    user_route_name,
    virtual_host_name,
)
from canarysim.manifests.gloo.paths import why_bad_path, why_bad_rewrite
from canarysim.problems import Problem, Severity
from canarysim.table.actions import Destination, RouteAction, Unknown
from canarysim.table.hosts import VirtualHost
from canarysim.table.matchers import (
    ConnectMatcher,
    HeaderMatcher,
    PathExact,
    PathPrefix,
    PathRegex,
    QueryParameterMatcher,
    StringMatcher,
)
from canarysim.table.routes import Route, RouteMatch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from canarysim.table.matchers import PathMatcher

__all__ = ["VirtualServiceSource", "virtual_host"]


@attrs.frozen
class VirtualServiceSource:
    """A VirtualService as it was read, and who it is."""

    namespace: str
    name: str
    spec: Record

    @property
    def ssl(self) -> bool:
        """Whether it belongs to the ssl listener: any ``sslConfig`` at all makes it so."""
        return "sslConfig" in self.spec


def virtual_host(source: VirtualServiceSource, gateway: str) -> VirtualHost | None:
    """The virtual host of a VirtualService; None, after a problem, where it has none."""
    spec = source.spec
    name = virtual_host_name(source.namespace, source.name)
    origin = f"{source.namespace}/{source.name}"
    host = spec.get("virtualHost")
    if host is None:
        if spec.lacks("virtualHost"):
            spec.warn("no_virtual_host", "no virtualHost: every request is answered 404", hint="add routes")
        return VirtualHost(name, ("*",), origin=origin, source=spec.where())
    domains = _domains(host)
    routes = list(_routes(source, host, name, gateway))
    if not host.get("routes") and "routes" not in host.damaged:
        host.warn("no_routes", "no routes: every request is answered 404", hint="add routes")
    unknowns = tuple(_unknowns(host))
    if rematch := _claims_unknown(host, routes):
        unknowns += (rematch,)
    try:
        return VirtualHost(
            name,
            domains,
            routes,
            require_tls=source.ssl,
            unknowns=unknowns,
            origin=origin,
            source=host.where(),
        )
    except InvalidValue as wrong:
        _report(host, wrong, "domains")
        return None


def _domains(host: Record) -> tuple[str, ...]:
    """Fact 4."""
    domains: list[str] = host.get("domains", [])
    if not domains:
        return ("*",)
    if "" in domains:
        host.report("empty_domain", "a domain is empty", "domains", "write '*' for every host")
    return tuple(domains)


def _routes(source: VirtualServiceSource, host: Record, host_name: str, gateway: str) -> Iterator[Route]:
    index = 0
    certain = True
    records: list[Record] = host.get("routes", [])
    for number, record in enumerate(records):
        action, unknowns = _action(source, record)
        delegates = "delegateAction" in record
        long_name = ""
        if record.get("name"):
            long_name = user_route_name(gateway, source.namespace, source.name, record["name"])
        if action is None and not unknowns:
            continue  # the action is wrong, and a problem says so
        for matcher_number, (match, matcher) in enumerate(_matches(record, delegates=delegates)):
            yield Route(
                match,
                action,
                name=route_name(host_name, number, matcher_number, long_name),
                index=index,
                name_is_certain=certain,
                unknowns=(*unknowns, *_unknowns(matcher)) if matcher is not record else unknowns,
                origin=f"{source.namespace}/{source.name} {record.get('name') or f'routes[{number}]'}",
                source=matcher.where(),
            )
            index += 1
        if delegates:
            certain = False


def _matches(record: Record, *, delegates: bool) -> Iterator[tuple[RouteMatch, Record]]:
    """The conditions of each Envoy route that a Gloo route makes, and the message they stand in (fact 1)."""
    matchers: list[Record] = record.get("matchers", [])
    if delegates:
        matchers = _delegating_matchers(record, matchers)
    elif not matchers:
        yield RouteMatch(PathPrefix("/")), record
    for matcher in matchers:
        match = _match(matcher)
        if match is None:
            continue
        if delegates:
            match = attrs.evolve(match, headers=[h for h in match.headers if h.name != ":method"])
        yield match, matcher


def _delegating_matchers(record: Record, matchers: list[Record]) -> list[Record]:
    """Fact 7; what is yielded for such a route is every request that a delegated route could take."""
    if len(matchers) > 1:
        record.report(
            "delegate_matchers", "a delegating route may have one matcher only", "matchers", "keep one prefix"
        )
        return []
    for matcher in matchers:
        if not matcher.get("prefix") and not matcher.lacks("prefix", "exact", "regex", "connectMatcher"):
            matcher.report(
                "delegate_matchers",
                "a delegating route must have a prefix matcher",
                None,
                "write prefix: /...",
            )
            return []
    return matchers


def _match(matcher: Record) -> RouteMatch | None:
    path = _path(matcher)
    headers = [m for record in matcher.get("headers", []) if (m := _header(record)) is not None]
    queries = [q for record in matcher.get("queryParameters", []) if (q := _query(record)) is not None]
    methods: list[str] = matcher.get("methods", [])
    if methods:
        try:
            headers.append(HeaderMatcher(":method", StringMatcher("safe_regex", "|".join(methods))))
        except InvalidValue as wrong:
            _report(matcher, wrong, "methods")
    return None if path is None else RouteMatch(path, headers, queries)


def _path(matcher: Record) -> PathMatcher | None:
    case_sensitive = matcher.get("caseSensitive", True)
    for kind, make in (("prefix", PathPrefix), ("exact", PathExact)):
        if kind in matcher:
            if why := why_bad_path(matcher[kind]):
                matcher.report("bad_path", f"{kind} {matcher[kind]!r}: {why}", kind)
            return make(matcher[kind], case_sensitive=case_sensitive)
    if "regex" in matcher:
        try:
            return PathRegex(matcher["regex"], case_sensitive=case_sensitive)
        except InvalidValue as wrong:
            _report(matcher, wrong, "regex")
            return None
    if "connectMatcher" in matcher:
        return ConnectMatcher()
    if matcher.lacks("prefix", "exact", "regex"):
        matcher.report(
            "no_path", "a matcher needs a path", None, "add prefix: / to take every path, or exact or regex"
        )
    return None


def _report(record: Record, wrong: InvalidValue, name: str | None) -> None:
    """A value that cannot exist, at the place where it stands."""
    record.report(wrong.code, str(wrong), name, wrong.values.get("hint", ""))


def _header(record: Record) -> HeaderMatcher | None:
    try:
        return HeaderMatcher(record.get("name", ""), _string(record), record.get("invertMatch", False))
    except InvalidValue as wrong:
        _report(record, wrong, "value" if "regex" in wrong.code else None)
        return None


def _query(record: Record) -> QueryParameterMatcher | None:
    try:
        return QueryParameterMatcher(record.get("name", ""), _string(record))
    except InvalidValue as wrong:
        _report(record, wrong, "value" if "regex" in wrong.code else None)
        return None


def _string(record: Record) -> StringMatcher | None:
    """Fact 2."""
    value = record.get("value", "")
    if not value:
        return None
    return StringMatcher("safe_regex" if record.get("regex") else "exact", value)


def _action(source: VirtualServiceSource, record: Record) -> tuple[RouteAction | None, tuple[Unknown, ...]]:
    """The action of a route; None without unknowns where it is wrong, which a problem then says."""
    unknowns = tuple(_unknowns(record))
    route_action: Record | None = record.get("routeAction")
    if route_action is None:
        kinds = ("routeAction", "redirectAction", "directResponseAction", "delegateAction", "graphqlApiRef")
        if record.lacks(*kinds):
            record.report("no_action", "the route has no action", None, "add routeAction, redirectAction, ...")
            return None, ()
        return None, unknowns
    options: Record | None = record.get("options")
    rewrite = ""
    if options is not None and "prefixRewrite" in options:
        rewrite = options["prefixRewrite"]
        if why := why_bad_rewrite(rewrite):
            options.report("bad_path", f"prefixRewrite {rewrite!r}: {why}", "prefixRewrite")
    if "single" in route_action:
        destination = _destination(source, route_action["single"])
        if destination is None:
            return None, unknowns
        return RouteAction((destination,), prefix_rewrite=rewrite), unknowns
    if "multi" in route_action:
        action, more = _multi(source, route_action["multi"], rewrite)
        return action, unknowns + more
    if route_action.lacks("single", "multi", "upstreamGroup", "clusterHeader", "dynamicForwardProxy"):
        route_action.report("no_destination", "routeAction names no destination", None, "add single or multi")
    return None, unknowns


def _multi(
    source: VirtualServiceSource, multi: Record, rewrite: str
) -> tuple[RouteAction | None, tuple[Unknown, ...]]:
    """Facts 5 and 6."""
    records: list[Record] = multi.get("destinations", [])
    if not records and "destinations" not in multi.damaged:
        multi.report("no_destination", "multi has no destinations", None, "add at least one destination")
    destinations = []
    open_decisions: tuple[Unknown, ...] = ()
    for weighted in records:
        unknowns = tuple(_unknowns(weighted))
        open_decisions += tuple(unknown for unknown in unknowns if not unknown.parts)
        if weighted.lacks("destination"):
            weighted.report("no_destination", "no destination beside the weight", None, "add destination:")
        elif "destination" in weighted and "weight" not in weighted.damaged:
            destination = _destination(source, weighted["destination"], weighted.get("weight", 0))
            if destination is not None:
                destinations.append(attrs.evolve(destination, unknowns=unknowns, source=weighted.where()))
    if not records or len(destinations) < len(records):
        return None, open_decisions  # something is wrong or not read, and a problem says so
    try:
        return RouteAction(tuple(destinations), weighted=True, prefix_rewrite=rewrite), open_decisions
    except InvalidValue as wrong:
        _report(multi, wrong, "destinations")
        return None, open_decisions


def _destination(source: VirtualServiceSource, record: Record, weight: int = 1) -> Destination | None:
    """A destination; None where its cluster is not known: because it is wrong, or because it is not read."""
    if record.lacks("upstream", "kube", "consul"):
        record.report("no_destination", "the destination names no upstream", None, "add upstream:")
    upstream: Record | None = record.get("upstream")
    if upstream is None:
        return None
    name = upstream.get("name", "")
    if not name:
        if "name" not in upstream.damaged:
            upstream.report("no_name", "the upstream has no name", None, "add name:")
        return None
    namespace = upstream.get("namespace") or source.namespace  # fact 5
    return Destination(
        cluster_of_upstream(namespace, name),
        weight=weight,
        upstream=f"{namespace}.{name}",
        function=_function(record.get("destinationSpec")),
        source=record.where(),
    )


def _function(spec: Record | None) -> str | None:
    if spec is None:
        return None
    for kind, label in (
        ("rest", "functionName"),
        ("aws", "logicalName"),
        ("azure", "functionName"),
        ("grpc", "function"),
    ):
        if kind in spec:
            name: str | None = spec[kind].get(label)
            return name
    return None


def _unknowns(record: Record) -> Iterator[Unknown]:
    """What stands in a message, and in the messages that are a part of it, and is not simulated.

    Matchers and weighted destinations are asked by those who read them: what they leave open is theirs.
    """
    for field in record.message.fields:
        if field.name not in record:
            continue
        value = record[field.name]
        if field.effect is Effect.UNSIMULATED:
            parts = field.parts
            if field.name in ("transformations", "stagedTransformations"):
                if _holds_true(value, "clearRouteCache"):
                    parts = ()
                elif not _transforms_requests(value):
                    continue
            problem = record.warn("not_simulated", f"{field.name} is not simulated: {field.note}", field.name)
            yield Unknown(problem, parts)
        elif isinstance(field.type, Message) and field.effect is Effect.SIMULATED and field.name in _INSIDE:
            yield from _unknowns(value)


#: The messages that are a part of the one around them, as against members of a list.
_INSIDE = frozenset(["options", "headerManipulation", "routeAction", "single", "destination"])


def _transforms_requests(node: Node) -> bool:
    """Whether a transformation says anything of requests, as against responses only."""
    if isinstance(node, Mapping):
        return any(
            key in ("requestTransformation", "requestTransforms") or _transforms_requests(value)
            for key, (_, value) in node.entries.items()
        )
    return isinstance(node, Sequence) and any(map(_transforms_requests, node.items))


def _holds_true(node: Node, name: str) -> bool:
    """Whether a key of that name stands anywhere below with any value but false."""
    if isinstance(node, Mapping):
        return any(
            (key == name and not (isinstance(value, Scalar) and value.text.lower() in ("false", "null", "")))
            or _holds_true(value, name)
            for key, (_, value) in node.entries.items()
        )
    return isinstance(node, Sequence) and any(_holds_true(item, name) for item in node.items)


def _claims_unknown(host: Record, routes: list[Route]) -> Unknown | None:
    """Claims of a token put into headers, after which Gloo matches again: routes that look at headers may win."""
    options: Record | None = host.get("options")
    if options is None or not any(route.match.headers for route in routes):
        return None
    for name in ("jwt", "jwtStaged"):
        if name in options and _holds_true(options[name], "claimsToHeaders"):
            problem = Problem(
                "not_simulated",
                Severity.WARNING,
                f"{name} turns claims into headers, which routes of this host match on",
                options.where(name),
            )
            options.reader.problems.append(problem)
            return Unknown(problem)
    return None
