"""Routes: an ordered list of conditions and actions, of which the first that matches decides."""

from __future__ import annotations

from itertools import compress, repeat
from operator import call
from typing import TYPE_CHECKING, Any

import attrs

from canarysim.problems import Problem, Severity, Where
from canarysim.table.actions import RouteAction, Unknown
from canarysim.table.http import Invented
from canarysim.table.matchers import ConnectMatcher, HeaderMatcher, PathMatcher, QueryParameterMatcher
from canarysim.table.redirects import DirectResponseAction, RedirectAction
from canarysim.table.rewrites import PrefixRewrite, RegexRewrite
from canarysim.table.values import as_tuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from canarysim.table.http import Seen
    from canarysim.table.matchers import Matcher

__all__ = ["Action", "Route", "RouteMatch", "RouteProgram"]


Action = RouteAction | RedirectAction | DirectResponseAction


@attrs.frozen
class RouteMatch:
    """The conditions of a route; all must hold."""

    path: PathMatcher
    headers: tuple[HeaderMatcher, ...] = attrs.field(default=(), converter=as_tuple)
    query_parameters: tuple[QueryParameterMatcher, ...] = attrs.field(default=(), converter=as_tuple)

    def __iter__(self) -> Iterator[Matcher]:
        """The conditions, path first: the order in which a reader asks them. It changes no answer."""
        yield self.path
        yield from self.headers
        yield from self.query_parameters

    def __str__(self) -> str:
        return ", ".join(map(str, self))


@attrs.frozen
class Route:
    """One route as Envoy has it.

    ``index`` counts within its virtual host from 0. ``action`` is None where nothing of it is simulated;
    ``unknowns`` then say why. ``origin`` names what the dialect made the route of. ``name_is_certain`` is
    False where a part of the input that is not read could shift the numbers in names.
    """

    match: RouteMatch
    action: Action | None
    name: str = attrs.field(default="", kw_only=True)
    index: int = attrs.field(default=0, kw_only=True)
    name_is_certain: bool = attrs.field(default=True, kw_only=True)
    unknowns: tuple[Unknown, ...] = attrs.field(default=(), kw_only=True, eq=False)
    origin: str = attrs.field(default="", kw_only=True, eq=False)
    source: Where = attrs.field(default=Where(), kw_only=True, eq=False)

    #: Whether a match settles the decision; False where something unsimulated could change it.
    decides: bool = attrs.field(init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        decides = self.action is not None and all(unknown.parts for unknown in self.unknowns)
        object.__setattr__(self, "decides", decides)

    def upstream_path(self, seen: Seen, envoy: str) -> tuple[str, bool]:
        """The path with query as it goes upstream, and whether it counts as rewritten (rewrites.py)."""
        rewrite = self.action.path_rewrite if isinstance(self.action, RouteAction) else None
        if rewrite is None or rewrite == PrefixRewrite(""):
            return seen.path, False
        new = rewrite.apply(seen.route_path, self.match.path, envoy)
        if not new and envoy != "1.36" and isinstance(rewrite, RegexRewrite):
            return seen.path, False
        return new + seen.path[len(seen.route_path) :], True

    def upstream_host(self, seen: Seen, envoy: str) -> str | None:
        """The host as it goes upstream, where it is rewritten; else None."""
        rewrite = self.action.host_rewrite if isinstance(self.action, RouteAction) else None
        return None if rewrite is None else rewrite.apply(seen, envoy)

    @property
    def appends_forwarded_host(self) -> bool:
        """Whether the host before a rewrite is appended to ``x-forwarded-host``."""
        rewrite = self.action.host_rewrite if isinstance(self.action, RouteAction) else None
        return rewrite is not None and rewrite.append_x_forwarded_host

    def open_rewrites(self, envoy: str) -> tuple[Unknown, ...]:
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


class RouteProgram:
    """The routes of a virtual host made ready for one version of Envoy: tests bound, in order.

    What cannot be asked of a request (a regex that is not simulated) is asked last, and leaves the match open
    where everything else holds.
    """

    __slots__ = ("_all", "_connect", "problems")

    def __init__(self, routes: tuple[Route, ...], envoy: str) -> None:
        self._all = _compiled(routes, envoy)
        #: What cannot be asked of any request, or not of every one.
        self.problems = tuple(problem for _, _, unsure in self._all[1] for _, _, problem in unsure)
        self._connect = _compiled([r for r in routes if isinstance(r.match.path, ConnectMatcher)], envoy)

    def find(self, seen: Seen) -> tuple[Route | None, tuple[Problem, ...]]:
        """The first route that matches, or that may match: then with the problems that leave it open.

        (None, ()) where no route matches. Cost: O(routes).
        """
        # A CONNECT request has no path: of all conditions on the path only ``connect_matcher`` takes it.
        path = seen.route_path
        path_tests, steps = self._all if path else self._connect
        # The loop over the path tests runs inside these iterators, and stops where the first route matches.
        for route, tests, unsure in compress(steps, map(call, path_tests, repeat(path))):
            for get, test in tests:
                if not test(get(seen)):
                    break
            else:
                if not unsure:
                    return route, ()
                problems = _undecided(unsure, seen)
                if problems is not None:
                    return route, problems
        return None, ()


_Test = tuple["Callable[[Seen], Any]", "Callable[[Any], object]"]
_Unsure = tuple["Matcher", "Callable[[Any], object] | None", Problem]
_Step = tuple[Route, tuple[_Test, ...], tuple[_Unsure, ...]]


def _compiled(
    routes: Iterable[Route], envoy: str
) -> tuple[tuple[Callable[[str], object], ...], tuple[_Step, ...]]:
    """The tests of the paths, which are asked first, and beside each the route with what else it asks."""
    parts = [_compiled_route(route, envoy) for route in routes]
    return tuple(path_test for path_test, _ in parts), tuple(step for _, step in parts)


def _compiled_route(route: Route, envoy: str) -> tuple[Callable[[str], object], _Step]:
    path_test: Callable[[str], object] = _anything
    tests: list[_Test] = []
    unsure: list[_Unsure] = []
    for matcher in route.match:
        reason = matcher.why_unknown(envoy)
        if reason is not None:
            unsure.append((matcher, None, _not_run(route, str(matcher), reason)))
        elif _depends_on_invention(matcher):
            problem = _not_run(route, str(matcher), "Envoy invents the value of this header at run time")
            unsure.append((matcher, matcher.test(envoy), problem))
        elif matcher is route.match.path:
            path_test = matcher.test(envoy)
        else:
            tests.append((matcher.view.get, matcher.test(envoy)))
    return path_test, (route, tuple(tests), tuple(unsure))


def _anything(_: str) -> bool:
    return True


def _depends_on_invention(matcher: Matcher) -> bool:
    """An exact value never equals an invented one; a regex might match it."""
    return (
        isinstance(matcher, HeaderMatcher)
        and matcher.name == "x-request-id"
        and matcher.value is not None
        and matcher.value.kind != "exact"
    )


def _undecided(unsure: tuple[_Unsure, ...], seen: Seen) -> tuple[Problem, ...] | None:
    """What leaves the match open; () where it holds after all, None where it does not."""
    problems: list[Problem] = []
    for matcher, test, problem in unsure:
        value = matcher.view.get(seen)
        if value is None:
            return None  # only matchers of presence take what is missing, and those are never unsure
        if test is None or (isinstance(value, tuple) and isinstance(value[0], Invented)):
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
