"""What is proposed for each piece of a request: texts that conditions take or narrowly refuse, and usual ones.

What is proposed costs: the plainest request is the cheapest. What HTTP/1 does not carry costs so much that it
comes after everything else.
"""

from __future__ import annotations

import re
from itertools import islice, product
from typing import TYPE_CHECKING, Any, NamedTuple

from canarysim.request import readable
from canarysim.table.conditions import CookieMatcher, GrpcMatcher
from canarysim.table.hosts import DomainRule
from canarysim.table.matchers import PathMatcher, QueryParameterMatcher
from canarysim.table.metadata import MetadataMatcher
from canarysim.table.views import HeaderView
from canarysim.testing.seeking.picks import Told
from canarysim.testing.seeking.pieces import (
    HEADER_NAME,
    HEADER_VALUE,
    HOST_NAME,
    KNOWN_METHODS,
    METHODS,
    PLAIN_HOST,
    TARGET,
)
from canarysim.testing.seeking.samples import json_values, near_paths, near_texts, paths, recased, texts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from canarysim.table.matchers import Matcher
    from canarysim.testing.seeking.pieces import Key, Maker

__all__ = ["Offer", "offers"]

_COOKIE = re.compile(r"[^\x00-\x1f\x7f;]*")
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
_ANY_PATH = ("/", "/other", "/a", "/b", "/1", "/A", "/a/b", "/a.b", "/a-b", "/a;v=1", "/a%20b")
#: What HTTP/1 does not carry is proposed all the same, after everything else.
_ODD = 100.0


class Offer(NamedTuple):
    """What is proposed for a piece, and how far it is from the plainest."""

    value: Any
    cost: float


def _unlike(items: Iterable[Any], most: int) -> list[Any]:
    return list(islice(dict.fromkeys(items), most))


def offers(maker: Maker, key: Key, asked: Sequence[Matcher], missing: Matcher | None = None) -> list[Offer]:
    """Proposals for a piece at which these conditions look; those of the route stand first.

    ``missing`` is the one that is to be missed, if any.
    """
    match key[0]:
        case "host":
            return _hosts(maker, asked)
        case "method":
            return [Offer("CONNECT", 0)] if maker.connect else _methods_for(maker, asked)
        case "path":
            return [Offer("", 0)] if maker.connect else _targets(maker, asked, missing)
        case "listener":
            return _listeners(maker, asked)
        case "protocol":
            return _protocols(maker, asked)
        case "header":
            return _header_values(maker, key[1], asked)
        case "query":
            found = [value for value in _values(maker, asked) if value is None or "&" not in value]
            return [Offer(value, _cost(value, at, TARGET)) for at, value in enumerate(found)]
        case "cookie":
            return [Offer(value, _cost(value, at, _COOKIE)) for at, value in enumerate(_values(maker, asked))]
        case "metadata":
            return _metadata(maker, asked)
        case "certificate":
            # Without TLS nobody has one.
            known = (None, "validated", "presented") if maker.table.scheme == "https" else (None,)
            return [Offer(value, 4.0 * at) for at, value in enumerate(known)]
    return [Offer(None, 0)]


def _texts_for(maker: Maker, asked: Sequence[Matcher]) -> list[str]:
    """Texts that conditions take, texts in which two of them may hold at once, and texts nearby."""
    envoy = maker.table.behaviour
    taken: list[tuple[str, ...]] = []
    near: list[str] = []
    firsts: list[str] = []
    for matcher in asked:
        value = getattr(matcher, "value", None)
        if isinstance(value, Told):
            taken.append(value.proposed)
        elif isinstance(matcher, GrpcMatcher):
            taken.append(("application/grpc", "application/grpc+proto"))
        elif value is not None:
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


def _values(maker: Maker, asked: Sequence[Matcher]) -> list[str | None]:
    return _unlike((None, *_texts_for(maker, asked), *_ANY_VALUE), 120)


def _header_values(maker: Maker, name: str, asked: Sequence[Matcher]) -> list[Offer]:
    if name[0] == ":" or HEADER_NAME.fullmatch(name) is None:
        return [Offer(None, 0)]
    found: list[str | None] = []
    if name == "cookie" and maker.whole_cookies:
        found = [None, *_cookie_headers(maker, asked)]
    else:
        found = [*_values(maker, asked), _USUAL.get(name, "1")]
    offers = [
        Offer(None if value is None else (value,), _cost(value, at, HEADER_VALUE))
        for at, value in enumerate(found)
    ]
    if len(asked) > 1:  # two conditions on one header may be fulfilled by a line each
        firsts = [text for matcher in asked for text in _texts_for(maker, [matcher])[:2]]
        lines = [pair for pair in product(_unlike(firsts, 6), repeat=2) if pair[0] != pair[1]]
        lines += [tuple(_texts_for(maker, [matcher])[0] for matcher in asked)]
        offers += [Offer(pair, 4 + _cost(pair[0], at, HEADER_VALUE)) for at, pair in enumerate(_unlike(lines, 31))]
    return offers


