"""From outcomes back to requests: which came there, and how often."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import numpy as np

from canarysim.engine.book import Book, identity
from canarysim.engine.columns import tally
from canarysim.engine.joint import Decider, Joint
from canarysim.engine.plan import plan_of
from canarysim.engine.rows import Columns
from canarysim.engine.streams import Streams, generator_of
from canarysim.engine.traffic import Mix

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from canarysim.engine.chosen import Counted
    from canarysim.engine.rows import Rows
    from canarysim.engine.traffic import Traffic
    from canarysim.request import Request
    from canarysim.table.decision import Decision
    from canarysim.table.route_table import RouteTable

__all__ = ["requests_of_counts", "requests_of_rows"]

# Facts.
# 1. Rows say where each request went, so that only those wanted have to be looked up. What a mix drew is drawn
#    once more, from the same stream.
# 2. Of columns that were only counted it is known how often each fate came to each outcome. Which of its requests
#    these were is chance: each choice of so many of them is equally likely. So they are drawn without replacement,
#    from a generator made of the seed.
LARGEST = 10**9
"""numpy draws without replacement from fewer than so many; the draws from more are taken as binomial."""

_OF_EXAMPLES = 6


def requests_of_rows(
    traffic: Traffic, rows: NDArray[np.unsignedinteger[Any]], wanted: NDArray[np.bool_], entropy: bytes, most: int
) -> dict[Request, int]:
    """The most frequent requests of the rows whose outcome is wanted, in order of their numbers (fact 1)."""
    streams = Streams(entropy)
    found: defaultdict[Request, int] = defaultdict(int)
    done = 0
    alone = len(traffic.parts) == 1
    for part in traffic.parts:
        there = np.flatnonzero(wanted[rows[done : done + part.n]])
        done += part.n
        if isinstance(part, Columns):
            found_here = part.requests_of(_places(part, there), None, most if alone else None)
            numbers: Iterable[tuple[Request, int]] = found_here.items()
        else:
            codes = (
                streams.mix(part).take(part.n)[there]
                if isinstance(part, Mix)
                else part.codes[_places(part, there)]
            )
            numbers = zip(part.requests, tally(codes, None, len(part.requests)).tolist(), strict=True)
        for request, number in numbers:
            found[request] += number
    return _best(found, most)


def _places(part: Rows, there: NDArray[np.intp]) -> NDArray[np.intp]:
    """The rows in which some requests stand, rows with counts standing there repeatedly."""
    return there if part.counts is None else np.cumsum(part.counts).searchsorted(there, side="right")


def _best(found: dict[Request, int], most: int) -> dict[Request, int]:
    best = sorted(found.items(), key=lambda item: -item[1])[: max(0, most)]
    return {request: number for request, number in best if number}


def requests_of_counts(
    table: RouteTable,
    traffic: Traffic,
    outcomes: Sequence[Decision],
    counted: Counted,
    wanted: NDArray[np.bool_],
    entropy: bytes,
    most: int,
) -> dict[Request, int]:
    """The same where only counts were drawn (fact 2)."""
    found: defaultdict[Request, int] = defaultdict(int)
    for request, seen in counted.requests.items():
        found[request] += sum(n for outcome, n in seen.items() if wanted[outcome])
    if counted.fates:
        numbers = {identity(decision): number for number, decision in enumerate(outcomes)}
        fates = _by_fate(table, traffic, numbers)
        hits = {
            key: (sum(n for outcome, n in zip(key[1], drawn, strict=True) if wanted[outcome]), sum(drawn))
            for key, drawn in counted.fates.items()
        }
        certain = all(n in (0, of) for n, of in hits.values())
        part = traffic.parts[0]
        if len(traffic.parts) == 1 and isinstance(part, Columns) and certain:
            # No chance is left: then the requests that are told are the only ones that have to be made.
            there = [rows for key, rows_of in fates.items() if hits.get(key, (0, 0))[0] for _, rows in rows_of]
            rows = np.sort(np.concatenate([np.zeros(0, np.intp), *there]))
            return _best(part.requests_of(rows, _times(part, rows), most), most)
        for key, rows_of in fates.items():
            if key in hits:  # or its rows stand there no time
                requests: defaultdict[Request, int] = defaultdict(int)
                for columns, rows in rows_of:
                    for request, n in columns.requests_of(rows, _times(columns, rows)).items():
                        requests[request] += n
                for request, n in _drawn_of(requests, *hits[key], entropy).items():
                    found[request] += n
    order = {request: number for number, request in enumerate(traffic.requests())}
    return _best(dict(sorted(found.items(), key=lambda item: order[item[0]])), most)


def _times(columns: Columns, rows: NDArray[np.intp]) -> NDArray[np.int64] | None:
    return None if columns.counts is None else columns.counts[rows]


def _by_fate(
    table: RouteTable, traffic: Traffic, numbers: dict[Any, int]
) -> dict[tuple[Any, tuple[int, ...]], list[tuple[Columns, NDArray[np.intp]]]]:
    """The rows in columns by fate."""
    book = Book(table)
    decider = Decider(plan_of(table), book)
    found: defaultdict[Any, list[tuple[Columns, NDArray[np.intp]]]] = defaultdict(list)
    for part in traffic.parts:
        if not isinstance(part, Columns) or part.random_values is not None:
            continue
        lot = Joint(part, plan_of(table), decider)
        fates = lot.fates(slice(0, part.size))
        for number in np.unique(fates).tolist():
            fate = book.fates[number]
            key = (
                book.laws[fate.law][1],
                tuple(numbers[identity(book.outcomes[outcome])] for outcome in fate.outcomes),
            )
            found[key].append((part, np.flatnonzero(fates == number)))
    return found


def _drawn_of(requests: dict[Request, int], hits: int, total: int, entropy: bytes) -> dict[Request, int]:
    """How many of the hits each request has, of so many in all."""
    if hits in (0, total):
        return requests if hits else {}
    generator = generator_of(entropy, _OF_EXAMPLES)
    found = {}
    for request, n in requests.items():
        least, largest = max(0, n - (total - hits)), min(n, hits)
        if total < LARGEST:
            drawn = int(generator.hypergeometric(hits, total - hits, n)) if n else 0
        else:
            drawn = min(largest, max(least, int(generator.binomial(n, hits / total))))
        found[request] = drawn
        hits, total = hits - drawn, total - n
    return found
