"""Random actions of routes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from canarysim.table.actions import NOT_FOUND_CODES, Destination, MirrorPolicy, NonForwardingAction, RouteAction
from canarysim.table.matchers import ConnectMatcher
from canarysim.table.redirects import REDIRECT_CODES, DirectResponseAction, RedirectAction
from canarysim.testing.strategies.conditions import fraction
from canarysim.testing.strategies.hashes import hash_policies
from canarysim.testing.strategies.mutations import mutations
from canarysim.testing.strategies.pools import CLUSTERS, MISSING_CLUSTER
from canarysim.testing.strategies.rewrites import host_rewrite, path_rewrite, plain_path_rewrite

if TYPE_CHECKING:
    from canarysim.table.matchers import PathMatcher
    from canarysim.table.routes import Action
    from canarysim.testing.strategies.choices import Choices
    from canarysim.testing.strategies.conditions import Dialect

__all__ = ["WEIGHTS_PREFIX", "action", "mirrors"]

WEIGHTS_PREFIX = "weights"
_CLUSTER_HEADERS = ("x-cluster", "x-a", "X-Canary", ":authority")
_KINDS = ("single", "single", "single", "weighted", "weighted", "weighted", "header", "redirect", "response")
_TOPS = (10, 1, 100, 1000, 10**6, 2**20, 0)
_UPGRADES = ("websocket", "connect", "x")


def action(choices: Choices, dialect: Dialect, match: PathMatcher, *, missing: bool) -> Action:
    """An action of a route with that condition on the path; ``missing`` allows for a cluster that is not there."""
    kind = choices.pick(_KINDS)
    if kind == "redirect" and not isinstance(match, ConnectMatcher):
        return _redirect(choices, dialect, match)
    if kind == "response":
        bodies = ("", "gone", "é")
        if isinstance(match, ConnectMatcher):  # it has no URL that a location could be made of
            return DirectResponseAction(status=choices.pick((200, 404)), body=choices.pick(bodies))
        return DirectResponseAction(status=choices.pick((200, 404, 503, 201, 301, 599)), body=choices.pick(bodies))
    if not dialect.gloo and choices.chance(3):
        return NonForwardingAction(choices.pick(("non_forwarding_action", "filter_action")))
    names = (*CLUSTERS, MISSING_CLUSTER) if missing else CLUSTERS
    if kind == "header":
        forwards = RouteAction(cluster_header=choices.pick(_CLUSTER_HEADERS))
    elif kind == "weighted":
        forwards = _weighted(choices, dialect, names)
    else:
        forwards = RouteAction([_labelled(choices, dialect, Destination(choices.pick(names)))])
    return _with_more(choices, dialect, match, forwards, names)


def _weights(choices: Choices) -> list[int]:
    count = choices.pick((2, 2, 1, 3, 5, 12))
    top = choices.pick(_TOPS) or (2**32 - 1) // count
    weights = [choices.pick((top, 0, -1, -1)) for _ in range(count)]
    weights = [choices.integer(0, top) if weight < 0 else weight for weight in weights]
    return weights if any(weights) else [*weights[:-1], 1]


def _weighted(choices: Choices, dialect: Dialect, names: tuple[str, ...]) -> RouteAction:
    destinations = []
    for weight in _weights(choices):
        odd = choices.pick(("",) * 12 if dialect.gloo else (*("",) * 12, "header", "host"))
        if odd == "header":
            destination = Destination("", cluster_header=choices.pick(_CLUSTER_HEADERS), weight=weight)
        else:
            destination = Destination(choices.pick(names), weight=weight)
        if odd == "host":
            destination = attrs.evolve(destination, host_rewrite="entry.example")
        if not dialect.gloo and choices.chance(10):
            destination = attrs.evolve(destination, mutations=choices.part(mutations))
        destinations.append(_labelled(choices, dialect, destination))
    more = [] if dialect.gloo else choices.sample(("hash", "header_name", "runtime_key_prefix"), 2, 30)
    by_hash = "hash" in more and "header_name" not in more
    return RouteAction(
        destinations,
        weighted=True,
        header_name=choices.pick(("x-a", "x-user", "user-agent", "X-B")) if "header_name" in more else "",
        use_hash_policy=by_hash,
        hash_policies=hash_policies(choices) if by_hash else (),
        runtime_key_prefix=WEIGHTS_PREFIX if "runtime_key_prefix" in more else "",
    )


def _labelled(choices: Choices, dialect: Dialect, destination: Destination) -> Destination:
    """With what Gloo keeps beside a cluster, which moves no decision."""
    if not dialect.gloo:
        return destination
    return attrs.evolve(
        destination,
        cluster=f"{destination.cluster}_ns",
        upstream=f"ns.{destination.cluster}",
        function=choices.pick((None, None, None, "find", "add")),
        subset=(("version", "v1"),) if choices.chance(10) else (),
    )


def _with_more(
    choices: Choices, dialect: Dialect, match: PathMatcher, forwards: RouteAction, names: tuple[str, ...]
) -> RouteAction:
    """With rewrites and, where the dialect has them, mirrors and the rest."""
    connect = isinstance(match, ConnectMatcher)
    offered = ["mirrors", "upgrades", "status"]
    if dialect.gloo:
        offered = []
    if not connect:  # it has no path, and rewrites are for requests that have one
        offered = ["path", "path", "host", *offered]
    more: dict[str, Any] = {}
    for name in choices.sample(offered, 3, 90 if connect else 45):
        if name == "path":
            more["path_rewrite"] = choices.part(lambda choices: path_rewrite(choices, dialect, match))
        elif name == "host":
            more["host_rewrite"] = choices.part(lambda choices: host_rewrite(choices, dialect))
        elif name == "mirrors":
            more["mirrors"] = choices.part(lambda choices: mirrors(choices, names))
        elif name == "upgrades":
            kinds = choices.sample(_UPGRADES[::-1] if connect else _UPGRADES, 3)
            more["upgrades"] = tuple((kind, not choices.chance(30)) for kind in kinds)
        else:
            codes = [code for code in NOT_FOUND_CODES.values() if dialect.envoy != "1.36" or code != 500]
            more["cluster_not_found_status"] = choices.pick(codes)
    return attrs.evolve(forwards, **more) if more else forwards


def mirrors(choices: Choices, names: tuple[str, ...]) -> tuple[MirrorPolicy, ...]:
    """One or two policies."""
    return tuple(_mirror(choices, names) for _ in range(choices.pick((1, 1, 2))))


def _mirror(choices: Choices, names: tuple[str, ...]) -> MirrorPolicy:
    share = fraction(choices) if choices.chance(50) else None
    if choices.chance(20):
        return MirrorPolicy(cluster_header=choices.pick(_CLUSTER_HEADERS), fraction=share)
    return MirrorPolicy(choices.pick(names), fraction=share)


def _redirect(choices: Choices, dialect: Dialect, match: PathMatcher) -> RedirectAction:
    offered = ["https", "host", "port", "path", "path", "strip_query", "status", "status"]
    told: dict[str, Any] = {}
    for name in choices.sample(offered if dialect.gloo else [*offered, "scheme"], 4, 75):
        if name in ("https", "strip_query"):
            told[name] = True
        elif name == "path":
            text = choices.pick(("/new", "new", "/new?r=1", "", None, None, None))
            told[name] = choices.part(lambda choices: plain_path_rewrite(choices, match)) if text is None else text
        else:
            told[name] = choices.pick(_REDIRECTS[name])
    if told.get("https"):
        told.pop("scheme", None)
    return RedirectAction(**told)


_REDIRECTS: dict[str, tuple[Any, ...]] = {
    "host": ("new.example", "new.example:99"),
    "port": (443, 80, 8443),
    "status": tuple(REDIRECT_CODES.values()),
    "scheme": ("ftp", "HTTPS"),
}
