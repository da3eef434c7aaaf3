"""Routes that forward: to one cluster, to one of several by weight, or to one that a header names.

Facts (Envoy documentation of RouteAction and WeightedCluster; run on 1.36.4 and 1.40.0, see tests/envoy):

1. The random value of the request, modulo the sum of the weights, is looked up in half-open intervals laid out
   in the order of the configuration. An entry of weight 0 owns no value and is never picked.
2. The sum must be at least 1 and at most 2^32 - 1. The weights need not sum to 100.
3. With ``cluster_header`` the first value of that header names the cluster. Where it is missing or empty, and
   where there is no such cluster, the answer is 503, or what ``cluster_not_found_response_code`` says.
4. With ``header_name`` the value of that header is looked up instead of the random value, where there is
   exactly one and it is a decimal number below 2^64, perhaps with a plus and blanks around it. With
   ``use_hash_policy`` it is the hash of the route's policies, where they yield one.
5. With ``runtime_key_prefix`` an entry has the weight that the runtime holds at ``<prefix>.<cluster>``. Where
   the weights then sum to 0, or to more than 2^32 - 1, nothing is picked, and the next route is tried.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Literal

import attrs

from canarysim.errors import InvalidValue
from canarysim.request import as_name
from canarysim.table.chance import EVERY, NEVER, Chance, Residues
from canarysim.table.values import as_tuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from canarysim.problems import Problem, Where
    from canarysim.table.behaviour import Behaviour
    from canarysim.table.conditions import RuntimeFraction
    from canarysim.table.faults import Faults
    from canarysim.table.hash_policies import HashPolicy
    from canarysim.table.http import Seen
    from canarysim.table.mutations import Mutations
    from canarysim.table.retries import RetryPolicy
    from canarysim.table.rewrites import HostRewrite, PathRewrite
    from canarysim.table.runtime import Runtime
    from canarysim.table.transformations import Transformation
    from canarysim.table.values import Undetermined

__all__ = ["NOT_FOUND_CODES", "Destination", "MirrorPolicy", "NonForwardingAction", "RouteAction", "Unknown"]

MAX_TOTAL = 2**32 - 1

#: What a request for a cluster that is not there is answered with, by the names of Envoy's configuration.
NOT_FOUND_CODES = {"SERVICE_UNAVAILABLE": 503, "NOT_FOUND": 404, "INTERNAL_SERVER_ERROR": 500}

_NUMBER = r"[ \t\n\v\f\r]*[+]?([0-9]+)[ \t\n\v\f\r]*"


@attrs.frozen
class Unknown:
    """Something the input says that is not simulated, and what it leaves open.

    ``parts`` names attributes of a Decision (``path``, ``authority``, ``request_headers``); without any, the
    decision as a whole is unknown.
    """

    problem: Problem
    parts: tuple[str, ...] = ()


@attrs.frozen
class Destination:
    """A cluster, with its weight where it stands beside others.

    ``cluster_header`` names a header whose first value is the cluster; ``cluster`` is empty then. ``mutations``
    and ``host_rewrite`` act on requests that are sent here; ``transformation`` is what the function makes of them.
    ``upstream``, ``function`` and ``subset`` are labels that a dialect keeps there; no decision asks them.
    """

    cluster: str
    weight: int = attrs.field(default=1, kw_only=True)
    cluster_header: str = attrs.field(default="", kw_only=True)
    mutations: Mutations | None = attrs.field(default=None, kw_only=True)
    host_rewrite: str = attrs.field(default="", kw_only=True)
    faults: Faults | None = attrs.field(default=None, kw_only=True)
    upstream: str | None = attrs.field(default=None, kw_only=True)
    function: str | None = attrs.field(default=None, kw_only=True)
    subset: tuple[tuple[str, str], ...] = attrs.field(default=(), kw_only=True)
    transformation: Transformation | None = attrs.field(default=None, kw_only=True)
    unknowns: tuple[Unknown, ...] = attrs.field(default=(), kw_only=True, eq=False)
    source: Where | None = attrs.field(default=None, kw_only=True, eq=False)

    def __attrs_post_init__(self) -> None:
        if isinstance(self.weight, bool) or not isinstance(self.weight, int):
            raise InvalidValue("weight_not_integer", f"a weight is an integer, not {self.weight!r}")
        if self.weight < 0:
            raise InvalidValue("negative_weight", f"a weight is at least 0, not {self.weight}")
        if self.cluster_header and self.cluster:
            raise InvalidValue("two_destinations", "a cluster and a cluster header exclude each other")

    @property
    def label(self) -> str:
        """What tells it from others of its cluster: its function, and its subset as in ``version=v2``."""
        return " ".join(filter(None, (self.function, *(f"{key}={value}" for key, value in self.subset))))

    def resolved(self, seen: Seen) -> Destination | None:
        """The destination with the cluster that a request names (fact 3); None where it names none."""
        if not self.cluster_header:
            return self
        told = seen.first_value(self.cluster_header)
        name = None if told is None else as_name(told)
        return None if name is None else attrs.evolve(self, cluster=name, cluster_header="")

    def to_envoy(self) -> dict[str, Any]:
        """As Envoy's ClusterWeight."""
        name = {"cluster_header": self.cluster_header} if self.cluster_header else {"name": self.cluster}
        subset = self.subset_to_envoy()
        host = {"host_rewrite_literal": self.host_rewrite} if self.host_rewrite else {}
        mutations = {} if self.mutations is None else self.mutations.to_envoy()
        faults = {} if self.faults is None else self.faults.to_envoy()
        return {**name, "weight": self.weight, **host, **mutations, **faults, **subset}

    def subset_to_envoy(self) -> dict[str, Any]:
        """The subset as Envoy's ``metadata_match``."""
        if not self.subset:
            return {}
        return {"metadata_match": {"filter_metadata": {"envoy.lb": dict(self.subset)}}}

    def __str__(self) -> str:
        name = self.cluster or f"the cluster that {self.cluster_header} names"
        return f"{name} ({self.label})" if self.label else name


