"""Which parts of a request a table looks at when it decides: what no part of can change may be left out.

Facts (each from the module that does what it says):

1. Path and method always count: a target with ``#``, one without a slash, ``OPTIONS *`` and CONNECT are no matter
   of routes. So does the scheme of an absolute target, which Envoy may refuse (http.py).
2. ``connection`` drops headers and is refused for some names; with ``upgrade`` a request asks for another
   protocol; where ``x-forwarded-proto`` is empty no route is found (headers.py). These three always count.
3. The content type tells a gRPC request, which gets 400 where others are redirected to an unescaped path.
4. A cluster that a header names for copies is read behind all changes of headers and rewrites (mirrors.py), and so
   depends on whatever formats read. Nothing else that an outcome has in common with others is read there.
5. With runtime values a fault asks ``x-envoy-downstream-service-cluster`` (faults.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from canarysim.request import octets
from canarysim.table.actions import RouteAction
from canarysim.table.conditions import CookieView
from canarysim.table.hash_policies import CookieHash, HeaderHash, QueryParameterHash
from canarysim.table.templates import FormatRewrite
from canarysim.table.views import HeaderView, PathView, QueryView

if TYPE_CHECKING:
    from collections.abc import Iterator

    from canarysim.table.formats import FormatString
    from canarysim.table.mutations import Mutations
    from canarysim.table.route_table import RouteTable
    from canarysim.table.routes import Route
    from canarysim.table.views import View

__all__ = [
    "DOWNSTREAM",
    "columns_needed",
    "forwards",
    "header_name",
    "names_in_formats",
    "names_of_clusters",
    "names_of_pick",
    "names_read",
    "names_seen",
    "of_mirrors",
]

DOWNSTREAM = "x-envoy-downstream-service-cluster"

_PSEUDO = {":path": "path", ":method": "method", ":authority": "authority", ":scheme": "scheme"}
_ALWAYS = frozenset([":path", ":method", ":scheme", "connection", "upgrade", "x-forwarded-proto"])


def columns_needed(table: RouteTable) -> frozenset[str]:
    """``path``, ``method``, ``authority``, ``scheme``, ``header x-canary``: what can change an outcome."""
    return frozenset(_PSEUDO.get(name) or f"header {name}" for name in names_read(table))


def names_read(table: RouteTable) -> frozenset[str]:
    """The same as names of headers in lower case and octets, pseudo headers included."""
    found = set(_ALWAYS)
    if table.http.path_with_escaped_slashes_action == "UNESCAPE_AND_REDIRECT":
        found.add("content-type")
    if not all(domain == "*" for host in table.virtual_hosts for domain in host.domains):
        found.add(header_name(table.vhost_header) if table.vhost_header else ":authority")
    if table.runtime.items and _has_faults(table):
        found.add(DOWNSTREAM)
    if of_mirrors(table):
        found |= names_in_formats(table)
    for route in table.routes:
        for matcher in route.match:
            found |= names_seen(matcher.view)
        action = forwards(route, table)
        if action is not None:
            found |= names_of_clusters(action) | names_of_pick(action)
    return frozenset(found)


def forwards(route: Route, table: RouteTable) -> RouteAction | None:
    """The action of a route under the runtime, if it forwards."""
    return route.action.under(table.runtime) if isinstance(route.action, RouteAction) else None


def names_seen(view: View) -> frozenset[str]:
    """The headers that a view looks at; none where it looks at what no header says."""
    if isinstance(view, PathView | QueryView):
        return frozenset([":path"])
    if isinstance(view, CookieView):
        return frozenset(["cookie"])
    return frozenset([header_name(view.header)]) if isinstance(view, HeaderView) else frozenset()


def names_of_clusters(action: RouteAction) -> frozenset[str]:
    """The headers that name the cluster of a destination."""
    given = (action.cluster_header, *(destination.cluster_header for destination in action.destinations))
    return frozenset(header_name(name) for name in given if name)


def names_of_pick(action: RouteAction) -> frozenset[str]:
    """The headers whose values take the place of the random one."""
    if action.certain is not None:
        return frozenset()
    if action.header_name:
        return frozenset([header_name(action.header_name)])
    if not action.use_hash_policy:
        return frozenset()
    found = set()
    for policy in action.hash_policies:
        source = policy.source
        if isinstance(source, HeaderHash):
            found.add(header_name(source.name))
        elif isinstance(source, CookieHash):
            found.add("cookie")
        elif isinstance(source, QueryParameterHash):
            found.add(":path")
    return frozenset(found)


def of_mirrors(table: RouteTable) -> frozenset[str]:
    """The headers that name clusters for copies."""
    policies = [*table.mirrors, *(mirror for host in table.virtual_hosts for mirror in host.mirrors)]
    for route in table.routes:
        policies += route.action.mirrors if isinstance(route.action, RouteAction) else ()
    return frozenset(header_name(policy.cluster_header) for policy in policies if policy.cluster_header)


def names_in_formats(table: RouteTable) -> frozenset[str]:
    """The headers that can play a part in what a header is as it goes upstream."""
    found = {*of_mirrors(table), *_PSEUDO, "x-envoy-original-path", "x-forwarded-host"}
    found.update(_of_mutations(table.mutations))
    for host in table.virtual_hosts:
        found.update(_of_mutations(host.mutations))
        for route in host.routes:
            found.update(_of_route(route))
    return frozenset(found)


def _of_route(route: Route) -> Iterator[str]:
    yield from _of_mutations(route.mutations)
    action = route.action
    if not isinstance(action, RouteAction):
        return
    for destination in action.destinations:
        yield from _of_mutations(destination.mutations)
    if isinstance(action.path_rewrite, FormatRewrite):
        yield from _of_format(action.path_rewrite.format)
    if action.host_rewrite is not None:
        if action.host_rewrite.header is not None:
            yield header_name(action.host_rewrite.header)
        if action.host_rewrite.format is not None:
            yield from _of_format(action.host_rewrite.format)


def _of_mutations(changes: Mutations | None) -> Iterator[str]:
    for added in () if changes is None else changes.request.add:
        yield added.key
        yield from _of_format(added.value)


def _of_format(text: FormatString) -> Iterator[str]:
    """Whatever an argument names may be a header; what is none costs nothing."""
    for command in text.commands:
        yield from (header_name(name) for name in command.argument.split("?") if name)


def _has_faults(table: RouteTable) -> bool:
    levels = [table.faults, *(host.faults for host in table.virtual_hosts), *(r.faults for r in table.routes)]
    return any(each is not None for each in (*levels, *(d.faults for d in table.destinations)))


def header_name(name: str) -> str:
    """A name in lower case and octets; the host is ``:authority``."""
    name = octets(name).encode("latin-1").lower().decode("latin-1")
    return ":authority" if name == "host" else name
