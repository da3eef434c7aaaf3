"""What is sent to the cluster that was picked: path, host and headers, after everything that changes them.

Facts (Envoy documentation of RouteAction; run on 1.36.4 and 1.40.0, see tests/envoy):

1. The picked entry of a weighted list may replace the host by a literal, of which no header tells. The rewrite
   of the route comes after it, then that of the path.
2. A host that a route rewrites is told by ``x-envoy-original-host``, unless it was empty;
   ``append_x_forwarded_host`` appends it to ``x-forwarded-host``. A rewritten path is told by
   ``x-envoy-original-path``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from canarysim.request import octets
from canarysim.table.actions import RouteAction

if TYPE_CHECKING:
    from canarysim.table.decision import Decision

__all__ = ["upstream_headers", "upstream_host", "upstream_path"]


def _action(decision: Decision) -> RouteAction:
    assert decision.matched is not None
    assert isinstance(decision.matched.action, RouteAction)
    return decision.matched.action


def upstream_path(decision: Decision) -> tuple[str, bool]:
    """The path with query, and whether it counts as rewritten (rewrites.py)."""
    seen = decision.seen
    rewrite = _action(decision).path_rewrite
    if rewrite is None:
        return seen.path, False
    assert decision.matched is not None
    new = rewrite.apply(seen.route_path, decision.matched.match.path, decision.envoy, seen)
    return (seen.path, False) if new is None else (new + seen.path[len(seen.route_path) :], True)


def upstream_host(decision: Decision) -> tuple[str, str | None]:
    """The host, and the one before it where the route rewrites it, else None."""
    seen, destination = decision.seen, decision.destination
    host = seen.authority
    if destination is not None and destination.host_rewrite:
        host = octets(destination.host_rewrite)
    rewrite = _action(decision).host_rewrite
    new = None if rewrite is None else rewrite.apply(seen, decision.envoy)
    return (host, None) if new is None else (new, host)


def upstream_headers(decision: Decision) -> tuple[tuple[str, str], ...]:
    """The client's headers, and those that tell of rewrites."""
    seen = decision.seen
    told: dict[str, str] = {}
    _, before = upstream_host(decision)
    if before:  # nothing is told of an empty host
        told["x-envoy-original-host"] = before
        rewrite = _action(decision).host_rewrite
        if rewrite is not None and rewrite.append_x_forwarded_host:
            told["x-forwarded-host"] = ",".join((*(seen.header("x-forwarded-host") or ()), before))
    if upstream_path(decision)[1]:
        told["x-envoy-original-path"] = seen.path
    return (*(field for field in seen.fields if field[0] not in told), *told.items())
