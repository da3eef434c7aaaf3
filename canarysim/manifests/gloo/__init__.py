"""Gloo: what Gloo 1.22 would make of VirtualServices of today and of 2019, and of all that they refer to.

Facts (source of Gloo 1.22):

1. The same domain in two VirtualServices of one gateway, or twice in one, is an error of both and of the gateway,
   and so are two VirtualServices without domains. One without domains, or without a virtual host, and one with
   ``*`` are an error of these two only.
2. A VirtualService with an error is rejected, and so is one that delegates to a RouteTable with one: its virtual
   host is withheld. With an error of the gateway the whole listener is. An error that comes up only when routes
   are made for Envoy is reported on the Proxy, and the route served as far as it goes. What Gloo lets pass and
   Envoy refuses has Envoy refuse the whole route configuration.
3. An ``sslConfig`` without ``secretRef``, ``sslFiles`` and ``sds`` is an error of the listener.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from canarysim.manifests.document import Mapping
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

    from canarysim.manifests.fields import Record
    from canarysim.manifests.gloo.gateways import Listener
    from canarysim.manifests.gloo.resources import Resource
    from canarysim.table.hosts import VirtualHost

__all__ = ["KINDS", "NOT_READ", "VERSIONS", "Resources", "build"]

_OF_GATEWAYS = frozenset(["VirtualService", "RouteTable", "Gateway", "RouteOption", "VirtualHostOption"])
#: The kinds that are read, by API group; the second spelling of the first group is of 2019.
KINDS = {
    "gateway.solo.io": _OF_GATEWAYS,
    "gateway.solo.io.v2": _OF_GATEWAYS,
    "gloo.solo.io": frozenset(SPECS) - _OF_GATEWAYS,
}
#: The version of a group, where it is not v1.
VERSIONS = {"gateway.solo.io.v2": "v2"}
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
    for unused in resources.of("RouteTable") if served and not resources.refuses("VirtualService") else ():
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
    start = len(resources.journal)
    rejected = _note_shared(services, listener)
    for service in services:
        _check_certificate(service, resources)
    wrong = [*listener.wrong, *resources.errors_since(start)[Effect.REJECTED]]
    for service in services:
        start = len(resources.journal)
        host = virtual_host(service, resources, listener)
        errors = resources.errors_since(start)
        if resources.apply and (errors[Effect.REJECTED] or service in rejected):
            text = f"{service} is rejected: its virtual host is not served on {listener.name}"
            own = [p.where for p in errors[Effect.REJECTED] if p.where.resource == str(service)]
            hint = "a version that was accepted before would stay"
            where = own[-1] if own else service.spec.where()
            resources.journal.append(Problem("rejected", Severity.INFO, text, where, hint))
            continue
        for problem in errors[Effect.SERVED] if resources.apply else ():
            text = "Gloo reports this on the Proxy, and serves the route without it"
            resources.journal.append(Problem("served", Severity.INFO, text, problem.where))
        refused += errors[Effect.REFUSED]
        if host is not None:
            hosts.append((service, attrs.evolve(host, unknowns=(*host.unknowns, *listener.unknowns))))
    start = len(resources.journal)
    _note_folded(hosts)
    refused += resources.errors_since(start)[Effect.REFUSED]
    if wrong or refused or (rejected and not resources.apply):
        if resources.apply:
            who = "the Gateway is rejected" if wrong else "Envoy refuses the whole route configuration"
            place = attrs.evolve((wrong or refused)[0], hint="what was served before would go on being served")
            text = f"{who}: nothing is served on {listener.name}"
            resources.journal.append(attrs.evolve(place, code="rejected", severity=Severity.INFO, message=text))
        return None
    return RouteTable(
        sorted((host for _, host in hosts), key=lambda host: host.name),
        name=listener.name,
        envoy=envoy or ENVOY,
        http=listener.http,
        scheme="https" if listener.ssl else "http",
        route_configuration=listener.route_configuration,
        most_specific_header_mutations_wins=listener.most_specific_header_mutations_wins,
        max_direct_response_body_size_bytes=listener.max_direct_response_body_size_bytes,
        clusters=existing_clusters(resources, [host for _, host in hosts]) if resources.apply else None,
    )


def _check_certificate(service: Resource, resources: Resources) -> None:
    """Fact 3."""
    ssl = service.spec.get("sslConfig")
    if isinstance(ssl, Mapping) and not any(each in ssl.entries for each in ("secretRef", "sslFiles", "sds")):
        tell = service.spec.report if resources.apply else service.spec.warn
        text = "sslConfig names no certificate: Gloo rejects the listener"
        tell("no_certificate", text, "sslConfig", "add secretRef:, sslFiles: or sds:")


def _note_shared(services: Iterable[Resource], listener: Listener) -> set[Resource]:
    """Fact 1: errors of the gateway where a domain stands twice; the VirtualServices of the other case."""
    rejected: set[Resource] = set()
    known: dict[str, list[tuple[list[str] | None, Resource]]] = {}
    for service in services:
        host: Record | None = service.spec.get("virtualHost")
        written: list[str] | None = None if host is None else host.get("domains", [])
        for domain in written or ["*"]:
            others = known.setdefault(domain, [])
            if others:
                same = [
                    other
                    for told, other in others
                    if written is not None and told is not None and bool(told) is bool(written)
                ]
                other = same[0] if same else others[0][1]
                problem = _report(service, domain, other, listener)
                if not same:
                    has_effect(service.spec, problem, Effect.SERVED)
                    rejected |= {service, other}
            others.append((written, service))
    return rejected


def _note_folded(hosts: Iterable[tuple[Resource, VirtualHost]]) -> None:
    """Domains that differ in case only pass Gloo and are refused by Envoy."""
    first: dict[tuple[str, str], tuple[str, Resource]] = {}
    for service, host in hosts:
        for domain in host.domains:
            rule = DomainRule.of(domain)
            spelling, other = first.setdefault((rule.kind, rule.text), (domain, service))
            if spelling != domain:
                record: Record = service.spec.get("virtualHost", service.spec)
                text = f"the domain {domain!r} is {spelling!r} of {other.namespace}/{other.name} but for its case"
                hint = f"Gloo takes both, and Envoy refuses the pair ({other.spec.where()})"
                problem = record.report("duplicate_domain", text, "domains", hint)
                has_effect(service.spec, problem, Effect.REFUSED)


def _report(service: Resource, domain: str, other: Resource, listener: Listener) -> Problem:
    if other is service:
        whose = "stands twice in this VirtualService"
    else:
        whose = f"belongs to {other.namespace}/{other.name} too ({other.spec.where()})"
    record: Record = service.spec.get("virtualHost", service.spec)
    hint = f"on one gateway ({listener.name}) a domain belongs to one VirtualService"
    return record.report("duplicate_domain", f"the domain {domain!r} {whose}", "domains", hint)
