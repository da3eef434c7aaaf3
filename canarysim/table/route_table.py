"""The route table: what Envoy would run, and the decision it would take."""

from __future__ import annotations

from functools import lru_cache
from operator import index
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import attrs

from canarysim.errors import InvalidValue
from canarysim.request import Request, octets
from canarysim.table.actions import RouteAction
from canarysim.table.behaviour import ENVOY_VERSIONS, Behaviour, behaviour_of
from canarysim.table.chance import EVERY
from canarysim.table.hosts import DomainIndex, DomainRule, VirtualHost, without_port
from canarysim.table.http import HttpSettings, Seen, see
from canarysim.table.outcomes import decide, decisions
from canarysim.table.redirects import DirectResponseAction
from canarysim.table.routes import NO_ROUTE, Branch, Route, RouteProgram
from canarysim.table.runtime import NO_RUNTIME, Runtime
from canarysim.table.values import as_tuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from fractions import Fraction

    from canarysim.problems import Problem
    from canarysim.table.actions import Destination, MirrorPolicy
    from canarysim.table.chance import Chance
    from canarysim.table.decision import Decision
    from canarysim.table.faults import Faults
    from canarysim.table.mutations import Mutations

__all__ = ["ENVOY_VERSIONS", "Found", "RouteTable"]


