"""From the action of a Gloo route and its options to the action of an Envoy route.

Facts (source of Gloo 1.22, gloo/pkg/translator/route_config.go and the plugins basicroute and faultinjection):

1. The rewrites of ``options`` apply to a ``routeAction`` only; beside other actions they have no effect. Faults
   have none beside redirects, direct responses and ``clusterHeader``.
2. ``appendXForwardedHost`` has an effect only beside a rewrite of the host.
3. A route may have a prefix rewrite or a regex rewrite: Gloo takes both, Envoy refuses the pair.
4. Paths and hosts of redirects are checked like the paths of matchers (paths.py).
5. An UpstreamGroup is looked up by namespace and name; neither is defaulted.
6. Gloo takes any status of a direct response, Envoy 200 to 599.
7. ``upgrades`` allow or forbid websockets and CONNECT, each once; one without ``enabled`` is allowed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from canarysim.errors import InvalidValue, near
from canarysim.manifests.gloo.destinations import single_destination, weighted_destinations
from canarysim.manifests.gloo.paths import why_bad_path, why_bad_rewrite
from canarysim.manifests.gloo.unknowns import unknowns_of
from canarysim.table.actions import RouteAction, Unknown
from canarysim.table.redirects import REDIRECT_CODES, DirectResponseAction, RedirectAction
from canarysim.table.rewrites import HostRewrite, PrefixRewrite, RegexRewrite

if TYPE_CHECKING:
    from collections.abc import Mapping

    from canarysim.manifests.fields import Record
    from canarysim.table.actions import Destination
    from canarysim.table.rewrites import PathRewrite
    from canarysim.table.routes import Action

    #: The destinations of each UpstreamGroup by (namespace, name); None for one that is wrong.
    Groups = Mapping[tuple[str, str], tuple[Destination, ...] | None]

__all__ = ["Groups", "action_of"]

_ACTIONS = ("routeAction", "redirectAction", "directResponseAction", "delegateAction", "graphqlApiRef")
_DESTINATIONS = ("single", "multi", "upstreamGroup", "clusterHeader", "dynamicForwardProxy")
_FORWARDING_OPTIONS = (
    *("prefixRewrite", "regexRewrite", "hostRewrite", "hostRewriteHeader", "hostRewritePathRegex"),
    *("appendXForwardedHost", "faults"),
)


def action_of(route: Record, namespace: str, groups: Groups) -> tuple[Action | None, tuple[Unknown, ...]]:
    """The action of a route in a resource of that namespace, and what of it is unknown.

    None without unknowns where it is wrong, which a problem then says.
    """
    if "redirectAction" in route:
        return _redirect(route["redirectAction"]), _answering_unknowns(route)
    if "directResponseAction" in route:
        return _direct_response(route["directResponseAction"]), _answering_unknowns(route)
    if "routeAction" in route:
        return _forward(route, route["routeAction"], namespace, groups)
    if route.lacks(*_ACTIONS):
        route.report("no_action", "the route has no action", None, "add routeAction, redirectAction, ...")
        return None, ()
    return None, tuple(unknowns_of(route))


def _answering_unknowns(route: Record) -> tuple[Unknown, ...]:
    """Fact 1, for an action that forwards nothing."""
    options: Record | None = route.get("options")
    for name in _FORWARDING_OPTIONS:
        if options is not None and name in options:
            options.warn("no_effect", f"{name} has no effect on a route that forwards nothing", name)
    return tuple(unknowns_of(route, _FORWARDING_OPTIONS))


def _forward(
    route: Record, action: Record, namespace: str, groups: Groups
) -> tuple[RouteAction | None, tuple[Unknown, ...]]:
    unknowns = tuple(unknowns_of(route, ("faults",) if "clusterHeader" in action else ()))
    options: Record | None = route.get("options")
    path = _path_rewrite(options) if options is not None else None
    host = _host_rewrite(options) if options is not None else None
    destinations: tuple[Destination, ...] | None = None
    weighted = True
    if "single" in action:
        single = single_destination(action["single"], namespace)
        destinations, weighted = (single,) if single is not None else None, False
    elif "multi" in action:
        destinations = weighted_destinations(action["multi"], namespace)
    elif "upstreamGroup" in action:
        destinations, missing = _group(action, groups)
        unknowns += missing
    elif "clusterHeader" in action:
        return _cluster_header(action, path, host), unknowns
    elif action.lacks(*_DESTINATIONS):
        action.report("no_destination", "routeAction names no destination", None, "add single or multi")
    if destinations is None:
        return None, unknowns
    upgrades = _upgrades(options) if options is not None else ()
    return (
        RouteAction(destinations, weighted=weighted, path_rewrite=path, host_rewrite=host, upgrades=upgrades),
        unknowns,
    )


def _upgrades(options: Record) -> tuple[tuple[str, bool], ...]:
    """The kinds of upgrade that a route allows or forbids (fact 7)."""
    found: dict[str, bool] = {}
    for record in options.get("upgrades", ()):
        for name, kind in (("websocket", "websocket"), ("connect", "connect"), ("connectTerminate", "connect")):
            if name in record:
                if kind in found:
                    record.report("duplicate_upgrade", f"the upgrade {kind} stands twice", name, "keep one")
                found[kind] = record[name].get("enabled", True)
    return tuple(found.items())


def _cluster_header(action: Record, path: PathRewrite | None, host: HostRewrite | None) -> RouteAction | None:
    name: str = action["clusterHeader"]
    if not name or not name.isascii() or ":" in name:
        action.report("bad_header_name", f"{name!r} is no name of a header", "clusterHeader", "name a header")
        return None
    return RouteAction(cluster_header=name, path_rewrite=path, host_rewrite=host)


def _group(action: Record, groups: Groups) -> tuple[tuple[Destination, ...] | None, tuple[Unknown, ...]]:
    """Fact 5. A group that is not in the input leaves the decision open."""
    ref: Record = action["upstreamGroup"]
    key = ref.get("namespace", ""), ref.get("name", "")
    if key in groups:
        return groups[key], ()
    name = ".".join(filter(None, key)) or "without a name"
    similar = near(name, [".".join(known) for known in groups], 1)
    hint = f"did you mean {similar[0]}?" if similar else "read it along with this file"
    problem = action.warn("missing_group", f"the UpstreamGroup {name} is not in the input", "upstreamGroup", hint)
    return None, (Unknown(problem),)


def _path_rewrite(options: Record) -> PathRewrite | None:
    rewrite = _regex_rewrite(options, "regexRewrite")
    if "prefixRewrite" not in options:
        return rewrite
    text: str = options["prefixRewrite"]
    if why := why_bad_rewrite(text):
        options.report("bad_path", f"prefixRewrite {text!r}: {why}", "prefixRewrite")
    if rewrite is not None and text:
        options.report(
            "two_rewrites",
            "prefixRewrite and regexRewrite together are refused by Envoy",
            "regexRewrite",
            "keep one of them",
        )
    return PrefixRewrite(text) if text else rewrite


def _host_rewrite(options: Record) -> HostRewrite | None:
    append = options.get("appendXForwardedHost", False)
    if "hostRewrite" in options:
        return HostRewrite(literal=options["hostRewrite"], append_x_forwarded_host=append)
    if "hostRewriteHeader" in options:
        return HostRewrite(header=options["hostRewriteHeader"], append_x_forwarded_host=append)
    if "hostRewritePathRegex" in options:
        regex = _regex_rewrite(options, "hostRewritePathRegex")
        return None if regex is None else HostRewrite(path_regex=regex, append_x_forwarded_host=append)
    if append and "autoHostRewrite" not in options:
        name = "appendXForwardedHost"
        options.warn("no_effect", f"{name} has no effect without a host rewrite", name)
    return None


def _regex_rewrite(record: Record, name: str) -> RegexRewrite | None:
    if name not in record:
        return None
    rewrite: Record = record[name]
    pattern: Record | None = rewrite.get("pattern")
    if pattern is None:
        if rewrite.lacks("pattern"):
            rewrite.report("no_pattern", f"{name} has no pattern", None, "add pattern: {regex: ...}")
        return None
    try:
        return RegexRewrite(pattern.get("regex", ""), rewrite.get("substitution", ""))
    except InvalidValue as wrong:
        if "regex" not in pattern.damaged:
            pattern.wrong(wrong, "regex")
        return None


def _redirect(record: Record) -> RedirectAction | None:
    path: str | PathRewrite | None = _regex_rewrite(record, "regexRewrite")
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


def _direct_response(record: Record) -> DirectResponseAction | None:
    """Fact 6."""
    try:
        return DirectResponseAction(status=record.get("status", 0), body=record.get("body", ""))
    except InvalidValue as wrong:
        if "status" not in record.damaged:
            record.wrong(wrong, "status" if wrong.code == "bad_status" else "body")
        return None
