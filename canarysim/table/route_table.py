"""The route table: what Envoy would run, and the decision it would take."""

from __future__ import annotations

from operator import index
from typing import TYPE_CHECKING, Literal, NamedTuple

import attrs

from canarysim.errors import InvalidValue, RandomValueNeeded
from canarysim.table.actions import RouteAction
from canarysim.table.chance import EVERY, Chance
from canarysim.table.decision import Decision
from canarysim.table.hosts import DomainIndex, DomainRule, VirtualHost
from canarysim.table.http import HttpSettings, Seen, see
from canarysim.table.redirects import DirectResponseAction, RedirectAction
from canarysim.table.routes import Action, Route, RouteProgram
from canarysim.table.values import as_tuple

if TYPE_CHECKING:
    from fractions import Fraction

    from canarysim.problems import Problem
    from canarysim.request import Request
    from canarysim.table.actions import Destination, Unknown
    from canarysim.table.decision import Kind

__all__ = ["ENVOY_VERSIONS", "Found", "RouteTable"]

ENVOY_VERSIONS = ("1.36", "1.40")


class Found(NamedTuple):
    """How far the search for a route came: the request as seen, the host and the rule that took it, the route.

    ``open_problems`` are what leaves it open whether ``route`` matches at all.
    """

    seen: Seen
    rule: DomainRule | None = None
    host: VirtualHost | None = None
    route: Route | None = None
    open_problems: tuple[Problem, ...] = ()
    needs_tls: bool = False

    @property
    def action(self) -> Action | None:
        """The action that decides; None where there is none, or where something unsimulated could change it."""
        route = self.route
        if route is None or not route.decides or self.open_problems:
            return None
        if self.host is not None and self.host.unknowns and self.blocked:
            return None
        return route.action

    @property
    def blocked(self) -> tuple[Problem, ...]:
        """What leaves every decision of the virtual host open."""
        if self.host is None or not self.host.unknowns or self.needs_tls:
            return ()
        return tuple(unknown.problem for unknown in self.host.unknowns if not unknown.parts)


