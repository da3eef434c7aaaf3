"""Random conditions of routes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from canarysim.table.behaviour import ENVOY_VERSIONS
from canarysim.table.conditions import CookieMatcher, GrpcMatcher, RuntimeFraction, TlsContextMatcher
from canarysim.table.matchers import (
    ConnectMatcher,
    HeaderMatcher,
    PathExact,
    PathPrefix,
    PathRegex,
    PathSeparatedPrefix,
    QueryParameterMatcher,
    Range,
)
from canarysim.table.routes import RouteMatch
from canarysim.table.runtime import DENOMINATORS
from canarysim.table.strings import StringMatcher
from canarysim.table.templates import PathTemplate
from canarysim.testing.strategies.pools import (
    HEADERS,
    KEYS,
    METHODS,
    PATH_REGEXES,
    PATHS,
    PREFIXES,
    TEMPLATES,
    VALUE_REGEXES,
    VALUES,
    VALUES_OF,
)

if TYPE_CHECKING:
    from canarysim.table.matchers import PathMatcher
    from canarysim.table.strings import Kind
    from canarysim.testing.strategies.choices import Choices

__all__ = ["FRACTION_KEYS", "Dialect", "fraction", "header", "route_match"]


@attrs.frozen
class Dialect:
    """What a table may say: all that an Envoy of that version takes, or only what Gloo makes."""

    envoy: str
    gloo: bool = False
    #: Whether the listener is one for TLS, on which a request may have a certificate.
    tls: bool = False


#: Kinds of conditions on the path, and whether they heed case.
_PATH_KINDS = (
    *(("prefix", True), ("exact", True), ("regex", True), ("separated", True)) * 3,
    *(("prefix", False), ("exact", False), ("separated", False), ("regex", False), ("connect", True)),
    *(("template", True),) * 2,
)
_GLOO_PATH_KINDS = (*(("prefix", True), ("exact", True), ("regex", True)) * 3, ("prefix", False), ("exact", False))
_KINDS: tuple[tuple[Kind, bool], ...] = (
    *(("exact", False), ("prefix", False), ("suffix", False), ("contains", False), ("safe_regex", False)) * 2,
    *(("exact", True), ("prefix", True), ("suffix", True), ("contains", True), ("safe_regex", False)),
)
#: What is asked of a header, whether inverted, and whether a missing one counts as empty.
_ASKED = (
    *(("value", False, False),) * 8,
    *(("value", True, False),) * 3,
    *(("present", False, False), ("absent", False, False)) * 2,
    *(("present", True, False), ("absent", True, False), ("range", False, False), ("range", True, False)),
    *(("value", False, True), ("value", True, True), ("present", False, True), ("absent", False, True)),
    *(("any", False, False), ("any", True, False), ("any", False, True), ("range", False, True)),
)
_GLOO_ASKED = (
    *(("value", False, False), ("value", True, False), ("present", False, False)) * 3,
    ("present", True, False),
)
_RANGES = ((0, 10), (1, 2), (-5, 8), (7, 7), (-(2**63), 2**63 - 1), (2**63 - 2, 2**63 - 1))
#: Mostly what plain text fulfils.
_CERTIFICATES = (
    *((None, False), (False, None), (False, False)) * 2,
    *((None, None), (True, None), (None, True), (True, True), (True, False)),
)
_TEMPLATES = {
    version: [text for text in TEMPLATES if PathTemplate(text).template.refused_by(version) is None]
    for version in ENVOY_VERSIONS
}
FRACTION_KEYS = ("canary", "rollout.shop")
_CONDITIONS = (
    *("header",) * 5,
    *("query", "query", "query"),
    *("grpc", "tls", "fraction", "fraction", "cookie", "cookie"),
)


def path(choices: Choices, dialect: Dialect) -> PathMatcher:
    kind, case_sensitive = choices.pick(_GLOO_PATH_KINDS if dialect.gloo else _PATH_KINDS)
    if kind == "connect":
        return ConnectMatcher()
    if kind == "template":
        return PathTemplate(choices.pick(_TEMPLATES[dialect.envoy]))
    if kind == "regex":
        return PathRegex(choices.pick(PATH_REGEXES), case_sensitive=case_sensitive)
    if kind == "prefix":
        return PathPrefix(choices.pick(PATHS), case_sensitive=case_sensitive)
    if kind == "exact":
        return PathExact(choices.pick(PATHS), case_sensitive=case_sensitive)
    return PathSeparatedPrefix(choices.pick(PREFIXES), case_sensitive=case_sensitive)


def string(choices: Choices, dialect: Dialect, of: str = "") -> StringMatcher:
    """A condition on a text; ``of`` names what has values of its own."""
    kind, ignore_case = choices.pick(_KINDS)
    if kind == "safe_regex":
        return StringMatcher(kind, choices.pick(VALUE_REGEXES))
    value = choices.pick(VALUES_OF.get(of, VALUES))
    if dialect.gloo:
        return StringMatcher("exact", value)
    if kind == "exact" and ignore_case and value == "true":
        return StringMatcher(kind, "")
    return StringMatcher(kind, value, ignore_case=ignore_case)


def header(choices: Choices, dialect: Dialect) -> HeaderMatcher:
    name = choices.pick(HEADERS)
    asks, invert, empty = choices.pick(_GLOO_ASKED if dialect.gloo else _ASKED)
    if name == ":method":
        return HeaderMatcher(name, _method(choices), invert)
    if name == "x-request-id" and asks not in ("present", "absent"):
        asks = "present"  # nobody knows what Envoy makes up as one, so that only its presence can be asked
    if asks == "any":
        return HeaderMatcher(name, None, invert, any_value=True, missing_as_empty=empty)
    if asks == "range" and name not in VALUES_OF:
        return HeaderMatcher(name, Range(*choices.pick(_RANGES)), invert, missing_as_empty=empty)
    if asks in ("value", "range"):
        value = string(choices, dialect, ":authority" if name == "host" else name)
        return HeaderMatcher(name, value, invert, missing_as_empty=empty)
    return HeaderMatcher(name, None, invert, present=asks == "present", missing_as_empty=empty)


def _method(choices: Choices) -> StringMatcher:
    regexes = ("GET|POST", "GET", "P.*", "get", "DELETE|P(UT|ATCH)")
    kind, text = choices.pick(
        (*(("exact", each) for each in METHODS), *(("safe_regex", each) for each in regexes))
    )
    return StringMatcher("exact" if kind == "exact" else "safe_regex", text)


def query_parameter(choices: Choices, dialect: Dialect) -> QueryParameterMatcher:
    name = choices.pick(KEYS)
    asks = choices.pick(("value", "value", "value", "value", "present", "absent"))
    if asks == "value":
        return QueryParameterMatcher(name, string(choices, dialect, "query"))
    return QueryParameterMatcher(name, present=dialect.gloo or asks == "present")


def cookie(choices: Choices, dialect: Dialect) -> CookieMatcher:
    name, invert = choices.pick((("c", False), ("c", False), ("session", False), ("C", False), ("c", True)))
    return CookieMatcher(name, string(choices, dialect, "cookies"), invert)


def tls_context(choices: Choices) -> TlsContextMatcher:
    presented, validated = choices.pick(_CERTIFICATES)
    return TlsContextMatcher(presented=presented, validated=validated)


def fraction(choices: Choices) -> RuntimeFraction:
    """A share of all requests: mostly a proper one."""
    denominator = choices.pick(tuple(DENOMINATORS.values()))
    numerators = (denominator // 2, 1, denominator // 10, denominator - 1, 0, denominator, 2 * denominator + 50)
    numerator = choices.pick((*numerators, -1, -1, -1))
    if numerator < 0:
        numerator = choices.integer(0, denominator)
    return RuntimeFraction(numerator, denominator, choices.pick(("", "", *FRACTION_KEYS)))


def route_match(choices: Choices, dialect: Dialect, *, last: bool) -> RouteMatch:
    """The conditions of a route. One that is not the last of its host seldom takes everything."""
    asked = path(choices, dialect)
    found: dict[str, list[Any]] = {name: [] for name in _CONDITIONS}
    for _ in range(choices.pick((0, 0, 1, 1, 1, 2, 2, 3, 4))):
        name, condition = choices.part(lambda choices: _condition(choices, dialect))
        found[name].append(condition)
    if dialect.gloo:
        match = RouteMatch(asked, found["header"], found["query"])
    else:
        match = RouteMatch(
            asked,
            found["header"],
            found["query"],
            cookies=() if dialect.envoy == "1.36" else found["cookie"],
            grpc=GrpcMatcher() if found["grpc"] else None,
            tls_context=found["tls"][0] if found["tls"] and not dialect.tls else None,
            runtime_fraction=found["fraction"][0] if found["fraction"] else None,
        )
    if not last and _takes_most(match) and not choices.chance(5):
        return attrs.evolve(match, path=PathExact(choices.pick(PATHS[1:])))
    return match


def _condition(choices: Choices, dialect: Dialect) -> tuple[str, Any]:
    name = choices.pick(_CONDITIONS)
    if name == "header":
        return name, header(choices, dialect)
    if name == "query":
        return name, query_parameter(choices, dialect)
    if name == "cookie":
        return name, cookie(choices, dialect)
    if name == "tls":
        return name, tls_context(choices)
    return name, fraction(choices) if name == "fraction" else None


def _takes_most(match: RouteMatch) -> bool:
    if len(list(match)) > 1 or match.runtime_fraction is not None:
        return False
    path = match.path
    return (isinstance(path, PathPrefix) and path.prefix in ("", "/")) or (
        isinstance(path, PathRegex) and path.regex in (".*", "/.*", "/[^;]*")
    )
