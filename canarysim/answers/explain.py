"""Why does a request go where it goes: the host that took it, and what each earlier route refused it for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from canarysim.answers.fixes import path_text
from canarysim.answers.near import Hint, Near, Refusal, domain_hints, look, nearest, other_hints
from canarysim.answers.preview import as_request, as_table
from canarysim.table.outcomes import decisions as decisions_of
from canarysim.table.outcomes import possible
from canarysim.table.route_table import checked
from canarysim.table.routes import verdict

if TYPE_CHECKING:
    from collections.abc import Iterable
    from fractions import Fraction

    from canarysim.answers.near import Look
    from canarysim.problems import Problem
    from canarysim.request import Request
    from canarysim.table.behaviour import Behaviour
    from canarysim.table.chance import Chance
    from canarysim.table.decision import Decision
    from canarysim.table.hosts import DomainRule, VirtualHost
    from canarysim.table.matchers import Matcher
    from canarysim.table.route_table import RouteTable
    from canarysim.table.routes import Route

__all__ = ["Explanation", "Hint", "Host", "Near", "Refusal", "Step", "explain"]

#: How many near misses are found and given hints, before the winner and after it.
NEAREST = 5
NEAREST_AFTER = 2


@attrs.frozen
class Host:
    """The virtual host that the host of the request belongs to, and the domain that says so.

    ``domains`` are those of the whole table. ``hints`` name domains that narrowly do not take the host, where no
    exact one does.
    """

    authority: str
    virtual_host: VirtualHost | None
    rule: DomainRule | None
    domains: tuple[str, ...] = ()
    hints: tuple[Hint, ...] = ()


@attrs.frozen
class Step:
    """A route that refused: ``refusals`` are all conditions that did not hold, path first, never empty."""

    route: Route
    refusals: tuple[Refusal, ...]
    #: Whether the first refusal alone kept a route of several conditions from matching.
    others_hold: bool

    @property
    def refused_by(self) -> Matcher:
        """The first condition that did not hold."""
        return self.refusals[0].condition

    @property
    def saw(self) -> str:
        """The text that it looked at, quoted, or ``missing``."""
        return self.refusals[0].saw


@attrs.frozen(repr=False)
class Explanation:
    """Why a request goes where it goes.

    ``steps`` are the earlier routes of the host in order, ``winner`` is the route that matched; or that may
    match, where ``open_problems`` say what leaves that open. ``near`` are the nearest misses, nearest first
    (near.py says what that means), those before the winner and then those after it. ``shadowed`` are the routes
    after the winner that would have matched, most specific first. ``decisions`` are (Decision, share) pairs: one
    where a random value was given or none is needed, and what a fault draws is known or plays no part;
    ``chances`` says which random values lead to each.
    ``hints`` say what stood in the way besides conditions of routes. ``shared`` are the routes before the winner
    that take the request for some random values, with those; the winner has the rest.
    """

    table: RouteTable = attrs.field(repr=False)
    request: Request
    host: Host
    steps: tuple[Step, ...]
    winner: Route | None
    near: tuple[Near, ...]
    decisions: tuple[tuple[Decision, Fraction], ...]
    notes: tuple[str, ...]
    random_value: int | None = None
    fault_value: int | None = None
    shadowed: tuple[Route, ...] = ()
    chances: tuple[tuple[Decision, Chance], ...] = ()
    open_problems: tuple[Problem, ...] = ()
    hints: tuple[Hint, ...] = ()
    shared: tuple[tuple[Route, Chance], ...] = ()

    @property
    def dropped(self) -> tuple[Problem, ...]:
        """The problems of routes of this host that match the request but were left out by the control plane."""
        host, seen = self.host.virtual_host, self.decisions[0][0].seen
        if host is None or not host.dropped:
            return ()
        envoy = self.table.behaviour
        return tuple(
            dict.fromkeys(
                each.problem
                for each in host.dropped
                if all(verdict(matcher, seen, envoy) for matcher in each.match)
            )
        )

    def __repr__(self) -> str:
        return f"<Explanation of {str(self.request)!r}: {self.decisions[0][0].outcome}>"

    def _repr_html_(self) -> str:
        from canarysim.faces.html import explanation_html

        return explanation_html(self)

    def __str__(self) -> str:
        from canarysim.faces.explanation import explanation_text

        return explanation_text(self)


def explain(
    table: RouteTable,
    request: Request | str,
    random_value: int | None = None,
    *,
    fault_value: int | None = None,
) -> Explanation:
    """Why a request goes where it goes, and what narrowly did not take it.

    ``request`` is a Request or its text; ``random_value`` settles a weighted decision, ``fault_value`` whether a
    fault aborts. Raises InvalidValue for a text that is no request and for values outside 0 to 2^64 - 1. Cost:
    O(routes of the host and their conditions), O(domains) where no exact domain takes the host, and some ten
    searches of the table for the hints on at most seven near misses.

    >>> import canarysim as cs
    >>> table = cs.loads('''
    ... apiVersion: gateway.solo.io/v1
    ... kind: VirtualService
    ... metadata: {name: shop, namespace: gloo-system}
    ... spec:
    ...   virtualHost:
    ...     routes:
    ...     - matchers: [{prefix: /orders, headers: [{name: x-canary, value: 'true'}]}]
    ...       routeAction: {single: {upstream: {name: v2}}}
    ...     - routeAction: {single: {upstream: {name: v1}}}
    ... ''')
    >>> explanation = cs.explain(table, "GET /orders x-canary:True")
    >>> [(step.route.index, str(step.refused_by), step.saw) for step in explanation.steps]
    [(0, "header x-canary is 'true'", "'True'")]
    >>> explanation.near[0].hints[0].text
    'header values are case-sensitive: would match with x-canary: true'
    """
    table, request = as_table(table), as_request(request)
    random_value = None if random_value is None else checked(random_value, "random")
    fault_value = None if fault_value is None else checked(fault_value, "fault")
    found = table.find(request)
    chances = decisions_of(table, found)
    left = possible(chances, random_value, fault_value)
    decisions = tuple((decision, chance.share) for decision, chance in left)
    if random_value is not None:
        found = found.under(random_value)
    earlier: list[Look] = []
    later: list[Look] = []
    winner = found.branches[-1].route
    shared = [(branch.route, branch.chance) for branch in found.branches[:-1] if branch.route is not None]
    if found.host is not None and not found.needs_tls:
        looks = earlier
        for route in found.host.routes:
            if route is winner:
                looks = later
            elif not any(route is other for other, _ in shared):
                looks.append(look(route, found.seen, table, random_value))
    return Explanation(
        table,
        request,
        Host(
            found.seen.authority,
            found.host,
            found.rule,
            tuple(domain for host in table.virtual_hosts for domain in host.domains),
            domain_hints(table, request, found),
        ),
        tuple(map(_step, earlier)),
        winner,
        (
            *nearest(table, request, found, earlier, after=False, most=NEAREST),
            *nearest(table, request, found, later, after=True, most=NEAREST_AFTER),
        ),
        decisions,
        found.seen.notes,
        random_value,
        fault_value,
        _shadowed(later, table.behaviour),
        chances,
        found.open_problems,
        other_hints(table, request, found),
        tuple(shared),
    )


def _step(one: Look) -> Step:
    conditions = len(one.refusals) + one.held + len(one.open)
    refusals = one.refusals
    fraction = one.route.match.runtime_fraction
    if not refusals and fraction is not None:  # all holds, and the route gets no random value all the same
        refusals = (Refusal(fraction, "always one that an earlier route takes"),)
    return Step(one.route, refusals, len(refusals) == 1 < conditions)


def _shadowed(looks: Iterable[Look], envoy: Behaviour) -> tuple[Route, ...]:
    """Most conditions first, then the longest text of the path, then order."""
    matching = [one for one in looks if not one.refusals and not one.open]
    matching.sort(key=lambda one: (-one.held, -len(path_text(one.route.match.path, envoy)), one.route.index))
    return tuple(one.route for one in matching)
