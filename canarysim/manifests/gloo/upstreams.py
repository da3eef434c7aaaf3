"""What the Upstreams of the input say of destinations: whether they exist, their functions, their subsets.

Facts (source of Gloo 1.22, gloo/pkg/translator/route_config.go and the plugins rest, aws and azure):

1. An Upstream that is not there is a warning; Envoy then has no such cluster and answers 503. Kubernetes and
   Consul services as destinations stand for Upstreams that Gloo makes up, which have no functions, and those of
   Kubernetes no subsets.
2. A REST function needs an Upstream with a REST service spec, an AWS function an AWS Upstream, an Azure function
   an Azure Upstream; each must have a function of that name.
3. A subset with values on an Upstream that is not there or has no subset spec is a warning, one whose keys are
   those of no selector an error. In a weighted list either ends the list: the destinations behind it are lost. An
   Upstream of Consul has selectors made of its data centers and tags.
4. Function discovery writes the functions that it finds into an Upstream: one that lists none, as it is written by
   hand, may have some in the cluster.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from canarysim.errors import near
from canarysim.manifests.fields import Record
from canarysim.manifests.gloo.fields.upstreams import UPSTREAM_TYPES
from canarysim.manifests.gloo.names import cluster_of_upstream
from canarysim.problems import Severity
from canarysim.table.actions import RouteAction

if TYPE_CHECKING:
    from collections.abc import Iterable

    from canarysim.manifests.gloo.resources import Resource, Resources
    from canarysim.table.hosts import VirtualHost

__all__ = ["Checked", "check_upstream", "existing_clusters"]

#: The kind of Upstream, or of its service, that functions of a kind need.
_NEEDED = {"aws": "an AWS Upstream", "azure": "an Azure Upstream", "rest": "an Upstream with a REST service spec"}


def existing_clusters(resources: Resources, hosts: Iterable[VirtualHost]) -> set[str] | None:
    """The clusters of the Upstreams in the input, and those that Gloo makes up for destinations; None without."""
    if not resources.has("Upstream"):
        return None
    actions = [route.action for host in hosts for route in host.routes if isinstance(route.action, RouteAction)]
    named = {destination.cluster for action in actions for destination in action.destinations}
    made_up = {name for name in named if name.startswith(("kube-svc:", "consul-svc:"))}
    return made_up | {
        cluster_of_upstream(upstream.namespace, upstream.name) for upstream in resources.of("Upstream")
    }


class Checked(NamedTuple):
    """What an Upstream says of a destination.

    Whether its subset is good, whether its function is called, and the template of that if it is a REST function.
    """

    subset_is_good: bool = True
    calls: bool = True
    template: Record | None = None


def check_upstream(destination: Record, namespace: str, name: str, resources: Resources) -> Checked:
    """Says what is wrong between a destination and its Upstream."""
    upstream = resources.find("Upstream", namespace, name)
    if upstream is not None:
        kind, spec = _kind(upstream)
        good = _check_subset(destination, kind, spec)
        start = len(resources.journal)
        template = _check_function(destination, kind, spec, upstream, resources)
        wrong = any(problem.severity is Severity.ERROR for problem in resources.journal[start:])
        return Checked(good, not wrong, template)
    if name and "upstream" in destination and resources.has("Upstream"):
        ref: Record = destination["upstream"]
        text, hint = resources.missing("Upstream", namespace, name)
        ref.warn("missing_upstream", f"{text}: without it Envoy answers 503", None, hint)
        function = _function(destination) if resources.apply else None
        if function is not None:
            _no_function(function[1], function[0], namespace, name)
        return Checked(not (resources.apply and _subset(destination)), function is None)
    if "upstream" not in destination:
        function = _function(destination)
        if function is not None:
            _no_function(function[1], function[0], namespace, name)
        good = "kube" not in destination or _check_subset(destination, "", None)
        return Checked(good, function is None)
    return Checked()


def _kind(upstream: Resource) -> tuple[str, Record | None]:
    """The kind of an Upstream, and what it says as such; in the form of 2019 there is a message around it."""
    spec: Record = upstream.spec.get("upstreamSpec", upstream.spec)
    kind = next((name for name in UPSTREAM_TYPES if name in spec), "")
    told = spec.get(kind)
    return kind, told if isinstance(told, Record) else None


def _function(destination: Record) -> tuple[str, Record] | None:
    """The kind of a destination's function that needs a certain Upstream, and its message."""
    spec: Record | None = destination.get("destinationSpec")
    if spec is None:
        return None
    return next(((kind, spec[kind]) for kind in _NEEDED if kind in spec), None)


