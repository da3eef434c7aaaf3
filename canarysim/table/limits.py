"""Limits that Envoy sets and that its configuration does not show: the size of a compiled regex.

Facts (observed on Envoy 1.36.4 and 1.40.0): a regex whose program has more than 100 instructions is refused,
unless the runtime key ``re2.max_program_size.error_level`` sets another limit. The size depends on the encoding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from canarysim.problems import Problem, Severity
from canarysim.table import regex
from canarysim.table.actions import RouteAction
from canarysim.table.redirects import RedirectAction
from canarysim.table.rewrites import RegexRewrite

if TYPE_CHECKING:
    from collections.abc import Iterator

    from canarysim.table.behaviour import Behaviour
    from canarysim.table.routes import Action, Route

__all__ = ["MAX_PROGRAM_SIZE", "size_at_most", "too_large"]

MAX_PROGRAM_SIZE = 100


def too_large(route: Route, envoy: Behaviour, limit: int) -> Iterator[Problem]:
    """A problem for each regex of a route that Envoy refuses for its size. Cost: O(size) of those that are not
    short.
    """
    patterns = [pattern for matcher in route.match for pattern in matcher.patterns()]
    patterns += [each.regex for each in _rewrites(route.action) if isinstance(each, RegexRewrite)]
    for pattern in patterns:
        if size_at_most(pattern) <= limit:
            continue
        size = regex.compile(pattern, envoy.regex_encoding).program_size
        if size > limit:
            message = f"the regex {pattern!r} compiles to {size} instructions; Envoy {envoy.version} takes {limit}"
            hint = "make it simpler, or raise re2.max_program_size.error_level in Envoy's runtime"
            yield Problem("regex_too_large", Severity.WARNING, message, route.source, hint)


def _rewrites(action: Action | None) -> tuple[object, ...]:
    if isinstance(action, RouteAction):
        host = action.host_rewrite
        return action.path_rewrite, None if host is None else host.path_regex
    return (action.path,) if isinstance(action, RedirectAction) else ()


def size_at_most(pattern: str) -> int:
    """A bound on the size of a program that costs next to nothing; 10^6 where there is none."""
    if "{" in pattern or "\\p" in pattern or "\\P" in pattern or "[[" in pattern or not pattern.isascii():
        return 10**6
    sets = pattern.count(".") + pattern.count("[") + pattern.count("\\")
    return len(pattern) * (8 if "(?" in pattern else 2) + 12 * sets + 8
