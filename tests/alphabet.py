"""What the requests of a closed alphabet do with a table, by brute force: the judge of canarysim.testing.witness.

The alphabet of a virtual host: its hosts, the methods, the paths, the values of each header, query parameter and
cookie that a condition of the table names, each with the texts that the conditions ask for and those of the pools
that random tables are made of. What is not asked for is left as plain as can be. ``reached`` and ``missed`` hold
what some request of all combinations does; each entry was confirmed with such a request and the table's own
search, so that nothing is in them that is not so.

All combinations are asked at once: what a condition says of each letter is a row of truth values, and rows of
different pieces are combined by broadcasting. Letters that no condition tells apart count as one. Where pieces
are not as independent as that takes for granted, a random sample of whole requests finds what is overlooked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from canarysim.request import Request
from canarysim.table.actions import RouteAction
from canarysim.table.chance import EVERY, NEVER, Chance
from canarysim.table.conditions import CookieMatcher, GrpcMatcher
from canarysim.table.hosts import VirtualHost
from canarysim.table.http import Seen
from canarysim.table.matchers import ConnectMatcher, HeaderMatcher, Matcher, PathMatcher, QueryParameterMatcher
from canarysim.table.route_table import RouteTable
from canarysim.table.routes import Route, verdict
from canarysim.testing.strategies import texts
from canarysim.testing.strategies.pools import HOSTS, METHODS, PATHS, VALUES, VALUES_OF

#: A route of the host and a route's condition, by their numbers.
Reached = dict[int, Request]
Missed = dict[tuple[int, int], Request]
Letters = dict[str, list[Any]]

#: More classes of requests than these are not looked at.
MOST = 4_000_000


def remaining(
    table: RouteTable, request: Request, host: VirtualHost
) -> Iterator[tuple[int, Chance, list[bool | None]]]:
    """What each route of a host says of a request, condition by condition, and the random values left for it.

    It ends with the first route that takes all that is left, or of which that is open. Nothing where the request
    comes to another host, or to no route.
    """
    found = table.find(request)
    if found.host is not host or found.needs_tls or found.seen.refused is not None:
        return
    left = EVERY
    for place, route in enumerate(host.routes):
        answers = [verdict(condition, found.seen, table.behaviour) for condition in route.match]
        yield place, left, answers
        if False in answers:
            continue
        taken = chance(table, route)
        if not taken.share:
            continue
        if None in answers or not taken.conditions:
            return
        left &= Chance.of(*(~residues for residues in taken.conditions))
        if not left.share:
            return


def chance(table: RouteTable, route: Route) -> Chance:
    if isinstance(route.action, RouteAction) and route.action.under(table.runtime) is None:
        return NEVER
    fraction = route.match.runtime_fraction
    return EVERY if fraction is None else Chance.of(fraction.residues(table.runtime))


def takes(table: RouteTable, host: VirtualHost, request: Request) -> set[int]:
    """The routes that take a request for some random value, without a doubt: as the table's search says."""
    found = table.find(request)
    if found.host is not host:
        return set()
    numbers = {id(route): place for place, route in enumerate(host.routes)}
    return {
        numbers[id(b.route)] for b in found.branches if b.route is not None and b.chance.share and not b.problems
    }


def misses(table: RouteTable, host: VirtualHost, request: Request) -> set[tuple[int, int]]:
    """The conditions that alone refuse a request which comes to their route."""
    found = set()
    for place, left, answers in remaining(table, request, host):
        if answers.count(False) == 1 and None not in answers:
            path = host.routes[place].match.path
            ordinary = request.method != "CONNECT" or isinstance(path, ConnectMatcher)
            if ordinary and (left & chance(table, host.routes[place])).share:
                found.add((place, answers.index(False)))
    return found


def all_of(table: RouteTable, host: VirtualHost, rng: Random, sample: int) -> tuple[Reached, Missed]:
    """What some request of all alphabets of a host reaches and narrowly misses."""
    reached: Reached = {}
    missed: Missed = {}
    connects = any(isinstance(route.match.path, ConnectMatcher) for route in host.routes)
    for connect, internal in product((False, True) if connects else (False,), (False, True)):
        if not internal or not table.http.use_remote_address:
            Alphabet(table, host, connect=connect, internal=internal).search(rng, sample, reached, missed)
    return reached, missed


