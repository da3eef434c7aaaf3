"""From the action of a Gloo route and its options to the action of an Envoy route.

Facts (source of Gloo 1.22, gloo/pkg/translator/route_config.go):

1. Paths and hosts of redirects are checked like the paths of matchers (paths.py).
2. Gloo takes any status of a direct response, Envoy 200 to 599.
3. The name in ``clusterHeader`` must be ASCII without a colon, else there is a warning.
4. ``dynamicForwardProxy`` must say how the host is rewritten.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from canarysim.errors import InvalidValue
from canarysim.manifests.document import Mapping
from canarysim.manifests.gloo.destinations import (
    group_destinations,
    single_destination,
    weighted_destinations,
)
from canarysim.manifests.gloo.options import answering_options, faults, forwarding_options, regex_rewrite
from canarysim.manifests.gloo.paths import why_bad_path, why_bad_rewrite
from canarysim.manifests.gloo.resources import Effect, has_effect
from canarysim.manifests.gloo.unknowns import unknowns_of
from canarysim.table.actions import RouteAction
from canarysim.table.redirects import REDIRECT_CODES, DirectResponseAction, RedirectAction
from canarysim.table.rewrites import PrefixRewrite

if TYPE_CHECKING:
    from canarysim.manifests.fields import Record
    from canarysim.manifests.gloo.resources import Resources
    from canarysim.table.actions import Destination, Unknown
    from canarysim.table.faults import Faults
    from canarysim.table.rewrites import PathRewrite
    from canarysim.table.routes import Action

__all__ = ["Made", "action_of"]

_ACTIONS = ("routeAction", "redirectAction", "directResponseAction", "delegateAction", "graphqlApiRef")
_DESTINATIONS = ("single", "multi", "upstreamGroup", "clusterHeader", "dynamicForwardProxy")


class Made(NamedTuple):
    """The action of a route, what of it is unknown, and its faults where they are not those of destinations.

    Without action and unknowns it is wrong, which a problem then says.
    """

    action: Action | None = None
    unknowns: tuple[Unknown, ...] = ()
    faults: Faults | None = None


def action_of(route: Record, namespace: str, resources: Resources) -> Made:
    """What becomes of the action of a route in a resource of that namespace."""
    unknowns = tuple(unknowns_of(route))
    options: Record | None = route.get("options")
    if "redirectAction" in route:
        answering_options(options)
        return Made(_redirect(route["redirectAction"]), unknowns)
    if "directResponseAction" in route:
        answering_options(options)
        return Made(_direct_response(route["directResponseAction"], resources.max_body), unknowns)
    if "routeAction" in route:
        made = _forward(route["routeAction"], options, namespace, resources)
        return made._replace(unknowns=(*unknowns, *made.unknowns))
    if route.lacks(*_ACTIONS):
        hint = "add routeAction, redirectAction, ..."
        has_effect(route, route.report("no_action", "the route has no action", None, hint), Effect.REJECTED)
        return Made()
    return Made(None, unknowns)


def _forward(action: Record, options: Record | None, namespace: str, resources: Resources) -> Made:
    told, fault = forwarding_options(options, resources), faults(options)
    destinations: tuple[Destination, ...] | None = None
    missing: tuple[Unknown, ...] = ()
    weighted = True
    if "single" in action:
        single = single_destination(action["single"], namespace, resources)
        destinations, weighted = (single,) if single is not None else None, False
    elif "multi" in action:
        destinations = weighted_destinations(action["multi"], namespace, resources, fault)
    elif "upstreamGroup" in action:
        destinations, missing = group_destinations(action, resources, fault)
    elif "clusterHeader" in action:
        name: str = action["clusterHeader"]
        if not name:
            text = "clusterHeader names no header"
            has_effect(
                action, action.report("bad_header_name", text, "clusterHeader", "name a header"), Effect.REFUSED
            )
            return Made()
        if not name.isascii() or ":" in name:
            action.warn("bad_header_name", f"Gloo takes {name!r} for no name of a header", "clusterHeader")
        return Made(RouteAction(cluster_header=name, **told))
    elif "dynamicForwardProxy" in action:
        _check_dynamic(action)
    elif action.lacks(*_DESTINATIONS):
        text = "routeAction names no destination"
        has_effect(action, action.report("no_destination", text, None, "add single or multi"), Effect.REFUSED)
    if destinations is None:
        return Made(None, missing)
    made = RouteAction(destinations, weighted=weighted, **told)
    return Made(made, missing, None if weighted else fault)


def _check_dynamic(action: Record) -> None:
    """Fact 4."""
    node = action["dynamicForwardProxy"]
    if isinstance(node, Mapping) and not node.entries:
        text = "dynamicForwardProxy says neither hostRewrite nor autoHostRewriteHeader"
        action.report("bad_destination", text, "dynamicForwardProxy", "add one of the two")


def _redirect(record: Record) -> RedirectAction | None:
    """Fact 1."""
    path: str | PathRewrite | None = regex_rewrite(record, "regexRewrite", Effect.REFUSED)
    for name in ("pathRedirect", "hostRedirect"):
        if name in record and (why := why_bad_path(record[name])):
            record.report("bad_path", f"{name} {record[name]!r}: {why}", name)
    if "pathRedirect" in record:
        path = record["pathRedirect"]
    elif "prefixRewrite" in record:
        path = PrefixRewrite(record["prefixRewrite"])
        if why := why_bad_rewrite(record["prefixRewrite"]):
            record.report("bad_path", f"prefixRewrite {record['prefixRewrite']!r}: {why}", "prefixRewrite")
    return RedirectAction(
        https=record.get("httpsRedirect", False),
        host=record.get("hostRedirect", ""),
        port=record.get("portRedirect", 0),
        path=path,
        status=REDIRECT_CODES[record.get("responseCode", "MOVED_PERMANENTLY")],
        strip_query=record.get("stripQuery", False),
    )


def _direct_response(record: Record, max_body: int) -> DirectResponseAction | None:
    """Fact 2."""
    body: str = record.get("body", "")
    if len(body.encode("utf-8", "surrogatepass")) > max_body:
        text = f"the body has more than {max_body} bytes"
        problem = record.report("body_too_long", text, "body", "shorten it, or see the Gateway's routeOptions")
        has_effect(record, problem, Effect.REFUSED)
        return None
    try:
        return DirectResponseAction(status=record.get("status", 0), body=body)
    except InvalidValue as wrong:
        if "status" not in record.damaged:
            has_effect(record, record.wrong(wrong, "status"), Effect.REFUSED)
        return None
