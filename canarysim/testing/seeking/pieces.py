"""The pieces that a request is made of, what is proposed for each, and the request that they make together.

A piece is what can be chosen by itself: the host, the method, the path, one header, one query parameter, one
cookie. Every condition looks at one piece. Where it would look at two (``:path`` has path and query in it, the
header ``cookie`` all cookies, and of ``te`` more is kept beside ``upgrade``) these are one piece. What is proposed costs: the plainest request is the cheapest.
"""

from __future__ import annotations

import re
from itertools import islice, product
from typing import TYPE_CHECKING, Any, NamedTuple

import attrs

from canarysim.request import Request, readable
from canarysim.table.conditions import CookieMatcher, GrpcMatcher, TlsContextMatcher
from canarysim.table.hosts import DomainRule
from canarysim.table.matchers import HeaderMatcher, PathMatcher, QueryParameterMatcher
from canarysim.table.metadata import MetadataMatcher
from canarysim.table.views import HeaderView
from canarysim.testing.seeking.samples import json_values, near_paths, near_texts, paths, recased, texts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from canarysim.table.hosts import VirtualHost
    from canarysim.table.matchers import Matcher
    from canarysim.table.route_table import RouteTable

__all__ = ["HOST", "KNOWN_METHODS", "LISTENER", "Key", "Maker", "Offer", "is_sendable"]

Key = tuple[str, ...]
HOST: Key = ("host",)
METHOD: Key = ("method",)
PATH: Key = ("path",)
LISTENER: Key = ("listener",)
PROTOCOL: Key = ("protocol",)
CERTIFICATE: Key = ("certificate",)

_HOST = re.compile(r"[A-Za-z0-9\-._~!$&'()*+,;=:%@\[\]]*")
#: What is a host in a URL too.
_PLAIN_HOST = re.compile(r"[A-Za-z0-9.-]*[A-Za-z0-9](?::[0-9]{1,5})?|\[::1\](?::[0-9]{1,5})?")
_NAME = re.compile(r"(?!(?:content-length|transfer-encoding)\Z)[a-z0-9!#$%&'*+.^_`|~-]+")
_VALUE = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*")
_TARGET = re.compile(r"[!\"$-~]*")  # no blank, no #, nothing beyond ASCII
_COOKIE = re.compile(r"[^\x00-\x1f\x7f;]*")
#: What a test and a person ask with first, and what else Envoy's HTTP/1 parser knows.
_METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "PURGE", "PROPFIND", "TRACE", "COPY", "LOCK")
KNOWN_METHODS = (
    *_METHODS,
    *("MKCOL", "MOVE", "PROPPATCH", "SEARCH", "UNLOCK", "BIND", "REBIND", "UNBIND", "ACL", "REPORT", "MKACTIVITY"),
    *("CHECKOUT", "MERGE", "MSEARCH", "NOTIFY", "SUBSCRIBE", "UNSUBSCRIBE", "MKCALENDAR", "LINK", "UNLINK", "SOURCE"),
)
#: Values of headers that have some of their own; of ``te`` Envoy keeps no other.
_USUAL = {
    "te": "trailers",
    "upgrade": "websocket",
    "content-type": "application/json",
    "accept": "text/html",
    "user-agent": "curl/8.5.0",
    "referer": "https://shop.example/",
    "cookie": "session=1",
    "authorization": "Bearer x",
}
_ANY_VALUE = ("other", "1", "", "a", "7", "ab")
_ANY_PATH = ("/", "/other", "/a", "/b", "/1", "/A")
#: What HTTP/1 does not carry is proposed all the same, after everything else.
_ODD = 100.0
#: An address from inside, as the next proxy tells it.
_INSIDE = ("x-forwarded-for", "10.0.0.1")


class Offer(NamedTuple):
    """What is proposed for a piece, and how far it is from the plainest."""

    value: Any
    cost: float


def is_sendable(request: Request) -> bool:
    """Whether HTTP/1 carries the request as it is."""
    if request.method == "CONNECT":
        return _HOST.fullmatch(request.authority) is not None
    return (
        request.method in KNOWN_METHODS
        and _TARGET.fullmatch(request.path) is not None
        and _HOST.fullmatch(request.authority) is not None
        and all(_NAME.fullmatch(name) and _VALUE.fullmatch(value) for name, value in request.headers)
    )


def _unlike(items: Iterable[Any], most: int) -> list[Any]:
    return list(islice(dict.fromkeys(items), most))


