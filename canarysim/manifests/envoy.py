"""Envoy's own configuration: a route table as a RouteConfiguration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from canarysim.errors import NotExportable
from canarysim.table.actions import RouteAction
from canarysim.table.redirects import DirectResponseAction, RedirectAction

if TYPE_CHECKING:
    from collections.abc import Iterator

    from canarysim.table.actions import Unknown
    from canarysim.table.hosts import VirtualHost
    from canarysim.table.route_table import RouteTable
    from canarysim.table.routes import Route

__all__ = ["to_envoy"]


def to_envoy(table: RouteTable) -> dict[str, Any]:
    """A RouteConfiguration that an Envoy accepts and that decides as the table does.

    (But for regexes above Envoy's limit on the size of their program, which is not estimated here.)

    The result holds dicts, lists, text and numbers only, with field names in snake_case, fit for ``json`` and
    ``yaml``. What the connection manager does before routing (``table.http``) is not a part of it. Raises
    NotExportable, naming what is not simulated, where the table has such parts.

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
    return {
        "name": table.route_configuration or table.name or "routes",
        "virtual_hosts": [_virtual_host(host) for host in table.virtual_hosts],
    }


def _unknowns(table: RouteTable) -> Iterator[Unknown]:
    for host in table.virtual_hosts:
        yield from host.unknowns
        for route in host.routes:
            yield from route.unknowns
            if isinstance(route.action, RouteAction):
                for destination in route.action.destinations:
                    yield from destination.unknowns


def _virtual_host(host: VirtualHost) -> dict[str, Any]:
    return {
        "name": host.name,
        "domains": list(host.domains),
        **({"require_tls": host.require_tls} if host.require_tls else {}),
        "routes": [_route(route) for route in host.routes],
    }


def _route(route: Route) -> dict[str, Any]:
    assert route.action is not None  # a route without one has unknowns, which were refused
    named = {"name": route.name} if route.name else {}
    action = {_FIELDS[type(route.action)]: route.action.to_envoy()}
    return {**named, "match": route.match.to_envoy(), **action}


_FIELDS = {RouteAction: "route", RedirectAction: "redirect", DirectResponseAction: "direct_response"}
