"""Whole route tables as plain text: each route with its shares, and the way by which it came there."""

from __future__ import annotations

from fractions import Fraction
from itertools import groupby
from typing import TYPE_CHECKING

from canarysim.faces.text import (
    by_way,
    destination_text,
    percent,
    plural,
    way_to,
    why_dropped,
    with_source,
    wrapped,
)
from canarysim.table.actions import RouteAction

if TYPE_CHECKING:
    from canarysim.table.actions import MirrorPolicy, Unknown
    from canarysim.table.behaviour import Behaviour
    from canarysim.table.faults import Faults
    from canarysim.table.hosts import VirtualHost
    from canarysim.table.mutations import Mutations
    from canarysim.table.route_table import RouteTable
    from canarysim.table.routes import Route

__all__ = ["table_text"]

_NO_BREAK = "\N{NO-BREAK SPACE}"


#: What stands below a table: problems by their code, under a title.
_BELOW = {
    "condition_not_run": "conditions that are not run, which leave open what hangs on them",
    "route_dropped": "routes that are not here, for they do not fit what delegates to them",
}


def table_text(table: RouteTable) -> str:
    """Every virtual host and route with the shares of its destinations, and where each stands."""
    title = table.name or "route table"
    hosts, routes = plural(len(table.virtual_hosts), "virtual host"), plural(len(table.routes), "route")
    lines = [f"{title}: {hosts}, {routes}, as Envoy {table.envoy}"]
    if not table.virtual_hosts:
        lines += ["", "no virtual host: 404 for every request"]
    for host in table.virtual_hosts:
        domains = " ".join(host.domains)
        lines += ["", f"{host.name}  {domains}" + ("  (https only)" if host.require_tls else "")]
        lines += _fault_lines(host.faults or table.faults, "   ")
        lines += _header_lines(host.mutations, "   ")
        if not host.routes:
            lines.append("   no routes: 404 for every request")
        for unknown in host.unknowns:
            lines += _unknown_lines(unknown, "   ")
        for number, (_, routes_of_way) in enumerate(groupby(host.routes, key=by_way)):
            first, *others = routes_of_way
            if number or first.delegated_by:
                lines += _way_lines(host, first)
            for route in (first, *others):
                lines += _route_lines(route, table.behaviour)
    known = {where.resource for route in table.routes for where in (route.source, *route.delegated_by)}
    for code, title in _BELOW.items():
        told = [problem for problem in table.problems if problem.code == code and problem.where.resource in known]
        lines += ["", title] if told else []
        for problem in told:
            lines += wrapped(f"{why_dropped(problem)} ({problem.where})", "   ")
    return "\n".join(lines)


def _way_lines(host: VirtualHost, route: Route) -> list[str]:
    """The resources on the way to a route, from the VirtualService on, with the place that delegated last."""
    if not route.delegated_by:
        return ["", *wrapped(host.source.resource or host.origin, "   ")]
    # Lines break between the resources only.
    steps = [step.replace(" ", _NO_BREAK) for step in way_to(route)]
    lines = with_source("   ", f" >{_NO_BREAK}".join(steps), route.delegated_by[-1])
    return ["", *(line.replace(_NO_BREAK, " ") for line in lines)]


def _route_lines(route: Route, envoy: Behaviour) -> list[str]:
    lines = with_source(f"{route.index:>3}  ", str(route.match), route.source)
    action = route.action
    if isinstance(action, RouteAction):
        rewrites = f"  -> {action.path_rewrite}" if action.path_rewrite else ""
        rewrites += f"  host {action.host_rewrite}" if action.host_rewrite else ""
        for destination, chance in action.chances():
            lines.append(f"  {percent(chance.share):>8}  {destination_text(destination)}{rewrites}")
            lines += _fault_lines(destination.faults, "            ")
            lines += _header_lines(destination.mutations, "            ")
        lines += [line for mirror in action.mirrors for line in wrapped(_copies(mirror), "            ")]
        if action.timeout is not None or action.retries is not None:
            kept = [] if action.timeout is None else [f"timeout {action.timeout:g} s"]
            kept += [] if action.retries is None else [str(action.retries)]
            lines += wrapped(", ".join(kept), "            ")
    elif action is not None:
        lines.append(f"     100 %  {action}")
    lines += _fault_lines(route.faults, "            ")
    lines += _header_lines(route.mutations, "            ")
    unknowns = [*route.unknowns, *route.open_rewrites(envoy)]
    if isinstance(action, RouteAction):
        unknowns += [unknown for destination in action.destinations for unknown in destination.unknowns]
    for unknown in unknowns:
        lines += _unknown_lines(unknown, "            ")
    return lines


def _header_lines(mutations: Mutations | None, indent: str) -> list[str]:
    """Which headers a level changes, in the order of their turn."""
    lines: list[str] = []
    for side in ("request", "response") if mutations is not None else ():
        changes = getattr(mutations, side)
        words = [f"{name} removed" for name in changes.remove]
        words += [f"{each.name} {'set' if 'OVERWRITE' in each.action else 'added'}" for each in changes.add]
        if words:
            lines += wrapped(f"{side} headers: {', '.join(words)}", indent)
    return lines


def _fault_lines(faults: Faults | None, indent: str) -> list[str]:
    if faults is None:
        return []
    lines = wrapped("no faults" if faults == type(faults)() else f"a fault {faults}", indent)
    return lines + [line for unknown in faults.unknowns for line in _unknown_lines(unknown, indent)]


def _unknown_lines(unknown: Unknown, indent: str) -> list[str]:
    """What is open: the decision, or named parts of one."""
    what = ", ".join(unknown.parts).replace("_", " ") + " open" if unknown.parts else "unknown"
    return wrapped(f"{what}: {unknown.problem.message}", indent)


def _copies(mirror: MirrorPolicy) -> str:
    if mirror.fraction is None or mirror.fraction.runtime_key or not mirror.cluster:
        return f"a copy goes to {mirror}"
    share = Fraction(mirror.fraction.numerator, mirror.fraction.denominator)
    return f"{percent(min(share, Fraction(1)))} are copied to {mirror.cluster}"
