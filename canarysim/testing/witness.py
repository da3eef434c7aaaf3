"""A request that a route takes, one that narrowly misses it, and one that reaches a destination.

They show a reader what a route is for, and whoever tests a table what is not tested yet. All are found by
search, in milliseconds, and checked with the table: what is returned is true. None says that nothing was found.
For most routes that means that there is nothing, for the search tries all combinations of the texts that the
conditions in question name, and of texts near them; but a pair of strange regular expressions may hide more.

    >>> import canarysim as cs
    >>> table = cs.loads('''
    ... apiVersion: gateway.solo.io/v1
    ... kind: VirtualService
    ... metadata: {name: shop}
    ... spec:
    ...   virtualHost:
    ...     domains: [shop.example]
    ...     routes:
    ...     - matchers: [{prefix: /orders, headers: [{name: x-canary, value: 'true'}]}]
    ...       routeAction: {single: {upstream: {name: v2}}}
    ...     - matchers: [{prefix: /orders}]
    ...       routeAction: {single: {upstream: {name: v1}}}
    ... ''')
    >>> [host] = table.virtual_hosts
    >>> canary, rest = host.routes
    >>> print(witness(table, host, canary))
    GET http://shop.example/orders x-canary:true
    >>> print(near_miss(table, host, canary, canary.match.headers[0]))
    GET http://shop.example/orders
    >>> print(near_miss(table, host, rest, 0))
    GET http://shop.example/order
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from canarysim.errors import InvalidValue
from canarysim.table.actions import RouteAction
from canarysim.table.conditions import RuntimeFraction
from canarysim.table.matchers import ConnectMatcher
from canarysim.table.values import Undetermined
from canarysim.table.views import HeaderView
from canarysim.testing.seeking.everything import takes_everything
from canarysim.testing.seeking.picks import least, names_cluster, picks, variations
from canarysim.testing.seeking.pieces import Maker
from canarysim.testing.seeking.search import Goal, chance_of, seek

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from canarysim.request import Request
    from canarysim.table.actions import Destination
    from canarysim.table.hosts import VirtualHost
    from canarysim.table.matchers import Matcher
    from canarysim.table.route_table import Found, RouteTable
    from canarysim.table.routes import Route

__all__ = ["near_miss", "reach", "takes_everything", "witness"]

#: Values of what is hashed that are tried for a destination.
_VARIATIONS = 400


def witness(table: RouteTable, host: VirtualHost, route: Route) -> Request | None:
    """A request that a route of a virtual host takes, for some random value; as plain as can be.

    That is checked: ``table.find`` names the route with a share above 0, and nothing that is not simulated stands
    between. HTTP/1 carries the request unless nothing that it carries was found. None where none was found: most
    often because earlier routes take everything that the route would. Raises InvalidValue for a route that is
    not one of the host. Cost: milliseconds; it grows with the earlier routes that get in the way, not with all.
    """
    return _sought(table, host, _place(host, route), tuple(route.match))


def near_miss(table: RouteTable, host: VirtualHost, route: Route, condition: Matcher | int) -> Request | None:
    """A request that comes to a route, and that one of its conditions alone refuses.

    No earlier route takes it, for some random value for which the route would; all other conditions hold. A suite
    without such a request does not notice when the condition is lost. ``condition`` is one of
    ``route.match.conditions``, itself or its number there.

    None where none was found or none exists: as for a condition that takes everything, and for a runtime
    fraction. What misses that is the random value and not the request; the witness shows both sides of it.
    CONNECT, which has no path, counts as no near miss of a condition on the path. Raises InvalidValue for a
    condition or route that is not there. Cost: as that of ``witness``.
    """
    place = _place(host, route)
    missed = _condition(route, condition)
    ordinary = not isinstance(route.match.path, ConnectMatcher)
    if isinstance(missed, RuntimeFraction) or (ordinary and takes_everything(table, missed)):
        return None
    holding = tuple(one for one in route.match if one is not missed)
    return _sought(table, host, place, holding, missed)


def reach(
    table: RouteTable, host: VirtualHost, route: Route, destination: Destination | int
) -> tuple[Request, int | None] | None:
    """A request that a route sends to one of its destinations, and a random value by which it does.

    The value is None where every one does. ``destination`` is one of ``route.action.destinations``, itself or its
    number; 0 for a route that sends to the cluster that a header names. A header or a hash that picks, and a
    header that names the cluster, are in the request. None where none was found, as for weight 0, for a cluster
    that is not there, and where the route refuses the upgrade that its conditions ask for. A fault that draws for
    itself may still abort the request, if not always. Cost: as that of ``witness``, and for a pick by hash up to
    some 10 ms.
    """
    place = _place(host, route)
    if not isinstance(route.action, RouteAction):
        raise InvalidValue("no_destination", f"route {route.index} of {host.name} forwards nothing")
    number = _number(route.action, destination)
    action = route.action.under(table.runtime)
    if action is None:
        return None
    target = action.destinations[number] if action.destinations else None
    if target is not None and action.weighted and not target.weight:
        return None
    more: list[Matcher] = []
    name = action.cluster_header if target is None else target.cluster_header
    if name:
        more.append(names_cluster(name, table.clusters))
    told = action.weighted and action.certain is None

    def random_value(found: Found) -> tuple[int | None] | None:
        return _random_value(table, found, route, number)

    def fits(found: Found) -> bool:
        return random_value(found) is not None

    # A pick by header is left to chance where the header is not there; by hash likewise.
    attempts: list[tuple[Matcher, ...]] = [tuple(more)]
    if told and action.header_name:
        attempts.insert(0, (*more, picks(action, number)))
    for extra in attempts:
        request = _sought(table, host, place, (*route.match, *extra), None, fits)
        if request is not None:
            value = random_value(table.find(request))
            assert value is not None
            return request, value[0]
    if told and action.use_hash_policy:
        plain = _sought(table, host, place, (*route.match, *more))
        goal = Goal(table, host, place, (*route.match, *more), None, fits)
        places = {id(one): at for at, one in enumerate(host.routes)}
        for request in () if plain is None else variations(plain, action, _VARIATIONS):
            if goal.misses(request, places) == []:
                value = random_value(table.find(request))
                assert value is not None
                return request, value[0]
    return None


def _random_value(table: RouteTable, found: Found, route: Route, number: int) -> tuple[int | None] | None:
    """The random value, or None in a tuple where every one will do; None where no one does."""
    branch = next((branch for branch in found.branches if branch.route is route), None)
    if branch is None or branch.problems or not isinstance(branch.action, RouteAction):
        return None
    action = branch.action
    told = None if action.certain is not None else action.told(found.seen, table.behaviour)
    if isinstance(told, Undetermined):
        return None
    for at, (_, picked_by) in enumerate(action.chances(told)):
        chance = branch.chance & picked_by
        if at != number or not chance.share:
            continue
        value = least(chance)
        if value is None or not _is_sent(table, found, route, value):
            return None
        return (value if chance.conditions else None,)
    return None


def _is_sent(table: RouteTable, found: Found, route: Route, value: int) -> bool:
    """Whether the request of a random value is forwarded, unless a fault aborts it."""
    from canarysim.table.outcomes import decisions, possible

    left = possible(decisions(table, found), value)
    return any(decision.kind == "forward" and decision.matched is route for decision, _ in left)


def _sought(
    table: RouteTable,
    host: VirtualHost,
    place: int,
    holding: tuple[Matcher, ...],
    refusing: Matcher | None = None,
    fits: Callable[[Found], bool] = lambda _: True,
) -> Request | None:
    """The request that a search finds, as a person would write it down."""
    if not chance_of(host.routes[place], table).share:
        return None
    goal = Goal(table, host, place, holding, refusing, fits)
    places = {id(route): at for at, route in enumerate(host.routes)}
    for maker in _makers(goal):
        request = seek(goal, maker, places)
        if request is not None:
            written = maker.as_url(request)
            return written if written is not None and goal.misses(written, places) == [] else request
    return None


def _makers(goal: Goal) -> Iterator[Maker]:
    """Requests from outside first; from inside only where that may matter and can be told."""
    table, host = goal.table, goal.host
    paths = [one for one in goal.holding if isinstance(one, ConnectMatcher)]
    yield (maker := Maker(table, host, connect=bool(paths)))
    if table.http.use_remote_address:
        return
    routes = host.routes[: goal.place + 1]
    conditions = (*goal.holding, *(condition for route in routes for condition in route.match))
    names = {maker.host_header, *(one.view.header for one in conditions if isinstance(one.view, HeaderView))}
    if host.require_tls == "EXTERNAL_ONLY" or any(
        name.startswith("x-envoy-") or name in table.internal_only_headers for name in names
    ):
        yield Maker(table, host, connect=maker.connect, internal=True)


def _place(host: VirtualHost, route: Route) -> int:
    for place, one in enumerate(host.routes):
        if one is route:
            return place
    raise InvalidValue(
        "unknown_route", f"{route!r} is no route of virtual host {host.name}: give one of its routes"
    )


def _condition(route: Route, condition: Matcher | int) -> Matcher:
    known = route.match.conditions
    if isinstance(condition, int):
        if 0 <= condition < len(known):
            return known[condition]
    elif any(one is condition for one in known):
        return condition
    elif condition in known:
        return known[known.index(condition)]
    raise InvalidValue(
        "unknown_condition", f"{condition} is no condition of {route!r}: give one of route.match.conditions"
    )


def _number(action: RouteAction, destination: Destination | int) -> int:
    known = action.destinations or ((action.certain,) if action.certain is not None else ())
    if isinstance(destination, int):
        if 0 <= destination < len(known):
            return destination
    else:
        for number, one in enumerate(known):
            if one is destination:
                return number
        if destination in known:
            return known.index(destination)
    raise InvalidValue(
        "unknown_destination", f"{destination} is no destination of the route: give one of its action's"
    )
