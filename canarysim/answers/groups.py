"""What requests are counted by, and what each group is called."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

from canarysim.answers.names import resolve_cluster
from canarysim.errors import UnknownName
from canarysim.table.decision import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from canarysim.table.decision import Decision
    from canarysim.table.route_table import RouteTable

__all__ = ["BY", "By", "group_name", "known_group", "outcome_name"]

By = Literal["outcome", "route", "origin", "cluster", "function", "virtual_host", "kind"]
BY: tuple[By, ...] = get_args(By)


def outcome_name(decision: Decision) -> str:
    """The decision in a few words that hold for all requests that come to it."""
    match decision.kind:
        case "redirect":
            return f"redirect ({decision.status})"
        case "tls_redirect":
            return f"redirect to https ({decision.status})"
        case "unknown" if decision.unknown:
            return f"unknown: {decision.unknown[0].message}"
        case _:
            return decision.outcome


def group_name(decision: Decision, by: str) -> str:
    """What the group is called that the decision is counted in."""
    if by in ("cluster", "virtual_host"):
        return getattr(decision, by) or outcome_name(decision)
    route = decision.matched
    if by in ("route", "origin") and route is not None:
        name = route.name if by == "route" else route.origin
        return name or f"route {route.index} of {decision.virtual_host}"
    if by == "function" and decision.destination is not None:
        return decision.function or "no function"
    if by == "kind":
        return decision.kind
    return outcome_name(decision)


def known_group(table: RouteTable, by: str, name: str, names: Iterable[str]) -> str:
    """The name of a group of which no request was asked, if the table has it; an Upstream's is its cluster's."""
    if by == "cluster":
        return resolve_cluster(table, name)
    in_table = {
        "route": [route.name for route in table.routes],
        "origin": [route.origin for route in table.routes],
        "function": [d.function for d in table.destinations if d.function],
        "virtual_host": [host.name for host in table.virtual_hosts],
    }.get(by, [])
    if by == "kind":
        in_table = list(KINDS)
    if name not in in_table:
        raise UnknownName(by.replace("_", " "), name, [*names, *in_table])
    return name