@attrs.frozen
class Maker:
    """Makes requests for one virtual host.

    ``connect`` says that they are CONNECT requests, ``internal`` that they come from inside; ``whole_target``
    makes one piece of path and query, ``whole_cookies`` one of all cookies.
    """

    table: RouteTable
    host: VirtualHost
    connect: bool = False
    internal: bool = False
    whole_target: bool = False
    whole_cookies: bool = False

    def fit(self, conditions: Iterable[Matcher]) -> Maker:
        """One that keeps together what these conditions look at together."""
        headers = {matcher.view.header for matcher in conditions if isinstance(matcher.view, HeaderView)}
        return attrs.evolve(
            self,
            whole_target=self.whole_target or ":path" in headers,
            whole_cookies=self.whole_cookies or "cookie" in headers,
        )

    @property
    def host_header(self) -> str:
        """The header that stands for the host, if there is one."""
        name = self.table.vhost_header.lower()
        return "" if name[:1] == ":" else name

    def key(self, condition: Matcher) -> Key:
        """The piece that a condition looks at."""
        if isinstance(condition, PathMatcher):
            return PATH
        if isinstance(condition, QueryParameterMatcher):
            return PATH if self.whole_target else ("query", condition.name)
        if isinstance(condition, CookieMatcher):
            return ("header", "cookie") if self.whole_cookies else ("cookie", condition.name)
        if isinstance(condition, MetadataMatcher):
            return "metadata", condition.filter
        if isinstance(condition, TlsContextMatcher):
            return CERTIFICATE
        if isinstance(condition.view, HeaderView):
            name = condition.view.header
            if self.host_header and name == self.host_header:
                return HOST
            pseudo = {":authority": HOST, ":method": METHOD, ":path": PATH, ":scheme": LISTENER}
            more = {"x-forwarded-proto": LISTENER, "te": PROTOCOL, "upgrade": PROTOCOL}
            return {**pseudo, **more}.get(name, ("header", name))
        return ("nothing",)

    # What is proposed

    def offers(self, key: Key, asked: Sequence[Matcher], missing: Matcher | None = None) -> list[Offer]:
        """Proposals for a piece at which these conditions look; those of the route stand first.

        ``missing`` is the one that is to be missed, if any.
        """
        match key[0]:
            case "host":
                return self._hosts(asked)
            case "method":
                return [Offer("CONNECT", 0)] if self.connect else self._methods(asked)
            case "path":
                return [Offer("", 0)] if self.connect else self._targets(asked, missing)
            case "listener":
                return self._listeners(asked)
            case "protocol":
                return self._protocols(asked)
            case "header":
                return self._headers(key[1], asked)
            case "query":
                found = [value for value in self._values(asked) if value is None or "&" not in value]
                return [Offer(value, _cost(value, at, _TARGET)) for at, value in enumerate(found)]
            case "cookie":
                return [Offer(value, _cost(value, at, _COOKIE)) for at, value in enumerate(self._values(asked))]
            case "metadata":
                return self._metadata(asked)
            case "certificate":
                # Without TLS nobody has one.
                known = (None, "validated", "presented") if self.table.scheme == "https" else (None,)
                return [Offer(value, 4.0 * at) for at, value in enumerate(known)]
        return [Offer(None, 0)]

    def _texts(self, asked: Sequence[Matcher]) -> list[str]:
        """Texts that conditions take, texts in which two of them may hold at once, and texts nearby."""
        envoy = self.table.behaviour
        taken: list[tuple[str, ...]] = []
        near: list[str] = []
        firsts: list[str] = []
        for matcher in asked:
            if (proposed := getattr(matcher, "proposed", None)) is not None:
                taken.append(tuple(proposed))
            elif isinstance(matcher, GrpcMatcher):
                taken.append(("application/grpc", "application/grpc+proto"))
            elif (value := getattr(matcher, "value", None)) is not None:
                first, second = texts(value, envoy), near_texts(value, envoy)
                inverted = getattr(matcher, "invert", False)
                taken.append(("other", *second) if inverted else first)
                near += first if inverted else second
                firsts += first[:1]
            else:
                taken.append((_USUAL.get(getattr(matcher.view, "header", ""), "1"),))
        both = [left + comma + right for left, right in product(firsts, firsts) for comma in ("", ",", "/")]
        plain = [one[:4] for one in taken]
        return [text for one in (*plain, *taken, near, both[:64]) for text in one]

    def _values(self, asked: Sequence[Matcher]) -> list[str | None]:
        return _unlike((None, *self._texts(asked), *_ANY_VALUE), 120)

    def _headers(self, name: str, asked: Sequence[Matcher]) -> list[Offer]:
        if name[0] == ":" or _NAME.fullmatch(name) is None:
            return [Offer(None, 0)]
        found: list[str | None] = []
        if name == "cookie" and self.whole_cookies:
            found = [None, *self._cookie_headers(asked)]
        else:
            found = [*self._values(asked), _USUAL.get(name, "1")]
        offers = [
            Offer(None if value is None else (value,), _cost(value, at, _VALUE)) for at, value in enumerate(found)
        ]
        if len(asked) > 1:  # two conditions on one header may be fulfilled by a line each
            firsts = [text for matcher in asked for text in self._texts([matcher])[:2]]
            lines = [pair for pair in product(_unlike(firsts, 6), repeat=2) if pair[0] != pair[1]]
            lines += [tuple(self._texts([matcher])[0] for matcher in asked)]
            offers += [Offer(pair, 4 + _cost(pair[0], at, _VALUE)) for at, pair in enumerate(_unlike(lines, 31))]
        return offers

    def _cookie_headers(self, asked: Sequence[Matcher]) -> list[str]:
        by_name: dict[str, list[Matcher]] = {}
        for matcher in asked:
            if isinstance(matcher, CookieMatcher):
                by_name.setdefault(matcher.name, []).append(matcher)
        of_headers = self._texts([matcher for matcher in asked if not isinstance(matcher, CookieMatcher)])
        pieces = [
            [None if value is None else f"{name}={value}" for value in self._values(matchers)[:24]]
            for name, matchers in by_name.items()
        ]
        found = ["; ".join(filter(None, chosen)) for chosen in islice(product(*pieces), 200)]
        both = [f"{left}; {right}" for left, right in product(of_headers[:6], found[:16])]
        both += [f"{right}; {left}" for left, right in product(of_headers[:6], found[:16])]
        return [text for text in (*of_headers, *found, *both, *_ANY_VALUE) if text is not None]

    def _hosts(self, asked: Sequence[Matcher]) -> list[Offer]:
        of_host = [one for one in asked if getattr(one.view, "header", "") == ":authority"]
        of_header = [one for one in asked if one not in of_host]
        names: list[str] = []
        for domain in self.host.domains:
            names += _names_of(domain)
        told = self._texts(of_host) if of_host else []
        several = [f"{name}:{port}" for name in (*names, *told[:8]) for port in (8080, 80)]
        several += [name + told_one for name in names[:4] for told_one in told[:4]]
        several += [told_one + name.lstrip("x") for name in names[:4] for told_one in told[:4]]
        names = [*names, *told, *(recased(name) for name in names), *several]
        names = [name for name in names if _HOST.fullmatch(name)]
        found = _unlike(names, 80)
        if self.connect:
            targets = [name if re.search(r":[0-9]+\Z", name) else f"{name}:443" for name in found if name]
            targets = [name for name in targets if _PLAIN_HOST.fullmatch(name)]
        if not self.host_header and self.connect:
            return [Offer((name, None), 0.1 * at) for at, name in enumerate(_unlike(targets, 80))]
        if not self.host_header:
            return [Offer((name, None), 0.1 * at) for at, name in enumerate(found)]
        values: list[tuple[str, ...] | None] = [(name,) for name in found]
        if of_header:
            extra = _unlike(self._texts(of_header), 24)
            values = [*values, *((text,) for text in extra)]
            values += [(name, text) for name in found[:6] for text in extra]
        values.append(None)
        authorities = [*targets[:8], "shop.example:443"] if self.connect else ["", *_unlike(told, 24)]
        pairs = islice(product(authorities, values), 300)
        return [Offer(pair, 0.1 * at) for at, pair in enumerate(pairs)]

    def _methods(self, asked: Sequence[Matcher]) -> list[Offer]:
        told = (text for text in self._texts(asked) if re.fullmatch("[A-Za-z][A-Za-z-]*", text))
        found = _unlike(("GET", *told, *_METHODS), 60)
        return [
            Offer(method, bool(at) + 0.01 * at + (0 if method in KNOWN_METHODS else _ODD))
            for at, method in enumerate(found)
            if method != "CONNECT"
        ]

    def _targets(self, asked: Sequence[Matcher], missing: Matcher | None) -> list[Offer]:
        envoy = self.table.behaviour
        of_path = [one for one in asked if isinstance(one, PathMatcher)]
        told = self._texts([one for one in asked if isinstance(one.view, HeaderView)]) if self.whole_target else []
        told = _unlike((form for text in told for form in (text, f"/{text}")), 80)
        taken = [paths(one, envoy) for one in of_path]
        near = [path for one in of_path for path in near_paths(one, envoy)]
        # An ending of one is tried behind the beginning of another: the second may have to refuse.
        starts = [one[0] for one in taken[:4] if one]
        grafts = [_graft(text, path) for text in (*told[:12], *starts) for path in starts if text != path]
        both = [*grafts, *(f"{text}{path}" for path in starts for text in (*told[:6], *starts))]
        both += [f"{text}{path[1:]}" for path in starts for text in (*told[:6], *starts)]
        asking = [f"{path}?{text.lstrip('?')}" for path in starts[:2] for text in told[:12]]
        both += [left.rstrip("/") + right for left in (one[0] for one in taken[:6] if one) for right in near[:12]]
        both += [left[0] + right.lstrip("/") for left in taken[:3] if left for right in told[:12]]
        first = taken[0][:16] if taken else ()  # the route's own
        if missing is not None and missing in of_path:
            first = (*near_paths(missing, envoy)[:16], *first)
        found = [*first, *told, *asking, *(path for one in taken for path in one), *_ANY_PATH, *near, *both]
        known = _unlike((path for path in found if path[:1] == "/" and "#" not in path), 260)
        if not self.whole_target:
            known = [path for path in known if "?" not in path]
            return [Offer(path, _cost_of_path(path, at)) for at, path in enumerate(known)]
        queries = self._queries([one for one in asked if isinstance(one, QueryParameterMatcher)])
        whole: list[tuple[str, float]] = []
        for at, path in enumerate(known[:80]):
            for number, query in enumerate(queries if at < 24 else queries[:3]):
                sign = "&" if "?" in path else "?"
                whole.append((f"{path}{sign}{query}" if query else path, 0.05 * at + 2 * bool(query) + 0.01 * number))
        for at, text in enumerate(told):
            path, sign, query = text.partition("?")
            whole += [(f"{start}{sign}{query}", 0.05 * at + 2) for start in known[:12] if sign and path != start]
        return [Offer(path, cost + _cost_of_path(path, 0)) for path, cost in whole]

    def _queries(self, asked: Sequence[QueryParameterMatcher]) -> list[str]:
        by_name: dict[str, list[Matcher]] = {}
        for matcher in asked:
            by_name.setdefault(matcher.name, []).append(matcher)
        pieces = [
            [None if value is None else f"{name}={value}" for value in self._values(matchers)[:20]]
            for name, matchers in by_name.items()
        ]
        found = ["&".join(filter(None, chosen)) for chosen in islice(product(*pieces), 64)]
        return [*found[:3], "x=1", *found[3:]]

    def _listeners(self, asked: Sequence[Matcher]) -> list[Offer]:
        told = _unlike(("https", "http", "HTTPS", "HTTP", *(self._texts(asked) if asked else ()), *_ANY_VALUE), 40)
        found: list[tuple[tuple[str, ...] | None, str | None]] = [(None, None), *(((text,), None) for text in told)]
        found += [(None, "https"), (None, "http"), (("https",), "http"), (("http",), "https")]
        found += [((text,), scheme) for text in told[2:12] for scheme in ("https", "http")]
        return [Offer(one, 0.0 if not at else 3 + 0.01 * at) for at, one in enumerate(found)]

    def _protocols(self, asked: Sequence[Matcher]) -> list[Offer]:
        """Values of ``te``, and of ``upgrade``."""
        of_te = [one for one in asked if getattr(one.view, "header", "") == "te"]
        of_upgrade = [one for one in asked if getattr(one.view, "header", "") == "upgrade"]
        te = self._headers("te", of_te) if of_te else [Offer(None, 0)]
        upgrades = self._headers("upgrade", of_upgrade) if of_upgrade else [Offer(None, 0), Offer(("websocket",), 2)]
        pairs = product(te[:60], upgrades[:16]) if of_te else product(te, upgrades)
        return [Offer((te.value, upgrade.value), te.cost + upgrade.cost) for te, upgrade in pairs]

    def _metadata(self, asked: Sequence[Matcher]) -> list[Offer]:
        matchers = [one for one in asked if isinstance(one, MetadataMatcher)][:4]
        several = [
            [..., *json_values(one.value, self.table.behaviour)[:3], "other", 0, True] for one in matchers
        ]
        offers = []
        for at, chosen in enumerate(islice(product(*several), 300)):
            tree: dict[str, Any] = {}
            for matcher, value in zip(matchers, chosen, strict=True):
                _put(tree, matcher.path, value)
            offers.append(Offer(tree or None, (4 + 0.01 * at) * bool(tree)))
        return offers

    # What is made

    def request(self, chosen: Mapping[Key, Any]) -> Request:
        """The request of these pieces; what is not chosen is as plain as can be."""
        authority, of_host = chosen.get(HOST, ("", None))
        proto, scheme = chosen.get(LISTENER, (None, None))
        headers: list[tuple[str, str]] = [(self.host_header, value) for value in of_host or ()]
        queries, cookies = [], []
        metadata = {}
        for key, value in chosen.items():
            if value is None:
                continue
            if key[0] == "header":
                headers += [(key[1], one) for one in value]
            elif key == PROTOCOL:
                headers += [("te", one) for one in value[0] or ()]
                headers += [("upgrade", one) for one in value[1] or ()]
                headers += [("connection", "upgrade")] if value[1] else []  # without it Envoy drops the other
            elif key[0] == "query":
                queries.append(f"{key[1]}={value}" if value else key[1])
            elif key[0] == "cookie":
                cookies.append(f"{key[1]}={value}")
            elif key[0] == "metadata":
                metadata[key[1]] = value
        headers += [("x-forwarded-proto", value) for value in proto or ()]
        if cookies:
            headers.append(("cookie", "; ".join(cookies)))
        if self.internal and not any(name == _INSIDE[0] for name, _ in headers):
            headers.append(_INSIDE)
        path = chosen.get(PATH, "/")
        if queries:
            path += ("&" if "?" in path else "?") + "&".join(queries)
        return Request(
            authority if self.connect else path,
            method="CONNECT" if self.connect else chosen.get(METHOD, "GET"),
            authority=authority,
            scheme=scheme if authority and _PLAIN_HOST.fullmatch(authority) else None,
            headers=headers,
            metadata=metadata,
            certificate=chosen.get(CERTIFICATE),
            internal=self.internal,
        )

    def as_url(self, request: Request) -> Request | None:
        """The same with a whole URL for a target, as one writes it down; None where it is not that plain."""
        plain = request.scheme is None and not self.connect and _PLAIN_HOST.fullmatch(request.authority)
        if not plain or not request.authority or request.path[:1] != "/":
            return None
        if any(name in ("x-forwarded-proto", "connection") for name, _ in request.headers):
            return None
        return Request(
            request.path,
            method=request.method,
            authority=request.authority,
            scheme=self.table.scheme,
            headers=request.headers,
            metadata=request.metadata,
            certificate=request.certificate,  # type: ignore[arg-type]
            address=request.address,
            internal=request.internal,
        )


