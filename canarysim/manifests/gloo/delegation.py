"""From the routes of a VirtualService to a flat list: those that delegate give way to those of RouteTables.

Facts (source of Gloo 1.22, gateway/pkg/translator/converter.go, route_table_selector.go and sort_routes.go; held
against that translator):

1. ``name`` and ``namespace`` of a ``delegateAction`` win over its ``ref``, and that over its ``selector``. A
   reference has no default namespace. A selector without namespaces looks in that of the resource around it,
   one with ``*`` everywhere; labels and expressions exclude each other.
2. A delegating route may have one matcher, with a prefix that is not empty. Without a matcher, or where it has no
   path, it is the prefix ``/``, and whatever else the matcher says is dropped.
3. Tables go by weight, the smallest first; 0 where it is missing. One table of a weight keeps its order; the
   routes of several are sorted: more methods first, then no path, exact, regex, prefix, then by the text of the
   path, the greatest first. Of a route its first matcher in that order counts.
4. A table that is already on the way is a cycle, an error. Two ways to one table are none.
5. A route that was delegated to and does not fit (inheritance.py) is dropped, with a warning.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

from canarysim.manifests.gloo.inheritance import Parent, inherit, path_of, plain_matcher, why_unfit
from canarysim.manifests.gloo.joined import Joined, under
from canarysim.manifests.gloo.names import long_route_name
from canarysim.manifests.gloo.selectors import holds, same_labels, why_bad
from canarysim.table.actions import Unknown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from canarysim.manifests.fields import Record
    from canarysim.manifests.gloo.resources import Resource, Resources
    from canarysim.problems import Problem, Where

__all__ = ["FlatRoute", "flatten", "with_options"]

#: What a virtual host may have; each way to a table gives its routes once more.
MOST_ROUTES = 100_000
#: How many tables one way may lead through.
MOST_TABLES = 100


class FlatRoute(NamedTuple):
    """A route of the virtual host: the message with all that it inherits, and how it came there.

    ``namespace`` is that of the resource around it. ``long_name`` is empty where no route on the way has a name.
    ``delegated_by`` are the routes that delegated, outermost first. ``unknowns`` say what it refers to that is
    not in the input; a route that still delegates does so to nothing that is there.
    """

    record: Record
    namespace: str
    long_name: str
    origin: str
    delegated_by: tuple[Where, ...] = ()
    unknowns: tuple[Unknown, ...] = ()


class _Way(NamedTuple):
    """How a resource was come to: the route that delegated to it, and the tables on the way."""

    parent: Parent | None = None
    tables: tuple[Resource, ...] = ()
    places: tuple[Where, ...] = ()
    origin: str = ""


class Flattened(NamedTuple):
    """The routes of a virtual host in their order, and the matchers of those that were dropped, with why."""

    routes: list[FlatRoute]
    dropped: list[tuple[Record, Problem]]


def flatten(service: Resource, host: Record, resources: Resources, gateway: str, proxy: str) -> Flattened:
    """The routes of a virtual host, with everything that they inherit."""
    name = f"vs:{gateway}_{proxy}_{service.namespace}_{service.name}"
    flattening = _Flattening(resources, host)
    routes = list(flattening.visit(service, host, name, _Way()))
    return Flattened(routes, flattening.dropped)


class _Flattening:
    def __init__(self, resources: Resources, host: Record) -> None:
        self._resources = resources
        self._host = host
        self._in_circles: set[Resource] = set()
        self._found = 0
        self.dropped: list[tuple[Record, Problem]] = []

    def visit(self, resource: Resource, holder: Record, name: str, way: _Way) -> Iterator[FlatRoute]:
        """The routes of a VirtualService or RouteTable; ``holder`` is the message with its routes."""
        for number, record in enumerate(holder.get("routes", ())):
            own = record.get("name", "")
            long_name = long_route_name(name, own, number)
            named = bool(own) or (way.parent is not None and way.parent.named)
            origin = f"{resource.namespace}/{resource.name} {own or f'routes[{number}]'}"
            if way.origin:
                origin = f"{way.origin} > {origin}"
            route, unknowns = self._with_options(record)
            if way.parent is not None:
                unknowns = (*unknowns, *way.parent.unknowns)
            if way.parent is None:
                route = inherit(route, None, self._host.get("options"))
            else:
                route = inherit(route, way.parent, way.parent.options)
                if (why := why_unfit(route, way.parent)) is not None:
                    place, text = why
                    hint = f"it is delegated to by {way.parent.place}"
                    problem = place.warn("route_dropped", f"the route is dropped: {text}", None, hint)
                    self.dropped += [(matcher, problem) for matcher in route.get("matchers", ())]
                    continue
            self._found += 1
            if self._found > MOST_ROUTES:
                if self._found == MOST_ROUTES + 1:
                    text = f"the virtual host has more than {MOST_ROUTES:,} routes by the ways of delegation"
                    record.report("too_many_routes", text, None, "delegate to each table by one way")
                return
            if "delegateAction" not in route:
                long_name = long_name if named else ""
                yield FlatRoute(route, resource.namespace, long_name, origin, way.places, unknowns)
                continue
            matcher = _delegating_matcher(route)
            if matcher is None:
                continue
            if len(way.tables) >= MOST_TABLES:
                text = f"the delegation leads through more than {MOST_TABLES} tables"
                record.report("too_deep", text, "delegateAction", "delegate over fewer tables")
                continue
            tables = self._tables(resource, route["delegateAction"])
            if not isinstance(tables, list):
                if tables is not None:
                    route.values["matchers"] = [matcher]
                    yield FlatRoute(route, resource.namespace, "", origin, way.places, (tables,))
                continue
            parent = Parent.of(route, matcher, unknowns, named=named)
            yield from self._delegated(
                tables, long_name, _Way(parent, way.tables, (*way.places, route.where()), origin)
            )

    def _delegated(self, tables: list[Resource], name: str, way: _Way) -> Iterator[FlatRoute]:
        """The routes of the tables that a route delegates to (facts 3 and 4)."""
        by_weight = sorted(tables, key=lambda table: table.spec.get("weight", 0))
        for _, group in groupby(by_weight, key=lambda table: table.spec.get("weight", 0)):
            same_weight = list(group)
            routes: list[FlatRoute] = []
            for table in same_weight:
                if table in self._in_circles:
                    continue  # the VirtualService is rejected already
                if table in way.tables:
                    assert way.parent is not None
                    self._in_circles.update(way.tables[way.tables.index(table) :])
                    cycle = " -> ".join(f"{each.namespace}.{each.name}" for each in (*way.tables, table))
                    way.parent.route.report(
                        "delegation_cycle",
                        f"the delegation goes round in a circle: {cycle}",
                        "delegateAction",
                        "let one of these tables delegate to another, or answer itself",
                    )
                    continue
                self._resources.visited.add(table)
                inner = f"{name}_rt:{table.namespace}_{table.name}"
                routes += self.visit(table, table.spec, inner, way._replace(tables=(*way.tables, table)))
            if len(same_weight) > 1:
                routes.sort(key=lambda route: _order(route.record))
            yield from routes

    def _with_options(self, record: Record) -> tuple[Joined, tuple[Unknown, ...]]:
        """The route with the options that it refers to, and what is open where these are missing."""
        route = Joined(record)
        options, unknowns = with_options(record, "RouteOption", self._resources)
        if options is not None:
            route.values["options"] = options
        return route, unknowns

    def _tables(self, owner: Resource, action: Record) -> list[Resource] | Unknown | None:
        """The tables a route delegates to; without any, a problem, or None where the route is then dropped."""
        resources = self._resources
        if action.get("name") or action.get("namespace"):
            ref: Record | None = action
        else:
            ref = action.get("ref")
        if ref is not None:
            namespace, name = ref.get("namespace", ""), ref.get("name", "")
            table = resources.find("RouteTable", namespace, name)
            if table is not None:
                return [table]
            text, hint = resources.missing("RouteTable", namespace, name)
            if not namespace and resources.find("RouteTable", owner.namespace, name) is not None:
                hint = f"add namespace: {owner.namespace}; a reference to a RouteTable has no default namespace"
            return self._nothing(action, "missing_route_table", text, hint)
        selector: Record | None = action.get("selector")
        if selector is None:
            if not action.lacks("ref", "selector"):
                return None
            hint = "add ref: or selector:"
            return self._nothing(action, "no_delegate", "delegateAction names no RouteTable", hint, certain=True)
        tables = self._selected(owner, selector)
        if tables == []:
            hint = "read the RouteTables along with this file, or see their labels and namespaces"
            return self._nothing(selector, "nothing_selected", "the selector takes no RouteTable", hint)
        return tables

    def _selected(self, owner: Resource, selector: Record) -> list[Resource] | None:
        """Fact 1."""
        labels: dict[str, str] = selector.get("labels", {})
        expressions: list[Record] = selector.get("expressions", [])
        if labels and expressions:
            text = "labels and expressions exclude each other: the route is dropped"
            selector.warn("bad_selector", text, "expressions", "write the labels as expressions with Equals")
            return None
        for expression in expressions:
            if expression.damaged or expression.misspelt:
                return None  # a problem says so
            if (why := why_bad(expression)) is not None:
                expression.warn("bad_selector", f"{why}: the route is dropped")
                return None
        namespaces: list[str] = selector.get("namespaces", []) or [owner.namespace]
        return [
            table
            for table in self._resources.of("RouteTable")
            if ("*" in namespaces or table.namespace in namespaces)
            and same_labels(labels, table.labels)
            and all(holds(expression, table.labels) for expression in expressions)
        ]

    def _nothing(
        self, record: Record, code: str, text: str, hint: str, *, certain: bool = False
    ) -> Unknown | None:
        """What becomes of a route that delegates to nothing: it is open, or dropped where Gloo drops it."""
        if certain or self._resources.apply:
            record.warn(code, f"{text}: the route is dropped", None, hint)
            return None
        return Unknown(record.warn(code, text, None, hint))


def with_options(record: Record, kind: str, resources: Resources) -> tuple[Record | None, tuple[Unknown, ...]]:
    """The options of a route or virtual host, and of the resources that it refers to what those leave out."""
    options: Record | None = record.get("options")
    refs: Record | None = record.get("optionsConfigRefs")
    unknowns = []
    for ref in () if refs is None else refs.get("delegateOptions", ()):
        namespace, name = ref.get("namespace", ""), ref.get("name", "")
        found = resources.find(kind, namespace, name)
        if found is not None:
            options = under(options, found.spec.get("options"))
            continue
        text, hint = resources.missing(kind, namespace, name)
        problem = ref.warn(f"missing_{_snake(kind)}", text, None, hint)
        if not resources.apply:
            unknowns.append(Unknown(problem))
    return options, tuple(unknowns)


def _snake(kind: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in kind).lstrip("_")


def _delegating_matcher(route: Record) -> Record | None:
    """The matcher of a delegating route (fact 2); None, after a problem, where it is wrong."""
    matchers: list[Record] = route.get("matchers", [])
    if len(matchers) > 1:
        text = "a delegating route may have one matcher only"
        route.report("delegate_matchers", text, "matchers", "keep one prefix")
        return None
    if not matchers:
        return None if "matchers" in route.damaged else plain_matcher(route)
    (matcher,) = matchers
    if matcher.lacks("prefix", "exact", "regex", "connectMatcher"):
        dropped = [name for name in ("headers", "queryParameters", "methods") if matcher.get(name)]
        if dropped:
            text = (
                f"a delegating matcher without a path is the prefix /, and its {' and '.join(dropped)} are dropped"
            )
            matcher.warn("matcher_dropped", text, dropped[0], "add prefix: /")
        return plain_matcher(matcher)
    if not matcher.get("prefix"):
        if not matcher.damaged:
            text = "a delegating route must have a prefix matcher"
            matcher.report("delegate_matchers", text, None, "write prefix: /...")
        return None
    return matcher


_KINDS = {"exact": 1, "regex": 2, "prefix": 3}


def _order(route: Record) -> tuple[Any, ...]:
    """Where a route stands among those of tables of one weight (fact 3)."""
    return min(map(_place, _matchers(route)))


def _matchers(route: Record) -> Iterable[Record]:
    matchers: list[Record] = route.get("matchers", [])
    return matchers or (plain_matcher(route),)


def _place(matcher: Record) -> tuple[int, int, tuple[int, ...]]:
    kind, text = path_of(matcher)
    return -len(matcher.get("methods", ())), _KINDS.get(kind, 0), (*(-byte for byte in text.encode()), 1)
