"""What becomes of every request of a traffic: each row has a fate, from which an outcome is drawn or picked."""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from canarysim.engine.book import Book, outcome_order
from canarysim.engine.chosen import Chosen, alike_together, count_of_each
from canarysim.engine.columns import tally
from canarysim.engine.counting import AskedFate, AskedMix, Counting
from canarysim.engine.deal import Deal
from canarysim.engine.joint import Decider, Joint, fate_dtype
from canarysim.engine.law import Law
from canarysim.engine.plan import plan_of
from canarysim.engine.replay import Replay
from canarysim.engine.rows import Columns
from canarysim.engine.steps import smallest_unsigned
from canarysim.engine.streams import law_key
from canarysim.engine.traffic import Mix

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from canarysim.engine.chosen import Known, Piece
    from canarysim.engine.rows import Rows
    from canarysim.engine.streams import Streams
    from canarysim.engine.traffic import Traffic
    from canarysim.request import Request
    from canarysim.table.route_table import RouteTable

    Outcomes = NDArray[np.unsignedinteger[Any]]

__all__ = ["Run", "counted"]

BLOCK = 1 << 17
"""Rows chosen at a time: the work stays in cache, and memory beyond the result stays small."""

SAMPLED = 1 << 12, 1 << 18
"""One row in 64, at least and at most so many, is looked at before the others: so that outcomes are numbered in
the order of the table from the start."""


class _Requests:
    """Rows or a mix of requests that are there, each looked at once, and the fate of each row."""

    def __init__(self, part: Rows | Mix, run: Run) -> None:
        self.part = part
        self.fate_of = run.fates_of(part.requests)
        self.met = set(self.fate_of.tolist())
        self._narrow = self.fate_of.astype(fate_dtype(len(run.book.fates)))

    def fates(self, rows: slice | NDArray[np.integer[Any]]) -> NDArray[np.unsignedinteger[Any]]:
        """The fate of each of some rows; those of a mix are told by their requests."""
        if not isinstance(self.part, Mix):
            return self._narrow.take(self.part.codes[rows], mode="clip")
        assert not isinstance(rows, slice)
        return self._narrow.take(rows, mode="clip")


