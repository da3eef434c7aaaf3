"""The end of a run: outcomes in the order of the table, how often each came up, and what to expect."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any, Protocol

import attrs
import numpy as np

from canarysim.engine.book import identity

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from canarysim.engine.book import Place
    from canarysim.engine.counting import Counting
    from canarysim.request import Request
    from canarysim.table.decision import Decision

    Outcomes = NDArray[np.unsignedinteger[Any]]
    Known = tuple[tuple[int, ...], tuple["Piece", ...]]

__all__ = ["Chosen", "Counted", "Piece", "alike_together", "count_of_each", "together"]

COUNTED = 1 << 20
"""Rows counted at a time."""

#: A number of independent draws, with the exact share of each outcome.
Piece = tuple[int, dict[int, Fraction]]


@attrs.frozen(eq=False)
class Counted:
    """What was drawn as counts: of each request, and of each fate of columns, how often each chance came up."""

    _counting: Counting
    _by_request: list[list[int]]
    _by_fate: list[list[int]]

    @property
    def requests(self) -> dict[Request, dict[int, int]]:
        """How often each request came to each outcome, where it did."""
        counting = self._counting
        found = {request: dict(seen) for request, seen in counting.seen.items()}
        for request, fate, drawn in zip(counting.requests, counting.fates, self._by_request, strict=True):
            seen = found.setdefault(request, {})
            for outcome, n in zip(fate.outcomes, drawn, strict=True):
                if n:
                    seen[outcome] = seen.get(outcome, 0) + n
        return found

    @property
    def fates(self) -> dict[Any, tuple[int, ...]]:
        """The same for each fate of columns, which is told by its chances and its outcomes."""
        drawn = zip(self._counting.columns, self._by_fate, strict=True)
        return {key: tuple(found) for (_, _, key), found in drawn}


class _Tallies(Protocol):
    """A run that can still count its rows."""

    def tallied(self, rows: Outcomes) -> Known: ...


class Chosen:
    """The end of a run. ``outcomes`` are in the order of the table; all else goes by their numbers.

    Where there are rows, what is counted of them is counted when somebody asks: it costs as much as they do.
    """

    __slots__ = ("_known", "_run", "counted", "entropy", "outcomes", "places", "rows")

    def __init__(
        self,
        outcomes: tuple[Decision, ...],
        places: tuple[Place, ...],
        known: Known | None,
        rows: Outcomes | None = None,
        counted: Counted | None = None,
        entropy: bytes = b"",
        run: _Tallies | None = None,
    ) -> None:
        self.outcomes = outcomes
        self.places = places
        self.rows = rows
        self.counted = counted
        self.entropy = entropy
        self._known = known
        self._run = run

    def __reduce__(self) -> tuple[type[Chosen], tuple[Any, ...]]:
        known = self.counts, self.pieces
        return Chosen, (self.outcomes, self.places, known, self.rows, self.counted, self.entropy)

    def _count(self) -> Known:
        if self._known is None:
            assert self._run is not None
            assert self.rows is not None
            self._known = self._run.tallied(self.rows)
            self._run = None
        return self._known

    @property
    def counts(self) -> tuple[int, ...]:
        """How often each outcome came up."""
        return self._count()[0]

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """The traffic as independent runs of draws over outcomes, with exact shares."""
        return self._count()[1]


def alike_together(pieces: Iterable[Piece]) -> tuple[Piece, ...]:
    """The same runs, those with equal shares as one."""
    found: dict[tuple[tuple[int, Fraction], ...], int] = {}
    for n, shares in pieces:
        key = tuple(sorted(shares.items()))
        found[key] = found.get(key, 0) + n
    return tuple((n, dict(key)) for key, n in found.items())


def count_of_each(rows: Outcomes) -> NDArray[np.int64]:
    """How often each outcome stands in some rows. Of narrow ones two are counted in one step."""
    pairs = np.zeros(1 << 16, np.int64)
    whole = len(rows) // COUNTED * COUNTED if rows.dtype == np.uint8 else 0
    for start in range(0, whole, COUNTED):
        pairs += np.bincount(rows[start : start + COUNTED].view(np.uint16), minlength=1 << 16)
    of_two = pairs.reshape(256, 256)
    counts: NDArray[np.int64] = of_two.sum(axis=0) + of_two.sum(axis=1)
    for start in range(whole, len(rows), COUNTED):
        more = np.bincount(rows[start : start + COUNTED], minlength=len(counts))
        more[: len(counts)] += counts
        counts = more
    return counts


def together(one: Chosen, other: Chosen) -> Chosen:
    """Two ends of runs over one table as one, without their rows; outcomes in the order of the table."""
    known: dict[Any, tuple[Place, Decision]] = {}
    for each in (one, other):
        for decision, place in zip(each.outcomes, each.places, strict=True):
            first, shown = known.get(identity(decision), (place, decision))
            known[identity(decision)] = min(first, place), shown
    ordered = sorted(known.items(), key=lambda item: item[1][0])
    number_of = {key: number for number, (key, _) in enumerate(ordered)}
    counts = [0] * len(ordered)
    pieces: list[Piece] = []
    for each in (one, other):
        numbers = [number_of[identity(decision)] for decision in each.outcomes]
        for number, count in zip(numbers, each.counts, strict=True):
            counts[number] += count
        for n, shares in each.pieces:
            pieces.append((n, {numbers[outcome]: share for outcome, share in shares.items()}))
    outcomes = tuple(decision for _, (_, decision) in ordered)
    places = tuple(place for _, (place, _) in ordered)
    return Chosen(outcomes, places, (tuple(counts), alike_together(pieces)))
