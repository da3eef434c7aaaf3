"""Where do many requests go? Drawn rows or counts, beside what the table says exactly."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal

import attrs
import numpy as np

from canarysim.answers.groups import BY, By, group_name, known_group, outcome_name
from canarysim.answers.preview import as_table, copies_of
from canarysim.answers.progress import progress_bar
from canarysim.answers.ranges import Observed, observed_of
from canarysim.engine.choose import Run, counted
from canarysim.engine.chosen import together
from canarysim.engine.columns import Column
from canarysim.engine.examples import requests_of_counts, requests_of_rows
from canarysim.engine.rng import as_generator, whole_number
from canarysim.engine.steps import smallest_unsigned
from canarysim.engine.streams import Streams
from canarysim.engine.traffic import Mix, Traffic
from canarysim.errors import InvalidValue, UnknownName
from canarysim.request import Request

if TYPE_CHECKING:
    from typing import TypeAlias

    from numpy.typing import NDArray

    from canarysim.engine.chosen import Chosen
    from canarysim.engine.rng import RNG
    from canarysim.table.decision import Decision
    from canarysim.table.route_table import RouteTable

    Asked: TypeAlias = Traffic | Request | str | Mapping[Any, Any] | Iterable[Traffic]

__all__ = ["Observed", "Simulation", "simulate"]

MAX_ROWS = 2**32
"""More are refused before the memory for them is asked for."""


@attrs.frozen(eq=False, repr=False)
class Simulation:
    """Where ``n`` requests went.

    ``outcomes`` are the Decisions that could come up, in the order of the table, those of weight 0 included;
    each stands for all that count as the same: the same kind, status, route, cluster, function and
    subset (and the same reason, if unknown). ``rows`` is a numpy array of shape (n,) that holds the outcome of
    each request in order, as an index into ``outcomes``, in the smallest unsigned dtype; None with
    ``keep="counts"``. ``replayed`` says whether random values were given, for some of the requests at least.

    What came of a traffic in chunks, and what was added, has neither ``traffic`` nor ``rows``: only counts, which
    stay small whatever the number of requests, and add: ``sum(simulations)`` is the simulation of everything.
    """

    table: RouteTable
    traffic: Traffic | None
    n: int
    replayed: bool
    _end: Chosen

    @property
    def outcomes(self) -> tuple[Decision, ...]:
        """What could come up, in the order of the table."""
        return self._end.outcomes

    @property
    def rows(self) -> NDArray[np.unsignedinteger[Any]] | None:
        """The outcome of each request, as an index into ``outcomes``; None where rows were not kept."""
        return self._end.rows

    @property
    def requests(self) -> tuple[Request, ...]:
        """The distinct requests, in the order in which they first stand in the traffic; () where that is gone.

        Cost: a Request for each, if they stood in columns.
        """
        parts = () if self.traffic is None else self.traffic.parts
        return tuple(dict.fromkeys(request for part in parts for request in part.requests))

    def __add__(self, other: Simulation) -> Simulation:
        """Both together, as counts. Raises InvalidValue (``different_tables``)."""
        if not isinstance(other, Simulation):
            return NotImplemented
        if self.table is not other.table and self.table != other.table:
            raise InvalidValue("different_tables", "simulations of different tables do not add up")
        end = together(self._end, other._end)
        return Simulation(self.table, None, self.n + other.n, self.replayed or other.replayed, end)

    def __radd__(self, other: object) -> Simulation:
        """``sum`` begins with 0."""
        return self if other == 0 and isinstance(other, int) else NotImplemented

    def counts(self, by: By = "cluster") -> dict[str, int]:
        """How many requests went to each cluster, or route, outcome, function, ...: they add up to ``n``.

        ``by`` is "outcome" (Decision.outcome, without the target of redirects), "route" (its name), "origin"
        (what the manifest calls it), "cluster", "function", "virtual_host" or "kind". In the order of the
        table; what could come up and did not has 0. A request that has no such thing counts under its outcome,
        for instance "no route (404)" by cluster; one that is forwarded without a function under "no function";
        a route or origin without a name has its number. Raises UnknownName for another ``by``.
        """
        found: defaultdict[str, int] = defaultdict(int)
        for name, count in zip(self._names(by), self._end.counts, strict=True):
            found[name] += count
        return dict(found)

    def shares(self, by: By = "cluster") -> dict[str, float]:
        """The observed shares: ``counts`` divided by ``n``. Exact ones to expect are in ``ranges``."""
        return {name: count / self.n if self.n else 0.0 for name, count in self.counts(by).items()}

    def mirrored(self) -> dict[str, int]:
        """How many copies each cluster got; in the order of the table, with 0 for what could come up and did not.

        Copies are an extra load: ``counts`` leaves them out, so that those still add up to ``n``.
        """
        return copies_of(zip(self.outcomes, self._end.counts, strict=True))

    @property
    def observed(self) -> tuple[Observed, ...]:
        """What ``ranges`` says of a group, said of each of ``outcomes``; the names are their numbers."""
        return self._observed(tuple(map(str, range(len(self.outcomes)))))

    def ranges(self, by: By = "cluster") -> tuple[Observed, ...]:
        """Each group of ``counts`` with the exact share to expect and the 95 % range of its number.

        A mix, and all requests of a fixed composition that share their chances, give a binomial number; where
        the group is one of those, the range is exact as in preview. Where it is a sum of several with different
        shares, it is their convolution, to 1e-12; only where that would be long (deviations of 100,000 and more)
        or n above 10^15, a normal distribution with the exact mean and variance, whose ends are right within
        about 1 (``approximate``). Cost: up to some 0.1 s for a group, whatever n.
        """
        return self._observed(self._names(by))

    def examples(self, most: int = 10, **labels: str) -> dict[Request, int]:
        """Requests that came to an outcome, the most frequent first, and how often each did.

        ``labels`` choose: ``kind="not_found"``, ``route=...``, and whatever else ``counts`` goes by; a cluster
        may be named by its Upstream. Several must all hold; without any, all requests are asked. With
        ``keep="counts"`` it is drawn which of the requests of columns that share their chances they were. Raises
        UnknownName for names that neither the outcomes nor the table have, InvalidValue (``no_traffic``) where the
        traffic came in chunks or simulations were added. Cost: O(rows).
        """
        traffic = self._traffic("examples")
        wanted = self._wanted(labels)
        if self.rows is not None:
            return requests_of_rows(traffic, self.rows, wanted, self._end.entropy, most)
        assert self._end.counted is not None
        return requests_of_counts(
            self.table, traffic, self.outcomes, self._end.counted, wanted, self._end.entropy, most
        )

    def column(self, by: By = "cluster") -> Column:
        """The group of each row, by the names of ``counts``: codes in the smallest unsigned dtype, and categories.

        In that form it stands beside the columns of the requests, for instance as
        ``pandas.Categorical.from_codes(column.codes, column.categories)``. Raises InvalidValue (``no_rows``) where
        rows were not kept. Cost: a look a row.

        >>> import canarysim as cs
        >>> table = cs.from_envoy({"virtual_hosts": [{"name": "shop", "domains": ["*"], "routes": [
        ...     {"match": {"prefix": "/buy"}, "route": {"cluster": "buy"}}]}]})
        >>> s = cs.simulate(table, cs.Traffic.from_columns(path=["/buy", "/look", "/buy/1"]))
        >>> s.column("cluster").codes, s.column("cluster").categories
        (array([0, 1, 0], dtype=uint8), ('buy', 'no route (404)'))
        """
        rows = self._rows()
        known: dict[str, int] = {}
        numbers = [known.setdefault(name, len(known)) for name in self._names(by)]
        code_of = np.array(numbers, smallest_unsigned(max(0, len(known) - 1)))
        return Column(code_of.take(rows, mode="clip") if len(code_of) else rows, known)

    def rows_of(self, **labels: str) -> NDArray[np.intp]:
        """Which rows came to an outcome, from 0, in order; ``labels`` choose as in ``examples``.

        ``rows`` itself is the array of outcomes, as long as the traffic: this is the way back, and it indexes
        whatever stands beside the requests (``frame.iloc[s.rows_of(kind="not_found")]``). Raises InvalidValue
        (``no_rows``) where rows were not kept. Cost: O(rows).

        >>> import canarysim as cs
        >>> table = cs.from_envoy({"virtual_hosts": [{"name": "shop", "domains": ["*"], "routes": [
        ...     {"match": {"prefix": "/buy"}, "route": {"cluster": "buy"}}]}]})
        >>> s = cs.simulate(table, cs.Traffic.from_columns(path=["/buy", "/look", "/buy/1"]))
        >>> s.rows_of(cluster="buy").tolist(), s.rows_of(kind="not_found").tolist()
        ([0, 2], [1])
        """
        rows = self._rows()
        wanted = self._wanted(labels)
        found: NDArray[np.intp] = np.flatnonzero(wanted[rows])
        return found

    def _rows(self) -> NDArray[np.unsignedinteger[Any]]:
        if self.rows is None:
            raise InvalidValue(
                "no_rows", 'no rows were kept: simulate one Traffic, not chunks of it, with keep="rows"'
            )
        return self.rows

    def _traffic(self, what: str) -> Traffic:
        if self.traffic is None:
            raise InvalidValue(
                "no_traffic",
                f"the traffic was not kept, so that there are no {what}: simulate one Traffic for them",
            )
        return self.traffic

    def _wanted(self, labels: Mapping[str, str]) -> NDArray[np.bool_]:
        """Which outcomes have all of some labels."""
        wanted = np.ones(len(self.outcomes), np.bool_)
        for by, name in labels.items():
            names = self._names(by)
            if name not in names:
                name = known_group(self.table, by, name, names)  # noqa: PLW2901
            wanted &= np.array([each == name for each in names], np.bool_)
        return wanted

    def to_dict(self) -> dict[str, Any]:
        """The whole answer as plain values, fit for JSON: an entry for each outcome; shares are floats."""
        observed = self.observed
        return {
            "n": self.n,
            "replayed": self.replayed,
            "outcomes": [
                {
                    "outcome": outcome_name(decision),
                    "kind": decision.kind,
                    "virtual_host": decision.virtual_host,
                    "route": decision.route,
                    "origin": None if decision.matched is None else decision.matched.origin,
                    "cluster": decision.cluster,
                    "function": decision.function,
                    "status": decision.status,
                    "source": None if decision.source is None else str(decision.source),
                    "count": row.count,
                    "share": row.share,
                    "exact_share": float(row.exact),
                    "low": row.low,
                    "high": row.high,
                    "outside": row.outside,
                }
                for decision, row in zip(self.outcomes, observed, strict=True)
            ],
            "mirrored": self.mirrored(),
        }

    def __repr__(self) -> str:
        return f"<Simulation {self.n:,} requests, {len(self.outcomes)} outcomes>"

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """The rows as Arrow data (extra ``arrow``): what pandas, polars, pyarrow and duckdb take, as it stands.

        A row for each request, and a column for each of ``by``, and ``status``. InvalidValue (``no_rows``) without
        rows.
        """
        from canarysim.faces.arrow import simulation_stream

        return simulation_stream(self, requested_schema)

    def _repr_html_(self) -> str:
        from canarysim.faces.html import simulation_html

        return simulation_html(self)

    def __str__(self) -> str:
        from canarysim.faces.simulation import simulation_text

        return simulation_text(self, self.observed)

    def _names(self, by: str) -> tuple[str, ...]:
        if by not in BY:
            raise UnknownName("grouping", by, BY)
        return tuple([group_name(decision, by) for decision in self.outcomes])

    def _observed(self, names: tuple[str, ...]) -> tuple[Observed, ...]:
        counts: defaultdict[str, int] = defaultdict(int)
        for name, count in zip(names, self._end.counts, strict=True):
            counts[name] += count
        # Of each group: how many draws have which share of it.
        draws: dict[str, defaultdict[Fraction, int]] = {name: defaultdict(int) for name in counts}
        for n, shares in self._end.pieces:
            of_group: defaultdict[str, Fraction] = defaultdict(Fraction)
            for outcome, share in shares.items():
                of_group[names[outcome]] += share
            for name, share in of_group.items():
                draws[name][share] += n
        return tuple(
            observed_of(name, count, self.n, draws[name], self.replayed) for name, count in counts.items()
        )


def simulate(
    table: RouteTable,
    traffic: Asked,
    n: int | None = None,
    *,
    rng: RNG = None,
    keep: Literal["rows", "counts"] = "rows",
    progress: bool | None = None,
) -> Simulation:
    """Where each of many requests goes, with the weighted picks drawn.

    ``traffic`` is a Traffic; or, with ``n``, a Request, text as Request.parse reads it, or a mapping from these
    to shares as for Traffic.mix. ``rng`` is None, an int (a seed), a SeedSequence or a Generator, which moves
    on; the same seed gives the same answer, and equal requests in other pieces (``Traffic.concat``) the same
    rows. Each request has one random value, from which everything follows; where the traffic gives it, Envoy's
    rule is followed exactly and nothing is drawn but what faults draw for themselves. ``keep="counts"`` draws only
    how often each outcome comes up, so that 10^15 requests cost what ten do; its numbers are distributed as those
    of rows and are not the same.

    ``traffic`` may also be an iterable of Traffics, which are looked at one after the other and then forgotten:
    the counts are those of all of them in one, and memory is that of the largest (and of the distinct requests
    that are in no columns). ``progress`` shows a bar meanwhile: None where tqdm is installed and somebody looks,
    in a terminal or a notebook.

    Raises InvalidValue (``n_needed``, ``n_given``, ``bad_keep``, ``too_many_rows`` from 2^32 on, and what Traffic
    refuses), TypeError for what is no traffic. Cost: each distinct value of a column that the table looks at is
    looked at once, and each distinct request that is in no columns, O(routes); then a few passes over the rows.
    Memory: a byte a row up to 256 outcomes.

    >>> import canarysim as cs
    >>> table = cs.loads('''
    ... apiVersion: gateway.solo.io/v1
    ... kind: VirtualService
    ... metadata: {name: shop, namespace: gloo-system}
    ... spec:
    ...   virtualHost:
    ...     routes:
    ...     - matchers: [{prefix: /buy}]
    ...       routeAction:
    ...         multi:
    ...           destinations:
    ...           - {weight: 1, destination: {upstream: {name: v2}}}
    ...           - {weight: 9, destination: {upstream: {name: v1}}}
    ... ''')
    >>> s = cs.simulate(table, {"GET /buy": "80%", "GET /look": "20%"}, 10**12, rng=1, keep="counts")
    >>> sum(s.counts("cluster").values())
    1000000000000
    >>> [(o.name, float(o.exact)) for o in s.ranges("cluster")]
    [('v2_gloo-system', 0.08), ('v1_gloo-system', 0.72), ('no route (404)', 0.2)]
    """
    table = as_table(table)
    if keep not in ("rows", "counts"):
        raise InvalidValue("bad_keep", f'keep is "rows" or "counts", not {keep!r}')
    if isinstance(traffic, Iterable) and n is None and not isinstance(traffic, Traffic | str | Mapping):
        return _of_chunks(table, traffic, Run(table, Streams.of(as_generator(rng)), rows=keep == "rows"), progress)
    asked = _traffic(traffic, n)
    if keep == "rows" and asked.n >= MAX_ROWS:
        raise InvalidValue(
            "too_many_rows", f'{asked.n:,} rows need too much memory; keep="counts" makes none', n=asked.n
        )
    streams = Streams.of(as_generator(rng))
    if keep == "counts":
        end = counted(table, asked, streams)
    else:
        run = Run(table, streams, rows=True)
        end = run.finish(run.feed(asked.parts, last=True))
        assert end.rows is not None
        end.rows.flags.writeable = False
    return Simulation(table, asked, asked.n, _replayed(asked), end)


def _of_chunks(table: RouteTable, chunks: Iterable[Any], run: Run, progress: bool | None) -> Simulation:
    n = 0
    replayed = False
    with progress_bar(progress) as bar:
        for chunk in chunks:
            if not isinstance(chunk, Traffic):
                raise TypeError(f"an iterable gives Traffics, one after the other, not {type(chunk).__name__}")
            n += chunk.n
            whole_number(n)  # which refuses too many
            replayed = replayed or _replayed(chunk)
            run.feed(chunk.parts)
            bar(chunk.n)
    return Simulation(table, None, n, replayed, run.finish())


def _replayed(traffic: Traffic) -> bool:
    return any(not isinstance(part, Mix) and part.random_values is not None for part in traffic.parts)


def _traffic(traffic: Asked, n: int | None) -> Traffic:
    if isinstance(traffic, Traffic):
        if n is not None:
            raise InvalidValue(
                "n_given", f"the traffic has {traffic.n:,} requests; give n only for a request or a mix"
            )
        return traffic
    if not isinstance(traffic, Request | str | Mapping):
        raise TypeError(
            "a traffic is a Traffic, a request (a Request or text), or a mapping from requests to shares, "
            f"not {type(traffic).__name__}"
        )
    if n is None:
        raise InvalidValue("n_needed", "how many requests? give n")
    return Traffic.mix(traffic, n) if isinstance(traffic, Mapping) else Traffic.repeat(traffic, n)
