"""How often each kind of condition alone decided, in a soak: what shows whether its requests tested anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from canarysim.table.actions import RouteAction
from canarysim.table.headers import INVENTED_HEADERS
from canarysim.table.matchers import ConnectMatcher, HeaderMatcher, PathMatcher, QueryParameterMatcher
from canarysim.table.routes import verdict
from canarysim.table.strings import StringMatcher

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable

    import canarysim as cs
    from canarysim.table.http import Seen
    from canarysim.table.matchers import Matcher
    from canarysim.table.route_table import Found
    from canarysim.table.routes import Route

if TYPE_CHECKING:
    #: How often, by (kind of condition, "accepts" or "refuses").
    Counts = Counter[tuple[str, str]]
    #: Kind and test of each condition of the routes, in their order, by the identity of their virtual host.
    Prepared = dict[int, list[tuple[Route, list[tuple[str, Callable[[Seen], object]]]]]]


def kind_of(matcher: Matcher) -> str:
    """The class of a condition, then the kind of text, ``Range``, ``present`` or ``absent``, then ``inverted``."""
    words = [type(matcher).__name__]
    value = getattr(matcher, "value", None)
    if isinstance(value, StringMatcher):
        words.append(value.kind)
    elif value is not None:
        words.append(type(value).__name__)
    elif isinstance(matcher, HeaderMatcher | QueryParameterMatcher):
        any_value = getattr(matcher, "any_value", False)
        words.append("any value" if any_value else "present" if matcher.present else "absent")
    if getattr(matcher, "invert", False):
        words.append("inverted")
    return " ".join(words)


def decisive(table: cs.RouteTable, request: cs.Request, counts: Counts, found: Found | None = None) -> None:
    """Adds to ``counts``, by (kind of condition, "accepts" or "refuses"), what conditions did with a request.

    Looked at are the routes that the search comes to: those of the virtual host in order, up to the first that
    takes the request whatever its random value. Left out are routes that no request reaches under the runtime,
    and those one of whose conditions is open. Of each route,

    - where all conditions hold, each is counted once as accepting: none could be missing from the answer;
    - where exactly one does not hold, that one is counted as refusing: it alone made the answer another;
    - where more do not hold, nothing is counted.

    A ``runtime_fraction`` asks the random value and is not counted; a route behind one that only a share of the
    random values takes is come to by the others. ``found`` is ``table.find(request)`` where that is known.
    Cost: about that of the search.
    """
    if found is None:
        found = table.find(request)
    if found.host is None or found.needs_tls:
        return
    seen = found.seen
    last = found.branches[-1].route
    for route, steps in _prepared(table)[id(found.host)]:
        refusing = None
        for kind, holds in steps:
            held = holds(seen)
            if held:
                continue
            if held is None or refusing is not None:
                break
            refusing = kind
        else:
            if refusing is not None:
                counts[refusing, "refuses"] += 1
            else:
                for kind, _ in steps:
                    counts[kind, "accepts"] += 1
        if route is last:
            return


_kept: list[tuple[cs.RouteTable, Prepared]] = []


def _prepared(table: cs.RouteTable) -> Prepared:
    """Kept for the table that was asked last."""
    if not _kept or _kept[0][0] is not table:
        prepared = {
            id(host): [
                (route, [(kind_of(matcher), _test(table, matcher)) for matcher in route.match])
                for route in host.routes
                if _reachable(table, route)
            ]
            for host in table.virtual_hosts
        }
        _kept[:] = [(table, prepared)]
    return _kept[0][1]


def _reachable(table: cs.RouteTable, route: Route) -> bool:
    fraction = route.match.runtime_fraction
    if fraction is not None and not fraction.residues(table.runtime).intervals:
        return False
    return not isinstance(route.action, RouteAction) or route.action.under(table.runtime) is not None


def _test(table: cs.RouteTable, matcher: Matcher) -> Callable[[Seen], object]:
    """Whether it holds; None where that is open."""
    envoy = table.behaviour
    if matcher.why_unknown(envoy) is not None or getattr(matcher, "name", "") in INVENTED_HEADERS:
        return lambda seen: verdict(matcher, seen, envoy)
    get, test = matcher.view.get, matcher.test(envoy)
    if isinstance(matcher, ConnectMatcher):
        return lambda seen: not seen.route_path
    if isinstance(matcher, PathMatcher):
        return lambda seen: bool(seen.route_path) and bool(test(get(seen)))
    return lambda seen: bool(test(get(seen)))
