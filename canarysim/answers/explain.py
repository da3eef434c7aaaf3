"""Why does a request go where it goes: the host that took it, and what each earlier route refused it for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from canarysim.answers.preview import as_request

if TYPE_CHECKING:
    from fractions import Fraction

    from canarysim.request import Request
    from canarysim.table.decision import Decision
    from canarysim.table.hosts import DomainRule, VirtualHost
    from canarysim.table.http import Seen
    from canarysim.table.matchers import Matcher
    from canarysim.table.route_table import RouteTable
    from canarysim.table.routes import Route

__all__ = ["Explanation", "Host", "Step", "explain"]


@attrs.frozen
class Host:
    """The virtual host that the host of the request belongs to, and the domain that says so."""

    authority: str
    virtual_host: VirtualHost | None
    rule: DomainRule | None


@attrs.frozen
class Step:
    """A route that refused: the first condition that did not hold, and the text it looked at.

    ``others_hold`` is True where this condition alone kept the route from matching.
    """

    route: Route
    refused_by: Matcher
    saw: str
    others_hold: bool


@attrs.frozen
class Explanation:
    """Why a request goes where it goes.

    ``steps`` are the earlier routes of the host in order, ``winner`` is the route that matched (or that may
    match, where ``decisions`` say unknown), ``near`` the refusals that hung on one condition of several.
    ``decisions`` are (Decision, share) pairs: one where a random value was given or none is needed.
    """

    request: Request
    host: Host
    steps: tuple[Step, ...]
    winner: Route | None
    near: tuple[Step, ...]
    decisions: tuple[tuple[Decision, Fraction], ...]
    notes: tuple[str, ...]
    random_value: int | None = None

    def __str__(self) -> str:
        from canarysim.faces.explanation import explanation_text

        return explanation_text(self)


def explain(table: RouteTable, request: Request | str, random_value: int | None = None) -> Explanation:
    """Why a request goes where it goes. Cost: O(routes of the host and their conditions)."""
    from fractions import Fraction

    request = as_request(request)
    found = table.find(request)
    if random_value is None:
        decisions = table.shares(request)
    else:
        decisions = ((table.route(request, random_value), Fraction(1)),)
    steps: list[Step] = []
    if found.host is not None and not found.needs_tls:
        for route in found.host.routes:
            if route is found.route:
                break
            steps.append(_refusal(route, found.seen, table.envoy))
    return Explanation(
        request,
        Host(found.seen.authority, found.host, found.rule),
        tuple(steps),
        found.route,
        tuple(step for step in steps if step.others_hold),
        decisions,
        found.seen.notes,
        random_value,
    )


def _refusal(route: Route, seen: Seen, envoy: str) -> Step:
    """The first condition that did not hold. One that is not simulated is no refusal."""
    conditions = [m for m in route.match if m.why_unknown(envoy) is None]
    failed = [m for m in conditions if not _holds(m, seen, envoy)]
    first = failed[0]
    return Step(
        route,
        first,
        first.view.show(first.view.get(seen)),
        len(failed) == 1 and len(conditions) > 1,
    )


def _holds(matcher: Matcher, seen: Seen, envoy: str) -> bool:
    from canarysim.table.matchers import ConnectMatcher, PathView

    if not seen.route_path and isinstance(matcher.view, PathView):
        return isinstance(matcher, ConnectMatcher)  # a CONNECT request has no path that others could take
    return matcher.holds(seen, envoy)
