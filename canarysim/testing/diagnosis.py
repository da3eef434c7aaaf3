"""What keeps a table from fulfilling an expectation that does not hold, and the lines of the manifest to look at.

In this order, the first that is true: the route that decides leads there in another share; it would be a later
route, and an earlier one takes the request; it would be a route that refused; it is a route of another virtual
host; or no route leads there at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from canarysim.answers.explain import explain
from canarysim.answers.names import bears
from canarysim.answers.near import look
from canarysim.problems import Where
from canarysim.table.actions import RouteAction
from canarysim.testing.expectations import Destined

if TYPE_CHECKING:
    from collections.abc import Callable

    from canarysim.answers.explain import Explanation
    from canarysim.answers.near import Look
    from canarysim.table.route_table import RouteTable
    from canarysim.table.routes import Route
    from canarysim.testing.expectations import Expectation
    from canarysim.testing.judge import Miss, Verdict

__all__ = ["Clue", "Diagnosis", "diagnose"]

#: So many destinations are named.
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
    for route in deciding.values():
        if _leads(expectation, route):
            return _weights(route, expectation)
    winner = next(iter(deciding.values()), None)
    host = explanation.host.virtual_host
    if host is None or not any(check.tells_routes for check in expectation.checks):
        return [] if winner is None else [Clue(f"{_called(winner)} takes the request", winner.source)]
    seen = verdict.decisions[0][0].seen
    looks = [look(route, seen, verdict.table, verdict.random_value) for route in host.routes]
    led = [one for one in looks if _leads(expectation, one.route)]
    if not led:
        return _elsewhere(verdict.table, expectation, host.name)
    ready = [one.route for one in led if not one.refusals and not one.open]
    if ready and winner is not None:
        return [
            Clue(f"{_called(ready[0])} would fulfil it, and matches;", ready[0].source),
            Clue(f"but {_called(winner)} stands above it and takes the request", winner.source),
        ]
    return _refused(min(led, key=_nearness(explanation)), explanation)


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
