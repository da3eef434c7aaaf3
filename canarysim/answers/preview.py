"""In which proportions does a request go where, and what will n calls show?"""

from __future__ import annotations

from fractions import Fraction
from math import exp, log1p
from typing import TYPE_CHECKING, Any

import attrs

from canarysim.answers.binomial import calls_to_see, central_range
from canarysim.answers.names import bears, resolve
from canarysim.errors import InvalidValue, UnknownName
from canarysim.request import Request

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from matplotlib.figure import Figure

    from canarysim.engine.rng import RNG
    from canarysim.problems import Where
    from canarysim.table.decision import Decision, Kind
    from canarysim.table.route_table import RouteTable

__all__ = ["Outcome", "Preview", "preview"]

MAX_CALLS = 10**15


@attrs.frozen
class Outcome:
    """One thing that can become of the request.

    ``share`` is exact. Of n calls ``expected`` show it on average; ``low`` and ``high`` are the quantiles at
    2.5 % and 97.5 % of their number, and ``coverage`` the probability of what lies from one to the other.
    ``none`` is the chance that no call shows it, ``calls_to_see`` how many calls show it at least once with
    95 %; None where its share is 0.
    """

    decision: Decision
    share: Fraction
    expected: Fraction
    low: int
    high: int
    coverage: float
    none: float
    calls_to_see: int | None

    @property
    def kind(self) -> Kind:
        return self.decision.kind

    @property
    def route(self) -> str | None:
        return self.decision.route

    @property
    def cluster(self) -> str | None:
        return self.decision.cluster

    @property
    def function(self) -> str | None:
        return self.decision.function

    @property
    def status(self) -> int | None:
        return self.decision.status

    @property
    def source(self) -> Where | None:
        return self.decision.source

    @classmethod
    def of(cls, decision: Decision, share: Fraction, n: int) -> Outcome:
        low, high, coverage = central_range(n, share)
        none = float((1 - share) ** n) if n <= 1000 or share == 1 else exp(n * log1p(-float(share)))
        return cls(decision, share, share * n, low, high, coverage, none, calls_to_see(share))


@attrs.frozen(repr=False)
class Preview:
    """The outcomes of one request in the order of the manifest; iterate over it. Their shares add to 1.

    ``mirrored`` is how many copies a request makes on average, by the cluster that gets them; exact. Copies are an
    extra load: no share counts them, and an outcome of which only some make copies has the mirrors None. Those
    whose cluster is open are not in it.
    """

    table: RouteTable = attrs.field(repr=False)
    request: Request
    n: int
    outcomes: tuple[Outcome, ...]
    mirrored: dict[str, Fraction] = attrs.field(factory=dict)

    def __iter__(self) -> Iterator[Outcome]:
        return iter(self.outcomes)

    def __len__(self) -> int:
        return len(self.outcomes)

    def share(
        self,
        *,
        cluster: str | None = None,
        function: str | None = None,
        subset: Mapping[str, str] | None = None,
        kind: str | None = None,
    ) -> Fraction:
        """The exact share of requests that go to a cluster or Upstream, a function, a subset, or end in a kind.

        Several conditions must all hold. Raises UnknownName for a name that the table does not know.
        """
        given = {"cluster": cluster, "function": function, "subset": subset}
        labels = {k: v for k, v in given.items() if v is not None}
        if not labels and kind is None:
            raise InvalidValue("no_label", "share of what? give cluster=, function=, subset= or kind=")
        if kind is not None:
            from canarysim.table.decision import KINDS

            if kind not in KINDS:
                raise UnknownName("kind of decision", kind, KINDS)
        wanted = resolve(self.table, labels) if labels else {}
        return sum(
            (
                o.share
                for o in self.outcomes
                if (not wanted or bears(o.decision.destination, wanted)) and kind in (None, o.kind)
            ),
            Fraction(0),
        )

    def plot(self, *, loops: int = 1000, rng: RNG = None) -> Figure:
        """The shares with their ranges, beside ``loops`` simulated runs of n calls. Needs the extra ``viz``."""
        from canarysim.faces.plot import plot_preview

        return plot_preview(self, loops=loops, rng=rng)

    def __repr__(self) -> str:
        return f"<Preview of {str(self.request)!r}, n={self.n:,}, {len(self.outcomes)} outcomes>"

    def _repr_html_(self) -> str:
        from canarysim.faces.html import preview_html

        return preview_html(self)

    def __str__(self) -> str:
        from canarysim.faces.text import preview_text

        return preview_text(self)


def preview(table: RouteTable, request: Request | str, n: int = 20) -> Preview:
    """Where a request goes and in which proportions, and what n calls (1 to 10^15) will show of it.

    ``request`` may be text as Request.parse reads it. Shares are exact and nothing is sampled, so that the
    cost does not grow with n: O(routes + outcomes).

    >>> import canarysim as cs
    >>> table = cs.loads('''
    ... apiVersion: gateway.solo.io/v1
    ... kind: VirtualService
    ... metadata: {name: shop, namespace: gloo-system}
    ... spec:
    ...   virtualHost:
    ...     routes:
    ...     - routeAction:
    ...         multi:
    ...           destinations:
    ...           - {weight: 1, destination: {upstream: {name: v2}}}
    ...           - {weight: 9, destination: {upstream: {name: v1}}}
    ... ''')
    >>> for o in cs.preview(table, "GET /"):
    ...     print(o.cluster, o.share, o.low, o.high, o.calls_to_see)
    v2_gloo-system 1/10 0 5 29
    v1_gloo-system 9/10 15 20 2
    """
    table, request = as_table(table), as_request(request)
    if isinstance(n, bool) or not isinstance(n, int) or not 1 <= n <= MAX_CALLS:
        raise InvalidValue("bad_n", f"n is a number of calls from 1 to 10^15, not {n!r}")
    merged: dict[object, tuple[Decision, Fraction]] = {}
    shares = table.shares(request)
    for decision, share in shares:
        key = (
            decision.kind,
            decision.status,
            decision.location,
            None if decision.matched is None else decision.matched.index,
            decision.cluster,
            decision.function,
            () if decision.destination is None else decision.destination.subset,
            decision.delay if decision.kind == "forward" else None,
        )
        first, known = merged.get(key, (decision, Fraction(0)))
        if first.mirrors != decision.mirrors:
            first = decision if not known else first if not share else attrs.evolve(first, mirrors=None)
        merged[key] = first, known + share
    outcomes = tuple(Outcome.of(decision, share, n) for decision, share in merged.values())
    return Preview(table, request, n, outcomes, copies_of(shares))


def copies_of(decisions: Iterable[tuple[Decision, Fraction | int]]) -> dict[str, Any]:
    """The copies by cluster, of decisions that come up so often, or with such shares."""
    found: dict[str, Any] = {}
    for decision, times in decisions:
        for cluster in decision.mirrors or ():
            found[cluster] = found.get(cluster, 0) + times
    return found


def as_table(table: RouteTable) -> RouteTable:
    """The table; TypeError for anything else, such as the tables of load_all."""
    if hasattr(table, "virtual_hosts"):
        return table
    told = f"a route table is asked, not a {type(table).__name__}"
    if isinstance(table, dict) and table:
        told += f": choose one of its tables, as in tables[{next(iter(table))!r}]"
    raise TypeError(told)


def as_request(request: Request | str) -> Request:
    """A request as it is, or read from text."""
    if isinstance(request, str):
        return Request.parse(request)
    if not isinstance(request, Request):
        raise TypeError(f"a request is a Request or text such as 'GET /path', not {type(request).__name__}")
    return request
