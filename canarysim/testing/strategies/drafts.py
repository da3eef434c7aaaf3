"""A request in the making, and one that satisfies all conditions of a route, as far as that can be done."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from canarysim.request import Request, octets
from canarysim.table.actions import RouteAction
from canarysim.table.conditions import CookieMatcher, GrpcMatcher, TlsContextMatcher
from canarysim.table.matchers import ConnectMatcher, HeaderMatcher, PathMatcher, QueryParameterMatcher
from canarysim.table.metadata import MetadataMatcher
from canarysim.testing.strategies.pools import CLUSTERS, METHODS, MISSING_CLUSTER, PATHS
from canarysim.testing.strategies.reads import name_reads, reads
from canarysim.testing.strategies.texts import header_values, hosts, json_value, paths, texts

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Sequence

    from canarysim.table.hosts import VirtualHost
    from canarysim.table.matchers import Matcher
    from canarysim.table.route_table import RouteTable
    from canarysim.table.routes import Route
    from canarysim.testing.strategies.choices import Choices
    from canarysim.testing.strategies.texts import Values

__all__ = ["Draft", "aimed"]

T = TypeVar("T")
Certificate = Literal["presented", "validated"] | None

_HOST = re.compile(r"[A-Za-z0-9\-._~!$&'()*+,;=:%@\[\]]*")
#: What is a host in a URL too, as an absolute target and that of CONNECT are.
_PLAIN_HOST = re.compile(r"[A-Za-z0-9.-]*[A-Za-z0-9.](?::[0-9]{1,5})?|\[::1\](?::[0-9]{1,5})?")
#: Names of headers, but for those that say how long a body is.
_NAME = re.compile(r"(?!(?:content-length|transfer-encoding)\Z)[a-z0-9!#$%&'*+.^_`|~-]+")
_VALUE = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*")


class Draft:
    """A request in the making. ``queries`` are the pieces of the query, ``cookies`` those of ``cookie`` headers,
    a list a header; ``tail`` follows the query. ``host_header`` names the header that stands for the host, if any.
    """

    __slots__ = (
        *("authority", "certificate", "cookies", "headers", "host_header", "internal", "metadata", "method"),
        *("path", "queries", "scheme", "tail"),
    )

    def __init__(self) -> None:
        self.method = "GET"
        self.path = "/"
        self.queries: list[str] = []
        self.tail = ""
        self.authority = ""
        self.host_header = ""
        self.scheme: str | None = None
        self.headers: list[tuple[str, str]] = []
        self.cookies: list[list[str]] = []
        self.certificate: Certificate = None
        self.internal = False
        self.metadata: dict[str, Any] = {}

    @property
    def target(self) -> str:
        """Path and query."""
        if not self.queries:
            return self.path + self.tail
        return self.path + ("&" if "?" in self.path else "?") + "&".join(self.queries) + self.tail

    def values(self, name: str) -> Values:
        """The values of a header."""
        return tuple(value for field, value in self.headers if field == name) or None

    def set(self, name: str, values: Values) -> None:
        """Puts these values in place of those that a header has."""
        self.headers = [pair for pair in self.headers if pair[0] != name]
        self.headers += [(name, value) for value in values or ()]

    def request(self) -> Request:
        """The request, without what HTTP/1 would refuse to carry."""
        host = self.authority if _HOST.fullmatch(self.authority) else ""
        headers = [
            (name, value) for name, value in self.headers if _NAME.fullmatch(name) and _VALUE.fullmatch(value)
        ]
        headers += [("cookie", "; ".join(pieces)) for pieces in self.cookies]
        url = _PLAIN_HOST.fullmatch(host) is not None
        if self.method == "CONNECT":  # all that its target is; a port must be there
            path = host = (host if host[-1:].isdigit() and ":" in host else f"{host}:80") if url else "x:80"
        else:
            path = _carried(self.target)
        return Request(
            path,
            method=self.method,
            authority=host,
            scheme=self.scheme if url and self.method != "CONNECT" and path[0] == "/" else None,
            headers=headers,
            metadata=self.metadata,
            certificate=self.certificate,
            internal=self.internal,
        )


_UNCARRIED = re.compile("[^!-~]")


def _carried(target: str) -> str:
    """The target with each byte escaped that HTTP/1 does not carry."""
    target = _UNCARRIED.sub(lambda found: f"%{ord(found[0]):02X}", octets(target))
    return target if target.startswith(("/", "*")) else f"/{target}"


def aimed(choices: Choices, table: RouteTable, host: VirtualHost, route: Route | None) -> Draft:
    """A request for one of the domains of a virtual host that satisfies the conditions of a route of it."""
    asked: list[Matcher] = [] if route is None else list(route.match)
    by_header: dict[str, list[Matcher]] = {}
    for matcher in asked:
        if isinstance(matcher, HeaderMatcher | GrpcMatcher):
            by_header.setdefault(matcher.view.header, []).append(matcher)
    draft = Draft()
    _aim_host(choices, table, draft, host, by_header.pop(":authority", []))
    _aim_listener(choices, table, draft, host, by_header)
    _aim_query(choices, table, draft, asked)
    if asked and isinstance(asked[0], ConnectMatcher):
        draft.method = "CONNECT"
        by_header.pop(":method", None)
    else:
        methods = METHODS if ":method" in by_header else (*["GET"] * 6, *METHODS)
        draft.method = _fitting(choices, table, methods, by_header.pop(":method", []), _alone)
    _aim_path(choices, table, draft, asked[0] if asked else None, by_header.pop(":path", []))
    for name, matchers in by_header.items():
        _aim_header(choices, table, draft, name, matchers)
    _aim_cookies(choices, table, draft, asked)
    for matcher in asked:
        if isinstance(matcher, MetadataMatcher) and not matcher.invert:
            _put(draft.metadata, (matcher.filter, *matcher.path), json_value(matcher.value, table.behaviour))
        elif isinstance(matcher, TlsContextMatcher) and table.scheme == "https":
            known: tuple[Certificate, ...] = (None, "presented", "validated")
            draft.certificate = _fitting(choices, table, known, [matcher], lambda value: value or "none")
    if route is not None and isinstance(route.action, RouteAction):
        _name_clusters(choices, table, draft, route.action, by_header)
    if route is not None:
        name_reads(choices, draft, reads(table, host, route), (*by_header, draft.host_header))
    return draft


# What the views of the table show of a candidate.


def _alone(text: str) -> tuple[str, ...]:
    return (octets(text),)


def _value(text: str | None) -> str | None:
    return None if text is None else octets(text)


def _lines(values: Values) -> Values:
    return None if values is None else tuple(map(octets, values))


def _fitting(
    choices: Choices,
    table: RouteTable,
    candidates: Sequence[T],
    matchers: Sequence[Matcher],
    view: Callable[[T], object],
) -> T:
    """A candidate that fulfils all conditions on one thing; any where none does.

    They are asked in the table's own words, and a table that errs would hide so. So now and then they are not
    asked.
    """
    start = choices.integer(0, len(candidates) - 1) if len(candidates) > 1 else 0
    if choices.chance(6) or not matchers:
        return candidates[start]
    envoy = table.behaviour
    tests = [matcher.test(envoy) for matcher in matchers if matcher.why_unknown(envoy) is None]
    for candidate in (*candidates[start:], *candidates[:start]):
        value = view(candidate)
        if all(test(value) for test in tests):
            return candidate
    return candidates[start]


def _told(matchers: Sequence[Matcher], table: RouteTable) -> list[str]:
    """Texts that conditions on a pseudo header ask for."""
    headers = [matcher for matcher in matchers if isinstance(matcher, HeaderMatcher)]
    return [values[0] for each in headers for values in header_values(each, table.behaviour) if values is not None]


def _aim_host(
    choices: Choices, table: RouteTable, draft: Draft, host: VirtualHost, matchers: Sequence[Matcher]
) -> None:
    domain = choices.pick(host.domains)
    draft.authority = _fitting(choices, table, (*hosts(domain), *_told(matchers, table)), matchers, _alone)
    if table.vhost_header and table.vhost_header[0] != ":":
        draft.host_header = table.vhost_header.lower()
        draft.set(draft.host_header, (choices.pick(hosts(domain)),))
        draft.authority = choices.pick((draft.authority, "unknown"))


def _aim_listener(
    choices: Choices, table: RouteTable, draft: Draft, host: VirtualHost, by_header: dict[str, list[Matcher]]
) -> None:
    """What tells of the scheme, and of a request from inside."""
    schemes = by_header.pop(":scheme", [])
    told = "x-forwarded-proto" in by_header
    if host.require_tls and not told:
        draft.set("x-forwarded-proto", ("https",))
    elif schemes and not told:
        wanted = _fitting(choices, table, ("https", "http"), schemes, _alone)
        if choices.chance(25) and not table.http.use_remote_address:
            draft.scheme = wanted
        else:
            draft.set("x-forwarded-proto", (wanted,))
    inside = host.require_tls == "EXTERNAL_ONLY" or table.internal_only_headers or "x-envoy-internal" in by_header
    if inside and not table.http.use_remote_address and choices.chance(60):
        draft.internal = True
        draft.set("x-forwarded-for", ("10.0.0.1",))


def _aim_query(choices: Choices, table: RouteTable, draft: Draft, asked: Sequence[Matcher]) -> None:
    by_name: dict[str, list[QueryParameterMatcher]] = {}
    for matcher in asked:
        if isinstance(matcher, QueryParameterMatcher):
            by_name.setdefault(matcher.name, []).append(matcher)
    for name, matchers in by_name.items():
        candidates: list[str | None] = []
        for one in matchers:
            if one.value is not None:
                candidates += texts(one.value, table.behaviour)
            else:
                candidates += ["", "a"] if one.present else [None]
        value = _fitting(choices, table, candidates or [None], matchers, _value)
        if value is not None:
            draft.queries.append(f"{name}={value}" if value or choices.chance(50) else name)
    if choices.chance(8):
        draft.queries.append(choices.pick(("z=1", "q=a", "v", "Q=b")))


def _aim_path(
    choices: Choices, table: RouteTable, draft: Draft, matcher: Matcher | None, headers: Sequence[Matcher]
) -> None:
    """The path, which conditions on the header ``:path`` see with its query."""
    known = paths(matcher, table.behaviour) if isinstance(matcher, PathMatcher) else ()
    if not headers:
        draft.path = choices.pick(known or PATHS) or "/"
        return
    before = draft.queries
    candidates: list[tuple[str, list[str]]] = [(path or "/", before) for path in known or PATHS]
    for text in _told(headers, table):
        path, mark, query = text.partition("?")
        if path.startswith("/"):
            candidates += [(path, [query] if mark else []), (path, before)]

    def target(candidate: tuple[str, list[str]]) -> tuple[str, ...]:
        draft.path, draft.queries = candidate
        return (octets(draft.target),)

    # Those first that the path takes, so that the other conditions decide among them.
    if matcher is not None and matcher.why_unknown(table.behaviour) is None:
        holds = matcher.test(table.behaviour)
        candidates = [each for each in candidates if holds(octets(each[0]))] or candidates
    draft.path, draft.queries = _fitting(choices, table, candidates, headers, target)


def _aim_header(choices: Choices, table: RouteTable, draft: Draft, name: str, matchers: list[Matcher]) -> None:
    if name == draft.host_header:
        return
    candidates: list[Values] = []
    for matcher in matchers:
        if isinstance(matcher, HeaderMatcher):
            candidates += header_values(matcher, table.behaviour)
        else:
            candidates += [("application/grpc",), ("application/grpc+proto",)]
    if len(matchers) > 1 and table.behaviour.match_headers_individually:
        # Two conditions on one header may be fulfilled by a line each.
        candidates.append((*(candidates[0] or ()), *(candidates[-1] or ())) or None)
    values = _fitting(choices, table, candidates, matchers, _lines)
    draft.set(name, values)
    if name == "upgrade" and values:
        draft.set("connection", ("upgrade",))  # without it Envoy drops the header


def _aim_cookies(choices: Choices, table: RouteTable, draft: Draft, asked: Sequence[Matcher]) -> None:
    by_name: dict[str, list[CookieMatcher]] = {}
    for matcher in asked:
        if isinstance(matcher, CookieMatcher):
            by_name.setdefault(matcher.name, []).append(matcher)
    pieces = []
    for name, matchers in by_name.items():
        candidates: list[str | None] = []
        for one in matchers:
            candidates += [None, "zz", ""] if one.invert else texts(one.value, table.behaviour)
        value = _fitting(choices, table, candidates or [None], matchers, _value)
        if value is not None:
            pieces.append(f'{name}="{value}"' if choices.chance(10) else f"{name}={value}")
    if pieces:
        draft.cookies.append(pieces)


def _put(tree: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    """Writes a piece of metadata, where there is one and nothing is in its way."""
    for key in path[:-1] if value is not ... else ():
        inner = tree.setdefault(key, {})
        if not isinstance(inner, dict):
            return
        tree = inner
    if value is not ...:
        tree[path[-1]] = value


def _name_clusters(
    choices: Choices, table: RouteTable, draft: Draft, action: RouteAction, asked: Container[str]
) -> None:
    """Headers that name clusters or values for a pick, where no condition asks for them."""
    known = CLUSTERS if table.clusters is None else (*sorted(table.clusters), MISSING_CLUSTER)
    wanted = [action.cluster_header, *(destination.cluster_header for destination in action.destinations)]
    wanted += [mirror.cluster_header for mirror in action.mirrors]
    for name in dict.fromkeys(name.lower() for name in wanted if name and name[0] != ":"):
        if name not in asked and choices.chance(85):
            cluster = choices.pick(known)
            draft.set(name, choices.pick(((cluster,), (cluster,), (cluster, "v1"), ("",))))
    name = action.header_name.lower()
    if name and name not in asked and choices.chance(85):
        value = str(choices.integer(0, 2 * action.total))
        odd = (f" +00{value}", "18446744073709551615", "18446744073709551616", "-1", "7.0", "")
        draft.set(name, (choices.pick((value, value, value, *odd)),))
