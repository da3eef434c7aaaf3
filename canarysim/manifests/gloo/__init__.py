"""Gloo: VirtualServices of today and of 2019, and UpstreamGroups, as Gloo 1.22 would translate them.

Facts (source of Gloo 1.22):

1. Without Gateway resources there are two: ``gateway-proxy`` on port 8080 for VirtualServices without
   ``sslConfig``, and ``gateway-proxy-ssl`` on port 8443 for those with it.
2. Gloo 1.22 ships Envoy 1.36, and sets ``normalize_path`` and allows websockets where Envoy's own defaults do not.
3. The same domain in two VirtualServices of one gateway is an error on both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import attrs

from canarysim.errors import InvalidValue
from canarysim.manifests.fields import Reader, Record
from canarysim.manifests.gloo.destinations import weighted_destinations
from canarysim.manifests.gloo.fields import UPSTREAM_GROUP, VIRTUAL_SERVICE
from canarysim.manifests.gloo.translate import VirtualServiceSource, virtual_host
from canarysim.problems import Problem, Severity
from canarysim.table.hosts import DomainRule
from canarysim.table.http import HttpSettings
from canarysim.table.route_table import RouteTable

if TYPE_CHECKING:
    from canarysim.manifests.document import Mapping
    from canarysim.table.actions import Destination
    from canarysim.table.hosts import VirtualHost

__all__ = ["KINDS", "NOT_READ", "Resources", "build"]

#: The kinds that are read, by API group; the second spelling of the first group is of 2019.
KINDS = {
    "gateway.solo.io": frozenset(["VirtualService"]),
    "gateway.solo.io.v2": frozenset(["VirtualService"]),
    "gloo.solo.io": frozenset(["UpstreamGroup"]),
}
#: Kinds of Gloo's that are not read so far.
NOT_READ = frozenset(
    """
    RouteTable Gateway MatchableHttpGateway MatchableTcpGateway RouteOption VirtualHostOption HttpListenerOption
    ListenerOption Upstream Proxy Settings
    """.split()
)

ENVOY = "1.36"


@attrs.frozen
class _Gateway:
    name: str
    route_configuration: str
    scheme: Literal["http", "https"]


_PLAIN = _Gateway("gateway-proxy", "listener-::-8080-routes", "http")
_SSL = _Gateway("gateway-proxy-ssl", "listener-::-8443-routes", "https")


@attrs.define
class Resources:
    """What was read, before it is put together."""

    virtual_services: list[VirtualServiceSource] = attrs.field(factory=list)
    groups: dict[tuple[str, str], tuple[Destination, ...] | None] = attrs.field(factory=dict)
    readers: list[Reader] = attrs.field(factory=list)

    def read(self, node: Mapping, kind: str, file: str, path: str) -> None:
        """Takes one resource; ``path`` is where it stands in its document."""
        reader = Reader(file)
        self.readers.append(reader)
        record = reader.message(UPSTREAM_GROUP if kind == "UpstreamGroup" else VIRTUAL_SERVICE, node, path)
        metadata: Record | None = None if record is None else record.get("metadata")
        name = "" if metadata is None else metadata.get("name", "")
        namespace = ("" if metadata is None else metadata.get("namespace", "")) or "default"
        if metadata is None:
            if record is not None and record.lacks("metadata"):
                record.report("no_name", "the resource has no name", None, "add metadata.name")
        elif not name and ("name" in metadata or metadata.lacks("name")):
            metadata.report("no_name", "the resource has no name", None, "add metadata.name")
        reader.name_resource(f"{kind} {namespace}/{name or '?'}")
        if record is None or not name:
            return
        spec = record.get("spec")
        if spec is None:
            if record.lacks("spec"):
                record.report("no_spec", "the resource has no spec", None, "add spec:")
        elif kind == "UpstreamGroup":
            if (namespace, name) in self.groups:
                spec.report("duplicate_resource", f"there is another UpstreamGroup {namespace}/{name}")
            self.groups[namespace, name] = weighted_destinations(spec, namespace)
        else:
            for other in self.virtual_services:
                if (other.namespace, other.name) == (namespace, name):
                    record.report(
                        "duplicate_resource",
                        f"there is another VirtualService {namespace}/{name} ({other.spec.where()})",
                        "metadata",
                        "in a cluster the one that is applied last replaces the other; keep one",
                    )
                    return
            self.virtual_services.append(VirtualServiceSource(namespace, name, spec))


def build(resources: Resources, envoy: str | None) -> tuple[dict[str, RouteTable], list[Problem]]:
    """The route tables of all VirtualServices by name of their gateway, and what is wrong between them."""
    by_gateway: dict[_Gateway, list[tuple[VirtualServiceSource, VirtualHost]]] = {_PLAIN: [], _SSL: []}
    for source in resources.virtual_services:
        gateway = _SSL if source.ssl else _PLAIN
        host = virtual_host(source, gateway.name, resources.groups)
        if host is not None:
            by_gateway[gateway].append((source, host))
    tables: dict[str, RouteTable] = {}
    problems: list[Problem] = []
    for gateway, pairs in by_gateway.items():
        if not pairs:
            continue
        conflicts = _domain_conflicts(pairs, gateway)
        problems += conflicts
        if conflicts:
            continue
        try:
            tables[gateway.name] = RouteTable(
                sorted((host for _, host in pairs), key=lambda host: host.name),
                name=gateway.name,
                envoy=envoy or ENVOY,
                http=HttpSettings(normalize_path=True, upgrades=("websocket",)),
                scheme=gateway.scheme,
                route_configuration=gateway.route_configuration,
            )
        except InvalidValue as wrong:
            problems.append(Problem(wrong.code, Severity.ERROR, str(wrong)))
    return tables, problems


def _domain_conflicts(pairs: list[tuple[VirtualServiceSource, VirtualHost]], gateway: _Gateway) -> list[Problem]:
    """Fact 3. Domains that differ in case only pass Gloo and are refused by Envoy: an error here too."""
    first: dict[tuple[str, str], VirtualServiceSource] = {}
    problems = []
    for source, host in pairs:
        for domain in host.domains:
            rule = DomainRule.of(domain)
            other = first.get((rule.kind, rule.text))
            if other is None:
                first[rule.kind, rule.text] = source
                continue
            if other is source:
                whose = "stands twice in this VirtualService"
            else:
                whose = f"belongs to {other.namespace}/{other.name} too ({other.spec.where()})"
            virtual_host_record = source.spec.get("virtualHost")
            problems.append(
                Problem(
                    "duplicate_domain",
                    Severity.ERROR,
                    f"the domain {domain!r} {whose}",
                    host.source if virtual_host_record is None else virtual_host_record.where("domains"),
                    f"on one gateway ({gateway.name}) a domain belongs to one VirtualService",
                )
            )
    return problems
