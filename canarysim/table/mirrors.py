"""Which clusters get a copy of a request.

Facts (Envoy documentation of RouteAction.RequestMirrorPolicy; run on 1.36.4 and 1.40.0, see tests/envoy):

1. The policies of a route replace those of its virtual host, and these those of the table.
2. A fraction asks the same random value as routes and weights.
3. A header that names the cluster is read from the request as it goes upstream, after everything that changes it.
   Where it is missing or empty, or where there is no such cluster, no copy is sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from canarysim.request import as_name
from canarysim.table.chance import EVERY, Chance
from canarysim.table.headers import Invented
from canarysim.table.values import Undetermined

if TYPE_CHECKING:
    from collections.abc import Sequence

    from canarysim.table.actions import MirrorPolicy, RouteAction
    from canarysim.table.route_table import Found, RouteTable
    from canarysim.table.upstream import Upstream

    #: Policies, each with the random values for which it sends a copy.
    Policies = Sequence[tuple[MirrorPolicy, Chance]]

__all__ = ["chosen", "clusters_of", "policies_of", "split"]


def policies_of(table: RouteTable, found: Found, action: RouteAction) -> Policies:
    """The policies that hold for a route (facts 1 and 2)."""
    policies = action.mirrors or (found.host.mirrors if found.host is not None else ()) or table.mirrors
    if not policies:
        return ()
    return [
        (each, EVERY if each.fraction is None else Chance.of(each.fraction.residues(table.runtime)))
        for each in policies
    ]


def chosen(policies: Policies, random_value: int) -> tuple[MirrorPolicy, ...]:
    """Those that send a copy for a random value."""
    return tuple(policy for policy, chance in policies if random_value in chance)


def split(policies: Policies, chance: Chance) -> list[tuple[tuple[MirrorPolicy, ...], Chance]]:
    """The parts of a chance by the policies that send a copy."""
    parts: list[tuple[tuple[MirrorPolicy, ...], Chance]] = [((), chance)]
    for policy, mirrored in policies:
        if not mirrored.conditions:
            parts = [((*so_far, policy), part) for so_far, part in parts]
            continue
        (residues,) = mirrored.conditions
        halves = []
        for so_far, part in parts:
            hit, miss = part & mirrored, part & Chance.of(~residues)
            if hit.share:
                halves.append(((*so_far, policy), hit))
            if miss.share:
                halves.append((so_far, miss))
        parts = halves
    return parts


def clusters_of(
    table: RouteTable, policies: Sequence[MirrorPolicy], sent: Upstream | None
) -> tuple[str, ...] | Undetermined:
    """The clusters that get a copy (fact 3). ``sent`` is what goes upstream, where a header names one of them."""
    names: list[str] = []
    for policy in policies:
        name: str | None = policy.cluster
        if policy.cluster_header:
            assert sent is not None
            name = sent.first_value(policy.cluster_header)
            if isinstance(name, Invented):
                return Undetermined(f"Envoy makes up the value of {policy.cluster_header}, which names a mirror")
            name = None if name is None else as_name(name)
        if name and (table.clusters is None or name in table.clusters):
            names.append(name)
    return tuple(names)
