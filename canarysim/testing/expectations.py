"""What may be expected of a request: checks of its decisions, and the share of decisions that fulfil them.

A check owns all that is said of it: what it is called in test files, whether a decision fulfils it, what was
expected and what was found, in words. A decision of which the part that is asked is open fulfils it neither
way: that is None.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from canarysim.answers.names import bears, remembered, resolve
from canarysim.errors import InvalidValue, UnknownName
from canarysim.problems import Where
from canarysim.table.actions import RouteAction
from canarysim.table.decision import KINDS
from canarysim.table.redirects import DirectResponseAction, RedirectAction
from canarysim.table.route_table import names_of
from canarysim.table.values import as_tuple
from canarysim.testing.shares import ALWAYS, Bounds

if TYPE_CHECKING:
    from canarysim.table.decision import Decision
    from canarysim.table.route_table import RouteTable
    from canarysim.table.routes import Route

__all__ = [
    "NOTHING",
    "Check",
    "Destined",
    "Expectation",
    "Mirrored",
    "OfHost",
    "OfKind",
    "OfRoute",
    "route_names",
]

NOTHING = "none"


class Check:
    """One thing expected of a decision. ``name`` is what test files call it."""

    __slots__ = ()

    name: str

    @property
    def tells_routes(self) -> bool:
        """Whether ``leads`` tells routes apart."""
        return False

    def resolved(self, table: RouteTable) -> Check:
        """The check with full names. UnknownName for a name that nothing in the table bears."""
        return self

    def verdict(self, decision: Decision) -> bool | None:
        """Whether a decision fulfils it; None where what it asks is open."""
        raise NotImplementedError

    @property
    def wanted(self) -> str:
        """What is expected, in words."""
        raise NotImplementedError

    def found(self, decision: Decision) -> str:
        """What the decision has instead, in words."""
        raise NotImplementedError

    def leads(self, route: Route) -> bool:
        """Whether a route may lead to what is expected, of a request that it takes."""
        return True


@attrs.frozen
class Destined(Check):
    """``cluster``, ``upstream``, ``function`` and ``subset``: the request is sent to such a destination."""

    name = "destination"
    labels: dict[str, Any]

    def __hash__(self) -> int:
        return hash(str(self))

    def resolved(self, table: RouteTable) -> Destined:
        return Destined(resolve(table, self.labels))

    def verdict(self, decision: Decision) -> bool | None:
        return None if decision.kind == "unknown" else bears(decision.destination, self.labels)

    @property
    def wanted(self) -> str:
        return labels_text(self.labels)

    def found(self, decision: Decision) -> str:
        return decision.outcome

    @property
    def tells_routes(self) -> bool:
        return True

    def leads(self, route: Route) -> bool:
        return any(bears(destination, self.labels) for destination in getattr(route.action, "destinations", ()))


def labels_text(labels: dict[str, Any]) -> str:
    """Labels of a destination: the name of the cluster, then what else is asked of it."""
    told = {key: value for key, value in labels.items() if key != "cluster"}
    words = [labels["cluster"]] if "cluster" in labels else []
    for label, value in told.items():
        shown = " ".join(f"{k}={v}" for k, v in value.items()) if label == "subset" else value
        words.append(f"{label} {shown}")
    return ", ".join(words)


def route_names(route: Route) -> tuple[str, ...]:
    """What a route may be called: its name, what the manifest calls it, and the name it has there."""
    own = route.origin.rpartition(" ")[2]
    names = (route.name, route.origin, "" if own.startswith("routes[") else own)
    return tuple(name for name in dict.fromkeys(names) if name)


def _routes_by_name(table: RouteTable) -> dict[str, list[Route]]:
    found: dict[str, list[Route]] = {}
    for route in table.routes:
        for name in route_names(route):
            found.setdefault(name, []).append(route)
    return found


def _copied_to(table: RouteTable) -> tuple[dict[str, str], bool]:
    """The clusters that mirrors name, by what they may be called; whether a mirror lets the request name one."""
    levels = [table.mirrors, *(host.mirrors for host in table.virtual_hosts)]
    levels += [getattr(route.action, "mirrors", ()) for route in table.routes]
    copied = [mirror for mirrors in levels for mirror in mirrors if mirror.cluster]
    named = {name: mirror.cluster for mirror in copied for name in names_of(mirror)}
    return named, any(mirror.cluster_header for mirrors in levels for mirror in mirrors)


@attrs.frozen
class OfRoute(Check):
    """``route``: a route of that name decides, or of those that the manifest made of the one so called."""

    name = "route"
    route: str

    def resolved(self, table: RouteTable) -> OfRoute:
        known = remembered(table, _routes_by_name)
        bearing = known.get(self.route)
        if bearing is None:
            raise UnknownName("route", self.route, known)
        origins = dict.fromkeys(route.origin or route.name for route in bearing)
        if len(origins) > 1 and not any(self.route == route.name for route in bearing):
            raise UnknownName("route", self.route, origins, ambiguous=True)
        return self

    def verdict(self, decision: Decision) -> bool | None:
        if decision.kind == "unknown":
            return None
        return decision.matched is not None and self.route in route_names(decision.matched)

    @property
    def wanted(self) -> str:
        return self.route

    def found(self, decision: Decision) -> str:
        route = decision.matched
        if route is None:
            return f"none: {decision.outcome}"
        names = route_names(route)
        short = len(names) == 3 and not self.route.startswith(decision.virtual_host or "")
        return names[-1] if short else (*names, f"route {route.index} of {decision.virtual_host}")[0]

    @property
    def tells_routes(self) -> bool:
        return True

    def leads(self, route: Route) -> bool:
        return self.route in route_names(route)


@attrs.frozen
class OfHost(Check):
    """``virtual_host``: a virtual host of that name takes the request."""

    name = "virtual_host"
    virtual_host: str

    def resolved(self, table: RouteTable) -> OfHost:
        names = [host.name for host in table.virtual_hosts]
        if self.virtual_host not in names:
            raise UnknownName("virtual host", self.virtual_host, names)
        return self

    def verdict(self, decision: Decision) -> bool | None:
        return decision.virtual_host == self.virtual_host

    @property
    def wanted(self) -> str:
        return self.virtual_host

    def found(self, decision: Decision) -> str:
        return decision.virtual_host or NOTHING


@attrs.frozen
class OfKind(Check):
    """``kind``: forward, redirect, not_found and so on, as Decision.kind has them; one of several."""

    name = "kind"
    kinds: tuple[str, ...] = attrs.field(converter=as_tuple)

    def __attrs_post_init__(self) -> None:
        for kind in self.kinds:
            if kind not in KINDS:
                raise UnknownName("kind of decision", kind, KINDS)

    @property
    def tells_routes(self) -> bool:
        return any(kind in _ACTIONS for kind in self.kinds)

    def verdict(self, decision: Decision) -> bool | None:
        if decision.kind in self.kinds:
            return True
        return None if decision.kind == "unknown" else False

    @property
    def wanted(self) -> str:
        return " or ".join(self.kinds)

    def found(self, decision: Decision) -> str:
        return f"{decision.kind}: {decision.outcome}"

    def leads(self, route: Route) -> bool:
        actions = [_ACTIONS[kind] for kind in self.kinds if kind in _ACTIONS]
        return not actions or isinstance(route.action, tuple(actions))


#: The kinds of decision that a route's action makes.
_ACTIONS: dict[str, type] = {
    "forward": RouteAction,
    "redirect": RedirectAction,
    "direct_response": DirectResponseAction,
}


@attrs.frozen
class Mirrored(Check):
    """``mirrors``: just these clusters get a copy."""

    name = "mirrors"
    clusters: tuple[str, ...]

    def resolved(self, table: RouteTable) -> Mirrored:
        known, open_ended = remembered(table, _copied_to)
        found = []
        for name in self.clusters:
            if name not in known and not open_ended:
                raise UnknownName("cluster that gets copies", name, known)
            found.append(known.get(name, name))
        return Mirrored(tuple(found))

    def verdict(self, decision: Decision) -> bool | None:
        if decision.kind == "unknown" or decision.mirrors is None:
            return None
        return sorted(decision.mirrors) == sorted(self.clusters)

    @property
    def wanted(self) -> str:
        return ", ".join(self.clusters) or NOTHING

    def found(self, decision: Decision) -> str:
        return ", ".join(decision.mirrors or ()) or NOTHING


@attrs.frozen
class Expectation:
    """The share of all random values whose decision fulfils every one of some checks.

    Without ``share`` that is all of them. ``source`` is where it stands, if in a file.
    """

    checks: tuple[Check, ...]
    share: Bounds | None = None
    source: Where = attrs.field(default=Where(), eq=False)

    def __attrs_post_init__(self) -> None:
        if not self.checks:
            raise InvalidValue("nothing_expected", "nothing is expected: name a cluster, a status, a route, ...")

    @property
    def bounds(self) -> Bounds:
        return ALWAYS if self.share is None else self.share

    def resolved(self, table: RouteTable) -> Expectation:
        """With full names. UnknownName for a name that nothing in the table bears."""
        return attrs.evolve(self, checks=tuple(check.resolved(table) for check in self.checks))

    def verdict(self, decision: Decision) -> bool | None:
        """Whether a decision fulfils all checks; None where some are open and none refuses."""
        verdicts = [check.verdict(decision) for check in self.checks]
        return False if False in verdicts else None if None in verdicts else True

    def __str__(self) -> str:
        named = ", ".join(
            check.wanted if isinstance(check, Destined) else f"{check.name} {check.wanted}"
            for check in self.checks
        )
        return named if self.share is None else f"{self.share} to {named}"