class Run:
    """One simulation, fed part by part. ``rows``: whether rows are drawn, or only how often outcomes come up."""

    def __init__(self, table: RouteTable, streams: Streams, *, rows: bool) -> None:
        self._table = table
        self._rows = rows
        self.streams = streams
        self.book = Book(table)
        self._decider: Decider | None = None
        self._deal = Deal(self.book, self.streams)
        self._replay = Replay(self.book, self.streams)
        self._fate_of_request: dict[Request, int] = {}
        self._met: set[int] = set()
        self._order = np.empty(0, np.int64)
        self._uncounted: list[tuple[Rows | Mix, _Requests | Joint]] = []
        self._counts = np.zeros(0, np.int64)
        self._fixed: defaultdict[int, int] = defaultdict(int)
        self._mixed: defaultdict[tuple[tuple[int, Fraction], ...], int] = defaultdict(int)
        # Where only counts are wanted: what is drawn at the end, and what was counted for random values.
        self._asked: dict[Request, int] = {}
        self._asked_in_columns: defaultdict[int, int] = defaultdict(int)
        self._asked_in_mixes: dict[int, tuple[Mix, int]] = {}
        self._seen_of: defaultdict[Request, defaultdict[int, int]] = defaultdict(lambda: defaultdict(int))

    def fates_of(self, requests: Iterable[Request]) -> NDArray[np.int64]:
        """The fate of each of some requests, each looked at once. Cost: O(routes) a new one."""
        known = self._fate_of_request
        for request in requests:
            if request not in known:
                known[request] = self.book.fate(self._table.chances(request))
        return np.array([known[request] for request in requests], np.int64)

    def feed(self, parts: Sequence[Rows | Mix], *, last: bool = False) -> Outcomes | None:
        """Some more of the traffic. Where rows are wanted, their outcomes, by numbers of the book.

        ``last`` leaves it to ``finish`` to count them.
        """
        # What is cheap to know beforehand: so that outcomes are met in the order of the table, if they can be.
        lots = [self._prepared(part) for part in parts]
        if not self._rows:
            for part, lot in zip(parts, lots, strict=True):
                self._count(part, lot)
                self._met |= lot.met
            return None
        if not self._deal.known:
            self.book.sort()
        self._deal.extend()
        rows = np.empty(sum(part.n for part in parts), self._deal.dtype)
        done = 0
        for part, lot in zip(parts, lots, strict=True):
            rows = self._choose(part, lot, rows, done)
            done += part.n
            self._met |= lot.met
        self._uncounted = list(zip(parts, lots, strict=True))
        if not last:
            self._count_rows(rows, np.arange(len(self.book.outcomes)))
        return rows

    def finish(self, rows: Outcomes | None = None) -> Chosen:
        """The end; ``rows`` are those of the last ``feed``, if that was not to count them."""
        if not self._rows:
            return self.counting().draw(self.streams)
        book = self.book
        self._order = order = outcome_order(book, self._met)
        numbers = self._in_order()
        outcomes = tuple(book.outcomes[number] for number in numbers.tolist())
        places = tuple(book.places[number] for number in numbers.tolist())
        if rows is None:
            return Chosen(outcomes, places, self._known(numbers), None, None, self.streams.entropy)
        dtype = smallest_unsigned(max(0, len(numbers) - 1))
        if rows.dtype != dtype or (numbers != np.arange(len(numbers))).any():
            # The sentinel is in no row, so that what stands for no outcome here is never asked.
            final = np.maximum(order, 0).astype(dtype)
            renumbered = np.empty(len(rows), dtype)
            for start in range(0, len(rows), BLOCK):
                block = slice(start, start + BLOCK)
                final.take(rows[block], out=renumbered[block], mode="clip")
            rows = renumbered
        return Chosen(outcomes, places, None, rows, None, self.streams.entropy, self)

    def tallied(self, rows: Outcomes) -> Known:
        """Counts and pieces, of the rows that ``finish`` gave."""
        numbers = self._in_order()
        self._count_rows(rows, numbers)
        return self._known(numbers)

    def _in_order(self) -> NDArray[np.int64]:
        """The numbers in the book of the outcomes that there are, in the order of the table."""
        there = np.flatnonzero(self._order >= 0)
        return there[np.argsort(self._order[there])]

    def _known(self, numbers: NDArray[np.int64]) -> Known:
        counts = np.zeros(len(self.book.outcomes), np.int64)
        counts[: len(self._counts)] = self._counts[: len(counts)]
        return tuple(counts[numbers].tolist()), self._pieces(self._order)

    def _count_rows(self, rows: Outcomes, numbers: NDArray[np.int64]) -> None:
        """Count the rows of the last parts; ``numbers`` says which outcome of the book each of theirs is."""
        done = 0
        for part, lot in self._uncounted:
            found = count_of_each(rows[done : done + part.n])
            # What was counted may have zeros behind the outcomes there are, or lack some.
            size = min(len(found), len(numbers))
            counts = np.zeros(len(self.book.outcomes), np.int64)
            counts[numbers[:size]] = found[:size]
            done += part.n
            self._add_counts(counts)
            if isinstance(part, Mix):
                self._add_mix(part, lot.fate_of)
            else:
                self._add_fixed(part, lot, counts)
        self._uncounted = []

    # Preparation

    def _prepared(self, part: Rows | Mix) -> _Requests | Joint:
        replayed_counts = not self._rows and not isinstance(part, Mix) and part.random_values is not None
        if not isinstance(part, Columns) or replayed_counts:
            return _Requests(part, self)
        if self._decider is None:
            self._decider = Decider(plan_of(self._table), self.book)
        lot = Joint(part, plan_of(self._table), self._decider)
        if part.counts is not None:  # a row that occurs no time has outcomes all the same
            for start in range(0, part.size, BLOCK):
                lot.fates(slice(start, min(start + BLOCK, part.size)))
        elif part.size:
            least, most = SAMPLED
            sampled = min(max(least, part.size // 64), most)
            lot.fates(np.arange(0, part.size, max(1, part.size // sampled)))
        return lot

    # Rows

    def _choose(self, part: Rows | Mix, lot: _Requests | Joint, rows: Outcomes, done: int) -> Outcomes:
        """Write the outcomes of a part from ``done`` on; the array may have to be a wider one."""
        values = None if isinstance(part, Mix) else part.random_values
        for block in self._blocks(part):
            if isinstance(lot, Joint) and isinstance(block, slice) and values is None and self._deal.certain:
                out = rows[done : done + block.stop - block.start]
                if lot.sure_into(block, self._deal, out):
                    self.streams.lanes.skip(len(out))
                    done += len(out)
                    continue
            fates = lot.fates(block)
            self._deal.extend()
            if self._deal.dtype != rows.dtype:
                rows = rows.astype(self._deal.dtype)
            if values is None:
                self._deal.draw(fates, rows, done)
            else:
                self._replay.pick(fates, values[block], rows[done : done + len(fates)])
            done += len(fates)
        self._deal.flush(rows)
        return rows

    def _blocks(self, part: Rows | Mix) -> Iterator[slice | NDArray[np.integer[Any]]]:
        """The rows of every single request, those with counts repeated; of a mix the requests that were drawn."""
        if not isinstance(part, Mix):
            yield from part.places(BLOCK)
            return
        draws = self.streams.mix(part)
        for start in range(0, part.n, BLOCK):
            yield draws.take(min(BLOCK, part.n - start))

    def _add_counts(self, counts: NDArray[np.int64]) -> None:
        if len(counts) > len(self._counts):
            grown = np.zeros(len(counts), np.int64)
            grown[: len(self._counts)] = self._counts
            self._counts = grown
        self._counts[: len(counts)] += counts

    def _add_fixed(self, part: Rows, lot: _Requests | Joint, counts: NDArray[np.int64]) -> None:
        """How many rows have each fate: told by the counts of outcomes where no two fates share one."""
        if not part.n:
            return
        book = self.book
        owner: dict[int, int] = {}
        shared = False
        for fate in lot.met:
            for outcome in set(book.fates[fate].outcomes):
                shared = shared or owner.setdefault(outcome, fate) != fate
        if shared or part.random_values is not None:
            for fates, weights in self._weighted(part, lot):
                for fate, n in enumerate(tally(fates, weights, len(book.fates)).tolist()):
                    if n:
                        self._fixed[fate] += n
            return
        for outcome, n in enumerate(counts.tolist()):
            if n:
                self._fixed[owner[outcome]] += n

    def _weighted(
        self, part: Rows, lot: _Requests | Joint
    ) -> Iterator[tuple[NDArray[np.unsignedinteger[Any]], NDArray[np.int64] | None]]:
        """The fates of rows, each row once, with their counts."""
        size = part.size
        for start in range(0, size, BLOCK):
            block = slice(start, min(start + BLOCK, size))
            yield lot.fates(block), None if part.counts is None else part.counts[block]

    def _add_mix(self, mix: Mix, fates: NDArray[np.integer[Any]]) -> None:
        by_fate: defaultdict[int, Fraction] = defaultdict(Fraction)
        for fate, share in zip(fates.tolist(), mix.shares, strict=True):
            by_fate[fate] += share
        self._mixed[tuple(sorted(by_fate.items()))] += mix.n

    # Counts

    def _count(self, part: Rows | Mix, lot: _Requests | Joint) -> None:
        if isinstance(part, Mix):
            number = self.streams.mix_number(part)
            for request in part.requests:  # its place among the draws is where the traffic names it first
                self._asked.setdefault(request, 0)
            self._asked_in_mixes[number] = part, part.n + self._asked_in_mixes.get(number, (part, 0))[1]
            self._add_mix(part, lot.fate_of)
            return
        if isinstance(lot, Joint):
            for fates, weights in self._weighted(part, lot):
                for fate, n in enumerate(tally(fates, weights, len(self.book.fates)).tolist()):
                    if n:
                        self._asked_in_columns[fate] += n
                        self._fixed[fate] += n
            return
        numbers = tally(part.codes, part.counts, len(part.requests)).tolist()
        for fate, n in zip(lot.fate_of.tolist(), numbers, strict=True):
            self._fixed[fate] += n
        if part.random_values is None:
            for request, n in zip(part.requests, numbers, strict=True):
                self._asked[request] = self._asked.get(request, 0) + n
            return
        self._count_replayed(part, lot)

    def _count_replayed(self, part: Rows, lot: _Requests | Joint) -> None:
        """Random values with counts: what faults draw for them is drawn as counts."""
        assert part.random_values is not None
        for start in range(0, len(part.codes), BLOCK):
            block = slice(start, start + BLOCK)
            codes, values = part.codes[block].astype(np.int64), part.random_values[block]
            counts = None if part.counts is None else part.counts[block]
            fates = lot.fate_of[codes]
            if counts is not None:
                faulty = np.zeros(len(codes), np.bool_)
                for number in np.unique(codes).tolist():
                    fate = self.book.fates[int(lot.fate_of[number])]
                    picker = self._replay.picker(fate.law)
                    if not picker.faulty:
                        continue
                    rows = codes == number
                    faulty |= rows
                    generator = self.streams.fault_counts(self.book.laws[fate.law][1])
                    found = picker.counts(values[rows], counts[rows], generator)
                    self._add_seen(part.requests[number], zip(fate.outcomes, found.tolist(), strict=True))
                codes, values, counts, fates = codes[~faulty], values[~faulty], counts[~faulty], fates[~faulty]
            outcomes = np.empty(len(fates), np.int64)
            self._replay.pick(fates, values, outcomes)
            size = len(self.book.outcomes)
            pairs, which = np.unique(codes * size + outcomes, return_inverse=True)
            numbers = tally(which.reshape(-1), counts, len(pairs))
            for pair, n in zip(pairs.tolist(), numbers.tolist(), strict=True):
                self._add_seen(part.requests[pair // size], [(pair % size, n)])

    def _add_seen(self, request: Request, outcomes: Iterable[tuple[int, int]]) -> None:
        seen = self._seen_of[request]
        for outcome, n in outcomes:
            if n:
                seen[outcome] += n

    def counting(self) -> Counting:
        """All that was fed, ready to be drawn."""
        book = self.book
        self._order = order = outcome_order(book, self._met)
        numbers = self._in_order()
        laws = sorted({book.fates[fate].law for fate in self._met}, key=self._law_order)
        number_of = {law: number for number, law in enumerate(laws)}

        def asked(number: int) -> AskedFate:
            fate = book.fates[number]
            outcomes = tuple(order[list(fate.outcomes)].tolist())
            return AskedFate(book.laws[fate.law][0], number_of[fate.law], outcomes)

        fates = {number: asked(number) for number in self._met}
        place = {request: number for number, request in enumerate(self._asked)}
        in_columns = sorted(self._asked_in_columns, key=lambda fate: self._fate_order(fate, order))
        return Counting(
            tuple(book.outcomes[number] for number in numbers.tolist()),
            tuple(book.places[number] for number in numbers.tolist()),
            self._pieces(order),
            tuple(self._asked),
            tuple(fates[self._fate_of_request[request]] for request in self._asked),
            tuple(self._asked.values()),
            tuple(
                AskedMix(number, n, Law(mix.shares), tuple(place[request] for request in mix.requests))
                for number, (mix, n) in self._asked_in_mixes.items()
            ),
            tuple(
                (
                    fates[fate],
                    self._asked_in_columns[fate],
                    (book.laws[book.fates[fate].law][1], fates[fate].outcomes),
                )
                for fate in in_columns
            ),
            {
                request: {int(order[outcome]): n for outcome, n in seen.items()}
                for request, seen in self._seen_of.items()
            },
        )

    def _law_order(self, law: int) -> tuple[Any, ...]:
        found, chances = self.book.laws[law]
        return found.weights, law_key(chances)

    def _fate_order(self, fate: int, order: NDArray[np.int64]) -> tuple[Any, ...]:
        found = self.book.fates[fate]
        return order[list(found.outcomes)].tolist(), self._law_order(found.law)

    # Exact expectation

    def _pieces(self, order: NDArray[np.int64]) -> tuple[Piece, ...]:
        """The traffic as independent runs of draws over outcomes, with exact shares.

        A fixed composition is a run for every fate, a mix is one run. Requests with random values are taken as if
        they had none.
        """
        shares = {fate: self._shares(fate, order) for fate in self._met}
        pieces: list[Piece] = [(n, shares[fate]) for fate, n in self._fixed.items()]
        for by_fate, n in self._mixed.items():
            mixture: defaultdict[int, Fraction] = defaultdict(Fraction)
            for fate, share in by_fate:
                for outcome, chance in shares[fate].items():
                    mixture[outcome] += share * chance
            pieces.append((n, dict(mixture)))
        return alike_together(pieces)

    def _shares(self, number: int, order: NDArray[np.int64]) -> dict[int, Fraction]:
        """Shares by outcome; several destinations of a route may be the same outcome."""
        fate = self.book.fates[number]
        law, _ = self.book.laws[fate.law]
        weights: defaultdict[int, int] = defaultdict(int)
        for outcome, weight in zip(order[list(fate.outcomes)].tolist(), law.weights, strict=True):
            weights[outcome] += weight
        total = sum(law.weights)
        return {outcome: Fraction(weight, total) for outcome, weight in weights.items()}


def counted(table: RouteTable, traffic: Traffic, streams: Streams) -> Chosen:
    """How often each outcome comes up. What chance has no part in is made once, and kept while both are there."""
    kept: WeakKeyDictionary[Traffic, Counting] | None = table.kept.get("counting")
    if kept is None:
        kept = table.kept["counting"] = WeakKeyDictionary()
    counting = kept.get(traffic)
    if counting is None:
        run = Run(table, streams, rows=False)
        run.feed(traffic.parts)
        counting = run.counting()
        # What faults draw for given random values is drawn while these are looked at.
        if all(isinstance(part, Mix) or part.random_values is None for part in traffic.parts):
            kept[traffic] = counting
    return counting.draw(streams)
