"""From the matchers of a Gloo route to the conditions of an Envoy route.

Facts (source of Gloo 1.22, gloo/pkg/translator/route_config.go):

1. A matcher without a path is an error.
2. A header or query parameter matcher without a value asks for presence, even with ``regex: true``.
3. Gloo compiles the regexes of paths only; of headers, query parameters and methods Envoy does, and refuses the
   whole route configuration where one is wrong.
4. ``methods`` become one header matcher on ``:method`` with the regex ``M1|M2``, after the user's headers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from canarysim.errors import InvalidValue
from canarysim.manifests.gloo.paths import why_bad_path
from canarysim.manifests.gloo.resources import Effect, has_effect
from canarysim.table.matchers import (
    ConnectMatcher,
    HeaderMatcher,
    PathExact,
    PathPrefix,
    PathRegex,
    QueryParameterMatcher,
)
from canarysim.table.routes import RouteMatch
from canarysim.table.strings import StringMatcher

if TYPE_CHECKING:
    from canarysim.manifests.fields import Record
    from canarysim.table.matchers import PathMatcher

__all__ = ["conditions"]


def conditions(matcher: Record) -> RouteMatch | None:
    """The conditions of one matcher; None, after a problem, where its path is wrong."""
    path = _path(matcher)
    headers = [m for record in matcher.get("headers", []) if (m := _header(record)) is not None]
    queries = [q for record in matcher.get("queryParameters", []) if (q := _query(record)) is not None]
    methods: list[str] = matcher.get("methods", [])
    if methods:
        try:
            headers.append(HeaderMatcher(":method", StringMatcher("safe_regex", "|".join(methods))))
        except InvalidValue as wrong:
            has_effect(matcher, matcher.wrong(wrong, "methods"), Effect.REFUSED)
    return None if path is None else RouteMatch(path, headers, queries)


def _path(matcher: Record) -> PathMatcher | None:
    case_sensitive = matcher.get("caseSensitive", True)
    for kind, make in (("prefix", PathPrefix), ("exact", PathExact)):
        if kind in matcher:
            if why := why_bad_path(matcher[kind]):
                matcher.report("bad_path", f"{kind} {matcher[kind]!r}: {why}", kind)
            return make(matcher[kind], case_sensitive=case_sensitive)
    if "regex" in matcher:
        try:
            return PathRegex(matcher["regex"], case_sensitive=case_sensitive)
        except InvalidValue as wrong:
            effect = Effect.REJECTED if wrong.code == "bad_regex" else Effect.REFUSED
            has_effect(matcher, matcher.wrong(wrong, "regex"), effect)
            return None
    if "connectMatcher" in matcher:
        return ConnectMatcher()
    if matcher.lacks("prefix", "exact", "regex"):
        hint = "add prefix: / to take every path, or exact or regex"
        has_effect(matcher, matcher.report("no_path", "a matcher needs a path", None, hint), Effect.REFUSED)
    return None


def _header(record: Record) -> HeaderMatcher | None:
    try:
        return HeaderMatcher(record.get("name", ""), _string(record), record.get("invertMatch", False))
    except InvalidValue as wrong:
        if "regex" in wrong.code:
            has_effect(record, record.wrong(wrong, "value"), Effect.REFUSED)
        elif "name" in record or record.lacks("name"):
            has_effect(record, record.wrong(wrong, None), Effect.REFUSED)
        return None


def _query(record: Record) -> QueryParameterMatcher | None:
    try:
        return QueryParameterMatcher(record.get("name", ""), _string(record))
    except InvalidValue as wrong:
        if "regex" in wrong.code:
            has_effect(record, record.wrong(wrong, "value"), Effect.REFUSED)
        elif "name" in record or record.lacks("name"):
            has_effect(record, record.wrong(wrong, None), Effect.REFUSED)
        return None


def _string(record: Record) -> StringMatcher | None:
    """Fact 2."""
    value = record.get("value", "")
    if not value:
        return None
    return StringMatcher("safe_regex" if record.get("regex") else "exact", value)
