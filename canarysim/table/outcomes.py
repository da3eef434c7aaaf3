"""From the routes that a request reaches to what becomes of it, for one random value or for all of them.

Facts (Envoy documentation of RouteAction; run on 1.36.4 and 1.40.0, see tests/envoy):

1. Weights and mirrors ask the same random value as the fractions of routes; ``header_name`` and hashes replace
   it for the weights only.
2. A request that asks for an upgrade, or CONNECT, is answered 403 by a route that allows no such upgrade; what
   the route does not say, the connection manager's ``upgrade_configs`` do. Without a route it is 404 as always.
3. Without TLS where the virtual host requires it the answer is a redirect to https, and no route is asked. Such
   a redirect allows no upgrade of its own either.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from canarysim.errors import RandomValueNeeded
from canarysim.problems import Problem, Severity
from canarysim.table.actions import NonForwardingAction, RouteAction
from canarysim.table.chance import EVERY
from canarysim.table.decision import Decision
from canarysim.table.mirrors import chosen, clusters_of, policies_of, split
from canarysim.table.redirects import DirectResponseAction, RedirectAction
from canarysim.table.upstream import Upstream, levels_of, response_levels, upstream
from canarysim.table.values import Undetermined

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from canarysim.problems import Where
    from canarysim.table.actions import Destination, MirrorPolicy, Unknown
    from canarysim.table.chance import Chance
    from canarysim.table.decision import Kind
    from canarysim.table.http import Seen
    from canarysim.table.mutations import HeaderMutations
    from canarysim.table.route_table import Found, RouteTable
    from canarysim.table.routes import Branch

    Pair = tuple[Decision, Chance]
    #: A destination, the values that pick it, and the decisions that it leads to.
    End = tuple[Destination | None, Chance, list[Pair]]

__all__ = ["decide", "decisions", "possible", "settled"]


def decide(table: RouteTable, found: Found, random_value: int | None, fault_value: int | None = None) -> Decision:
    """The decision for a random value, and one that a fault drew for itself.

    Without one that of every such value, or RandomValueNeeded.
    """
    branch = found.branches[0]
    if branch.everyday is not None and len(found.branches) == 1 and not found.seen.asks_upgrade:
        return _everyday(table, found, branch, branch.everyday, random_value)
    if found.blocked:
        return _settle(table, found, found.branches[-1])
    if len(found.branches) > 1:
        if random_value is None:
            raise _needed(possible(decisions(table, found), None, fault_value))
        branch = next(branch for branch in found.branches if random_value in branch.chance)
    if branch.faulty:
        left = possible(_decisions(table, found, branch), random_value, fault_value)
        certain = [decision for decision, chance in left if chance.share == 1]
        if not certain:
            raise _needed(left)
        return certain[0]
    action = _forwards(table, found, branch)
    if action is None:
        return _settle(table, found, branch)
    destination = action.certain
    if destination is None:
        told = action.told(found.seen, table.behaviour)
        if isinstance(told, Undetermined):
            return _undetermined(table, found, branch, told.reason)
        value = random_value if told is None else told
        if value is None:
            raise _needed(possible(decisions(table, found)))
        destination = action.pick(value)
    mirrors: tuple[MirrorPolicy, ...] = ()
    if policies := policies_of(table, found, action):
        if random_value is None and any(chance.conditions for _, chance in policies):
            raise _needed(possible(decisions(table, found)))
        mirrors = chosen(policies, random_value or 0)
    return _forward(table, found, branch, destination, mirrors)


def _everyday(
    table: RouteTable, found: Found, branch: Branch, action: RouteAction, random_value: int | None
) -> Decision:
    """What ``decide`` comes to for most routes, without asking what they do not have."""
    destination = action.certain
    if destination is None:
        if random_value is None:
            raise _needed(decisions(table, found))
        destination = action.pick(random_value)
    route, host = branch.route, found.host
    assert host is not None
    assert route is not None
    source = destination.source or route.source
    # Plain arguments: this is the one place where unpacking would be felt.
    return Decision(
        "forward",
        host.name,
        route,
        destination,
        None,
        None,
        (),
        None,
        (),
        (),
        source,
        found.seen,
        table.behaviour,
    )


def decisions(table: RouteTable, found: Found) -> tuple[tuple[Decision, Chance], ...]:
    """Every decision with the random values that lead to it, in the order of the table."""
    if found.blocked:
        return ((_settle(table, found, found.branches[-1]), EVERY),)
    return tuple(pair for branch in found.branches for pair in _decisions(table, found, branch))


def _decisions(table: RouteTable, found: Found, branch: Branch) -> Iterator[Pair]:
    ends = _ends(table, found, branch)
    if branch.faulty:
        from canarysim.table.aborts import with_faults

        yield from with_faults(table, found, branch, ends)
        return
    for _, _, pairs in ends:
        yield from pairs


def _ends(table: RouteTable, found: Found, branch: Branch) -> Iterator[End]:
    """What a route leads to where nothing is aborted, by destination."""
    action = _forwards(table, found, branch)
    if action is None:
        yield None, EVERY, [(_settle(table, found, branch), branch.chance)]
        return
    told = None if action.certain is not None else action.told(found.seen, table.behaviour)
    if isinstance(told, Undetermined):
        yield None, EVERY, [(_undetermined(table, found, branch, told.reason), branch.chance)]
        return
    policies = policies_of(table, found, action)
    for destination, picked in action.chances(told):
        chance = branch.chance & picked
        if not policies:
            pairs = [(_forward(table, found, branch, destination, ()), chance)]
        elif not chance.share:
            mirrors = tuple(policy for policy, _ in policies)
            pairs = [(_forward(table, found, branch, destination, mirrors), chance)]
        else:
            parts = split(policies, chance)
            pairs = [(_forward(table, found, branch, destination, mirrors), part) for mirrors, part in parts]
        yield destination, picked, pairs


def possible(
    pairs: Iterable[Pair], random_value: int | None = None, fault_value: int | None = None
) -> tuple[Pair, ...]:
    """What may still come of a request once a value is known, each with what is left to chance."""
    if random_value is None and fault_value is None:
        return tuple(pairs)
    given = ((decision, chance.given(random_value, fault_value)) for decision, chance in pairs)
    return tuple((decision, left) for decision, left in given if left.share)


def _needed(pairs: Iterable[Pair]) -> RandomValueNeeded:
    pairs = tuple(pairs)
    values = {"random_value": any(c.conditions for _, c in pairs), "fault_value": any(c.fault for _, c in pairs)}
    shares = [(decision, chance.share) for decision, chance in pairs]
    return RandomValueNeeded(shares, [name for name, open_ in values.items() if open_])


# Decisions


def _forwards(table: RouteTable, found: Found, branch: Branch) -> RouteAction | None:
    """The action of a route that may forward the request; None where the answer is another."""
    route = branch.route
    if route is None or not route.decides or branch.problems or not isinstance(branch.action, RouteAction):
        return None
    if found.host is not None and found.host.unknowns and found.blocked:
        return None
    return None if _refuses_upgrade(table, found.seen, branch.action) else branch.action


def _refuses_upgrade(table: RouteTable, seen: Seen, action: object) -> bool:
    """Fact 2."""
    if not seen.asks_upgrade:
        return False
    upgrade = seen.header("upgrade")
    kind = "connect" if upgrade is None else upgrade[0].lower()
    told = dict(action.upgrades) if isinstance(action, RouteAction) else {}
    return not told.get(kind, kind in table.http.upgrades)


def _settle(table: RouteTable, found: Found, branch: Branch) -> Decision:
    """The decision where nothing is forwarded."""
    seen, host, route, action = found.seen, found.host, branch.route, branch.action
    kind: Kind
    status: int | None = None
    location: str | None = None
    unknown: tuple[Problem, ...] = ()
    parts: tuple[str, ...] = ()
    source = None
    if seen.refused is not None:
        kind, status, location = "rejected", seen.refused[0], seen.location
    elif host is None:
        kind, status = "not_found", 404
    elif found.needs_tls and _refuses_upgrade(table, seen, None):
        kind, status, source = "rejected", 403, host.source
    elif found.needs_tls:
        kind, status, source = "tls_redirect", 301, host.source
        location = f"https://{seen.authority}{seen.path}" if seen.path else None
    elif blocked := found.blocked:
        kind, unknown, source = "unknown", blocked, host.source
    elif route is None:
        kind, status, source = "not_found", 404, host.source
    elif branch.problems or not route.decides or action is None:
        kind, source = "unknown", route.source
        unknown = branch.problems or tuple(u.problem for u in route.unknowns if not u.parts)
    elif _refuses_upgrade(table, seen, action):
        kind, status, source = "rejected", 403, route.source
    else:
        source = route.source
        # Nothing is sent upstream here: of all parts only a location can be open.
        unknowns = (*host.unknowns, *route.unknowns, *route.open_rewrites(table.behaviour))
        redirects = isinstance(action, RedirectAction)
        unknown, parts = _open(tuple(u for u in unknowns if redirects and "location" in u.parts))
        if isinstance(action, RedirectAction):
            kind, status = "redirect", action.status
            if "location" not in parts:
                told = action.location(seen, route.match.path, table.behaviour)
                if isinstance(told, Undetermined):
                    unknown, parts = (
                        (Problem("not_simulated", Severity.WARNING, told.reason, source),),
                        ("location",),
                    )
                else:
                    location = told
        elif isinstance(action, NonForwardingAction):
            kind, status = "cluster_not_found", 503
        else:
            assert isinstance(action, DirectResponseAction)
            kind, status, location = "direct_response", action.status, action.location(seen)
    return settled(table, found, branch, kind, None, status, location, (), unknown, parts, source)


def _undetermined(table: RouteTable, found: Found, branch: Branch, why: str) -> Decision:
    assert branch.route is not None
    source = branch.route.source
    problem = Problem("not_simulated", Severity.WARNING, f"the pick is not known offline: {why}", source)
    return settled(table, found, branch, "unknown", None, None, None, (), (problem,), (), source)


def _forward(
    table: RouteTable, found: Found, branch: Branch, destination: Destination, mirrors: tuple[MirrorPolicy, ...]
) -> Decision:
    """The decision that a picked destination makes."""
    host, route, action = found.host, branch.route, branch.action
    assert host is not None
    assert route is not None
    assert isinstance(action, RouteAction)
    source = destination.source or route.source
    named = destination.resolved(found.seen) if destination.cluster_header else destination
    if named is None or (table.clusters is not None and named.cluster not in table.clusters):
        status = action.cluster_not_found_status
        return settled(table, found, branch, "cluster_not_found", None, status, None, (), (), (), source)
    open_before = unknown, parts = _open(
        (*host.unknowns, *route.unknowns, *route.open_rewrites(table.behaviour), *destination.unknowns)
    )
    sent = None
    entry, levels = levels_of(table, host, route, named)
    if entry or levels or action.makes_formats or any(mirror.cluster_header for mirror in mirrors):
        sent = upstream(action, route, named, found.seen, table.behaviour, entry, levels)
        reasons = dict.fromkeys(sent.open.values())
        unknown += tuple(Problem("not_simulated", Severity.WARNING, why, route.source) for why in reasons)
        parts = tuple(dict.fromkeys((*parts, *sent.open)))
    copies = clusters_of(table, mirrors, sent)
    if isinstance(copies, Undetermined):
        unknown += (Problem("not_simulated", Severity.WARNING, copies.reason, route.source),)
        parts = (*parts, "mirrors")
    shown = None if isinstance(copies, Undetermined) or "mirrors" in parts else copies
    decision = settled(table, found, branch, "forward", named, None, None, shown, unknown, parts, source, sent)
    if named.transformation is None:
        return decision
    from canarysim.table.transform import Behind

    return attrs.evolve(decision, behind=Behind(entry, levels, *open_before))


def settled(
    table: RouteTable,
    found: Found,
    branch: Branch,
    kind: Kind,
    destination: Destination | None,
    status: int | None,
    location: str | None,
    mirrors: tuple[str, ...] | None,
    unknown: tuple[Problem, ...],
    parts: tuple[str, ...],
    source: Where | None,
    sent: Upstream | None = None,
) -> Decision:
    """A decision of a kind; ``sent`` is what goes upstream, where that was looked at."""
    host = found.host
    name = None if host is None else host.name
    virtual_cluster = None
    levels: tuple[HeaderMutations, ...] = ()
    if kind in ("redirect", "direct_response") and host is not None:
        levels = response_levels(table, host, branch.route)
    if host is not None and host.virtual_clusters and not found.needs_tls:
        virtual_cluster = _virtual_cluster(table, found)
    route = branch.route
    return Decision(
        *(kind, name, route, destination, status, location, mirrors, virtual_cluster, unknown, parts, source),
        *(found.seen, table.behaviour, sent, levels),
    )


def _virtual_cluster(table: RouteTable, found: Found) -> str:
    """The first whose headers all match; Envoy calls the rest ``other``."""
    assert found.host is not None
    for cluster in found.host.virtual_clusters:
        if all(matcher.holds(found.seen, table.behaviour) for matcher in cluster.headers):
            return cluster.name
    return "other"


def _open(unknowns: tuple[Unknown, ...]) -> tuple[tuple[Problem, ...], tuple[str, ...]]:
    """The problems that leave parts of a decision open, and those parts."""
    if not unknowns:
        return (), ()
    parts = tuple(dict.fromkeys(part for unknown in unknowns for part in unknown.parts))
    return tuple(unknown.problem for unknown in unknowns), parts