class Alphabet:
    """The letters of a virtual host of a table, and what their combinations do.

    Those of CONNECT have hosts with a port and no path; those from inside are such by their x-forwarded-for.
    """

    def __init__(
        self, table: RouteTable, host: VirtualHost, *, connect: bool = False, internal: bool = False
    ) -> None:
        self.table, self.host = table, host
        self.connect, self.internal = connect, internal
        self.conditions = [condition for route in host.routes for condition in route.match]
        self.whole = any(self._header(c) == ":path" for c in self.conditions)
        self.cookies_as_text = any(self._header(c) == "cookie" for c in self.conditions)
        self.letters = self._letters()

    @staticmethod
    def _header(condition: Matcher) -> str:
        if isinstance(condition, HeaderMatcher):
            return condition.view.header
        return "content-type" if isinstance(condition, GrpcMatcher) else ""

    def axis(self, condition: Matcher) -> str:
        header = self._header(condition)
        special = {":path": "target", ":method": "method", ":authority": "host", ":scheme": "x-forwarded-proto"}
        if header:
            vhost = self.table.vhost_header.lower()
            return "host" if header == vhost else special.get(header, header)
        if isinstance(condition, PathMatcher):
            return "target"
        if isinstance(condition, QueryParameterMatcher):
            return "target" if self.whole else f"?{condition.name}"
        if isinstance(condition, CookieMatcher):
            return "cookie" if self.cookies_as_text else f";{condition.name}"
        return ""

    def _asked(self, axis: str) -> list[Any]:
        return [condition for condition in self.conditions if self.axis(condition) == axis]

    def _letters(self) -> Letters:
        table, envoy = self.table, self.table.behaviour
        found: Letters = {"host": [], "target": []}
        for condition in self.conditions:
            found.setdefault(self.axis(condition), [])
        if self.host.require_tls:
            found.setdefault("x-forwarded-proto", [])
        found.pop("", None)
        for axis in found:
            asked, letters = self._asked(axis), list[Any]()
            values = [v for c in asked if isinstance(c, HeaderMatcher) for v in texts.header_values(c, envoy)]
            told = [value[0] for value in values if value]
            if axis == "host":
                names = [*(name for domain in self.host.domains for name in texts.hosts(domain)), *HOSTS, *told]
                names += [f"{name}:8080" for name in names]
                if table.vhost_header and table.vhost_header[0] != ":":
                    letters += [("", (name,)) for name in (*names, *VALUES)]
                    letters += [(name, (of,)) for name in ("", *HOSTS, *told) for of in names[:4]]
                else:
                    letters += [(name, None) for name in names]
            elif axis == "target":
                letters += self._targets(told)
            elif axis == "method":
                letters += [*METHODS, *(text for text in told if text.isupper())]
            elif axis[0] in "?;":
                values = [each.value for each in asked if each.value is not None]
                letters += [None, "", *(text for value in values for text in texts.texts(value, envoy))]
                letters += VALUES_OF["query" if axis[0] == "?" else "cookies"]
            elif axis == "cookie":
                letters += [None, *values, *((text,) for text in self._cookies())]
            else:
                letters += [None, *values, *((text,) for text in (*VALUES_OF.get(axis, ()), *VALUES, ""))]
                if any(isinstance(condition, GrpcMatcher) for condition in asked):
                    letters += [("application/grpc",)]
                if axis == "x-forwarded-proto":
                    letters += [("https",), ("http",)]
                some = [value for value in dict.fromkeys(values) if value][:6]
                letters += [(*one, *two) for one, two in product(some, repeat=2)]
            found[axis] = letters
        if self.connect:
            found |= {"target": ["/"], "method": ["CONNECT"]}
            ports = [
                (name if name[-3:] == "080" else f"{name}:80", of)
                for name, of in found["host"]
                if name[:1] not in ("", ":")
            ]
            found["host"] = [one for one in ports if re.fullmatch(r"[A-Za-z0-9.-]+:[0-9]+", one[0])]
        return {axis: list(dict.fromkeys(letters)) for axis, letters in found.items()}

    def _cookies(self) -> list[str]:
        names = dict.fromkeys(c.name for c in self.conditions if isinstance(c, CookieMatcher))
        pieces = [[None, *(f"{name}={value}" for value in ("a", "b", "true", "ab"))] for name in names]
        return ["; ".join(filter(None, some)) for some in product(*pieces)]

    def _targets(self, told: Sequence[str]) -> list[str]:
        envoy = self.table.behaviour
        paths = [p for c in self.conditions if isinstance(c, PathMatcher) for p in texts.paths(c, envoy)]
        paths = [path for path in dict.fromkeys((*paths, *PATHS, *(p + "b" for p in paths))) if path[:1] == "/"]
        if not self.whole:
            return paths
        names = dict.fromkeys(c.name for c in self.conditions if isinstance(c, QueryParameterMatcher))
        pieces = [[None, *(f"{name}={value}" for value in ("a", "b", "true", "1", "ab"))] for name in names]
        queries = ["&".join(filter(None, some)) for some in product(*pieces)][:40]
        with_query = [f"{path}?{query}" if query else path for path in paths[:30] for query in queries]
        return [*with_query, *(text for text in (*told, *VALUES_OF[":path"]) if text[:1] == "/")]

    def request(self, chosen: Mapping[str, Any]) -> Request | None:
        """The request of some letters; None where HTTP/1 does not carry it."""
        host, header = chosen.get("host", ("", None))
        target = chosen.get("target", "/")
        query = [f"{axis[1:]}={value}" for axis, value in chosen.items() if axis[0] == "?" and value is not None]
        cookies = [f"{axis[1:]}={value}" for axis, value in chosen.items() if axis[0] == ";" and value is not None]
        headers = [(self.table.vhost_header, value) for value in header or ()]
        for axis, values in chosen.items():
            if axis not in ("host", "target", "method") and axis[0] not in "?;:":
                headers += [(axis, value) for value in values or ()]
                headers += [("connection", "upgrade")] if axis == "upgrade" and values else []
        if cookies:
            headers.append(("cookie", "; ".join(cookies)))
        if query:
            target += ("&" if "?" in target else "?") + "&".join(query)
        if not all("!" <= character <= "~" and character != "#" for character in host + target):
            return None
        if self.internal:
            headers.append(("x-forwarded-for", "10.0.0.1"))
        return Request(
            host if self.connect else target,
            method="CONNECT" if self.connect else chosen.get("method", "GET"),
            authority=host,
            headers=headers,
            internal=self.internal,
        )

    # All combinations

    def _seen(self, chosen: Mapping[str, Any]) -> Seen | None:
        request = self.request(chosen)
        if request is None:
            return None
        found = self.table.find(request)
        return None if found.host is not self.host or found.seen.refused is not None else found.seen

    def _passes(self, letter: Any) -> bool:
        tls = self.host.require_tls
        return not tls or letter == ("https",) or (tls == "EXTERNAL_ONLY" and self.internal)

    def search(self, rng: Random, sample: int, reached: Reached, missed: Missed) -> None:
        self._product(reached, missed)
        for _ in range(sample):
            chosen = {axis: rng.choice(letters) for axis, letters in self.letters.items() if rng.random() < 0.6}
            if self.letters["host"]:
                chosen.setdefault("host", rng.choice(self.letters["host"]))
            self._confirm(chosen, reached, missed)

    def _confirm(self, chosen: Mapping[str, Any], reached: Reached, missed: Missed) -> None:
        request = self.request(chosen)
        if request is not None:
            for place in takes(self.table, self.host, request):
                reached.setdefault(place, request)
            for one in misses(self.table, self.host, request):
                missed.setdefault(one, request)

    def _product(self, reached: Reached, missed: Missed) -> None:
        base = next(({"host": one} for one in self.letters["host"] if self._seen({"host": one}) is not None), None)
        if base is None:
            return
        if self.host.require_tls:
            base["x-forwarded-proto"] = ("https",)
        axes = list(self.letters)
        classes: list[list[tuple[Any, list[bool | None]]]] = []
        for axis in axes:
            asked = self._asked(axis)
            known: dict[tuple[bool | None, ...], Any] = {}
            for letter in self.letters[axis]:
                seen = self._seen({**base, axis: letter})
                if seen is not None and (axis != "x-forwarded-proto" or self._passes(letter)):
                    known.setdefault(tuple(verdict(c, seen, self.table.behaviour) for c in asked), letter)
            classes.append([(letter, list(answers)) for answers, letter in known.items()])
        if not all(classes) or np.prod([len(each) for each in classes], dtype=float) > MOST:
            return
        shape = tuple(len(each) for each in classes)

        def truth(condition: Matcher, wanted: Sequence[bool | None]) -> NDArray[np.bool_]:
            axis = self.axis(condition)
            if not axis:
                seen = self._seen(base)
                assert seen is not None
                return np.array(verdict(condition, seen, self.table.behaviour) in wanted)
            at = axes.index(axis)
            number = next(n for n, one in enumerate(self._asked(axis)) if one is condition)
            row = np.array([answers[number] in wanted for _, answers in classes[at]])
            return row.reshape([-1 if place == at else 1 for place in range(len(axes))])

        def every(parts: Sequence[NDArray[np.bool_]]) -> NDArray[np.bool_]:
            whole = np.ones(shape, np.bool_)
            for part in parts:
                whole &= part
            return whole

        free = np.ones(shape, np.bool_)
        for place, route in enumerate(self.host.routes):
            conditions = list(route.match)
            wanted: list[tuple[int | None, NDArray[np.bool_]]] = [
                (None, free & every([truth(c, [True]) for c in conditions]))
            ]
            for number, condition in enumerate(conditions):
                others = [truth(c, [True]) for c in conditions if c is not condition]
                wanted.append((number, free & every(others) & truth(condition, [False])))
            for missing, cells in wanted:
                hits = np.flatnonzero(cells)
                for hit in hits[:: max(1, len(hits) // 40)].tolist():
                    if place in reached if missing is None else (place, missing) in missed:
                        break
                    at = np.unravel_index(hit, shape)
                    chosen = {axis: classes[n][int(at[n])][0] for n, axis in enumerate(axes)}
                    self._confirm(chosen, reached, missed)
            if not chance(self.table, route).conditions:
                free &= ~every([truth(c, [True, None]) for c in conditions])