def _no_function(function: Record, kind: str, namespace: str, name: str) -> None:
    text = f"the Upstream {namespace}.{name} has no {kind} functions"
    function.report("no_function", text, None, f"name {_NEEDED[kind]}, or remove it")


def _check_function(
    destination: Record, kind: str, spec: Record | None, upstream: Resource, resources: Resources
) -> Record | None:
    """Facts 2 and 4."""
    told = _function(destination)
    if told is None or (spec is not None and (spec.damaged or spec.misspelt)):
        return None
    asked, function = told
    known = _functions(asked, kind, spec)
    if known is None:
        _no_function(function, asked, upstream.namespace, upstream.name)
        return None
    label = "logicalName" if asked == "aws" else "functionName"
    name = function.get(label, "")
    if name in known:
        return known[name]
    if not known and not resources.apply:
        text = f"the Upstream {upstream.namespace}.{upstream.name} lists no functions here: is there one {name!r}?"
        function.warn(
            "no_functions_listed", text, label, "Gloo's discovery lists them in the cluster: read that one"
        )
    elif label not in function.damaged:
        similar = near(name, list(known), 1)
        text = f"the Upstream {upstream.namespace}.{upstream.name} has no function {name!r}"
        function.report("unknown_function", text, label, f"did you mean {similar[0]}?" if similar else "")
    return None


def _functions(asked: str, kind: str, spec: Record | None) -> dict[str, Record | None] | None:
    """The functions of a kind that an Upstream has; None where it cannot have any."""
    if spec is None:
        return None
    if asked == "rest":
        service: Record | None = spec.get("serviceSpec")
        if spec.message.lookup("serviceSpec") is None or (
            service is not None and service.chosen.get("plugin_type", "rest") != "rest"
        ):
            return None
        rest: Record | None = None if service is None else service.get("rest")
        return {} if rest is None else rest.get("transformations", {})
    if kind != asked:
        return None
    field, label = {"aws": ("lambdaFunctions", "logicalName"), "azure": ("functions", "functionName")}[asked]
    return {each.get(label, ""): None for each in spec.get(field, ())}


def _subset(destination: Record) -> dict[str, str]:
    subset: Record | None = destination.get("subset")
    return {} if subset is None else subset.get("values", {})


def _check_subset(destination: Record, kind: str, spec: Record | None) -> bool:
    """Whether an Upstream has the subset of a destination (fact 3)."""
    values = _subset(destination)
    if not values:
        return True
    subset: Record = destination["subset"]
    if kind == "consul":
        assert spec is not None
        centers = [f"dc_{each}" for each in spec.get("dataCenters", ())]
        tags = [f"tag_{each}" for each in spec.get("subsetTags", ()) or spec.get("serviceTags", ())]
        selectors = [centers, tags, centers + tags] if tags else [centers]
    elif kind == "kube" and spec is not None and "subsetSpec" in spec:
        selectors = [each.get("keys", []) for each in spec["subsetSpec"].get("selectors", ())]
    else:
        subset.warn("no_subset", "the destination has a subset, and its Upstream has no subsetSpec")
        return False
    if not any(len(keys) == len(values) and set(keys) <= values.keys() for keys in selectors):
        text = f"no selector of the Upstream has just the keys {', '.join(sorted(values))}"
        subset.report("no_subset", text, "values", f"it has {_shown(selectors)}" if selectors else "")
        return False
    return True


def _shown(selectors: list[list[str]]) -> str:
    return "; ".join(", ".join(keys) or "one without keys" for keys in selectors)