@attrs.frozen
class RouteAction:
    """Forwards to one of ``destinations``, or to the cluster that ``cluster_header`` names.

    ``weighted`` tells a list of one destination from a single cluster. What is looked up in the weights is the
    random value, or what ``header_name`` or ``use_hash_policy`` say (fact 4).
    """

    destinations: tuple[Destination, ...] = attrs.field(default=(), converter=as_tuple)
    weighted: bool = attrs.field(default=False, kw_only=True)
    cluster_header: str = attrs.field(default="", kw_only=True)
    header_name: str = attrs.field(default="", kw_only=True)
    use_hash_policy: bool = attrs.field(default=False, kw_only=True)
    hash_policies: tuple[HashPolicy, ...] = attrs.field(default=(), kw_only=True, converter=as_tuple)
    runtime_key_prefix: str = attrs.field(default="", kw_only=True)
    cluster_not_found_status: int = attrs.field(default=503, kw_only=True)
    path_rewrite: PathRewrite | None = attrs.field(default=None, kw_only=True)
    host_rewrite: HostRewrite | None = attrs.field(default=None, kw_only=True)
    mirrors: tuple[MirrorPolicy, ...] = attrs.field(default=(), kw_only=True, converter=as_tuple)
    #: The kinds of upgrade that the route itself allows (True) or forbids, in lower case.
    upgrades: tuple[tuple[str, bool], ...] = attrs.field(default=(), kw_only=True, converter=as_tuple)
    #: Seconds; None where nothing is said, which means Envoy's 15.
    timeout: float | None = attrs.field(default=None, kw_only=True)
    retries: RetryPolicy | None = attrs.field(default=None, kw_only=True)
    #: The destination that every request leads to, if there is one.
    certain: Destination | None = attrs.field(init=False, eq=False, repr=False)
    _ends: tuple[int, ...] = attrs.field(init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        if self.cluster_not_found_status not in NOT_FOUND_CODES.values():
            raise InvalidValue("bad_status", f"{self.cluster_not_found_status} is no answer for a missing cluster")
        if self.header_name and self.use_hash_policy:
            raise InvalidValue("two_random_values", "header_name and use_hash_policy exclude each other")
        if self.cluster_header:
            if self.destinations:
                raise InvalidValue("two_destinations", "a cluster header and destinations exclude each other")
            destination = Destination("", cluster_header=self.cluster_header, source=None)
            object.__setattr__(self, "certain", destination)
            object.__setattr__(self, "_ends", ())
            return
        if not self.destinations:
            raise InvalidValue("no_destination", "a route needs at least one destination")
        if not self.weighted and len(self.destinations) != 1:
            raise InvalidValue("not_weighted", "several destinations make a weighted action: weighted=True")
        if not self.weighted and self.destinations[0].faults is not None:
            raise InvalidValue("faults_of_cluster", "the faults of a single cluster are those of its route")
        ends = tuple(accumulate(d.weight for d in self.destinations)) if self.weighted else (1,)
        if ends[-1] == 0:
            raise InvalidValue("weights_sum_to_zero", "the weights sum to 0; at least one must be above 0")
        if ends[-1] > MAX_TOTAL:
            raise InvalidValue("weights_overflow", f"the weights sum to {ends[-1]}, more than Envoy's {MAX_TOTAL}")
        with_weight = [d for d in self.destinations if d.weight or not self.weighted]
        object.__setattr__(self, "certain", with_weight[0] if len(with_weight) == 1 else None)
        object.__setattr__(self, "_ends", ends)

    @property
    def total(self) -> int:
        """The sum of the weights; 1 for a single cluster."""
        return self._ends[-1] if self._ends else 1

    @property
    def makes_formats(self) -> bool:
        """Whether a rewrite is a format string, which may name what a request does not tell."""
        host, path = self.host_rewrite, self.path_rewrite
        return (host is not None and host.format is not None) or (path is not None and hasattr(path, "format"))

    def under(self, runtime: Runtime) -> RouteAction | None:
        """The action with the weights that a runtime gives it; None where nothing is picked (fact 5)."""
        if not self.runtime_key_prefix or not runtime.items:
            return self
        prefix = f"{self.runtime_key_prefix}."
        weights = [runtime.integer(prefix + d.cluster, d.weight) for d in self.destinations]
        if not 0 < sum(weights) <= MAX_TOTAL:
            return None
        pairs = zip(self.destinations, weights, strict=True)
        return attrs.evolve(self, destinations=[attrs.evolve(d, weight=weight) for d, weight in pairs])

    def pick(self, random_value: int) -> Destination:
        """The destination of one random value. Cost: O(log destinations)."""
        return self.destinations[bisect_right(self._ends, random_value % self._ends[-1])]

    def told(self, seen: Seen, envoy: Behaviour) -> int | Undetermined | None:
        """The value that takes the place of the random one for a request, or None (fact 4)."""
        if self.header_name:
            values = seen.values(self.header_name)
            if len(values) == 1 and (found := re.fullmatch(_NUMBER, values[0])) and len(found[1]) < 4000:
                value = int(found[1])
                return value if value < 2**64 else None
        elif self.use_hash_policy and self.hash_policies:
            from canarysim.table.hash_policies import hash_of

            return hash_of(self.hash_policies, seen, envoy)
        return None

    def chances(self, told: int | None = None) -> Iterator[tuple[Destination, Chance]]:
        """Each destination, those of weight 0 included, with the random values that lead to it.

        ``told`` is a value that takes the place of the random one.
        """
        if not self.weighted:
            yield self.certain or self.destinations[0], EVERY
            return
        if told is not None:
            picked = bisect_right(self._ends, told % self._ends[-1])
            for number, destination in enumerate(self.destinations):
                yield destination, EVERY if number == picked else NEVER
            return
        begin = 0
        for destination, end in zip(self.destinations, self._ends, strict=True):
            yield destination, Chance.of(Residues(self.total, ((begin, end),)))
            begin = end

    def to_envoy(self) -> dict[str, Any]:
        """As Envoy's RouteAction."""
        found: dict[str, Any]
        if self.cluster_header:
            found = {"cluster_header": self.cluster_header}
        elif self.weighted:
            weighted = {
                "clusters": [destination.to_envoy() for destination in self.destinations],
                "header_name": self.header_name,
                "use_hash_policy": self.use_hash_policy,
                "runtime_key_prefix": self.runtime_key_prefix,
            }
            found = {"weighted_clusters": {key: value for key, value in weighted.items() if value}}
        else:
            found = {"cluster": self.destinations[0].cluster, **self.destinations[0].subset_to_envoy()}
        for rewrite in (self.path_rewrite, self.host_rewrite):
            found |= rewrite.to_envoy() if rewrite is not None else {}
        name = next(name for name, code in NOT_FOUND_CODES.items() if code == self.cluster_not_found_status)
        told = {
            "hash_policy": [policy.to_envoy() for policy in self.hash_policies],
            "request_mirror_policies": [mirror.to_envoy() for mirror in self.mirrors],
            "cluster_not_found_response_code": name if self.cluster_not_found_status != 503 else "",
            "upgrade_configs": [{"upgrade_type": kind, "enabled": enabled} for kind, enabled in self.upgrades],
        }
        timeout = {} if self.timeout is None else {"timeout": f"{self.timeout:.9f}".rstrip("0").rstrip(".") + "s"}
        retries = {} if self.retries is None else self.retries.to_envoy()
        return {**found, **{key: value for key, value in told.items() if value}, **timeout, **retries}


@attrs.frozen
class NonForwardingAction:
    """``filter_action`` or ``non_forwarding_action``: names no cluster, so that a proxy answers 503."""

    kind: Literal["filter_action", "non_forwarding_action"]

    def to_envoy(self) -> dict[str, Any]:
        return {}

    def __str__(self) -> str:
        return "no cluster (503)"


@attrs.frozen
class MirrorPolicy:
    """Sends a copy to a cluster, or to the one that a header names; with a ``fraction``, for a share of requests.

    A cluster that is not named, or is not there, gets none.
    """

    cluster: str = ""
    cluster_header: str = attrs.field(default="", kw_only=True)
    fraction: RuntimeFraction | None = attrs.field(default=None, kw_only=True)
    #: The Upstream that the cluster was made of, as ``namespace.name``: a label that a dialect keeps here.
    upstream: str | None = attrs.field(default=None, kw_only=True, eq=False)

    def __attrs_post_init__(self) -> None:
        if bool(self.cluster) is bool(self.cluster_header):
            raise InvalidValue("bad_mirror", "a mirror policy names a cluster or a cluster header, one of the two")

    def __str__(self) -> str:
        name = self.cluster or f"the cluster that {self.cluster_header} names"
        if self.fraction is None:
            return name
        return f"{name} where the random value {self.fraction.describe()}"

    def to_envoy(self) -> dict[str, Any]:
        """As Envoy's RequestMirrorPolicy."""
        name = {"cluster": self.cluster} if self.cluster else {"cluster_header": self.cluster_header}
        return {**name, **({} if self.fraction is None else {"runtime_fraction": self.fraction.to_envoy()})}
