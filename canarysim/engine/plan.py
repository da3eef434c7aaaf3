"""How a table looks at columns: which of them act apart, and what of each can change an outcome.

Facts. Why a batch is decided by its distinct values.
1. A *group* is one column, or some whose values the connection manager or a route combines: the scheme and
   ``x-forwarded-proto``; ``connection``, ``upgrade`` and ``te``; headers that make one hash; a header that stands
   in several columns. What routes see of a group depends on no other, but for *odd* values: CONNECT, which takes
   the path away; what is refused before routing, for there the first reason counts; a ``connection`` that names a
   header of another group.
2. Two values of a group are of one *class* if no condition tells them apart, and nothing that is not a condition:
   the virtual host, TLS and upgrades asked for, clusters named by headers, hashes.
3. So a request without odd values is decided as any other with the same classes is, and one of these is decided
   by the table itself. A request with an odd value is decided alone.
4. Where copies go to a cluster that a header names, headers that were changed on the way are read: then all
   requests are decided alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from canarysim.engine.paths import Beginnings
from canarysim.request import Request, as_name, octets
from canarysim.table.actions import RouteAction
from canarysim.table.matchers import ConnectMatcher, HeaderMatcher
from canarysim.table.needs import (
    DOWNSTREAM,
    forwards,
    header_name,
    names_of_clusters,
    names_of_pick,
    names_read,
    names_seen,
    of_mirrors,
)
from canarysim.table.routes import judge
from canarysim.table.strings import StringMatcher
from canarysim.table.values import Undetermined
from canarysim.table.views import PathView

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable

    from canarysim.table.http import Seen
    from canarysim.table.matchers import Matcher
    from canarysim.table.route_table import RouteTable

    #: A set of routes: a bit for each, those of all virtual hosts one after the other.
    Routes = int
    Read = Callable[[Seen], Hashable]

__all__ = ["Class", "Group", "Plan", "plan_of"]

PSEUDO = (":path", ":method", ":authority", ":scheme")
"""The columns that are no headers, by the names that matchers have for them."""

_HOP = frozenset(["connection", "upgrade", "te", "http2-settings"])
_SCHEME = frozenset([":scheme", "x-forwarded-proto"])

#: What a connection header may name and mean no header of another group.
_OPTIONS = frozenset(["", "close", "keep-alive", "upgrade", "http2-settings", "te"])

FEW_HOSTS = 16
"""Up to so many virtual hosts it is looked up, for every interval of paths, which routes may still be asked."""


class Class:
    """Values of a group that nothing tells apart: which routes they fail, and what else is read of them."""

    __slots__ = ("fails", "open", "read", "texts")

    def __init__(self, fails: Routes, open_: tuple[int, ...], read: tuple[Hashable, ...], texts: Texts) -> None:
        self.fails = fails
        #: The conditions of which it is open whether they hold.
        self.open = open_
        self.read = read
        #: One value of the class: (name, text) pairs.
        self.texts = texts


Texts = tuple[tuple[str, "str | None"], ...]


class _Condition:
    """A condition, and the routes that have it."""

    __slots__ = ("get", "judge", "of_path", "routes")

    def __init__(self, matcher: Matcher, table: RouteTable) -> None:
        self.get = matcher.view.get
        self.judge = judge(matcher, table.behaviour)
        #: Whether it asks nothing but the path without its query.
        self.of_path = isinstance(matcher.view, PathView)
        self.routes: Routes = 0


class Group:
    """Columns that act together: ``names`` are those of headers, pseudo headers included."""

    def __init__(self, names: frozenset[str]) -> None:
        self.names = names
        #: What is read of a value besides conditions, and the routes for which that counts (-1: for all).
        self.reads: list[tuple[Read, Routes]] = []
        #: Where the number of the virtual host stands in what is read, and whether the request came by TLS.
        self.host_at: int | None = None
        self.https_at: int | None = None
        self.beginnings = Beginnings()
        self.late: list[_Condition] = []
        self._known: dict[Matcher, _Condition] = {}
        self._never: Routes = 0
        self._exact: dict[tuple[str, str], Routes] = {}
        self._exact_all: Routes = 0
        self._exact_names: tuple[str, ...] = ()

    def add(self, matcher: Matcher, route: Routes, table: RouteTable) -> None:
        """A condition of one route."""
        if type(matcher.view) is PathView and Beginnings.takes(matcher):
            self.beginnings.add(matcher, route)  # type: ignore[arg-type]
        elif isinstance(matcher, ConnectMatcher):
            self._never |= route
        elif _is_exact(matcher) and not self._exact_all & route:
            key = matcher.view.header, octets(matcher.value.value)  # type: ignore[attr-defined]
            self._exact[key] = self._exact.get(key, 0) | route
            self._exact_all |= route
        else:
            known = self._known.get(matcher)
            if known is None:
                known = self._known[matcher] = _Condition(matcher, table)
                self.late.append(known)
            known.routes |= route

    def finish(self) -> None:
        """Once everything is added."""
        self.beginnings.finish()
        self._exact_names = tuple(sorted({name for name, _ in self._exact}))

    def needs_more(self, asked: Routes) -> bool:
        """Whether more than the beginning of a path counts, if no other routes do than those that are asked."""
        return bool(self.reads or self._exact_all & asked) or any(c.routes & asked for c in self.late)

    @property
    def by_conditions(self) -> bool:
        """Whether conditions alone count, those on the beginnings of paths and later ones."""
        return not (self.reads or self._exact_all)

    def later(self, asked: Routes) -> list[int]:
        """The conditions of routes that may count which are not on the beginning of the path."""
        return [number for number, condition in enumerate(self.late) if condition.routes & asked]

    def by_verdicts(
        self, early: Routes, asked: Routes, verdicts: Iterable[tuple[int, bool | None]], texts: Texts
    ) -> Class:
        """The class of a path by what it fails early, and by the verdicts on it of later conditions."""
        fails = self._never | early | ~asked
        open_ = []
        for number, verdict in verdicts:
            if verdict is None:
                open_.append(number)
            elif not verdict:
                fails |= self.late[number].routes
        return Class(fails, tuple(open_), (), texts)

    def classify(self, seen: Seen, texts: Texts, early: Routes | None = None, asked: Routes = -1) -> Class:
        """The class of a value, seen alone. ``early`` are routes known to fail, ``asked`` those that may count."""
        fails = self._never | (self.beginnings.fails(seen.match_path) if early is None else early)
        if self._exact_all:
            holds = 0
            for name in self._exact_names:
                for value in seen.header(name) or ():
                    holds |= self._exact.get((name, value), 0)
            fails |= self._exact_all & ~holds
        open_ = []
        for number, condition in enumerate(self.late):
            if not condition.routes & asked:
                continue
            verdict = condition.judge(condition.get(seen))
            if verdict is None:
                open_.append(number)
            elif not verdict:
                fails |= condition.routes
        return Class(fails | ~asked, tuple(open_), tuple(read(seen) for read, _ in self.reads), texts)


def _is_exact(matcher: Matcher) -> bool:
    """Whether a header must have one value and nothing else: those are looked up together."""
    if not isinstance(matcher, HeaderMatcher) or matcher.invert or matcher.missing_as_empty:
        return False
    value = matcher.value
    exact = isinstance(value, StringMatcher) and value.kind == "exact" and not value.ignore_case
    return exact and matcher.name not in ("x-request-id", "x-forwarded-for", "x-envoy-external-address")


class Plan:
    """What is made of a table once, for any traffic. Cost: O(routes)."""

    def __init__(self, table: RouteTable) -> None:
        self.table = table
        #: Whether every request is decided alone (fact 4).
        self.alone = bool(of_mirrors(table))
        self.names = names_read(table)
        #: For each virtual host: its first route, the routes it has, and those that take what fulfils conditions.
        self.hosts: list[tuple[int, Routes, Routes]] = []
        self.groups = [Group(frozenset(names)) for names in self._together()]
        self._of_name = {name: group for group in self.groups for name in group.names}
        self._sure_by_path: Routes = 0
        self._numbers = {id(program): number for number, (_, program) in enumerate(table.programs)}
        self._add_routes()
        self._add_reads()
        for group in self.groups:
            group.finish()

    def _together(self) -> Iterable[set[str]]:
        """The names that are read, those together that act together."""
        sets = [{name} for name in self.names]
        joint = [_HOP & self.names, _SCHEME]
        for route in self.table.routes:
            action = forwards(route, self.table)
            joint += [] if action is None else [names_of_pick(action)]
        if self.alone:
            joint.append(self.names)
        for together in {frozenset(names) for names in joint if len(names) > 1}:
            touched = [names for names in sets if names & together]
            sets = [names for names in sets if not names & together]
            sets.append(set().union(*touched))
        return sorted(sets, key=lambda names: (":path" not in names, ":method" not in names, sorted(names)))

    def _add_routes(self) -> None:
        first = 0
        for host, program in self.table.programs:
            sure = 0
            for number, place in enumerate(program.places):
                route = 1 << first + number
                simple = number not in program.unsure
                conditions = tuple(host.routes[place].match)
                for matcher in conditions:
                    names = names_seen(matcher.view)
                    for name in names:
                        self._of_name[name].add(matcher, route, self.table)
                    simple = simple and bool(names)
                if simple:
                    sure |= route
                    if len(conditions) == 1 and Beginnings.takes(conditions[0]):
                        self._sure_by_path |= route
            size = len(program.places)
            self.hosts.append((first, ((1 << size) - 1) << first, sure))
            first += size

    def _add_reads(self) -> None:
        table = self.table
        domains = [domain for host in table.virtual_hosts for domain in host.domains]
        if any(domain != "*" for domain in domains):
            group = self._of_name[header_name(table.vhost_header) if table.vhost_header else ":authority"]
            group.host_at = self._read(group, self._host_of)
        if any(host.require_tls for host in table.virtual_hosts):
            group = self._of_name["x-forwarded-proto"]
            group.https_at = self._read(group, _is_https)
        self._read(self._of_name["connection"], self._upgrade())
        if DOWNSTREAM in self.names:
            self._read(self._of_name[DOWNSTREAM], lambda seen: seen.values(DOWNSTREAM))
        clusters: dict[str, Routes] = {}
        picks: dict[RouteAction, Routes] = {}
        for (host, program), (first, _, _) in zip(table.programs, self.hosts, strict=True):
            for number, place in enumerate(program.places):
                action = forwards(host.routes[place], table)
                if action is None:
                    continue
                for name in names_of_clusters(action):
                    clusters[name] = clusters.get(name, 0) | 1 << first + number
                if names_of_pick(action):
                    picks[action] = picks.get(action, 0) | 1 << first + number
        for name, routes in clusters.items():
            self._read(self._of_name[name], self._cluster(name), routes)
        for action, routes in picks.items():
            self._read(self._of_name[next(iter(names_of_pick(action)))], self._pick(action), routes)

    def _read(self, group: Group, read: Read, routes: Routes = -1) -> int:
        group.reads.append((read, routes))
        return len(group.reads) - 1

    def _host_of(self, seen: Seen) -> int | None:
        entry = self.table.host_of(seen)
        return None if entry is None else self._numbers[id(entry[1])]

    def _upgrade(self) -> Read:
        """The kind of upgrade that is asked for, where somebody tells it from others."""
        actions = (route.action for route in self.table.routes)
        told = {kind for action in actions if isinstance(action, RouteAction) for kind, _ in action.upgrades}
        told |= set(self.table.http.upgrades)

        def read(seen: Seen) -> Hashable:
            values = seen.header("upgrade")
            if not seen.asks_upgrade or values is None:
                return seen.asks_upgrade
            kind = values[0].lower()
            return kind if kind in told else "another"

        return read

    def _cluster(self, name: str) -> Read:
        clusters = self.table.clusters

        def read(seen: Seen) -> Hashable:
            value = seen.first_value(name)
            cluster = None if value is None else as_name(value)
            return None if clusters is not None and cluster not in clusters else cluster

        return read

    def _pick(self, action: RouteAction) -> Read:
        numbers = {id(destination): number for number, destination in enumerate(action.destinations)}

        def read(seen: Seen) -> Hashable:
            told = action.told(seen, self.table.behaviour)
            return told if told is None or isinstance(told, Undetermined) else numbers[id(action.pick(told))]

        return read

    # What a value is

    def see(self, texts: Iterable[tuple[str, str | None]]) -> Seen:
        """A request that has nothing but some texts, as the router sees it."""
        return self.table.see(request_of(texts))

    def is_odd(self, group: Group, seen: Seen, texts: Texts) -> bool:
        """Whether what a value means depends on other groups (fact 1)."""
        if self.alone or seen.refused is not None or not seen.route_path:
            return True
        if "connection" not in group.names:
            return False
        named = ",".join(octets(text) for name, text in texts if name == "connection" and text is not None)
        tokens = {token.strip(" \t") for token in named.lower().split(",")} - _OPTIONS
        return "host" in tokens or not tokens.isdisjoint(self.names)

    def asked(self, fails: Routes) -> Routes:
        """The routes that may be asked of a path that fails some: those up to the first that takes any request.

        All of them where there are many virtual hosts.
        """
        takes = self._sure_by_path & ~fails
        if not takes or len(self.hosts) > FEW_HOSTS:
            return -1
        asked = 0
        for _, routes, _ in self.hosts:
            first = takes & routes
            asked |= routes & ((((first & -first) << 1) - 1) if first else -1)
        return asked


def _is_https(seen: Seen) -> bool:
    return seen.header("x-forwarded-proto") == ("https",)


def request_of(texts: Iterable[tuple[str, str | None]]) -> Request:
    """The request that has these texts, and what is usual for the rest."""
    told: dict[str, Any] = {":path": "/", ":method": "GET", ":authority": "", ":scheme": None}
    headers = []
    for name, text in texts:
        if name in told:
            told[name] = text
        elif text is not None:
            headers.append((name, text))
    return Request(
        told[":path"],
        method=told[":method"],
        authority=told[":authority"],
        scheme=told[":scheme"],
        headers=headers,
    )


def plan_of(table: RouteTable) -> Plan:
    """The plan of a table, made once."""
    plan = table.kept.get("plan")
    if plan is None:
        plan = table.kept["plan"] = Plan(table)
    assert isinstance(plan, Plan)
    return plan
