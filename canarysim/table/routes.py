"""Routes: an ordered list of conditions and actions, of which the first that matches decides."""

from __future__ import annotations

from itertools import compress, repeat
from operator import call
from typing import TYPE_CHECKING, Any, NamedTuple

import attrs

from canarysim.errors import InvalidValue
from canarysim.problems import Problem, Severity, Where
from canarysim.table.actions import NonForwardingAction, RouteAction, Unknown
from canarysim.table.chance import EVERY, Chance
from canarysim.table.http import INVENTED_HEADERS, Invented
from canarysim.table.limits import MAX_PROGRAM_SIZE, too_large
from canarysim.table.matchers import ConnectMatcher, HeaderMatcher, PathMatcher, QueryParameterMatcher
from canarysim.table.redirects import DirectResponseAction, RedirectAction
from canarysim.table.strings import StringMatcher
from canarysim.table.values import as_tuple
from canarysim.table.views import PathView

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from canarysim.table.behaviour import Behaviour
    from canarysim.table.chance import Residues
    from canarysim.table.conditions import (
        CookieMatcher,
        GrpcMatcher,
        RuntimeFraction,
        TlsContextMatcher,
        UnsimulatedMatcher,
    )
    from canarysim.table.faults import Faults
    from canarysim.table.http import Seen
    from canarysim.table.matchers import Matcher
    from canarysim.table.metadata import MetadataMatcher
    from canarysim.table.mutations import Mutations
    from canarysim.table.runtime import Runtime

__all__ = ["NO_ROUTE", "Action", "Branch", "Route", "RouteMatch", "RouteProgram", "judge", "verdict"]


Action = RouteAction | RedirectAction | DirectResponseAction | NonForwardingAction


@attrs.frozen
class RouteMatch:
    """The conditions of a route; all must hold. ``unsimulated`` are conditions that are not simulated."""

    path: PathMatcher
    headers: tuple[HeaderMatcher, ...] = attrs.field(default=(), converter=as_tuple)
    query_parameters: tuple[QueryParameterMatcher, ...] = attrs.field(default=(), converter=as_tuple)
    cookies: tuple[CookieMatcher, ...] = attrs.field(default=(), converter=as_tuple, kw_only=True)
    grpc: GrpcMatcher | None = attrs.field(default=None, kw_only=True)
    tls_context: TlsContextMatcher | None = attrs.field(default=None, kw_only=True)
    dynamic_metadata: tuple[MetadataMatcher, ...] = attrs.field(default=(), converter=as_tuple, kw_only=True)
    runtime_fraction: RuntimeFraction | None = attrs.field(default=None, kw_only=True)
    unsimulated: tuple[UnsimulatedMatcher, ...] = attrs.field(default=(), converter=as_tuple, kw_only=True)

    def __iter__(self) -> Iterator[Matcher]:
        """The conditions on the request, path first: the order in which a reader asks them.

        It changes no answer. The fraction, a condition on the random value, is not among them.
        """
        yield self.path
        yield from self.headers
        yield from self.query_parameters
        yield from self.cookies
        if self.grpc is not None:
            yield self.grpc
        if self.tls_context is not None:
            yield self.tls_context
        yield from self.dynamic_metadata
        yield from self.unsimulated

    @property
    def conditions(self) -> tuple[Matcher, ...]:
        """All conditions, the fraction last."""
        return (*self, *(() if self.runtime_fraction is None else (self.runtime_fraction,)))

    def to_envoy(self) -> dict[str, Any]:
        """As Envoy's RouteMatch."""
        found = self.path.to_envoy()
        for name in ("headers", "query_parameters", "cookies", "dynamic_metadata"):
            if matchers := getattr(self, name):
                found[name] = [matcher.to_envoy() for matcher in matchers]
        for name in ("grpc", "tls_context", "runtime_fraction"):
            if (matcher := getattr(self, name)) is not None:
                found[name] = matcher.to_envoy()
        return found

    def __str__(self) -> str:
        return ", ".join(map(str, self.conditions))


