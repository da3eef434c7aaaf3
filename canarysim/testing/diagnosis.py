"""What keeps a table from fulfilling an expectation that does not hold, and the lines of the manifest to look at.

In this order, the first that is true: the virtual host wants https; the route that decides leads there, in another
share or but for what stops the request, and no narrower one below it would in the right share; it would be a later
route, and an earlier one takes the request; it would be a route that refused; it is a route of another virtual
host; or no route leads there at all.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

import attrs

from canarysim.answers.explain import explain
from canarysim.answers.fixes import path_text
from canarysim.answers.names import bears
from canarysim.answers.near import look
from canarysim.faces.text import percent
from canarysim.problems import Where
from canarysim.request import readable
from canarysim.table.actions import RouteAction
from canarysim.table.values import Undetermined
from canarysim.testing.contents import Answers
from canarysim.testing.expectations import Destined, Mirrored
from canarysim.testing.judge import judge

if TYPE_CHECKING:
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

#: How near a route is whose path refuses, with nothing to say about it: the request was hardly meant for it.
_FAR = 2


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


def _how_to_expect(verdict: Verdict, miss: Miss) -> list[Clue]:
    """What the expectation means, where it was hardly meant so."""
    place = miss.expectation.source
    if miss.expectation.share is None and 0 < miss.share < 1 and verdict.random_value is None:
        return [Clue("an expectation without a share holds for every random value", place)]
    return []


def _clues(verdict: Verdict, miss: Miss, explanation: Explanation) -> list[Clue]:
    expectation, host = miss.expectation, explanation.host.virtual_host
    for check in expectation.checks:
        if isinstance(check, Answers) and check.name == "redirect" and "://" not in check.value:
            return [Clue("a redirect is compared as the whole URL", expectation.source)]
    if host is None:
        return [] if expectation.share is None else _no_host(verdict, explanation)
    if explanation.winner is None and verdict.decisions[0][0].kind in ("tls_redirect", "rejected"):
        return [Clue(f"virtual host {host.name} takes https only", host.source)]
    deciding = {id(d.matched): d.matched for d, _ in verdict.decisions if d.matched is not None}
    winner = next(iter(deciding.values()), None)
    told = any(check.tells_routes for check in expectation.checks)
    led = _leading(verdict, expectation, host) if told else []
    ready = [one.route for one in led if not one.refusals and not one.open and id(one.route) not in deciding]
    right = [one for one in ready[:MOST] if _fulfils_alone(verdict, expectation, host, one)]
    stopped = _stopped(verdict)
    for route in deciding.values():
        if _leads(expectation, route) or _headers_that_name(route):
            narrower = [one for one in right if not _is_wider(one, route, verdict.table)]
            if narrower:
                return _stands_below(narrower[0], route, "fulfil it")
            picks = [*_picks(verdict, route, expectation), *_how_to_expect(verdict, miss)]
            return stopped or [*_aborted(verdict), *picks]
    if not told:
        return stopped or ([] if winner is None else [_taking(winner)])
    if not led:
        return _elsewhere(verdict.table, expectation, host.name)
    if ready and winner is not None:
        does = "fulfil it" if right else "lead there"
        return _stands_below((right or ready)[0], winner, does)
    telling = min(led, key=lambda one: _nearness(one, explanation))
    taken = [] if winner is None else [_taking(winner)]
    if _nearness(telling, explanation)[0] < _FAR:
        return _refused(telling, explanation)
    if len(led) == 1:
        return taken + _refused(telling, explanation)
    return taken or [Clue(f"{len(led)} routes lead there, of which none comes near", Where())]


def _no_host(verdict: Verdict, explanation: Explanation) -> list[Clue]:
    if verdict.decisions[0][0].seen.refused is not None:
        return []
    named = explanation.host.authority
    shown = f"host {readable(named)!r}" if named else "a request without a host"
    return [Clue(f"no virtual host takes {shown}", Where())]


def _taking(route: Route) -> Clue:
    return Clue(f"{_called(route)} takes the request", route.source)


def _stopped(verdict: Verdict) -> list[Clue]:
    """What Envoy answers although a route took the request, where that is for each of its random values."""
    decision = verdict.decisions[0][0]
    route = decision.matched
    if route is None or len(verdict.decisions) > 1:
        return []
    if decision.kind == "rejected":
        upgrade = decision.seen.header("upgrade") or ("CONNECT",)
        return [Clue(f"{_called(route)} allows no upgrade to {upgrade[0]}", route.source)]
    if decision.kind == "cluster_not_found" and not _headers_that_name(route):
        return [Clue(f"{_called(route)} sends to a cluster that there is not", decision.source or route.source)]
    return []


def _aborted(verdict: Verdict) -> list[Clue]:
    share = sum((share for decision, share in verdict.decisions if decision.kind == "fault_abort"), Fraction(0))
    places = {d.faults.source for d, _ in verdict.decisions if d.kind == "fault_abort" and d.faults is not None}
    if not share:
        return []
    place = next(iter(places)) if len(places) == 1 else None
    return [Clue(f"a fault aborts {percent(share)} of these requests", place or Where())]


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


def _nearness(one: Look, explanation: Explanation) -> tuple[int, int, int]:
    """What has hints first, then what refuses for another reason than the path; then what is nearest."""
    order = {id(near.route): (number, bool(near.hints)) for number, near in enumerate(explanation.near)}
    number, hinted = order.get(id(one.route), (len(order), False))
    on_path = bool(one.refusals) and one.refusals[0].condition is one.route.match.path
    return 0 if hinted else _FAR if on_path else 1, number, len(one.refusals)


def _leads(expectation: Expectation, route: Route) -> bool:
    told = [leads for check in expectation.checks if (leads := check.leads(route)) is not None]
    return bool(told) and all(told)


def _called(route: Route) -> str:
    return f"route {route.index} ({route.match})"


def _headers_that_name(route: Route) -> list[str]:
    """The headers of requests that name the cluster they are sent to."""
    action = route.action
    if not isinstance(action, RouteAction):
        return []
    names = (action.cluster_header, *(destination.cluster_header for destination in action.destinations))
    return list(dict.fromkeys(filter(None, names)))


def _picks(verdict: Verdict, route: Route, expectation: Expectation) -> list[Clue]:
    """How the route that decides picks a destination: what to change where a share is wrong."""
    action = route.action
    if not isinstance(action, RouteAction):
        return []
    names = " or ".join(_headers_that_name(route))
    found = [Clue(f"header {names} names the cluster", route.source)] if names else []
    labels = [check.labels for check in expectation.checks if isinstance(check, Destined)]
    if any(isinstance(check, Mirrored) for check in expectation.checks):
        found += _copies(verdict, route)
    elif action.weighted and not labels:
        return found
    if not action.weighted:
        # A share is a bare number: it has not said yet which route it is about.
        return found or ([] if expectation.share is None else [_taking(route)])
    weighed = action.under(verdict.table.runtime) or action
    runtime = "" if weighed is action else ", by the runtime"
    found += [
        Clue(
            f"{destination} has weight {destination.weight} of {weighed.total}{runtime}",
            destination.source or route.source,
        )
        for destination in weighed.destinations
        if labels and all(bears(destination, each) for each in labels)
    ][:MOST]
    told = action.told(verdict.decisions[0][0].seen, verdict.table.behaviour)
    if told is not None and not isinstance(told, Undetermined):
        what = f"header {action.header_name}" if action.header_name else "the hash of the request"
        found.append(Clue(f"{what} picks, and no random value", route.source))
    return found


def _copies(verdict: Verdict, route: Route) -> list[Clue]:
    """Who gets copies, and of how many of the requests."""
    shares: dict[str, Fraction] = {}
    for decision, share in verdict.decisions:
        for cluster in dict.fromkeys(decision.mirrors or ()):
            shares[cluster] = shares.get(cluster, Fraction(0)) + share
    return [Clue(f"{cluster} gets a copy of {percent(share)}", route.source) for cluster, share in shares.items()]


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
    found = [Clue(f"{_called(one.route)} leads there, but refuses: {reasons}", one.route.source)]
    for near in explanation.near:
        if near.route is one.route:
            found += [Clue(hint.text, Where()) for hint in near.hints[:1]]
    return found