def _cookie_headers(maker: Maker, asked: Sequence[Matcher]) -> list[str]:
    by_name: dict[str, list[Matcher]] = {}
    for matcher in asked:
        if isinstance(matcher, CookieMatcher):
            by_name.setdefault(matcher.name, []).append(matcher)
    of_headers = _texts_for(maker, [matcher for matcher in asked if not isinstance(matcher, CookieMatcher)])
    pieces = [
        [None if value is None else f"{name}={value}" for value in _values(maker, matchers)[:24]]
        for name, matchers in by_name.items()
    ]
    found = ["; ".join(filter(None, chosen)) for chosen in islice(product(*pieces), 200)]
    both = [f"{left}; {right}" for left, right in product(of_headers[:6], found[:16])]
    both += [f"{right}; {left}" for left, right in product(of_headers[:6], found[:16])]
    return [text for text in (*of_headers, *found, *both, *_ANY_VALUE) if text is not None]


def _hosts(maker: Maker, asked: Sequence[Matcher]) -> list[Offer]:
    of_host = [one for one in asked if getattr(one.view, "header", "") == ":authority"]
    of_header = [one for one in asked if one not in of_host]
    names: list[str] = []
    for domain in maker.host.domains:
        names += _names_of(domain)
    told = _texts_for(maker, of_host) if of_host else []
    several = [f"{name}:{port}" for name in (*names, *told[:8]) for port in (8080, 80)]
    several += [name + told_one for name in names[:4] for told_one in told[:4]]
    several += [told_one + name.lstrip("x") for name in names[:4] for told_one in told[:4]]
    names = [*names, *told, *(recased(name) for name in names), *several]
    names = [name for name in names if HOST_NAME.fullmatch(name)]
    found = _unlike(names, 80)
    if maker.connect:
        targets = [name if re.search(r":[0-9]+\Z", name) else f"{name}:443" for name in found if name]
        targets = [name for name in targets if PLAIN_HOST.fullmatch(name)]
    if not maker.host_header and maker.connect:
        return [Offer((name, None), 0.1 * at) for at, name in enumerate(_unlike(targets, 80))]
    if not maker.host_header:
        return [Offer((name, None), 0.1 * at) for at, name in enumerate(found)]
    values: list[tuple[str, ...] | None] = [(name,) for name in found]
    if of_header:
        extra = _unlike(_texts_for(maker, of_header), 24)
        values = [*values, *((text,) for text in extra)]
        values += [(name, text) for name in found[:6] for text in extra]
    values.append(None)
    authorities = [*targets[:8], "shop.example:443"] if maker.connect else ["", *_unlike(told, 24)]
    pairs = _unlike((*product(authorities[:3], values), *product(authorities, values[:8])), 500)
    return [Offer(pair, 0.1 * at) for at, pair in enumerate(pairs)]


def _methods_for(maker: Maker, asked: Sequence[Matcher]) -> list[Offer]:
    told = (text for text in _texts_for(maker, asked) if re.fullmatch("[A-Za-z][A-Za-z-]*", text))
    found = _unlike(("GET", *told, *METHODS), 60)
    return [
        Offer(method, bool(at) + 0.01 * at + (0 if method in KNOWN_METHODS else _ODD))
        for at, method in enumerate(found)
        if method != "CONNECT"
    ]


