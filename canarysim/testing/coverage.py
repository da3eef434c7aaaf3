"""How much of a route table tests have touched: its routes, their conditions, and the destinations of weights.

What is touched:

1. A route is touched when it decided a request of a test, and something that the test expects of that holds.
2. A destination of a weighted route is touched when such a decision sends there. One of weight 0, under the
   runtime, does not count: no request reaches it.
3. A condition is touched when a request of a test came to its route and this condition alone refused it: without
   it the request would have gone there. What every request fulfils, such as the prefix ``/``, does not count; a
   fraction, which the random value fulfils and no request, does not either.

So a table has full coverage when every route and destination is shown to do something that is expected, and no
condition could be lost without a test that notices. Verdicts on any table count for the same routes: those of the
same place in the manifest and in the virtual host.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal, get_args

import attrs

from canarysim.filenames import real_path
from canarysim.table.actions import RouteAction
from canarysim.table.conditions import RuntimeFraction
from canarysim.testing.alone import Refusing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from canarysim.problems import Where
    from canarysim.request import Request
    from canarysim.table.actions import Destination
    from canarysim.table.hosts import VirtualHost
    from canarysim.table.route_table import RouteTable
    from canarysim.table.routes import Route
    from canarysim.testing.judge import Verdict

__all__ = ["KINDS", "Coverage", "Covered", "Item"]

Kind = Literal["route", "condition", "destination"]
KINDS: tuple[Kind, ...] = get_args(Kind)

_Key = tuple[Any, ...]


@attrs.define(eq=False)
class Item:
    """Something that tests can touch. ``number`` is that of a condition or destination in its route."""

    kind: Kind
    table: RouteTable = attrs.field(repr=False)
    host: VirtualHost = attrs.field(repr=False)
    route: Route
    number: int = 0
    touched: bool = False

    @property
    def source(self) -> Where:
        """Where the manifest says it."""
        if self.kind == "destination":
            return self._destination.source or self.route.source
        return self.route.source

    @property
    def _destination(self) -> Destination:
        assert isinstance(self.route.action, RouteAction)
        return self.route.action.destinations[self.number]

    def __str__(self) -> str:
        if self.kind == "condition":
            return str(self.route.match.conditions[self.number])
        return str(self.route.match) if self.kind == "route" else str(self._destination)

    def would_touch(self) -> tuple[Request, int | None] | None:
        """A request that would touch it, and the random value that it needs; None where none was found.

        Cost: milliseconds.
        """
        from canarysim.testing.witness import near_miss, reach, witness

        if self.kind == "destination":
            return reach(self.table, self.host, self.route, self.number)
        if self.kind == "route":
            request = witness(self.table, self.host, self.route)
        else:
            request = near_miss(self.table, self.host, self.route, self.number)
        return None if request is None else (request, None)


@attrs.frozen
class Covered:
    """What was touched, of how many."""

    touched: int
    total: int

    @property
    def share(self) -> Fraction:
        """The exact share; 1 where there is nothing to touch."""
        return Fraction(self.touched, self.total) if self.total else Fraction(1)

    def __str__(self) -> str:
        return percent_down(self.share)


def percent_down(share: Fraction) -> str:
    """A share in per cent with one decimal, never rounded up: only all is 100 %.

    >>> percent_down(Fraction(9999, 10000)), percent_down(Fraction(1)), percent_down(Fraction(2, 3))
    ('99.9 %', '100 %', '66.6 %')
    """
    tenths = share * 1000 // 1
    return f"{tenths // 10}.{tenths % 10} %" if tenths % 10 else f"{tenths // 10} %"


class Coverage:
    """A measurement that goes on: ``watch`` says which tables count, ``hear`` takes what tests find."""

    __slots__ = ("_items", "_known", "_refusing")

    def __init__(self) -> None:
        self._items: dict[_Key, dict[tuple[Kind, int], Item]] = {}
        self._refusing: dict[tuple[int, int], Refusing] = {}
        self._known: dict[int, RouteTable] = {}

    def __getstate__(self) -> dict[_Key, dict[tuple[Kind, int], Item]]:
        return self._items  # all else is known by ids, which another process does not have

    def __setstate__(self, items: dict[_Key, dict[tuple[Kind, int], Item]]) -> None:
        self.__init__()  # type: ignore[misc]
        self._items = items

    def watch(self, table: RouteTable) -> None:
        """Counts the routes of a table, touched or not. Cost: O(conditions), once a table."""
        if id(table) in self._known:
            return
        self._known[id(table)] = table  # kept, so that its id stays its own
        for host in table.virtual_hosts:
            for route in host.routes:
                self._items.setdefault(_key(host, route), dict(_items_of(table, host, route)))

    def hear(self, verdict: Verdict) -> None:
        """Notes what a test touched. Cost: O(conditions of the routes that the request came to)."""
        table = verdict.table
        if any(host.source.line is not None and host.source.file != "<text>" for host in table.virtual_hosts):
            self.watch(table)
        found = table.find(verdict.request)
        if found.host is None or not any(verdict.held):
            return
        for (decision, _), held in zip(verdict.decisions, verdict.held, strict=True):
            if held and decision.matched is not None:
                self._touch(found.host, decision.matched, "route")
                action = decision.matched.action
                if decision.destination is not None and isinstance(action, RouteAction):
                    for number, destination in enumerate(action.destinations):
                        if _same(destination, decision.destination):
                            self._touch(found.host, decision.matched, "destination", number)
        if found.needs_tls or found.blocked:
            return
        if verdict.random_value is not None:
            found = found.under(verdict.random_value)
        last = found.branches[-1].route
        assert found.host is not None
        refusing = self._refusing_of(table, found.host)
        for route, number in refusing.alone(found.seen, last, verdict.random_value):
            self._touch(found.host, route, "condition", number)

    def _refusing_of(self, table: RouteTable, host: VirtualHost) -> Refusing:
        """The conditions of a host that nothing has touched yet; no others need to be asked of a request."""
        key = id(table), id(host)
        found = self._refusing.get(key)
        if found is None:
            found = Refusing(table, host, lambda route: self._untouched_conditions(host, route))
            if id(table) in self._known:
                self._refusing[key] = found
        return found

    def _untouched_conditions(self, host: VirtualHost, route: Route) -> list[int]:
        items = self._items.get(_key(host, route), {}).values()
        return [item.number for item in items if item.kind == "condition" and not item.touched]

    def _touch(self, host: VirtualHost, route: Route, kind: Kind, number: int = 0) -> None:
        item = self._items.get(_key(host, route), {}).get((kind, number))
        if item is not None:
            item.touched = True

    def add(self, other: Coverage) -> None:
        """Joins what another measurement, perhaps of another process, has touched."""
        for key, items in other._items.items():
            mine = self._items.setdefault(key, items)
            for place, item in items.items():
                mine.setdefault(place, item).touched |= item.touched

    @property
    def items(self) -> list[Item]:
        """All there is to touch, in the order of the tables."""
        return [item for items in self._items.values() for item in items.values()]

    def of(self, kind: Kind | None = None) -> Covered:
        """How much was touched, of one kind or of all."""
        items = [item for item in self.items if kind in (None, item.kind)]
        return Covered(sum(item.touched for item in items), len(items))

    def is_below(self, percent: Fraction) -> bool:
        """Whether less than so many per cent of all were touched; where nothing was measured, nothing was."""
        covered = self.of()
        return covered.share * 100 < percent if covered.total else percent > 0

    @property
    def untouched(self) -> list[Item]:
        """What no test touched."""
        return [item for item in self.items if not item.touched]


def _key(host: VirtualHost, route: Route) -> _Key:
    """Where a route stands; a manifest that is read through two paths has its routes once."""
    places = (route.source, *route.delegated_by)
    return host.name, route.index, *((real_path(place.file), place.line, place.path) for place in places)


def _items_of(table: RouteTable, host: VirtualHost, route: Route) -> Iterator[tuple[tuple[Kind, int], Item]]:
    from canarysim.testing.witness import takes_everything

    yield ("route", 0), Item("route", table, host, route)
    for number, condition in enumerate(route.match.conditions):
        if not isinstance(condition, RuntimeFraction) and not takes_everything(table, condition):
            yield ("condition", number), Item("condition", table, host, route, number)
    action = route.action.under(table.runtime) if isinstance(route.action, RouteAction) else None
    if action is not None and action.weighted:
        for number, destination in enumerate(action.destinations):
            if destination.weight:
                yield ("destination", number), Item("destination", table, host, route, number)


def _same(one: Destination, other: Destination) -> bool:
    """Whether a decision's destination is that of its route; its cluster may be one that the request named."""
    told = (one.function, one.subset, one.source) == (other.function, other.subset, other.source)
    return told and (bool(one.cluster_header) or one.cluster == other.cluster)
