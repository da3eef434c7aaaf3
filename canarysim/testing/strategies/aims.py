"""Random requests that are aimed at a table, and random values that are aimed at the edges of its choices."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

from canarysim.table.actions import RouteAction
from canarysim.table.route_table import RouteTable
from canarysim.testing.strategies.drafts import Draft, aimed
from canarysim.testing.strategies.pools import HOSTS
from canarysim.testing.strategies.reads import reads
from canarysim.testing.strategies.spoil import spoil
from canarysim.testing.strategies.witnesses import sought

if TYPE_CHECKING:
    from collections.abc import Iterator

    from canarysim.engine.split import Split
    from canarysim.request import Request
    from canarysim.table.hosts import VirtualHost
    from canarysim.table.routes import Route
    from canarysim.testing.strategies.choices import Choices

__all__ = ["Edges", "edges_of", "make_aimed", "make_request", "make_value"]

_LAST = 2**64 - 1
#: Of a hundred requests so many are sought: the others reach most routes, and these all that can be reached.
_SOUGHT = 15


def make_request(choices: Choices, table: RouteTable, *, spoilt: int = 55) -> Request:
    """A request aimed at a route of the table, spoilt in so many of a hundred cases."""
    return make_aimed(choices, table, spoilt=spoilt)[0]


def make_aimed(
    choices: Choices, table: RouteTable, *, spoilt: int = 55
) -> tuple[Request, VirtualHost | None, Route | None]:
    """The same, with what it is aimed at."""
    if not table.virtual_hosts:
        draft = Draft()
        draft.authority = choices.pick(HOSTS)
        return draft.request(), None, None
    host = choices.pick(table.virtual_hosts)
    route = choices.pick(host.routes) if host.routes else None
    spoils = choices.chance(spoilt)
    if route is not None and choices.chance(_SOUGHT):
        found = sought(choices, table, host, route, miss=spoils)
        if found is not None:
            return found, host, route
    draft = aimed(choices, table, host, route)
    if spoils:
        conditions = [] if route is None else list(route.match)
        named = () if route is None else reads(table, host, route)
        spoil(choices, conditions, draft, named)
        if choices.chance(10):
            spoil(choices, conditions, draft, named)
    return draft.request(), host, route


#: A modulus, and the residues at which something else begins to happen.
Edges = tuple[tuple[int, tuple[int, ...]], ...]


def edges_of(what: Split | RouteAction | RouteTable) -> Edges:
    """Where random values begin to lead elsewhere. Cost: O(routes and weights)."""
    found: dict[int, set[int]] = {}
    for modulus, edge in _edges(what):
        found.setdefault(modulus, set()).add(edge)
    return tuple((modulus, tuple(sorted(edges))) for modulus, edges in sorted(found.items()))


def _edges(what: Split | RouteAction | RouteTable) -> Iterator[tuple[int, int]]:
    if isinstance(what, RouteTable):
        actions = [route.action for route in what.routes if isinstance(route.action, RouteAction)]
        levels = (
            what.mirrors,
            *(host.mirrors for host in what.virtual_hosts),
            *(each.mirrors for each in actions),
        )
        fractions = [route.match.runtime_fraction for route in what.routes]
        for fraction in (*fractions, *(policy.fraction for policies in levels for policy in policies)):
            if fraction is not None:
                residues = fraction.residues(what.runtime)
                yield residues.modulus, 0
                yield from ((residues.modulus, end % residues.modulus) for _, end in residues.intervals)
        for action in actions:
            yield from _edges(action.under(what.runtime) or action)
        return
    if isinstance(what, RouteAction) and not what.weighted:
        return
    weights = what.weights if not isinstance(what, RouteAction) else [each.weight for each in what.destinations]
    yield from ((what.total, end % what.total) for end in (0, *accumulate(weights)))


def make_value(choices: Choices, edges: Edges) -> int:
    """A random value of 64 bits: mostly an edge, or the value before it, some rounds of its modulus further on."""
    kind = choices.integer(0, 9) if edges else 9
    if kind == 9:
        return choices.pick((0, _LAST, choices.integer(0, _LAST), 2**63))
    modulus, residues = choices.pick(edges)
    value = choices.pick(residues) - (kind in (1, 2, 3))
    most = (_LAST - value) // modulus
    rounds = choices.integer(0, 3)
    value += modulus * (0, 1, most, most)[rounds] if rounds != 2 else modulus * choices.integer(0, most)
    return value if value >= 0 else value + modulus
