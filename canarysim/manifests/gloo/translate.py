"""From the fields of a VirtualService to a virtual host as Gloo would generate it.

Facts (source of Gloo 1.22; the numbers are used below):

1. A route without matchers takes the prefix ``/``. A route with several makes one Envoy route for each, in
   place.
2. No domains, or one empty domain, mean ``*``.
3. A delegating route may have one matcher at most, which must be a prefix. Its headers and query parameters
   must stand in every delegated route too, its methods need not.
4. On an ssl listener every virtual host requires TLS.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from canarysim.errors import InvalidValue
from canarysim.manifests.gloo.actions import action_of
from canarysim.manifests.gloo.conditions import conditions
from canarysim.manifests.gloo.names import route_name, user_route_name, virtual_host_name
from canarysim.manifests.gloo.unknowns import claims_unknown, unknowns_of
from canarysim.table.hosts import VirtualHost
from canarysim.table.matchers import PathPrefix
from canarysim.table.routes import Route, RouteMatch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from canarysim.manifests.fields import Record
    from canarysim.manifests.gloo.actions import Groups

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


def virtual_host(source: VirtualServiceSource, gateway: str, groups: Groups) -> VirtualHost | None:
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
    routes = list(_routes(source, host, name, gateway, groups))
    if not host.get("routes") and "routes" not in host.damaged:
        host.warn("no_routes", "no routes: every request is answered 404", hint="add routes")
    unknowns = tuple(unknowns_of(host))
    if rematch := claims_unknown(host, routes):
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
        host.wrong(wrong, "domains")
        return None


def _domains(host: Record) -> tuple[str, ...]:
    """Fact 2."""
    domains: list[str] = host.get("domains", [])
    if not domains:
        return ("*",)
    if "" in domains:
        host.report("empty_domain", "a domain is empty", "domains", "write '*' for every host")
    return tuple(domains)


def _routes(
    source: VirtualServiceSource, host: Record, host_name: str, gateway: str, groups: Groups
) -> Iterator[Route]:
    index = 0
    certain = True
    records: list[Record] = host.get("routes", [])
    for number, record in enumerate(records):
        action, unknowns = action_of(record, source.namespace, groups)
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
                unknowns=(*unknowns, *unknowns_of(matcher)) if matcher is not record else unknowns,
                origin=f"{source.namespace}/{source.name} {record.get('name') or f'routes[{number}]'}",
                source=matcher.where(),
            )
            index += 1
        if delegates:
            certain = False


def _matches(record: Record, *, delegates: bool) -> Iterator[tuple[RouteMatch, Record]]:
    """The conditions of each Envoy route that a Gloo route makes, and the message they stand in (fact 1)."""
    if delegates:
        yield from _delegating_match(record)
        return
    matchers: list[Record] = record.get("matchers", [])
    if not matchers:
        yield RouteMatch(PathPrefix("/")), record
    for matcher in matchers:
        match = conditions(matcher)
        if match is not None:
            yield match, matcher


def _delegating_match(record: Record) -> Iterator[tuple[RouteMatch, Record]]:
    """Fact 3: what every request that a delegated route could take fulfils."""
    matchers: list[Record] = record.get("matchers", [])
    if len(matchers) > 1:
        record.report(
            "delegate_matchers", "a delegating route may have one matcher only", "matchers", "keep one prefix"
        )
        return
    for matcher in matchers:
        if "prefix" not in matcher and matcher.lacks("exact", "regex", "connectMatcher"):
            yield RouteMatch(PathPrefix("/")), matcher  # Gloo drops whatever else such a matcher says
        elif not matcher.get("prefix"):
            matcher.report(
                "delegate_matchers",
                "a delegating route must have a prefix matcher",
                None,
                "write prefix: /...",
            )
        elif (match := conditions(matcher)) is not None:
            headers = [header for header in match.headers if header.name != ":method"]
            yield attrs.evolve(match, headers=headers), matcher
    if not matchers:
        yield RouteMatch(PathPrefix("/")), record
