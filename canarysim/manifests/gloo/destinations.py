"""From Gloo's destinations to clusters: single ones, weighted lists, and the lists of UpstreamGroups.

Facts (source of Gloo 1.22, gloo/pkg/translator and gloo/pkg/upstreams):

1. An Upstream reference without a namespace takes that of the resource it stands in.
2. A weight that is absent is 0. All weights 0, or no destinations, is an error.
3. A Kubernetes or Consul service as destination stands for an Upstream of its own (names.py, fact 5); its
   namespace is not defaulted.
4. A subset chooses endpoints inside the cluster; it moves no decision.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from canarysim.errors import InvalidValue
from canarysim.manifests.gloo.names import cluster_of_upstream, consul_upstream, kube_upstream
from canarysim.manifests.gloo.unknowns import unknowns_of
from canarysim.table.actions import Destination, RouteAction

if TYPE_CHECKING:
    from canarysim.manifests.fields import Record

__all__ = ["single_destination", "weighted_destinations"]


def single_destination(record: Record, namespace: str, weight: int = 1) -> Destination | None:
    """A destination in a resource of that namespace; None, after a problem, where it is wrong."""
    if record.lacks("upstream", "kube", "consul"):
        record.report("no_destination", "the destination names no upstream", None, "add upstream:")
    upstream = _upstream(record, namespace)
    if upstream is None:
        return None
    subset: Record | None = record.get("subset")
    return Destination(
        cluster_of_upstream(*upstream),
        weight=weight,
        upstream=".".join(filter(None, upstream)),
        function=_function(record.get("destinationSpec")),
        subset=tuple(subset.get("values", {}).items()) if subset is not None else (),
        source=record.where(),
    )


def _upstream(record: Record, namespace: str) -> tuple[str, str] | None:
    """Namespace and name of the Upstream that a destination names or stands for (facts 1 and 3)."""
    if "upstream" in record:
        name = _name(record["upstream"], "name")
        return (record["upstream"].get("namespace") or namespace, name) if name else None
    if "kube" in record:
        kube: Record = record["kube"]
        if kube.lacks("ref"):
            kube.report("no_name", "the Kubernetes service has no ref", None, "add ref: with name and namespace")
        name = _name(kube["ref"], "name") if "ref" in kube else None
        if not name or "port" in kube.damaged:
            return None
        return kube_upstream(kube["ref"].get("namespace", ""), name, kube.get("port", 0))
    if "consul" in record:
        name = _name(record["consul"], "serviceName")
        return consul_upstream(name) if name else None
    return None


def _name(record: Record, field: str) -> str | None:
    name: str = record.get(field, "")
    if not name and (field in record or record.lacks(field)):
        record.report("no_name", f"{record.message.name} has no {field}", None, f"add {field}:")
    return name or None


def weighted_destinations(record: Record, namespace: str) -> tuple[Destination, ...] | None:
    """The list of a ``multi`` or of an UpstreamGroup; None, after a problem, where something of it is wrong.

    Each destination carries what its options leave open.
    """
    records: list[Record] = record.get("destinations", [])
    if not records and "destinations" not in record.damaged:
        record.report("no_destination", "there are no destinations", None, "add at least one destination")
    destinations = []
    for weighted in records:
        unknowns = tuple(unknowns_of(weighted))
        if weighted.lacks("destination"):
            weighted.report("no_destination", "no destination beside the weight", None, "add destination:")
        elif "destination" in weighted and "weight" not in weighted.damaged:
            destination = single_destination(weighted["destination"], namespace, weighted.get("weight", 0))
            if destination is not None:
                destinations.append(attrs.evolve(destination, unknowns=unknowns, source=weighted.where()))
    if not records or len(destinations) < len(records) or any(weighted.misspelt for weighted in records):
        return None
    try:
        RouteAction(destinations, weighted=True)
    except InvalidValue as wrong:
        record.wrong(wrong, "destinations")
        return None
    return tuple(destinations)


def _function(spec: Record | None) -> str | None:
    if spec is None:
        return None
    for kind, label in (
        ("rest", "functionName"),
        ("aws", "logicalName"),
        ("azure", "functionName"),
        ("grpc", "function"),
    ):
        if kind in spec:
            name: str | None = spec[kind].get(label)
            return name
    return None
