"""From Gloo's destinations to clusters: single ones, weighted lists, and the lists of UpstreamGroups.

Facts (source of Gloo 1.22, gloo/pkg/translator and gloo/pkg/upstreams):

1. An Upstream reference without a namespace takes that of the resource it stands in.
2. A weight that is absent is 0. All weights 0, or no destinations, is an error.
3. A Kubernetes or Consul service as destination stands for an Upstream of its own (names.py, fact 5); its
   namespace is not defaulted.
4. A subset chooses endpoints inside the cluster; it moves no decision.
5. The faults of a route are those of each of its destinations.
6. An UpstreamGroup is looked up by namespace and name; neither is defaulted. Without it the cluster has no name,
   and with that Envoy refuses the whole route configuration.
7. A subset that its Upstream does not have ends a weighted list behind it (upstreams.py, fact 3), and a member
   that names nothing before it. That is an error of the route, whose faults and functions are then lost too.
8. An empty name is a name like any other, of an Upstream that is not there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from canarysim.errors import InvalidValue
from canarysim.manifests.gloo.headers import mutations
from canarysim.manifests.gloo.names import cluster_of_upstream, consul_upstream, kube_upstream
from canarysim.manifests.gloo.resources import Effect, has_effect
from canarysim.manifests.gloo.unknowns import unknowns_of
from canarysim.manifests.gloo.upstreams import check_upstream
from canarysim.table.actions import Destination, RouteAction, Unknown

if TYPE_CHECKING:
    from canarysim.manifests.fields import Record
    from canarysim.manifests.gloo.resources import Resources
    from canarysim.manifests.gloo.upstreams import Checked
    from canarysim.problems import Problem
    from canarysim.table.faults import Faults
    from canarysim.table.transformations import Transformation

__all__ = ["group_destinations", "single_destination", "weighted_destinations"]


def single_destination(record: Record, namespace: str, resources: Resources) -> Destination | None:
    """A destination in a resource of that namespace; None, after a problem, where it is wrong."""
    if (problem := _no_upstream(record)) is not None:
        has_effect(record, problem, Effect.REFUSED)
        return None
    found = _destination(record, namespace, resources)
    return None if found is None else found[0]


def _no_upstream(record: Record) -> Problem | None:
    """The problem that a destination names nothing, if that is so."""
    if record.lacks("upstream", "kube", "consul"):
        return record.report("no_destination", "the destination names no upstream", None, "add upstream:")
    return None


def _destination(
    record: Record, namespace: str, resources: Resources, weight: int = 1
) -> tuple[Destination, Checked] | None:
    upstream = _upstream(record, namespace)
    if upstream is None:
        return None
    checked = check_upstream(record, *upstream, resources)
    transformation = _transformation(record, checked)
    calls = checked.calls and (checked.template is None or transformation is not None)
    subset: Record | None = record.get("subset")
    destination = Destination(
        cluster_of_upstream(*upstream),
        weight=weight,
        upstream=".".join(filter(None, upstream)),
        function=_function(record.get("destinationSpec")) if calls else None,
        transformation=transformation,
        subset=tuple(subset.get("values", {}).items()) if subset is not None else (),
        source=record.where(),
    )
    return destination, checked


def _upstream(record: Record, namespace: str) -> tuple[str, str] | None:
    """Namespace and name of the Upstream that a destination names or stands for (facts 1 and 3)."""
    if "upstream" in record:
        name = _name(record["upstream"], "name")
        return record["upstream"].get("namespace") or namespace, name
    if "kube" in record:
        kube: Record = record["kube"]
        if "ref" in kube:
            name, namespace = _name(kube["ref"], "name"), kube["ref"].get("namespace", "")
        else:
            name, namespace = _name(kube, "ref"), ""
        if "ref" in kube and not namespace:
            text = "a Kubernetes service has no default namespace: this reference finds none"
            kube["ref"].warn("no_namespace", text, None, "add namespace:")
        return kube_upstream(namespace, name, kube.get("port", 0))
    if "consul" in record:
        return consul_upstream(_name(record["consul"], "serviceName"))
    return None


def _name(record: Record, field: str) -> str:
    """A name; it may be empty, after a problem, and Gloo goes on with it (fact 8)."""
    name: str = record.get(field, "")
    if not name and (field in record or record.lacks(field)):
        record.report("no_name", f"{record.message.name} has no {field}", None, f"add {field}:")
    return name


def weighted_destinations(
    record: Record, namespace: str, resources: Resources, faults: Faults | None
) -> tuple[Destination, ...] | None:
    """The list of a ``multi`` or of an UpstreamGroup; None, after a problem, where something of it is wrong.

    ``faults`` are those of the route. Each destination carries what its options leave open.
    """
    records: list[Record] = record.get("destinations", [])
    if not records and "destinations" not in record.damaged:
        problem = record.report("no_destination", "there are no destinations", None, "add at least one")
        has_effect(record, problem, Effect.REFUSED)
    destinations: list[Destination] = []
    ends: list[Problem] = []
    for number, weighted in enumerate(records):
        if (lack := _no_destination(weighted)) is not None:
            ends.append(lack)
            continue
        found = _weighted(weighted, namespace, resources)
        if found is not None and not ends:
            destinations.append(found[0])
            if not found[1].subset_is_good and number + 1 < len(records):
                ends.append(_report_lost(records[number + 1 :], weighted))
                break
    if ends and not any(each.weight for each in destinations):
        has_effect(record, ends[0], Effect.REFUSED)
        return None
    if not records or (len(destinations) < len(records) and not ends) or any(each.misspelt for each in records):
        return None
    if ends:
        faults = None
        destinations = [attrs.evolve(each, transformation=None) for each in destinations]
    if faults is not None:
        destinations = [attrs.evolve(each, faults=faults) for each in destinations]
    try:
        RouteAction(destinations, weighted=True)
    except InvalidValue as wrong:
        has_effect(record, record.wrong(wrong, "destinations"), Effect.REFUSED)
        return None
    _note_percentages(record, destinations)
    return tuple(destinations)


def _no_destination(weighted: Record) -> Problem | None:
    """The problem that a member of a list has no destination, or one that names nothing, if that is so."""
    if weighted.lacks("destination"):
        return weighted.report("no_destination", "no destination beside the weight", None, "add destination:")
    return _no_upstream(weighted["destination"]) if "destination" in weighted else None


def _weighted(record: Record, namespace: str, resources: Resources) -> tuple[Destination, Checked] | None:
    """One of a weighted list, and what its Upstream says of it; None, after a problem, where it is wrong."""
    unknowns = tuple(unknowns_of(record))
    if "destination" not in record or "weight" in record.damaged:
        return None
    found = _destination(record["destination"], namespace, resources, record.get("weight", 0))
    if found is None:
        return None
    changes = mutations(record.get("options"))
    return attrs.evolve(found[0], mutations=changes, unknowns=unknowns, source=record.where()), found[1]


def _report_lost(lost: list[Record], culprit: Record) -> Problem:
    """Fact 7."""
    what = "this destination" if len(lost) == 1 else f"these {len(lost)} destinations"
    text = f"Gloo drops {what}: the Upstream of the one before lacks its subset"
    return lost[0].report("destinations_lost", text, None, f"correct the subset at {culprit.where()}")


def _note_percentages(record: Record, destinations: list[Destination]) -> None:
    """Weights that were meant as percentages and are none: 90 and 20, or 33, 33 and 33."""
    total = sum(destination.weight for destination in destinations)
    if len(destinations) > 1 and 90 <= total <= 110 and total != 100:
        first = destinations[0]
        share = f"{first.weight / total * 100:.4g} %"
        text = f"the weights sum to {total}, not to 100: {first.cluster} gets {share}, not {first.weight} %"
        record.note("weights_not_100", text, "destinations")


def group_destinations(
    action: Record, resources: Resources, faults: Faults | None
) -> tuple[tuple[Destination, ...] | None, tuple[Unknown, ...]]:
    """The destinations of the UpstreamGroup that an action names (fact 6), and what is open without it."""
    ref: Record = action["upstreamGroup"]
    namespace, name = ref.get("namespace", ""), ref.get("name", "")
    group = resources.find("UpstreamGroup", namespace, name)
    if group is not None:
        return weighted_destinations(group.spec, group.namespace, resources, faults), ()
    text, hint = resources.missing("UpstreamGroup", namespace, name)
    if resources.apply:
        text = f"{text}: Envoy is given a cluster without a name, and refuses the whole route configuration"
        has_effect(action, action.report("missing_group", text, "upstreamGroup", hint), Effect.REFUSED)
        return None, ()
    return None, (Unknown(action.warn("missing_group", text, "upstreamGroup", hint)),)


def _transformation(record: Record, checked: Checked) -> Transformation | None:
    """What the REST function of a destination makes of requests; None where none is known."""
    if checked.template is None:
        return None
    from canarysim.manifests.gloo.functions import rest_function

    return rest_function(checked.template, record["destinationSpec"]["rest"].get("parameters"))


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
