"""From a VirtualService and all it refers to, to a virtual host as Gloo would generate it.

Facts (source of Gloo 1.22, gloo/pkg/translator/route_config.go):

1. A route without matchers takes the prefix ``/``. A route with several makes one Envoy route for each, in
   place.
2. No domains, or one empty domain, mean ``*``.
3. On an ssl listener every virtual host requires TLS.
4. Headers that a virtual host changes and its second tries stand on the virtual host; its other options do not
   become those of its routes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from canarysim.errors import InvalidValue
from canarysim.manifests.gloo.actions import Made, action_of
from canarysim.manifests.gloo.conditions import conditions
from canarysim.manifests.gloo.delegation import flatten, with_options
from canarysim.manifests.gloo.headers import mutations
from canarysim.manifests.gloo.inheritance import plain_matcher
from canarysim.manifests.gloo.joined import Joined
from canarysim.manifests.gloo.names import route_name, virtual_host_name
from canarysim.manifests.gloo.options import retries
from canarysim.manifests.gloo.resources import Effect, has_effect
from canarysim.manifests.gloo.unknowns import claims_unknown, unknowns_of
from canarysim.table.hosts import Dropped, VirtualHost
from canarysim.table.routes import Route, RouteMatch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from canarysim.manifests.fields import Record
    from canarysim.manifests.gloo.delegation import FlatRoute
    from canarysim.manifests.gloo.gateways import Listener
    from canarysim.manifests.gloo.resources import Resource, Resources
    from canarysim.problems import Problem

__all__ = ["virtual_host"]


def virtual_host(service: Resource, resources: Resources, listener: Listener) -> VirtualHost | None:
    """The virtual host of a VirtualService on a listener; None, after a problem, where it has none."""
    spec = service.spec
    name = virtual_host_name(service.namespace, service.name)
    origin = f"{service.namespace}/{service.name}"
    host: Record | None = spec.get("virtualHost")
    if host is None:
        if spec.lacks("virtualHost"):
            spec.warn("no_virtual_host", "no virtualHost: every request is answered 404", hint="add routes")
        return VirtualHost(name, ("*",), origin=origin, source=spec.where())
    domains = _domains(host)
    options, missing = with_options(host, "VirtualHostOption", resources)
    joined = Joined(host)
    if options is not None:
        joined.values["options"] = options
    flat, dropped = flatten(service, joined, resources, listener.gateway, listener.proxy)
    routes = list(_routes(flat, name, resources))
    if not routes and not host.get("routes") and "routes" not in host.damaged:
        host.warn("no_routes", "no routes: every request is answered 404", hint="add routes")
    unknowns = (*missing, *unknowns_of(joined))
    if rematch := claims_unknown([joined, *(each.record for each in flat)], routes):
        unknowns += (rematch,)
    try:
        return VirtualHost(
            name,
            domains,
            routes,
            require_tls=service.is_ssl,
            mutations=mutations(options),
            retries=retries(options),
            unknowns=unknowns,
            dropped=_dropped(dropped, resources),
            origin=origin,
            source=host.where(),
        )
    except InvalidValue as wrong:
        has_effect(host, host.wrong(wrong, "domains"), Effect.REFUSED)
        return None


def _domains(host: Record) -> tuple[str, ...]:
    """Fact 2."""
    domains: list[str] = host.get("domains", [])
    if not domains:
        return ("*",)
    if "" in domains:
        host.report("empty_domain", "a domain is empty", "domains", "write '*' for every host")
    return tuple(domains)


def _routes(flat: list[FlatRoute], host_name: str, resources: Resources) -> Iterator[Route]:
    index = 0
    certain = True
    for number, each in enumerate(flat):
        record = each.record
        delegates = "delegateAction" in record
        with resources.of_a_route():
            made = Made() if delegates else action_of(record, each.namespace, resources)
            changes = mutations(record.get("options"))
            matches = list(_matches(record, delegates=delegates))
        unknowns = (*made.unknowns, *each.unknowns)
        if made.action is None and not unknowns:
            continue  # the action is wrong, and a problem says so
        for matcher_number, (match, matcher) in enumerate(matches):
            yield Route(
                match,
                made.action,
                name=route_name(host_name, number, matcher_number, each.long_name),
                index=index,
                name_is_certain=certain,
                mutations=changes,
                faults=made.faults,
                unknowns=unknowns,
                origin=each.origin,
                delegated_by=each.delegated_by,
                source=matcher.where(),
            )
            index += 1
        if delegates:
            certain = False


def _dropped(matchers: list[tuple[Record, Problem]], resources: Resources) -> list[Dropped]:
    """What the routes asked for that were dropped; nothing is said of what else is wrong with them."""
    found = []
    for matcher, problem in matchers:
        start = len(resources.journal)
        match = conditions(matcher)
        if match is not None and len(resources.journal) == start:
            found.append(Dropped(match, problem))
        del resources.journal[start:]
    return found


def _matches(record: Record, *, delegates: bool) -> Iterator[tuple[RouteMatch, Record]]:
    """The conditions of each Envoy route that a Gloo route makes, and the message they stand in (fact 1).

    A route that delegates to what is not there asks for what every route there would have to; more methods than
    its own any of them may have.
    """
    matchers: list[Record] = record.get("matchers", [])
    if not matchers and "matchers" in record.damaged:
        return
    for matcher in matchers or (plain_matcher(record),):
        match = conditions(matcher)
        if match is None:
            continue
        if delegates:
            headers = [header for header in match.headers if header.name != ":method"]
            match = attrs.evolve(match, headers=headers)
        yield match, matcher
