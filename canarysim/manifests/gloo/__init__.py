"""Gloo: what Gloo 1.22 would make of VirtualServices of today and of 2019, and of all that they refer to.

Facts (source of Gloo 1.22):

1. The same domain in two VirtualServices of one gateway, or twice in one, is an error of both and of the gateway.
   No domains and ``*`` are the same domain there too.
2. A VirtualService with an error is rejected, and so is one that delegates to a RouteTable with one: its virtual
   host is withheld. With an error of the gateway the whole listener is. An error that comes up only when routes
   are made for Envoy is reported on the Proxy, and the route served as far as it goes. What Gloo lets pass and
   Envoy refuses has Envoy refuse the whole route configuration.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from canarysim.errors import InvalidValue
from canarysim.manifests.gloo.fields import SPECS
from canarysim.manifests.gloo.gateways import listeners
from canarysim.manifests.gloo.resources import Effect, Resources, has_effect
from canarysim.manifests.gloo.translate import virtual_host
from canarysim.manifests.gloo.upstreams import existing_clusters
from canarysim.problems import Problem, Severity
from canarysim.table.hosts import DomainRule
from canarysim.table.route_table import RouteTable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from canarysim.manifests.gloo.gateways import Listener
    from canarysim.manifests.gloo.resources import Resource
    from canarysim.table.hosts import VirtualHost

__all__ = ["KINDS", "NOT_READ", "Resources", "build"]

_OF_GATEWAYS = frozenset(["VirtualService", "RouteTable", "Gateway", "RouteOption", "VirtualHostOption"])
#: The kinds that are read, by API group; the second spelling of the first group is of 2019.
KINDS = {
    "gateway.solo.io": _OF_GATEWAYS,
    "gateway.solo.io.v2": _OF_GATEWAYS,
    "gloo.solo.io": frozenset(SPECS) - _OF_GATEWAYS,
}
#: Kinds of Gloo's that are not read.
NOT_READ = frozenset(
    "MatchableHttpGateway MatchableTcpGateway HttpListenerOption ListenerOption Proxy Settings".split()
)

ENVOY = "1.36"


def build(resources: Resources, envoy: str | None) -> dict[str, RouteTable]:
    """The route tables of all VirtualServices by name of their gateway; what is wrong goes to the journal."""
    tables: dict[str, RouteTable] = {}
    served: set[Resource] = set()
    for listener in listeners(resources):
        services = [service for service in resources.of("VirtualService") if listener.takes(service)]
        served.update(services)
        if not services:
            continue
        table = _table(listener, services, resources, envoy)
        if table is not None:
            tables[listener.name] = table
    for unused in resources.of("RouteTable") if served else ():
        if unused not in resources.visited:
            unused.spec.note("not_delegated_to", f"no route delegates to {unused}: none of its routes is served")
    for service in resources.of("VirtualService"):
        if service not in served:
            text = "no Gateway takes this VirtualService: it is not served"
            service.spec.warn("not_served", text, None, "see the labels, namespaces and ssl of the Gateways")
    return tables


def _table(
    listener: Listener, services: list[Resource], resources: Resources, envoy: str | None
) -> RouteTable | None:
    """The table of a listener; None where there is none, for which a problem gives the reason."""
    hosts: list[tuple[Resource, VirtualHost]] = []
    refused: list[Problem] = []
    resources = attrs.evolve(resources, max_body=listener.max_direct_response_body_size_bytes)
    for service in services:
        start = len(resources.journal)
        host = virtual_host(service, resources, listener.gateway, listener.proxy)
        errors = resources.errors_since(start)
        if resources.apply and errors[Effect.REJECTED]:
            text = f"{service} is rejected: its virtual host is not served on {listener.name}"
            service.spec.note("rejected", text, None, "a version that was accepted before would stay")
            continue
        refused += errors[Effect.REFUSED]
        if host is not None:
            hosts.append((service, attrs.evolve(host, unknowns=(*host.unknowns, *listener.unknowns))))
    start = len(resources.journal)
    _note_conflicts(hosts, listener)
    errors = resources.errors_since(start)
    wrong = [*listener.wrong, *errors[Effect.REJECTED]]
    refused += errors[Effect.REFUSED]
    if wrong or errors[Effect.REFUSED] or (resources.apply and refused):
        if resources.apply:
            who = "the Gateway is rejected" if wrong else "Envoy refuses the whole route configuration"
            place = attrs.evolve((wrong or refused)[0], hint="what was served before would go on being served")
            text = f"{who}: nothing is served on {listener.name}"
            resources.journal.append(attrs.evolve(place, code="rejected", severity=Severity.INFO, message=text))
        return None
    try:
        return RouteTable(
            sorted((host for _, host in hosts), key=lambda host: host.name),
            name=listener.name,
            envoy=envoy or ENVOY,
            http=listener.http,
            scheme="https" if listener.ssl else "http",
            route_configuration=listener.route_configuration,
            most_specific_header_mutations_wins=listener.most_specific_header_mutations_wins,
            max_direct_response_body_size_bytes=listener.max_direct_response_body_size_bytes,
            clusters=existing_clusters(resources) if resources.apply else None,
        )
    except InvalidValue as error:
        resources.journal.append(Problem(error.code, Severity.ERROR, str(error)))
        return None


def _note_conflicts(hosts: Iterable[tuple[Resource, VirtualHost]], listener: Listener) -> None:
    """Fact 1. Domains that differ in case only pass Gloo and are refused by Envoy: an error here too."""
    first: dict[tuple[str, str], tuple[str, Resource]] = {}
    for service, host in hosts:
        for domain in host.domains:
            rule = DomainRule.of(domain)
            spelling, other = first.setdefault((rule.kind, rule.text), (domain, service))
            if (spelling, other) == (domain, service) and host.domains.count(domain) == 1:
                continue
            if other is service:
                whose = "stands twice in this VirtualService"
            else:
                whose = f"belongs to {other.namespace}/{other.name} too ({other.spec.where()})"
            record = service.spec.get("virtualHost", service.spec)
            hint = f"on one gateway ({listener.name}) a domain belongs to one VirtualService"
            problem = record.report("duplicate_domain", f"the domain {domain!r} {whose}", "domains", hint)
            has_effect(record, problem, Effect.REJECTED if spelling == domain else Effect.REFUSED)
