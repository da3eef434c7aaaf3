"""Which destinations of a table a name means: a cluster, an Upstream, or several labels at once."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from canarysim.errors import InvalidValue, UnknownName
from canarysim.table.actions import RouteAction
from canarysim.table.route_table import names_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from canarysim.table.actions import Destination
    from canarysim.table.route_table import RouteTable

__all__ = ["LABELS", "bears", "remembered", "resolve", "resolve_cluster", "resolve_function"]

_T = TypeVar("_T")
#: What was computed of each table that is still there, by its id.
_memory: dict[int, dict[Callable[[RouteTable], Any], Any]] = {}


def remembered(table: RouteTable, make: Callable[[RouteTable], _T]) -> _T:
    """What ``make`` gives of a table, which never changes: computed once, and kept as long as the table."""
    kept = _memory.get(id(table))
    if kept is None:
        kept = _memory[id(table)] = {}
        weakref.finalize(table, _memory.pop, id(table), None).atexit = False
    if make not in kept:
        kept[make] = make(table)
    found: _T = kept[make]
    return found


class _Names(NamedTuple):
    """The clusters that each name means, and the functions; in the order of the table."""

    clusters: dict[str, dict[str, None]]
    functions: dict[str, None]


def _names(table: RouteTable) -> _Names:
    """Cost: O(destinations)."""
    names = _Names({}, {})
    for destination in table.destinations:
        for name in names_of(destination):
            names.clusters.setdefault(name, {})[destination.cluster] = None
        if destination.function is not None:
            names.functions[destination.function] = None
    return names


def resolve_cluster(table: RouteTable, name: str) -> str:
    """The cluster that a name means: the cluster's own, or its Upstream's with or without namespace.

    Raises UnknownName where nothing in the table bears the name, or where it means several clusters.
    """
    names = remembered(table, _names)
    found = names.clusters.get(name) or names.clusters.get(name.replace("/", ".", 1), {})
    if name in found:
        return name
    if len(found) == 1:
        return next(iter(found))
    if found:
        raise UnknownName("cluster", name, found, ambiguous=True)
    if _requests_name_clusters(table) and (table.clusters is None or name in table.clusters):
        return name
    raise UnknownName("cluster or upstream", name, names.clusters)


def _requests_name_clusters(table: RouteTable) -> bool:
    actions = [route.action for route in table.routes if isinstance(route.action, RouteAction)]
    return any(a.cluster_header or any(d.cluster_header for d in a.destinations) for a in actions)


def resolve_function(table: RouteTable, name: str) -> str:
    """The function of that name. Raises UnknownName where no destination of the table has it."""
    known = remembered(table, _names).functions
    if name not in known:
        raise UnknownName("function", name, known)
    return name


#: The labels by which a mapping may choose destinations.
LABELS = ("cluster", "function", "upstream", "subset")


def resolve(table: RouteTable, wanted: str | Mapping[str, Any]) -> dict[str, Any]:
    """The labels a destination must bear: ``{"cluster": ...}`` from a name, or from a mapping of labels."""
    if isinstance(wanted, str):
        return {"cluster": resolve_cluster(table, wanted)}
    labels = dict(wanted)
    for label in labels:
        if label not in LABELS:
            raise UnknownName("label of a destination", label, LABELS)
    if not labels:
        raise InvalidValue("no_label", "an empty mapping chooses no destination; name a cluster or a function")
    if "upstream" in labels:
        cluster = resolve_cluster(table, labels.pop("upstream"))
        if resolve_cluster(table, labels.setdefault("cluster", cluster)) != cluster:
            raise InvalidValue("two_clusters", f"cluster and upstream of {dict(wanted)} are not the same")
    if "cluster" in labels:
        labels["cluster"] = resolve_cluster(table, labels["cluster"])
    if "function" in labels:
        resolve_function(table, labels["function"])
    if "subset" in labels:
        labels["subset"] = dict(labels["subset"])
        known = [dict(d.subset) for d in table.destinations if d.subset]
        if labels["subset"] not in known:
            raise UnknownName("subset", str(labels["subset"]), list(map(str, known)))
    return labels


def bears(destination: Destination | None, labels: Mapping[str, Any]) -> bool:
    """Whether a destination has all of the labels."""
    if destination is None:
        return False
    return all(
        dict(destination.subset) == value if label == "subset" else getattr(destination, label) == value
        for label, value in labels.items()
    )
