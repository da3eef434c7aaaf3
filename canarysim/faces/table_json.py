"""A whole route table as plain dicts, fit for JSON, as ``schemas/compile.json`` describes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from canarysim.faces.json import exact_dict, faults_dict, matched_dict, place_dict, unknown_dict
from canarysim.table.actions import NonForwardingAction, RouteAction
from canarysim.table.redirects import RedirectAction

if TYPE_CHECKING:
    from canarysim.faces.json import Plain
    from canarysim.table.actions import Destination
    from canarysim.table.behaviour import Behaviour
    from canarysim.table.chance import Chance
    from canarysim.table.hosts import VirtualHost
    from canarysim.table.route_table import RouteTable
    from canarysim.table.routes import Route

__all__ = ["table_dict"]


def table_dict(table: RouteTable) -> Plain:
    """A RouteTable: every virtual host, route and destination."""
    return {
        "name": table.name,
        "route_configuration": table.route_configuration,
        "envoy": table.envoy,
        "scheme": table.scheme,
        "http": {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in attrs.asdict(table.http, recurse=False).items()
        },
        "faults": faults_dict(table.faults),
        "virtual_hosts": [_virtual_host(host, table.behaviour) for host in table.virtual_hosts],
    }


def _virtual_host(host: VirtualHost, envoy: Behaviour) -> Plain:
    return {
        "name": host.name,
        "domains": list(host.domains),
        "require_tls": host.require_tls or None,
        "faults": faults_dict(host.faults),
        "unknowns": list(map(unknown_dict, host.unknowns)),
        "source": place_dict(host.source),
        "routes": [_table_route(route, envoy) for route in host.routes],
    }


def _table_route(route: Route, envoy: Behaviour) -> Plain:
    return {
        **(matched_dict(route) or {}),
        "name_is_certain": route.name_is_certain,
        "action": _action(route),
        "faults": faults_dict(route.faults),
        "unknowns": list(map(unknown_dict, (*route.unknowns, *route.open_rewrites(envoy)))),
    }


def _action(route: Route) -> Plain | None:
    action = route.action
    if action is None:
        return None
    if not isinstance(action, RouteAction):
        kinds: dict[type, str] = {RedirectAction: "redirect", NonForwardingAction: "cluster_not_found"}
        kind = kinds.get(type(action), "direct_response")
        status = 503 if isinstance(action, NonForwardingAction) else action.status
        return {"kind": kind, "status": status, "text": str(action)}
    return {
        "kind": "forward",
        "destinations": [] if action.cluster_header else [_destination(*pair) for pair in action.chances()],
        "cluster_header": action.cluster_header or None,
        "path_rewrite": None if action.path_rewrite is None else str(action.path_rewrite),
        "host_rewrite": None if action.host_rewrite is None else str(action.host_rewrite),
    }


def _destination(destination: Destination, chance: Chance) -> Plain:
    return {
        "cluster": destination.cluster,
        "upstream": destination.upstream,
        "function": destination.function,
        "subset": dict(destination.subset),
        "weight": destination.weight,
        **exact_dict("share", chance.share),
        "faults": faults_dict(destination.faults),
        "unknowns": list(map(unknown_dict, destination.unknowns)),
        "source": place_dict(destination.source),
    }
