"""What a route leads to where faults are set: what is sent all the same, and what is aborted (faults.py)."""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING

import attrs

from canarysim.table.chance import EVERY, Chance
from canarysim.table.faults import effective
from canarysim.table.outcomes import settled

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from canarysim.table.decision import Decision
    from canarysim.table.faults import FaultAbort, Faults
    from canarysim.table.outcomes import End, Pair
    from canarysim.table.route_table import Found, RouteTable
    from canarysim.table.routes import Branch

__all__ = ["with_faults"]

#: What of Envoy's own answers comes from the route that matched, after the fault filter.
_OF_ROUTE = frozenset(["forward", "redirect", "direct_response", "cluster_not_found"])


def with_faults(table: RouteTable, found: Found, branch: Branch, ends: Iterable[End]) -> Iterator[Pair]:
    """The decisions of a route with those that faults make of them; what is aborted comes last.

    Destinations that abort alike share one decision.
    """
    assert found.host is not None
    assert branch.route is not None
    common = effective(branch.route.faults, found.host.faults, table.faults)
    aborted: dict[FaultAbort, tuple[Faults, list[Chance]]] = {}
    for destination, picked, pairs in ends:
        if pairs[0][0].kind not in _OF_ROUTE:
            yield from pairs
            continue
        faults = effective(destination.faults if destination is not None else None, common)
        faults = None if faults is None else faults.under(found.seen, table.runtime)
        abort = None if faults is None else faults.aborts
        if faults is not None and abort is not None and faults.unknowns:
            unknown = _unknown(table, found, branch, faults)
            yield from ((unknown, chance) for _, chance in pairs)
            continue
        hit = None if abort is None else abort.residues
        for decision, chance in pairs:
            left = chance if hit is None else chance & Chance.of(fault=(~hit,))
            if left.share or not chance.share:  # what weight 0 never picks is named all the same
                yield attrs.evolve(decision, faults=faults), left
        if faults is not None and abort is not None:
            aborted.setdefault(abort, (faults, []))[1].append(picked)
    for abort, (faults, picks) in aborted.items():
        chance = branch.chance & _either(picks) & Chance.of(fault=(abort.residues,))
        if chance.share:
            yield _aborted(table, found, branch, faults, abort), chance


def _either(picks: Sequence[Chance]) -> Chance:
    """The random values that pick one of several destinations of a route."""
    if any(not pick.conditions for pick in picks):
        return EVERY
    return Chance.of(reduce(or_, (residues for pick in picks for residues in pick.conditions)))


def _aborted(table: RouteTable, found: Found, branch: Branch, faults: Faults, abort: FaultAbort) -> Decision:
    assert branch.route is not None
    source = faults.source or branch.route.source
    decision = settled(
        *(table, found, branch, "fault_abort", None, abort.status, None, (), (), (), source),
    )
    return attrs.evolve(decision, faults=faults)


def _unknown(table: RouteTable, found: Found, branch: Branch, faults: Faults) -> Decision:
    assert branch.route is not None
    problems = tuple(unknown.problem for unknown in faults.unknowns)
    source = faults.source or branch.route.source
    decision = settled(*(table, found, branch, "unknown", None, None, None, (), problems, (), source))
    return attrs.evolve(decision, faults=faults)
