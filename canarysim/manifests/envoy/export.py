"""Envoy's own configuration: a route table as a RouteConfiguration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from canarysim.errors import NotExportable
from canarysim.problems import Problem, Severity
from canarysim.table.actions import NonForwardingAction, RouteAction, Unknown
from canarysim.table.redirects import DirectResponseAction, RedirectAction

if TYPE_CHECKING:
    from collections.abc import Iterator

    from canarysim.table.actions import Destination
    from canarysim.table.hosts import VirtualHost
    from canarysim.table.route_table import RouteTable
    from canarysim.table.routes import Route

__all__ = ["to_envoy"]


def to_envoy(table: RouteTable) -> dict[str, Any]:
    """A RouteConfiguration that an Envoy accepts and that decides as the table does.

    (But for regexes above Envoy's limit on the size of their program, of which table.problems warn.)

    Faults take effect where the connection manager has the filter ``envoy.filters.http.fault``.

    The result holds dicts, lists, text and numbers only, with field names in snake_case, fit for ``json`` and
    ``yaml``. What the connection manager does before routing (``table.http``), the version of Envoy and its
    runtime are not a part of it, nor what functions of Gloo make of requests, nor what moves no decision but for
    subsets, timeouts and retries of Gloo. Raises NotExportable, naming what is not simulated, where the table has
    such parts.

    >>> import canarysim as cs
    >>> table = cs.loads('''
    ... apiVersion: gateway.solo.io/v1
    ... kind: VirtualService
    ... metadata: {name: shop}
    ... spec: {virtualHost: {routes: [{routeAction: {single: {upstream: {name: v1}}}}]}}
    ... ''')
    >>> to_envoy(table)["virtual_hosts"][0]["routes"]
    [{'name': 'default_shop-route-0-matcher-0', 'match': {'prefix': '/'}, 'route': {'cluster': 'v1_default'}}]
    """
    problems = [unknown.problem for unknown in _unknowns(table)]
    if problems:
        raise NotExportable(problems)
    told: dict[str, Any] = {
        "vhost_header": table.vhost_header,
        "ignore_port_in_host_matching": table.ignore_port_in_host_matching,
        "ignore_path_parameters_in_path_matching": table.ignore_path_parameters_in_path_matching,
        "internal_only_headers": list(table.internal_only_headers),
        "max_direct_response_body_size_bytes": 0
        if (most := table.max_direct_response_body_size_bytes) == 4096
        else most,
        "most_specific_header_mutations_wins": table.most_specific_header_mutations_wins,
        "request_mirror_policies": [mirror.to_envoy() for mirror in table.mirrors],
    }
    most = table.max_direct_response_body_size_bytes
    if most != 4096:
        told["max_direct_response_body_size_bytes"] = most
    return {
        "name": table.route_configuration or table.name or "routes",
        "virtual_hosts": [_virtual_host(host) for host in table.virtual_hosts],
        **{key: value for key, value in told.items() if value},
        **_mutations(table),
        **_faults(table),
    }


def _unknowns(table: RouteTable) -> Iterator[Unknown]:
    yield from _of_faults(table)
    for host in table.virtual_hosts:
        yield from host.unknowns
        yield from _of_faults(host)
        for route in host.routes:
            yield from route.unknowns
            yield from _of_faults(route)
            if isinstance(route.action, RouteAction):
                for destination in route.action.destinations:
                    yield from destination.unknowns
                    yield from _of_faults(destination)
            for matcher in route.match.unsimulated:
                message = f"the condition '{matcher}' is not simulated: {matcher.reason}"
                yield Unknown(Problem("condition_not_run", Severity.WARNING, message, route.source))


def _of_faults(owner: RouteTable | VirtualHost | Route | Destination) -> tuple[Unknown, ...]:
    return () if owner.faults is None else owner.faults.unknowns


def _mutations(owner: RouteTable | VirtualHost | Route) -> dict[str, Any]:
    return {} if owner.mutations is None else owner.mutations.to_envoy()


def _faults(owner: RouteTable | VirtualHost | Route) -> dict[str, Any]:
    return {} if owner.faults is None else owner.faults.to_envoy()


def _virtual_host(host: VirtualHost) -> dict[str, Any]:
    told: dict[str, Any] = {
        "virtual_clusters": [cluster.to_envoy() for cluster in host.virtual_clusters],
        "request_mirror_policies": [mirror.to_envoy() for mirror in host.mirrors],
        **({} if host.retries is None else host.retries.to_envoy()),
    }
    return {
        "name": host.name,
        "domains": list(host.domains),
        **({"require_tls": host.require_tls} if host.require_tls else {}),
        "routes": [_route(route) for route in host.routes],
        **{key: value for key, value in told.items() if value},
        **_mutations(host),
        **_faults(host),
    }


def _route(route: Route) -> dict[str, Any]:
    action = route.action
    assert action is not None  # a route without one has unknowns, which were refused
    named = {"name": route.name} if route.name else {}
    field = action.kind if isinstance(action, NonForwardingAction) else _FIELDS[type(action)]
    changes = {**_mutations(route), **_faults(route)}
    return {**named, "match": route.match.to_envoy(), field: action.to_envoy(), **changes}


_FIELDS: dict[type, str] = {
    RouteAction: "route",
    RedirectAction: "redirect",
    DirectResponseAction: "direct_response",
}
