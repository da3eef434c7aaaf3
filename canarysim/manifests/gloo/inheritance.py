"""What a route of a RouteTable takes over from the route that delegates to it, and whether it fits that one.

Facts (source of Gloo 1.22, gateway/pkg/translator/converter.go):

1. ``inheritablePathMatchers`` and ``inheritableMatchers`` hold for a route that says nothing itself as they hold
   for the one that delegates to it.
2. Inheriting paths puts the path of the one that delegates in the place of each path, and its ``caseSensitive``
   too. Inheriting matchers puts its headers, methods and query parameters before the route's own.
3. A route without matchers has the prefix ``/``, where it inherits no path.
4. Each matcher must fit the one that delegates: the text of its path (of whatever kind) begins with the prefix;
   ``caseSensitive`` is the same, where absent and true are different; every header and query parameter is there
   with all its fields; no method is missing. More methods may be there, and then are taken too.
5. Of several headers or query parameters of one name the last is compared.
6. Staged transformations with ``inheritTransformation`` are followed by the early and regular ones of the route
   that delegates, or for a route of the VirtualService by those of the virtual host.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from canarysim.manifests.document import Mapping, Scalar, Sequence
from canarysim.manifests.gloo.fields.routes import MATCHER
from canarysim.manifests.gloo.joined import Joined, under

if TYPE_CHECKING:
    from collections.abc import Iterable

    from canarysim.manifests.fields import Record
    from canarysim.problems import Where
    from canarysim.table.actions import Unknown

__all__ = ["Parent", "inherit", "path_of", "plain_matcher", "why_unfit"]

PATHS = ("prefix", "exact", "regex", "connectMatcher")


class Parent(NamedTuple):
    """A delegating route, as those that it delegates to see it."""

    route: Record
    matcher: Record
    options: Record | None
    #: What it, or a route on the way to it, refers to that is not in the input.
    unknowns: tuple[Unknown, ...]
    #: Whether it, or a route on the way to it, has a name.
    named: bool
    matchers_are_inherited: bool
    paths_are_inherited: bool

    @classmethod
    def of(cls, route: Record, matcher: Record, unknowns: tuple[Unknown, ...], *, named: bool) -> Parent:
        flags = route.get("inheritableMatchers", False), route.get("inheritablePathMatchers", False)
        return cls(route, matcher, route.get("options"), unknowns, named, *flags)

    @property
    def place(self) -> Where:
        return self.route.where()


def plain_matcher(record: Record) -> Joined:
    """A matcher with the prefix ``/`` in the place of one that is not there."""
    matcher = Joined(record, MATCHER)
    matcher.values["prefix"] = "/"
    return matcher


def path_of(matcher: Record) -> tuple[str, str]:
    """The kind of a matcher's path and its text; ``connectMatcher`` has none."""
    for kind in PATHS[:3]:
        if kind in matcher:
            return kind, matcher[kind]
    return "", ""


def inherit(route: Joined, parent: Parent | None, options: Record | None) -> Joined:
    """The route with all it inherits, from a delegating route or, without one, from the virtual host's options."""
    if parent is not None:
        for name, inherited in (
            ("inheritableMatchers", parent.matchers_are_inherited),
            ("inheritablePathMatchers", parent.paths_are_inherited),
        ):
            route.values.setdefault(name, inherited)
        _inherit_matchers(route, parent)
    _inherit_transformations(route, options)
    if parent is not None and (joined := under(route.get("options"), options)) is not None:
        route.values["options"] = joined
    return route


def _inherit_matchers(route: Joined, parent: Parent) -> None:
    """Facts 2 and 3."""
    paths, rest = route["inheritablePathMatchers"], route["inheritableMatchers"]
    if "matchers" in route.damaged:
        return
    matchers: Iterable[Record] = route.get("matchers", ())
    joined = [Joined(matcher) for matcher in matchers] or [plain_matcher(route)]
    for matcher in joined:
        if paths:
            for name in (*PATHS, "caseSensitive"):
                matcher.take(name, parent.matcher)
        if rest:
            for name in ("headers", "methods", "queryParameters"):
                if inherited := parent.matcher.get(name):
                    if name not in matcher:
                        matcher.owners[name] = parent.matcher
                    matcher.values[name] = [*inherited, *matcher.get(name, ())]
    route.values["matchers"] = joined


def _inherit_transformations(route: Joined, farther: Record | None) -> None:
    """Fact 6, as far as it leaves answers open: they are not run."""
    options: Record | None = route.get("options")
    name = "stagedTransformations"
    if options is None or farther is None or name not in options or name not in farther:
        return
    own, inherited = options[name], farther[name]
    flag = own.get("inheritTransformation") if isinstance(own, Mapping) else None
    if isinstance(flag, Scalar) and flag.text.lower() == "true" and isinstance(inherited, Mapping):
        joined = Joined(options)
        joined.values[name] = Sequence.of(own, inherited.without("postRouting"))
        route.values["options"] = joined


def why_unfit(route: Record, parent: Parent) -> tuple[Record, str] | None:
    """Why a route does not fit the one that delegates to it, and at which matcher; None where it does (fact 4)."""
    matchers: list[Record] = route.get("matchers", [])
    for matcher in matchers:
        if (why := _why_unfit(matcher, parent.matcher)) is not None:
            return matcher, why
    return None


def _why_unfit(child: Record, parent: Record) -> str | None:
    prefix, (_, path) = parent.get("prefix", ""), path_of(child)
    if child.damaged or child.misspelt or parent.damaged or parent.misspelt:
        return None  # what is wrong there has been said
    if not path.startswith(prefix):
        return f"its path {path!r} does not begin with {prefix!r}"
    ours, theirs = child.get("caseSensitive"), parent.get("caseSensitive")
    if ours is not theirs:
        said = {None: "nothing", True: "true", False: "false"}
        return f"its caseSensitive says {said[ours]}, that of the delegating matcher {said[theirs]}"
    for name, what in (("headers", "header"), ("queryParameters", "query parameter")):
        last = {each.get("name", ""): each for each in child.get(name, ())}
        for wanted in parent.get(name, ()):
            found = last.get(wanted.get("name", ""))
            if found is None or _said(found) != _said(wanted):
                return f"it does not ask for the {what} {wanted.get('name', '')!r} as the delegating matcher does"
    missing = [method for method in parent.get("methods", ()) if method not in child.get("methods", ())]
    return f"it lacks the method {missing[0]} of the delegating matcher" if missing else None


def _said(matcher: Record) -> tuple[object, ...]:
    """All that a header or query parameter matcher says; what is absent is the default."""
    return (
        *(matcher.get("name", ""), matcher.get("value", "")),
        *(matcher.get("regex", False), matcher.get("invertMatch", False)),
    )
