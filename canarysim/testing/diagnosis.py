"""What keeps a table from fulfilling an expectation that does not hold, and the lines of the manifest to look at.

In this order, the first that is true: the route that decides leads there in another share, and no narrower one
below it would in the right share; it would be a later route, and an earlier one takes the request; it would be a
route that refused; it is a route of another virtual host; or no route leads there at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import attrs

from canarysim.answers.explain import explain
from canarysim.answers.fixes import path_text
from canarysim.answers.names import bears
from canarysim.answers.near import look
from canarysim.problems import Where
from canarysim.table.actions import RouteAction
from canarysim.testing.expectations import Destined
from canarysim.testing.judge import judge

if TYPE_CHECKING:
    from collections.abc import Callable

    from canarysim.answers.explain import Explanation
    from canarysim.answers.near import Look
    from canarysim.table.hosts import VirtualHost
    from canarysim.table.route_table import RouteTable
    from canarysim.table.routes import Route
    from canarysim.testing.expectations import Expectation
    from canarysim.testing.judge import Miss, Verdict

__all__ = ["Clue", "Diagnosis", "diagnose"]

#: So many destinations are named, and so many routes below tried.
MOST = 6


class Clue(NamedTuple):
    """A sentence without a full stop, and the line of the manifest that it is about."""

    text: str
    where: Where


class Diagnosis(NamedTuple):
    """Why a request goes where it goes, and clues for each expectation that it misses."""

    explanation: Explanation
    clues: tuple[tuple[Clue, ...], ...]


def diagnose(verdict: Verdict) -> Diagnosis:
    """What to look at for each ``missed`` of a verdict. Cost: that of explain, and O(routes) for each."""
    explanation = explain(verdict.table, verdict.request, verdict.random_value, fault_value=verdict.fault_value)
    return Diagnosis(explanation, tuple(tuple(_clues(verdict, miss, explanation)) for miss in verdict.missed))


def _clues(verdict: Verdict, miss: Miss, explanation: Explanation) -> list[Clue]:
    expectation = miss.expectation
    deciding = {id(d.matched): d.matched for d, _ in verdict.decisions if d.matched is not None}
    winner = next(iter(deciding.values()), None)
    host = explanation.host.virtual_host
    told = host is not None and any(check.tells_routes for check in expectation.checks)
    led = _leading(verdict, expectation, host) if host is not None and told else []
    ready = [one.route for one in led if not one.refusals and not one.open and id(one.route) not in deciding]
    right = [one for one in ready[:MOST] if host is not None and _fulfils_alone(verdict, expectation, host, one)]
    for route in deciding.values():
        if _leads(expectation, route):
            narrower = [one for one in right if not _is_wider(one, route, verdict.table)]
            return _stands_below(narrower[0], route, "fulfil it") if narrower else _weights(route, expectation)
    if host is None or not told:
        return [] if winner is None else [Clue(f"{_called(winner)} takes the request", winner.source)]
    if not led:
        return _elsewhere(verdict.table, expectation, host.name)
    if ready and winner is not None:
        does = "fulfil it" if right else "lead there"
        return _stands_below((right or ready)[0], winner, does)
    return _refused(min(led, key=_nearness(explanation)), explanation)


def _leading(verdict: Verdict, expectation: Expectation, host: VirtualHost) -> list[Look]:
    """The routes of a host that lead to what is expected, each held against the request."""
    seen = verdict.decisions[0][0].seen
    leading = [route for route in host.routes if _leads(expectation, route)]
    return [look(route, seen, verdict.table, verdict.random_value) for route in leading]


def _fulfils_alone(verdict: Verdict, expectation: Expectation, host: VirtualHost, route: Route) -> bool:
    """Whether the expectation would hold if the route had the virtual host to itself: that is tried."""
    table = attrs.evolve(verdict.table, virtual_hosts=[attrs.evolve(host, routes=[route])])
    value, fault = verdict.random_value, verdict.fault_value
    return judge(table, verdict.request, [expectation], random_value=value, fault_value=fault).holds


def _is_wider(one: Route, other: Route, table: RouteTable) -> bool:
    """Whether a route asks for less than another, as far as its conditions tell at a glance."""
    paths = [path_text(route.match.path, table.behaviour) for route in (one, other)]
    return len(one.match.conditions) < len(other.match.conditions) or not paths[0].startswith(paths[1])


def _stands_below(route: Route, winner: Route, does: str) -> list[Clue]:
    return [
        Clue(f"{_called(route)} would {does}, and matches;", route.source),
        Clue(f"but {_called(winner)} stands above it and takes the request", winner.source),
    ]


def _nearness(explanation: Explanation) -> Callable[[Look], tuple[int, int, int]]:
    """Near misses that have hints first, then other ones, then what refuses least."""
    order = {id(near.route): (not near.hints, number) for number, near in enumerate(explanation.near)}
    far = (2, 0)
    return lambda one: (*map(int, order.get(id(one.route), far)), len(one.refusals))  # type: ignore[return-value]


def _leads(expectation: Expectation, route: Route) -> bool:
    told = [leads for check in expectation.checks if (leads := check.leads(route)) is not None]
    return bool(told) and all(told)


def _called(route: Route) -> str:
    return f"route {route.index} ({route.match})"


def _weights(route: Route, expectation: Expectation) -> list[Clue]:
    """The weights of the route that decides: what to change where a share is wrong."""
    action = route.action
    if not isinstance(action, RouteAction) or not action.weighted:
        return []
    labels = [check.labels for check in expectation.checks if isinstance(check, Destined)]
    found = [
        Clue(
            f"{destination} has weight {destination.weight} of {action.total}", destination.source or route.source
        )
        for destination in action.destinations
        if all(bears(destination, each) for each in labels)
    ]
    return found[:MOST]


def _elsewhere(table: RouteTable, expectation: Expectation, name: str) -> list[Clue]:
    for host in table.virtual_hosts:
        for route in host.routes:
            if _leads(expectation, route):
                return [
                    Clue(f"no route of virtual host {name} leads there", Where()),
                    Clue(f"{_called(route)} of virtual host {host.name} does", route.source),
                ]
    return [Clue("no route leads there", Where())]


def _refused(one: Look, explanation: Explanation) -> list[Clue]:
    reasons = " and ".join(f"{refusal.condition.view.name} is {refusal.saw}" for refusal in one.refusals[:2])
    found = [Clue(f"{_called(one.route)} would fulfil it, but refuses: {reasons}", one.route.source)]
    for near in explanation.near:
        if near.route is one.route:
            found += [Clue(hint.text, Where()) for hint in near.hints[:1]]
    return found
