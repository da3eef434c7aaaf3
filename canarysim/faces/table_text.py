"""Whole route tables as plain text: each route with its shares, and the way by which it came there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from canarysim.faces.text import destination_text, percent, plural, with_source, wrapped
from canarysim.table.actions import RouteAction

if TYPE_CHECKING:
    from canarysim.problems import Where
    from canarysim.table.actions import Unknown
    from canarysim.table.behaviour import Behaviour
    from canarysim.table.faults import Faults
    from canarysim.table.hosts import VirtualHost
    from canarysim.table.route_table import RouteTable
    from canarysim.table.routes import Route

__all__ = ["table_text"]


def table_text(table: RouteTable) -> str:
    """Every virtual host and route with the shares of its destinations, and where each stands."""
    title = table.name or "route table"
    hosts, routes = plural(len(table.virtual_hosts), "virtual host"), plural(len(table.routes), "route")
    lines = [f"{title}: {hosts}, {routes}, as Envoy {table.envoy}"]
    for host in table.virtual_hosts:
        domains = " ".join(host.domains)
        lines += ["", f"{host.name}  {domains}" + ("  (https only)" if host.require_tls else "")]
        lines += _fault_lines(host.faults or table.faults, "   ")
        if not host.routes:
            lines.append("   no routes: 404 for every request")
        for unknown in host.unknowns:
            lines += _unknown_lines(unknown, "   ")
        way: tuple[tuple[Where, ...], str] = (), ""
        for route in host.routes:
            its_way = route.delegated_by, route.source.resource if route.delegated_by else ""
            if its_way != way:
                way = its_way
                lines += _way_lines(host, route)
            lines += _route_lines(route, table.behaviour)
    not_run = [problem for problem in table.problems if problem.code == "condition_not_run"]
    if not_run:
        lines += ["", "conditions that are not run, which leave open what hangs on them"]
        for problem in not_run:
            lines += wrapped(f"{problem.message} ({problem.where})", "   ")
    return "\n".join(lines)


def _way_lines(host: VirtualHost, route: Route) -> list[str]:
    """The resources on the way to a route, from the VirtualService on, with the place that delegated last."""
    way = route.delegated_by
    if not way:
        return ["", *wrapped(host.source.resource or host.origin, "   ")]
    steps = [place.resource for place in way] + [route.source.resource]
    return ["", *with_source("   ", " > ".join(steps), way[-1])]


def _route_lines(route: Route, envoy: Behaviour) -> list[str]:
    lines = with_source(f"{route.index:>3}  ", str(route.match), route.source)
    action = route.action
    if isinstance(action, RouteAction):
        rewrites = f"  -> {action.path_rewrite}" if action.path_rewrite else ""
        rewrites += f"  host {action.host_rewrite}" if action.host_rewrite else ""
        for destination, chance in action.chances():
            lines.append(f"  {percent(chance.share):>8}  {destination_text(destination)}{rewrites}")
            lines += _fault_lines(destination.faults, "            ")
        lines += [f"            a copy goes to {mirror}" for mirror in action.mirrors]
        if action.timeout is not None or action.retries is not None:
            kept = [] if action.timeout is None else [f"timeout {action.timeout:g} s"]
            kept += [] if action.retries is None else [str(action.retries)]
            lines += wrapped(", ".join(kept), "            ")
    elif action is not None:
        lines.append(f"     100 %  {action}")
    lines += _fault_lines(route.faults, "            ")
    unknowns = [*route.unknowns, *route.open_rewrites(envoy)]
    if isinstance(action, RouteAction):
        unknowns += [unknown for destination in action.destinations for unknown in destination.unknowns]
    for unknown in unknowns:
        lines += _unknown_lines(unknown, "            ")
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