def _lower(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(name.lower() for name in as_tuple(names))


def _lacks_tls(host: VirtualHost, seen: Seen) -> bool:
    return seen.header("x-forwarded-proto") != ("https",) and (host.require_tls == "ALL" or not seen.internal)


def _runtime(values: Runtime | Mapping[str, Any]) -> Runtime:
    return values if isinstance(values, Runtime) else Runtime.of(values)


def _as_set(names: Iterable[str] | None) -> frozenset[str] | None:
    return None if names is None else frozenset(as_tuple(names))


def _is_settings(_: object, __: object, value: object) -> None:
    if not isinstance(value, HttpSettings):
        raise TypeError(f"http is HttpSettings(...), not {type(value).__name__}")


def _is_scheme(_: object, __: object, value: object) -> None:
    if value not in ("http", "https"):
        raise InvalidValue("bad_scheme", f"scheme={value!r}: a listener has http or https")


class Found(NamedTuple):
    """How far the search came: the request as seen, the host and the rule that took it, the routes that may."""

    seen: Seen
    rule: DomainRule | None = None
    host: VirtualHost | None = None
    branches: tuple[Branch, ...] = NO_ROUTE
    needs_tls: bool = False

    @property
    def branch(self) -> Branch | None:
        """The branch that every random value leads to; None where it depends."""
        return self.branches[0] if len(self.branches) == 1 else None

    @property
    def route(self) -> Route | None:
        """The route that every random value leads to; None where there is none, or where it depends."""
        return self.branches[0].route if len(self.branches) == 1 else None

    @property
    def open_problems(self) -> tuple[Problem, ...]:
        """What leaves it open whether a route matches."""
        return tuple(dict.fromkeys(problem for branch in self.branches for problem in branch.problems))

    @property
    def blocked(self) -> tuple[Problem, ...]:
        """What leaves every decision of the virtual host open."""
        if self.host is None or not self.host.unknowns or self.needs_tls:
            return ()
        return tuple(unknown.problem for unknown in self.host.unknowns if not unknown.parts)

    def under(self, random_value: int) -> Found:
        """The same for one random value: with the one branch that it leads to."""
        if len(self.branches) == 1:
            return self
        branch = next(branch for branch in self.branches if random_value in branch.chance)
        return self._replace(branches=(branch._replace(chance=EVERY),))


@attrs.frozen
class RouteTable:
    """Virtual hosts, the Envoy whose behaviour they have, and what its connection manager does before routing.

    ``scheme`` is that of the listener. ``problems`` are what reading found that does not prevent an answer.
    ``runtime`` is Envoy's runtime (also a mapping from keys to values), ``clusters`` the names of all clusters
    there are, None where every named one is taken to exist. What else there is, is named and means what Envoy's
    RouteConfiguration says.

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
    http: HttpSettings = attrs.field(factory=HttpSettings, kw_only=True, validator=_is_settings)
    scheme: Literal["http", "https"] = attrs.field(default="http", kw_only=True, validator=_is_scheme)
    route_configuration: str = attrs.field(default="", kw_only=True)
    vhost_header: str = attrs.field(default="", kw_only=True)
    ignore_port_in_host_matching: bool = attrs.field(default=False, kw_only=True)
    ignore_path_parameters_in_path_matching: bool = attrs.field(default=False, kw_only=True)
    internal_only_headers: tuple[str, ...] = attrs.field(default=(), kw_only=True, converter=_lower)
    mutations: Mutations | None = attrs.field(default=None, kw_only=True)
    most_specific_header_mutations_wins: bool = attrs.field(default=False, kw_only=True)
    mirrors: tuple[MirrorPolicy, ...] = attrs.field(default=(), kw_only=True, converter=as_tuple)
    faults: Faults | None = attrs.field(default=None, kw_only=True)
    runtime: Runtime = attrs.field(default=NO_RUNTIME, kw_only=True, converter=_runtime)
    clusters: frozenset[str] | None = attrs.field(default=None, kw_only=True, converter=_as_set)
    max_direct_response_body_size_bytes: int = attrs.field(default=4096, kw_only=True)
    problems: tuple[Problem, ...] = attrs.field(default=(), kw_only=True, eq=False)
    #: How the Envoy of this table behaves, where Envoys differ.
    behaviour: Behaviour = attrs.field(init=False, eq=False, repr=False)
    _programs: tuple[tuple[VirtualHost, RouteProgram], ...] = attrs.field(init=False, eq=False, repr=False)
    _index: DomainIndex[tuple[VirtualHost, RouteProgram]] = attrs.field(init=False, eq=False, repr=False)
    #: What is made ready for many requests at once, by whoever needs it: it is no part of the table's value.
    kept: dict[str, Any] = attrs.field(init=False, eq=False, repr=False, factory=dict)

    def __attrs_post_init__(self) -> None:
        behaviour = behaviour_of(self.envoy, self.runtime)
        object.__setattr__(self, "behaviour", behaviour)
        self._check_bodies()
        entries = []
        programs = []
        problems = list(self.problems)
        for host in self.virtual_hosts:
            plain, faulty = self._adds_nothing(host), (host.faults or self.faults) is not None
            program = RouteProgram(host.routes, behaviour, self.runtime, everyday=plain, faulty=faulty)
            programs.append((host, program))
            entries += [(domain, programs[-1]) for domain in host.domains]
            problems += [problem for problem in program.problems if problem not in problems]
        object.__setattr__(self, "_programs", tuple(programs))
        object.__setattr__(self, "_index", DomainIndex(entries))
        object.__setattr__(self, "problems", tuple(problems))

    def _check_bodies(self) -> None:
        most = self.max_direct_response_body_size_bytes
        for route in self.routes:
            if isinstance(route.action, DirectResponseAction) and len(octets(route.action.body)) > most:
                text = f"the body of a direct response may have {most} bytes"
                raise InvalidValue("body_too_long", text, route=route)

    def __reduce__(self) -> tuple[Callable[[bytes], RouteTable], tuple[bytes]]:
        """As its own values, pressed; what is read again is made ready once a process (``_unpacked``).

        A copy is pickled as the bytes that it came from, and so stays the same table wherever it travels: values
        that were read again share their texts in another way, and would make other bytes.
        """
        packed: bytes | None = self.kept.get("packed")
        if packed is None:
            from pickle import dumps
            from zlib import compress

            values = {field.name: getattr(self, field.name) for field in attrs.fields(RouteTable) if field.init}
            packed = self.kept["packed"] = compress(dumps(values, protocol=4), 1)
        return _unpacked, (packed,)

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
            found += [unknown.problem for unknown in (*route.unknowns, *route.open_rewrites(self.behaviour))]
        found += [unknown.problem for destination in self.destinations for unknown in destination.unknowns]
        faults = [self.faults, *(host.faults for host in self.virtual_hosts), *(r.faults for r in self.routes)]
        faults += [destination.faults for destination in self.destinations]
        found += [unknown.problem for each in faults if each is not None for unknown in each.unknowns]
        found += [problem for problem in self.problems if problem.code == "condition_not_run"]
        return tuple(dict.fromkeys(found))

    def routes_to(self, name: str) -> tuple[Route, ...]:
        """The routes that name a cluster or an Upstream, even with weight 0, or for copies. () where none does.

        Answers the question at the end of a canary: does any route still name the old version?
        """
        return tuple(
            route
            for host in self.virtual_hosts
            for route in host.routes
            if isinstance(route.action, RouteAction)
            and (
                any(name in names_of(destination) for destination in route.action.destinations)
                or any(
                    name in names_of(mirror) for mirror in (*route.action.mirrors, *host.mirrors, *self.mirrors)
                )
            )
        )

    def see(self, request: Request | str) -> Seen:
        """The request as the router sees it, after the connection manager."""
        if not isinstance(request, Request):
            if not isinstance(request, str):
                raise TypeError(
                    f"a request is a Request or text such as 'GET /path', not {type(request).__name__}"
                )
            request = Request.parse(request)
        return see(
            request,
            self.http,
            envoy=self.behaviour,
            scheme=self.scheme,
            internal_only=self.internal_only_headers,
            ignore_path_parameters=self.ignore_path_parameters_in_path_matching,
        )

    @property
    def columns_needed(self) -> frozenset[str]:
        """What of a request can change its outcome: ``path``, ``method``, ``authority``, ``header x-canary``, ...

        Whoever reads much traffic for this table needs no other column; ``simulate`` looks at no other. An outcome
        is what `Simulation.counts` tells apart: the target of a redirect, for one, is none. Cost: O(routes).

        >>> import canarysim as cs
        >>> table = cs.loads('''
        ... apiVersion: gateway.solo.io/v1
        ... kind: VirtualService
        ... metadata: {name: shop}
        ... spec:
        ...   virtualHost:
        ...     routes:
        ...     - matchers: [{prefix: /, headers: [{name: X-Canary, value: "true"}]}]
        ...       routeAction: {single: {upstream: {name: v2}}}
        ... ''')
        >>> sorted(table.columns_needed)[:3]
        ['header connection', 'header upgrade', 'header x-canary']
        """
        from canarysim.table.needs import columns_needed

        return columns_needed(self)

    def find(self, request: Request | str, among: Iterable[int] | None = None) -> Found:
        """Everything up to the routes and the random values that lead to each. Cost: O(routes of the host).

        ``among``, of requests with a path: which of the routes that the host's program keeps may take it, where
        the others are known not to. Then the cost is O(among).
        """
        seen = self.see(request)
        if seen.refused is not None:
            return Found(seen)
        entry = self._index.find(seen.authority) if self._plain_hosts else self._find_host(seen)
        if entry is None:
            return Found(seen)
        rule, (host, program) = entry
        if host.require_tls and _lacks_tls(host, seen):
            return Found(seen, rule, host, NO_ROUTE, True)
        return Found(seen, rule, host, program.find(seen) if among is None else program.find_among(seen, among))

    @property
    def programs(self) -> tuple[tuple[VirtualHost, RouteProgram], ...]:
        """The virtual hosts, each with its routes made ready."""
        return self._programs

    def host_of(self, seen: Seen) -> tuple[VirtualHost, RouteProgram] | None:
        """Which of ``programs`` a request belongs to; None where no domain takes it."""
        entry = self._find_host(seen)
        return None if entry is None else entry[1]

    def _adds_nothing(self, host: VirtualHost) -> bool:
        """Whether what a route forwards needs no look at the virtual host or the table."""
        of_table = self.mutations is None and not self.mirrors and self.clusters is None
        of_host = host.mutations is None and not host.mirrors and not host.unknowns and not host.virtual_clusters
        return of_table and of_host

    @property
    def _plain_hosts(self) -> bool:
        return not self.vhost_header and not self.ignore_port_in_host_matching

    def _find_host(self, seen: Seen) -> tuple[DomainRule, tuple[VirtualHost, RouteProgram]] | None:
        """The virtual host where not simply the host of the request is looked up (hosts.py, facts 6 and 7)."""
        host = seen.authority
        if self.vhost_header:
            values = seen.values(self.vhost_header)
            if not values:
                return self._index.only_default
            host = values[0]
        return self._index.find(without_port(host) if self.ignore_port_in_host_matching else host)

    def route(
        self, request: Request | str, random_value: int | None = None, *, fault_value: int | None = None
    ) -> Decision:
        """What Envoy does with a request that drew ``random_value`` (an integer of 64 bits, from 0).

        The request may be text as Request.parse reads it. ``fault_value`` is what a fault that aborts drew for
        itself, likewise.

        Without one, the decision that every random value leads to; RandomValueNeeded, which carries the
        shares, where there is none. Nothing is drawn. Cost: O(routes of the host), and where faults are set
        O(destinations) more.
        """
        if random_value is not None:
            random_value = checked(random_value, "random")
        if fault_value is not None:
            fault_value = checked(fault_value, "fault")
        return decide(self, self.find(request), random_value, fault_value)

    def chances(
        self, request: Request | str, among: Iterable[int] | None = None
    ) -> tuple[tuple[Decision, Chance], ...]:
        """Every possible decision with the random values that lead to it, in the order of the table.

        The shares add to 1; destinations of weight 0 are there, with share 0. What a fault aborts comes after
        what is sent by the same route. ``among`` as in ``find``.
        """
        return decisions(self, self.find(request, among))

    def shares(self, request: Request | str) -> tuple[tuple[Decision, Fraction], ...]:
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
        from canarysim.faces.table_text import table_text

        return table_text(self)


@lru_cache(maxsize=4)
def _unpacked(packed: bytes) -> RouteTable:
    """The table of some pickled values. A table never changes, so that the same one can be given out again.

    A pool of workers gets the table with every task; this way a worker makes it ready for the first.
    """
    from pickle import loads
    from zlib import decompress

    table = RouteTable(**loads(decompress(packed)))  # noqa: S301  # whoever loads a pickle trusts it already
    table.kept["packed"] = packed
    return table


def checked(value: object, kind: str) -> int:
    """A value of 64 bits, also numpy's: whatever stands for an index and is no bool. InvalidValue for others."""
    try:
        number = index(value)  # type: ignore[arg-type]
    except TypeError:
        number = -1
    if isinstance(value, bool) or not 0 <= number < 2**64:
        raise InvalidValue(f"bad_{kind}_value", f"a {kind} value is 0 to 2^64 - 1, not {value!r}")
    return number


def names_of(destination: Destination | MirrorPolicy) -> tuple[str, ...]:
    """What a destination may be called: its cluster, its Upstream as ``namespace.name``, and the bare name."""
    if destination.upstream is None:
        return (destination.cluster,)
    return destination.cluster, destination.upstream, destination.upstream.rpartition(".")[2]