@attrs.frozen(repr=False)
class Route:
    """One route as Envoy has it.

    ``index`` counts within its virtual host from 0. ``action`` is None where nothing of it is simulated;
    ``unknowns`` then say why. ``origin`` names what the dialect made the route of. ``name_is_certain`` is
    False where a part of the input that is not read could shift the numbers in names. ``mutations`` are the
    headers that the route adds and removes. ``faults`` hold for what it does, but for destinations with their own.
    ``delegated_by`` are the places of the routes that delegated to it, outermost first. ``metadata`` is what
    filters may read of it, by filter; no decision asks it.
    """

    match: RouteMatch
    action: Action | None
    name: str = attrs.field(default="", kw_only=True)
    index: int = attrs.field(default=0, kw_only=True)
    name_is_certain: bool = attrs.field(default=True, kw_only=True)
    mutations: Mutations | None = attrs.field(default=None, kw_only=True)
    faults: Faults | None = attrs.field(default=None, kw_only=True)
    unknowns: tuple[Unknown, ...] = attrs.field(default=(), kw_only=True, eq=False)
    origin: str = attrs.field(default="", kw_only=True, eq=False)
    delegated_by: tuple[Where, ...] = attrs.field(default=(), kw_only=True, eq=False)
    metadata: dict[str, Any] = attrs.field(factory=dict, kw_only=True, eq=False)
    source: Where = attrs.field(default=Where(), kw_only=True, eq=False)

    #: Whether a match settles the decision; False where something unsimulated could change it.
    decides: bool = attrs.field(init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        if isinstance(self.action, RouteAction) and self.action.path_rewrite is not None:
            self.match.path.check_rewrite(self.action.path_rewrite)
        decides = self.action is not None and all(unknown.parts for unknown in self.unknowns)
        object.__setattr__(self, "decides", decides)

    def __repr__(self) -> str:
        name = f" {self.name!r}" if self.name else ""
        return f"<Route {self.index}{name}: {self.match}, by {self.source}>"

    def open_rewrites(self, envoy: Behaviour) -> tuple[Unknown, ...]:
        """What the rewrites of the route leave open: a regex that is not run."""
        action = self.action
        if isinstance(action, RouteAction) and action.path_rewrite is None and action.host_rewrite is None:
            return ()
        found: list[tuple[str | None, tuple[str, ...]]] = []
        if isinstance(action, RedirectAction):
            found.append((action.why_unknown(envoy), ("location",)))
        elif isinstance(action, RouteAction):
            if action.path_rewrite is not None:
                found.append((action.path_rewrite.why_unknown(envoy), ("path", "request_headers")))
            if action.host_rewrite is not None:
                found.append((action.host_rewrite.why_unknown(envoy), ("authority", "request_headers")))
        return tuple(
            Unknown(
                Problem("not_simulated", Severity.WARNING, f"a rewrite is not simulated: {why}", self.source),
                parts,
            )
            for why, parts in found
            if why is not None
        )


class Branch(NamedTuple):
    """A route that takes a request, and for which random values; ``route`` is None where none takes it.

    ``action`` is that of the route under the runtime; None where there is none. ``problems`` are what leaves it
    open whether the route matches. ``everyday`` is an action that forwards with nothing more to think of.
    ``faulty`` says that there are settings for the fault filter.
    """

    chance: Chance
    route: Route | None
    action: Action | None = None
    problems: tuple[Problem, ...] = ()
    everyday: RouteAction | None = None
    faulty: bool = False


NO_ROUTE = (Branch(EVERY, None),)


class RouteProgram:
    """The routes of a virtual host made ready for one Envoy: tests bound, in order.

    What cannot be asked of a request (the state of a filter) is asked last, and leaves the match open where
    everything else holds. Routes that no random value leads to, and those that then pick nothing, are left out.
    """

    __slots__ = ("_all", "_connect", "left_out", "places", "problems", "unsure")

    def __init__(
        self,
        routes: tuple[Route, ...],
        envoy: Behaviour,
        runtime: Runtime,
        *,
        everyday: bool = False,
        faulty: bool = False,
    ) -> None:
        """``everyday`` says that virtual host and table add nothing to what routes do, ``faulty`` that one of them
        has faults.
        """
        steps = [(route, _compiled_route(route, envoy, runtime, everyday, faulty)) for route in routes]
        #: Places in the order of the routes that take no request, whatever it is, and why.
        self.left_out = {place: step for place, (_, step) in enumerate(steps) if isinstance(step, str)}
        kept = [(route, step) for route, step in steps if not isinstance(step, str)]
        #: Places of all others.
        self.places = tuple(place for place in range(len(steps)) if place not in self.left_out)
        self._all = _columns(step for _, step in kept)
        #: Which of these do not simply take what fulfils their conditions: a fraction, or something open, is left.
        self.unsure = frozenset(
            n for n, (_, _, unsure, part) in enumerate(self._all[1]) if unsure or part is not None
        )
        #: What cannot be asked of any request, or not of every one.
        limit = runtime.integer("re2.max_program_size.error_level", MAX_PROGRAM_SIZE)
        self.problems = (
            *(problem for step in self._all[1] for _, _, problem in step[2]),
            *(problem for route in routes for problem in too_large(route, envoy, limit)),
        )
        self._connect = _columns(step for route, step in kept if isinstance(route.match.path, ConnectMatcher))

    def find(self, seen: Seen) -> tuple[Branch, ...]:
        """The routes that take a request, each with its random values; they are apart, and together all values.

        Mostly one: the first route that matches. Cost: O(routes).
        """
        # A CONNECT request has no path: of all conditions on the path only ``connect_matcher`` takes it.
        path = seen.match_path
        path_tests, steps = self._all if seen.route_path else self._connect
        # The loop over the path tests runs inside these iterators, and stops where the first route matches.
        for taken, tests, unsure, residues in compress(steps, map(call, path_tests, repeat(path))):
            for get, test in tests:
                if not test(get(seen)):
                    break
            else:
                if not unsure and residues is None:
                    return taken
                return self._branches(seen, compress(steps, map(call, path_tests, repeat(path))))
        return NO_ROUTE

    def find_among(self, seen: Seen, numbers: Iterable[int]) -> tuple[Branch, ...]:
        """The same for a request with a path, where all other routes are known not to match, and these to be met
        by the path. ``numbers`` are indexes into ``places``. Cost: O(numbers).
        """
        steps = self._all[1]
        return self._branches(seen, [steps[number] for number in numbers])

    def _branches(self, seen: Seen, steps: Iterable[_Step]) -> tuple[Branch, ...]:
        """The same where a fraction, or something that cannot be asked, plays a part.

        ``steps`` are those that the path meets.
        """
        found: list[Branch] = []
        left = EVERY
        for taken, tests, unsure, residues in steps:
            if not all(test(get(seen)) for get, test in tests):
                continue
            problems = _undecided(unsure, seen)
            if problems is None:
                continue
            branch = taken[0]._replace(problems=problems, everyday=None)
            if residues is None:
                return (*found, branch._replace(chance=left))
            chance = left & Chance.of(residues)
            if chance.share:
                found.append(branch._replace(chance=chance))
                left &= Chance.of(~residues)
                if not left.share:
                    return tuple(found)
        return (*found, Branch(left, None))


_Test = tuple["Callable[[Seen], Any]", "Callable[[Any], object]"]
_Unsure = tuple["Matcher", "Callable[[Any], object] | None", Problem]
_Step = tuple[tuple[Branch], tuple[_Test, ...], tuple[_Unsure, ...], "Residues | None"]


def _columns(
    parts: Iterable[tuple[Callable[[str], object], _Step]],
) -> tuple[tuple[Callable[[str], object], ...], tuple[_Step, ...]]:
    """The tests of the paths, which are asked first, and beside each the route with what else it asks."""
    pairs = list(parts)
    return tuple(path_test for path_test, _ in pairs), tuple(step for _, step in pairs)


def _compiled_route(
    route: Route, envoy: Behaviour, runtime: Runtime, everyday: bool, faulty: bool
) -> tuple[Callable[[str], object], _Step] | str:
    """The test of the path, and what else a route asks; or why it takes no request."""
    residues: Residues | None = None
    if route.match.runtime_fraction is not None:
        residues = route.match.runtime_fraction.residues(runtime)
        if not residues.intervals:
            return "its fraction is 0"
        if residues.share == 1:
            residues = None
    action = route.action
    if isinstance(action, RouteAction) and action.runtime_key_prefix:
        action = action.under(runtime)
        if action is None:
            return "the runtime's weights sum to 0 or to more than 2^32 - 1, so that nothing is picked"
    path_test: Callable[[str], object] = _anything
    tests: list[_Test] = []
    unsure: list[_Unsure] = []
    for matcher in route.match:
        if (why := matcher.refused_by(envoy)) is not None:
            raise InvalidValue(
                "not_in_this_envoy", f"Envoy {envoy.version} refuses '{matcher}': {why}", route=route
            )
        reason = matcher.why_unknown(envoy)
        if reason is not None:
            unsure.append((matcher, None, _not_run(route, str(matcher), reason)))
        elif _depends_on_invention(matcher):
            problem = _not_run(route, str(matcher), "Envoy invents the value of this header at run time")
            unsure.append((matcher, matcher.test(envoy), problem))
        elif matcher is route.match.path and type(matcher.view) is PathView:
            path_test = matcher.test(envoy)
        else:
            tests.append((matcher.view.get, matcher.test(envoy)))
    faulty = faulty or _has_faults(route, action)
    plain = None
    if everyday and not faulty and isinstance(action, RouteAction) and _is_everyday(route, action, envoy):
        plain = action
    branch = Branch(EVERY, route, action, (), plain, faulty)
    return path_test, ((branch,), tuple(tests), tuple(unsure), residues)


def _has_faults(route: Route, action: Action | None) -> bool:
    return route.faults is not None or (
        isinstance(action, RouteAction) and any(d.faults is not None for d in action.destinations)
    )


def _is_everyday(route: Route, action: RouteAction, envoy: Behaviour) -> bool:
    if route.mutations is not None or route.unknowns or not route.decides or route.open_rewrites(envoy):
        return False
    if action.mirrors or action.cluster_header or action.header_name or action.use_hash_policy:
        return False
    plain = (d.mutations is None and not d.unknowns and not d.cluster_header for d in action.destinations)
    return not action.makes_formats and all(plain)


def _anything(_: str) -> bool:
    return True


def _depends_on_invention(matcher: Matcher) -> bool:
    """Whether it may tell one invented value from another; nobody writes down a whole request id."""
    if not isinstance(matcher, HeaderMatcher) or matcher.name not in INVENTED_HEADERS or matcher.value is None:
        return False
    exact = isinstance(matcher.value, StringMatcher) and matcher.value.kind == "exact"
    return not (exact and matcher.name == "x-request-id")


def verdict(matcher: Matcher, seen: Seen, envoy: Behaviour) -> bool | None:
    """Whether one condition holds for a request; None where that is open."""
    if isinstance(matcher, PathMatcher) and not seen.route_path:
        return isinstance(matcher, ConnectMatcher)
    return judge(matcher, envoy)(matcher.view.get(seen))


def judge(matcher: Matcher, envoy: Behaviour) -> Callable[[Any], bool | None]:
    """A function of what the view of a condition shows: whether it holds; None where that is open."""
    if matcher.why_unknown(envoy) is not None:
        return lambda value: False if value is None else None
    test = matcher.test(envoy)
    if not _depends_on_invention(matcher):
        return lambda value: True if test(value) else False  # noqa: SIM210  # bool() is a call more

    def judged(value: Any) -> bool | None:
        invented = isinstance(value, tuple) and isinstance(value[0], Invented)
        return None if invented else bool(test(value))

    return judged


def _undecided(unsure: tuple[_Unsure, ...], seen: Seen) -> tuple[Problem, ...] | None:
    """What leaves the match open; () where it holds after all, None where it does not."""
    problems: list[Problem] = []
    for matcher, test, problem in unsure:
        value = matcher.view.get(seen)
        if test is None:
            if value is None:
                return None  # only matchers of presence take what is missing, and those are never unsure
            problems.append(problem)
        elif isinstance(value, tuple) and isinstance(value[0], Invented):
            problems.append(problem)
        elif not test(value):
            return None
    return tuple(problems)


def _not_run(route: Route, condition: str, reason: str) -> Problem:
    return Problem(
        "condition_not_run",
        Severity.WARNING,
        f"the condition '{condition}' is not simulated: {reason}",
        route.source,
    )
