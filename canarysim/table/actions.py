"""Routes that forward: to one cluster, to one of several by weight, or to one that a header names.

Facts (Envoy documentation of WeightedCluster; run on 1.36.4 and 1.40.0, see tests/envoy):

1. The random value of the request, modulo the sum of the weights, is looked up in half-open intervals laid out
   in the order of the configuration. An entry of weight 0 owns no value and is never picked.
2. The sum must be at least 1 and at most 2^32 - 1. The weights need not sum to 100.
3. With ``cluster_header`` the first value of that header names the cluster. Where it is missing or empty, and
   where there is no such cluster, the answer is 503.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import attrs

from canarysim.errors import InvalidValue
from canarysim.request import readable
from canarysim.table.chance import EVERY, Chance, Residues
from canarysim.table.values import as_tuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from canarysim.problems import Problem, Where
    from canarysim.table.http import Seen
    from canarysim.table.rewrites import HostRewrite, PathRewrite

__all__ = ["Destination", "RouteAction", "Unknown"]

MAX_TOTAL = 2**32 - 1


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

    ``upstream``, ``function`` and ``subset`` are labels that a dialect keeps there; no decision asks them.
    """

    cluster: str
    weight: int = attrs.field(default=1, kw_only=True)
    upstream: str | None = attrs.field(default=None, kw_only=True)
    function: str | None = attrs.field(default=None, kw_only=True)
    subset: tuple[tuple[str, str], ...] = attrs.field(default=(), kw_only=True)
    unknowns: tuple[Unknown, ...] = attrs.field(default=(), kw_only=True, eq=False)
    source: Where | None = attrs.field(default=None, kw_only=True, eq=False)

    def __attrs_post_init__(self) -> None:
        if isinstance(self.weight, bool) or not isinstance(self.weight, int):
            raise InvalidValue("weight_not_integer", f"a weight is an integer, not {self.weight!r}")
        if self.weight < 0:
            raise InvalidValue("negative_weight", f"a weight is at least 0, not {self.weight}")

    def __str__(self) -> str:
        return f"{self.cluster} ({self.function})" if self.function else self.cluster


@attrs.frozen
class RouteAction:
    """Forwards to one of ``destinations``, or to the cluster that ``cluster_header`` names.

    ``weighted`` tells a list of one destination from a single cluster.
    """

    destinations: tuple[Destination, ...] = attrs.field(default=(), converter=as_tuple)
    weighted: bool = attrs.field(default=False, kw_only=True)
    cluster_header: str = attrs.field(default="", kw_only=True)
    path_rewrite: PathRewrite | None = attrs.field(default=None, kw_only=True)
    host_rewrite: HostRewrite | None = attrs.field(default=None, kw_only=True)
    #: The destination that every random value leads to, if there is one.
    certain: Destination | None = attrs.field(init=False, eq=False, repr=False)
    _ends: tuple[int, ...] = attrs.field(init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        if self.cluster_header:
            if self.destinations:
                raise InvalidValue("two_destinations", "a cluster header and destinations exclude each other")
            object.__setattr__(self, "certain", None)
            object.__setattr__(self, "_ends", ())
            return
        if not self.destinations:
            raise InvalidValue("no_destination", "a route needs at least one destination")
        if not self.weighted and len(self.destinations) != 1:
            raise InvalidValue("not_weighted", "several destinations make a weighted action: weighted=True")
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

    def pick(self, random_value: int) -> Destination:
        """The destination of one random value. Cost: O(log destinations)."""
        return self.destinations[bisect_right(self._ends, random_value % self._ends[-1])]

    def named(self, seen: Seen) -> Destination | None:
        """The destination that the cluster header of a request names (fact 3)."""
        name = seen.first_value(self.cluster_header)
        return None if name is None else Destination(readable(name))

    def chances(self) -> Iterator[tuple[Destination, Chance]]:
        """Each destination, those of weight 0 included, with the random values that lead to it."""
        if not self.weighted:
            for destination in self.destinations:
                yield destination, EVERY
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
            clusters = [{"name": d.cluster, "weight": d.weight} for d in self.destinations]
            found = {"weighted_clusters": {"clusters": clusters}}
        else:
            found = {"cluster": self.destinations[0].cluster}
        for rewrite in (self.path_rewrite, self.host_rewrite):
            found |= rewrite.to_envoy() if rewrite is not None else {}
        return found