def _targets(maker: Maker, asked: Sequence[Matcher], missing: Matcher | None) -> list[Offer]:
    envoy = maker.table.behaviour
    of_path = [one for one in asked if isinstance(one, PathMatcher)]
    told = (
        _texts_for(maker, [one for one in asked if isinstance(one.view, HeaderView)]) if maker.whole_target else []
    )
    told = _unlike((form for text in told for form in (text, f"/{text}")), 80)
    taken = [paths(one, envoy) for one in of_path]
    near = [path for one in of_path for path in near_paths(one, envoy)]
    # An ending of one is tried behind the beginning of another: the second may have to refuse.
    starts = [one[0] for one in taken[:4] if one]
    grafts = [_graft(text, path) for text in (*told[:12], *starts) for path in starts if text != path]
    both = [*grafts, *(f"{text}{path}" for path in starts for text in (*told[:6], *starts))]
    both += [f"{text}{path[1:]}" for path in starts for text in (*told[:6], *starts)]
    if maker.table.ignore_path_parameters_in_path_matching:  # which templates do not ignore
        both += [f"{left};v={right[1:]}" for left in (*starts, "/a/") for right in (*starts, "/")]
    asking = [f"{path}?{text.lstrip('?')}" for path in starts[:2] for text in told[:40]]
    both += [left.rstrip("/") + right for left in (one[0] for one in taken[:6] if one) for right in near[:12]]
    both += [left[0] + right.lstrip("/") for left in taken[:3] if left for right in told[:12]]
    first = taken[0][:16] if taken else ()  # the route's own
    if missing is not None and missing in of_path:
        first = (*near_paths(missing, envoy)[:16], *first)
    found = [*first, *told, *asking, *(path for one in taken for path in one), *_ANY_PATH, *near, *both]
    known = _unlike((path for path in found if path[:1] == "/" and "#" not in path), 260)
    if not maker.whole_target:
        known = [path for path in known if "?" not in path]
        return [Offer(path, _cost_of_path(path, at)) for at, path in enumerate(known)]
    queries = _queries(maker, [one for one in asked if isinstance(one, QueryParameterMatcher)])
    whole: list[tuple[str, float]] = []
    for at, path in enumerate(known):
        for number, query in enumerate(queries[: 64 if at < 24 else 3 if at < 80 else 1]):
            sign = "&" if "?" in path else "?"
            whole.append((f"{path}{sign}{query}" if query else path, 0.05 * at + 2 * bool(query) + 0.01 * number))
    for at, text in enumerate(told):
        path, sign, query = text.partition("?")
        whole += [(f"{start}{sign}{query}", 0.05 * at + 2) for start in known[:12] if sign and path != start]
    return [Offer(path, cost + _cost_of_path(path, 0)) for path, cost in whole]


def _queries(maker: Maker, asked: Sequence[QueryParameterMatcher]) -> list[str]:
    by_name: dict[str, list[Matcher]] = {}
    for matcher in asked:
        by_name.setdefault(matcher.name, []).append(matcher)
    pieces = [
        [None if value is None else f"{name}={value}" for value in _values(maker, matchers)[:20]]
        for name, matchers in by_name.items()
    ]
    found = ["&".join(filter(None, chosen)) for chosen in islice(product(*pieces), 64)]
    return [*found[:3], "x=1", "a=b", *found[3:]]


def _listeners(maker: Maker, asked: Sequence[Matcher]) -> list[Offer]:
    told = _unlike(
        ("https", "http", "HTTPS", "HTTP", *(_texts_for(maker, asked) if asked else ()), *_ANY_VALUE), 40
    )
    found: list[tuple[tuple[str, ...] | None, str | None]] = [
        (None, None),
        *(((text,), None) for text in told),
    ]
    found += [(None, "https"), (None, "http"), (("https",), "http"), (("http",), "https")]
    found += [((text,), scheme) for text in told[2:12] for scheme in ("https", "http")]
    return [Offer(one, 0.0 if not at else 3 + 0.01 * at) for at, one in enumerate(found)]


def _protocols(maker: Maker, asked: Sequence[Matcher]) -> list[Offer]:
    """Values of ``te``, and of ``upgrade``."""
    of_te = [one for one in asked if getattr(one.view, "header", "") == "te"]
    of_upgrade = [one for one in asked if getattr(one.view, "header", "") == "upgrade"]
    te = _header_values(maker, "te", of_te) if of_te else [Offer(None, 0)]
    upgrades = (
        _header_values(maker, "upgrade", of_upgrade) if of_upgrade else [Offer(None, 0), Offer(("websocket",), 2)]
    )
    pairs = product(te[:60], upgrades[:16]) if of_te else product(te, upgrades)
    return [Offer((te.value, upgrade.value), te.cost + upgrade.cost) for te, upgrade in pairs]


def _metadata(maker: Maker, asked: Sequence[Matcher]) -> list[Offer]:
    matchers = [one for one in asked if isinstance(one, MetadataMatcher)][:4]
    several = [[..., *json_values(one.value, maker.table.behaviour)[:3], "other", 0, True] for one in matchers]
    offers = []
    for at, chosen in enumerate(islice(product(*several), 300)):
        tree: dict[str, Any] = {}
        for matcher, value in zip(matchers, chosen, strict=True):
            _put(tree, matcher.path, value)
        offers.append(Offer(tree or None, (4 + 0.01 * at) * bool(tree)))
    return offers


def _cost(value: str | None, at: int, sendable: re.Pattern[str]) -> float:
    if value is None:
        return 0.0
    return 2 + 0.01 * at + (0 if sendable.fullmatch(value) else _ODD)


def _cost_of_path(path: str, at: int) -> float:
    return 0.05 * at + 0.002 * len(path) + (0 if TARGET.fullmatch(path) else _ODD)


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
            yield from (
                f"{start}{text}" for start in (("www", "a", "a.b") if text[:1] == "." else ("a", "x", "a.b"))
            )
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