@attrs.frozen
class RouteTable:
    """Virtual hosts, the Envoy whose behaviour they have, and what its connection manager does before routing.

    ``scheme`` is that of the listener. ``problems`` are what reading found that does not prevent an answer.

    >>> import canarysim as cs
    >>> table = cs.loads('''
    ... apiVersion: gateway.solo.io/v1
    ... kind: VirtualService
    ... metadata: {name: shop}
    ... spec: {virtualHost: {routes: [{routeAction: {single: {upstream: {name: v1}}}}]}}
    ... ''')
    >>> table
    <RouteTable 'gateway-proxy', 1 virtual host, 1 route, Envoy 1.36>
    >>> table.route(cs.Request("/")).cluster, len(table.routes_to("v1"))
    ('v1_default', 1)
    """

    virtual_hosts: tuple[VirtualHost, ...] = attrs.field(converter=as_tuple)
    name: str = attrs.field(default="", kw_only=True)
    envoy: str = attrs.field(default="1.40", kw_only=True)
    http: HttpSettings = attrs.field(factory=HttpSettings, kw_only=True)
    scheme: Literal["http", "https"] = attrs.field(default="http", kw_only=True)
    route_configuration: str = attrs.field(default="", kw_only=True)
    problems: tuple[Problem, ...] = attrs.field(default=(), kw_only=True, eq=False)
    _index: DomainIndex[tuple[VirtualHost, RouteProgram]] = attrs.field(init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        if self.envoy not in ENVOY_VERSIONS:
            raise InvalidValue("unknown_envoy", f"envoy={self.envoy!r}: known are {' and '.join(ENVOY_VERSIONS)}")
        entries = []
        problems = list(self.problems)
        for host in self.virtual_hosts:
            program = RouteProgram(host.routes, self.envoy)
            entries += [(domain, (host, program)) for domain in host.domains]
            problems += [problem for problem in program.problems if problem not in problems]
        object.__setattr__(self, "_index", DomainIndex(entries))
        object.__setattr__(self, "problems", tuple(problems))

    def __getstate__(self) -> dict[str, object]:
        return {field.name: getattr(self, field.name) for field in attrs.fields(RouteTable) if field.init}

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__init__(state.pop("virtual_hosts"), **state)  # type: ignore[misc]

    @property
    def routes(self) -> tuple[Route, ...]:
        """The routes of all virtual hosts, in order."""
        return tuple(route for host in self.virtual_hosts for route in host.routes)

    @property
    def destinations(self) -> tuple[Destination, ...]:
        """The destinations of all routes, in order, those of weight 0 included; they may repeat."""
        return tuple(
            d for route in self.routes if isinstance(route.action, RouteAction) for d in route.action.destinations
        )

    @property
    def unknown(self) -> tuple[Problem, ...]:
        """What leaves some decision, or a part of one, open; () where every answer is certain."""
        found = [unknown.problem for host in self.virtual_hosts for unknown in host.unknowns]
        for route in self.routes:
            found += [unknown.problem for unknown in (*route.unknowns, *route.open_rewrites(self.envoy))]
        found += [unknown.problem for destination in self.destinations for unknown in destination.unknowns]
        found += [problem for problem in self.problems if problem.code == "condition_not_run"]
        return tuple(dict.fromkeys(found))

    def routes_to(self, name: str) -> tuple[Route, ...]:
        """The routes that name a cluster or an Upstream, even with weight 0. () where none does.

        Answers the question at the end of a canary: does any route still name the old version?
        """
        return tuple(
            route
            for route in self.routes
            if isinstance(route.action, RouteAction)
            and any(name in names_of(destination) for destination in route.action.destinations)
        )

    def find(self, request: Request) -> Found:
        """Everything up to the route, which no random value influences. Cost: O(routes of the host)."""
        seen = see(request, self.http, envoy=self.envoy, scheme=self.scheme)
        if seen.refused is not None:
            return Found(seen)
        entry = self._index.find(seen.authority)
        if entry is None:
            return Found(seen)
        rule, (host, program) = entry
        if host.require_tls and seen.header("x-forwarded-proto") != ("https",):
            return Found(seen, rule, host, None, (), True)
        route, problems = program.find(seen)
        return Found(seen, rule, host, route, problems)

    def route(self, request: Request, random_value: int | None = None) -> Decision:
        """What Envoy does with a request that drew ``random_value`` (an integer of 64 bits, from 0).

        Without one, the decision that every random value leads to; RandomValueNeeded, which carries the
        shares, where there is none. Nothing is drawn. Cost: O(routes of the host).
        """
        if random_value is not None and not _is_random_value(random_value):
            raise InvalidValue("bad_random_value", f"a random value is 0 to 2^64 - 1, not {random_value!r}")
        found = self.find(request)
        action = found.action
        if not isinstance(action, RouteAction) or action.cluster_header:
            return _settle(found, None, self.envoy)
        destination = action.certain
        if destination is None:
            if random_value is None:
                raise RandomValueNeeded([(d, chance.share) for d, chance in _chances(found, self.envoy)])
            destination = action.pick(index(random_value))
        return _settle(found, destination, self.envoy)

    def chances(self, request: Request) -> tuple[tuple[Decision, Chance], ...]:
        """Every possible decision with the random values that lead to it, in the order of the table.

        The shares add to 1; destinations of weight 0 are there, with share 0.
        """
        return _chances(self.find(request), self.envoy)

    def shares(self, request: Request) -> tuple[tuple[Decision, Fraction], ...]:
        """Every possible decision with its exact share of all random values."""
        return tuple((decision, chance.share) for decision, chance in self.chances(request))

    def __repr__(self) -> str:
        name = f"{self.name!r}, " if self.name else ""
        counts = [(len(self.virtual_hosts), "virtual host"), (len(self.routes), "route")]
        words = [f"{count} {noun}{'' if count == 1 else 's'}" for count, noun in counts]
        return f"<RouteTable {name}{', '.join(words)}, Envoy {self.envoy}>"

    def _repr_html_(self) -> str:
        from canarysim.faces.html import table_html

        return table_html(self)

    def __str__(self) -> str:
        from canarysim.faces.text import table_text

        return table_text(self)


def _is_random_value(value: object) -> bool:
    """Also numpy's integers: whatever stands for an index and is no bool."""
    try:
        return not isinstance(value, bool) and 0 <= index(value) < 2**64  # type: ignore[arg-type]
    except TypeError:
        return False


def names_of(destination: Destination) -> tuple[str, ...]:
    """What a destination may be called: its cluster, its Upstream as ``namespace.name``, and the bare name."""
    if destination.upstream is None:
        return (destination.cluster,)
    return destination.cluster, destination.upstream, destination.upstream.rpartition(".")[2]


def _chances(found: Found, envoy: str) -> tuple[tuple[Decision, Chance], ...]:
    action = found.action
    if not isinstance(action, RouteAction) or action.cluster_header:
        return ((_settle(found, None, envoy), EVERY),)
    return tuple((_settle(found, destination, envoy), chance) for destination, chance in action.chances())


def _settle(found: Found, destination: Destination | None, envoy: str) -> Decision:
    """The decision at the end of a search, once a destination is picked where there is one to pick."""
    seen, _, host, route, open_problems, needs_tls = found
    if destination is not None:
        return _forward(found, destination, envoy)
    kind: Kind
    status: int | None = None
    location: str | None = None
    unknown: tuple[Problem, ...] = ()
    parts: tuple[str, ...] = ()
    source = None
    if seen.refused is not None:
        kind, status = "rejected", seen.refused[0]
    elif host is None:
        kind, status = "not_found", 404
    elif needs_tls:
        kind, status, source = "tls_redirect", 301, host.source
        location = f"https://{seen.authority}{seen.path}"
    elif blocked := found.blocked:
        kind, unknown, source = "unknown", blocked, host.source
    elif route is None:
        kind, status, source = "not_found", 404, host.source
    elif open_problems or not route.decides or (action := route.action) is None:
        kind, source = "unknown", route.source
        unknown = open_problems or tuple(u.problem for u in route.unknowns if not u.parts)
    else:
        source = route.source
        # Nothing is sent upstream here: of all parts only a location can be open.
        unknowns = (*host.unknowns, *route.unknowns, *route.open_rewrites(envoy))
        redirects = isinstance(action, RedirectAction)
        unknown, parts = _open(tuple(u for u in unknowns if redirects and "location" in u.parts))
        if isinstance(action, RedirectAction):
            kind, status = "redirect", action.status
            if "location" not in parts:
                location = action.location(seen, route.match.path, envoy)
        elif isinstance(action, DirectResponseAction):
            kind, status, location = "direct_response", action.status, action.location(seen)
        else:
            named = action.named(seen)
            if named is not None:
                return _forward(found, named, envoy)
            kind, status = "cluster_not_found", 503
    name = None if host is None else host.name
    return Decision(kind, name, route, None, status, location, unknown, parts, seen, envoy, source)


def _forward(found: Found, destination: Destination, envoy: str) -> Decision:
    """The decision that a picked destination makes."""
    seen, _, host, route, _, _ = found
    assert host is not None
    assert route is not None
    unknown, parts = _open((*host.unknowns, *route.unknowns, *route.open_rewrites(envoy), *destination.unknowns))
    source = destination.source or route.source
    return Decision("forward", host.name, route, destination, None, None, unknown, parts, seen, envoy, source)


def _open(unknowns: tuple[Unknown, ...]) -> tuple[tuple[Problem, ...], tuple[str, ...]]:
    """The problems that leave parts of a decision open, and those parts."""
    if not unknowns:
        return (), ()
    parts = tuple(dict.fromkeys(part for unknown in unknowns for part in unknown.parts))
    return tuple(unknown.problem for unknown in unknowns), parts
