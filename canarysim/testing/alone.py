"""Which condition alone kept a route from a request: asked of many routes and requests, of what is still wanted.

A route's tests are bound once, and left at the second one that refuses. Only what is not plain (a fraction, a
request without a path, a condition that may be open) is looked at as explain does it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from canarysim.answers.near import look
from canarysim.table.actions import RouteAction
from canarysim.table.http import INVENTED_HEADERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from canarysim.table.hosts import VirtualHost
    from canarysim.table.http import Seen
    from canarysim.table.matchers import Matcher
    from canarysim.table.route_table import RouteTable
    from canarysim.table.routes import Route

__all__ = ["Refusing"]

_Test = tuple["Callable[[Seen], Any]", "Callable[[Any], object]", "Matcher"]


class _Bound:
    """A route with its tests bound."""

    __slots__ = ("is_plain", "route", "tests", "wanted")

    def __init__(self, route: Route, table: RouteTable, wanted: list[int]) -> None:
        envoy = table.behaviour
        self.route = route
        self.wanted = wanted
        sure = [
            matcher
            for matcher in route.match
            if matcher.why_unknown(envoy) is None and getattr(matcher, "name", None) not in INVENTED_HEADERS
        ]
        self.tests: list[_Test] = [(each.view.get, each.test(envoy), each) for each in sure]
        weighed = isinstance(route.action, RouteAction) and bool(route.action.runtime_key_prefix)
        self.is_plain = len(sure) == len(tuple(route.match.conditions)) and not weighed


class Refusing:
    """The routes of a virtual host, of each the numbers of those conditions that are wanted."""

    __slots__ = ("_bound", "_table")

    def __init__(self, table: RouteTable, host: VirtualHost, wanted: Callable[[Route], list[int]]) -> None:
        self._table = table
        self._bound = [_Bound(route, table, wanted(route)) for route in host.routes]

    def alone(self, seen: Seen, last: Route | None, random_value: int | None) -> Iterator[tuple[Route, int]]:
        """The wanted conditions that alone refuse, up to the route ``last``; those given are no longer wanted.

        Cost: O(routes that have wanted conditions, and their conditions up to the second that refuses).
        """
        for bound in self._bound:
            if bound.wanted:
                refused = self._of(bound, seen, random_value)
                if refused is not None:
                    for number in bound.wanted:
                        if bound.route.match.conditions[number] is refused:
                            bound.wanted.remove(number)
                            yield bound.route, number
                            break
            if bound.route is last:
                return

    def _of(self, bound: _Bound, seen: Seen, random_value: int | None) -> Matcher | None:
        refused = None
        if seen.route_path:
            for get, test, matcher in bound.tests:
                if not test(get(seen)):
                    if refused is not None:
                        return None
                    refused = matcher
            if bound.is_plain:
                return refused
        one = look(bound.route, seen, self._table, random_value)
        return one.refusals[0].condition if len(one.refusals) == 1 and not one.open else None
