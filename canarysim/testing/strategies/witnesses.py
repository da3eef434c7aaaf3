"""Requests that were sought for a route and not only aimed at it: past the routes before it, and narrow misses."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

from canarysim.testing.seeking.pieces import is_sendable
from canarysim.testing.witness import near_miss, witness

if TYPE_CHECKING:
    from canarysim.request import Request
    from canarysim.table.hosts import VirtualHost
    from canarysim.table.route_table import RouteTable
    from canarysim.table.routes import Route
    from canarysim.testing.strategies.choices import Choices

__all__ = ["sought"]

#: What was found, by route and condition; None for the condition asks for the witness. By the table's id, for
#: hashing a table takes as long as a search.
_Found = dict[tuple[int, int | None], "Request | None"]
_kept: dict[int, tuple[weakref.ref[RouteTable], _Found]] = {}


def sought(choices: Choices, table: RouteTable, host: VirtualHost, route: Route, *, miss: bool) -> Request | None:
    """The witness of a route, or the near miss of one of its conditions; None without one that HTTP/1 carries.

    Cost: a search the first time, then a look into what was found.
    """
    number = choices.integer(0, len(list(route.match)) - 1) if miss else None
    found = _of(table)
    key = id(route), number
    if key not in found:
        request = witness(table, host, route) if number is None else near_miss(table, host, route, number)
        found[key] = request if request is not None and is_sendable(request) else None
    return found[key]


def _of(table: RouteTable) -> _Found:
    kept = _kept.get(id(table))
    if kept is None or kept[0]() is not table:
        name = id(table)
        kept = _kept[name] = weakref.ref(table, lambda _: _kept.pop(name, None)), {}
    return kept[1]