def _cost(value: str | None, at: int, sendable: re.Pattern[str]) -> float:
    if value is None:
        return 0.0
    return 2 + 0.01 * at + 0.002 * len(value) + (0 if sendable.fullmatch(value) else _ODD)


def _cost_of_path(path: str, at: int) -> float:
    return 0.05 * at + 0.002 * len(path) + (0 if _TARGET.fullmatch(path) else _ODD)


def _graft(text: str, path: str) -> str:
    """The text, and behind it the segments that the path has more."""
    begun = text.split("/")
    return "/".join([*begun, *path.split("/")[len(begun) :]])


def _names_of(domain: str) -> Iterator[str]:
    """Hosts that a domain takes, if none that says more takes them."""
    rule = DomainRule.of(domain)
    text = readable(rule.text)
    match rule.kind:
        case "default":
            yield from ("", "shop.example", "localhost", "x")
        case "exact":
            yield domain
        case "suffix":
            yield from (f"{start}{text}" for start in (("www", "a", "a.b") if text[:1] == "." else ("a", "x", "a.b")))
        case "prefix":
            yield from (f"{text}{end}" for end in ("example", "com", "x", "x.y"))


def _put(tree: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    """Writes a piece of metadata, where there is one and nothing is in its way."""
    if value is ...:
        return
    for key in path[:-1]:
        inner = tree.setdefault(key, {})
        if not isinstance(inner, dict):
            return
        tree = inner
    tree[path[-1]] = value
